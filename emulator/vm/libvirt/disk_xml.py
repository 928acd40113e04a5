"""The disks of a domain in its XML: looked at, and replaced; pure."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from emulator.vm.libvirt.domain import Disk
from emulator.vm.libvirt.domain_xml import BadXml, disk_element


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


def copy_is_ready(domain: etree._Element, target: str) -> bool | None:
    """Tell whether the copy of a running domain's disk has caught up; None: none is made."""
    for element in domain.iterfind("devices/disk"):
        place, mirror = element.find("target"), element.find("mirror")
        if place is not None and place.get("dev") == target and mirror is not None:
            return mirror.get("ready") == "yes"
    return None
