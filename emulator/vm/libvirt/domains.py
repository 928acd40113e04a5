"""The lives of virtual machines: launched, stopped, started, restarted and ended."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred, DeferredList, DeferredLock, succeed
from twisted.logger import Logger

from emulator.core.clock import Clock
from emulator.vm.interface import (
    OK,
    Guest,
    GuestKey,
    GuestPorts,
    LaunchSpec,
    VMError,
    VMManager,
    WaitsForGuests,
)
from emulator.vm.libvirt import blocking_leases as leases
from emulator.vm.libvirt import disks, names
from emulator.vm.libvirt.blocking import Conflict, Hypervisor, LibvirtError, Missing, Unsupported
from emulator.vm.libvirt.blocking_console import blocking_console_path
from emulator.vm.libvirt.blocking_domains import (
    blocking_all,
    blocking_define,
    blocking_discard,
    blocking_discard_remains,
    blocking_set_note,
    blocking_watched,
)
from emulator.vm.libvirt.boot_watch import BootWatch, heard_by_lease
from emulator.vm.libvirt.domain import Domain, LinkPort, NetworkPort, Note, Port
from emulator.vm.libvirt.domain_xml import (
    display_of,
    ports_of,
)
from emulator.vm.libvirt.guests import Found, blocking_find
from emulator.vm.libvirt.host import Host, Hosts

log = Logger(namespace="emulator.vm.libvirt")

T = TypeVar("T")

# How often a guest that is to go down is looked at, and asked again: one that is still booting
# hears nothing of the first time.
LOOK_SECONDS = 0.25
ASK_AGAIN_SECONDS = 5.0
# A guest that is terminated may end in good order, but nobody needs what it would still do.
TERMINATE_SECONDS = 10.0


@attrs.define(eq=False)
class Domains(VMManager, WaitsForGuests):
    """Launches, stops and ends domains.

    Args:
        hosts: the hypervisors.
        ports: plugs guests into their VPCs.
        clock: for waiting until a guest is down.
        stop_seconds: how long a guest has for that before it is powered off.
        boots: looks after guests that have just been started.
    """

    hosts: Hosts
    _ports: GuestPorts
    _clock: Clock
    _stop_seconds: float
    _boots: BootWatch
    name: str = attrs.field(default="libvirt", init=False)
    # What is being launched is nobody's leftover.
    launching: set[str] = attrs.field(factory=set, init=False)
    # Guests that this run joined with their VPCs, and that are up since.
    _joined: set[str] = attrs.field(factory=set, init=False)
    # Whether anybody tells of reboots: without, a guest is taken at its word.
    hears_reboots: bool = attrs.field(default=False, init=False)
    _rebooted: dict[str, Deferred[None]] = attrs.field(factory=dict, init=False)
    # Domains that somebody waits for; false: not any longer.
    _waited_for: dict[str, bool] = attrs.field(factory=dict, init=False)
    # Addresses are chosen from what a network's definition says, which changes with each.
    _leases_lock: DeferredLock = attrs.field(factory=DeferredLock, init=False)

    # Launch

    async def launch(self, spec: LaunchSpec) -> Guest:
        """Define and start a domain, or leave nothing behind."""
        self.launching.add(spec.instance_id)
        try:
            return await self._launch(spec)
        finally:
            self.launching.discard(spec.instance_id)

    async def _launch(self, spec: LaunchSpec) -> Guest:
        host = self.hosts.for_zone(spec.zone)
        found = await self._find(host, spec.instance_id)
        if found is not None and found.is_up and found.note.is_whole:
            return self.guest_of(found)
        machine = await host.machine()
        note = Note(
            key=spec.key,
            namespace=host.place.namespace,
            image_id=spec.image_id,
            memento=spec.memento,
            private_ip=spec.private_ip,
        )
        domain = Domain(
            machine=machine,
            note=note,
            instance_type=spec.instance_type,
            vcpus=spec.vcpus,
            memory_mib=spec.memory_mib,
            disks=disks.planned(host.place, spec),
        )
        _warn_of_size(domain)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._undo, host, spec.key)
            # Whatever is made from here on has an owner, also where this program is killed.
            await host.connection.run(blocking_define, host.place, domain, found is not None)
            self.hosts.holds(host, spec.key)
            port, addressing = await self._plan_port(host, spec)
            # Whatever is under way beside comes to its end before it is undone.
            undo.push_async_callback(both, addressing)
            provided = await host.connection.run(
                disks.blocking_provide,
                host.place,
                spec,
                has_metadata=self._ports.obstacle() is None,
            )
            domain = attrs.evolve(
                domain,
                disks=provided,
                ports=(port,),
                console_log=await host.connection.run(
                    blocking_console_path, host.place, spec.instance_id
                ),
            )
            await host.connection.run(blocking_define, host.place, domain, True)
            guest = await self._up(host, domain.note, addressing)
            undo.pop_all()
        return guest

    async def _plan_port(self, host: Host, spec: LaunchSpec) -> tuple[Port, Deferred[str | None]]:
        """Return a new guest's first interface, and what will be its address on that."""
        mac_address = spec.mac_address or _mac_of(spec.key)
        if self._ports.obstacle() is None:
            return LinkPort(await self._ports.prepare(spec), mac_address), succeed(None)
        network = host.place.network
        nwfilter = await host.connection.run(leases.metadata_filter)
        # A network's DHCP server takes its time, but a guest boots before it asks.
        addressing = Deferred.fromCoroutine(self._reserve(host, spec.key, network, mac_address))
        return NetworkPort(network, mac_address, nwfilter), addressing

    async def _reserve(
        self, host: Host, key: GuestKey, network: str, mac_address: str
    ) -> str | None:
        async with self._leases_lock:
            address = await host.connection.run_slowly(leases.reserve, network, mac_address)
        if address is None:
            log.info(
                "{instance}: its address on the network {network} is not known here",
                instance=key,
                network=network,
            )
        return address

    async def _undo(self, host: Host, key: GuestKey) -> None:
        try:
            await self.remove(host, key.instance_id)
        except VMError as error:
            # The next start finds it, as it is not whole.
            log.warn("{instance} left something: {error}", instance=key, error=str(error))

    async def _up(
        self, host: Host, note: Note, addressing: Deferred[str | None] | None = None
    ) -> Guest:
        """Start a domain that is off, or waits, and return the guest that it is.

        Args:
            host: where it is.
            note: what it says of itself.
            addressing: fires with its address where it is not plugged in; None: as noted.
        """
        key, name = note.key, names.domain_name(note.key.instance_id)
        plugged = self._ports.obstacle() is None
        watched = await host.connection.run(blocking_watched, name)
        # A hypervisor needs a good part of a second, which the guest's network need not wait for.
        starting = Deferred.fromCoroutine(
            host.connection.run_slowly(Hypervisor.start, name, paused=plugged)
        )
        if plugged:
            addressing = Deferred.fromCoroutine(self._ports.connect(key))
        address = await both(addressing or succeed(note.address or None), starting)
        if plugged:
            self._joined.add(key.instance_id)
            await host.connection.run(Hypervisor.resume, name)
        note = attrs.evolve(note, is_whole=True, address=address or "")
        await host.connection.run(blocking_set_note, note)
        found = await self._find(host, key.instance_id)
        if found is None:
            raise LibvirtError(f"the domain {name} vanished")
        if plugged:
            self._boots.begin(key, partial(self._was_heard, key))
        elif watched is not None:
            self._boots.begin(key, heard_by_lease(host, *watched))
        _tell(found)
        return self.guest_of(found)

    async def _was_heard(self, key: GuestKey) -> bool:
        return self._ports.was_heard(key)

    def guest_of(self, found: Found) -> Guest:
        """Return the guest that a domain is."""
        guest = found.guest
        if guest.running and guest.health == OK:
            return attrs.evolve(guest, health=self._boots.health(guest.instance_id))
        return guest

    # Life

    async def start(self, instance_id: str) -> Guest:
        """Boot a stopped guest."""
        host, found = await self.known(instance_id)
        if found.is_up:
            return self.guest_of(found)
        if self._ports.obstacle() is None:
            await self._ports.before_start(found.note.key)
        try:
            return await self._up(host, found.note)
        except VMError:
            # It must not be left waiting for a network that it does not get.
            await host.connection.run_slowly(Hypervisor.power_off, names.domain_name(instance_id))
            raise

    async def stop(self, instance_id: str, *, force: bool) -> None:
        """Press the power button; pull the plug where that is wanted, or nothing else helps."""
        host = await self.hosts.holding(instance_id)
        found = None if host is None else await self._find(host, instance_id)
        if host is None or found is None or found.state.is_off:
            return
        await self.power_down(host, instance_id, 0.0 if force else self._stop_seconds)

    async def power_down(self, host: Host, name: str, grace_seconds: float) -> None:
        """Have a domain go down: in good order within a time, then by force."""
        self._waited_for[name] = True
        try:
            if grace_seconds > 0 and await self._shut_down(host, name, grace_seconds):
                return
            is_late = grace_seconds > 0 and self._waited_for[name]
        finally:
            del self._waited_for[name]
        if is_late:
            log.info(
                "{instance} did not shut down in {seconds:.0f} seconds and is powered off",
                instance=name,
                seconds=grace_seconds,
            )
        await host.connection.run_slowly(Hypervisor.power_off, name)

    def hurry(self, instance_id: str) -> None:
        """Have the plug pulled at once of a guest that was asked to go down."""
        name = names.domain_name(instance_id)
        if name in self._waited_for:
            self._waited_for[name] = False

    async def _shut_down(self, host: Host, name: str, grace_seconds: float) -> bool:
        begun = self._clock.seconds()
        asked = None
        while (waited := self._clock.seconds() - begun) < grace_seconds and self._waited_for[name]:
            state = await host.connection.run(Hypervisor.state, name)
            if state is None or state.is_off:
                return True
            if asked is None or waited - asked >= ASK_AGAIN_SECONDS:
                asked = waited
                try:
                    await host.connection.run(Hypervisor.ask_to_shut_down, name)
                except (Conflict, Unsupported):
                    # It is off by now; or it is paused or crashed, and hears nothing.
                    state = await host.connection.run(Hypervisor.state, name)
                    return state is None or state.is_off
                continue
            await self._pause(LOOK_SECONDS)
        return False

    async def reboot(self, instance_id: str) -> None:
        """Have a guest restart in good order; one that does not in time is reset."""
        host, found = await self.known(instance_id)
        name = names.domain_name(instance_id)
        if not found.is_up:
            raise Conflict(f"{instance_id} is not running")
        if found.is_in_trouble:
            await self._start_anew(host, name)
            return
        rebooted: Deferred[None] = Deferred()
        self._rebooted[name], self._waited_for[name] = rebooted, True
        try:
            try:
                await host.connection.run(Hypervisor.ask_to_reboot, name)
            except (Conflict, Unsupported):
                await self._reset(host, name)
                return
            if not self.hears_reboots:
                return
            if not await self._restarts(name, rebooted):
                log.info("{instance} does not restart by itself and is reset", instance=instance_id)
                await self._reset(host, name)
        finally:
            self._rebooted.pop(name, None)
            del self._waited_for[name]

    def has_rebooted(self, name: str) -> None:
        """Take note that a domain's operating system began anew."""
        waiting = self._rebooted.pop(name, None)
        if waiting is not None:
            waiting.callback(None)

    async def _reset(self, host: Host, name: str) -> None:
        try:
            await host.connection.run(Hypervisor.reset, name)
        except (Conflict, Unsupported):
            await self._start_anew(host, name)

    async def _start_anew(self, host: Host, name: str) -> None:
        """Make a machine anew that hears no button any more."""
        await host.connection.run_slowly(Hypervisor.power_off, name)
        await self.start(name)

    async def _restarts(self, name: str, rebooted: Deferred[None]) -> bool:
        """Wait for a guest to restart, and tell whether that is worth waiting for no longer."""
        begun = self._clock.seconds()
        while not rebooted.called and self._waited_for[name]:
            if self._clock.seconds() - begun >= self._stop_seconds:
                return False
            await self._pause(LOOK_SECONDS)
        return True

    async def terminate(self, instance_id: str) -> None:
        """End a guest with all that was its own."""
        host = await self.hosts.holding(instance_id)
        found = None if host is None else await self._find(host, instance_id)
        if host is not None and found is None:
            await self._remove_remains(host, instance_id)
        elif host is not None and found is not None:
            # Should this be killed, the next start goes on with it.
            note = attrs.evolve(found.note, is_whole=False)
            await host.connection.run(blocking_set_note, note)
            if found.is_up:
                await self.power_down(host, instance_id, min(TERMINATE_SECONDS, self._stop_seconds))
            await self.remove(host, instance_id)

    async def _remove_remains(self, host: Host, instance_id: str) -> None:
        """Remove what is left of a guest whose domain somebody took away."""
        key = self.hosts.key_of(instance_id)
        await host.connection.run(blocking_discard_remains, host.place, instance_id)
        if key is not None:
            await self._ports.forget(key)
        self.hosts.forget(instance_id)

    async def remove(self, host: Host, instance_id: str) -> None:
        """Remove a domain that may be whole or not, with what belongs to it."""
        self._boots.forget(instance_id)
        found = await self._find(host, instance_id)
        if found is None:
            await self._remove_remains(host, instance_id)
            return
        name = names.domain_name(instance_id)
        await host.connection.run_slowly(Hypervisor.power_off, name)
        for port in ports_of(found.xml):
            if isinstance(port, NetworkPort):
                async with self._leases_lock:
                    await host.connection.run_slowly(leases.release, port.network, port.mac_address)
        await host.connection.run(blocking_discard, host.place, instance_id)
        await host.connection.run(Hypervisor.undefine, name)
        await self._ports.forget(found.note.key)
        self.hosts.forget(instance_id)

    # Looking

    async def describe(self) -> Sequence[Guest]:
        """Return every guest of this emulator, on all hypervisors."""
        found: list[Guest] = []
        for host in self.hosts.all:
            found += [self.guest_of(each) for each in await self.on(host) if each.note.is_whole]
        return found

    async def on(self, host: Host) -> Sequence[Found]:
        """Return every domain of this emulator on one hypervisor, whole or not."""
        found = await host.connection.run(blocking_all, host.place.namespace)
        for each in found:
            self.hosts.holds(host, each.note.key)
        return found

    async def look(self, instance_id: str) -> Guest | None:
        """Return a guest as it is now; one that is up is joined with its VPC if it is not yet."""
        host = await self.hosts.holding(instance_id)
        found = None if host is None else await self._find(host, instance_id)
        if found is None or not found.note.is_whole:
            return None
        if not found.is_up:
            self._joined.discard(instance_id)
            self._boots.forget(instance_id)
        elif instance_id not in self._joined and self._ports.obstacle() is None:
            await self._ports.connect(found.note.key)
            self._joined.add(instance_id)
        return self.guest_of(found)

    async def _find(self, host: Host, instance_id: str) -> Found | None:
        return await host.connection.run(
            blocking_find, names.domain_name(instance_id), host.place.namespace
        )

    async def known(self, instance_id: str) -> tuple[Host, Found]:
        """Return an instance's domain and who has it.

        Raises:
            Missing: there is none.
        """
        host = await self.hosts.holding(instance_id)
        found = None if host is None else await self._find(host, instance_id)
        if host is None or found is None:
            raise Missing(f"{instance_id} has no virtual machine")
        return host, found

    def _pause(self, seconds: float) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self._clock.call_later(seconds, done.callback, None)
        return done


async def both(first: Deferred[T], *others: Deferred[Any]) -> T:
    """Return what the first comes to, once it and the others have come to their ends.

    Raises:
        VMError: one of them failed, but not before all have ended.
    """
    ended = await DeferredList([first, *others], consumeErrors=True)
    for succeeded, value in ended:
        if not succeeded:
            value.raiseException()
    result: T = ended[0][1]
    return result


def _mac_of(key: GuestKey) -> str:
    """Return an address of its own for a guest that was given none."""
    digest = hashlib.sha256(str(key).encode()).hexdigest()
    return f"52:54:00:{digest[:2]}:{digest[2:4]}:{digest[4:6]}"


def _warn_of_size(domain: Domain) -> None:
    there = domain.machine.memory_mib
    if there and domain.memory_mib > there:
        log.warn(
            "{instance}: {type} has {wanted} MiB of memory, and the hypervisor's machine {there}",
            instance=domain.name,
            type=domain.instance_type,
            wanted=domain.memory_mib,
            there=there,
        )


def _tell(found: Found) -> None:
    instance_id = found.note.key.instance_id
    if found.note.address:
        log.info(
            "Instance {instance} will be accessible via SSH at: {address}:22",
            instance=instance_id,
            address=found.note.address,
        )
    display = display_of(found.xml)
    if display is not None:
        log.info(
            "Instance {instance} has its VNC display at: {display}",
            instance=instance_id,
            display=display,
        )
