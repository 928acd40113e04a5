"""A table's routes, and whether they get anywhere; pure.

What a route leads to belongs to many families; it is looked up by the prefix of its id,
so that none of them is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from emulator.model.instance import Instance
from emulator.model.network_interface import NetworkInterface
from emulator.model.row import Row
from emulator.model.transit_gateway import TransitGatewayAttachment
from emulator.model.vpc import Route, RouteTable, Vpc
from emulator.state.store import Region

LOCAL = "local"
ACTIVE = "active"
BLACKHOLE = "blackhole"
PROPAGATED = "EnableVgwRoutePropagation"
GONE = frozenset(
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
    if getattr(gateway, "state", None) in GONE:
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
                if connection.state in GONE:
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
    return getattr(row, "state", None) not in GONE


def transit_attached(region: Region, gateway_id: str, vpc_id: str) -> bool:
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
        works = transit_attached(region, target, table.vpc_id)
        return ACTIVE if works else BLACKHOLE
    row = record_of(region, target)
    if row is None:
        return BLACKHOLE
    check = _WORKS.get(target.rpartition("-")[0], _is_there)
    return ACTIVE if check(region, table, row) else BLACKHOLE
