"""The instances of one launch in XML: rendered once, filled in for the others.

They differ in ids and addresses only, and a launch of a hundred spends most of its time
writing the same structures again. What differs stands in elements of its own, so it is
found by element and value; where anything is unexpected everything is rendered instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import itemgetter

import attrs

from emulator.model.instance import Instance
from emulator.model.network_interface import NetworkInterface
from emulator.model.volume import Volume
from emulator.net.dns_names import private_name, resource_name
from emulator.services.ec2.instances.views import instance_xml
from emulator.state.store import Region

# Elements whose text may differ between the instances of one launch.
_VARYING = re.compile(
    r"<(amiLaunchIndex|attachmentId|instanceId|ipv6Address|macAddress|networkInterfaceId"
    r"|privateDnsName|privateIpAddress|volumeId)>([^<]+)</"
)
# Elements that an instance gets only later; with one of them nothing is filled in.
_UNEXPECTED = re.compile(r"<(publicIp|ipAddress|spotInstanceRequestId|carrierIp)>")


@attrs.frozen
class Launched:
    """An instance with what was made or attached for it, in the order of its plan."""

    instance: Instance
    interfaces: Sequence[NetworkInterface]
    volumes: Sequence[Volume]


def _values(region: Region, launched: Launched) -> list[tuple[str, str]]:
    """Return what is an instance's own, element by element, in the same order for each."""
    instance, name = launched.instance, region.name
    values = [
        ("amiLaunchIndex", str(instance.launch_index)),
        ("instanceId", instance.id),
        ("privateDnsName", resource_name(name, instance.id)),
    ]
    for interface in launched.interfaces:
        values.append(("networkInterfaceId", interface.id))
        values.append(("macAddress", interface.mac_address))
        if interface.attachment is not None:
            values.append(("attachmentId", interface.attachment.id))
        for address in interface.private_ips:
            values.append(("privateIpAddress", address))
            values.append(("privateDnsName", private_name(name, address)))
        values.extend(("ipv6Address", address) for address in interface.ipv6_addresses)
    values.extend(("volumeId", volume.id) for volume in launched.volumes)
    return values


@attrs.frozen
class _Template:
    """One instance's XML cut where something of its own stands.

    Attributes:
        pieces: the XML, with a gap at every odd place.
        fillings: picks from an instance's values the one for each gap.
        size: how many values an instance has.
    """

    pieces: list[str]
    fillings: Callable[[Sequence[str]], tuple[str, ...]]
    size: int

    def filled(self, own: Sequence[str]) -> bytes:
        """Return the XML of the instance with these values."""
        pieces = self.pieces
        pieces[1::2] = self.fillings(own)
        return "".join(pieces).encode()


def _template(xml: bytes, values: Sequence[tuple[str, str]]) -> _Template | None:
    """Return the XML as a template of its values, or None where that cannot be done."""
    text = xml.decode()
    place_of = {value: place for place, value in enumerate(values)}
    if len(place_of) != len(values) or _UNEXPECTED.search(text):
        return None
    pieces: list[str] = []
    gaps: list[int] = []
    end = 0
    for found in _VARYING.finditer(text):
        place = place_of.get((found[1], found[2]))
        if place is None:
            return None
        pieces += [text[end : found.start(2)], ""]
        gaps.append(place)
        end = found.end(2)
    pieces.append(text[end:])
    return _Template(pieces, itemgetter(*gaps), len(values))


def launched_xml(region: Region, launch: Sequence[Launched]) -> list[bytes]:
    """Return the XML of each instance of a launch, none of which has changed since."""
    first_xml = instance_xml(region, launch[0].instance)
    if len(launch) == 1:
        return [first_xml]
    template = _template(first_xml, _values(region, launch[0]))
    if template is None:
        return [first_xml, *(instance_xml(region, one.instance) for one in launch[1:])]
    filled = [first_xml]
    for one in launch[1:]:
        own = [value for _, value in _values(region, one)]
        fits = len(own) == template.size
        filled.append(template.filled(own) if fits else instance_xml(region, one.instance))
    return filled
