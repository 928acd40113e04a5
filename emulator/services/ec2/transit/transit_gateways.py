"""Transit gateways themselves: made, changed, listed, deleted.

Source: "Transit gateways in Amazon VPC Transit Gateways" and API_CreateTransitGateway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emulator.catalog.regions import REGIONS
from emulator.core.errors import AwsError
from emulator.model.transit_gateway import (
    TransitGateway,
    TransitGatewayAttachment,
    TransitGatewayRouteTable,
)
from emulator.net.cidrs import ipv4_network, ipv6_network, known_network, overlapping
from emulator.services.call import Call, Handler
from emulator.services.ec2.endings import ENDED, end
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.transit.transit_gateway_tables import end_table, new_table
from emulator.services.filters import Field, select
from emulator.services.pages import page_of_rows
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

ENABLE = "enable"

DEFAULT_ASN = 64512
MAX_CIDRS = 5
SMALLEST_IPV4_PREFIX = 24
SMALLEST_IPV6_PREFIX = 64
DEFAULTS: Mapping[str, str] = {
    "AutoAcceptSharedAttachments": "disable",
    "DefaultRouteTableAssociation": ENABLE,
    "DefaultRouteTablePropagation": ENABLE,
    "VpnEcmpSupport": ENABLE,
    "DnsSupport": ENABLE,
    "SecurityGroupReferencingSupport": "disable",
    "MulticastSupport": "disable",
}
_CHANGEABLE = frozenset(DEFAULTS) - {"MulticastSupport"}


def _view(_: Region, gateway: TransitGateway) -> Mapping[str, Any]:
    return {
        "TransitGatewayId": gateway.id,
        "TransitGatewayArn": gateway.arn,
        "State": gateway.state,
        "OwnerId": gateway.owner_id,
        "Description": gateway.description,
        "CreationTime": gateway.created_at,
        "Options": {
            "AmazonSideAsn": gateway.asn,
            "TransitGatewayCidrBlocks": list(gateway.cidrs) or None,
            "AssociationDefaultRouteTableId": gateway.association_table_id,
            "PropagationDefaultRouteTableId": gateway.propagation_table_id,
            "EncryptionSupport": {"EncryptionState": gateway.encryption},
            **gateway.options,
        },
        "Tags": tag_set(gateway.tags),
    }


def _option(name: str) -> Field[TransitGateway]:
    return lambda _, gateway: gateway.options[name]


TRANSIT_GATEWAY = Kind(
    row=TransitGateway,
    shape="TransitGateway",
    view=_view,
    filters={
        "options.amazon-side-asn": lambda _, gateway: gateway.asn,
        "options.association-default-route-table-id": lambda _, gateway: (
            gateway.association_table_id
        ),
        "options.auto-accept-shared-attachments": _option("AutoAcceptSharedAttachments"),
        "options.default-route-table-association": _option("DefaultRouteTableAssociation"),
        "options.default-route-table-propagation": _option("DefaultRouteTablePropagation"),
        "options.dns-support": _option("DnsSupport"),
        "options.propagation-default-route-table-id": lambda _, gateway: (
            gateway.propagation_table_id
        ),
        "options.vpn-ecmp-support": _option("VpnEcmpSupport"),
        "owner-id": lambda _, gateway: gateway.owner_id,
        "state": lambda _, gateway: gateway.state,
        "transit-gateway-id": lambda _, gateway: gateway.id,
    },
)


def own(region: Region, gateway_id: str) -> TransitGateway:
    """Return a transit gateway of this account that is not deleted.

    Raises:
        AwsError: InvalidTransitGatewayID.NotFound.
    """
    gateway = TRANSIT_GATEWAY.find(region, gateway_id)
    if gateway.state in ENDED:
        raise TRANSIT_GATEWAY.noun.missing([gateway_id])
    return gateway


def known(call: Call, gateway_id: str) -> TransitGateway:
    """Return a transit gateway of any account in the caller's region, deleted or not.

    Sharing needs AWS RAM on AWS; here a gateway is shared with whoever knows its id.

    Raises:
        AwsError: InvalidTransitGatewayID.NotFound.
    """
    for region in (call.region, *call.state):
        if region.name == call.region.name:
            gateway: TransitGateway | None = region[TransitGateway].get(gateway_id)
            if gateway is not None:
                return gateway
    raise TRANSIT_GATEWAY.noun.missing([gateway_id])


def _check_asn(asn: int) -> int:
    if 64512 <= asn <= 65534 or 4200000000 <= asn <= 4294967294:
        return asn
    raise AwsError(
        "InvalidParameterValue",
        f"Value ({asn}) for parameter amazonSideAsn is invalid. The ASN has to be in the range "
        "64512 to 65534 or 4200000000 to 4294967294.",
    )


def _checked_cidrs(given: Sequence[str], present: Sequence[str] = ()) -> tuple[str, ...]:
    """Return ``present`` and the ranges a request adds to them.

    Raises:
        AwsError: InvalidParameterValue for a range too small, in 169.254.0.0/16, or one
            that overlaps another; TransitGatewayCidrBlockLimitExceeded for too many.
    """
    cidrs = list(present)
    for text in given:
        is_ipv6 = ":" in text
        parse = ipv6_network if is_ipv6 else ipv4_network
        network = parse(text, "TransitGatewayCidrBlocks")
        smallest = SMALLEST_IPV6_PREFIX if is_ipv6 else SMALLEST_IPV4_PREFIX
        link_local = not is_ipv6 and network.overlaps(known_network("169.254.0.0/16"))
        if network.prefixlen > smallest or link_local or network.is_multicast:
            raise AwsError(
                "InvalidParameterValue",
                f"The CIDR block {network} is not valid for a transit gateway: it has to be "
                f"/{smallest} or larger, and neither link-local nor multicast.",
            )
        same_family = [item for item in cidrs if (":" in item) == is_ipv6]
        other = overlapping(network, same_family)
        if other is not None:
            raise AwsError(
                "InvalidParameterValue", f"The CIDR block {network} overlaps with {other}"
            )
        cidrs.append(str(network))
    if len(cidrs) > MAX_CIDRS:
        raise AwsError(
            "TransitGatewayCidrBlockLimitExceeded",
            f"A transit gateway has at most {MAX_CIDRS} CIDR blocks",
        )
    return tuple(cidrs)


def create_transit_gateway(
    call: Call, params: aws.CreateTransitGatewayRequestTypeDef
) -> dict[str, Any]:
    """Create a transit gateway, with a default route table where one is wanted."""
    region, world = call.region, call.world
    wanted: Mapping[str, Any] = params.get("Options") or {}
    asn = _check_asn(wanted.get("AmazonSideAsn", DEFAULT_ASN))
    cidrs = _checked_cidrs(wanted.get("TransitGatewayCidrBlocks") or ())
    tags = tags_on_create(params, "transit-gateway")
    gateway_id = call.new_id(TransitGateway)
    partition = REGIONS[region.name].partition
    gateway = region[TransitGateway].add(
        TransitGateway(
            id=gateway_id,
            state="pending",
            owner_id=call.account,
            arn=f"arn:{partition}:ec2:{region.name}:{call.account}:transit-gateway/{gateway_id}",
            created_at=world.clock.now(),
            asn=asn,
            options={name: wanted.get(name, default) for name, default in DEFAULTS.items()},
            description=params.get("Description"),
            cidrs=cidrs,
            tags=tags,
        )
    )
    _choose_tables(call, gateway)
    world.settle(gateway, "available")
    return {"TransitGateway": TRANSIT_GATEWAY.show(region, gateway)}


def _choose_tables(call: Call, gateway: TransitGateway) -> None:
    """Give the gateway the default tables that its options ask for, and no others."""
    wants_association = gateway.options["DefaultRouteTableAssociation"] == ENABLE
    wants_propagation = gateway.options["DefaultRouteTablePropagation"] == ENABLE
    association = gateway.association_table_id if wants_association else None
    propagation = gateway.propagation_table_id if wants_propagation else None
    if (wants_association and association is None) or (wants_propagation and propagation is None):
        table_id = association or propagation or new_table(call, gateway.id).id
        association = (association or table_id) if wants_association else None
        propagation = (propagation or table_id) if wants_propagation else None
    gateway.association_table_id = association
    gateway.propagation_table_id = propagation


def describe_transit_gateways(
    call: Call, params: aws.DescribeTransitGatewaysRequestTypeDef
) -> dict[str, Any]:
    """List the account's transit gateways, and others' that are named or attached to."""
    region = call.region
    ids = params.get("TransitGatewayIds")
    if ids:
        rows = list({gateway_id: known(call, gateway_id) for gateway_id in ids}.values())
    else:
        rows = [*region[TransitGateway], *_shared(call)]
        rows.sort(key=lambda row: row.sequence)
    rows = select(region, rows, params.get("Filters"), TRANSIT_GATEWAY.filters, taggable=True)
    shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    return {
        "TransitGateways": [TRANSIT_GATEWAY.show(region, row) for row in shown],
        "NextToken": token,
    }


def _shared(call: Call) -> list[TransitGateway]:
    """Return other accounts' gateways that something of the caller's is attached to."""
    ids = {
        row.transit_gateway_id
        for row in call.region[TransitGatewayAttachment]
        if row.transit_gateway_owner_id != call.account and row.state not in ENDED
    }
    return [known(call, gateway_id) for gateway_id in sorted(ids)]


def _changed_table(region: Region, gateway: TransitGateway, table_id: str | None) -> str | None:
    if table_id is None:
        return None
    table = region[TransitGatewayRouteTable].get(table_id)
    if table is None or table.state in ENDED or table.transit_gateway_id != gateway.id:
        raise AwsError(
            "InvalidRouteTableID.NotFound",
            f"Transit Gateway Route Table {table_id[:64]} was deleted or does not exist.",
        )
    return table_id


def _check_new_asn(region: Region, gateway: TransitGateway, asn: int) -> None:
    """Refuse another ASN while anything speaks BGP with the gateway."""
    if asn != gateway.asn and any(
        row.resource_type == "vpn" and row.state not in ENDED
        for row in region[TransitGatewayAttachment].where(transit_gateway_id=gateway.id)
    ):
        raise AwsError(
            "IncorrectState",
            f"The ASN of {gateway.id} cannot be changed while it has VPN attachments",
        )


def modify_transit_gateway(
    call: Call, params: aws.ModifyTransitGatewayRequestTypeDef
) -> dict[str, Any]:
    """Change the description and options. Source: API_ModifyTransitGateway."""
    region = call.region
    gateway = own(region, params["TransitGatewayId"])
    if gateway.state != "available":
        raise AwsError("IncorrectState", f"{gateway.id} is in invalid state")
    wanted: Mapping[str, Any] = params.get("Options") or {}
    asn = _check_asn(wanted.get("AmazonSideAsn", gateway.asn))
    _check_new_asn(region, gateway, asn)
    removed = _removed_cidrs(gateway, wanted.get("RemoveTransitGatewayCidrBlocks") or ())
    kept = [cidr for cidr in gateway.cidrs if cidr not in removed]
    cidrs = _checked_cidrs(wanted.get("AddTransitGatewayCidrBlocks") or (), kept)
    options = dict(gateway.options)
    options.update({name: wanted[name] for name in _CHANGEABLE if name in wanted})
    association = _changed_table(region, gateway, wanted.get("AssociationDefaultRouteTableId"))
    propagation = _changed_table(region, gateway, wanted.get("PropagationDefaultRouteTableId"))

    gateway.options, gateway.asn, gateway.cidrs = options, asn, cidrs
    gateway.description = params.get("Description", gateway.description)
    gateway.association_table_id = association or gateway.association_table_id
    gateway.propagation_table_id = propagation or gateway.propagation_table_id
    _choose_tables(call, gateway)
    if "EncryptionSupport" in wanted:
        gateway.encryption = f"{wanted['EncryptionSupport']}d"
    gateway.move("modifying")
    call.world.settle(gateway, "available")
    return {"TransitGateway": TRANSIT_GATEWAY.show(region, gateway)}


def _removed_cidrs(gateway: TransitGateway, given: Sequence[str]) -> set[str]:
    removed = set()
    for text in given:
        parse = ipv6_network if ":" in text else ipv4_network
        cidr = str(parse(text, "RemoveTransitGatewayCidrBlocks"))
        if cidr not in gateway.cidrs:
            raise AwsError(
                "InvalidParameterValue", f"The CIDR block {cidr} is none of {gateway.id}"
            )
        removed.add(cidr)
    return removed


_HOLDING: tuple[tuple[str, str], ...] = (
    ("vpc", "Transit Gateway Attachments"),
    ("vpn", "VPN Attachments"),
    ("peering", "Transit Gateway Cross Region Peering Attachments"),
)


def delete_transit_gateway(
    call: Call, params: aws.DeleteTransitGatewayRequestTypeDef
) -> dict[str, Any]:
    """Delete a gateway to which nothing is attached; its route tables go with it."""
    region = call.region
    gateway = own(region, params["TransitGatewayId"])
    attachments = [
        row
        for row in region[TransitGatewayAttachment].where(transit_gateway_id=gateway.id)
        if row.state not in ("deleted", "failed", "rejected")
    ]
    for resource_type, name in _HOLDING:
        ids = [row.id for row in attachments if row.resource_type == resource_type]
        if ids:
            raise AwsError(
                "IncorrectState", f"{gateway.id} has non-deleted {name}: {', '.join(ids)}."
            )
    for table in region[TransitGatewayRouteTable].where(transit_gateway_id=gateway.id):
        if table.state not in ENDED:
            end_table(call, table)
    gateway.move("deleting")
    end(call, region, gateway)
    return {"TransitGateway": TRANSIT_GATEWAY.show(region, gateway)}


OPERATIONS: Mapping[str, Handler] = {
    "CreateTransitGateway": create_transit_gateway,
    "DeleteTransitGateway": delete_transit_gateway,
    "DescribeTransitGateways": describe_transit_gateways,
    "ModifyTransitGateway": modify_transit_gateway,
}
