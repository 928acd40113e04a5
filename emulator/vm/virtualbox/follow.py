"""Looks every few seconds at what machines and AMIs there are, and tells an observer.

VBoxManage tells of nothing by itself. Two short lists say whether anything happened; only
what did is looked at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

import attrs
from twisted.logger import Logger

from emulator.core.background import Background
from emulator.core.threads import Threads
from emulator.vm.interface import Guest, GuestObserver, MachineImage, VMError
from emulator.vm.virtualbox import files, names
from emulator.vm.virtualbox.command import VBoxManage
from emulator.vm.virtualbox.guests import Seen
from emulator.vm.virtualbox.names import Places

log = Logger(namespace="emulator.vm.virtualbox")


@attrs.define(eq=False)
class Follower:
    """Looks for as long as the emulator runs.

    Args:
        command: runs VBoxManage.
        threads: where the folder of images is read.
        background: owns the looking.
        places: where files are.
        every_seconds: how often it looks.
        guests: returns all guests there are, once leftovers are gone.
        images: returns all images there are.
        seen: how guests were when services last heard of them.
    """

    _command: VBoxManage
    _threads: Threads
    _background: Background
    _places: Places
    _every_seconds: float
    _guests: Callable[[], Awaitable[Sequence[Guest]]]
    _images: Callable[[], Awaitable[Sequence[MachineImage]]]
    _seen: Mapping[str, Seen]
    _closed: bool = attrs.field(default=False, init=False)
    _connected: bool = attrs.field(default=False, init=False)
    _told: bool = attrs.field(default=False, init=False)
    _told_of: dict[str, tuple[str, int]] = attrs.field(factory=dict, init=False)
    _images_before: Any = attrs.field(default=None, init=False)

    def start(self, observer: GuestObserver) -> None:
        """Tell the observer from now on."""
        self._background.start("following VirtualBox", self._follow(observer))

    def close(self) -> None:
        """Look no more."""
        self._closed = True

    def images_differ(self) -> None:
        """Look at the images the next time, whatever the lists say."""
        self._images_before = None

    async def _follow(self, observer: GuestObserver) -> None:
        while not self._closed:
            try:
                await self._look(observer)
            except VMError as error:
                self._connected = False
                if not self._told and not self._closed:
                    log.warn("{error}; trying again until it does", error=str(error))
                self._told = True
            await self._command.pause(self._every_seconds)

    async def _look(self, observer: GuestObserver) -> None:
        machines = await self._command.machines()
        running = await self._command.running()
        amis = {name: uuid for name, uuid in machines.items() if names.is_ami(name)}
        on_disk = await self._threads.run(files.blocking_images, self._places.images)
        if self._connected:
            self._tell_of_changes(observer, machines, running)
        else:
            guests = await self._guests()
            self._connected, self._told = True, False
            log.info("following VirtualBox")
            self._tell(observer.connected, guests)
        if self._images_before != (amis, on_disk):
            self._images_before = (amis, on_disk)
            self._tell(observer.images_changed, await self._images())

    def _tell_of_changes(
        self, observer: GuestObserver, machines: Mapping[str, str], running: Collection[str]
    ) -> None:
        """Tell of guests that are not as services know them, of each once until it is looked at.

        So it is not missed that a guest went down between its start and the next list.
        """
        for name, seen in tuple(self._seen.items()):
            state = "" if name not in machines else "up" if name in running else "down"
            expected = "up" if seen.running else "down"
            if state == expected:
                self._told_of.pop(name, None)
            elif self._told_of.get(name) != (state, seen.look):
                self._told_of[name] = (state, seen.look)
                self._tell(observer.guest_changed, seen.key)

    def _tell(self, what: Callable[[Any], None], value: object) -> None:
        if not self._closed:
            what(value)
