"""The hypervisors, and what each makes domains with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from threading import Event

import attrs
from lxml import etree
from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from emulator.vm.interface import GuestKey, VMError
from emulator.vm.libvirt import kvm
from emulator.vm.libvirt.blocking import Hypervisor, LibvirtError
from emulator.vm.libvirt.connection import Connection
from emulator.vm.libvirt.domain import KVM, QEMU, TEST, Machine
from emulator.vm.libvirt.domain_xml import parse
from emulator.vm.libvirt.names import Place

log = Logger(namespace="emulator.vm.libvirt")

_PAIR = re.compile(r"([a-z0-9-]+)=(.+)")
# A URI may have commas and equals signs of its own, but before these no colon.
_NEXT_PAIR = re.compile(r",\s*(?=[a-z0-9-]+=)")
# The machine type whose devices can all be hot-plugged, by processor.
_MACHINES = {"x86_64": "pc", "i686": "pc", "aarch64": "virt"}


def hypervisors(text: str) -> Mapping[str, str]:
    """Return the URIs of EC2_HYPERVISOR_URI by availability zone; one for all is under ``""``.

    Raises:
        ValueError: a zone is named twice, or only some are.
    """
    parts = [each.strip() for each in _NEXT_PAIR.split(text)]
    pairs = [pair for each in parts if (pair := _PAIR.fullmatch(each)) is not None]
    if not pairs and len(parts) == 1:
        return {"": parts[0]}
    found = {pair.group(1): pair.group(2) for pair in pairs}
    if len(found) < len(parts) or not all("://" in uri for uri in found.values()):
        raise ValueError("either one URI, or zone=uri pairs with a zone each, separated by commas")
    return found


@attrs.define(eq=False)
class Host:
    """One hypervisor.

    Attributes:
        zone: the availability zone it stands for; empty: all.
        connection: to it.
        place: where guests live there.
        acceleration: how guests run there, in words; empty until that is known.
    """

    zone: str
    connection: Connection
    place: Place
    acceleration: str = attrs.field(default="", init=False)
    _machine: Machine | None = attrs.field(default=None, init=False)
    _lock: DeferredLock = attrs.field(factory=DeferredLock, init=False)
    _ending: Event = attrs.field(factory=Event, init=False)

    async def close(self) -> None:
        """Let go of the connection, once nothing is being tried over it any more."""
        self._ending.set()
        async with self._lock:
            await self.connection.close()

    async def machine(self) -> Machine:
        """Return what domains are made with; hardware virtualization is tried once.

        Raises:
            LibvirtError: the hypervisor does not answer, or makes no domains we know.
        """
        async with self._lock:
            if self._machine is None:
                found, missing = await self.connection.run_slowly(
                    blocking_machine, self.place, self._ending
                )
                self._machine = found
                self.acceleration = _in_words(found, missing)
                if missing is not None:
                    log.warn(
                        "{uri}: guests run by software emulation, which is slow: {missing}",
                        uri=self.place.uri,
                        missing=missing,
                    )
            return self._machine


def _in_words(machine: Machine, missing: str | None) -> str:
    if machine.kind == KVM:
        return "KVM"
    return (
        machine.kind if missing is None else f"software emulation, as KVM does not work: {missing}"
    )


@attrs.frozen
class Hosts:
    """All hypervisors, and who has which instance.

    Attributes:
        all: in the order of the user's.
    """

    all: Sequence[Host]
    _holders: dict[str, tuple[Host, GuestKey]] = attrs.field(factory=dict, init=False)

    def facts(self) -> Sequence[Mapping[str, str]]:
        """Return what can be told of each: where it is, and how guests run there."""
        return [
            {
                "zone": host.zone or "all",
                "uri": host.place.uri,
                "pool": host.place.pool,
                "acceleration": host.acceleration or "not known yet",
            }
            for host in self.all
        ]

    def for_zone(self, zone: str) -> Host:
        """Return the hypervisor for new instances of a zone.

        Raises:
            VMError: there is none.
        """
        for host in self.all:
            if host.zone in ("", zone):
                return host
        zones = ", ".join(host.zone for host in self.all)
        raise VMError(f"there is no hypervisor for {zone}: EC2_HYPERVISOR_URI names {zones}")

    def holds(self, host: Host, key: GuestKey) -> None:
        """Note who has an instance."""
        self._holders[key.instance_id] = (host, key)

    def key_of(self, instance_id: str) -> GuestKey | None:
        """Return whose instance it is, if that is noted."""
        noted = self._holders.get(instance_id)
        return None if noted is None else noted[1]

    def forget(self, instance_id: str) -> None:
        """Forget an instance."""
        self._holders.pop(instance_id, None)

    async def holding(self, instance_id: str) -> Host | None:
        """Return who has an instance's domain; None: nobody.

        Raises:
            Unreachable: somebody who may have it does not answer.
        """
        noted = self._holders.get(instance_id)
        if noted is not None:
            return noted[0]
        if len(self.all) == 1:
            return self.all[0]
        for host in self.all:
            if await host.connection.run(Hypervisor.state, instance_id) is not None:
                return host
        return None


# What a hypervisor makes domains with


def blocking_machine(
    hypervisor: Hypervisor, place: Place, ending: Event
) -> tuple[Machine, str | None]:
    """Return that, and what keeps hardware virtualization from being used; None: nothing does.

    Args:
        hypervisor: where.
        place: whose pool holds a test guest for the moment.
        ending: is set when nobody wants to know any more.

    Raises:
        LibvirtError: it makes no domains of a kind we know.
    """
    memory_mib = hypervisor.memory_mib()
    capabilities = parse(hypervisor.capabilities())
    if hypervisor.driver().upper() == "TEST":
        return Machine(TEST, architecture="i686"), None
    architecture = capabilities.findtext("host/cpu/arch") or "x86_64"
    kinds = kinds_of(capabilities, architecture)
    if not kinds & {KVM, QEMU}:
        raise LibvirtError(f"{place.uri} runs no virtual machines for {architecture} by QEMU")
    missing: str | None = "this machine has no hardware virtualization (no /dev/kvm)"
    if KVM in kinds:
        name = kvm.probe_name(place.namespace)
        missing = kvm.obstacle(hypervisor, place.pool, name, partial(pauses, ending), KVM)
    kind = QEMU if missing is not None else KVM
    machine = _MACHINES.get(architecture, "")
    described = parse(hypervisor.domain_capabilities(kind, architecture, machine or None))
    return Machine(kind, architecture, machine, cpu_mode(kind, described), memory_mib), missing


def pauses(ending: Event) -> Iterator[None]:
    """Yield after a pause each, for as long as a test guest is waited for; in a thread."""
    left = kvm.TIMEOUT_SECONDS
    while left > 0 and not ending.wait(kvm.PAUSE_SECONDS):
        left -= kvm.PAUSE_SECONDS
        yield


def kinds_of(capabilities: etree._Element, architecture: str) -> set[str]:
    """Return the domain types for an architecture; pure."""
    return {
        each.get("type", "")
        for guest in capabilities.iterfind("guest/arch")
        if guest.get("name") == architecture
        for each in guest.iterfind("domain")
    }


def cpu_mode(kind: str, described: etree._Element) -> str:
    """Return the best processor that guests can have, from a domain's capabilities; pure."""
    supported = {
        mode.get("name")
        for mode in described.iterfind("cpu/mode")
        if mode.get("supported") == "yes"
    }
    wanted = kvm.GUESTS_CPU if kind == KVM else "maximum"
    return wanted if wanted in supported else ""
