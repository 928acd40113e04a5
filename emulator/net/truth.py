"""Whether packets are filtered, as it is told."""

from __future__ import annotations

import attrs


@attrs.frozen
class Truth:
    """Whether packets are really filtered, said wherever somebody asks.

    Attributes:
        is_enforced: whether every instance has its filter.
        reason: why, or why not.
    """

    is_enforced: bool
    reason: str

    def __str__(self) -> str:
        return f"enforced, {self.reason}" if self.is_enforced else f"not enforced: {self.reason}"
