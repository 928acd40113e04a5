"""Kinds of packets, as rules of security groups and network ACLs name them; pure."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
ALL_PORTS = (0, 65535)
_NUMBERS: Mapping[str, int | None] = {
    "-1": None,
    "tcp": TCP,
    "udp": UDP,
    "icmp": ICMP,
    "icmpv6": ICMPV6,
}
_ANY = -1


@attrs.frozen
class Traffic:
    """A kind of packets.

    Attributes:
        protocol: its IANA number; None: all.
        ports: first and last destination port, for TCP and UDP.
        icmp: type and code, for ICMP and ICMPv6; None: all.
    """

    protocol: int | None
    ports: tuple[int, int] | None = None
    icmp: tuple[int | None, int | None] = (None, None)


def typed_traffic(
    protocol: str, ports: tuple[int, int], icmp: tuple[int | None, int | None]
) -> Traffic:
    """Return the packets that a rule is about.

    Args:
        protocol: a name that AWS has for it, or a number as text; ``-1`` for all.
        ports: looked at for protocols that have any.
        icmp: type and code, likewise; -1 or None for all.
    """
    number = _NUMBERS[protocol] if protocol in _NUMBERS else int(protocol)
    if number in {TCP, UDP}:
        return Traffic(number, ports=ports)
    if number in {ICMP, ICMPV6}:
        kind, code = (None if each == _ANY else each for each in icmp)
        return Traffic(number, icmp=(kind, None if kind is None else code))
    return Traffic(number)
