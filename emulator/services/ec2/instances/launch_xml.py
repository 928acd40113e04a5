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


def _columns(region: Region, launch: Sequence[Launched]) -> list[tuple[str, Sequence[str]]]:
    """Return what is each instance's own: an element and its values, one for each of them."""
    name = region.name
    ids = [one.instance.id for one in launch]
    columns: list[tuple[str, Sequence[str]]] = [
        ("amiLaunchIndex", [str(one.instance.launch_index) for one in launch]),
        ("instanceId", ids),
        ("privateDnsName", [resource_name(name, instance_id) for instance_id in ids]),
    ]
    for interfaces in zip(*(one.interfaces for one in launch), strict=True):
        attachments = [interface.attachment for interface in interfaces]
        columns += [
            ("networkInterfaceId", [interface.id for interface in interfaces]),
            ("macAddress", [interface.mac_address for interface in interfaces]),
            ("attachmentId", [attachment.id for attachment in attachments if attachment]),
        ]
        for addresses in zip(*(interface.private_ips for interface in interfaces), strict=True):
            columns.append(("privateIpAddress", addresses))
            columns.append(
                ("privateDnsName", [private_name(name, address) for address in addresses])
            )
        for addresses in zip(*(interface.ipv6_addresses for interface in interfaces), strict=True):
            columns.append(("ipv6Address", addresses))
    for volumes in zip(*(one.volumes for one in launch), strict=True):
        columns.append(("volumeId", [volume.id for volume in volumes]))
    return columns


def _filled(xml: bytes, columns: Sequence[tuple[str, Sequence[str]]]) -> Iterator[bytes] | None:
    """Return the XML of each instance, or None where that cannot be done.

    Args:
        xml: the first one's, as it was rendered.
        columns: from ``_columns``.
    """
    text = xml.decode()
    column_of = {(element, values[0]): values for element, values in columns}
    if len(column_of) != len(columns) or _UNEXPECTED.search(text):
        return None
    pieces: list[str] = []
    gaps: list[Sequence[str]] = []
    end = 0
    for found in _VARYING.finditer(text):
        values = column_of.get((found[1], found[2]))
        if values is None:
            return None
        pieces += [text[end : found.start(2)], ""]
        gaps.append(values)
        end = found.end(2)
    pieces.append(text[end:])

    def fill(own: tuple[str, ...]) -> bytes:
        pieces[1::2] = own
        return "".join(pieces).encode()

    return map(fill, zip(*gaps, strict=True))


def launched_xml(region: Region, launch: Sequence[Launched]) -> list[bytes]:
    """Return the XML of each instance of a launch, none of which has changed since."""
    first = instance_xml(region, launch[0].instance)
    if len(launch) == 1:
        return [first]
    filled = _filled(first, _columns(region, launch))
    if filled is None:
        return [first, *(instance_xml(region, one.instance) for one in launch[1:])]
    return list(filled)
