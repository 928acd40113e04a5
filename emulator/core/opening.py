"""A door that opens once: who comes before waits, who comes later passes."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred


@attrs.define(eq=False)
class Opening:
    """Closed until it is opened for good."""

    is_open: bool = attrs.field(default=False, init=False)
    _waiting: list[Deferred[None]] = attrs.field(factory=list, init=False)

    @classmethod
    def opened(cls) -> Opening:
        """Return a door that is open already."""
        door = cls()
        door.open()
        return door

    def open(self) -> None:
        """Let everybody in; opening it again does nothing."""
        self.is_open = True
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def wait(self) -> Deferred[None]:
        """Fire when it is open."""
        done: Deferred[None] = Deferred()
        if self.is_open:
            done.callback(None)
        else:
            self._waiting.append(done)
        return done
