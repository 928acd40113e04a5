"""A router's plan as commands for ``ip -batch`` and a script for ``nft -f``; pure.

Which way a packet goes is decided by the script, which is replaced in one transaction: it
marks what comes from an interface of the VPC with the number of a hop, by the subnet that the
interface is in. A routing table for each number, made before, leads there. Only what gets
another address is tracked; everything else is as stateless as a route table is.

Everything is made of numbers, addresses and hardware addresses; no text that anybody sent
gets into it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address

import attrs

from emulator.net.bridge_filter import routed
from emulator.net.route_legs import Hop, Leg, VpcKey, Way
from emulator.net.router_addresses import (
    CORE_INDEX,
    CORE_UPLINK,
    FIRST_INDEX,
    HOST_ADDRESS,
    HOST_MAC,
    PUBLIC,
    UPLINK_MAC,
    fabric_address,
    fabric_mac,
    router_address,
    router_mac,
)
from emulator.net.router_plan import RouterPlan, SubnetRoutes
from emulator.net.router_visit import MACHINE, Errand, Link

TABLE = "ip ec2_emulator"
# The names of a router's two links in its namespace, and of the core's two in the core.
VPC_LINK, FABRIC = "vpc", "fabric"
UPLINK = "uplink"
_FIRST_PREFERENCE = 1000
_WITHIN = 1
_FIRST_NUMBER = 2
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")


@attrs.define
class Hops:
    """The numbers of a router's hops: a number means the same for as long as the router lives."""

    _numbers: dict[Hop, int] = attrs.field(factory=dict, init=False)
    _next: int = attrs.field(default=_FIRST_NUMBER, init=False)

    def number(self, hop: Hop) -> int:
        """Return a hop's number, given to it now where it has none."""
        if hop == Hop(Way.LOCAL):
            return _WITHIN
        known = self._numbers.get(hop)
        if known is None:
            known = self._numbers[hop] = self._next
            self._next += 1
        return known

    def is_known(self, hop: Hop) -> bool:
        """Tell whether a hop has a number."""
        return hop in self._numbers

    def beside(self, hops: Iterable[Hop]) -> list[int]:
        """Forget all hops but these, and return the numbers they had."""
        kept = set(hops)
        gone = {hop: number for hop, number in self._numbers.items() if hop not in kept}
        for hop in gone:
            del self._numbers[hop]
        return list(gone.values())


def hops_of(plan: RouterPlan, peers: Mapping[VpcKey, int]) -> list[Hop]:
    """Return the different hops of a plan that lead to somebody; without that within the VPC."""
    legs = [leg for subnet in plan.subnets for leg in subnet.legs if leg.hop != Hop(Way.LOCAL)]
    found = dict.fromkeys(_reached(leg, peers) for leg in legs)
    return [hop for hop in found if hop is not None]


def _reached(leg: Leg, peers: Mapping[VpcKey, int]) -> Hop | None:
    """Return a leg's hop if there is somebody at its end."""
    hop = leg.hop
    return None if hop is not None and hop.peer is not None and hop.peer not in peers else hop


# Commands


def address_commands(plan: RouterPlan) -> list[str]:
    """Return the commands that give a router its addresses in its VPC's ranges."""
    return [
        f"address replace {router_address(str(cidr))}/{cidr.prefixlen} dev {VPC_LINK}"
        for cidr in plan.cidrs
    ]


def former_address_commands(former: RouterPlan, plan: RouterPlan) -> list[str]:
    """Return the commands that take from a router what it does not have any more."""
    gone = [cidr for cidr in former.cidrs if cidr not in plan.cidrs]
    return [
        f"address delete {router_address(str(cidr))}/{cidr.prefixlen} dev {VPC_LINK}"
        for cidr in gone
    ]


def table_commands(
    plan: RouterPlan, hop: Hop, number: int, peers: Mapping[VpcKey, int], host: IPv4Address
) -> list[str]:
    """Return the commands that make a hop's table.

    Args:
        plan: whose VPC's ranges are within.
        hop: not the one within the VPC, and to a peer that there is.
        number: the hop's.
        peers: on the fabric.
        host: the address of the engine's machine on the VPC's network.
    """
    place = f"table {number}"
    within = [f"route replace {cidr} dev {VPC_LINK} {place}" for cidr in plan.cidrs]
    default = f"route replace default via {host} dev {VPC_LINK} onlink {place}"
    if hop.way is Way.INTERNET:
        # What has another public address at its other end is met on the fabric; the true
        # internet is where the engine's machine finds it.
        core = fabric_address(CORE_INDEX)
        return [*within, f"route replace {PUBLIC} via {core} dev {FABRIC} onlink {place}", default]
    if hop.way is Way.SERVICE:
        return [*within, default]
    if hop.way is Way.INTERFACE:
        return [f"route replace default via {hop.via} dev {VPC_LINK} onlink {place}"]
    if hop.peer is not None:
        there = fabric_address(peers[hop.peer])
        return [f"route replace default via {there} dev {FABRIC} onlink {place}"]
    return within


def rule_command(number: int) -> str:
    """Return the command that leads marked packets to a hop's table."""
    preference = _FIRST_PREFERENCE + number
    return f"rule add preference {preference} fwmark {number} lookup {number}"


def forgetting_commands(number: int) -> list[str]:
    """Return the commands that forget a hop's table."""
    return [f"rule delete preference {_FIRST_PREFERENCE + number}", f"route flush table {number}"]


# The script


def router_script(plan: RouterPlan, hops: Hops, peers: Mapping[VpcKey, int]) -> str:
    """Return the script that makes a router do what it is to.

    Args:
        plan: what that is.
        hops: with a number for each of ``hops_of``.
        peers: numbers on the fabric of the routers that there are.
    """
    known = [peers[each] for each in plan.peers if each in peers]
    chains = [
        _chain("arriving", _arriving(plan, known), "filter", "prerouting", -300),
        *_subnet_chains(plan, hops, peers),
        _chain("to_private", _to_private(plan), "nat", "prerouting", -100),
        _chain("to_public", _to_public(plan, hops, peers), "nat", "postrouting", 100),
        _chain("through", _through(plan, hops, peers, known), "filter", "forward", 0),
        _chain("own", ("drop",), "filter", "input", 0),
    ]
    return f"table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n{''.join(chains)}}}\n"


def _chain(
    name: str, lines: Iterable[str], kind: str = "", hook: str = "", priority: int = 0
) -> str:
    head = f"    type {kind} hook {hook} priority {priority}\n" if kind else ""
    body = "".join(f"    {line}\n" for line in lines)
    return f"  chain {name} {{\n{head}{body}  }}\n"


def _arriving(plan: RouterPlan, peers: Sequence[int]) -> Iterator[str]:
    """Yield what is looked at first: whose packet it is."""
    places = {
        mac: number
        for number, subnet in enumerate(plan.subnets)
        for mac in subnet.interfaces
        if _MAC.fullmatch(mac)
    }
    if places:
        pairs = ", ".join(f"{mac} : goto subnet_{number}" for mac, number in places.items())
        yield f'iifname "{VPC_LINK}" ether saddr vmap {{ {pairs} }}'
    yield f'iifname "{VPC_LINK}" drop'
    if peers:
        # Answers to what a NAT gateway sent are for it.
        beside = f"ip daddr != {_set(plan.private_gateways)} " if plan.private_gateways else ""
        yield f'iifname "{FABRIC}" ether saddr {_macs(peers)} {beside}notrack'


def _subnet_chains(plan: RouterPlan, hops: Hops, peers: Mapping[VpcKey, int]) -> Iterator[str]:
    for number, subnet in enumerate(plan.subnets):
        lines = []
        for leg in subnet.legs:
            hop = _reached(leg, peers)
            if hop is None:
                lines.append(f"ip daddr {leg.network} drop")
            else:
                tracked = hop.way is Way.INTERNET or hop.source is not None
                end = "return" if tracked else "notrack return"
                lines.append(f"ip daddr {leg.network} meta mark set {hops.number(hop)} {end}")
        yield _chain(f"subnet_{number}", [*lines, "drop"])


def _to_private(plan: RouterPlan) -> Iterator[str]:
    if plan.public:
        yield f"dnat ip to ip daddr map {_pairs(dict(plan.public), ' : ')}"


def _to_public(plan: RouterPlan, hops: Hops, peers: Mapping[VpcKey, int]) -> Iterator[str]:
    for hop in hops_of(plan, peers):
        mark = f"meta mark {hops.number(hop)}"
        if hop.source is not None:
            yield f"{mark} snat ip to {hop.source}"
        elif hop.way is Way.INTERNET and plan.public:
            yield f"{mark} snat ip to ip saddr map {_pairs(_public_of(plan), ' : ')}"


def _through(
    plan: RouterPlan, hops: Hops, peers: Mapping[VpcKey, int], known: Sequence[int]
) -> Iterator[str]:
    """Yield what may pass; connections end with the address that they were made with."""
    public, private = dict(plan.public), _public_of(plan)
    into = f"ct original ip daddr . ct reply ip saddr != {_pairs(public, ' . ')} " if public else ""
    yield f"ct status dnat {into}drop"
    sources = sorted({hop.source for hop in hops_of(plan, peers) if hop.source is not None})
    gateways = f"ct reply ip daddr != {_set(sources)} " if sources else ""
    out = (
        f"ct original ip saddr . ct reply ip daddr != {_pairs(private, ' . ')} " if private else ""
    )
    yield f"ct status snat {gateways}{out}drop"
    for hop in hops_of(plan, peers):
        if hop.way is Way.INTERNET and hop.source is None:
            beside = f"ip saddr != {_set(private)} " if private else ""
            yield f"meta mark {hops.number(hop)} ct direction original {beside}drop"
    yield f'iifname "{VPC_LINK}" meta mark != 0 accept'
    yield f'iifname "{FABRIC}" ct status dnat accept'
    yield f'iifname "{FABRIC}" ct direction reply ct status snat accept'
    if known and plan.cidrs:
        beside = f"ip daddr != {_set(plan.private_gateways)} " if plan.private_gateways else ""
        ranges = _set(plan.cidrs)
        yield f'iifname "{FABRIC}" ether saddr {_macs(known)} {beside}ip daddr {ranges} accept'
    yield "drop"


def _public_of(plan: RouterPlan) -> dict[IPv4Address, IPv4Address]:
    found: dict[IPv4Address, IPv4Address] = {}
    for public, private in plan.public:
        found.setdefault(private, public)
    return found


def _pairs(pairs: Mapping[IPv4Address, IPv4Address], between: str) -> str:
    return f"{{ {', '.join(f'{one}{between}{other}' for one, other in pairs.items())} }}"


def _set(items: Iterable[IPv4Address | ipaddress.IPv4Network]) -> str:
    return f"{{ {', '.join(map(str, items))} }}"


def _macs(indexes: Iterable[int]) -> str:
    return f"{{ {', '.join(map(fabric_mac, indexes))} }}"


# The core and the machine

_CORE_SCRIPT = f"""table {TABLE}
delete table {TABLE}
table {TABLE} {{
  chain through {{
    type filter hook forward priority 0
    iifname "{FABRIC}" oifname {{ "{FABRIC}", "{UPLINK}" }} accept
    iifname "{UPLINK}" oifname "{FABRIC}" accept
    drop
  }}
  chain own {{
    type filter hook input priority 0
    drop
  }}
}}
"""


# Something of everything, so that a kernel that knows too little is found out at once.
_SAMPLE_PEER = VpcKey("", "", "")
_SAMPLE = RouterPlan(
    (ipaddress.IPv4Network("192.0.2.0/24"),),
    (
        SubnetRoutes(
            ("06:ec:00:02:00:01",),
            (
                Leg(ipaddress.IPv4Network("192.0.2.0/24"), Hop(Way.LOCAL)),
                Leg(ipaddress.IPv4Network("198.51.100.0/24"), Hop(Way.PEER, peer=_SAMPLE_PEER)),
                Leg(
                    ipaddress.IPv4Network("203.0.113.0/24"),
                    Hop(Way.INTERNET, source=IPv4Address("192.0.2.1")),
                ),
                Leg(ipaddress.IPv4Network("0.0.0.0/0"), Hop(Way.INTERNET)),
            ),
        ),
    ),
    ((IPv4Address("198.18.0.1"), IPv4Address("192.0.2.2")),),
    (),
    (IPv4Address("192.0.2.3"),),
    (_SAMPLE_PEER,),
)


def core_errands(core: int, cable: str) -> tuple[Errand, ...]:
    """Return what makes a new namespace the core.

    Args:
        core: the namespace's number.
        cable: the name of the machine's end of the cable to it.
    """
    return (
        Errand(core, script=router_script(_SAMPLE, Hops(), {_SAMPLE_PEER: FIRST_INDEX})),
        Errand(
            core,
            links=(Link(UPLINK, cable, MACHINE, UPLINK_MAC, HOST_MAC),),
            commands=(
                f"link add name {FABRIC} type bridge",
                f"link set {FABRIC} address {fabric_mac(CORE_INDEX)}",
                f"link set {FABRIC} up",
                f"address add {fabric_address(CORE_INDEX)}/16 dev {FABRIC}",
                f"address add {CORE_UPLINK}/32 dev {UPLINK}",
                f"link set {UPLINK} up",
                f"neighbor add {HOST_ADDRESS} lladdr {HOST_MAC} dev {UPLINK}",
                f"route add {HOST_ADDRESS}/32 dev {UPLINK}",
            ),
            script=_CORE_SCRIPT,
        ),
        Errand(
            MACHINE,
            commands=(
                f"address add {HOST_ADDRESS}/32 dev {cable}",
                f"link set {cable} up",
                f"neighbor add {CORE_UPLINK} lladdr {UPLINK_MAC} dev {cable}",
            ),
        ),
    )


def router_errands(
    router: int, core: int, vpc_id: str, index: int, cable: str, bridge: str
) -> tuple[Errand, ...]:
    """Return what connects a new namespace as a VPC's router.

    Args:
        router: the namespace's number.
        core: the core's.
        vpc_id: whose router it is.
        index: its number on the fabric.
        cable: the name of the end of a cable that is on the VPC's bridge.
        bridge: that bridge.
    """
    mac, port = router_mac(vpc_id), f"router{index}"
    return (
        Errand(
            router,
            links=(
                Link(VPC_LINK, cable, MACHINE, mac),
                Link(FABRIC, port, core, fabric_mac(index)),
            ),
            commands=(
                f"address add {fabric_address(index)}/16 dev {FABRIC}",
                f"link set {FABRIC} up",
                f"link set {VPC_LINK} up",
            ),
        ),
        Errand(core, commands=(f"link set {port} master {FABRIC}", f"link set {port} up")),
        Errand(MACHINE, script=routed(bridge, mac), bridge=bridge),
        plugged(cable, bridge),
    )


def plugged(cable: str, bridge: str) -> Errand:
    """Return what connects a cable with a bridge, again where the engine made that anew."""
    return Errand(MACHINE, commands=(f"link set {cable} master {bridge}", f"link set {cable} up"))


def public_errands(
    core: int, cable: str, former: Mapping[IPv4Address, int], wanted: Mapping[IPv4Address, int]
) -> tuple[Errand, ...]:
    """Return what leads public addresses to the routers that have them.

    The machine keeps its own route to such an address, should it have one.

    Args:
        core: the core's number among the namespaces.
        cable: the machine's end of the cable to it.
        former: addresses with the numbers of routers, as they were.
        wanted: as they are to be.
    """
    changed = {at: index for at, index in wanted.items() if former.get(at) != index}
    gone = [at for at in former if at not in wanted]
    new = [at for at in wanted if at not in former]
    if not changed and not gone:
        return ()
    return (
        Errand(
            core,
            commands=tuple(
                f"route replace {at}/32 via {fabric_address(index)} dev {FABRIC} onlink"
                for at, index in changed.items()
            ),
            tolerated=tuple(f"route delete {at}/32 dev {FABRIC}" for at in gone),
        ),
        Errand(
            MACHINE,
            tolerated=(
                *(f"route delete {at}/32 dev {cable}" for at in gone),
                *(
                    f"route add {at}/32 via {CORE_UPLINK} dev {cable} onlink src {HOST_ADDRESS}"
                    for at in new
                ),
            ),
        ),
    )
