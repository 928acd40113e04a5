"""A VPC's libvirt network as a typed value, to XML and back; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

import attrs
from lxml import etree

from emulator.vm.interface import Wire
from emulator.vm.libvirt.domain_xml import add, parse, write

_NAME = re.compile(r"ec2-emulator\.([a-z0-9][a-z0-9-]*)\.(vpc-[0-9a-f]+)")
# Where a VPC's own range is taken: a part of what is for private use and seldom used.
_SPARE = IPv4Network("172.24.0.0/13")
_SPARE_PREFIX = 20


@attrs.frozen
class Network:
    """What guests of one VPC are joined by.

    Attributes:
        name: libvirt's.
        bridge: the link on the hypervisor's machine.
        cidr: the range that is routed there.
    """

    name: str
    bridge: str
    cidr: str

    @property
    def gateway(self) -> str:
        """The machine's own address there: the first one, which is no instance's in any subnet."""
        return str(IPv4Network(self.cidr).network_address + 1)

    @property
    def wire(self) -> Wire:
        """What ports need to know of it."""
        return Wire(self.bridge, self.cidr, self.gateway)


def network_name(namespace: str, vpc_id: str) -> str:
    """Return the name of a VPC's network.

    Raises:
        ValueError: it would be none.
    """
    name = f"ec2-emulator.{namespace}.{vpc_id}"
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a VPC's network")
    return name


def is_of(name: str, namespace: str) -> bool:
    """Tell whether a network is a VPC's of an emulator."""
    found = _NAME.fullmatch(name)
    return found is not None and found[1] == namespace


def network_xml(network: Network) -> str:
    """Return the XML by which libvirt makes a network.

    What leaves it gets the machine's address. Guests ask the emulator for addresses and names,
    so libvirt is to answer neither.
    """
    root = etree.Element("network")
    add(root, "name", network.name)
    add(root, "forward", mode="nat")
    add(root, "bridge", name=network.bridge, stp="off", delay="0")
    add(root, "dns", enable="no")
    length = IPv4Network(network.cidr).prefixlen
    add(root, "ip", address=network.gateway, prefix=str(length))
    return write(root)


def network_of(text: str) -> Network | None:
    """Return the network that XML of libvirt's tells of; None: it is none of ours."""
    root = parse(text)
    ranges = [str(each) for each in ranges_of(text)]
    bridge = root.find("bridge")
    name = root.findtext("name") or ""
    if bridge is None or not ranges or _NAME.fullmatch(name) is None:
        return None
    return Network(name, bridge.get("name", ""), ranges[0])


def ranges_of(text: str) -> Iterator[IPv4Network]:
    """Yield the IPv4 ranges of any network."""
    for each in parse(text).iterfind("ip"):
        length = each.get("prefix") or each.get("netmask")
        if each.get("family", "ipv4") == "ipv4" and each.get("address") and length:
            yield IPv4Network(f"{each.get('address')}/{length}", strict=False)


def overlapping(cidr: str, taken: Iterable[str]) -> str | None:
    """Return the first of some ranges that shares addresses with another."""
    own = IPv4Network(cidr)
    return next((each for each in taken if own.overlaps(IPv4Network(each))), None)


def spare_range(taken: Iterable[str]) -> str | None:
    """Return a range that shares no addresses with any of these; None: there is none left."""
    others = [IPv4Network(each) for each in taken]
    for each in _SPARE.subnets(new_prefix=_SPARE_PREFIX):
        if not any(each.overlaps(other) for other in others):
            return str(each)
    return None
