"""The filter by itself, in two namespaces joined by a cable: packets against AWS's meaning.

No engine and no emulator: rules at random become a script, and what the kernel lets through
is compared with what rules mean, said once more and as plainly as can be.
"""

from __future__ import annotations

import ipaddress
import random
import socket
import subprocess
from collections.abc import Iterator, Sequence

import attrs
import pytest

from emulator.net.cidrs import Network, known_network
from emulator.net.nft import script
from emulator.net.nft_change import change
from emulator.net.ruleset import Allowed, InterfaceRules, Ruleset, collapsed
from emulator.net.subnet_rules import AclRule, RouteRule, SubnetRules
from emulator.net.traffic import Traffic
from emulator.net.visit import definitions
from tests.functional.network.place import Place

OWN, PEER = "10.99.0.4", "10.99.0.77"
PORTS = (7000, 7001, 7010)
NETWORKS = ("10.99.0.0/24", "10.99.0.64/26", f"{PEER}/32", "10.98.0.0/16", "0.0.0.0/0", "::/0")
TRAFFIC = (
    Traffic(None),
    Traffic(6, (7000, 7000)),
    Traffic(6, (7001, 7010)),
    Traffic(17, (7000, 7001)),
    Traffic(6, (0, 65535)),
    Traffic(1, icmp=(8, 0)),
    Traffic(1, icmp=(0, None)),
    Traffic(1),
    Traffic(58),
)


@attrs.frozen
class Cable:
    """A namespace with a filter, and one that sends it packets."""

    guarded: Place
    peer: Place
    index: int

    def load(self, ruleset: Ruleset) -> None:
        text = definitions([self.index], []) + script(ruleset)
        nsenter(self.guarded, "nft", "-f", "-", stdin=text)


def nsenter(place: Place, *words: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["nsenter", "--target", str(place.pid), "--net", *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def cable(engine: object) -> Iterator[Cable]:
    holders = [subprocess.Popen(["unshare", "--net", "sleep", "300"]) for _ in range(2)]
    guarded, peer = (Place(holder.pid) for holder in holders)
    try:
        wait_for_own_namespaces(guarded, peer)
        peer_name = ["peer", "name", "eth0", "netns", str(peer.pid)]
        nsenter(guarded, "ip", "link", "add", "eth0", "type", "veth", *peer_name)
        for place, address in ((guarded, OWN), (peer, PEER)):
            nsenter(place, "ip", "address", "add", f"{address}/24", "dev", "eth0")
            for link in ("lo", "eth0"):
                nsenter(place, "ip", "link", "set", link, "up")
        index = int(nsenter(guarded, "ip", "-o", "link", "show", "eth0").partition(":")[0])
        yield Cable(guarded, peer, index)
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


def wait_for_own_namespaces(*places: Place) -> None:
    from tests.functional.docker.waiting import until

    own = subprocess.check_output(["readlink", "/proc/self/ns/net"])
    for place in places:
        link = ["readlink", f"/proc/{place.pid}/ns/net"]
        until(lambda link=link: subprocess.check_output(link), lambda seen: seen != own)  # type: ignore[misc]


def means(rules: Sequence[Allowed], protocol: int, place: int, peer: str) -> bool:
    """Tell whether rules allow an IPv4 packet: the reference.

    Args:
        rules: of one direction.
        protocol: the packet's.
        place: its port, or its ICMP type.
        peer: the address at its other end.
    """
    for rule in rules:
        near = any(
            network.version == 4 and ipaddress.ip_address(peer) in network
            for network in rule.networks
        )
        kind = rule.traffic
        if not near or kind.protocol not in (None, protocol):
            continue
        if kind.ports is not None and not kind.ports[0] <= place <= kind.ports[1]:
            continue
        if kind.protocol == 1 and kind.icmp[0] not in (None, place):
            continue
        return True
    return False


def some_rules(chance: random.Random) -> tuple[Allowed, ...]:
    chosen = chance.sample(TRAFFIC, chance.randint(0, 3))
    return tuple(
        Allowed(each, collapsed(map(known_network, chance.sample(NETWORKS, chance.randint(1, 2)))))
        for each in chosen
    )


def interface(ingress: Sequence[Allowed], egress: Sequence[Allowed]) -> InterfaceRules:
    own: Network = known_network(f"{OWN}/32")
    return InterfaceRules((own,), tuple(ingress), tuple(egress))


def wrong_packets(
    cable: Cable, ingress: Sequence[Allowed], egress: Sequence[Allowed]
) -> list[tuple[int, int, bool]]:
    """Return the packets that do not pass, or do, against what rules mean."""
    wrong: list[tuple[int, int, bool]] = []
    with cable.guarded.serving(*PORTS), cable.peer.serving(*PORTS):
        for rules, one, address in (
            (ingress, cable.peer, OWN),
            (egress, cable.guarded, PEER),
        ):
            seen = {
                **{(6, port): one.tcp(address, port) for port in PORTS},
                **{(17, port): one.udp(address, port) for port in PORTS},
                (1, 8): one.ping(address),
            }
            wrong += [
                (protocol, place, passed)
                for (protocol, place), passed in seen.items()
                if passed != means(rules, protocol, place, PEER)
            ]
    return wrong


@pytest.mark.parametrize("seed", range(12))
def test_packets_pass_as_the_rules_mean(cable: Cable, seed: int) -> None:
    chance = random.Random(seed)
    ingress, egress = some_rules(chance), some_rules(chance)
    cable.load(Ruleset((interface(ingress, egress),)))

    assert wrong_packets(cable, ingress, egress) == [], (ingress, egress)


@pytest.mark.parametrize("what", ["less", "more", "elsewhere"])
def test_a_filter_that_does_not_mean_its_rules_is_found(cable: Cable, what: str) -> None:
    """The test above can fail: a filter of other rules is told from one of these."""
    everybody = (known_network("0.0.0.0/0"),)
    nobody = (known_network("10.98.0.0/16"),)
    rule = Allowed(Traffic(6, (7001, 7010)), everybody)
    loaded = {
        "less": (),
        "more": (rule, Allowed(Traffic(17, (7000, 7001)), everybody)),
        "elsewhere": (Allowed(rule.traffic, nobody),),
    }[what]
    cable.load(Ruleset((interface(loaded, []),)))

    assert wrong_packets(cable, [rule], []) != []


ACL_NETWORKS = ("10.99.0.64/26", f"{PEER}/32", "10.98.0.0/16", "0.0.0.0/0")


def some_entries(chance: random.Random) -> tuple[AclRule, ...]:
    """Return entries of an ACL in their order, as many that deny as that allow."""
    return tuple(
        AclRule(
            chance.choice(TRAFFIC[:4]),
            known_network(chance.choice(ACL_NETWORKS)),
            chance.random() < 0.5,
        )
        for _ in range(chance.randint(1, 4))
    )


def lets_through(entries: Sequence[AclRule], port: int) -> bool:
    """Tell what an ACL does with a datagram of the peer's: the reference."""
    for entry in entries:
        kind = entry.traffic
        if ipaddress.ip_address(PEER) not in entry.network or kind.protocol not in (None, 17):
            continue
        if kind.ports is None or kind.ports[0] <= port <= kind.ports[1]:
            return entry.allows
    return False


@pytest.mark.parametrize("seed", range(100, 112))
def test_datagrams_pass_both_gates_each_in_its_order(cable: Cable, seed: int) -> None:
    """A network ACL is asked first and a group then; what is sent one way needs no answer."""
    chance = random.Random(seed)
    rules = {True: some_rules(chance), False: some_rules(chance)}
    entries = {True: some_entries(chance), False: some_entries(chance)}
    # Nothing is in the subnet but the guarded end; its routes lead everywhere.
    subnet = SubnetRules(
        (known_network(f"{OWN}/32"),),
        entries[True],
        entries[False],
        (RouteRule(known_network("0.0.0.0/0"), True),),
    )
    guarded = attrs.evolve(interface(rules[True], rules[False]), subnet=subnet)
    cable.load(Ruleset((guarded,)))
    wrong = []
    for is_ingress in (True, False):
        one, other = (cable.peer, cable.guarded) if is_ingress else (cable.guarded, cable.peer)
        for port in PORTS:
            passed = arrives(one, other, OWN if is_ingress else PEER, port)
            meant = lets_through(entries[is_ingress], port) and means(
                rules[is_ingress], 17, port, PEER
            )
            if passed != meant:
                wrong.append((is_ingress, port, passed))

    assert wrong == [], (rules, entries)


def arrives(one: Place, other: Place, address: str, port: int) -> bool:
    """Tell whether a datagram gets there."""
    with one.socket(socket.SOCK_DGRAM) as sender, other.socket(socket.SOCK_DGRAM) as receiver:
        receiver.bind(("", port))
        try:
            sender.sendto(b"hi", (address, port))
            return receiver.recv(10) == b"hi"
        except OSError:
            return False


@pytest.mark.parametrize("seed", range(200, 206))
def test_a_change_makes_the_same_table_as_the_whole_filter(cable: Cable, seed: int) -> None:
    chance = random.Random(seed)
    former, wanted = (
        script(Ruleset((interface(some_rules(chance), some_rules(chance)),))) for _ in range(2)
    )
    begin = definitions([cable.index], [])
    listed = []
    for texts in ((wanted,), (former, change(former, wanted))):
        for text in texts:
            nsenter(cable.guarded, "nft", "-f", "-", stdin=begin + text)
        listed.append(nsenter(cable.guarded, "nft", "list", "table", "inet", "ec2_emulator"))

    assert change(former, wanted) != wanted
    assert listed[0] == listed[1]


def test_a_thousand_rules_are_one_filter(cable: Cable) -> None:
    many = [
        Allowed(Traffic(6, (port, port)), (known_network(f"10.{port % 200}.{port % 250}.0/25"),))
        for port in range(1000, 2000)
    ]
    last = Allowed(Traffic(6, (7000, 7000)), (known_network(f"{PEER}/32"),))
    cable.load(Ruleset((interface([*many, last], []),)))
    with cable.guarded.serving(*PORTS):
        assert cable.peer.tcp(OWN, 7000)
        assert not cable.peer.tcp(OWN, 7001)


def test_a_filter_that_the_kernel_refuses_leaves_the_one_before(cable: Cable) -> None:
    cable.load(Ruleset((interface([Allowed(Traffic(None), (known_network("0.0.0.0/0"),))], []),)))
    before = nsenter(cable.guarded, "nft", "list", "ruleset")
    broken = definitions([cable.index], []) + script(Ruleset()) + "no such thing\n"
    refused = subprocess.run(
        ["nsenter", "--target", str(cable.guarded.pid), "--net", "nft", "-f", "-"],
        input=broken,
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode != 0
    assert nsenter(cable.guarded, "nft", "list", "ruleset") == before
