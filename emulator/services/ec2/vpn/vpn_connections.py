"""Site-to-Site VPN connections: made, listed, deleted; changes: ``vpn_modifications``.

Source: API_CreateVpnConnection. Nobody is at the other end here, so tunnels stay ``DOWN``
and no routes are learnt by BGP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.transit_gateway import TransitGateway, TransitGatewayAttachment
from emulator.model.vpn import CustomerGateway, VpnConnection, VpnGateway
from emulator.net import public_addresses
from emulator.net.cidrs import ipv4_network, ipv6_network
from emulator.services.call import Call, Handler
from emulator.services.ec2.endings import ENDED, end
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.transit.transit_gateway_attachments import begin, end_attachment
from emulator.services.ec2.transit.transit_gateways import own
from emulator.services.ec2.vpn.customer_gateways import live_customer_gateway
from emulator.services.ec2.vpn.vpn_configuration import configuration
from emulator.services.ec2.vpn.vpn_gateways import live_vpn_gateway
from emulator.services.ec2.vpn.vpn_tunnels import TUNNELS, new_tunnels, tunnel_view
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

TYPE = "ipsec.1"
_RANGES = {
    "LocalIpv4NetworkCidr": "0.0.0.0/0",
    "RemoteIpv4NetworkCidr": "0.0.0.0/0",
    "LocalIpv6NetworkCidr": "::/0",
    "RemoteIpv6NetworkCidr": "::/0",
}


def _customer(region: Region, connection: VpnConnection) -> CustomerGateway | None:
    return region[CustomerGateway].get(connection.customer_gateway_id)


def _amazon_asn(region: Region, connection: VpnConnection) -> int:
    gateway = region[VpnGateway].get(connection.vpn_gateway_id) or region[TransitGateway].get(
        connection.transit_gateway_id
    )
    return gateway.asn if gateway is not None else 64512


def _configuration(region: Region, connection: VpnConnection) -> str | None:
    if connection.state not in ("pending", "available"):
        return None
    return configuration(connection, _customer(region, connection), _amazon_asn(region, connection))


def _telemetry(connection: VpnConnection) -> list[dict[str, Any]]:
    return [
        {
            "AcceptedRouteCount": 0,
            "LastStatusChange": connection.created_at,
            "OutsideIpAddress": tunnel.outside_ip,
            "Status": "DOWN",
            "StatusMessage": "",
        }
        for tunnel in connection.tunnels
    ]


def _view(region: Region, connection: VpnConnection) -> Mapping[str, Any]:
    attached = connection.vpn_gateway_id or connection.transit_gateway_id
    return {
        "VpnConnectionId": connection.id,
        "State": connection.state,
        "Type": TYPE,
        "Category": "VPN",
        "CustomerGatewayId": connection.customer_gateway_id,
        "VpnGatewayId": connection.vpn_gateway_id,
        "TransitGatewayId": connection.transit_gateway_id,
        "GatewayAssociationState": "associated" if attached else "not-associated",
        "CustomerGatewayConfiguration": _configuration(region, connection),
        "Options": {
            **connection.options,
            "TunnelOptions": [tunnel_view(tunnel) for tunnel in connection.tunnels],
        },
        "Routes": [
            {"DestinationCidrBlock": cidr, "Source": "Static", "State": "available"}
            for cidr in connection.routes
        ],
        "VgwTelemetry": _telemetry(connection),
        "Tags": tag_set(connection.tags),
    }


def _bgp_asn(region: Region, connection: VpnConnection) -> int | None:
    customer = _customer(region, connection)
    return customer.asn if customer is not None else None


VPN_CONNECTION = Kind(
    row=VpnConnection,
    shape="VpnConnection",
    view=_view,
    filters={
        "bgp-asn": _bgp_asn,
        "customer-gateway-configuration": _configuration,
        "customer-gateway-id": lambda _, connection: connection.customer_gateway_id,
        "option.static-routes-only": lambda _, connection: bool(
            connection.options["StaticRoutesOnly"]
        ),
        "route.destination-cidr-block": lambda _, connection: connection.routes,
        "state": lambda _, connection: connection.state,
        "transit-gateway-id": lambda _, connection: connection.transit_gateway_id,
        "type": lambda _, __: TYPE,
        "vpn-connection-id": lambda _, connection: connection.id,
        "vpn-gateway-id": lambda _, connection: connection.vpn_gateway_id,
    },
)


def live_connection(region: Region, connection_id: str) -> VpnConnection:
    """Return a connection that is not deleted.

    Raises:
        AwsError: InvalidVpnConnectionID.NotFound.
    """
    connection = VPN_CONNECTION.find(region, connection_id)
    if connection.state in ENDED:
        raise VPN_CONNECTION.noun.missing([connection_id])
    return connection


def checked_ranges(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the networks at both ends that a request names, in canonical spelling.

    Raises:
        AwsError: InvalidParameterValue for text that is no range of the right family.
    """
    found = {}
    for name in _RANGES:
        if options.get(name) is not None:
            parse = ipv6_network if "Ipv6" in name else ipv4_network
            found[name] = str(parse(options[name], name))
    return found


def _options(given: Mapping[str, Any], *, on_transit: bool) -> dict[str, Any]:
    """Return VpnConnectionOptions for a request, without the tunnels."""
    version = given.get("TunnelInsideIpVersion", "ipv4")
    accelerated = bool(given.get("EnableAcceleration"))
    if (version == "ipv6" or accelerated) and not on_transit:
        raise AwsError(
            "InvalidParameterCombination",
            "Acceleration and IPv6 tunnels need a VPN connection on a transit gateway",
        )
    outside = given.get("OutsideIpAddressType", "PublicIpv4")
    if outside != "PublicIpv4":
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({outside[:64]}) for parameter OutsideIpAddressType is invalid here: there "
            "are no Direct Connect attachments to carry private tunnels.",
        )
    family = "Ipv6" if version == "ipv6" else "Ipv4"
    ranges = checked_ranges(given)
    if any(family not in name for name in ranges):
        raise AwsError(
            "InvalidParameterCombination",
            f"Network CIDRs have to be of the tunnels' IP version {version}",
        )
    defaults = {name: cidr for name, cidr in _RANGES.items() if family in name}
    return {
        "EnableAcceleration": accelerated,
        "StaticRoutesOnly": bool(given.get("StaticRoutesOnly")),
        "OutsideIpAddressType": outside,
        "TunnelInsideIpVersion": version,
        "TunnelBandwidth": given.get("TunnelBandwidth", "standard"),
        **defaults,
        **ranges,
    }


def siblings(region: Region, connection: VpnConnection | None, **gateway: str | None) -> set[str]:
    """Return the inside ranges of a gateway's tunnels, but for one connection's.

    Args:
        region: of the gateway.
        connection: whose tunnels do not count.
        gateway: ``vpn_gateway_id`` or ``transit_gateway_id``.
    """
    ((name, value),) = gateway.items()
    return {
        cidr
        for row in region[VpnConnection].where(**{name: value})
        if row is not connection and row.state not in ENDED and value is not None
        for tunnel in row.tunnels
        for cidr in (tunnel.inside_cidr, tunnel.inside_ipv6_cidr)
        if cidr is not None
    }


def taken_inside(region: Region, connection: VpnConnection) -> set[str]:
    """Return the inside ranges that a connection may not use because others do."""
    if connection.vpn_gateway_id is not None:
        return siblings(region, connection, vpn_gateway_id=connection.vpn_gateway_id)
    return siblings(region, connection, transit_gateway_id=connection.transit_gateway_id)


def _outside_ips(call: Call, customer: CustomerGateway) -> tuple[str, ...]:
    """Choose AWS's addresses of the tunnels, in rising order as clients expect them."""
    connections, chosen = call.region[VpnConnection], list[str]()
    for _ in range(TUNNELS):
        chosen.append(
            public_addresses.choose(
                public_addresses.TUNNELS,
                call.world.ids.random,
                lambda address: (
                    address in chosen
                    or address == customer.ip_address
                    or any(row.state not in ENDED for row in connections.where(outside_ips=address))
                ),
            )
        )
    return tuple(chosen)


def _refuse_unsupported(params: Mapping[str, Any]) -> None:
    if params["Type"] != TYPE:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({params['Type'][:64]}) for parameter type is invalid.",
        )
    if params.get("VpnConcentratorId") is not None:
        raise AwsError(
            "InvalidVpnConcentratorID.NotFound",
            f"The vpnConcentrator ID '{params['VpnConcentratorId'][:64]}' does not exist",
        )
    check_key_storage(params)


def check_key_storage(params: Mapping[str, Any]) -> None:
    """Refuse pre-shared keys in AWS Secrets Manager, which is not here to keep them."""
    storage = params.get("PreSharedKeyStorage", "Standard")
    if storage != "Standard":
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({storage[:64]}) for parameter PreSharedKeyStorage is invalid.",
        )


def _present(
    region: Region, customer: CustomerGateway, gateway: VpnGateway | None
) -> VpnConnection | None:
    """Return the connection between two gateways that an equal request made before.

    Raises:
        AwsError: InvalidCustomerGateway.DuplicateIpAddress when another customer gateway with
            the same address has a connection to this VPN gateway.
    """
    if gateway is None:
        return None
    for row in region[VpnConnection].where(vpn_gateway_id=gateway.id):
        if row.state in ENDED:
            continue
        if row.customer_gateway_id == customer.id:
            return row
        other = _customer(region, row)
        if other is not None and other.ip_address == customer.ip_address is not None:
            raise AwsError(
                "InvalidCustomerGateway.DuplicateIpAddress",
                "Conflict among chosen gateway IP addresses",
            )
    return None


def create_vpn_connection(
    call: Call, params: aws.CreateVpnConnectionRequestTypeDef
) -> dict[str, Any]:
    """Connect a customer gateway to a VPN gateway, a transit gateway, or nothing yet."""
    region, world = call.region, call.world
    _refuse_unsupported(params)
    vpn_id, transit_id = params.get("VpnGatewayId"), params.get("TransitGatewayId")
    if vpn_id is not None and transit_id is not None:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameters VpnGatewayId and TransitGatewayId cannot be used together",
        )
    customer = live_customer_gateway(region, params["CustomerGatewayId"])
    gateway = live_vpn_gateway(region, vpn_id) if vpn_id is not None else None
    transit = available_transit(region, transit_id) if transit_id is not None else None
    given: Mapping[str, Any] = params.get("Options") or {}
    options = _options(given, on_transit=transit is not None)
    tags = tags_on_create(params, "vpn-connection")
    present = _present(region, customer, gateway)
    if present is not None:
        return {"VpnConnection": VPN_CONNECTION.show(region, present)}
    taken = (
        siblings(region, None, vpn_gateway_id=gateway.id)
        if gateway is not None
        else siblings(region, None, transit_gateway_id=transit_id)
    )
    outside_ips = _outside_ips(call, customer)
    tunnels = new_tunnels(
        world.ids.random,
        given.get("TunnelOptions") or (),
        outside_ips,
        taken,
        ipv6=options["TunnelInsideIpVersion"] == "ipv6",
    )
    connection = region[VpnConnection].add(
        VpnConnection(
            id=call.new_id(VpnConnection),
            state="pending",
            created_at=world.clock.now(),
            customer_gateway_id=customer.id,
            vpn_gateway_id=vpn_id,
            transit_gateway_id=transit_id,
            tunnels=tunnels,
            outside_ips=outside_ips,
            options=options,
            tags=tags,
        )
    )
    if transit is not None:
        attach_to_transit(call, connection, transit)
    shown = VPN_CONNECTION.show(region, connection)
    world.settle(connection, "available")
    return {"VpnConnection": shown}


def available_transit(region: Region, gateway_id: str) -> TransitGateway:
    """Return a transit gateway to which a connection can be attached now."""
    gateway = own(region, gateway_id)
    if gateway.state == "pending":
        raise AwsError("IncorrectState", f"{gateway.id} is in invalid state")
    return gateway


def attach_to_transit(call: Call, connection: VpnConnection, gateway: TransitGateway) -> None:
    """Add the attachment that a connection on a transit gateway has."""
    region = call.region
    attachment = region[TransitGatewayAttachment].add(
        TransitGatewayAttachment(
            id=call.new_id(TransitGatewayAttachment),
            state="pending",
            transit_gateway_id=gateway.id,
            transit_gateway_owner_id=gateway.owner_id,
            resource_type="vpn",
            resource_id=connection.id,
            resource_owner_id=call.account,
            created_at=call.world.clock.now(),
        )
    )
    begin(call, region, attachment)


def detach_from_transit(call: Call, connection: VpnConnection) -> None:
    """End the attachment of a connection that leaves its transit gateway."""
    for attachment in call.region[TransitGatewayAttachment].where(resource_id=connection.id):
        if attachment.state not in ENDED:
            end_attachment(call, call.region, attachment)


def describe_vpn_connections(
    call: Call, params: aws.DescribeVpnConnectionsRequestTypeDef
) -> dict[str, Any]:
    """List connections."""
    return VPN_CONNECTION.describe(call, params, ids="VpnConnectionIds", result="VpnConnections")


def delete_vpn_connection(
    call: Call, params: aws.DeleteVpnConnectionRequestTypeDef
) -> dict[str, Any]:
    """Delete a connection; it stays visible as ``deleted`` for a time."""
    connection = live_connection(call.region, params["VpnConnectionId"])
    detach_from_transit(call, connection)
    connection.move("deleting")
    end(call, call.region, connection)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "CreateVpnConnection": create_vpn_connection,
    "DeleteVpnConnection": delete_vpn_connection,
    "DescribeVpnConnections": describe_vpn_connections,
}
