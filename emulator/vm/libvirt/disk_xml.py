"""The disks of a domain in its XML: looked at, and replaced; pure."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from emulator.vm.libvirt.domain import Disk
from emulator.vm.libvirt.domain_xml import BadXml, add, disk_element
from emulator.vm.libvirt.volume_xml import QCOW2


def with_disks(domain: etree._Element, disks: Iterable[Disk]) -> etree._Element:
    """Return a domain, changed, that has these volumes for disks and no others.

    Raises:
        BadXml: it is no domain.
    """
    devices = domain.find("devices")
    if devices is None:
        raise BadXml("a domain without devices is none")
    for element in devices.findall("disk[@type='volume']"):
        devices.remove(element)
    for disk in disks:
        devices.append(disk_element(disk))
    return domain


def copy_target(path: str, target: str) -> etree._Element:
    """Return the file that gets a copy of a disk; libvirt takes no volume of a pool there."""
    element = etree.Element("disk", {"type": "file", "device": "disk"})
    add(element, "driver", name="qemu", type=QCOW2, discard="unmap")
    add(element, "source", file=path)
    add(element, "target", dev=target)
    return element


def copy_is_ready(domain: etree._Element, target: str) -> bool | None:
    """Tell whether the copy of a running domain's disk has caught up; None: none is made."""
    for element in domain.iterfind("devices/disk"):
        place, mirror = element.find("target"), element.find("mirror")
        if place is not None and place.get("dev") == target and mirror is not None:
            return mirror.get("ready") == "yes"
    return None
