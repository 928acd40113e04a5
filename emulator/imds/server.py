"""One listener an instance: the socket that a request arrives on says whose request it is.

Somebody else opens the sockets, inside the instance's network namespace; here the reactor
adopts them. Which HTTP server that is, and its limits, is given by whoever builds this.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from socket import socket
from typing import Protocol

import attrs

from emulator.core.background import Background
from emulator.imds.metadata import InstanceKey
from emulator.wire.message import HttpRequest, HttpResponse


class Door(Protocol):
    """An HTTP server that serves on sockets it is given."""

    @abstractmethod
    def adopt(self, sockets: Iterable[socket]) -> None:
        """Serve on listening sockets, and close the caller's ends of them.

        Raises:
            OSError: one of them is not a listening socket any more.
        """

    @abstractmethod
    async def stop(self, grace_seconds: float) -> None:
        """Stop listening and drop connections that are not done after ``grace_seconds``."""


class Answers(Protocol):
    """Who answers instances."""

    @abstractmethod
    def answer(
        self, key: InstanceKey, request: HttpRequest
    ) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer one request of one instance."""

    @abstractmethod
    def forget(self, key: InstanceKey) -> None:
        """Let go what was kept for an instance that is gone."""


NewDoor = Callable[[Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]], Door]


@attrs.define(eq=False)
class Listeners:
    """The listeners of all instances.

    Args:
        answers: gives the answers, such as the metadata service.
        new_door: returns an HTTP server with nothing to serve on yet.
        background: owns the closing of listeners.
    """

    _answers: Answers
    _new_door: NewDoor
    _background: Background
    _doors: dict[InstanceKey, Door] = attrs.field(factory=dict, init=False)

    def adopt(self, key: InstanceKey, sockets: Iterable[socket]) -> None:
        """Serve an instance on listening sockets; those it had before are closed.

        Args:
            key: account, region and instance id: whose metadata is answered there.
            sockets: bound to the service's addresses in the instance's namespace. They
                belong to the listener from now on, and the caller's are closed.

        Raises:
            OSError: a socket is closed or does not listen; then nothing is served.
        """
        self._shut(key)
        door = self._new_door(partial(self._answers.answer, key))
        try:
            door.adopt(sockets)
        except OSError:
            self._background.start(f"closing the metadata of {key[2]}", door.stop(0.0))
            raise
        self._doors[key] = door

    def close(self, key: InstanceKey) -> None:
        """Serve an instance no more and drop its connections; unknown ones are no error."""
        self._shut(key)
        self._answers.forget(key)

    def close_all(self) -> None:
        """Serve nobody any more."""
        for key in tuple(self._doors):
            self.close(key)

    def __contains__(self, key: InstanceKey) -> bool:
        return key in self._doors

    def __len__(self) -> int:
        return len(self._doors)

    def _shut(self, key: InstanceKey) -> None:
        door = self._doors.pop(key, None)
        if door is not None:
            self._background.start(f"closing the metadata of {key[2]}", door.stop(0.0))
