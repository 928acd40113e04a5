"""Public IPv4 addresses, out of a range that the internet never routes; pure.

198.18.0.0/15 is set aside for benchmarks (RFC 2544), so no packet sent to one of these
addresses by mistake reaches a stranger. Its lower half is for addresses that instances get
by themselves, its upper half for Elastic IP addresses. Tunnels of VPN connections end in
192.0.2.0/24, set aside for documentation (RFC 5737).
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network
from random import Random

from emulator.core.errors import AwsError
from emulator.net.addresses import dotted

AUTOMATIC = IPv4Network("198.18.0.0/16")
ELASTIC = IPv4Network("198.19.0.0/16")
TUNNELS = IPv4Network("192.0.2.0/24")


def choose(pool: IPv4Network, random: Random, in_use: Callable[[str], bool]) -> str:
    """Return an address of ``pool`` that is not in use.

    Raises:
        AwsError: InsufficientAddressCapacity when there is none.
    """
    return choose_several(pool, 1, random, in_use)[0]


def choose_several(
    pool: IPv4Network, count: int, random: Random, in_use: Callable[[str], bool]
) -> list[str]:
    """Return so many different addresses of ``pool`` that are not in use.

    Raises:
        AwsError: InsufficientAddressCapacity when there are not.
    """
    # The first and last address of the pool would look like a network and a broadcast.
    first, size = int(pool.network_address) + 1, pool.num_addresses - 2
    chosen: dict[str, None] = {}
    for _ in range(count):
        start = int(random.random() * size)
        for step in range(size):
            address = dotted(first + (start + step) % size)
            if address not in chosen and not in_use(address):
                chosen[address] = None
                break
        else:
            raise AwsError(
                "InsufficientAddressCapacity", "There are not enough free public IPv4 addresses."
            )
    return list(chosen)
