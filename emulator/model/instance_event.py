"""What is about to happen to an instance and what it is told beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from emulator.model.row import Stateful, moves, record

SPOT_INTERRUPTION = "spot-interruption"
REBALANCE = "rebalance"
MAINTENANCE = "maintenance"
LIFECYCLE_STATE = "lifecycle-state"


@record
class InstanceEvent(Stateful):
    """One event.

    Attributes:
        kind: one of the four above.
        value: what will be done on a Spot interruption (terminate, stop, hibernate), a
            scheduled event's code, or the target lifecycle state.
        noticed_at: from when the instance is told.
        not_before: when it happens.
        not_after: until when it may, of scheduled events.
        description: what a scheduled event says of itself.
    """

    PREFIX: ClassVar[str] = "instance-event"
    INDEXES: ClassVar[tuple[str, ...]] = ("instance_id",)
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        active="completed canceled", completed="", canceled=""
    )

    instance_id: str
    kind: str
    value: str
    noticed_at: datetime
    not_before: datetime
    not_after: datetime | None = None
    description: str = ""
