"""Spot Instance requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from emulator.model.row import Row, Stateful, moves, record


@record
class SpotRequest(Stateful):
    """A request for one Spot Instance.

    Attributes:
        persistent: whether it outlives its instance.
        specification: LaunchSpecification, in AWS's shape and never mutated.
        status: code and message. Source: "Spot request status codes".
        instance_id: the instance that fulfils it.
    """

    PREFIX: ClassVar[str] = "sir"
    RESOURCE_TYPE: ClassVar[str] = "spot-instances-request"
    INDEXES: ClassVar[tuple[str, ...]] = ("instance_id",)
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        open="active cancelled closed failed",
        active="open disabled cancelled closed",
        disabled="active open cancelled closed",
        cancelled="",
        closed="",
        failed="",
    )

    created_at: datetime
    persistent: bool
    specification: Mapping[str, Any]
    status: tuple[str, str]
    status_at: datetime
    price: str | None = None
    interruption_behavior: str = "terminate"
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    launch_group: str | None = None
    availability_zone_group: str | None = None
    instance_id: str | None = None
    launched_zone: str | None = None
    product_description: str = "Linux/UNIX"
    fault: tuple[str, str] | None = None


@record
class SpotDatafeed(Row):
    """Where an account wants its Spot usage logged; there is at most one."""

    bucket: str
    prefix: str | None = None
