"""Site-to-site VPN: the gateways at both ends and the connections between them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs

from emulator.model.row import Stateful, moves, record


@record
class VpnGateway(Stateful):
    """A virtual private gateway, AWS's end of a VPN.

    Attributes:
        vpc_id: the VPC it is attached to, if it is.
        attachment_state: of that attachment.
    """

    PREFIX: ClassVar[str] = "vgw"
    RESOURCE_TYPE: ClassVar[str] = "vpn-gateway"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="available deleted", available="deleted", deleted=""
    )

    asn: int
    availability_zone: str | None = None
    vpc_id: str | None = None
    attachment_state: str = "detached"


@record
class CustomerGateway(Stateful):
    """What AWS was told of the device at the customer's end."""

    PREFIX: ClassVar[str] = "cgw"
    RESOURCE_TYPE: ClassVar[str] = "customer-gateway"
    INDEXES: ClassVar[tuple[str, ...]] = ("ip_address",)
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="available deleted", available="deleted", deleted=""
    )

    asn: int
    ip_address: str | None = None
    certificate_arn: str | None = None
    device_name: str | None = None


@attrs.frozen
class Tunnel:
    """One of the two tunnels of a connection.

    Attributes:
        inside_cidr: an IPv4 /30 of link-local addresses.
        inside_ipv6_cidr: an IPv6 /126, where the tunnels carry IPv6.
        options: what was asked for beside these, in AWS's shape; nothing for its defaults.
    """

    outside_ip: str
    inside_cidr: str
    pre_shared_key: str = attrs.field(repr=False)
    inside_ipv6_cidr: str | None = None
    options: Mapping[str, Any] = attrs.field(factory=dict)


@record
class VpnConnection(Stateful):
    """A connection of two tunnels between a customer gateway and AWS.

    Attributes:
        options: VpnConnectionOptions without the tunnels, in AWS's shape.
        routes: ranges of the static routes.
        outside_ips: of the tunnels.
    """

    PREFIX: ClassVar[str] = "vpn"
    RESOURCE_TYPE: ClassVar[str] = "vpn-connection"
    INDEXES: ClassVar[tuple[str, ...]] = (
        "customer_gateway_id",
        "vpn_gateway_id",
        "transit_gateway_id",
        "outside_ips",
    )
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="available deleting", available="deleting", deleting="deleted", deleted=""
    )

    created_at: datetime
    customer_gateway_id: str
    tunnels: tuple[Tunnel, Tunnel]
    outside_ips: tuple[str, ...]
    options: Mapping[str, Any]
    vpn_gateway_id: str | None = None
    transit_gateway_id: str | None = None
    routes: tuple[str, ...] = ()
