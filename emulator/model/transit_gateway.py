"""Transit gateways, what is attached to them, and how they route."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs

from emulator.model.row import Row, Stateful, moves, record


@record
class TransitGateway(Stateful):
    """A regional router between VPCs, VPN connections and other transit gateways.

    Attributes:
        owner_id: the account that made it; others see it too once they attach to it.
        options: the switches, ``enable`` or ``disable`` by AWS's name.
        association_table_id: the default association route table, while there is one.
        propagation_table_id: the default propagation route table, while there is one.
        encryption: ``enabled`` or ``disabled``.
    """

    PREFIX: ClassVar[str] = "tgw"
    RESOURCE_TYPE: ClassVar[str] = "transit-gateway"
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="available deleting",
        available="modifying deleting",
        modifying="available deleting",
        deleting="deleted",
        deleted="",
    )

    owner_id: str
    arn: str
    created_at: datetime
    asn: int
    options: Mapping[str, str]
    description: str | None = None
    cidrs: tuple[str, ...] = ()
    association_table_id: str | None = None
    propagation_table_id: str | None = None
    encryption: str = "disabled"


@record
class TransitGatewayRouteTable(Stateful):
    """One table of a transit gateway; its routes stand in TransitGatewayRoute."""

    PREFIX: ClassVar[str] = "tgw-rtb"
    RESOURCE_TYPE: ClassVar[str] = "transit-gateway-route-table"
    INDEXES: ClassVar[tuple[str, ...]] = ("transit_gateway_id",)
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="available deleting", available="deleting", deleting="deleted", deleted=""
    )

    transit_gateway_id: str
    created_at: datetime


@attrs.frozen
class PeeringSide:
    """One of the two transit gateways of a peering attachment."""

    account: str
    region: str
    transit_gateway_id: str


@attrs.frozen
class Peering:
    """What only peering attachments have.

    Attributes:
        is_requester: whether the record is the requester's.
        peer_attachment_id: the other side's record, which has another id where both sides
            are in one account and region.
        options: as they were asked for, in AWS's shape.
        message: why it failed, when it did.
    """

    requester: PeeringSide
    accepter: PeeringSide
    is_requester: bool
    peer_attachment_id: str
    options: Mapping[str, Any] | None = None
    message: str | None = None


@record
class TransitGatewayAttachment(Stateful):
    """Something attached to a transit gateway: a VPC, a VPN connection, another gateway.

    Where the owners of both ends differ, each has a record of its own with the same id.

    Attributes:
        resource_type: ``vpc``, ``vpn`` or ``peering``.
        resource_id: what is attached; for peering the transit gateway of the other side.
        options: a VPC attachment's switches, by AWS's name.
        interfaces: for each subnet of a VPC attachment, its network interface there.
        peering: set for peering attachments.
    """

    PREFIX: ClassVar[str] = "tgw-attach"
    RESOURCE_TYPE: ClassVar[str] = "transit-gateway-attachment"
    INDEXES: ClassVar[tuple[str, ...]] = ("transit_gateway_id", "resource_id")
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        initiatingRequest="pendingAcceptance failing failed deleting",
        failing="failed",
        failed="deleting",
        pendingAcceptance="pending rejecting deleting",
        pending="available deleting",
        available="modifying deleting",
        modifying="available deleting",
        rejecting="rejected",
        rejected="deleting",
        deleting="deleted",
        deleted="",
    )

    transit_gateway_id: str
    transit_gateway_owner_id: str
    resource_type: str
    resource_id: str
    resource_owner_id: str
    created_at: datetime
    options: Mapping[str, str] = attrs.field(factory=dict)
    subnet_ids: tuple[str, ...] = ()
    interfaces: Mapping[str, str] = attrs.field(factory=dict)
    peering: Peering | None = None


@record
class TransitGatewayAssociation(Stateful):
    """Which table routes what comes from an attachment; its id is the attachment's."""

    INDEXES: ClassVar[tuple[str, ...]] = ("route_table_id",)
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        associating="associated disassociating",
        associated="disassociating",
        disassociating="disassociated",
    )

    route_table_id: str


@record
class TransitGatewayPropagation(Stateful):
    """An attachment that tells a table its routes; see ``propagation_id``."""

    INDEXES: ClassVar[tuple[str, ...]] = ("route_table_id", "attachment_id")
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        enabling="enabled disabling", enabled="disabling", disabling="disabled"
    )

    route_table_id: str
    attachment_id: str


@record
class TransitGatewayRoute(Row):
    """A static route; its id is the table's and the range.

    Attributes:
        cidr: in its canonical spelling.
        attachment_id: where it leads; None for a route that drops what matches.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("route_table_id", "attachment_id")

    route_table_id: str
    cidr: str
    attachment_id: str | None = None


@record
class TransitGatewayPrefixListReference(Stateful):
    """Static routes for all entries of a prefix list; its id is the table's and the list's."""

    INDEXES: ClassVar[tuple[str, ...]] = ("route_table_id", "prefix_list_id")
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="available deleting",
        available="modifying deleting",
        modifying="available deleting",
        deleting="",
    )

    route_table_id: str
    prefix_list_id: str
    prefix_list_owner_id: str
    attachment_id: str | None = None
