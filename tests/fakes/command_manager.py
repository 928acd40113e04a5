"""A manager without machines that runs commands all the same: a test says how each ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from twisted.internet.defer import Deferred

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
    """Ends commands with ``result`` at once, or when a test ends them where it is None."""

    result: CommandResult | None = DONE
    later: CommandResult = DONE
    started: list[Started] = attrs.field(factory=list, init=False)

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
