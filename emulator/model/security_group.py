"""Security groups and their rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from emulator.model.row import Row, Stateful, moves, record


@record
class SecurityGroup(Row):
    """A security group; its rules are records of their own."""

    PREFIX: ClassVar[str] = "sg"
    RESOURCE_TYPE: ClassVar[str] = "security-group"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id", "name")

    vpc_id: str
    name: str
    description: str


@record
class SecurityGroupRule(Row):
    """One rule: one protocol and port range, one peer.

    Exactly one of ``cidr_ipv4``, ``cidr_ipv6``, ``prefix_list_id`` and
    ``peer_group_id`` is set.

    Attributes:
        protocol: ``tcp``, ``udp``, ``icmp``, ``icmpv6``, ``-1``, or another number as text.
        from_port: first port, or ICMP type; -1 for all.
        to_port: last port, or ICMP code; -1 for all.
        peer_owner_id: the account of the peer group.
        peer_vpc_id: the peer group's VPC, where it is another.
        peering_connection_id: the connection to that VPC.
    """

    PREFIX: ClassVar[str] = "sgr"
    RESOURCE_TYPE: ClassVar[str] = "security-group-rule"
    INDEXES: ClassVar[tuple[str, ...]] = ("group_id", "peer_group_id", "prefix_list_id")

    group_id: str
    is_egress: bool
    protocol: str
    from_port: int
    to_port: int
    cidr_ipv4: str | None = None
    cidr_ipv6: str | None = None
    prefix_list_id: str | None = None
    peer_group_id: str | None = None
    peer_owner_id: str | None = None
    peer_vpc_id: str | None = None
    peering_connection_id: str | None = None
    description: str | None = None


@record
class SecurityGroupVpcAssociation(Stateful):
    """A further VPC that a group may be used in; its id is made of both ids."""

    INDEXES: ClassVar[tuple[str, ...]] = ("group_id", "vpc_id")
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        associating="associated", associated="disassociating", disassociating=""
    )

    group_id: str
    vpc_id: str
