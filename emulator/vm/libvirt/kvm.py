"""Whether hardware virtualization really runs a guest, found out by running one.

``/dev/kvm`` may be there and may be opened, and still no guest gets anywhere, as inside many a
virtual machine. So a guest of one sector runs, which does nothing but tell its panic device
that it lives.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from lxml import etree

from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt.blocking import CRASHED, Hypervisor, LibvirtError
from emulator.vm.libvirt.domain import KVM
from emulator.vm.libvirt.domain_xml import add, write

# What guests get under hardware virtualization: all that the machine itself has.
GUESTS_CPU = "host-passthrough"
# Real hardware needs a tenth of a second; a machine that is busy some more.
TIMEOUT_SECONDS = 8.0
PAUSE_SECONDS = 0.1
_SECTOR_BYTES = 512
_QEMU = "qemu-system-x86_64"
# A smaller disk has no geometry for a firmware to read it by.
_DISK_BYTES = 1 << 20
_MEMORY_MIB = 16
# mov dx, 0x505; mov al, 1; out dx, al; hlt; jmp to the hlt. The port is that of QEMU's device
# "pvpanic", and 1 means that the guest panicked: nothing gets there by mistake.
_CODE = bytes((0xBA, 0x05, 0x05, 0xB0, 0x01, 0xEE, 0xF4, 0xEB, 0xFD))
_BOOTABLE = b"\x55\xaa"


def boot_sector() -> bytes:
    """Return the whole guest."""
    return _CODE.ljust(_SECTOR_BYTES - len(_BOOTABLE), b"\0") + _BOOTABLE


def probe_xml(name: str, kind: str, disk_path: str) -> str:
    """Return the domain that runs it.

    Args:
        name: of the domain.
        kind: ``kvm``, or ``qemu`` to see that the test itself works.
        disk_path: where the hypervisor's machine has the guest.
    """
    root = etree.Element("domain", {"type": kind})
    add(root, "name", name)
    add(root, "memory", _MEMORY_MIB, unit="MiB")
    add(root, "vcpu", 1)
    system = add(root, "os")
    add(system, "type", "hvm", arch="x86_64", machine="pc")
    add(system, "boot", dev="hd")
    features = add(root, "features")
    add(features, "acpi")
    add(features, "apic")
    if kind == KVM:
        # The processor that guests are to have: a lesser one may run where that does not.
        add(root, "cpu", mode=GUESTS_CPU)
    add(root, "on_reboot", "destroy")
    add(root, "on_crash", "preserve")
    devices = add(root, "devices")
    disk = add(devices, "disk", type="file", device="disk")
    add(disk, "driver", name="qemu", type="raw")
    add(disk, "source", file=disk_path)
    add(disk, "target", dev="vda", bus="virtio")
    add(disk, "readonly")
    add(devices, "controller", type="usb", model="none")
    add(devices, "memballoon", model="none")
    add(devices, "panic", model="isa")
    return write(root)


def obstacle(
    hypervisor: Hypervisor, pool: str, name: str, pauses: Callable[[], Iterator[None]], kind: str
) -> str | None:
    """Return what keeps guests of a kind from running; None: one ran. It blocks.

    Args:
        hypervisor: where.
        pool: holds the guest for the moment.
        name: of the domain and of its volume, which nobody else has.
        pauses: yields, after a pause each, for as long as is to be waited.
        kind: of domain, ``kvm`` or ``qemu``.
    """
    try:
        path = storage.write(hypervisor, pool, name, boot_sector(), least_bytes=_DISK_BYTES)
    except LibvirtError as error:
        return f"the test guest cannot be stored in the pool {pool}: {error}"
    try:
        hypervisor.run_once(probe_xml(name, kind, path))
        return _fate(hypervisor, name, pauses())
    except LibvirtError as error:
        return _reason(str(error))
    finally:
        with contextlib.suppress(LibvirtError):
            hypervisor.power_off(name)
        with contextlib.suppress(LibvirtError):
            # The next start removes it.
            storage.delete(hypervisor, pool, name)


def _reason(message: str) -> str:
    """Return the first line of what QEMU said, or of what libvirt did, without what is in front."""
    _, monitor, said = message.partition("monitor:")
    lines = [line.strip() for line in (said if monitor else message).splitlines() if line.strip()]
    return lines[0].rpartition(f"{_QEMU}: ")[2] if lines else message


def probe_name(namespace: str) -> str:
    """Return the name of the test guest of an emulator, and of its disk."""
    return f"ec2-emulator.kvm-probe.{namespace}"


def _fate(hypervisor: Hypervisor, name: str, pauses: Iterator[None]) -> str | None:
    for _ in pauses:
        state = hypervisor.state(name)
        if state is None:
            return "a test guest ended before it ran"
        if state.state == CRASHED:
            return None
    return "a test guest starts and never runs"
