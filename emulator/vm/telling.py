"""What a manager's follower tells services, whatever it hears it from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import attrs
from twisted.logger import Logger

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.vm.interface import Guest, GuestKey, GuestObserver, MachineImage, VMError


@attrs.define(eq=False)
class Teller:
    """Reads guests and images when it is told to, and tells the observer of them until closed.

    Args:
        log: the manager's, for what cannot be read.
        clock: gathers what makes several events.
        background: owns the reading.
        guests: returns all guests there are.
        images: returns all images there are.
    """

    _log: Logger
    _clock: Clock
    _background: Background
    _guests: Callable[[], Awaitable[Sequence[Guest]]]
    _images: Callable[[], Awaitable[Sequence[MachineImage]]]
    observer: GuestObserver | None = attrs.field(default=None, init=False)
    closed: bool = attrs.field(default=False, init=False)
    _images_due: bool = attrs.field(default=False, init=False)

    def guest_changed(self, key: GuestKey) -> None:
        """Have a guest looked at."""
        if self.observer is not None and not self.closed:
            self.observer.guest_changed(key)

    def images_soon(self, delay_seconds: float) -> None:
        """Read the images in a moment, once for all that asks until then."""
        if not self._images_due and not self.closed:
            self._images_due = True
            self._clock.call_later(delay_seconds, self._begin_images)

    def _begin_images(self) -> None:
        self._images_due = False
        self._background.start("reading the images", self._read_images())

    async def read_guests(self) -> None:
        """Tell of all guests there are; where they cannot be read, the log says so."""
        try:
            guests = await self._guests()
        except VMError as error:
            self._log.warn("the guests cannot be read: {error}", error=str(error))
            return
        if self.observer is not None and not self.closed:
            self.observer.connected(guests)

    async def _read_images(self) -> None:
        try:
            images = await self._images()
        except VMError as error:
            self._log.warn("the images cannot be read: {error}", error=str(error))
            return
        if self.observer is not None and not self.closed:
            self.observer.images_changed(images)
