"""What the network around an interface lets through, from records to typed values; pure.

Sources: "Network ACL rules", "Route tables", "Internet gateways", "NAT gateways".
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import AclEntry, NetworkAcl, NetworkAclAssociation, Subnet
from emulator.net.cidrs import Network, known_network
from emulator.net.route_legs import Leg, Way, legs_of
from emulator.net.traffic import Traffic, typed_traffic
from emulator.state.joins import elastic_addresses
from emulator.state.store import Region


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
        tuple(_route_rules(region, row)),
    )


def _acl_rule(entry: AclEntry) -> AclRule:
    kind, code = entry.icmp or (None, None)
    first, last = entry.port_range or (0, 65535)
    traffic = typed_traffic(entry.protocol, (first, last), (kind, code))
    cidr = entry.cidr or entry.ipv6_cidr or ""
    return AclRule(traffic, known_network(cidr), entry.rule_action == "allow")


# Routes


def _route_rules(region: Region, row: NetworkInterface) -> Iterator[RouteRule]:
    for leg in legs_of(region, row.vpc_id, row.subnet_id):
        yield RouteRule(leg.network, _leads_there(region, row, leg))


def _leads_there(region: Region, row: NetworkInterface, leg: Leg) -> bool:
    """Tell whether packets get anywhere by a route."""
    if leg.hop is None:
        return False
    if leg.hop.way is Way.INTERNET and leg.hop.source is None and leg.network.version == 4:
        return _has_public_address(region, row)
    return True


def _has_public_address(region: Region, row: NetworkInterface) -> bool:
    # An address of the machine's network is known once the machine is; that it is to have
    # one is known before.
    has_one = row.public_ip is not None or row.auto_public_ip
    return has_one or bool(elastic_addresses(region, row))
