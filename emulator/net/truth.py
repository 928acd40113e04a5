"""Whether packets are filtered, as it is told."""

from __future__ import annotations

from collections.abc import Mapping

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


def together(truths: Mapping[str, Truth]) -> Truth:
    """Return what is true of all instances: of one manager's, or of several managers', by name."""
    if len(truths) == 1:
        (truth,) = truths.values()
        return truth
    reason = "; ".join(f"{name}: {truth}" for name, truth in truths.items())
    return Truth(all(truth.is_enforced for truth in truths.values()), reason)
