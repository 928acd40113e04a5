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

    _tasks: set[Deferred[None]] = attrs.field(factory=set, init=False)

    def start(self, what: str, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """Run ``work`` now; ``what`` names it in the log should it fail."""
        task = Deferred.fromCoroutine(work).addErrback(_report, what)
        if task.called:
            return
        self._tasks.add(task.addBoth(lambda _: self._tasks.discard(task)))

    def __len__(self) -> int:
        return len(self._tasks)

    def cancel_all(self) -> None:
        """Cancel what still runs."""
        for task in tuple(self._tasks):
            task.cancel()
