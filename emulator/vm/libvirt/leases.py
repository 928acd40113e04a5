"""What a guest on a network of libvirt's has: an address that is known, and a filter; pure.

Source: libvirt's documentation, "Network XML format" and "Network filters".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

import attrs
from lxml import etree

from emulator.vm.libvirt.domain_xml import add, write

METADATA_FILTER = "ec2-emulator-no-metadata"


@attrs.frozen
class Dhcp:
    """What a network's DHCP server gives out.

    Attributes:
        first, last: the range.
        reserved: address by MAC address.
        gateway: the network's own address.
    """

    first: IPv4Address
    last: IPv4Address
    reserved: Mapping[str, str]
    gateway: str

    def address_for(self, mac_address: str, leased: Iterable[str]) -> str | None:
        """Return the address that a guest is to have: its reserved one, or a free one.

        Args:
            mac_address: the guest's. A new guest does not get what another one just had.
            leased: addresses that somebody has at the moment.
        """
        known = self.reserved.get(mac_address.lower())
        if known is not None:
            return known
        taken = {self.gateway, *self.reserved.values(), *leased}
        size = int(self.last) - int(self.first) + 1
        digest = hashlib.sha256(mac_address.lower().encode()).digest()
        begin = int.from_bytes(digest[:4], "big")
        candidates = (str(self.first + (begin + step) % size) for step in range(size))
        return next((each for each in candidates if each not in taken), None)


def dhcp_of(network: etree._Element) -> Dhcp | None:
    """Return what a network's DHCP server gives out; None: it has none for IPv4."""
    for element in network.iterfind("ip"):
        span = element.find("dhcp/range")
        if element.get("family", "ipv4") != "ipv4" or span is None:
            continue
        reserved = {
            host.get("mac", "").lower(): host.get("ip", "")
            for host in element.iterfind("dhcp/host")
            if host.get("mac")
        }
        first, last = span.get("start"), span.get("end")
        if first is not None and last is not None:
            gateway = element.get("address", "")
            return Dhcp(IPv4Address(first), IPv4Address(last), reserved, gateway)
    return None


def reservation_xml(mac_address: str, address: str) -> str:
    """Return the entry that gives one guest its address for good."""
    root = etree.Element("dhcp")
    return write(add(root, "host", mac=mac_address, ip=address))


def metadata_filter_xml() -> str:
    """Return the filter that lets nothing through to a metadata service."""
    root = etree.Element("filter", {"name": METADATA_FILTER, "chain": "root"})
    for protocol, address in (("ip", "169.254.169.254"), ("ipv6", "fd00:ec2::254")):
        rule = add(root, "rule", action="drop", direction="out", priority=100)
        add(rule, protocol, dstipaddr=address)
    return write(root)
