"""Time as an argument: the program asks a clock, tests turn one by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime


@attrs.frozen
class Clock:
    """Wall-clock time and delayed calls over one Twisted reactor (or ``task.Clock``).

    Attributes:
        reactor: gives monotonic seconds and runs delayed calls.
        epoch: the moment at which ``reactor.seconds()`` was ``started_seconds``.
    """

    reactor: IReactorTime
    epoch: datetime
    started_seconds: float
    _ahead_seconds: float = attrs.field(init=False)

    @_ahead_seconds.default
    def _ahead_of_reactor(self) -> float:
        return self.epoch.timestamp() - self.started_seconds

    @classmethod
    def starting_at(cls, reactor: IReactorTime, epoch: datetime) -> Clock:
        """Return a clock that reads ``epoch`` now and goes on with the reactor."""
        return cls(reactor, epoch.astimezone(UTC), reactor.seconds())

    def seconds(self) -> float:
        """Return seconds that only ever grow, for durations."""
        return self.reactor.seconds()

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return self.epoch + timedelta(seconds=self.reactor.seconds() - self.started_seconds)

    def epoch_seconds(self) -> float:
        """Return the present moment as seconds since 1970, cheaper than ``now``."""
        return self._ahead_seconds + self.reactor.seconds()

    def call_later(
        self, delay_seconds: float, function: Callable[..., Any], *args: Any
    ) -> IDelayedCall:
        """Run ``function(*args)`` in the reactor after ``delay_seconds``."""
        return self.reactor.callLater(delay_seconds, function, *args)
