"""``network/interfaces/macs/``: one folder for each attached interface, by its MAC address."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from emulator.imds.facts import Facts
from emulator.imds.nodes import Each, Folder, Leaf
from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import CidrAssociation, Subnet, Vpc
from emulator.net.dns_names import instance_name

Read = Callable[[Facts, NetworkInterface], str | None]


def _lines(values: Iterable[str]) -> str | None:
    return "\n".join(values) or None


def _ranges(associations: Iterable[CidrAssociation]) -> str | None:
    return _lines(each.cidr for each in associations if each.state == "associated")


def _public_ips(facts: Facts, interface: NetworkInterface) -> dict[str, str]:
    """Return the public addresses of an interface with the private ones they map to."""
    found = ((facts.public_of(interface, ip), ip) for ip in interface.private_ips)
    return {public: private for public, private in found if public is not None}


def _public_hostname(facts: Facts, interface: NetworkInterface) -> str | None:
    public_ips = _public_ips(facts, interface)
    return facts.public_name_of(interface, next(iter(public_ips))) if public_ips else None


def _local_hostname(facts: Facts, interface: NetworkInterface) -> str:
    if interface is facts.primary:
        return facts.hostname
    address = interface.private_ips[0] if interface.private_ips else None
    return instance_name(facts.region.name, facts.instance, address)


def _subnet(facts: Facts, interface: NetworkInterface) -> Subnet | None:
    return facts.region[Subnet].get(interface.subnet_id)


def _subnet_range(facts: Facts, interface: NetworkInterface) -> str | None:
    subnet = _subnet(facts, interface)
    return subnet.cidr or None if subnet is not None else None


def _subnet_ipv6_ranges(facts: Facts, interface: NetworkInterface) -> str | None:
    subnet = _subnet(facts, interface)
    return _ranges(subnet.ipv6_associations) if subnet is not None else None


def _vpc(facts: Facts, interface: NetworkInterface) -> Vpc | None:
    return facts.region[Vpc].get(interface.vpc_id)


def _vpc_range(facts: Facts, interface: NetworkInterface) -> str | None:
    vpc = _vpc(facts, interface)
    return vpc.cidr if vpc is not None else None


def _vpc_ranges(facts: Facts, interface: NetworkInterface) -> str | None:
    vpc = _vpc(facts, interface)
    return _ranges(vpc.ipv4_associations) if vpc is not None else None


def _vpc_ipv6_ranges(facts: Facts, interface: NetworkInterface) -> str | None:
    vpc = _vpc(facts, interface)
    return _ranges(vpc.ipv6_associations) if vpc is not None else None


def _device_number(_: Facts, interface: NetworkInterface) -> str | None:
    return str(interface.attachment.device_index) if interface.attachment else None


def _network_card(_: Facts, interface: NetworkInterface) -> str | None:
    return str(interface.attachment.network_card_index) if interface.attachment else None


# Name → how it is read and since which version.
_LEAVES: dict[str, tuple[Read, str]] = {
    "device-number": (_device_number, "2011-01-01"),
    "interface-id": (lambda _, interface: interface.id, "2011-01-01"),
    "ipv4-prefix": (lambda _, interface: _lines(interface.ipv4_prefixes), "2021-07-15"),
    "ipv6-prefix": (lambda _, interface: _lines(interface.ipv6_prefixes), "2021-07-15"),
    "ipv6s": (lambda _, interface: _lines(interface.ipv6_addresses), "2016-06-30"),
    "local-hostname": (_local_hostname, "2011-01-01"),
    "local-ipv4s": (lambda _, interface: _lines(interface.private_ips), "2011-01-01"),
    "mac": (lambda _, interface: interface.mac_address, "2011-01-01"),
    "network-card": (_network_card, "2020-11-01"),
    "owner-id": (lambda facts, _: facts.region.account, "2011-01-01"),
    "public-hostname": (_public_hostname, "2011-01-01"),
    "public-ipv4s": (
        lambda facts, interface: _lines(_public_ips(facts, interface)),
        "2011-01-01",
    ),
    "security-group-ids": (lambda _, interface: _lines(interface.group_ids), "2011-01-01"),
    "security-groups": (
        lambda facts, interface: _lines(facts.group_names(interface)),
        "2011-01-01",
    ),
    "subnet-id": (lambda _, interface: interface.subnet_id, "2011-01-01"),
    "subnet-ipv4-cidr-block": (_subnet_range, "2011-01-01"),
    "subnet-ipv6-cidr-blocks": (_subnet_ipv6_ranges, "2016-06-30"),
    "vpc-id": (lambda _, interface: interface.vpc_id, "2011-01-01"),
    "vpc-ipv4-cidr-block": (_vpc_range, "2011-01-01"),
    "vpc-ipv4-cidr-blocks": (_vpc_ranges, "2016-06-30"),
    "vpc-ipv6-cidr-blocks": (_vpc_ipv6_ranges, "2016-06-30"),
}


def _macs(facts: Facts) -> tuple[str, ...]:
    return tuple(interface.mac_address for interface in facts.interfaces)


def _interface_folder(mac: str) -> Folder:
    def of(facts: Facts) -> NetworkInterface:
        return next(each for each in facts.interfaces if each.mac_address == mac)

    def leaf(read: Read, since: str) -> Leaf:
        return Leaf(lambda facts: read(facts, of(facts)), since)

    associations = Each(
        names=lambda facts: tuple(_public_ips(facts, of(facts))),
        node=lambda ip: Leaf(lambda facts: _public_ips(facts, of(facts)).get(ip)),
    )
    leaves = {name: leaf(read, since) for name, (read, since) in _LEAVES.items()}
    return Folder({**leaves, "ipv4-associations": associations})


INTERFACES = Each(_macs, _interface_folder)
