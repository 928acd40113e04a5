"""Disks of domains: attached, detached, grown and copied while they are in use; blocking calls."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import libvirt

from emulator.vm.interface import StillInUse
from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt.blocking import Hypervisor, LibvirtError, translated
from emulator.vm.libvirt.disk_xml import copy_is_ready, copy_target, with_disks
from emulator.vm.libvirt.domain import Disk
from emulator.vm.libvirt.domain_xml import disk_element, disks_of, parse, write

# A guest that does not let go of a disk by then is busy with something else, or not up yet.
RELEASE_SECONDS = 20.0
_LOOK_SECONDS = 0.1


def _domain(hypervisor: Hypervisor, name: str) -> Any:
    return hypervisor.raw.lookupByName(name)


def _disks(domain: Any, flags: int) -> Sequence[Disk]:
    return tuple(disks_of(parse(domain.XMLDesc(flags))))


@translated
def disks(hypervisor: Hypervisor, name: str) -> Sequence[Disk]:
    """Return the disks that a domain has with its next start.

    Raises:
        Missing: there is no such domain.
    """
    return _disks(_domain(hypervisor, name), libvirt.VIR_DOMAIN_XML_INACTIVE)


@translated
def is_active(hypervisor: Hypervisor, name: str) -> bool:
    """Tell whether a domain is up, or waits to go on.

    Raises:
        Missing: there is no such domain.
    """
    return bool(_domain(hypervisor, name).isActive())


@translated
def attach(hypervisor: Hypervisor, name: str, make: Callable[[frozenset[str]], Disk]) -> None:
    """Give a domain a disk, now and with its next start; one that it has already is no error.

    Args:
        hypervisor: where the domain is.
        name: the domain's.
        make: returns the disk, given the targets that are taken.

    Raises:
        LibvirtError: it could not be, such as for want of a free port.
    """
    domain = _domain(hypervisor, name)
    later = _disks(domain, libvirt.VIR_DOMAIN_XML_INACTIVE)
    now = _disks(domain, 0) if domain.isActive() else ()
    disk = make(frozenset(each.target for each in (*later, *now)))
    flags = 0
    if disk.volume not in {each.volume for each in later}:
        flags |= libvirt.VIR_DOMAIN_AFFECT_CONFIG
    if domain.isActive() and disk.volume not in {each.volume for each in now}:
        flags |= libvirt.VIR_DOMAIN_AFFECT_LIVE
    if flags and storage.is_in_memory(hypervisor):
        _redefine(hypervisor, domain, [*later, disk])
    elif flags:
        domain.attachDeviceFlags(write(disk_element(disk)), flags)


def _redefine(hypervisor: Hypervisor, domain: Any, wanted: Sequence[Disk]) -> None:
    """Give a domain other disks where its driver, the one in memory, attaches none."""
    root = parse(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    hypervisor.raw.defineXML(write(with_disks(root, wanted)))


@translated
def detach(hypervisor: Hypervisor, name: str, volume: str, *, force: bool) -> None:
    """Take a disk from a domain; one that it does not have is no error.

    A running guest has to let go of it.

    Args:
        hypervisor: where the domain is.
        name: the domain's.
        volume: the disk's volume.
        force: whether the guest is asked and not waited for.

    Raises:
        StillInUse: the guest has not let go of it yet.
    """
    domain = _domain(hypervisor, name)
    later = _disks(domain, libvirt.VIR_DOMAIN_XML_INACTIVE)
    if storage.is_in_memory(hypervisor):
        _redefine(hypervisor, domain, [disk for disk in later if disk.volume != volume])
        return
    for disk in later:
        if disk.volume == volume:
            domain.detachDeviceFlags(write(disk_element(disk)), libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    held = _held(domain, volume)
    if held is None:
        return
    released = threading.Event()

    def removed(*_: object) -> None:
        released.set()

    kind = libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED
    callback = hypervisor.raw.domainEventRegisterAny(domain, kind, removed, None)
    try:
        _ask_to_release(domain, held)
        if force:
            return
        waited = 0.0
        while _held(domain, volume) is not None:
            # The event only shortens the wait: it may be another disk's, or be lost.
            released.wait(1.0)
            released.clear()
            waited += 1.0
            if waited >= RELEASE_SECONDS:
                raise StillInUse(f"the guest has not let go of {volume} in {waited:.0f} seconds")
    finally:
        hypervisor.raw.domainEventDeregisterAny(callback)


def _held(domain: Any, volume: str) -> Disk | None:
    if not domain.isActive():
        return None
    return next((disk for disk in _disks(domain, 0) if disk.volume == volume), None)


def _ask_to_release(domain: Any, disk: Disk) -> None:
    try:
        domain.detachDeviceFlags(write(disk_element(disk)), libvirt.VIR_DOMAIN_AFFECT_LIVE)
    except libvirt.libvirtError as error:
        # It was asked before and has not answered; or it has, just now.
        missing = getattr(libvirt, "VIR_ERR_DEVICE_MISSING", -1)
        pending = "already in the process of unplug" in str(error)
        if error.get_error_code() != missing and not pending and domain.isActive():
            raise


@translated
def resize(hypervisor: Hypervisor, name: str, volume: str, size_bytes: int) -> bool:
    """Make a disk larger that a running guest has, and let the guest know.

    Returns:
        Whether the guest is up and has it; else nothing was done.
    """
    domain = _domain(hypervisor, name)
    held = _held(domain, volume)
    if held is None:
        return False
    domain.blockResize(held.target, size_bytes, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
    return True


@translated
def copy_in_use(hypervisor: Hypervisor, name: str, volume: str, path: str) -> bool:
    """Copy a disk that a running guest has, as it is at one moment.

    The guest goes on writing meanwhile. Its file systems are on the copy as after a power cut.

    Args:
        hypervisor: where the domain is.
        name: the domain's.
        volume: the disk's volume.
        path: of the volume that gets the data; there already, empty and as large.

    Returns:
        Whether the guest is up and has the disk; else nothing was done.

    Raises:
        LibvirtError: it did not come to an end.
    """
    domain = _domain(hypervisor, name)
    held = _held(domain, volume)
    if held is None:
        return False
    target = write(copy_target(path, held.target))
    flags = libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
    domain.blockCopy(held.target, target, None, flags)
    try:
        _wait_until_alike(domain, held.target)
        domain.blockJobAbort(held.target, 0)
    except BaseException:
        _give_up(domain, held.target)
        raise
    return True


def _wait_until_alike(domain: Any, target: str) -> None:
    """Wait until a copy has caught up; from then on both get every write."""
    pause = threading.Event()
    while not (ready := copy_is_ready(parse(domain.XMLDesc(0)), target)):
        if ready is None:
            raise LibvirtError(f"the copy of {target} did not come to an end")
        pause.wait(_LOOK_SECONDS)


def _give_up(domain: Any, target: str) -> None:
    # It may have ended by itself, or with the guest.
    with contextlib.suppress(libvirt.libvirtError):
        domain.blockJobAbort(target, 0)


@translated
def give_up_copies(hypervisor: Hypervisor, name: str) -> None:
    """End the copies of a domain's disks that an emulator began and nobody waits for now."""
    try:
        domain = _domain(hypervisor, name)
    except libvirt.libvirtError:
        return
    if domain.isActive():
        for disk in _disks(domain, 0):
            if domain.blockJobInfo(disk.target, 0):
                _give_up(domain, disk.target)
