"""Where what leaves a subnet goes: its route table, followed to where each route ends; pure.

A route to a NAT gateway goes on by the table of the gateway's own subnet, with another
source; one to a transit gateway by the table of the VPC's attachment there. Sources: "Route
tables", "Route priority", "NAT gateways", "Internet gateways", "Update your route tables for a
VPC peering connection".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from enum import Enum
from ipaddress import IPv4Address, IPv4Network
from typing import cast

import attrs

from emulator.model.nat_gateway import NatAddress, NatGateway
from emulator.model.network_interface import NetworkInterface
from emulator.model.prefix_list import PrefixList
from emulator.model.vpc import Route, RouteTable, RouteTableAssociation, Vpc
from emulator.model.vpc_peering_connection import PeeringSide, VpcPeeringConnection
from emulator.net.cidrs import Network, known_network
from emulator.net.routes import ACTIVE, LOCAL, routes_of, state_of
from emulator.net.transit_routes import transit_legs
from emulator.state.store import Region


@attrs.frozen(order=True)
class VpcKey:
    """Which VPC: an id means something in one account's region."""

    account: str
    region: str
    vpc_id: str


class Way(Enum):
    """By what packets leave."""

    LOCAL = "within the VPC"
    INTERNET = "an internet gateway"
    PEER = "a peering connection, or a transit gateway"
    INTERFACE = "an interface of the VPC"
    SERVICE = "a gateway endpoint"


@attrs.frozen
class Hop:
    """Where packets go next.

    Attributes:
        way: by what.
        peer: the VPC at the other end.
        via: the address of the interface.
        source: the address that a NAT gateway gives them; None: they keep theirs.
    """

    way: Way
    peer: VpcKey | None = None
    via: IPv4Address | None = None
    source: IPv4Address | None = None


@attrs.frozen
class Leg:
    """Packets to a network, and where they go; None: nowhere."""

    network: Network
    hop: Hop | None


def legs_of(region: Region, vpc_id: str, subnet_id: str) -> tuple[Leg, ...]:
    """Return where a subnet's packets go, longest prefix first; what fits none is lost."""
    found = _legs(region, vpc_id, subnet_id, frozenset())
    legs = [Leg(network, hop) for network, hop in found.items()]
    return tuple(sorted(legs, key=lambda leg: -leg.network.prefixlen))


def table_of(region: Region, vpc_id: str, subnet_id: str) -> RouteTable | None:
    """Return the route table of a subnet: its own, or the VPC's main one."""
    associations = region[RouteTableAssociation]
    own = associations.where(subnet_id=subnet_id) or [
        each for each in associations.where(vpc_id=vpc_id) if each.main
    ]
    return region[RouteTable].get(own[0].route_table_id) if own else None


def _legs(
    region: Region, vpc_id: str, subnet_id: str, passed: frozenset[str]
) -> dict[Network, Hop | None]:
    """Return hops by network; ``passed`` are the NAT gateways that led here."""
    table = table_of(region, vpc_id, subnet_id)
    if table is None:
        return {}
    routes: dict[Network, Route] = {}
    for route in routes_of(region, table):
        for network in _destinations(region, route):
            routes.setdefault(network, route)
    found: dict[Network, Hop | None] = {}
    for network, route in routes.items():
        works = state_of(region, table, route) == ACTIVE
        gateway = region[NatGateway].get(route.nat_gateway_id)
        if not works:
            found[network] = None
        elif gateway is not None:
            beyond = _beyond(region, gateway, passed)
            found.update(_within(network, beyond, set(routes) - {network}))
        elif route.transit_gateway_id is not None:
            beyond = _transit(region, vpc_id, route.transit_gateway_id)
            found.update(_within(network, beyond, set(routes) - {network}))
        else:
            found[network] = _hop(region, vpc_id, route)
    return found


def _destinations(region: Region, route: Route) -> Iterator[Network]:
    cidr = route.destination_cidr or route.destination_ipv6_cidr
    if cidr is not None:
        yield known_network(cidr)
        return
    prefix_list = region[PrefixList].get(route.destination_prefix_list_id)
    for entry in prefix_list.entries if prefix_list is not None else ():
        yield known_network(entry.cidr)


def _hop(region: Region, vpc_id: str, route: Route) -> Hop | None:
    """Return where an active route leads that is none to a NAT or transit gateway."""
    if route.target == LOCAL:
        return Hop(Way.LOCAL)
    prefix = route.target.rpartition("-")[0]
    if prefix in {"igw", "eigw"}:
        return Hop(Way.INTERNET)
    if prefix == "vpce":
        return Hop(Way.SERVICE)
    if prefix == "eni":
        via = region[NetworkInterface].get(route.network_interface_id)
        if via is None or via.source_dest_check or not via.private_ips:
            return None
        return Hop(Way.INTERFACE, via=IPv4Address(via.private_ips[0]))
    if prefix == "pcx":
        row = region[VpcPeeringConnection].get(route.vpc_peering_connection_id)
        peer = None if row is None else peer_of(region, vpc_id, row)
        return None if peer is None else Hop(Way.PEER, peer=peer)
    return None


def _transit(region: Region, vpc_id: str, gateway_id: str) -> Mapping[Network, Hop | None]:
    """Return where a transit gateway leads to."""
    legs = transit_legs(region, vpc_id, gateway_id)
    keys = {to: VpcKey(region.account, region.name, to) for to in legs.values() if to is not None}
    return {
        network: None if to is None else Hop(Way.PEER, peer=keys[to])
        for network, to in legs.items()
        if network.version == 4
    }


# Peering


def peer_of(region: Region, vpc_id: str, row: VpcPeeringConnection) -> VpcKey | None:
    """Return the other VPC of a connection that carries a VPC's packets; None: it carries none."""
    own = VpcKey(region.account, region.name, vpc_id)
    sides = {_key(each): each for each in (row.requester, row.accepter)}
    mine = sides.pop(own, None)
    if row.state != ACTIVE or mine is None or len(sides) != 1:
        return None
    ((key, other),) = sides.items()
    vpc = region[Vpc].get(vpc_id)
    ranges = mine.cidrs if vpc is None else [each.cidr for each in vpc.ipv4_associations]
    return None if _overlap(ranges, other.cidrs) else key


def _key(side: PeeringSide) -> VpcKey:
    return VpcKey(side.account, side.region, side.vpc_id)


def _overlap(ranges: Iterator[str] | list[str] | tuple[str, ...], others: tuple[str, ...]) -> bool:
    theirs = [IPv4Network(other) for other in others]
    return any(IPv4Network(each).overlaps(other) for each in ranges for other in theirs)


# NAT gateways


def address_of(gateway: NatGateway) -> NatAddress | None:
    """Return the address that a gateway's packets leave with: its primary one."""
    works = [each for each in gateway.addresses if each.status == "succeeded" and each.private_ip]
    return min(works, key=lambda each: not each.is_primary, default=None)


def _beyond(
    region: Region, gateway: NatGateway, passed: frozenset[str]
) -> Mapping[Network, Hop | None]:
    """Return where what a gateway sends goes."""
    address = address_of(gateway)
    if gateway.state != "available" or gateway.id in passed or address is None:
        return {}
    legs = _legs(region, gateway.vpc_id, gateway.subnet_id, passed | {gateway.id})
    return {
        network: _translated(hop, gateway, address)
        for network, hop in legs.items()
        if network.version == 4
    }


def _translated(hop: Hop | None, gateway: NatGateway, address: NatAddress) -> Hop | None:
    if hop is None or hop.source is not None:
        return hop  # the last gateway on the way is the one that others see
    text = address.private_ip
    if hop.way is Way.INTERNET:
        text = address.public_ip if gateway.connectivity_type == "public" else None
    return None if text is None else attrs.evolve(hop, source=IPv4Address(text))


def _within(
    network: Network, beyond: Mapping[Network, Hop | None], others: set[Network]
) -> Iterator[tuple[Network, Hop | None]]:
    """Yield the legs of a NAT or transit gateway as far as a route to it leads to them.

    Args:
        network: the route's destination.
        beyond: the gateway's own legs.
        others: destinations of the table's other routes, which win where they are longer.
    """
    if not isinstance(network, IPv4Network):
        yield network, None
        return
    known = {cast("IPv4Network", each): hop for each, hop in beyond.items()}
    around = [each for each in known if network.subnet_of(each)]
    yield network, known[max(around, key=_length)] if around else None
    longer = [each for each in others if isinstance(each, IPv4Network) and _inside(each, network)]
    for each, hop in known.items():
        if _inside(each, network) and not any(each.subnet_of(other) for other in longer):
            yield each, hop


def _length(network: ipaddress.IPv4Network) -> int:
    return network.prefixlen


def _inside(network: IPv4Network, other: IPv4Network) -> bool:
    return network != other and network.subnet_of(other)
