"""Flows counted in a namespace by the kernel, beside the filter: two namespaces and a cable."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from emulator.net import flow_capture
from emulator.net.cidrs import known_network
from emulator.net.flow_capture import Capture, Flow, begin_script, read_capture
from emulator.net.flow_visit import FlowVisit, perform_flows
from emulator.net.helper import ask_flows
from emulator.net.ruleset import Allowed, Ruleset
from emulator.net.traffic import Traffic
from emulator.net.visit import definitions_for, load_filter
from tests.functional.network.test_filter import (
    OWN,
    PEER,
    Cable,
    cable,
    interface,
    nsenter,
)

__all__ = ["cable"]


@attrs.define
class Counter:
    """Counts at the guarded end of a cable."""

    cable: Cable
    mac: str
    turn: int = 0

    def visit(self, *, first: bool = False) -> Capture:
        visit = FlowVisit((self.mac,), self.turn, is_first=first)
        text = self.cable.guarded.do(lambda: perform_flows(visit))
        self.turn = 1 - self.turn
        return read_capture(text, int(time.time()))


def of(capture: Capture, *, protocol: int, accepted: bool, is_ingress: bool = True) -> list[Flow]:
    return [
        flow
        for flow in capture.flows
        if (flow.protocol, flow.accepted, flow.is_ingress) == (protocol, accepted, is_ingress)
    ]


@pytest.fixture
def counter(cable: Cable) -> Iterator[Counter]:
    let_in = Allowed(Traffic(6, (7000, 7000)), (known_network("0.0.0.0/0"),))
    cable.load(Ruleset((interface([let_in], []),)))
    address = nsenter(cable.guarded, "cat", "/sys/class/net/eth0/address")
    found = Counter(cable, own_mac(cable) or address.strip())
    found.visit(first=True)
    yield found
    cable.guarded.do(lambda: perform_flows(FlowVisit()))
    assert "flows" not in nsenter(cable.guarded, "nft", "list", "tables")


def own_mac(cable: Cable) -> str:
    shown = nsenter(cable.guarded, "ip", "-o", "link", "show", "eth0")
    return shown.partition("link/ether ")[2].split()[0]


def test_each_packet_is_counted_once_with_its_fate(counter: Counter) -> None:
    cable = counter.cable
    with cable.guarded.serving(7000, 7001):
        assert cable.peer.tcp(OWN, 7000)
        assert not cable.peer.tcp(OWN, 7001)
        assert not cable.peer.udp(OWN, 7000)
        assert not cable.peer.ping(OWN)
    capture = counter.visit()
    (request,) = of(capture, protocol=6, accepted=True)
    (answer,) = of(capture, protocol=6, accepted=True, is_ingress=False)
    (syn,) = of(capture, protocol=6, accepted=False)
    (datagram,) = of(capture, protocol=17, accepted=False)
    (ping,) = of(capture, protocol=1, accepted=False)

    assert capture.is_whole
    assert (request.source, request.destination, request.destination_port) == (PEER, OWN, 7000)
    assert (answer.source_port, answer.destination_port) == (7000, request.source_port)
    assert request.tcp_flags & 2
    assert answer.tcp_flags & 18 == 18
    assert (syn.destination_port, syn.tcp_flags) == (7001, 2)
    assert (datagram.packets, datagram.octets) == (1, 20 + 8 + 2)
    assert (ping.source_port, ping.destination_port, ping.packets) == (0, 0, 1)
    assert time.time() - 30 < request.first_seconds <= request.last_seconds <= time.time()


def test_a_turn_begins_with_nothing_and_loses_no_packet(counter: Counter) -> None:
    cable, sent = counter.cable, 300
    with cable.guarded.serving(7000):
        counter.visit()
        stream = cable.peer.connected(OWN, 7000)
        captures = []
        with stream:
            assert stream.recv(2) == b"hi"
            for number in range(sent):
                stream.sendall(b"x")
                assert stream.recv(1) == b"x"
                if number % 100 == 50:
                    captures.append(counter.visit())
        time.sleep(0.1)
        captures.append(counter.visit())
    flows = [flow for capture in captures for flow in capture.flows if flow.protocol == 6]
    octets = sum(flow.octets for flow in flows if flow.is_ingress)
    headers = sum(flow.packets for flow in flows if flow.is_ingress) * 40

    assert all(flow.accepted for flow in flows), flows
    assert len(captures) == 4
    # Each packet has at least 40 bytes of headers; what is more is data and options.
    assert octets >= headers + sent
    assert sum(flow.packets for flow in flows if flow.is_ingress) >= sent
    assert counter.visit().flows == ()


def test_too_many_flows_are_told_of_and_hinder_nobody(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_capture, "MOST_FLOWS", 4)
    cable = counter.cable
    counter.visit()
    with cable.guarded.serving(7000):
        reached = [cable.peer.tcp(OWN, 7000) for _ in range(8)]
    capture = counter.visit()

    assert reached == [True] * 8
    assert not capture.is_whole
    assert all(flow.accepted for flow in of(capture, protocol=6, accepted=True))


def test_counting_leaves_the_filter_and_marks_alone(counter: Counter) -> None:
    cable = counter.cable
    before = nsenter(cable.guarded, "nft", "list", "table", "inet", "ec2_emulator")
    counter.visit()
    text = (
        "table inet probe {\n  counter marked {\n  }\n  chain late {\n"
        "    type filter hook input priority 100; policy accept;\n"
        "    meta mark != 0 counter name marked\n  }\n}\n"
    )
    cable.guarded.do(lambda: load_filter(text))
    with cable.guarded.serving(7000):
        assert cable.peer.tcp(OWN, 7000)
    marked = nsenter(cable.guarded, "nft", "list", "counter", "inet", "probe", "marked")
    cable.guarded.do(lambda: load_filter("delete table inet probe\n"))

    assert "packets 0" in marked
    assert nsenter(cable.guarded, "nft", "list", "table", "inet", "ec2_emulator") == before


def test_what_an_earlier_run_left_is_begun_anew(counter: Counter) -> None:
    cable = counter.cable
    for turn in (0, 1):
        script = begin_script(turn)
        cable.guarded.do(lambda text=script: load_filter(definitions_for([counter.mac]) + text))  # type: ignore[misc]
    with cable.guarded.serving(7000):
        assert cable.peer.tcp(OWN, 7000)
        counter.turn = 0
        assert counter.visit(first=True).flows == ()
        assert cable.peer.tcp(OWN, 7000)
    assert len(of(counter.visit(), protocol=6, accepted=True)) == 1


def test_a_helper_counts_as_the_emulator_itself_does(counter: Counter, tmp_path: Path) -> None:
    cable = counter.cable
    with cable.guarded.serving(7000):
        assert cable.peer.tcp(OWN, 7000)
    path = tmp_path / "helper.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(str(path))
        door.listen(1)
        words = ["nsenter", "--target", str(cable.guarded.pid), "--net", sys.executable]
        with subprocess.Popen([*words, "-m", "emulator.net.helper", str(path)]) as helper:
            door.settimeout(30)
            stream, _ = door.accept()
            with stream:
                text = ask_flows(stream, FlowVisit((counter.mac,), counter.turn))
    counter.turn = 1 - counter.turn

    assert helper.returncode == 0
    assert len(of(read_capture(text, int(time.time())), protocol=6, accepted=True)) == 1
    assert counter.visit().flows == ()
