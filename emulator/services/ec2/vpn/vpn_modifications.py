"""Changes of a VPN connection: its static routes, its ends, its tunnels.

Source: "Modify an AWS Site-to-Site VPN connection". Changes are in force at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.vpn import Tunnel, VpnConnection
from emulator.net.cidrs import ipv4_network
from emulator.services.call import Call, Handler
from emulator.services.ec2.vpn.customer_gateways import live_customer_gateway
from emulator.services.ec2.vpn.vpn_connections import (
    VPN_CONNECTION,
    attach_to_transit,
    available_transit,
    check_key_storage,
    checked_ranges,
    detach_from_transit,
    live_connection,
    siblings,
    taken_inside,
)
from emulator.services.ec2.vpn.vpn_gateways import live_vpn_gateway
from emulator.services.ec2.vpn.vpn_tunnels import changed_tunnel
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

MAX_ROUTES = 50


def _with_static_routes(region: Region, connection_id: str) -> VpnConnection:
    connection = live_connection(region, connection_id)
    if not connection.options["StaticRoutesOnly"]:
        raise AwsError(
            "InvalidVpnConnection.InvalidType",
            f"The VPN connection '{connection.id}' does not support static routes.",
        )
    if connection.transit_gateway_id is not None:
        raise AwsError(
            "InvalidVpnConnection.InvalidType",
            f"Static routes of '{connection.id}' belong in a route table of its transit gateway.",
        )
    return connection


def create_vpn_connection_route(
    call: Call, params: aws.CreateVpnConnectionRouteRequestTypeDef
) -> dict[str, Any]:
    """Add a static route to a connection for devices that do not speak BGP."""
    connection = _with_static_routes(call.region, params["VpnConnectionId"])
    cidr = str(ipv4_network(params["DestinationCidrBlock"], "destinationCidrBlock"))
    if cidr not in connection.routes:
        if len(connection.routes) >= MAX_ROUTES:
            raise AwsError(
                "VpnConnectionRouteLimitExceeded",
                f"The VPN connection '{connection.id}' has the maximum of {MAX_ROUTES} routes",
            )
        connection.routes = (*connection.routes, cidr)
    return {}


def delete_vpn_connection_route(
    call: Call, params: aws.DeleteVpnConnectionRouteRequestTypeDef
) -> dict[str, Any]:
    """Remove a static route."""
    connection = live_connection(call.region, params["VpnConnectionId"])
    cidr = str(ipv4_network(params["DestinationCidrBlock"], "destinationCidrBlock"))
    if cidr not in connection.routes:
        raise AwsError(
            "InvalidRoute.NotFound",
            f"The VPN connection '{connection.id}' has no route to {cidr}",
        )
    connection.routes = tuple(item for item in connection.routes if item != cidr)
    return {}


def _shown(call: Call, connection: VpnConnection) -> dict[str, Any]:
    return {"VpnConnection": VPN_CONNECTION.show(call.region, connection)}


def _changeable(region: Region, connection_id: str) -> VpnConnection:
    connection = live_connection(region, connection_id)
    if connection.state != "available":
        raise AwsError(
            "InvalidVpnConnection.InvalidState",
            f"The VPN connection '{connection.id}' is {connection.state}",
        )
    return connection


def modify_vpn_connection(
    call: Call, params: aws.ModifyVpnConnectionRequestTypeDef
) -> dict[str, Any]:
    """Give a connection another customer gateway, or another gateway at AWS's end."""
    region = call.region
    connection = _changeable(region, params["VpnConnectionId"])
    customer_id = params.get("CustomerGatewayId")
    vpn_id, transit_id = params.get("VpnGatewayId"), params.get("TransitGatewayId")
    asked = [item for item in (customer_id, vpn_id, transit_id) if item is not None]
    if len(asked) != 1:
        raise AwsError(
            "InvalidParameterCombination",
            "Exactly one of CustomerGatewayId, VpnGatewayId and TransitGatewayId is needed",
        )
    if customer_id is not None:
        connection.customer_gateway_id = live_customer_gateway(region, customer_id).id
        return _shown(call, connection)
    transit = None
    if vpn_id is not None:
        live_vpn_gateway(region, vpn_id)
        taken = siblings(region, connection, vpn_gateway_id=vpn_id)
        if connection.options["TunnelInsideIpVersion"] == "ipv6":
            raise AwsError("InvalidParameterCombination", "IPv6 tunnels need a transit gateway")
    else:
        assert transit_id is not None
        transit = available_transit(region, transit_id)
        taken = siblings(region, connection, transit_gateway_id=transit_id)
        if connection.routes:
            raise AwsError(
                "IncorrectState",
                f"Delete the static routes of '{connection.id}' before it moves to a transit "
                "gateway",
            )
    if any(tunnel.inside_cidr in taken for tunnel in connection.tunnels):
        raise AwsError(
            "InvalidParameterValue",
            "A tunnel inside CIDR of the connection is in use at the other gateway",
        )
    if transit is None or transit_id != connection.transit_gateway_id:
        detach_from_transit(call, connection)
        if transit is not None:
            attach_to_transit(call, connection, transit)
    connection.vpn_gateway_id, connection.transit_gateway_id = vpn_id, transit_id
    return _shown(call, connection)


def modify_vpn_connection_options(
    call: Call, params: aws.ModifyVpnConnectionOptionsRequestTypeDef
) -> dict[str, Any]:
    """Change the networks at both ends, or the bandwidth."""
    connection = _changeable(call.region, params["VpnConnectionId"])
    ranges = checked_ranges(params)
    if any(name not in connection.options for name in ranges):
        raise AwsError(
            "InvalidParameterCombination",
            "Network CIDRs have to be of the tunnels' IP version "
            f"{connection.options['TunnelInsideIpVersion']}",
        )
    bandwidth = params.get("TunnelBandwidth", connection.options["TunnelBandwidth"])
    connection.options = {**connection.options, **ranges, "TunnelBandwidth": bandwidth}
    return _shown(call, connection)


def _tunnel(connection: VpnConnection, outside_ip: str) -> tuple[Tunnel, Tunnel]:
    """Return the tunnel with this address of AWS's, and the other one."""
    first, second = connection.tunnels
    for tunnel, other in ((first, second), (second, first)):
        if tunnel.outside_ip == outside_ip:
            return tunnel, other
    raise AwsError(
        "InvalidParameterValue",
        f"The VPN connection '{connection.id}' has no tunnel with the outside address "
        f"{outside_ip[:64]}",
    )


def modify_vpn_tunnel_options(
    call: Call, params: aws.ModifyVpnTunnelOptionsRequestTypeDef
) -> dict[str, Any]:
    """Change one tunnel's options."""
    region = call.region
    check_key_storage(params)
    connection = _changeable(region, params["VpnConnectionId"])
    tunnel, other = _tunnel(connection, params["VpnTunnelOutsideIpAddress"])
    taken = taken_inside(region, connection) | {other.inside_cidr, other.inside_ipv6_cidr or ""}
    changed = changed_tunnel(tunnel, params["TunnelOptions"], taken)
    first, second = connection.tunnels
    connection.tunnels = (changed, second) if tunnel is first else (first, changed)
    return _shown(call, connection)


def modify_vpn_tunnel_certificate(
    call: Call, params: aws.ModifyVpnTunnelCertificateRequestTypeDef
) -> dict[str, Any]:
    """Replace the certificate of a tunnel; a pre-shared key is all that tunnels have here."""
    connection = _changeable(call.region, params["VpnConnectionId"])
    _tunnel(connection, params["VpnTunnelOutsideIpAddress"])
    raise AwsError(
        "InvalidParameterValue",
        f"The VPN connection '{connection.id}' does not use certificate-based authentication",
    )


OPERATIONS: Mapping[str, Handler] = {
    "CreateVpnConnectionRoute": create_vpn_connection_route,
    "DeleteVpnConnectionRoute": delete_vpn_connection_route,
    "ModifyVpnConnection": modify_vpn_connection,
    "ModifyVpnConnectionOptions": modify_vpn_connection_options,
    "ModifyVpnTunnelCertificate": modify_vpn_tunnel_certificate,
    "ModifyVpnTunnelOptions": modify_vpn_tunnel_options,
}
