"""Which VM managers there are, and which one runs here."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from emulator.vm.interface import VMManager
from emulator.vm.mock.manager import MockManager


@attrs.frozen
class Choice:
    """A manager and why it is the one.

    Attributes:
        reason: for the log, ``doctor`` and ``/_localstack/info``.
    """

    manager: VMManager
    reason: str


def choose(wanted: str | None) -> Choice:
    """Return the manager to use.

    Args:
        wanted: EC2_VM_MANAGER, or None for the best that works here.
    """
    if wanted is not None:
        return Choice(MockManager(), f"EC2_VM_MANAGER={wanted}")
    return Choice(
        MockManager(), "this version keeps records only; managers with machines are to come"
    )


def obstacles() -> Mapping[str, str | None]:
    """Return, for each manager of this version, what keeps it from running; None: nothing."""
    return {"mock": None}
