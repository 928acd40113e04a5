"""Counting an instance's packets by flow, in its own namespace; pure.

Two tables take turns, beside the table that filters and without anything in it. Each looks at
packets right before the filter and right after it, so what was seen and did not come through
was rejected. A packet that a table has seen is marked until it has come through: when the
other table's turn comes, this one still hears of the packets that are under way, and no flow
is torn apart. A set that is full counts no new flows, and nothing else happens: a rule that
cannot add to it just does not go on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import attrs

from emulator.net.nft import DISCOVERY, LINKS
from emulator.net.traffic import TCP

# Each is beside the other's: `inet` and a name.
TABLES = ("inet ec2_emulator_flows_0", "inet ec2_emulator_flows_1")
# Far from what software in a guest marks packets with; each is gone where its packet is.
_MARKS = (0x10000000, 0x20000000)
# Of one kind, family and direction. A table is never larger than a few MiB.
MOST_FLOWS = 8192
TIMEOUT_SECONDS = 3600
_FAMILIES = (("4", "ip", "ipv4_addr", "ipv4"), ("6", "ip6", "ipv6_addr", "ipv6"))
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_PORTS = ("inet_service . inet_service", "th sport . th dport")
# TCP's packets by the flags that AWS tells of: those a set's packets have, which of a packet's
# count, and which of these it has. (nft cannot list sets whose elements have several flags.)
_TCP_KINDS = {
    "syn": (_SYN, "syn | ack", "syn"),
    "synack": (_SYN | _ACK, "syn | ack", "syn | ack"),
    "rst": (_RST, "syn | rst", "rst"),
    "fin": (_FIN, "syn | rst | fin", "fin"),
    "tcp": (0, "syn | rst | fin", "0"),
}
# Each kind of packets: the types of what it has besides addresses, where that is, and which
# packets these are.
_KINDS = {
    **{
        name: (*_PORTS, f"meta l4proto tcp tcp flags & ( {mask} ) == {value}")
        for name, (_, mask, value) in _TCP_KINDS.items()
    },
    "ports": (
        "inet_proto . inet_service . inet_service",
        "meta l4proto . th sport . th dport",
        "meta l4proto { udp, udplite, dccp, sctp }",
    ),
    "other": (
        "inet_proto",
        "meta l4proto",
        "meta l4proto != { tcp, udp, udplite, dccp, sctp }",
    ),
}
# "Flow log limitations": what AWS does not log. Here it is: DHCP, all of 169.254.0.0/16, and
# what IPv6 needs to find neighbours, which AWS answers itself.
_NOT_LOGGED = (
    "udp sport { 67, 68 } udp dport { 67, 68 } return",
    "ip saddr 169.254.0.0/16 return",
    "ip daddr 169.254.0.0/16 return",
    f"icmpv6 type {{ {DISCOVERY} }} return",
)
# Right before and right after the filter's chains at these hooks.
_HOOKS = {"in": ("prerouting", "iif", -151, -149), "out": ("postrouting", "oif", 109, 111)}


class Unreadable(Exception):
    """What nft lists is not what it is known to list."""


@attrs.frozen
class Flow:
    """Packets of one direction with the same addresses, ports and protocol, and one fate.

    Attributes:
        is_ingress: whether they arrived.
        tcp_flags: as AWS has them: FIN, SYN and RST of any packet, and ACK of a SYN-ACK.
        first_seconds: when the first one came, in seconds since 1970.
        last_seconds: when the last one came, or the end of the count.
    """

    is_ingress: bool
    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int
    accepted: bool
    packets: int
    octets: int
    tcp_flags: int
    first_seconds: int
    last_seconds: int


@attrs.frozen
class Capture:
    """What a table counted.

    Attributes:
        is_whole: whether no packet was left out for want of room.
    """

    flows: tuple[Flow, ...] = ()
    is_whole: bool = True


def begin_script(turn: int) -> str:
    """Return the script that lets a table count, and the other one no further packets.

    Whoever loads it defines the instance's links in front of it (``emulator.net.nft.LINKS``).
    """
    other = TABLES[1 - turn]
    return f"""{_forget(turn)}table {TABLES[turn]} {{
{"".join(_parts(turn))}}}
table {other} {{
  chain before_in {{
  }}
  chain before_out {{
  }}
}}
flush chain {other} before_in
flush chain {other} before_out
"""


def end_script(*turns: int) -> str:
    """Return the script that removes tables, if they are there."""
    return "".join(map(_forget, turns or (0, 1)))


def _forget(turn: int) -> str:
    # The first line makes it where there is none, so that deleting it cannot fail.
    return f"table {TABLES[turn]}\ndelete table {TABLES[turn]}\n"


def _parts(turn: int) -> Iterator[str]:
    mark = _MARKS[turn]
    for direction, (hook, link, before, after) in _HOOKS.items():
        yield f"  counter {direction}_all {{\n  }}\n"
        for kind, (types, _, _) in _KINDS.items():
            for digit, _, address, _ in _FAMILIES:
                for stage in ("seen", "kept"):
                    yield (
                        f"  set {stage}_{direction}_{kind}{digit} {{\n"
                        f"    type {address} . {address} . {types}\n"
                        f"    size {MOST_FLOWS}; flags dynamic, timeout; "
                        f"timeout {TIMEOUT_SECONDS}s; counter\n  }}\n"
                    )
        yield (
            f"  chain before_{direction} {{\n"
            f"    type filter hook {hook} priority {before}; policy accept;\n"
            f"    {link} != {LINKS} return\n"
            + "".join(f"    {line}\n" for line in _NOT_LOGGED)
            + f"    meta mark set meta mark or {mark:#x}\n"
            f"    counter name {direction}_all\n"
            + "".join(_counting("add", "seen", direction))
            + "  }\n"
        )
        yield (
            f"  chain after_{direction} {{\n"
            f"    type filter hook {hook} priority {after}; policy accept;\n"
            f"    meta mark and {mark:#x} == 0 return\n"
            f"    meta mark set meta mark and {0xFFFFFFFF ^ mark:#x}\n"
            + "".join(_counting("update", "kept", direction))
            + "  }\n"
        )


def _counting(verb: str, stage: str, direction: str) -> Iterator[str]:
    """Yield the rules that count: an element keeps the first time by ``add``, else the last."""
    for kind, (_, fields, match) in _KINDS.items():
        for digit, family, _, nfproto in _FAMILIES:
            yield (
                f"    meta nfproto {nfproto} {match} {verb} "
                f"@{stage}_{direction}_{kind}{digit} "
                f"{{ {family} saddr . {family} daddr . {fields} }}\n"
            )


class _Ends(NamedTuple):
    """What a flow's packets have in common, but for their fate."""

    is_ingress: bool
    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int


@attrs.define
class _Count:
    packets: int = 0
    octets: int = 0
    seconds: int = 0
    flags: int = 0


def read_capture(text: str, now_seconds: int) -> Capture:
    """Return what a table counted, from nft's listing of it in JSON with numbers.

    Args:
        text: of ``nft --json --numeric list table``.
        now_seconds: when it was listed, in seconds since 1970.

    Raises:
        Unreadable: nft says something else.
    """
    try:
        return _read(text, now_seconds)
    except (ValueError, LookupError, TypeError) as error:
        raise Unreadable(f"what nft lists cannot be read: {error!r}") from None


def _read(text: str, now_seconds: int) -> Capture:
    seen: dict[_Ends, _Count] = {}
    kept: dict[_Ends, _Count] = {}
    counted = noticed = 0
    for each in json.loads(text)["nftables"] if text else ():
        if "counter" in each:
            noticed += each["counter"]["packets"]
        elif "set" in each:
            stage, direction, kind = each["set"]["name"].split("_")
            found, edge = (seen, min) if stage == "seen" else (kept, max)
            for item in each["set"].get("elem", ()):
                packets = _note(
                    found, item["elem"], direction == "in", kind[:-1], now_seconds, edge
                )
                counted += packets if stage == "seen" else 0
    flows = tuple(_flows(seen, kept, now_seconds))
    return Capture(flows, is_whole=counted >= noticed)


def _note(
    found: dict[_Ends, _Count],
    item: Any,
    is_ingress: bool,
    kind: str,
    now_seconds: int,
    edge: Callable[[int, int], int],
) -> int:
    """Add an element of a set to what was found, and return its packets."""
    source, destination, *rest = item["val"]["concat"]
    flags = 0
    if kind in _TCP_KINDS:
        protocol, (source_port, destination_port) = TCP, rest
        flags = _TCP_KINDS[kind][0]
    elif kind == "ports":
        protocol, source_port, destination_port = rest
    else:
        protocol, source_port, destination_port = rest[0], 0, 0
    key = _Ends(is_ingress, source, destination, protocol, source_port, destination_port)
    at_seconds = now_seconds - (TIMEOUT_SECONDS - item.get("expires", TIMEOUT_SECONDS))
    packets: int = item["counter"]["packets"]
    known = found.setdefault(key, _Count(seconds=at_seconds))
    known.packets += packets
    known.octets += item["counter"]["bytes"]
    known.seconds = edge(known.seconds, at_seconds)
    known.flags |= flags
    return packets


def _flows(
    seen: dict[_Ends, _Count], kept: dict[_Ends, _Count], now_seconds: int
) -> Iterator[Flow]:
    for key in {**seen, **kept}:
        through = kept.get(key, _Count())
        # What came through was seen, but the set of that may have been full.
        arrived = seen.get(key, through)
        if through.packets:
            yield Flow(
                *key,
                accepted=True,
                packets=through.packets,
                octets=through.octets,
                tcp_flags=through.flags,
                first_seconds=min(arrived.seconds, through.seconds),
                last_seconds=through.seconds,
            )
        if arrived.packets > through.packets:
            yield Flow(
                *key,
                accepted=False,
                packets=arrived.packets - through.packets,
                octets=arrived.octets - through.octets,
                # Which of the packets had them is known only where none came through.
                tcp_flags=arrived.flags if not through.packets else 0,
                first_seconds=arrived.seconds,
                last_seconds=now_seconds,
            )
