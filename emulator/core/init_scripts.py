"""Scripts of the user's that run at stages of the program's life, as LocalStack runs them.

Those of the stage BOOT run before the program, by ``entrypoint.sh``; they are only listed
here. Knows directories and exit statuses, not how a process is started.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import attrs
from twisted.logger import Logger

log = Logger()

DEFAULT_DIRECTORY = Path("/etc/localstack/init")


class Stage(StrEnum):
    """When scripts run; each has a directory named after it."""

    BOOT = "BOOT"
    START = "START"
    READY = "READY"
    SHUTDOWN = "SHUTDOWN"


class ScriptState(StrEnum):
    """How far a script is."""

    UNKNOWN = "UNKNOWN"
    RUNNING = "RUNNING"
    SUCCESSFUL = "SUCCESSFUL"
    ERROR = "ERROR"


@attrs.define
class Script:
    """One script.

    Attributes:
        stage: when it runs.
        path: its file.
        state: how far it is.
    """

    stage: Stage
    path: Path
    state: ScriptState = ScriptState.UNKNOWN


def command_of(path: Path) -> Sequence[str] | None:
    """Return the command that runs a script, or None for a file that is none.

    A shell replaces itself by it, so that a file that cannot be run is told in a line.
    """
    if path.suffix == ".sh":
        return ("/bin/sh", "-c", 'exec "$0"', str(path))
    if path.suffix == ".py":
        return (sys.executable, str(path))
    return None


def find_scripts(directory: Path) -> Iterator[Path]:
    """Yield the scripts below a directory: its own by name, then those of each directory in it.

    Names that begin with a dot are left out: where a directory comes from a cluster's
    configuration, they are second copies.
    """
    for parent, directories, files in os.walk(directory):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if not name.startswith(".") and command_of(path) is not None:
                yield path


@attrs.define(eq=False)
class InitScripts:
    """The scripts below one directory, and how far they are.

    Args:
        directory: holds ``boot.d``, ``start.d``, ``ready.d`` and ``shutdown.d``.
        run: runs a command and returns its exit status.
    """

    _directory: Path
    _run: Callable[[Sequence[str]], Awaitable[int]]
    completed: dict[Stage, bool] = attrs.field(init=False)
    scripts: list[Script] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        # Whatever begins this program has run the first stage.
        self.completed = {stage: stage is Stage.BOOT for stage in Stage}
        for stage in Stage:
            folder = self._directory / f"{stage.lower()}.d"
            self.scripts += [Script(stage, path) for path in find_scripts(folder)]

    def of(self, stage: Stage) -> list[Script]:
        """Return the scripts of a stage, in the order in which they run."""
        return [script for script in self.scripts if script.stage is stage]

    async def run_stage(self, stage: Stage) -> None:
        """Run a stage's scripts one after the other; one that fails does not stop the rest."""
        for script in self.of(stage):
            await self._run_script(script)
        self.completed[stage] = True

    async def _run_script(self, script: Script) -> None:
        command = command_of(script.path)
        if command is None:
            return
        log.info("running {path}", path=script.path)
        script.state = ScriptState.RUNNING
        # Whoever is cancelled meanwhile has not been successful.
        ended = ScriptState.ERROR
        try:
            status = await self._run(command)
            if status == 0:
                ended = ScriptState.SUCCESSFUL
            else:
                log.error(
                    "{path} failed with exit status {status}", path=script.path, status=status
                )
        finally:
            script.state = ended
