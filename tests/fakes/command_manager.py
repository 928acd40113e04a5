"""A manager without machines that runs scripts all the same: a test says how each ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from twisted.internet.defer import Deferred

from emulator.services.ssm.command_runs import STOP
from emulator.vm.interface import NO_ENVIRONMENT, CommandResult, RunsCommands
from emulator.vm.mock.manager import MockManager

DONE = CommandResult(0, b"", b"", timed_out=False)


@attrs.frozen
class Started:
    """A command as the manager was asked to run it, and how it may be ended."""

    instance_id: str
    arguments: tuple[str, ...]
    stdin: bytes
    environment: Mapping[str, str]
    timeout_seconds: float
    working_directory: str
    ending: Deferred[CommandResult]


@attrs.define(eq=False)
class CommandManager(MockManager, RunsCommands):
    """Ends scripts with ``result`` at once, or when a test ends them where it is None.

    Attributes:
        later: how the waiter's test ends scripts.
        stops: whether a script that is told to stop does so.
        started: the scripts, with how each may be ended.
        stopped: the instances in which a script was told to stop.
    """

    result: CommandResult | None = DONE
    later: CommandResult = DONE
    stops: bool = True
    started: list[Started] = attrs.field(factory=list, init=False)
    stopped: list[str] = attrs.field(factory=list, init=False)

    async def run_command(
        self,
        instance_id: str,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] = NO_ENVIRONMENT,
        timeout_seconds: float,
        working_directory: str = "",
    ) -> CommandResult:
        if arguments[2] == STOP:
            return self._stop(instance_id, arguments[-1])
        ending: Deferred[CommandResult] = Deferred()
        self.started.append(
            Started(
                instance_id,
                tuple(arguments),
                stdin,
                environment,
                timeout_seconds,
                working_directory,
                ending,
            )
        )
        if self.result is not None:
            ending.callback(self.result)
        return await ending

    def _stop(self, instance_id: str, directory: str) -> CommandResult:
        self.stopped.append(instance_id)
        for started in self.started:
            if self.stops and started.arguments[-1] == directory and not started.ending.called:
                started.ending.callback(CommandResult(143, b"", b""))
        return DONE
