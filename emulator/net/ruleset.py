"""What an instance's interfaces let through, from records to typed values; pure.

Sources: "Security group rules", "Security group connection tracking", "Reference security
groups across VPC peering connections".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias

import attrs

from emulator.model.network_interface import NetworkInterface
from emulator.model.prefix_list import PrefixList
from emulator.model.security_group import SecurityGroupRule
from emulator.model.vpc_peering_connection import VpcPeeringConnection
from emulator.net.cidrs import Network, known_network
from emulator.net.interfaces import interface_rows
from emulator.net.subnet_rules import SubnetRules, subnet_rules_of
from emulator.net.traffic import Traffic, typed_traffic
from emulator.state.store import Region

Neighbours: TypeAlias = Mapping[str, Region]
"""The same region in other accounts, by account."""


@attrs.frozen
class Allowed:
    """Traffic with these networks at its other end may pass.

    Attributes:
        networks: of both families, none within another.
    """

    traffic: Traffic
    networks: tuple[Network, ...]


@attrs.frozen
class InterfaceRules:
    """What one interface lets through; its two directions have nothing to do with each other.

    Attributes:
        addresses: every one that is the interface's.
        ingress: rules for packets that arrive; what none of them allows does not.
        egress: rules for packets that leave.
        source_dest_check: whether it is only for packets from or to its instance.
        subnet: what the network around it lets through; None: everything.
    """

    addresses: tuple[Network, ...]
    ingress: tuple[Allowed, ...]
    egress: tuple[Allowed, ...]
    source_dest_check: bool = True
    subnet: SubnetRules | None = None


@attrs.frozen
class Ruleset:
    """What an instance lets through.

    Attributes:
        interfaces: the first one first; with none of them nothing passes.
    """

    interfaces: tuple[InterfaceRules, ...] = ()


def ruleset_of(
    region: Region, instance_id: str, neighbours: Neighbours, *, subnets: bool = True
) -> Ruleset:
    """Return what an instance may send and get at this moment.

    Args:
        region: of the instance.
        instance_id: an instance that has no records gets nothing.
        neighbours: whose groups rules may name across peering connections.
        subnets: whether network ACLs and routes count besides security groups.
    """
    return Ruleset(
        tuple(
            attrs.evolve(
                _interface_rules(region, row, neighbours),
                subnet=subnet_rules_of(region, row) if subnets else None,
            )
            for row in interface_rows(region, instance_id)
        )
    )


def _interface_rules(
    region: Region, row: NetworkInterface, neighbours: Neighbours
) -> InterfaceRules:
    sources: dict[bool, dict[Traffic, list[Network]]] = {False: {}, True: {}}
    for group_id in row.group_ids:
        for rule in region[SecurityGroupRule].where(group_id=group_id):
            networks = sources[rule.is_egress].setdefault(traffic_of(rule), [])
            networks.extend(_networks(region, row.vpc_id, rule, neighbours))
    return InterfaceRules(
        addresses_of(row),
        _allowed(sources[False]),
        _allowed(sources[True]),
        row.source_dest_check,
    )


def _allowed(found: Mapping[Traffic, list[Network]]) -> tuple[Allowed, ...]:
    return tuple(
        Allowed(traffic, collapsed(networks)) for traffic, networks in found.items() if networks
    )


def traffic_of(rule: SecurityGroupRule) -> Traffic:
    """Return the packets that a rule is about."""
    numbers = rule.from_port, rule.to_port
    return typed_traffic(rule.protocol, numbers, numbers)


def _networks(
    region: Region, vpc_id: str, rule: SecurityGroupRule, neighbours: Neighbours
) -> Iterator[Network]:
    """Yield where the other end of a rule's packets may be."""
    cidr = rule.cidr_ipv4 or rule.cidr_ipv6
    if cidr is not None:
        yield known_network(cidr)
    elif rule.prefix_list_id is not None:
        prefix_list = region[PrefixList].get(rule.prefix_list_id)
        for entry in prefix_list.entries if prefix_list is not None else ():
            yield known_network(entry.cidr)
    elif rule.peer_group_id is not None:
        for member in _members(region, vpc_id, rule, neighbours):
            yield from addresses_of(member)


def _members(
    region: Region, vpc_id: str, rule: SecurityGroupRule, neighbours: Neighbours
) -> Iterator[NetworkInterface]:
    """Yield the interfaces that have a rule's peer group and that packets could come from.

    Addresses mean something within a VPC only: those of another one count where a peering
    connection leads there.
    """
    owner = rule.peer_owner_id or region.account
    home = region if owner == region.account else neighbours.get(owner)
    if home is None:
        return
    peer_vpc_id = _peered_vpc(region, rule)
    for row in home[NetworkInterface].where(group_ids=rule.peer_group_id):
        if row.vpc_id in {vpc_id, peer_vpc_id}:
            yield row


def _peered_vpc(region: Region, rule: SecurityGroupRule) -> str | None:
    """Return the VPC of a rule's peer group where an active connection leads to it."""
    if rule.peering_connection_id is None:
        return None
    connection = region[VpcPeeringConnection].get(rule.peering_connection_id)
    active = connection is not None and connection.state == "active"
    return rule.peer_vpc_id if active else None


def addresses_of(row: NetworkInterface) -> tuple[Network, ...]:
    """Return an interface's own addresses, and the ranges that are delegated to it."""
    return tuple(
        known_network(text)
        for text in (
            *row.private_ips,
            *row.ipv6_addresses,
            *row.ipv4_prefixes,
            *row.ipv6_prefixes,
        )
    )


def collapsed(networks: Iterable[Network]) -> tuple[Network, ...]:
    """Return the same addresses as few networks, IPv4 first."""
    return _collapsed(frozenset(networks))


# The members of one group are the peers of all of them.
@lru_cache(maxsize=256)
def _collapsed(unique: frozenset[Network]) -> tuple[Network, ...]:
    ipv4 = [each for each in unique if isinstance(each, ipaddress.IPv4Network)]
    ipv6 = [each for each in unique if isinstance(each, ipaddress.IPv6Network)]
    return (*ipaddress.collapse_addresses(ipv4), *ipaddress.collapse_addresses(ipv6))
