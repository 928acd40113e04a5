"""The addresses and names of the routers between VPCs and of the little internet they share; pure.

A VPC's router is in a network namespace of its own. It is on the VPC's bridge, and on the
fabric, a bridge in one more namespace, the core, where all routers meet. The core has a cable
to the engine's machine, which is how that reaches public addresses.
"""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address, IPv4Network

PUBLIC = IPv4Network("198.18.0.0/15")
# The first and the last address of both pools are never given out (``public_addresses``): the
# engine's machine has one on the internet of instances, the core another.
HOST_ADDRESS = IPv4Address("198.18.255.255")
CORE_UPLINK = IPv4Address("198.19.0.0")
# The ends of the cable between the core and the engine's machine.
HOST_MAC, UPLINK_MAC = "06:ec:00:01:00:01", "06:ec:00:01:00:02"
# No VPC can have this range, so it cannot be in the way.
_FABRIC = IPv4Network("169.254.0.0/16")
CORE_INDEX = 1
FIRST_INDEX = 2
LAST_INDEX = 0xFFFE


def router_address(cidr: str) -> IPv4Address:
    """Return a router's address in one range of its VPC: AWS keeps the fourth one for itself."""
    return IPv4Network(cidr).network_address + 3


def router_mac(vpc_id: str) -> str:
    """Return the hardware address of a VPC's router on the VPC's bridge, always the same."""
    digest = hashlib.sha256(vpc_id.encode()).digest()[:5]
    return f"06:{digest.hex(':')}"


def fabric_address(index: int) -> IPv4Address:
    """Return the address on the fabric of the router with a number, or the core's."""
    return _FABRIC.network_address + index


def fabric_mac(index: int) -> str:
    """Return the hardware address that belongs to it."""
    return f"06:ec:00:00:{index >> 8:02x}:{index & 0xFF:02x}"
