"""A whole emulator over several managers in memory, joined as a run joins them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from twisted.internet.task import Clock as FakeReactor

from emulator.app import build
from emulator.app.machines import Machines, joined
from emulator.core.clock import Clock
from emulator.core.ids import Ids
from emulator.core.threads import NoThreads
from emulator.model.instance import Instance
from emulator.net.truth import Truth
from emulator.state.store import Region, State
from emulator.vm.interface import GuestKey, VMManager
from tests.fakes.client import EPOCH
from tests.fakes.launcher import Launcher

ACCOUNT = "000000000000"
REGION = "us-east-1"


def machines(manager: VMManager) -> Machines:
    """Return a manager with what belongs to it: nothing."""
    return Machines(manager, Truth(is_enforced=False, reason="nobody filters"))


class SideBySide:
    """An emulator that was just started.

    Args:
        managers: in the user's order.
        manager_tag: who sees the manager's tag on instances.
        follows: whether the emulator hears what the managers have.

    Attributes:
        client: a caller in account 000000000000 and us-east-1.
        known: how often the emulator said that it knows of all there is.
    """

    def __init__(
        self, managers: Sequence[VMManager], *, manager_tag: str = "auto", follows: bool = True
    ) -> None:
        self.reactor, self.state, self.known = FakeReactor(), State(), 0
        self.machines = joined([machines(manager) for manager in managers])
        self.api = build(
            clock=Clock.starting_at(self.reactor, EPOCH),
            ids=Ids(random.Random(1)),
            threads=NoThreads(),
            machines=self.machines.managers,
            state=self.state,
            images=self.machines.images,
            manager_tag=manager_tag,
        )
        self.client = Launcher(like=self)  # type: ignore[arg-type]
        if follows:
            self.machines.begin(self.api, self._all_known)
            self.client.turn()

    def _all_known(self) -> None:
        self.known += 1

    @property
    def region(self) -> Region:
        """The caller's region."""
        return self.state.region(ACCOUNT, REGION)

    def record(self, instance_id: str) -> Instance:
        """Return an instance's record."""
        return self.region[Instance][instance_id]

    def key(self, instance_id: str) -> GuestKey:
        """Return the whole identity of an instance of the caller's."""
        return GuestKey(ACCOUNT, REGION, instance_id)
