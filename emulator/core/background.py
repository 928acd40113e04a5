"""Work that nobody awaits, owned: named in the log when it fails, ended at shutdown."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

log = Logger()


def _report(failure: Failure, what: str) -> None:
    if not isinstance(failure.value, CancelledError):
        log.failure("{what} failed", failure=failure, what=what)


@attrs.define(eq=False)
class Background:
    """The only place where a Deferred may be let go."""

    _tasks: dict[Deferred[None], str] = attrs.field(factory=dict, init=False)

    def start(self, what: str, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """Run ``work`` now; ``what`` names it, in the log should it fail and for ``cancel``."""
        task = Deferred.fromCoroutine(work).addErrback(_report, what)
        if task.called:
            return
        self._tasks[task.addBoth(lambda _: self._forget(task))] = what

    def _forget(self, task: Deferred[None]) -> None:
        self._tasks.pop(task, None)

    def __len__(self) -> int:
        return len(self._tasks)

    def cancel(self, what: str) -> None:
        """Cancel the work of this name, if some runs."""
        for task in [task for task, name in self._tasks.items() if name == what]:
            task.cancel()

    def cancel_all(self) -> None:
        """Cancel what still runs."""
        for task in tuple(self._tasks):
            task.cancel()
