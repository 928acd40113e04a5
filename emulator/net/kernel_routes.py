"""Where the machine itself routes to, from the kernel's table; pure."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network


def routed(table: str) -> Iterator[tuple[str, str]]:
    """Yield the links and IPv4 ranges of ``/proc/net/route``, but for default routes."""
    for line in table.splitlines()[1:]:
        link, destination, _, _, _, _, _, mask = line.split()[:8]
        address = int.from_bytes(bytes.fromhex(destination), "little")
        length = int.from_bytes(bytes.fromhex(mask), "little").bit_count()
        if length:
            yield link, str(IPv4Network((address, length)))
