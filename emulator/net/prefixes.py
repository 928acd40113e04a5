"""IPv6 addresses and delegated prefixes out of subnets; pure.

IPv6 ranges are so wide that the addresses in use are asked for rather than kept. Sources:
"IPv6 addresses" and "Prefix delegation for Amazon EC2 network interfaces": prefixes are
/28 and /80.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network
from random import Random
from typing import TypeVar

from emulator.core.errors import AwsError
from emulator.model.vpc import Subnet
from emulator.net.reservations import pick_address, pick_prefix

N = TypeVar("N", IPv4Network, IPv6Network)

IPV4_PREFIX_LENGTH = 28
IPV6_PREFIX_LENGTH = 80
MOST_IPV4_PREFIXES = 1 << (IPV4_PREFIX_LENGTH - 16)  # a subnet is a /16 at most
IPV6_RESERVED_FIRST = 4


def ipv6_range(subnet: Subnet) -> IPv6Network:
    """Return the subnet's IPv6 range.

    Raises:
        AwsError: InvalidParameterValue when it has none.
    """
    for association in subnet.ipv6_associations:
        if association.state in {"associated", "associating"}:
            return IPv6Network(association.cidr)
    raise AwsError(
        "InvalidParameterValue",
        f"The subnet '{subnet.id}' does not have an associated IPv6 CIDR block",
    )


def new_ipv6(subnet: Subnet, random: Random, in_use: Collection[str]) -> str:
    """Return an IPv6 address of the subnet that is not in use.

    Raises:
        AwsError: InsufficientFreeAddressesInSubnet where reservations leave none.
    """
    network = ipv6_range(subnet)
    if subnet.reserved:
        first = int(network.network_address)
        number = pick_address(
            subnet,
            (first + IPV6_RESERVED_FIRST, first + network.num_addresses - 2),
            lambda number: str(ipaddress.IPv6Address(number)) not in in_use,
            len(in_use) + 1,
            random,
        )
        if number is None:
            raise AwsError(
                "InsufficientFreeAddressesInSubnet",
                f"There are not enough free IPv6 addresses in subnet '{subnet.id}'.",
            )
        return str(ipaddress.IPv6Address(number))
    while True:
        offset = random.randint(IPV6_RESERVED_FIRST, network.num_addresses - 2)
        address = str(network[offset])
        if address not in in_use:
            return address


def wanted_ipv6(subnet: Subnet, wanted: str, in_use: Collection[str]) -> str:
    """Return the wanted IPv6 address in its canonical spelling.

    Raises:
        AwsError: InvalidParameterValue for what is no address of the subnet,
            InvalidIPAddress.InUse.
    """
    network = ipv6_range(subnet)
    try:
        # A zone ("%eth0") belongs to a host, not to an address of a subnet.
        address = ipaddress.IPv6Address(wanted if "%" not in wanted else "")
    except ValueError:
        raise AwsError("InvalidParameterValue", f"Invalid IPv6 address: '{wanted}'") from None
    if address not in network or int(address) - int(network.network_address) < (
        IPV6_RESERVED_FIRST
    ):
        raise AwsError(
            "InvalidParameterValue",
            f"Address {wanted} does not fall within the subnet's IPv6 address range "
            "or is reserved in it",
        )
    if str(address) in in_use:
        raise AwsError("InvalidIPAddress.InUse", f"Address {wanted} is in use.")
    return str(address)


def take_ipv4_prefix(subnet: Subnet, wanted: str | None, random: Random) -> str:
    """Take a /28 of the subnet, the wanted one or any.

    Raises:
        AwsError: InvalidParameterValue for what is no /28 of the subnet,
            InvalidIPAddress.InUse, InsufficientCidrBlocks.
    """
    network = IPv4Network(subnet.cidr or "0.0.0.0/32")
    used = subnet.addresses_in_use
    if wanted is not None:
        chosen = _wanted_network(wanted, IPv4Network, IPV4_PREFIX_LENGTH)
        if not chosen.subnet_of(network):
            raise _outside(wanted)
        if not _is_free(network, chosen, used):
            raise AwsError("InvalidIPAddress.InUse", f"Prefix {wanted} is in use.")
    elif subnet.reserved:
        chosen = _unreserved_ipv4_prefix(subnet, network, random)
    else:
        blocks = max(0, network.num_addresses >> (32 - IPV4_PREFIX_LENGTH))
        start = random.randrange(blocks) if blocks else 0
        for step in range(blocks):
            number = int(network.network_address) + ((start + step) % blocks) * 16
            chosen = IPv4Network((number, IPV4_PREFIX_LENGTH))
            if _is_free(network, chosen, used):
                break
        else:
            raise _no_room(subnet)
    used.update(_numbers(chosen))
    subnet.touch()
    return str(chosen)


def give_back_ipv4_prefix(subnet: Subnet, prefix: str) -> None:
    """Return a /28 to the subnet."""
    subnet.addresses_in_use.difference_update(_numbers(IPv4Network(prefix)))
    subnet.touch()


def ipv6_prefix(subnet: Subnet, wanted: str | None, random: Random, in_use: Collection[str]) -> str:
    """Return a /80 of the subnet, the wanted one or any that is not in use.

    Raises:
        AwsError: InvalidParameterValue for what is no /80 of the subnet,
            InvalidIPAddress.InUse.
    """
    network = ipv6_range(subnet)
    if wanted is not None:
        chosen = _wanted_network(wanted, IPv6Network, IPV6_PREFIX_LENGTH)
        if not chosen.subnet_of(network):
            raise _outside(wanted)
        if str(chosen) in in_use:
            raise AwsError("InvalidIPAddress.InUse", f"Prefix {wanted} is in use.")
        return str(chosen)
    if subnet.reserved:
        return _unreserved_ipv6_prefix(subnet, network, random, in_use)
    while True:
        block = random.randrange(1, 1 << (IPV6_PREFIX_LENGTH - network.prefixlen))
        number = int(network.network_address) + (block << (128 - IPV6_PREFIX_LENGTH))
        prefix = str(IPv6Network((number, IPV6_PREFIX_LENGTH)))
        if prefix not in in_use:
            return prefix


def _no_room(subnet: Subnet) -> AwsError:
    return AwsError(
        "InsufficientCidrBlocks",
        f"The specified subnet '{subnet.id}' does not have enough free cidr blocks "
        "to satisfy the request.",
    )


def _unreserved_ipv4_prefix(subnet: Subnet, network: IPv4Network, random: Random) -> IPv4Network:
    shift, used = 32 - IPV4_PREFIX_LENGTH, subnet.addresses_in_use
    first, last = int(network.network_address), int(network.broadcast_address)

    def prefix(number: int) -> IPv4Network:
        return IPv4Network((number << shift, IPV4_PREFIX_LENGTH))

    number = pick_prefix(
        subnet,
        (first >> shift, last >> shift),
        shift,
        lambda number: _is_free(network, prefix(number), used),
        MOST_IPV4_PREFIXES,
        random,
    )
    if number is None:
        raise _no_room(subnet)
    return prefix(number)


def _unreserved_ipv6_prefix(
    subnet: Subnet, network: IPv6Network, random: Random, in_use: Collection[str]
) -> str:
    shift = 128 - IPV6_PREFIX_LENGTH
    first, last = int(network.network_address), int(network.broadcast_address)

    def prefix(number: int) -> str:
        return str(IPv6Network((number << shift, IPV6_PREFIX_LENGTH)))

    number = pick_prefix(
        subnet,
        # The first prefix has AWS's own addresses in it.
        ((first >> shift) + 1, last >> shift),
        shift,
        lambda number: prefix(number) not in in_use,
        len(in_use) + 1,
        random,
    )
    if number is None:
        raise _no_room(subnet)
    return prefix(number)


def _numbers(network: IPv4Network) -> range:
    first = int(network.network_address)
    return range(first, first + network.num_addresses)


def _is_free(subnet: IPv4Network, prefix: IPv4Network, used: Collection[int]) -> bool:
    # AWS's own addresses are the first four and the last of the subnet.
    if prefix.network_address == subnet.network_address:
        return False
    if prefix.broadcast_address == subnet.broadcast_address:
        return False
    return not any(number in used for number in _numbers(prefix))


def _wanted_network(text: str, kind: type[N], length: int) -> N:
    network: N | None
    try:
        network = kind(text)
    except ValueError:
        network = None
    if network is None or network.prefixlen != length:
        raise AwsError("InvalidParameterValue", f"'{text}' is not a valid /{length} prefix")
    return network


def _outside(prefix: str) -> AwsError:
    return AwsError(
        "InvalidParameterValue", f"Prefix {prefix} does not fall within the subnet's range"
    )
