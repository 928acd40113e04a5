"""Hears from the engine what happens to containers and images, and tells an observer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import Threads
from emulator.vm.docker import names
from emulator.vm.docker.blocking import EngineAddress, EventStream, Unreachable
from emulator.vm.interface import Guest, GuestObserver, MachineImage
from emulator.vm.telling import Teller

log = Logger(namespace="emulator.vm.docker")

# What may make a guest another one than its record says.
GUEST_EVENTS = frozenset({"die", "start", "destroy", "pause", "unpause"})
IMAGE_EVENTS = frozenset({"tag", "untag", "delete", "import", "load", "pull"})
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 10.0
# Loading an image makes several events; one look at the images answers them all.
IMAGES_AFTER_SECONDS = 0.02


@attrs.define(eq=False)
class Follower:
    """Reads the event stream for as long as the emulator runs, through engine restarts.

    Args:
        address: where the engine is.
        namespace: that guests must have.
        threads: where reading blocks.
        in_reactor: calls a function in the reactor thread, from any thread.
        clock: for waiting until the engine is back.
        background: owns the reading.
        guests: returns all guests there are.
        images: returns all images there are.
    """

    _address: EngineAddress
    _namespace: str
    _threads: Threads
    _in_reactor: Callable[..., None]
    _clock: Clock
    _background: Background
    _guests: Callable[[], Awaitable[Sequence[Guest]]]
    _images: Callable[[], Awaitable[Sequence[MachineImage]]]
    _stream: EventStream | None = attrs.field(default=None, init=False)
    _teller: Teller = attrs.field(init=False)
    _connected: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._teller = Teller(log, self._clock, self._background, self._guests, self._images)

    def start(self, observer: GuestObserver) -> None:
        """Tell the observer from now on."""
        self._teller.observer = observer
        self._background.start("following the Docker engine", self._follow())

    def close(self) -> None:
        """Stop reading."""
        self._teller.closed = True
        if self._stream is not None:
            self._stream.close_connection()

    async def _follow(self) -> None:
        retry_seconds, told = FIRST_RETRY_SECONDS, False
        while not self._teller.closed:
            self._stream, self._connected = EventStream(self._address), False
            ended = None
            try:
                await self._threads.run(self._blocking_read, self._stream)
            except Unreachable as error:
                ended = error
            if self._connected:
                retry_seconds, told = FIRST_RETRY_SECONDS, False
            if ended is not None and not told and not self._teller.closed:
                log.warn("{error}; trying again until it does", error=str(ended))
                told = True
            await self._pause(retry_seconds)
            retry_seconds = min(2 * retry_seconds, LONGEST_RETRY_SECONDS)

    def _pause(self, seconds: float) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self._clock.call_later(seconds, done.callback, None)
        return done

    def _blocking_read(self, stream: EventStream) -> None:
        for event in stream.read():
            if self._teller.closed:
                return
            self._in_reactor(self._heard, event)

    def _heard(self, event: Mapping[str, Any]) -> None:
        """Take one event, in the reactor thread."""
        if self._teller.closed or self._teller.observer is None:
            return
        if not event:
            self._connected = True
            log.info("following the Docker engine")
            self._background.start("reading the guests", self._teller.read_guests())
            self._teller.images_soon(0)
            return
        action = str(event.get("Action", "")).partition(":")[0]
        if event.get("Type") == "image":
            if action in IMAGE_EVENTS:
                self._teller.images_soon(IMAGES_AFTER_SECONDS)
            return
        attributes = (event.get("Actor") or {}).get("Attributes") or {}
        key = names.key_of(attributes)
        if (
            action in GUEST_EVENTS
            and key is not None
            and attributes.get(names.NAMESPACE) == self._namespace
            and attributes.get("name") == names.container_name(key.instance_id)
        ):
            self._teller.guest_changed(key)
