"""Hears from the hypervisors what happens to domains and images, and tells an observer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.vm.interface import Guest, GuestKey, GuestObserver, MachineImage, VMError
from emulator.vm.libvirt.blocking import Hypervisor, Listener, Unreachable
from emulator.vm.libvirt.domains import Domains
from emulator.vm.libvirt.guests import blocking_find
from emulator.vm.libvirt.host import Host
from emulator.vm.telling import Teller

log = Logger(namespace="emulator.vm.libvirt")

FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 10.0
# A refresh makes several events, and so does a guest's end; one look answers them all.
IMAGES_AFTER_SECONDS = 0.05


@attrs.frozen(eq=False)
class _Ears(Listener):
    """Passes what is heard on to the reactor thread."""

    _follower: Follower
    _host: Host
    _in_reactor: Callable[..., None]

    def domain_changed(self, name: str) -> None:
        """Pass it on."""
        self._in_reactor(self._follower.domain_changed, self._host, name)

    def domain_rebooted(self, name: str) -> None:
        """Pass it on."""
        self._in_reactor(self._follower.domain_rebooted, name)

    def pool_changed(self, name: str) -> None:
        """Pass it on, if it is the pool with the AMIs."""
        if name == self._host.place.pool:
            self._in_reactor(self._follower.images_soon)

    def closed(self) -> None:
        """Pass it on."""
        self._in_reactor(self._follower.broke, self._host)


@attrs.define(eq=False)
class Follower:
    """Follows every hypervisor for as long as the emulator runs, through restarts of libvirt.

    Args:
        domains: whose guests these are.
        in_reactor: calls a function in the reactor thread, from any thread.
        clock: for waiting until a hypervisor is back.
        background: owns the following.
        guests: returns all guests there are, once leftovers are removed.
        images: returns all images there are.
    """

    _domains: Domains
    _in_reactor: Callable[..., None]
    _clock: Clock
    _background: Background
    _guests: Callable[[], Awaitable[Sequence[Guest]]]
    _images: Callable[[], Awaitable[Sequence[MachineImage]]]
    _teller: Teller = attrs.field(init=False)
    _standing: dict[Host, Deferred[None]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._teller = Teller(log, self._clock, self._background, self._guests, self._images)

    def start(self, observer: GuestObserver) -> None:
        """Tell the observer from now on."""
        self._teller.observer = observer
        for host in self._domains.hosts.all:
            ears = _Ears(self, host, self._in_reactor)
            host.connection.on_open(_listening(ears))
            self._background.start(f"following {host.place.uri}", self._follow(host))
        self._domains.hears_reboots = True

    def close(self) -> None:
        """Stop telling."""
        self._teller.closed = True
        self._domains.hears_reboots = False

    async def _follow(self, host: Host) -> None:
        retry_seconds, told = FIRST_RETRY_SECONDS, False
        while not self._teller.closed:
            broken: Deferred[None] = Deferred()
            self._standing[host] = broken
            try:
                await host.connection.run(Hypervisor.is_alive)
            except Unreachable as error:
                if not told and not self._teller.closed:
                    log.warn("{error}; trying again until it does", error=str(error))
                told = True
                await self._pause(retry_seconds)
                retry_seconds = min(2 * retry_seconds, LONGEST_RETRY_SECONDS)
                continue
            retry_seconds, told = FIRST_RETRY_SECONDS, False
            log.info("following {uri}", uri=host.place.uri)
            await self._teller.read_guests()
            self._teller.images_soon(IMAGES_AFTER_SECONDS)
            self._background.start(f"trying {host.place.uri}", _try(host))
            await broken
            if not self._teller.closed:
                log.warn("the connection to {uri} broke", uri=host.place.uri)

    def _pause(self, seconds: float) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self._clock.call_later(seconds, done.callback, None)
        return done

    # What is heard, in the reactor thread

    def broke(self, host: Host) -> None:
        """Take note that a connection is no more."""
        standing = self._standing.pop(host, None)
        if standing is not None:
            standing.callback(None)

    def domain_rebooted(self, name: str) -> None:
        """Take note that a guest restarted."""
        self._domains.has_rebooted(name)

    def domain_changed(self, host: Host, name: str) -> None:
        """Have a guest looked at."""
        if not self._teller.closed:
            self._background.start(f"hearing of {name}", self._tell(host, name))

    async def _tell(self, host: Host, name: str) -> None:
        key = self._domains.hosts.key_of(name)
        if key is None:
            try:
                found = await host.connection.run(blocking_find, name, host.place.namespace)
            except VMError as error:
                log.debug("{domain} cannot be looked at: {error}", domain=name, error=str(error))
                return
            key = found.note.key if found is not None else None
        if key is not None:
            self.guest_changed(key)

    def guest_changed(self, key: GuestKey) -> None:
        """Have a guest looked at."""
        self._teller.guest_changed(key)

    def images_soon(self) -> None:
        """Look at the images in a moment."""
        self._teller.images_soon(IMAGES_AFTER_SECONDS)


async def _try(host: Host) -> None:
    """Find out what domains are made with before the first is wanted: that may take a while."""
    try:
        await host.machine()
    except VMError as error:
        log.warn("{uri} makes no virtual machines: {error}", uri=host.place.uri, error=str(error))


def _listening(ears: _Ears) -> Callable[[Any], None]:
    def listen(hypervisor: Hypervisor) -> None:
        hypervisor.listen(ears)

    return listen
