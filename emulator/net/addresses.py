"""Addresses out of subnets, as AWS gives them; no I/O, no packets.

Source: "Subnet CIDR blocks": the first four addresses and the last of every subnet are
AWS's own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from random import Random

from emulator.core.errors import AwsError
from emulator.model.vpc import Subnet
from emulator.net.reservations import pick_address

RESERVED_FIRST = 4
RESERVED_LAST = 1


@lru_cache(maxsize=4096)
def _bounds(cidr: str) -> tuple[int, int]:
    network = ipaddress.IPv4Network(cidr)
    first = int(network.network_address)
    return first + RESERVED_FIRST, first + network.num_addresses - RESERVED_LAST - 1


def available(subnet: Subnet) -> int:
    """Return how many IPv4 addresses the subnet can still give."""
    if not subnet.cidr:
        return 0
    first, last = _bounds(subnet.cidr)
    return last - first + 1 - len(subnet.addresses_in_use)


def take(subnet: Subnet, wanted: Sequence[str | None], random: Random) -> list[str]:
    """Take addresses of a subnet, all or none; None stands for any.

    Raises:
        AwsError: InvalidParameterValue for an address outside the subnet or reserved,
            InvalidIPAddress.InUse, InsufficientFreeAddressesInSubnet.
    """
    used, taken = subnet.addresses_in_use, list[int]()
    try:
        for address in wanted:
            # Those asked for go first, lest one of the others is the same by chance.
            if address is not None:
                taken.append(_wanted_number(subnet, address))
                used.add(taken[-1])
        free = _free_numbers(subnet, wanted.count(None), random)
    except AwsError:
        used.difference_update(taken)
        raise
    subnet.touch()
    named, others = iter(taken), iter(free)
    return [dotted(next(others if address is None else named)) for address in wanted]


def dotted(number: int) -> str:
    """Return an IPv4 address as text."""
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _free_numbers(subnet: Subnet, count: int, random: Random) -> list[int]:
    """Take so many addresses, of the subnet's choice."""
    used, found = subnet.addresses_in_use, list[int]()
    first, last = _bounds(subnet.cidr) if subnet.cidr else (1, 0)
    span = last - first + 1
    if len(used) + count > span:
        raise _no_room(subnet)
    for _ in range(count):
        if subnet.reserved:
            number = _unreserved_number(subnet, random)
            if number is None:
                used.difference_update(found)
                raise _no_room(subnet)
        else:
            number = first + int(random.random() * span)
            while number in used:
                number = number + 1 if number < last else first
        used.add(number)
        found.append(number)
    return found


def _no_room(subnet: Subnet) -> AwsError:
    return AwsError(
        "InsufficientFreeAddressesInSubnet",
        f"There are not enough free addresses in subnet '{subnet.id}' "
        "to satisfy the requested number of instances.",
    )


def _unreserved_number(subnet: Subnet, random: Random) -> int | None:
    used = subnet.addresses_in_use
    return pick_address(
        subnet, _bounds(subnet.cidr), lambda number: number not in used, len(used) + 1, random
    )


def _wanted_number(subnet: Subnet, wanted: str) -> int:
    try:
        number = int(ipaddress.IPv4Address(wanted))
    except ValueError:
        raise AwsError("InvalidParameterValue", f"Invalid IPv4 address: '{wanted}'") from None
    first, last = _bounds(subnet.cidr) if subnet.cidr else (1, 0)
    if not first <= number <= last:
        raise AwsError(
            "InvalidParameterValue",
            f"Address {wanted} does not fall within the subnet's address range "
            "or is reserved in it",
        )
    if number in subnet.addresses_in_use:
        raise AwsError("InvalidIPAddress.InUse", f"Address {wanted} is in use.")
    return number


def retake(subnet: Subnet, addresses: Iterable[str]) -> bool:
    """Take just these addresses, which were given out before; all of them or none.

    Returns:
        Whether they were still free.
    """
    numbers = {int(ipaddress.IPv4Address(address)) for address in addresses}
    if not subnet.addresses_in_use.isdisjoint(numbers):
        return False
    subnet.addresses_in_use.update(numbers)
    subnet.touch()
    return True


def give_back(subnet: Subnet, addresses: Iterable[str]) -> None:
    """Return addresses to the subnet; unknown ones are ignored."""
    for address in addresses:
        subnet.addresses_in_use.discard(int(ipaddress.IPv4Address(address)))
    subnet.touch()
