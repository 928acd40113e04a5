"""The instances of one launch in XML: rendered once, filled in for the others.

They differ in ids and addresses only, and a launch of a hundred spends most of its time
writing the same structures again. What differs stands in elements of its own, so it is
found by element and value; where anything is unexpected everything is rendered instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import attrs

from emulator.model.instance import Instance
from emulator.model.network_interface import NetworkInterface
from emulator.model.volume import Volume
from emulator.net.dns_names import private_name, resource_name
from emulator.services.ec2.instances.views import instance_xml
from emulator.state.store import Region

# Elements whose text may differ between the instances of one launch.
_VARYING = re.compile(
    rb"<(amiLaunchIndex|attachmentId|instanceId|ipv6Address|macAddress|networkInterfaceId"
    rb"|privateDnsName|privateIpAddress|volumeId)>([^<]+)</"
)
# Elements that an instance gets only later; with one of them nothing is filled in.
_UNEXPECTED = re.compile(rb"<(publicIp|ipAddress|spotInstanceRequestId|carrierIp)>")


@attrs.frozen
class Launched:
    """An instance with what was made or attached for it, in the order of its plan."""

    instance: Instance
    interfaces: Sequence[NetworkInterface]
    volumes: Sequence[Volume]


def _values(region: Region, launched: Launched) -> Iterator[tuple[str, str]]:
    """Return what is an instance's own, element by element, in the same order for each."""
    instance = launched.instance
    yield "amiLaunchIndex", str(instance.launch_index)
    yield "instanceId", instance.id
    yield "privateDnsName", resource_name(region.name, instance.id)
    for interface in launched.interfaces:
        yield "networkInterfaceId", interface.id
        yield "macAddress", interface.mac_address
        if interface.attachment is not None:
            yield "attachmentId", interface.attachment.id
        for address in interface.private_ips:
            yield "privateIpAddress", address
            yield "privateDnsName", private_name(region.name, address)
        for address in interface.ipv6_addresses:
            yield "ipv6Address", address
    for volume in launched.volumes:
        yield "volumeId", volume.id


@attrs.frozen
class _Template:
    """One instance's XML cut where something of its own stands.

    Attributes:
        pieces: the XML, with a gap at every odd place.
        gaps: for each gap, which of an instance's values fills it.
        size: how many values an instance has.
    """

    pieces: list[bytes]
    gaps: list[int]
    size: int

    def filled(self, own: Sequence[bytes]) -> bytes:
        """Return the XML of the instance with these values."""
        pieces = self.pieces
        pieces[1::2] = [own[gap] for gap in self.gaps]
        return b"".join(pieces)


def _template(xml: bytes, values: Sequence[tuple[str, str]]) -> _Template | None:
    """Return the XML as a template of its values, or None where that cannot be done."""
    place_of = {
        (element.encode(), value.encode()): place for place, (element, value) in enumerate(values)
    }
    if len(place_of) != len(values) or _UNEXPECTED.search(xml):
        return None
    pieces: list[bytes] = []
    gaps: list[int] = []
    end = 0
    for found in _VARYING.finditer(xml):
        place = place_of.get((found[1], found[2]))
        if place is None:
            return None
        pieces += [xml[end : found.start(2)], b""]
        gaps.append(place)
        end = found.end(2)
    pieces.append(xml[end:])
    return _Template(pieces, gaps, len(values))


def launched_xml(region: Region, launch: Sequence[Launched]) -> list[bytes]:
    """Return the XML of each instance of a launch, none of which has changed since."""
    first_xml = instance_xml(region, launch[0].instance)
    if len(launch) == 1:
        return [first_xml]
    template = _template(first_xml, list(_values(region, launch[0])))
    if template is None:
        return [first_xml, *(instance_xml(region, one.instance) for one in launch[1:])]
    filled = [first_xml]
    for one in launch[1:]:
        own = "\n".join([value for _, value in _values(region, one)]).encode().split(b"\n")
        fits = len(own) == template.size
        filled.append(template.filled(own) if fits else instance_xml(region, one.instance))
    return filled
