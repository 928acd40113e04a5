"""Ranges of addresses: read from requests, compared, and given out; pure.

Source: "VPC CIDR blocks" and "Subnet CIDR blocks" in the Amazon VPC user guide.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from random import Random
from typing import TypeAlias

from emulator.core.errors import AwsError

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Amazon's own IPv6 ranges are real places on the internet; machines behind this emulator
# must never shadow them, so VPCs get theirs from the range kept for documentation.
IPV6_POOL = ipaddress.IPv6Network("2001:db8::/32")
VPC_IPV6_PREFIX = 56
SUBNET_IPV6_PREFIX = 64
LARGEST_IPV4_PREFIX = 16
SMALLEST_IPV4_PREFIX = 28
MAX_IPV4_RANGES = 5
MAX_IPV6_RANGES = 5
DEFAULT_SUBNET_PREFIX = 20

_IPV4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}/[0-9]{1,2}")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}/[0-9]{1,3}")
_SHOWN_CHARACTERS = 64

_UNUSABLE = tuple(
    map(
        ipaddress.IPv4Network,
        ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
_PRIVATE = tuple(
    map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.19.0.0/16"))
)


def _not_a_cidr(text: str, parameter: str) -> AwsError:
    return AwsError(
        "InvalidParameterValue",
        f"Value ({text[:_SHOWN_CHARACTERS]}) for parameter {parameter} is invalid. "
        "This is not a valid CIDR block.",
    )


@lru_cache(maxsize=8192)
def _ipv4(text: str) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(text, strict=False)


@lru_cache(maxsize=8192)
def _ipv6(text: str) -> ipaddress.IPv6Network:
    return ipaddress.IPv6Network(text, strict=False)


def ipv4_network(text: str, parameter: str) -> ipaddress.IPv4Network:
    """Return the range a request names, host bits cleared as AWS does.

    Args:
        text: such as ``10.0.0.0/16``.
        parameter: what the error calls it.

    Raises:
        AwsError: InvalidParameterValue for anything else.
    """
    if _IPV4.fullmatch(text):
        try:
            return _ipv4(text)
        except ValueError:
            pass
    raise _not_a_cidr(text, parameter)


def ipv6_network(text: str, parameter: str) -> ipaddress.IPv6Network:
    """Return the IPv6 range a request names, host bits cleared.

    Raises:
        AwsError: InvalidParameterValue for anything else.
    """
    if _IPV6.fullmatch(text):
        try:
            return _ipv6(text)
        except ValueError:
            pass
    raise _not_a_cidr(text, parameter)


def known_network(cidr: str) -> Network:
    """Return a range out of a record, which is always well spelt."""
    return _ipv6(cidr) if ":" in cidr else _ipv4(cidr)


def vpc_range(text: str, parameter: str = "cidrBlock") -> ipaddress.IPv4Network:
    """Return an IPv4 range that a VPC may have.

    Raises:
        AwsError: InvalidVpc.Range for a size or place that AWS does not allow.
    """
    network = ipv4_network(text, parameter)
    fits = LARGEST_IPV4_PREFIX <= network.prefixlen <= SMALLEST_IPV4_PREFIX
    if not fits or any(network.overlaps(unusable) for unusable in _UNUSABLE):
        raise AwsError("InvalidVpc.Range", f"The CIDR '{network}' is invalid.")
    return network


def _private_range(network: ipaddress.IPv4Network) -> ipaddress.IPv4Network | None:
    return next((private for private in _PRIVATE if network.overlaps(private)), None)


def check_secondary(
    primary: ipaddress.IPv4Network, others: Iterable[str], added: ipaddress.IPv4Network
) -> None:
    """Refuse a range that may not join the ranges a VPC has.

    Args:
        primary: the VPC's first range.
        others: all of its IPv4 ranges.
        added: the new one.

    Raises:
        AwsError: CidrConflict for an overlap; InvalidVpc.Range for what "IPv4 CIDR block
            association restrictions" forbids beside the primary range.
    """
    for cidr in others:
        if _ipv4(cidr).overlaps(added):
            raise AwsError(
                "CidrConflict", f"The CIDR '{added}' conflicts with another CIDR of the VPC: {cidr}"
            )
    private = _private_range(added)
    restricted = private is not None and private != _private_range(primary)
    if str(private) == "198.19.0.0/16":
        restricted = True
    if restricted:
        raise AwsError(
            "InvalidVpc.Range",
            f"The CIDR '{added}' is restricted. Use a CIDR from the same private address range "
            "as the current VPC CIDR, or use a publicly-routable CIDR. For additional "
            "restrictions, see https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html",
        )


def next_vpc_ipv6(random: Random, taken: Collection[str]) -> str:
    """Return a /56 of the pool that no VPC has."""
    places = 1 << (VPC_IPV6_PREFIX - IPV6_POOL.prefixlen)
    place = random.randrange(places)
    base = int(IPV6_POOL.network_address)
    while True:
        address = ipaddress.IPv6Address(base + (place << (128 - VPC_IPV6_PREFIX)))
        cidr = f"{address}/{VPC_IPV6_PREFIX}"
        if cidr not in taken:
            return cidr
        place = (place + 1) % places


def subnets_of(cidr: str, prefix: int) -> Iterator[str]:
    """Yield the ranges of one size in a range, from the lowest."""
    return (str(network) for network in _ipv4(cidr).subnets(new_prefix=prefix))


def is_within(inner: Network, outer: str) -> bool:
    """Tell whether a range lies in another, given as text, of the same family."""
    network = known_network(outer)
    if inner.version != network.version or inner.prefixlen < network.prefixlen:
        return False
    return inner.network_address in network


def overlapping(network: Network, cidrs: Iterable[str]) -> str | None:
    """Return the first of ``cidrs`` that shares an address with ``network``."""
    return next((cidr for cidr in cidrs if network.overlaps(known_network(cidr))), None)


def ipv6_subnets_of(cidr: str) -> Iterator[str]:
    """Yield the /64 ranges of an IPv6 range, from the lowest."""
    return (str(network) for network in _ipv6(cidr).subnets(new_prefix=SUBNET_IPV6_PREFIX))
