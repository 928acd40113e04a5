"""VPC peering connections between two VPCs of any account and region."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

import attrs

from emulator.model.row import Stateful, moves, record


@attrs.frozen
class PeeringSide:
    """One of the two VPCs, as it was when last looked at.

    Attributes:
        cidrs: its IPv4 ranges, the primary first.
        dns_resolution: whether the other side's private DNS names resolve to its private
            addresses (AllowDnsResolutionFromRemoteVpc).
    """

    account: str
    region: str
    vpc_id: str
    cidrs: tuple[str, ...] = ()
    ipv6_cidrs: tuple[str, ...] = ()
    dns_resolution: bool = False


@record
class VpcPeeringConnection(Stateful):
    """A peering connection, kept on each side: equal but for tags.

    A rendering only hears of changes in its own account and region, which is why there are
    two records where the sides differ in these, and why each holds both VPCs' ranges.

    Attributes:
        message: says the state in words.
        expires_at: when a request that nobody accepts ends.
    """

    PREFIX: ClassVar[str] = "pcx"
    RESOURCE_TYPE: ClassVar[str] = "vpc-peering-connection"
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        initiating_request="pending-acceptance failed deleted",
        pending_acceptance="provisioning rejected expired deleted failed",
        provisioning="active deleted failed",
        active="deleted",
        failed="",
        rejected="",
        expired="",
        deleted="",
    )

    requester: PeeringSide
    accepter: PeeringSide
    message: str
    expires_at: datetime
