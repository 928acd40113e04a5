"""The reactor: Twisted's own, with turns that can be seen.

A turn is everything that one question to the kernel brought to do. Whoever has something to
say to many peers says it at the end of a turn: each is woken once, and the kernel is not
called between two pieces of our own work.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.main import installReactor
from twisted.logger import Logger

_log = Logger()


@attrs.define(eq=False)
class Turn:
    """The present turn of the event loop.

    Attributes:
        is_shared: whether more than one event came with it; else nothing is worth waiting for.
    """

    is_shared: bool = False
    _at_end: list[Callable[[], None]] = attrs.field(factory=list, init=False)

    def at_end(self, function: Callable[[], None]) -> None:
        """Call ``function`` when all events of this turn, which is shared, were handled."""
        self._at_end.append(function)

    def end(self) -> None:
        """Call what waits for the end."""
        self.is_shared = False
        waiting, self._at_end = self._at_end, []
        for function in waiting:
            try:
                function()
            except Exception:  # noqa: BLE001 - the others wait as well
                _log.failure("what waited for the end of a turn failed")


def install() -> Turn:
    """Install the reactor, before anybody imports it, and return its turns.

    Where there is no epoll it is Twisted's default, none of whose turns is ever shared.
    """
    turn = Turn()
    if hasattr(select, "epoll"):
        installReactor(_epoll_reactor(turn))  # type: ignore[no-untyped-call]
    return turn


def _epoll_reactor(turn: Turn) -> Any:
    from twisted.internet.epollreactor import EPollReactor  # noqa: PLC0415 - Linux only

    class TurningReactor(EPollReactor):
        """Twisted's, but for the log context of each event, which our log does not show."""

        def doPoll(self, timeout: float | None) -> None:  # noqa: N802 - Twisted's name
            """Wait for events and handle them."""
            try:
                # As Twisted does: None waits for ever, and no more events than descriptors.
                events = self._poller.poll(
                    -1 if timeout is None else timeout, len(self._selectables)
                )
            except InterruptedError:
                return
            turn.is_shared = len(events) > 1
            for descriptor, event in events:
                selectable = self._selectables.get(descriptor)
                if selectable is not None:
                    try:
                        self._doReadOrWrite(selectable, descriptor, event)  # type: ignore[no-untyped-call]
                    except Exception:  # noqa: BLE001 - nobody else is to suffer for it
                        _log.failure("handling an event failed")
            if turn.is_shared:
                turn.end()

        doIteration = doPoll  # noqa: N815 - likewise

    return TurningReactor()  # type: ignore[no-untyped-call]
