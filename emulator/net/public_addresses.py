"""Public IPv4 addresses, out of a range that the internet never routes; pure.

198.18.0.0/15 is set aside for benchmarks (RFC 2544), so no packet sent to one of these
addresses by mistake reaches a stranger. Its lower half is for addresses that instances get
by themselves, its upper half for Elastic IP addresses. Tunnels of VPN connections end in
192.0.2.0/24, set aside for documentation (RFC 5737).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from ipaddress import IPv4Network
from random import Random

from emulator.core.errors import AwsError

AUTOMATIC = IPv4Network("198.18.0.0/16")
ELASTIC = IPv4Network("198.19.0.0/16")
TUNNELS = IPv4Network("192.0.2.0/24")


@cache
def _bounds(pool: IPv4Network) -> tuple[int, int]:
    return int(pool.network_address), pool.num_addresses


def choose(pool: IPv4Network, random: Random, in_use: Callable[[str], bool]) -> str:
    """Return an address of ``pool`` that is not in use.

    Raises:
        AwsError: InsufficientAddressCapacity when there is none.
    """
    first, count = _bounds(pool)
    start = int(random.random() * count)
    for step in range(count):
        # The first and last address of the pool would look like a network and a broadcast.
        offset = (start + step) % count
        if 0 < offset < count - 1:
            number = first + offset
            address = f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            if not in_use(address):
                return address
    raise AwsError(
        "InsufficientAddressCapacity", "There are not enough free public IPv4 addresses."
    )
