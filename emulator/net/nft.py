"""A packet filter as one script for ``nft -f``; pure.

The script replaces a table of our own in one transaction, so no packet ever meets half of
it. It is made of numbers and networks only: no text that anybody sent gets into it.

Packets are looked at where they come in by an interface of the instance's, before anything
in the guest gives them other addresses, and where they go out, after that. So what a guest
forwards, for containers of its own or as a NAT instance, passes the rules, too. Open stays
what groups do not filter on AWS: loopback (where the metadata service answers), neighbour
discovery, DHCP and Amazon's time service.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from emulator.net.cidrs import Network
from emulator.net.router_addresses import HOST_ADDRESS
from emulator.net.ruleset import Allowed, InterfaceRules, Ruleset
from emulator.net.subnet_rules import AclRule, RouteRule, SubnetRules
from emulator.net.traffic import ALL_PORTS, ICMP, ICMPV6, TCP, UDP, Traffic

TABLE = "inet ec2_emulator"
# Whoever does the visit defines them: the numbers of the instance's interfaces, and the
# addresses of the engine's machine on the guest's network.
LINKS = "$links"
HOST = "$host"
SSH = 22

DISCOVERY = (
    "nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect, "
    "mld-listener-query, mld-listener-report, mld2-listener-report"
)
_OPEN = (
    f"icmpv6 type {{ {DISCOVERY} }} accept",
    "udp sport { 67, 68 } udp dport { 67, 68 } accept",
)
# The metadata service answers on the loopback interface. Nothing that is meant for it may
# ever get to the machine's own, should its address not be there.
_NEVER_LEAVES = (
    "ip daddr 169.254.169.254 drop",
    "ip6 daddr fd00:ec2::254 drop",
)
# "Security group connection tracking": a connection that both directions' rules allow for
# everybody anyway is not tracked, and ends with its rule; others outlive theirs. The mark is
# that of the tracked ones.
_MARK = "0x40000000"
_KNOWN = (
    f"ct state established ct mark and {_MARK} != 0 accept",
    "ct state related accept",
)
_TRACKED = (f"ct state new ct mark set ct mark or {_MARK}", "accept")
# The engine's machine has one address on the instance's network, and one on the internet.
_SSH = tuple(f"ip saddr {each} tcp dport {SSH} accept" for each in (HOST, HOST_ADDRESS))
_SSH_ANSWERS = tuple(
    f"ip daddr {each} tcp sport {SSH} ct state established accept" for each in (HOST, HOST_ADDRESS)
)
_TIME = "ip daddr 169.254.169.123 udp dport 123 accept"


def script(ruleset: Ruleset, *, host_ssh: bool = True) -> str:
    """Return the filter of an instance.

    Args:
        ruleset: what its interfaces let through.
        host_ssh: whether the engine's machine gets to port 22 whatever the groups say.
    """
    interfaces = ruleset.interfaces
    checked = all(each.source_dest_check for each in interfaces)
    guarded = any(each.subnet is not None for each in interfaces)
    chains = [
        _chain(
            "arriving",
            (
                "type filter hook prerouting priority -150; policy drop;",
                f"iif != {LINKS} accept",
                *_OPEN,
                *(_SSH if host_ssh else ()),
                *(("jump acl_in",) if guarded else ()),
                *_KNOWN,
                *(("fib daddr type != { local, broadcast, multicast } drop",) if checked else ()),
                f"ip saddr {HOST} goto from_host",
                *_dispatch(interfaces, "daddr", "in"),
            ),
        ),
        _chain(
            "leaving",
            (
                "type filter hook postrouting priority 110; policy drop;",
                f"oif != {LINKS} accept",
                *_OPEN,
                *_NEVER_LEAVES,
                _TIME,
                *(_SSH_ANSWERS if host_ssh else ()),
                *(("jump acl_out", "jump routes") if guarded else ()),
                *_KNOWN,
                *(("fib saddr type != local drop",) if checked else ()),
                *_dispatch(interfaces, "saddr", "out"),
            ),
        ),
        _chain(
            "from_host",
            _dispatch(interfaces, "daddr", "host"),
        ),
    ]
    chains.append(_chain("tracked", _TRACKED))
    if guarded:
        chains += _subnet_chains(interfaces)
    for number, each in enumerate(interfaces):
        chains += [
            _chain(f"in_{number}", _rules(each.ingress, "saddr", each.egress)),
            _chain(f"out_{number}", _rules(each.egress, "daddr", each.ingress)),
            _chain(f"host_{number}", _rules_for_host(each.ingress, each.egress)),
        ]
    # The first line makes the table where there is none, so that deleting it cannot fail.
    return f"table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n{''.join(chains)}}}\n"


def _subnet_chains(interfaces: Sequence[InterfaceRules]) -> Iterator[str]:
    """Yield what stands around interfaces: none of it knows of connections."""
    yield _chain("acl_in", _dispatch(interfaces, "daddr", "acl_in"))
    yield _chain("acl_out", _dispatch(interfaces, "saddr", "acl_out"))
    # The engine's machine is reached whatever the routes say: it is where the guest is.
    yield _chain("routes", (f"ip daddr {HOST} return", *_dispatch(interfaces, "saddr", "routes")))
    for number, each in enumerate(interfaces):
        subnet = each.subnet or SubnetRules((), (), (), ())
        yield _chain(f"acl_in_{number}", _acl(subnet, subnet.ingress, "saddr"))
        yield _chain(f"acl_out_{number}", _acl(subnet, subnet.egress, "daddr"))
        yield _chain(f"routes_{number}", _routes(subnet.routes))


def _acl(subnet: SubnetRules, rules: Iterable[AclRule], side: str) -> Iterator[str]:
    """Yield a network ACL: the engine's machine is outside, and the subnet's own are not asked."""
    strangers = f"ip {side} != {HOST} "
    for _, match in _matches(subnet.own, side):
        yield f"{strangers if match.startswith('ip ') else ''}{match} return"
    for rule in rules:
        verdict = "return" if rule.allows else "drop"
        for family, match in _matches((rule.network,), side):
            for text, _ in _traffic((rule.traffic,), family):
                stranger = strangers if match.startswith("ip ") else ""
                yield " ".join(filter(None, (f"{stranger}{match}", text, verdict)))
    yield "drop"


def _routes(rules: Iterable[RouteRule]) -> Iterator[str]:
    for rule in rules:
        for _, match in _matches((rule.network,), "daddr"):
            yield f"{match} {'return' if rule.leads_there else 'drop'}"
    yield "drop"


def _chain(name: str, lines: Iterable[str]) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f"  chain {name} {{\n{body}  }}\n"


def _dispatch(interfaces: Sequence[InterfaceRules], side: str, chain: str) -> Iterator[str]:
    """Yield the rules that send a packet to its interface's chain, by the address it has here.

    Packets with another address of the guest's, such as one of the engine's, are the first
    interface's.
    """
    if len(interfaces) > 1:
        for family, kind in (("ip", ipaddress.IPv4Network), ("ip6", ipaddress.IPv6Network)):
            places: dict[Network, int] = {}
            for number, each in enumerate(interfaces):
                for address in each.addresses:
                    if isinstance(address, kind):
                        places.setdefault(address, number)
            if places:
                pairs = (f"{_network(at)} : goto {chain}_{n}" for at, n in places.items())
                yield f"{family} {side} vmap {{ {', '.join(pairs)} }}"
    if interfaces:
        yield f"goto {chain}_0"


def _rules(allowed: Iterable[Allowed], side: str, opposite: Sequence[Allowed]) -> Iterator[str]:
    for networks, kinds in _by_networks(allowed).items():
        for family, match in _matches(networks, side):
            answered = _answered(opposite, family) if match.startswith("meta") else frozenset()
            for text, protocol in _traffic(kinds, family):
                yield from _verdicts(match, text, protocol, answered)


def _rules_for_host(allowed: Iterable[Allowed], opposite: Sequence[Allowed]) -> Iterator[str]:
    """Yield the rules that let in the engine's machine.

    It is no part of the VPC, although its address there looks so: for it there are only the
    rules for all of IPv4.
    """
    kinds = [each.traffic for each in allowed if _is_for_all(each, 4)]
    for text, protocol in _traffic(kinds, "ip"):
        yield from _verdicts("", text, protocol, _answered(opposite, "ip"))


def _verdicts(
    match: str, text: str, protocol: int | None, answered: frozenset[int]
) -> Iterator[str]:
    """Yield what becomes of packets: those of connections that are not tracked come first.

    Args:
        match: whose packets.
        text: which of them.
        protocol: theirs; None: any.
        answered: protocols of connections that are not tracked.
    """
    if protocol is None:
        for each in sorted(answered):
            yield " ".join(filter(None, (match, f"meta l4proto {each}", "accept")))
    verdict = "accept" if protocol in answered else "goto tracked"
    yield " ".join(filter(None, (match, text, verdict)))


def _answered(opposite: Iterable[Allowed], family: str) -> frozenset[int]:
    """Return the protocols whose answers may go to everybody, at any port."""
    found: set[int] = set()
    for each in opposite:
        traffic = each.traffic
        if _is_for_all(each, 4 if family == "ip" else 6):
            if traffic.protocol is None:
                return frozenset((TCP, UDP))
            if traffic.ports == ALL_PORTS:
                found.add(traffic.protocol)
    return frozenset(found)


def _is_for_all(allowed: Allowed, version: int) -> bool:
    return any(each.version == version and each.prefixlen == 0 for each in allowed.networks)


def _by_networks(allowed: Iterable[Allowed]) -> dict[tuple[Network, ...], list[Traffic]]:
    found: dict[tuple[Network, ...], list[Traffic]] = {}
    for each in allowed:
        found.setdefault(each.networks, []).append(each.traffic)
    return found


def _matches(networks: Sequence[Network], side: str) -> Iterator[tuple[str, str]]:
    """Yield each family that the networks are of, with what matches them."""
    for family, nfproto, version in (("ip", "ipv4", 4), ("ip6", "ipv6", 6)):
        own = [each for each in networks if each.version == version]
        if any(each.prefixlen == 0 for each in own):
            yield family, f"meta nfproto {nfproto}"
        elif own:
            yield family, f"{family} {side} {{ {', '.join(map(_network, own))} }}"


def _network(network: Network) -> str:
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return str(network)


def _traffic(kinds: Iterable[Traffic], family: str) -> Iterator[tuple[str, int | None]]:
    """Yield what matches these kinds of packets, with their protocol: its ports together."""
    ports: dict[int, list[tuple[int, int]]] = {}
    others: dict[str, int] = {}
    for kind in kinds:
        if kind.protocol is None:
            yield "", None
            return
        if kind.ports is not None:
            ports.setdefault(kind.protocol, []).append(kind.ports)
        elif kind.protocol not in {ICMP, ICMPV6}:
            others[f"meta l4proto {kind.protocol}"] = kind.protocol
        elif kind.protocol == (ICMP if family == "ip" else ICMPV6):
            others[_icmp(kind)] = kind.protocol
    for protocol, ranges in ports.items():
        yield _ports(protocol, ranges), protocol
    yield from others.items()


def _ports(protocol: int, ranges: Iterable[tuple[int, int]]) -> str:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    if merged == [ALL_PORTS]:
        return f"meta l4proto {protocol}"
    name = {TCP: "tcp", UDP: "udp"}[protocol]
    texts = (str(first) if first == last else f"{first}-{last}" for first, last in merged)
    return f"{name} dport {{ {', '.join(texts)} }}"


def _icmp(kind: Traffic) -> str:
    name = {ICMP: "icmp", ICMPV6: "icmpv6"}[kind.protocol or 0]
    number, code = kind.icmp
    if number is None:
        return f"meta l4proto {kind.protocol}"
    return f"{name} type {number}" + ("" if code is None else f" {name} code {code}")
