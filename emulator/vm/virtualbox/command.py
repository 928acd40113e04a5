"""The one way to VBoxManage for everything else here: run in threads, tried again while locked."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from emulator.core.clock import Clock
from emulator.core.process import run_blocking
from emulator.core.threads import Threads
from emulator.vm.virtualbox import arguments
from emulator.vm.virtualbox.blocking import Locked, Missing, Run, blocking_run
from emulator.vm.virtualbox.reading import Machine, extra_data, listed

log = Logger(namespace="emulator.vm.virtualbox")

SHORT_SECONDS = 60.0
# Copies of disks; a machine's first disk may be large and its folder slow.
LONG_SECONDS = 3600.0
# A machine stays locked for a moment after its process ended.
LOCKED_RETRIES = 20
LOCKED_PAUSE_SECONDS = 0.5


@attrs.define(eq=False)
class VBoxManage:
    """Runs commands.

    Args:
        program: VBoxManage's name or path.
        threads: where it is waited for.
        clock: for trying again.
        run: starts the program.
    """

    _program: str
    _threads: Threads
    _clock: Clock
    _run: Run = run_blocking

    async def run(self, command: list[str], timeout_seconds: float = SHORT_SECONDS) -> str:
        """Run a command and return what it printed.

        Raises:
            VirtualBoxError: it failed, or was locked for longer than a moment.
        """
        for _ in range(LOCKED_RETRIES):
            try:
                return await self._blocking(command, timeout_seconds)
            except Locked as error:
                log.debug("{command}: {error}", command=arguments.joined(command), error=str(error))
                await self.pause(LOCKED_PAUSE_SECONDS)
        return await self._blocking(command, timeout_seconds)

    def _blocking(self, command: list[str], timeout_seconds: float) -> Deferred[str]:
        return self._threads.run(blocking_run, self._program, command, timeout_seconds, self._run)

    def pause(self, seconds: float) -> Deferred[None]:
        """Fire after a time."""
        done: Deferred[None] = Deferred()
        self._clock.call_later(seconds, done.callback, None)
        return done

    async def machines(self) -> dict[str, str]:
        """Return every registered machine: name → UUID."""
        return dict(listed(await self.run(arguments.list_machines())))

    async def running(self) -> frozenset[str]:
        """Return the names of the machines that are up."""
        return frozenset(listed(await self.run(arguments.list_running())))

    async def machine(self, name: str) -> Machine | None:
        """Return a machine, or None if there is none of this name."""
        try:
            return Machine.of(await self.run(arguments.show_machine(name)))
        except Missing:
            return None

    async def extra_data(self, name: str, key: str) -> str | None:
        """Return a value of a machine's extra data, or None."""
        try:
            return extra_data(await self.run(arguments.get_extra_data(name, key)))
        except Missing:
            return None
