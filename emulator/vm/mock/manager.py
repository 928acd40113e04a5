"""A manager whose machines are records: they boot at once and never fail."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from emulator.vm.interface import Guest, LaunchSpec, VMManager


@attrs.define(eq=False)
class MockManager(VMManager):
    """Remembers which guests it was asked for, and whether each is up.

    It has the ability ``LaunchesAtOnce`` too, by having its method.
    """

    name: str = attrs.field(default="mock", init=False)
    _running: dict[str, bool] = attrs.field(factory=dict, init=False)

    async def launch(self, spec: LaunchSpec) -> Guest:
        """Note one running guest."""
        return self._up(spec.instance_id)

    def launch_now(self, instance_ids: Sequence[str]) -> None:
        """Note running guests."""
        self._running.update(dict.fromkeys(instance_ids, True))

    async def start(self, instance_id: str) -> Guest:
        """Note that the guest is up."""
        return self._up(instance_id)

    async def stop(self, instance_id: str, *, force: bool) -> None:  # noqa: ARG002 - same for records
        """Note that the guest is down."""
        if instance_id in self._running:
            self._running[instance_id] = False

    async def reboot(self, instance_id: str) -> None:
        """Do nothing: a record restarts in no time."""

    async def terminate(self, instance_id: str) -> None:
        """Forget the guest."""
        self._running.pop(instance_id, None)

    async def describe(self) -> Sequence[Guest]:
        """Return every guest."""
        return [Guest(instance_id, running) for instance_id, running in self._running.items()]

    def _up(self, instance_id: str) -> Guest:
        self._running[instance_id] = True
        return Guest(instance_id, running=True)
