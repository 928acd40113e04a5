"""Whether a guest has come as far as its network, which EC2's instance status checks tell of.

EC2 asks by ARP. Here it is a DHCP server that knows whether a guest has been heard of since it
was started: whoever asks for an address has a kernel and drivers that work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.vm.interface import IMPAIRED, INITIALIZING, OK, GuestKey, VMError
from emulator.vm.libvirt import blocking_leases as leases
from emulator.vm.libvirt.domain import NetworkPort
from emulator.vm.libvirt.host import Host

log = Logger(namespace="emulator.vm.libvirt")

LOOK_SECONDS = 1.0
# A guest that is not heard of by then is in trouble, as on EC2.
PATIENCE_SECONDS = 600.0


def _nobody(_: GuestKey) -> None: ...


@attrs.define(eq=False)
class BootWatch:
    """Looks after guests from their start until they are heard of.

    Args:
        clock: for looking now and then.
        background: owns the looking.
        tell: is told of every guest whose health has become another one.
    """

    _clock: Clock
    _background: Background
    tell: Callable[[GuestKey], None] = _nobody
    _watched: dict[str, str] = attrs.field(factory=dict, init=False)

    def health(self, instance_id: str) -> str:
        """Return how a guest is that is up; one that nobody looks after is well."""
        return self._watched.get(instance_id, OK)

    def forget(self, instance_id: str) -> None:
        """Look after a guest no more."""
        self._watched.pop(instance_id, None)

    def begin(self, key: GuestKey, was_heard: Callable[[], Awaitable[bool]]) -> None:
        """Look after a guest that has just been started.

        Args:
            key: whose it is.
            was_heard: tells whether it has been heard of since; it may raise VMError.
        """
        self._watched[key.instance_id] = INITIALIZING
        self._background.start(f"waiting for {key}", self._watch(key, was_heard))

    async def _watch(self, key: GuestKey, was_heard: Callable[[], Awaitable[bool]]) -> None:
        instance_id, begun = key.instance_id, self._clock.seconds()
        while instance_id in self._watched:
            try:
                heard = await was_heard()
            except VMError as error:
                log.debug("{instance} is not seen: {error}", instance=key, error=str(error))
                heard = False
            if heard:
                self.forget(instance_id)
                self.tell(key)
                return
            late = self._clock.seconds() - begun >= PATIENCE_SECONDS
            if late and self._watched.get(instance_id) == INITIALIZING:
                self._watched[instance_id] = IMPAIRED
                self.tell(key)
            done: Deferred[None] = Deferred()
            self._clock.call_later(LOOK_SECONDS, done.callback, None)
            await done


def heard_by_lease(
    host: Host, port: NetworkPort, known_until: int
) -> Callable[[], Awaitable[bool]]:
    """Return what tells by a network's leases whether a guest has been heard of.

    Args:
        host: where it is.
        port: what it is to be heard of through.
        known_until: when its lease of an earlier boot ends.
    """

    async def was_heard() -> bool:
        until = await host.connection.run(leases.leased_until, port.network, port.mac_address)
        return until is None or until > known_until

    return was_heard
