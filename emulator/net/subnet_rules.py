"""What the network around an interface lets through, from records to typed values; pure.

Sources: "Network ACL rules", "Route tables", "Internet gateways", "NAT gateways".
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from emulator.model.nat_gateway import NatGateway
from emulator.model.network_interface import NetworkInterface
from emulator.model.prefix_list import PrefixList
from emulator.model.vpc import (
    AclEntry,
    NetworkAcl,
    NetworkAclAssociation,
    Route,
    RouteTable,
    RouteTableAssociation,
    Subnet,
)
from emulator.net.cidrs import Network, known_network
from emulator.net.routes import ACTIVE, LOCAL, routes_of, state_of
from emulator.net.traffic import Traffic, typed_traffic
from emulator.state.joins import elastic_addresses
from emulator.state.store import Region

ALL_IPV4, ALL_IPV6 = known_network("0.0.0.0/0"), known_network("::/0")


@attrs.frozen
class AclRule:
    """One rule of a network ACL: the first one that fits a packet decides."""

    traffic: Traffic
    network: Network
    allows: bool


@attrs.frozen
class RouteRule:
    """Where packets to a network go; the first one that fits decides.

    Attributes:
        leads_there: whether they arrive; otherwise they are lost.
    """

    network: Network
    leads_there: bool


@attrs.frozen
class SubnetRules:
    """What stands between an interface and everything else.

    Attributes:
        own: the subnet's ranges; its ACL does not see what stays in them.
        ingress: the ACL's rules for packets that come into the subnet, in order; what none of
            them fits is lost.
        egress: likewise for packets that leave it.
        routes: for packets that leave the interface, longest prefix first; what none of them
            fits is lost.
    """

    own: tuple[Network, ...]
    ingress: tuple[AclRule, ...]
    egress: tuple[AclRule, ...]
    routes: tuple[RouteRule, ...]


def subnet_rules_of(region: Region, row: NetworkInterface) -> SubnetRules:
    """Return what the network around an interface lets through at this moment."""
    subnet = region[Subnet].get(row.subnet_id)
    ranges = (
        [] if subnet is None else [subnet.cidr, *(each.cidr for each in subnet.ipv6_associations)]
    )
    entries = [
        entry
        for association in region[NetworkAclAssociation].where(subnet_id=row.subnet_id)
        if (acl := region[NetworkAcl].get(association.network_acl_id)) is not None
        for entry in sorted(acl.entries, key=lambda entry: entry.rule_number)
    ]
    return SubnetRules(
        tuple(known_network(cidr) for cidr in ranges if cidr),
        tuple(_acl_rule(entry) for entry in entries if not entry.egress),
        tuple(_acl_rule(entry) for entry in entries if entry.egress),
        _route_rules(region, row),
    )


def _acl_rule(entry: AclEntry) -> AclRule:
    kind, code = entry.icmp or (None, None)
    first, last = entry.port_range or (0, 65535)
    traffic = typed_traffic(entry.protocol, (first, last), (kind, code))
    cidr = entry.cidr or entry.ipv6_cidr or ""
    return AclRule(traffic, known_network(cidr), entry.rule_action == "allow")


# Routes


def _table_of(region: Region, vpc_id: str, subnet_id: str) -> RouteTable | None:
    """Return the route table of a subnet: its own, or the VPC's main one."""
    associations = region[RouteTableAssociation]
    own = associations.where(subnet_id=subnet_id) or [
        each for each in associations.where(vpc_id=vpc_id) if each.main
    ]
    return region[RouteTable].get(own[0].route_table_id) if own else None


def _route_rules(region: Region, row: NetworkInterface) -> tuple[RouteRule, ...]:
    table = _table_of(region, row.vpc_id, row.subnet_id)
    found: dict[Network, bool] = {}
    for route in routes_of(region, table) if table is not None else ():
        for network in _destinations(region, route):
            leads_there = table is not None and _leads_there(region, row, table, route, network)
            found.setdefault(network, leads_there)
    rules = [RouteRule(network, leads) for network, leads in found.items()]
    return tuple(sorted(rules, key=lambda rule: -rule.network.prefixlen))


def _destinations(region: Region, route: Route) -> Iterator[Network]:
    cidr = route.destination_cidr or route.destination_ipv6_cidr
    if cidr is not None:
        yield known_network(cidr)
        return
    prefix_list = region[PrefixList].get(route.destination_prefix_list_id)
    for entry in prefix_list.entries if prefix_list is not None else ():
        yield known_network(entry.cidr)


def _leads_there(
    region: Region, row: NetworkInterface, table: RouteTable, route: Route, network: Network
) -> bool:
    """Tell whether packets get anywhere by a route."""
    if route.target == LOCAL:
        return True
    if state_of(region, table, route) != ACTIVE:
        return False
    prefix = route.target.rpartition("-")[0]
    if prefix == "igw":
        return network.version == 6 or _has_public_address(region, row)
    if prefix == "nat":
        return _nat_leads_out(region, route)
    if prefix == "eni":
        via = region[NetworkInterface].get(route.network_interface_id)
        return via is not None and not via.source_dest_check
    return prefix in {"eigw", "pcx", "vpce"}


def _has_public_address(region: Region, row: NetworkInterface) -> bool:
    # An address of the machine's network is known once the machine is; that it is to have
    # one is known before.
    has_one = row.public_ip is not None or row.auto_public_ip
    return has_one or bool(elastic_addresses(region, row))


def _nat_leads_out(region: Region, route: Route) -> bool:
    gateway = region[NatGateway].get(route.nat_gateway_id)
    if gateway is None or gateway.state != "available" or gateway.connectivity_type != "public":
        return False
    table = _table_of(region, gateway.vpc_id, gateway.subnet_id)
    return table is not None and any(
        each.target.startswith("igw-")
        and each.destination == str(ALL_IPV4)
        and state_of(region, table, each) == ACTIVE
        for each in routes_of(region, table)
    )
