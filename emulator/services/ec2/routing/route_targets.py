"""Where routes may lead, and whether they get there.

What a route leads to belongs to many families; it is looked up by the prefix of its id,
so that none of them is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.model.network_interface import NetworkInterface
from emulator.model.row import Row
from emulator.model.transit_gateway import TransitGatewayAttachment
from emulator.model.vpc import Route, RouteTable, Vpc
from emulator.services.ec2.nouns import NOUNS
from emulator.state.store import Region

LOCAL = "local"
ACTIVE = "active"
BLACKHOLE = "blackhole"
PROPAGATED = "EnableVgwRoutePropagation"
_GONE = frozenset(
    (
        "deleted",
        "deleting",
        "delete-in-progress",
        "delete-complete",
        "failed",
        "rejected",
        "expired",
    )
)


def record_of(region: Region, resource_id: str) -> Row | None:
    """Return the record with this id, of whatever kind its prefix says, if there is one."""
    prefix = resource_id.rpartition("-")[0]
    for kind, table in region.tables():
        if prefix and prefix == kind.PREFIX:
            row: Row | None = table.get(resource_id)
            if row is not None:
                return row
    return None


def attached_vpc(gateway: Row) -> str | None:
    """Return the VPC that an internet or VPN gateway is attached to."""
    if getattr(gateway, "state", None) in _GONE:
        return None
    vpc_id: str | None = getattr(gateway, "vpc_id", None)
    return vpc_id


def instance_behind(region: Region, interface_id: str | None) -> str | None:
    """Return the instance that an interface is attached to."""
    interface = region[NetworkInterface].get(interface_id)
    if interface is None or interface.attachment is None:
        return None
    return interface.instance_id


def routes_of(region: Region, table: RouteTable) -> list[Route]:
    """Return a table's routes, the local ones first."""
    vpc = region[Vpc].get(table.vpc_id)
    made = {route.destination for route in table.routes}
    local: list[Route] = []
    if vpc is not None:
        local += [
            Route(destination_cidr=item.cidr, gateway_id=LOCAL, origin="CreateRouteTable")
            for item in vpc.ipv4_associations
            if item.cidr not in made
        ]
        local += [
            Route(destination_ipv6_cidr=item.cidr, gateway_id=LOCAL, origin="CreateRouteTable")
            for item in vpc.ipv6_associations
            if item.cidr not in made
        ]
    routes = [*local, *table.routes]
    if not table.propagating_gateway_ids:
        return routes
    known = {route.destination for route in routes}
    return [
        *routes,
        *(item for item in _propagated(region, table) if item.destination not in known),
    ]


def _propagated(region: Region, table: RouteTable) -> Iterator[Route]:
    """Yield the static routes of the VPN connections behind a table's VPN gateways."""
    for kind, connections in region.tables():
        if kind.PREFIX != "vpn":
            continue
        for gateway_id in table.propagating_gateway_ids:
            for connection in connections.where(vpn_gateway_id=gateway_id):
                if connection.state in _GONE:
                    continue
                for cidr in connection.routes:
                    yield Route(destination_cidr=cidr, gateway_id=gateway_id, origin=PROPAGATED)


def _attached(_: Region, table: RouteTable, row: Any) -> bool:
    return attached_vpc(row) == table.vpc_id


def _interface_works(region: Region, _: RouteTable, row: Any) -> bool:
    attachment = row.attachment
    if attachment is None or attachment.status not in ("attaching", "attached"):
        return False
    if row.instance_id is None:
        return True
    instance = region[Instance].get(row.instance_id)
    return instance is not None and instance.state in ("pending", "running", "stopping")


def _peering_works(_: Region, __: RouteTable, row: Any) -> bool:
    return getattr(row, "state", None) == ACTIVE


def _is_there(_: Region, __: RouteTable, row: Any) -> bool:
    return getattr(row, "state", None) not in _GONE


def _transit_attached(region: Region, gateway_id: str, vpc_id: str) -> bool:
    """Tell whether a VPC is attached to a transit gateway, which may be another account's."""
    return any(
        row.transit_gateway_id == gateway_id and row.state in ("available", "modifying")
        for row in region[TransitGatewayAttachment].where(resource_id=vpc_id)
    )


_WORKS: Mapping[str, Callable[[Region, RouteTable, Any], bool]] = {
    "igw": _attached,
    "vgw": _attached,
    "eni": _interface_works,
    "pcx": _peering_works,
}


def state_of(region: Region, table: RouteTable, route: Route) -> str:
    """Return ``active``, or ``blackhole`` when what the route leads to does not work."""
    target = route.target
    if target == LOCAL:
        return ACTIVE
    if route.transit_gateway_id is not None:
        works = _transit_attached(region, target, table.vpc_id)
        return ACTIVE if works else BLACKHOLE
    row = record_of(region, target)
    if row is None:
        return BLACKHOLE
    check = _WORKS.get(target.rpartition("-")[0], _is_there)
    return ACTIVE if check(region, table, row) else BLACKHOLE


Check: TypeAlias = Callable[[Region, RouteTable, str], Mapping[str, str]]


@attrs.frozen
class Target:
    """One way to say where a route leads.

    Attributes:
        parameter: of CreateRoute and ReplaceRoute.
        resolve: checks the value and returns the fields of Route that stand for it.
        inside: whether a route to a part of the VPC itself may lead there.
    """

    parameter: str
    resolve: Check
    inside: bool = False


def _not_found(prefix: str, code: str, name: str, resource_id: str) -> AwsError:
    noun = NOUNS.get(prefix)
    if not code and noun is not None:
        return noun.missing([resource_id[:64]])
    return AwsError(code, f"The {name} ID '{resource_id[:64]}' does not exist")


def _found(region: Region, prefix: str, code: str, name: str, resource_id: str) -> Any:
    """Return a record that is not gone, or raise the code that CreateRoute has for it."""
    row = record_of(region, resource_id)
    if row is None or prefix != row.PREFIX or getattr(row, "state", None) in _GONE:
        raise _not_found(prefix, code, name, resource_id)
    return row


def _same_network(table: RouteTable, row: Any, noun: str) -> None:
    if getattr(row, "vpc_id", table.vpc_id) != table.vpc_id:
        raise AwsError(
            "InvalidParameterValue",
            f"route table {table.id} and {noun} {row.id} belong to different networks",
        )


def _in_network(prefix: str, code: str, name: str, field: str, noun: str) -> Check:
    """Return a check of something that has to be in the table's VPC."""

    def resolve(region: Region, table: RouteTable, value: str) -> Mapping[str, str]:
        _same_network(table, _found(region, prefix, code, name, value), noun)
        return {field: value}

    return resolve


def _anywhere(prefix: str, code: str, name: str, field: str) -> Check:
    def resolve(region: Region, _: RouteTable, value: str) -> Mapping[str, str]:
        _found(region, prefix, code, name, value)
        return {field: value}

    return resolve


_nat_gateway = _in_network(
    "nat", "InvalidNatGatewayID.NotFound", "natGateway", "nat_gateway_id", "NAT gateway"
)
_endpoint = _in_network(
    "vpce", "InvalidVpcEndpointId.NotFound", "vpcEndpoint", "gateway_id", "endpoint"
)
_internet_gateway = _in_network(
    "igw", "InvalidGatewayID.NotFound", "gateway", "gateway_id", "network gateway"
)
_vpn_gateway = _in_network(
    "vgw", "InvalidGatewayID.NotFound", "gateway", "gateway_id", "virtual private gateway"
)

# GatewayId takes NAT gateways and endpoints too, as it did before they had parameters.
_GATEWAYS: Mapping[str, Check] = {
    "igw": _internet_gateway,
    "vgw": _vpn_gateway,
    "nat": _nat_gateway,
    "vpce": _endpoint,
}


def _gateway(region: Region, table: RouteTable, value: str) -> Mapping[str, str]:
    resolve = _GATEWAYS.get(value.rpartition("-")[0])
    if resolve is None:
        raise _not_found("", "InvalidGatewayID.NotFound", "gateway", value)
    return resolve(region, table, value)


def _instance(region: Region, table: RouteTable, value: str) -> Mapping[str, str]:
    instance = region[Instance].get(value)
    if instance is None or instance.state == "terminated":
        raise _not_found("i", "", "instance", value)
    interfaces = region[NetworkInterface].where(instance_id=value)
    if len(interfaces) != 1:
        raise AwsError(
            "InvalidInstanceID",
            f"There are multiple interfaces attached to instance '{value}'. "
            "Please specify an interface ID for the operation instead.",
        )
    _same_network(table, interfaces[0], "interface")
    return {"network_interface_id": interfaces[0].id}


def _transit_gateway(region: Region, table: RouteTable, value: str) -> Mapping[str, str]:
    if not _transit_attached(region, value, table.vpc_id):
        raise _not_found("tgw", "InvalidTransitGatewayID.NotFound", "transitGateway", value)
    return {"transit_gateway_id": value}


def _unknown(code: str, name: str) -> Check:
    """Return a check of something that this emulator has none of."""

    def resolve(_: Region, __: RouteTable, value: str) -> Mapping[str, str]:
        raise AwsError(code, f"The {name} '{value[:64]}' does not exist")

    return resolve


TARGETS: tuple[Target, ...] = (
    Target("GatewayId", _gateway),
    Target("NatGatewayId", _nat_gateway, inside=True),
    Target(
        "NetworkInterfaceId",
        _in_network("eni", "", "networkInterface", "network_interface_id", "interface"),
        inside=True,
    ),
    Target("InstanceId", _instance, inside=True),
    Target("TransitGatewayId", _transit_gateway),
    Target(
        "VpcPeeringConnectionId",
        _anywhere("pcx", "", "vpcPeeringConnection", "vpc_peering_connection_id"),
    ),
    Target("VpcEndpointId", _endpoint, inside=True),
    Target(
        "EgressOnlyInternetGatewayId",
        _in_network(
            "eigw", "InvalidGatewayID.NotFound", "eigw", "egress_only_internet_gateway_id", "eigw"
        ),
    ),
    Target(
        "CarrierGatewayId",
        _in_network(
            "cagw",
            "InvalidCarrierGatewayID.NotFound",
            "carrierGateway",
            "carrier_gateway_id",
            "carrier gateway",
        ),
    ),
    Target(
        "LocalGatewayId",
        _anywhere("lgw", "InvalidLocalGatewayID.NotFound", "localGateway", "local_gateway_id"),
    ),
    Target("CoreNetworkArn", _unknown("InvalidCoreNetworkArn.NotFound", "core network")),
    Target("OdbNetworkArn", _unknown("InvalidParameterValue", "ODB network")),
)
