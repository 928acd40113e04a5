"""An instance's network interfaces, from records to commands of iproute2; pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

import attrs

from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import Vpc
from emulator.state.store import Region


@attrs.frozen
class InterfacePlan:
    """One interface of an instance.

    Attributes:
        mac_address: by which the first interface is found; the others are made.
        device_index: its place in the instance.
        addresses: with the length of the prefix they are in.
    """

    mac_address: str
    device_index: int
    addresses: tuple[str, ...]


def interfaces_of(region: Region, instance_id: str) -> tuple[InterfacePlan, ...]:
    """Return the interfaces of an instance, the first one first."""
    return tuple(_plan(region, row) for row in interface_rows(region, instance_id))


def interface_rows(region: Region, instance_id: str) -> list[NetworkInterface]:
    """Return the records of an instance's interfaces, the first one first."""
    rows = [
        row for row in region[NetworkInterface].where(instance_id=instance_id) if row.attachment
    ]
    rows.sort(key=_device_index)
    return rows


def _device_index(row: NetworkInterface) -> int:
    return row.attachment.device_index if row.attachment else 0


def _plan(region: Region, row: NetworkInterface) -> InterfacePlan:
    vpc = region[Vpc].get(row.vpc_id)
    blocks = (
        [
            ipaddress.ip_network(block.cidr)
            for block in (*vpc.ipv4_associations, *vpc.ipv6_associations)
        ]
        if vpc
        else []
    )
    addresses = []
    for text in (*row.private_ips, *row.ipv6_addresses):
        address = ipaddress.ip_address(text)
        lengths = [block.prefixlen for block in blocks if address in block]
        addresses.append(f"{address}/{min(lengths, default=address.max_prefixlen)}")
    return InterfacePlan(row.mac_address, _device_index(row), tuple(addresses))


def interface_commands(interfaces: Sequence[InterfacePlan], links: Mapping[str, str]) -> list[str]:
    """Return the commands for ``ip -batch`` that make a namespace's interfaces so.

    Interfaces that are made stay down: see ``up_commands``.

    Args:
        interfaces: what is to be.
        links: what is: names by MAC addresses.
    """
    commands: list[str] = []
    first = next(
        (links[each.mac_address] for each in interfaces if each.mac_address in links), "eth0"
    )
    for each, name in _named(interfaces, links, first):
        if each.mac_address not in links and each.device_index != 0:
            # The VPC is one wire, so a further interface is a further address on it.
            commands.append(
                f"link add link {first} name {name} address {each.mac_address} "
                "type macvlan mode bridge"
            )
        commands += [f"address replace {address} dev {name}" for address in each.addresses]
    return commands


def up_commands(interfaces: Sequence[InterfacePlan], links: Mapping[str, str]) -> list[str]:
    """Return the commands that let interfaces work that ``interface_commands`` made.

    Args:
        interfaces: as there.
        links: as there, before that.
    """
    return [
        f"link set {name} up"
        for each, name in _named(interfaces, links, "eth0")
        if each.mac_address not in links and each.device_index != 0
    ]


def removal_commands(
    former: Sequence[InterfacePlan],
    interfaces: Sequence[InterfacePlan],
    links: Mapping[str, str],
) -> list[str]:
    """Return the commands that take away what was and is not to be.

    Args:
        former: what an earlier visit made.
        interfaces: what is to be.
        links: what is: names by MAC addresses.
    """
    wanted = {each.mac_address: each for each in interfaces}
    commands: list[str] = []
    for each in former:
        name, now = links.get(each.mac_address), wanted.get(each.mac_address)
        if name is None:
            continue
        if now is not None:
            gone = [address for address in each.addresses if address not in now.addresses]
            commands += [f"address delete {address} dev {name}" for address in gone]
        elif each.device_index != 0:
            commands.append(f"link delete {name}")
    return commands


def _named(
    interfaces: Sequence[InterfacePlan], links: Mapping[str, str], first: str
) -> Iterator[tuple[InterfacePlan, str]]:
    """Yield interfaces with the names that they have, or get."""
    taken = set(links.values())
    for each in interfaces:
        name = links.get(each.mac_address)
        if name is None and each.device_index == 0:
            name = first
        if name is None:
            name = f"eth{each.device_index}"
            if name in taken:
                name = f"ens{each.device_index}"
        yield each, name
