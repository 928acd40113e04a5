"""What AWS still shows for a while after it was deleted."""

from __future__ import annotations

from emulator.model.row import Stateful
from emulator.services.call import Call
from emulator.state.store import Region

VISIBLE_SECONDS = 3600.0
ENDED = frozenset(("deleted", "deleting", "failed", "failing", "rejected", "rejecting"))


def end(call: Call, region: Region, row: Stateful, state: str = "deleted") -> None:
    """Let a row on its way out reach its last state, and forget it in time."""
    call.world.settle(row, state)
    call.world.expire(region, row, VISIBLE_SECONDS)
