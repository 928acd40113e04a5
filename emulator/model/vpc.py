"""Virtual private clouds and what gives them addresses: subnets and DHCP options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import attrs

from emulator.model.row import Row, Stateful, moves, record


@attrs.frozen
class CidrAssociation:
    """One range of a VPC or subnet.

    Attributes:
        id: ``vpc-cidr-assoc-…`` or ``subnet-cidr-assoc-…``.
        cidr: the range, in its canonical spelling.
        state: such as ``associated``.
        network_border_group: from where AWS advertises an IPv6 range of a VPC.
    """

    id: str
    cidr: str
    state: str = "associated"
    network_border_group: str | None = None


@record
class DhcpOptions(Row):
    """A DHCP options set.

    Attributes:
        configurations: for each key, its values in order.
    """

    PREFIX: ClassVar[str] = "dopt"
    RESOURCE_TYPE: ClassVar[str] = "dhcp-options"

    configurations: Mapping[str, tuple[str, ...]]


@record
class Vpc(Stateful):
    """A virtual private cloud.

    Attributes:
        cidr: the primary IPv4 range.
        ipv4_associations: every IPv4 range, the primary first.
        ipv6_associations: every IPv6 range.
        dhcp_options_id: a set's id, or ``default`` for none.
    """

    PREFIX: ClassVar[str] = "vpc"
    RESOURCE_TYPE: ClassVar[str] = "vpc"
    INDEXES: ClassVar[tuple[str, ...]] = ("dhcp_options_id", "is_default")
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(pending="available", available="")

    cidr: str
    dhcp_options_id: str
    ipv4_associations: tuple[CidrAssociation, ...]
    ipv6_associations: tuple[CidrAssociation, ...] = ()
    instance_tenancy: str = "default"
    is_default: bool = False
    enable_dns_support: bool = True
    enable_dns_hostnames: bool = False
    enable_network_address_usage_metrics: bool = False


@attrs.frozen
class ReservedRange:
    """Addresses, as numbers of either family, that a subnet does not give out by itself.

    Attributes:
        for_prefixes: whether it gives them out as prefixes; otherwise only when asked for.
    """

    first: int
    last: int
    for_prefixes: bool


@record
class Subnet(Stateful):
    """A range of a VPC in one availability zone.

    Attributes:
        cidr: the IPv4 range; empty for IPv6-only subnets.
        addresses_in_use: numbers of the IPv4 addresses given out; the four first and the
            last of a subnet are AWS's own and not among them. Change it through
            ``emulator.net.addresses`` only.
        private_dns_hostname_type: ``ip-name`` or ``resource-name``.
        reserved: the ranges of its CIDR reservations.
    """

    PREFIX: ClassVar[str] = "subnet"
    RESOURCE_TYPE: ClassVar[str] = "subnet"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(pending="available", available="")

    vpc_id: str
    cidr: str
    availability_zone: str
    ipv6_associations: tuple[CidrAssociation, ...] = ()
    default_for_az: bool = False
    map_public_ip_on_launch: bool = False
    assign_ipv6_address_on_creation: bool = False
    enable_dns64: bool = False
    ipv6_native: bool = False
    enable_lni_at_device_index: int | None = None
    map_customer_owned_ip_on_launch: bool = False
    customer_owned_ipv4_pool: str | None = None
    private_dns_hostname_type: str = "ip-name"
    resource_name_dns_a_record: bool = False
    resource_name_dns_aaaa_record: bool = False
    addresses_in_use: set[int] = attrs.field(factory=set)
    reserved: tuple[ReservedRange, ...] = ()


@record
class SubnetCidrReservation(Row):
    """A range of a subnet that is kept for prefixes (``prefix``) or for who asks (``explicit``)."""

    PREFIX: ClassVar[str] = "scr"
    RESOURCE_TYPE: ClassVar[str] = "subnet-cidr-reservation"
    INDEXES: ClassVar[tuple[str, ...]] = ("subnet_id",)

    subnet_id: str
    cidr: str
    reservation_type: str
    description: str | None = None


@record
class InternetGateway(Row):
    """An internet gateway; ``vpc_id`` is None while it is detached."""

    PREFIX: ClassVar[str] = "igw"
    RESOURCE_TYPE: ClassVar[str] = "internet-gateway"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    vpc_id: str | None = None


@record
class EgressOnlyInternetGateway(Row):
    """An IPv6 gateway that lets nobody in."""

    PREFIX: ClassVar[str] = "eigw"
    RESOURCE_TYPE: ClassVar[str] = "egress-only-internet-gateway"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    vpc_id: str


@attrs.frozen
class Route:
    """One route; exactly one destination and one target are set.

    Whether it leads anywhere (``active`` or ``blackhole``) is derived from its target.

    Attributes:
        origin: ``CreateRouteTable``, ``CreateRoute`` or ``EnableVgwRoutePropagation``.
        gateway_id: ``local``, an internet gateway, a VPN gateway or a gateway endpoint.
        network_interface_id: also stands for the instance a route was made to.
    """

    destination_cidr: str | None = None
    destination_ipv6_cidr: str | None = None
    destination_prefix_list_id: str | None = None
    gateway_id: str | None = None
    nat_gateway_id: str | None = None
    network_interface_id: str | None = None
    transit_gateway_id: str | None = None
    vpc_peering_connection_id: str | None = None
    egress_only_internet_gateway_id: str | None = None
    local_gateway_id: str | None = None
    carrier_gateway_id: str | None = None
    core_network_arn: str | None = None
    odb_network_arn: str | None = None
    origin: str = "CreateRoute"

    @property
    def destination(self) -> str:
        """The destination, of whatever kind."""
        return (
            self.destination_cidr
            or self.destination_ipv6_cidr
            or self.destination_prefix_list_id
            or ""
        )

    @property
    def target(self) -> str:
        """The id of whatever it leads to, or ``local``."""
        return (
            self.gateway_id
            or self.nat_gateway_id
            or self.network_interface_id
            or self.transit_gateway_id
            or self.vpc_peering_connection_id
            or self.egress_only_internet_gateway_id
            or self.local_gateway_id
            or self.carrier_gateway_id
            or self.core_network_arn
            or self.odb_network_arn
            or ""
        )


@record
class RouteTable(Row):
    """A route table; which subnets it serves stands in RouteTableAssociation.

    Attributes:
        routes: those that somebody made, and local routes whose target was replaced. The
            plain local routes follow from the VPC's ranges and are kept nowhere.
    """

    PREFIX: ClassVar[str] = "rtb"
    RESOURCE_TYPE: ClassVar[str] = "route-table"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    vpc_id: str
    routes: tuple[Route, ...] = ()
    propagating_gateway_ids: tuple[str, ...] = ()


@record
class RouteTableAssociation(Row):
    """Which table routes for a subnet or gateway, or for the whole VPC (``main``)."""

    PREFIX: ClassVar[str] = "rtbassoc"
    INDEXES: ClassVar[tuple[str, ...]] = ("route_table_id", "subnet_id", "vpc_id")

    vpc_id: str
    route_table_id: str
    subnet_id: str | None = None
    gateway_id: str | None = None
    main: bool = False


@attrs.frozen
class AclEntry:
    """One numbered rule of a network ACL.

    Attributes:
        protocol: IANA number as text, or ``-1`` for all.
        port_range: first and last port, for TCP and UDP.
        icmp: type and code, for ICMP and ICMPv6.
    """

    rule_number: int
    egress: bool
    protocol: str
    rule_action: str
    cidr: str | None = None
    ipv6_cidr: str | None = None
    port_range: tuple[int, int] | None = None
    icmp: tuple[int, int] | None = None


@record
class NetworkAcl(Row):
    """A network ACL; which subnets it guards stands in NetworkAclAssociation.

    Attributes:
        entries: all but the last ones that deny everything else; those follow from the VPC.
    """

    PREFIX: ClassVar[str] = "acl"
    RESOURCE_TYPE: ClassVar[str] = "network-acl"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    vpc_id: str
    is_default: bool = False
    entries: tuple[AclEntry, ...] = ()


@record
class NetworkAclAssociation(Row):
    """Which network ACL guards a subnet; every subnet has exactly one."""

    PREFIX: ClassVar[str] = "aclassoc"
    INDEXES: ClassVar[tuple[str, ...]] = ("network_acl_id", "subnet_id")

    network_acl_id: str
    subnet_id: str
