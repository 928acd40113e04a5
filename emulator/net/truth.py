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
        in_part: whether some have theirs and others do not.
    """

    is_enforced: bool
    reason: str
    in_part: bool = False

    def __str__(self) -> str:
        if self.in_part:
            return f"enforced in part: {self.reason}"
        return f"enforced, {self.reason}" if self.is_enforced else f"not enforced: {self.reason}"


def together(truths: Mapping[str, Truth]) -> Truth:
    """Return what is true of all instances: of one manager's, or of several managers', by name."""
    if len(truths) == 1:
        (truth,) = truths.values()
        return truth
    answers = {truth.is_enforced for truth in truths.values()}
    if len(answers) == 1:
        reason = "; ".join(f"{name}: {truth.reason}" for name, truth in truths.items())
        return Truth(answers.pop(), reason)
    reason = "; ".join(f"{name}: {truth}" for name, truth in truths.items())
    return Truth(is_enforced=False, reason=reason, in_part=True)


@attrs.frozen
class Routed:
    """Whether packets really go where routes and public addresses say, likewise."""

    is_real: bool
    reason: str

    def __str__(self) -> str:
        return f"real, {self.reason}" if self.is_real else f"not real: {self.reason}"


def all_routed(each: Mapping[str, Routed]) -> Routed:
    """Return what is so for all instances: of one manager's, or of several managers', by name."""
    if len(each) == 1:
        (routed,) = each.values()
        return routed
    reason = "; ".join(f"{name}: {routed}" for name, routed in each.items())
    return Routed(all(routed.is_real for routed in each.values()), reason)
