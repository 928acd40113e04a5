"""Placement groups: how instances are spread over hardware."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from emulator.model.row import Stateful, moves, record


@record
class PlacementGroup(Stateful):
    """A placement group; which instances are in it stands in their placement.

    Attributes:
        strategy: ``cluster``, ``partition``, ``spread`` or ``precision-time``.
        partition_count: of partition groups.
        spread_level: ``rack`` or ``host``, of spread groups.
    """

    PREFIX: ClassVar[str] = "pg"
    RESOURCE_TYPE: ClassVar[str] = "placement-group"
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="available deleting", available="deleting", deleting="deleted", deleted=""
    )

    name: str
    strategy: str
    partition_count: int | None = None
    spread_level: str | None = None
