"""The open connections of one server: their number, their deadlines, the time they share.

One sweep a second serves all of them, so that a request arms no timer and asks no clock.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final, Protocol

from twisted.internet.defer import Deferred

from emulator.core.event_loop import Turn
from emulator.web.request_reader import BodyBudget
from emulator.web.response_bytes import date_lines

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from emulator.web.limits import Limits

_SWEEP_SECONDS: Final = 1.0


class Watched(Protocol):
    """A connection as the sweep sees it.

    Attributes:
        deadline: the second after which ``expire`` is called, again each second.
    """

    deadline: float

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """Whether the client has nothing in flight."""

    @abstractmethod
    def expire(self, now: float) -> None:
        """Move the deadline or go away."""

    @abstractmethod
    def drain(self) -> None:
        """Close now if idle, else after what is in flight."""

    @abstractmethod
    def abort(self) -> None:
        """Drop the connection and whatever is unsent."""


class OpenConnections:
    """The connections that are open now.

    Attributes:
        limits: the bounds that hold for every connection.
        clock: the time that requests are measured with.
        turn: when answers are sent that need not be sent one by one.
        now: the clock's seconds, at most a second old while a connection is open.
        dates: the Server and Date lines of this second.
        body_budget: what all bodies together may take.
        draining: the server stops; each answer is its connection's last.
    """

    def __init__(self, limits: Limits, clock: IReactorTime, turn: Turn | None = None) -> None:
        self.limits = limits
        self.clock = clock
        self.turn = turn or Turn()
        self.body_budget = BodyBudget(limits.buffered_body_bytes)
        self.draining = False
        self.now = clock.seconds()
        self.dates = date_lines(self.now)
        self._members: set[Watched] = set()
        self._sweeping = False
        self._when_empty: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._members)

    def add(self, member: Watched) -> None:
        """Watch a connection from now on."""
        self._members.add(member)
        if not self._sweeping:
            self._sweeping = True
            self._tell_time()
            self.clock.callLater(_SWEEP_SECONDS, self._sweep)

    def discard(self, member: Watched) -> None:
        """Forget a connection that is gone."""
        self._members.discard(member)
        if not self._members:
            self._tell_empty()

    def make_room(self) -> bool:
        """Return whether one more may come; if need be, the longest idle one has to go."""
        if self.draining:
            return False
        if len(self._members) < self.limits.connections:
            return True
        idle = [member for member in self._members if member.is_idle]
        if not idle:
            return False
        # All idle deadlines lie equally far ahead of the last answer.
        oldest = min(idle, key=lambda member: member.deadline)
        # A transport aborts a little later; until then the next client would choose it again.
        self.discard(oldest)
        oldest.abort()
        return True

    def drain(self) -> Deferred[None]:
        """Close each connection after what is in flight; fires when all are gone."""
        self.draining = True
        done: Deferred[None] = Deferred()
        if not self._members:
            done.callback(None)
            return done
        self._when_empty = done
        for member in list(self._members):
            member.drain()
        return done

    def abort_all(self) -> None:
        """Drop every connection, and wait for none: not even for answers being worked on."""
        for member in list(self._members):
            member.abort()
        self._members.clear()
        self._tell_empty()

    def _tell_empty(self) -> None:
        if self._when_empty is not None:
            when_empty, self._when_empty = self._when_empty, None
            when_empty.callback(None)

    def _tell_time(self) -> None:
        self.now = self.clock.seconds()
        self.dates = date_lines(self.now)

    def _sweep(self) -> None:
        self._tell_time()
        now = self.now
        for member in list(self._members):
            if member.deadline < now:
                member.expire(now)
        self._sweeping = bool(self._members)
        if self._sweeping:
            self.clock.callLater(_SWEEP_SECONDS, self._sweep)
