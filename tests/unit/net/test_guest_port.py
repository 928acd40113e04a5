"""Ports of guests: which namespaces are made, found again and removed, and with what."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence

import attrs
import pytest

from emulator.core.threads import NoThreads
from emulator.net.guest_port import VpcPorts
from emulator.net.guest_way import Found, GuestWay
from emulator.net.namespace import InstanceNamespaces
from emulator.net.port_plan import Port, guest_link, namespace_name, vpc_link
from emulator.net.visit import Visit
from emulator.vm.interface import GuestKey, GuestNetwork, Plugs, VMError, Wire, Wires
from tests.fakes.client import Client
from tests.fakes.docker_manager import result_of
from tests.fakes.network import ACCOUNT, new_instance, new_subnet, new_vpc

ONE, OTHER = "i-11111111111111111", "i-22222222222222222"


class FakeWay(GuestWay):
    """Notes what is done; nothing is."""

    def __init__(self) -> None:
        super().__init__(NoThreads())
        self.arranged: list[Port] = []
        self.visits: list[tuple[str, Visit]] = []
        self.removed: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        self.there = Found()

    def obstacle(self) -> str | None:
        return None

    async def arrange(self, port: Port) -> None:
        self.arranged.append(port)

    async def visit(self, container: str, pid: int, visit: Visit) -> list[socket.socket]:
        self.visits.append((container, visit))
        return []

    async def remove(self, names: Iterable[str], links: Iterable[str]) -> None:
        self.removed.append((tuple(names), tuple(links)))

    async def found(self, namespace: str) -> Found:
        assert namespace == "test"
        return self.there


@attrs.define
class FakeWires(Wires):
    """One wire for all."""

    wire: Wire = attrs.field(factory=lambda: Wire("bridge", "10.9.0.0/16", "10.9.0.1"))
    asked: list[GuestNetwork] = attrs.field(factory=list)

    async def ensure(self, network: GuestNetwork) -> Wire:
        self.asked.append(network)
        return self.wire


class Lab:
    """Two instances' records, and what plugs them in."""

    def __init__(self) -> None:
        self.ec2, self.way, self.wires = Client(), FakeWay(), FakeWires()
        subnet_id = new_subnet(self.ec2, new_vpc(self.ec2))
        self.interfaces = {each: new_instance(self.ec2, subnet_id, each) for each in (ONE, OTHER)}
        namespaces = InstanceNamespaces(self.ec2.api.state, self.way)
        self.ports = VpcPorts(self.ec2.api.state, self.way, namespaces, "test")
        self.ports.wires = self.wires

    def key(self, instance_id: str) -> GuestKey:
        return GuestKey(ACCOUNT, self.ec2.region, instance_id)

    def connect(self, instance_id: str) -> str | None:
        return result_of(self.ports.connect(self.key(instance_id)))


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_a_guest_is_joined_with_its_vpc(lab: Lab) -> None:
    row = lab.interfaces[ONE]

    address = lab.connect(ONE)

    (port,) = lab.way.arranged
    assert (port.mac_address, port.private_ip) == (row.mac_address, row.private_ips[0])
    assert (port.bridge, port.gateway, port.reached_at) == ("bridge", "10.9.0.1", None)
    assert [name for name, _ in lab.way.visits] == [namespace_name("test", ONE)]
    assert lab.wires.asked == [GuestNetwork(row.vpc_id, "10.9.0.0/16")]
    assert address == row.private_ips[0]


def test_the_link_is_the_same_before_every_start(lab: Lab) -> None:
    link = result_of(lab.ports.before_start(lab.key(ONE)))

    assert link == guest_link("test", ONE, 0)
    assert lab.way.visits == [], "nothing gets through yet"


def test_guests_of_a_range_that_is_taken_have_addresses_of_another(lab: Lab) -> None:
    lab.wires.wire = Wire("bridge", "172.24.0.0/20", "172.24.0.1")

    assert [lab.connect(ONE), lab.connect(OTHER), lab.connect(ONE)] == [
        "172.24.0.2",
        "172.24.0.3",
        "172.24.0.2",
    ]


def test_the_next_run_keeps_such_addresses(lab: Lab) -> None:
    lab.wires.wire = Wire("bridge", "172.24.0.0/20", "172.24.0.1")
    lab.way.there = Found(frozenset({OTHER}), {OTHER: "172.24.0.2/20"})

    assert [lab.connect(ONE), lab.connect(OTHER)] == ["172.24.0.3", "172.24.0.2"]


def test_an_address_is_free_again_after_its_guest(lab: Lab) -> None:
    lab.wires.wire = Wire("bridge", "172.24.0.0/30", "172.24.0.1")
    lab.connect(ONE)
    with pytest.raises(VMError, match="all addresses"):
        lab.connect(OTHER)

    result_of(lab.ports.forget(lab.key(ONE)))

    assert lab.connect(OTHER) == "172.24.0.2"


def test_nothing_is_left_of_a_guest(lab: Lab) -> None:
    lab.connect(ONE)

    result_of(lab.ports.forget(lab.key(ONE)))

    links = (vpc_link("test", ONE), guest_link("test", ONE, 0))
    assert lab.way.removed == [((namespace_name("test", ONE),), links)]


def test_the_networks_of_guests_that_are_gone_are_removed(lab: Lab) -> None:
    lab.way.there = Found(frozenset({ONE, OTHER}))

    result_of(lab.ports.keep_only([ONE]))

    assert [names for names, _ in lab.way.removed] == [(namespace_name("test", OTHER),)]


def test_a_guest_without_records_is_not_plugged_in(lab: Lab) -> None:
    with pytest.raises(VMError, match="no interface"):
        lab.connect("i-33333333333333333")
    assert lab.way.arranged == []


def test_a_guest_is_heard_of_anew_with_every_start(lab: Lab) -> None:
    key = lab.key(ONE)
    lab.connect(ONE)
    before = lab.ports.was_heard(key)
    lab.ports.hear(key)
    after = lab.ports.was_heard(key)

    lab.connect(ONE)

    assert (before, after, lab.ports.was_heard(key)) == (False, True, False)


# Visits


@attrs.define
class FakePlugs(Plugs):
    """Notes what guests are given."""

    said: list[str] = attrs.field(factory=list)
    there: list[str] = attrs.field(factory=list)

    async def plug(self, instance_id: str, link: str, mac_address: str) -> None:
        self.said.append(f"plug {instance_id} {link} {mac_address}")

    async def unplug(self, instance_id: str, mac_address: str) -> None:
        self.said.append(f"unplug {instance_id} {mac_address}")

    async def plugged(self, instance_id: str) -> list[str]:
        assert instance_id == ONE
        return self.there


def visited(monkeypatch: pytest.MonkeyPatch, visit: Visit, *there: str) -> Sequence[str]:
    """Return what a guest, which has some interfaces, is given and what it loses by a visit."""
    plugs = FakePlugs(there=list(there))
    monkeypatch.setattr(
        "emulator.net.guest_way._blocking_visit", lambda *_: plugs.said.append("visit") or []
    )
    way = GuestWay(NoThreads())
    way.plugs = plugs
    result_of(way.visit(namespace_name("test", ONE), 0, visit))
    return plugs.said


def test_a_further_interface_is_plugged_in_once_its_link_is_there(
    monkeypatch: pytest.MonkeyPatch, lab: Lab
) -> None:
    lab.connect(ONE)
    (first,) = lab.way.visits[0][1].interfaces
    second = attrs.evolve(first, mac_address="0a:00:00:00:00:02", device_index=1)

    said = visited(monkeypatch, Visit((first, second), former=(first,)))

    assert said == ["visit", f"plug {ONE} {guest_link('test', ONE, 1)} 0a:00:00:00:00:02"]


def test_an_interface_is_taken_away_before_its_link(
    monkeypatch: pytest.MonkeyPatch, lab: Lab
) -> None:
    lab.connect(ONE)
    (first,) = lab.way.visits[0][1].interfaces
    second = attrs.evolve(first, mac_address="0a:00:00:00:00:02", device_index=1)

    said = visited(monkeypatch, Visit((first,), former=(first, second)))

    assert said == [f"unplug {ONE} 0a:00:00:00:00:02", "visit"]


def test_an_interface_that_a_new_run_does_not_know_is_taken_away(
    monkeypatch: pytest.MonkeyPatch, lab: Lab
) -> None:
    lab.connect(ONE)
    visit = lab.way.visits[0][1]
    own = visit.interfaces[0].mac_address

    said = visited(monkeypatch, visit, own, "0a:00:00:00:00:09")

    assert visit.listening
    assert said == [f"unplug {ONE} 0a:00:00:00:00:09", "visit"]


def test_a_new_filter_alone_plugs_nothing(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    lab.connect(ONE)
    (first,) = lab.way.visits[0][1].interfaces
    second = attrs.evolve(first, mac_address="0a:00:00:00:00:02", device_index=1)

    said = visited(monkeypatch, Visit((first, second), "", are_arranged=True))

    assert said == ["visit"]


def test_only_namespaces_of_guests_are_visited() -> None:
    with pytest.raises(VMError, match="no network namespace of a guest"):
        result_of(GuestWay(NoThreads()).visit("../../proc/1/ns/net", 0, Visit()))
