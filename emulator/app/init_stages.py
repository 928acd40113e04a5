"""When the user's init scripts run in the life of the program."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as OutOfTime
from twisted.logger import Logger

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.init_scripts import InitScripts, Stage
from emulator.core.opening import Opening
from emulator.core.process import run_program

log = Logger(namespace="emulator.init")

# `docker stop` waits ten seconds in all, and requests in flight come after the scripts.
SHUTDOWN_SECONDS = 4.0
_BEGINNING = "running the init scripts"


@attrs.frozen
class InitStages:
    """Runs the scripts beside everything else.

    Args:
        scripts: what runs.
        opening: the stage READY waits for it.
        clock: limits the last stage.
        background: owns the first ones.
    """

    scripts: InitScripts
    _opening: Opening
    _clock: Clock
    _background: Background

    def begin(self) -> None:
        """Run the stages START and READY, when the API answers, without waiting for them."""
        self._background.start(_BEGINNING, self._begin())

    async def _begin(self) -> None:
        await self.scripts.run_stage(Stage.START)
        await self._opening.wait()
        await self.scripts.run_stage(Stage.READY)
        # LocalStack's word, which scripts wait for in the log.
        sys.stdout.write("Ready.\n")
        sys.stdout.flush()

    async def end(self) -> None:
        """Run the stage SHUTDOWN while the API still answers; it may not take long."""
        self._background.cancel(_BEGINNING)
        stage = Deferred.fromCoroutine(self.scripts.run_stage(Stage.SHUTDOWN))
        try:
            await stage.addTimeout(SHUTDOWN_SECONDS, self._clock.reactor)
        except OutOfTime:
            log.warn(
                "the scripts for shutdown took more than {seconds} seconds",
                seconds=SHUTDOWN_SECONDS,
            )


def program_runner(reactor: Any) -> Any:
    """Return what runs a script's command."""
    return partial(run_program, reactor)
