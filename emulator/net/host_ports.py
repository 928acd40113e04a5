"""Ports of this machine that follow the groups of instances while these run.

The engine publishes what groups open at an instance's launch, and cannot publish anything
later. What they open later is forwarded from here; what they close again is closed again.
"""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs
from twisted.logger import Logger

from emulator.core.clock import Clock
from emulator.model.network_interface import NetworkInterface
from emulator.net.forwarders import Forwarder, PortTaken, Target
from emulator.net.interfaces import interface_rows
from emulator.net.publish import open_ports
from emulator.state.store import Region, State
from emulator.state.table import Derived
from emulator.vm.interface import Guest, HostPorts

log = Logger()

# Changes seldom come alone: a request with ten rules, ten requests in a row.
GATHER_SECONDS = 0.02
# How many ports are tried for one: others may listen on some.
TRIES = 64


@attrs.define(eq=False)
class _Followed:
    """One guest.

    Attributes:
        published: what the engine publishes: port in the guest → port on the host.
        forwarders: by port in the guest, such as ``8080/tcp``.
        reader: what changes of records tell.
    """

    guest: Guest
    address: str
    region: Region
    published: Mapping[str, int]
    reader: Derived
    forwarders: dict[str, Forwarder] = attrs.field(factory=dict)


@attrs.define(eq=False)
class LiveHostPorts(HostPorts):
    """Forwards from ports of this machine.

    Args:
        state: every account's records.
        clock: gathers changes.
        open_forwarder: opens a port, or raises ``PortTaken``.
        range: the ports of this machine to choose from.
        reaches: tells whether this machine gets to an address of a guest directly.
    """

    _state: State
    _clock: Clock
    _open_forwarder: Callable[[int, Target], Forwarder]
    _range: Sequence[int]
    _reaches: Callable[[str], bool]
    _followed: dict[str, _Followed] = attrs.field(factory=dict, init=False)
    _stale: set[str] = attrs.field(factory=set, init=False)

    def follow(self, guest: Guest) -> None:
        """Forward what the guest's groups open besides what is published."""
        known = self._followed.get(guest.instance_id)
        if (
            known is not None
            and (known.address, known.published) == (guest.public_ip, guest.ports)
            and known.guest.key == guest.key
        ):
            return
        self.forget(guest.instance_id)
        address = guest.public_ip
        if guest.key is None or address is None or not self._reaches(address):
            return
        followed = _Followed(
            guest,
            address,
            self._state.region(guest.key.account, guest.key.region),
            guest.ports,
            Derived(
                id=f"ports of {guest.instance_id}",
                on_stale=lambda: self._now_stale(guest.instance_id),
            ),
        )
        self._followed[guest.instance_id] = followed
        self._apply(followed)

    def forget(self, instance_id: str) -> None:
        """Close every port of a guest."""
        followed = self._followed.pop(instance_id, None)
        self._stale.discard(instance_id)
        if followed is not None:
            followed.region.reads.forget(followed.reader)
            for forwarder in followed.forwarders.values():
                forwarder.end()

    def opened(self, instance_id: str) -> Mapping[str, int]:
        """Return port in the guest → port on the host."""
        followed = self._followed.get(instance_id)
        found = {} if followed is None else followed.forwarders
        return {port: forwarder.host_port for port, forwarder in found.items()}

    def _now_stale(self, instance_id: str) -> None:
        if not self._stale:
            self._clock.call_later(GATHER_SECONDS, self._catch_up)
        self._stale.add(instance_id)

    def _catch_up(self) -> None:
        stale, self._stale = self._stale, set()
        for instance_id in sorted(stale):
            followed = self._followed.get(instance_id)
            if followed is not None:
                self._apply(followed)

    def _apply(self, followed: _Followed) -> None:
        """Open and close ports until they are those that the records name."""
        wanted = self._wanted(followed)
        have = followed.forwarders
        closing = [port for port in have if port not in wanted]
        opening = [port for port in wanted if port not in have]
        for port in closing:
            have.pop(port).close()
        for port in opening:
            forwarder = self._open(followed, port)
            if forwarder is not None:
                have[port] = forwarder
        if closing or opening:
            log.info(
                "Instance {instance} port mappings (container -> host): {ports}",
                instance=followed.guest.instance_id,
                ports={**followed.published, **self.opened(followed.guest.instance_id)},
            )

    def _wanted(self, followed: _Followed) -> list[str]:
        region, found = followed.region, list[str]()

        def work_out() -> bytes:
            rows: Sequence[NetworkInterface] = interface_rows(region, followed.guest.instance_id)
            found.extend(open_ports(region, rows[0].group_ids) if rows else ())
            return b""

        region.reads.during(followed.reader, work_out)
        return [port for port in found if port not in followed.published]

    def _open(self, followed: _Followed, port: str) -> Forwarder | None:
        number, _, protocol = port.partition("/")
        target = Target(followed.address, int(number), protocol == "udp")
        for host_port in self._candidates(followed.guest.instance_id, port):
            try:
                return self._open_forwarder(host_port, target)
            except PortTaken:
                continue
        log.warn(
            "{port} of {instance} is not forwarded: no port of this machine is free for it",
            port=port,
            instance=followed.guest.instance_id,
        )
        return None

    def _candidates(self, instance_id: str, port: str) -> Iterator[int]:
        """Yield ports to try, the same ones after a restart: scripts may have noted the first."""
        place = zlib.crc32(f"{instance_id} {port}".encode())
        for attempt in range(TRIES):
            yield self._range[(place + attempt) % len(self._range)]


def leads_to(routes: str, address: str) -> bool:
    """Tell whether an address is on a network of this machine's own; pure.

    Args:
        routes: the kernel's table, ``/proc/net/route``.
        address: IPv4.
    """
    wanted = int(ipaddress.IPv4Address(address))
    for line in routes.splitlines()[1:]:
        _, *fields = line.split()
        destination, gateway, mask = (
            int.from_bytes(bytes.fromhex(fields[place]), "little") for place in (0, 1, 6)
        )
        if gateway == 0 and mask != 0 and wanted & mask == destination:
            return True
    return False
