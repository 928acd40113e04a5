"""VPCs attached to transit gateways, with a network interface in each chosen subnet.

Source: "Amazon VPC attachments in Amazon VPC Transit Gateways".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.network_interface import NetworkInterface
from emulator.model.transit_gateway import TransitGatewayAttachment
from emulator.model.vpc import Subnet
from emulator.services.call import Call, Handler
from emulator.services.ec2.endings import ENDED
from emulator.services.ec2.interfaces.network_interfaces import delete_interface, new_interface
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.transit.transit_gateway_attachments import (
    begin,
    end_attachment,
    invalid_state,
    refuse_attachment,
    sides,
)
from emulator.services.ec2.transit.transit_gateways import ENABLE, known
from emulator.services.ec2.vpcs.subnets import SUBNET
from emulator.services.ec2.vpcs.vpcs import VPC
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

DEFAULTS: Mapping[str, str] = {
    "DnsSupport": ENABLE,
    "SecurityGroupReferencingSupport": ENABLE,
    "Ipv6Support": "disable",
    "ApplianceModeSupport": "disable",
}


def _view(_: Region, attachment: TransitGatewayAttachment) -> Mapping[str, Any]:
    return {
        "TransitGatewayAttachmentId": attachment.id,
        "TransitGatewayId": attachment.transit_gateway_id,
        "VpcId": attachment.resource_id,
        "VpcOwnerId": attachment.resource_owner_id,
        "State": attachment.state,
        "SubnetIds": list(attachment.subnet_ids),
        "CreationTime": attachment.created_at,
        "Options": attachment.options,
        "Tags": tag_set(attachment.tags),
    }


VPC_ATTACHMENT = Kind(
    row=TransitGatewayAttachment,
    shape="TransitGatewayVpcAttachment",
    view=_view,
    filters={
        "state": lambda _, attachment: attachment.state,
        "transit-gateway-attachment-id": lambda _, attachment: attachment.id,
        "transit-gateway-id": lambda _, attachment: attachment.transit_gateway_id,
        "vpc-id": lambda _, attachment: attachment.resource_id,
    },
    hidden=lambda attachment: attachment.resource_type != "vpc",
)


def _live(region: Region, attachment_id: str) -> TransitGatewayAttachment:
    attachment = VPC_ATTACHMENT.find(region, attachment_id)
    if attachment.state in ENDED:
        raise VPC_ATTACHMENT.noun.missing([attachment_id])
    return attachment


def _check_subnets(
    region: Region, vpc_id: str, subnet_ids: Sequence[str], *, ipv6: bool
) -> list[Subnet]:
    """Return subnets that one attachment may have together.

    Raises:
        AwsError: InvalidSubnetID.NotFound, also for another VPC's; DuplicateSubnetsInSameZone;
            InvalidParameterValue for a subnet without the IPv6 addresses that are asked for.
    """
    subnets = SUBNET.find_all(region, subnet_ids)
    if not subnets:
        raise AwsError("MissingParameter", "The request must contain the parameter SubnetIds")
    for subnet in subnets:
        if subnet.vpc_id != vpc_id:
            raise NOUNS["subnet"].missing([subnet.id])
        if ipv6 and not subnet.ipv6_associations:
            raise AwsError(
                "InvalidParameterValue",
                f"The subnet {subnet.id} has no IPv6 CIDR block for an attachment with IPv6",
            )
    if len({subnet.availability_zone for subnet in subnets}) < len(subnets):
        raise AwsError("DuplicateSubnetsInSameZone", "Duplicate Subnets for same AZ")
    return subnets


def _add_interfaces(
    call: Call, region: Region, attachment_id: str, subnets: Sequence[Subnet], *, ipv6: bool
) -> dict[str, str]:
    """Add an interface in each subnet, or in none when one of them is full."""
    made: list[NetworkInterface] = []
    try:
        for subnet in subnets:
            made.append(  # noqa: PERF401 - kept on error
                new_interface(
                    call.world,
                    region,
                    subnet,
                    group_ids=(),
                    ipv6_count=1 if ipv6 else 0,
                    description=f"Network Interface for Transit Gateway Attachment {attachment_id}",
                    interface_type="transit_gateway",
                    requester_managed=True,
                )
            )
    except AwsError:
        for interface in made:
            delete_interface(region, interface)
        raise
    for interface in made:
        interface.move("in-use")
    return {interface.subnet_id: interface.id for interface in made}


def _remove_interfaces(region: Region, interface_ids: Sequence[str]) -> None:
    for interface_id in interface_ids:
        interface = region[NetworkInterface].get(interface_id)
        if interface is not None:
            delete_interface(region, interface)


def create_transit_gateway_vpc_attachment(
    call: Call, params: aws.CreateTransitGatewayVpcAttachmentRequestTypeDef
) -> dict[str, Any]:
    """Attach a VPC; in another account's gateway it may have to wait for acceptance."""
    region, account = call.region, call.account
    gateway = known(call, params["TransitGatewayId"])
    if gateway.state in ENDED:
        raise NOUNS["tgw"].missing([gateway.id])
    if gateway.state == "pending":
        raise AwsError("IncorrectState", f"{gateway.id} is in invalid state")
    vpc = VPC.find(region, params["VpcId"])
    options = {**DEFAULTS, **(params.get("Options") or {})}
    ipv6 = options["Ipv6Support"] == ENABLE
    subnets = _check_subnets(region, vpc.id, params["SubnetIds"], ipv6=ipv6)
    for row in region[TransitGatewayAttachment].where(resource_id=vpc.id):
        if row.transit_gateway_id == gateway.id and row.state not in ("deleted", "rejected"):
            raise AwsError(
                "DuplicateTransitGatewayAttachment",
                f"{gateway.id} has non-deleted Transit Gateway Attachments with same VPC ID.",
            )
    tags = tags_on_create(params, "transit-gateway-attachment")
    attachment_id = call.new_id(TransitGatewayAttachment)
    foreign = gateway.owner_id != account
    waits = foreign and gateway.options["AutoAcceptSharedAttachments"] != ENABLE
    facts: dict[str, Any] = {
        "id": attachment_id,
        "state": "pendingAcceptance" if waits else "pending",
        "transit_gateway_id": gateway.id,
        "transit_gateway_owner_id": gateway.owner_id,
        "resource_type": "vpc",
        "resource_id": vpc.id,
        "resource_owner_id": account,
        "created_at": call.world.clock.now(),
        "options": options,
        "subnet_ids": tuple(subnet.id for subnet in subnets),
    }
    interfaces = _add_interfaces(call, region, attachment_id, subnets, ipv6=ipv6)
    attachment = region[TransitGatewayAttachment].add(
        TransitGatewayAttachment(interfaces=interfaces, tags=tags, **facts)
    )
    if foreign:
        owner = call.state.region(gateway.owner_id, region.name)
        owner[TransitGatewayAttachment].add(TransitGatewayAttachment(**facts))
    if not waits:
        begin(call, region, attachment)
    return {"TransitGatewayVpcAttachment": VPC_ATTACHMENT.show(region, attachment)}


def describe_transit_gateway_vpc_attachments(
    call: Call, params: aws.DescribeTransitGatewayVpcAttachmentsRequestTypeDef
) -> dict[str, Any]:
    """List VPC attachments of the account's VPCs and transit gateways."""
    return VPC_ATTACHMENT.describe(
        call, params, ids="TransitGatewayAttachmentIds", result="TransitGatewayVpcAttachments"
    )


def modify_transit_gateway_vpc_attachment(
    call: Call, params: aws.ModifyTransitGatewayVpcAttachmentRequestTypeDef
) -> dict[str, Any]:
    """Change the subnets and options, as only the VPC's owner may."""
    region = call.region
    attachment = _live(region, params["TransitGatewayAttachmentId"])
    if attachment.resource_owner_id != call.account:
        raise AwsError(
            "OperationNotPermitted", f"{attachment.id} can only be modified by the VPC's owner"
        )
    if attachment.state != "available":
        raise invalid_state(attachment)
    adding: Sequence[str] = params.get("AddSubnetIds") or ()
    removing: Sequence[str] = params.get("RemoveSubnetIds") or ()
    for subnet_id in removing:
        if subnet_id not in attachment.subnet_ids:
            raise NOUNS["subnet"].missing([subnet_id])
    changes: Mapping[str, Any] = params.get("Options") or {}
    options = {**attachment.options, **changes}
    ipv6 = options["Ipv6Support"] == ENABLE
    kept = [subnet_id for subnet_id in attachment.subnet_ids if subnet_id not in removing]
    subnets = _check_subnets(region, attachment.resource_id, [*kept, *adding], ipv6=ipv6)
    new = [subnet for subnet in subnets if subnet.id not in attachment.subnet_ids]
    made = _add_interfaces(call, region, attachment.id, new, ipv6=ipv6)

    _remove_interfaces(region, [attachment.interfaces[subnet_id] for subnet_id in set(removing)])
    interfaces = {**attachment.interfaces, **made}
    attachment.interfaces = {item.id: interfaces[item.id] for item in subnets}
    for _, row in sides(call.state, region, attachment):
        row.options = options
        row.subnet_ids = tuple(subnet.id for subnet in subnets)
        row.move("modifying")
        call.world.settle(row, "available")
    return {"TransitGatewayVpcAttachment": VPC_ATTACHMENT.show(region, attachment)}


def _waiting(call: Call, attachment_id: str) -> TransitGatewayAttachment:
    """Return an attachment that the caller, who owns its gateway, may decide on."""
    attachment = _live(call.region, attachment_id)
    if attachment.transit_gateway_owner_id != call.account:
        raise VPC_ATTACHMENT.noun.missing([attachment_id])
    if attachment.state != "pendingAcceptance":
        raise invalid_state(attachment)
    return attachment


def accept_transit_gateway_vpc_attachment(
    call: Call, params: aws.AcceptTransitGatewayVpcAttachmentRequestTypeDef
) -> dict[str, Any]:
    """Accept the attachment of another account's VPC."""
    attachment = _waiting(call, params["TransitGatewayAttachmentId"])
    for _, row in sides(call.state, call.region, attachment):
        row.move("pending")
    begin(call, call.region, attachment)
    return {"TransitGatewayVpcAttachment": VPC_ATTACHMENT.show(call.region, attachment)}


def reject_transit_gateway_vpc_attachment(
    call: Call, params: aws.RejectTransitGatewayVpcAttachmentRequestTypeDef
) -> dict[str, Any]:
    """Turn down the attachment of another account's VPC."""
    attachment = _waiting(call, params["TransitGatewayAttachmentId"])
    _give_up_interfaces(call, attachment)
    refuse_attachment(call, call.region, attachment)
    return {"TransitGatewayVpcAttachment": VPC_ATTACHMENT.show(call.region, attachment)}


def delete_transit_gateway_vpc_attachment(
    call: Call, params: aws.DeleteTransitGatewayVpcAttachmentRequestTypeDef
) -> dict[str, Any]:
    """Detach a VPC; the attachment stays visible as ``deleted`` for a time."""
    region = call.region
    attachment = _live(region, params["TransitGatewayAttachmentId"])
    _give_up_interfaces(call, attachment)
    end_attachment(call, region, attachment)
    return {"TransitGatewayVpcAttachment": VPC_ATTACHMENT.show(region, attachment)}


def _give_up_interfaces(call: Call, attachment: TransitGatewayAttachment) -> None:
    for side, row in sides(call.state, call.region, attachment):
        _remove_interfaces(side, tuple(row.interfaces.values()))
        row.interfaces = {}


OPERATIONS: Mapping[str, Handler] = {
    "AcceptTransitGatewayVpcAttachment": accept_transit_gateway_vpc_attachment,
    "CreateTransitGatewayVpcAttachment": create_transit_gateway_vpc_attachment,
    "DeleteTransitGatewayVpcAttachment": delete_transit_gateway_vpc_attachment,
    "DescribeTransitGatewayVpcAttachments": describe_transit_gateway_vpc_attachments,
    "ModifyTransitGatewayVpcAttachment": modify_transit_gateway_vpc_attachment,
    "RejectTransitGatewayVpcAttachment": reject_transit_gateway_vpc_attachment,
}
