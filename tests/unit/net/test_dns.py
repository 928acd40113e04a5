"""The VPC's resolver: messages, the names it knows, and what it asks others."""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.names import dns

from emulator.core.background import Background
from emulator.model.instance import Instance, LaunchOptions
from emulator.model.vpc import DhcpOptions, Vpc
from emulator.net.dns_message import AAAA, PTR, A, answer, encoded, read_question
from emulator.net.dns_zone import known, resolver_settings
from emulator.net.resolver import UPSTREAM_SECONDS, Resolvers, nameservers
from tests.fakes.client import Client
from tests.fakes.network import ACCOUNT, new_instance, new_subnet, new_vpc, region_of

INSTANCE = "i-11111111111111111"


class Lab:
    """An instance in a VPC 10.9.0.0/16, and a resolver with two servers behind it."""

    def __init__(self) -> None:
        self.ec2 = Client()
        self.region = region_of(self.ec2)
        self.vpc_id = new_vpc(self.ec2)
        self.subnet_id = new_subnet(self.ec2, self.vpc_id)
        self.interface = new_instance(self.ec2, self.subnet_id, INSTANCE)
        self.reactor = MemoryReactorClock()
        self.resolvers = Resolvers(
            self.ec2.api.state, self.reactor, ("192.0.2.1", "192.0.2.2"), Background()
        )

    @property
    def address(self) -> str:
        return self.interface.private_ips[0]

    @property
    def name(self) -> str:
        return f"ip-{self.address.replace('.', '-')}.ec2.internal"

    def ask(self, name: str, kind: int = A) -> tuple[int, list[str]] | None:
        """Return the code and the addresses or names of an answer; None: others are asked."""
        found = known(self.region, INSTANCE, name, kind)
        if found is None:
            return None
        return found.code, [
            str(ipaddress.ip_address(each.data)) if each.kind != PTR else each.data.decode()
            for each in found.records
        ]

    def send(self, packet: bytes, *, is_stream: bool = False) -> list[Any]:
        """Return what is answered, in a list that may fill later."""
        results: list[Any] = []
        work = self.resolvers.respond((ACCOUNT, "us-east-1", INSTANCE), packet, is_stream=is_stream)
        Deferred.fromCoroutine(work).addBoth(results.append)
        return results


@pytest.fixture
def lab() -> Lab:
    return Lab()


def query(name: str, kind: int = A, number: int = 7) -> bytes:
    message = dns.Message(number, recDes=1)
    message.addQuery(name.encode(), kind)
    return bytes(message.toStr())


def parsed(packet: bytes) -> dns.Message:
    message = dns.Message()
    message.fromStr(packet)
    return message


def test_a_question_is_read_as_it_was_written() -> None:
    found = read_question(query("WWW.Example.com", AAAA, 99))

    assert found is not None
    assert (found.number, found.name, found.kind) == (99, "www.example.com", AAAA)


@given(st.binary(max_size=80))
def test_no_packet_upsets_the_reader(packet: bytes) -> None:
    found = read_question(packet)

    assert found is None or answer(found)[:2] == packet[:2]


def test_an_answer_is_no_question() -> None:
    packet = query("example.com")

    assert read_question(packet[:2] + b"\x80" + packet[3:]) is None


def test_the_instances_of_the_vpc_have_names(lab: Lab) -> None:
    assert lab.ask(lab.name) == (0, [lab.address])
    assert lab.ask(lab.name, AAAA) == (0, [])
    assert lab.ask("ip-10-9-1-250.ec2.internal") == (3, [])
    assert lab.ask("nobody.ec2.internal") == (3, [])
    assert lab.ask("instance-data.ec2.internal") == (0, ["169.254.169.254"])
    assert lab.ask("example.com") is None


def test_another_vpcs_instances_have_none_here(lab: Lab) -> None:
    other = new_vpc(lab.ec2, "vpc-22222222222222222")
    subnet = new_subnet(lab.ec2, other, "subnet-22222222222222222", cidr="10.9.7.0/24")
    stranger = new_instance(lab.ec2, subnet, "i-22222222222222222")

    name = f"ip-{stranger.private_ips[0].replace('.', '-')}.ec2.internal"
    assert lab.ask(name) == (3, [])


def test_addresses_lead_back_to_names(lab: Lab) -> None:
    backwards = ".".join(reversed(lab.address.split(".")))

    assert lab.ask(f"{backwards}.in-addr.arpa", PTR) == (0, [encoded(lab.name).decode()])
    assert lab.ask("1.2.0.192.in-addr.arpa", PTR) is None


def test_resource_names_are_known_where_that_is_asked_for(lab: Lab) -> None:
    before = lab.ask(f"{INSTANCE}.ec2.internal")
    lab.region[Instance][INSTANCE].options = LaunchOptions(
        {}, {}, {"EnableResourceNameDnsARecord": True}, {}, {}
    )

    assert (before, lab.ask(f"{INSTANCE}.ec2.internal")) == ((0, []), (0, [lab.address]))


def test_a_public_name_is_the_private_address_within_the_vpc(lab: Lab) -> None:
    lab.interface.public_ip = "198.18.0.9"
    name = "ec2-198-18-0-9.compute-1.amazonaws.com"
    before = lab.ask(name)
    lab.region[Vpc][lab.vpc_id].enable_dns_hostnames = True

    assert (before, lab.ask(name)) == (None, (0, [lab.address]))


def test_without_support_for_dns_every_question_is_refused(lab: Lab) -> None:
    lab.region[Vpc][lab.vpc_id].enable_dns_support = False

    assert lab.ask(lab.name) == (5, [])
    assert lab.ask("example.com") == (5, [])


def test_dhcp_options_say_whom_to_ask(lab: Lab) -> None:
    vpc = lab.region[Vpc][lab.vpc_id]
    none = resolver_settings(lab.region, vpc)
    lab.region[DhcpOptions].add(
        DhcpOptions(
            id="dopt-1",
            configurations={
                "domain-name": ("corp.example lab.example ;rm",),
                "domain-name-servers": ("AmazonProvidedDNS", "192.0.2.53", "x\nnameserver 1.1.1.1"),
            },
        )
    )
    vpc.dhcp_options_id = "dopt-1"
    found = resolver_settings(lab.region, vpc)

    assert none.servers == ()
    assert found.servers == ("10.9.0.2", "192.0.2.53")
    assert found.search == ("corp.example", "lab.example")
    assert found.is_provided


def test_what_the_vpc_knows_is_answered_at_once(lab: Lab) -> None:
    (packet,) = lab.send(query(lab.name))
    message = parsed(packet)

    assert message.id == 7
    assert [each.payload.dottedQuad() for each in message.answers] == [lab.address]
    assert lab.reactor.udpPorts == {}


def test_anything_else_is_asked_of_a_server_and_handed_on_as_it_comes(lab: Lab) -> None:
    results = lab.send(query("example.com"))
    (exchange,) = forwarded(lab)
    exchange.datagramReceived(struct.pack("!H", 8) + b"of another question", ("192.0.2.1", 53))
    before = list(results)
    reply = struct.pack("!H", 7) + b"whatever"
    exchange.datagramReceived(reply, ("192.0.2.1", 53))

    assert (before, results) == ([], [reply])


def test_a_server_that_does_not_answer_is_given_up_for_the_next(lab: Lab) -> None:
    results = lab.send(query("example.com"))
    lab.reactor.advance(UPSTREAM_SECONDS)
    before = list(results)
    lab.reactor.advance(UPSTREAM_SECONDS)

    assert before == []
    assert parsed(results[0]).rCode == dns.ESERVER


def forwarded(lab: Lab) -> list[Any]:
    """Return the protocols of the questions that were sent on."""
    return lab.reactor.exchanges  # type: ignore[attr-defined,no-any-return]


@pytest.fixture(autouse=True)
def udp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the reactor in memory have UDP ports."""

    class Port:
        def stopListening(self) -> None:
            pass

    def listen(reactor: Any, port: int, protocol: Any, interface: str) -> Port:
        reactor.exchanges.append(protocol)
        return Port()

    monkeypatch.setattr(MemoryReactorClock, "listenUDP", listen, raising=False)
    monkeypatch.setattr(MemoryReactorClock, "exchanges", [], raising=False)
    monkeypatch.setattr(MemoryReactorClock, "udpPorts", {}, raising=False)


def test_a_question_over_tcp_is_forwarded_over_tcp(lab: Lab) -> None:
    results = lab.send(query("example.com"), is_stream=True)
    host, port, factory, _, _ = lab.reactor.tcpClients[0]
    asker = factory.buildProtocol(None)
    asker.makeConnection(FakeTransport())
    asker.dataReceived(b"\0\3a")
    asker.dataReceived(b"bc")

    assert (host, port) == ("192.0.2.1", 53)
    assert asker.transport.written == struct.pack("!H", len(query("example.com"))) + query(
        "example.com"
    )
    assert results == [b"abc"]


class FakeTransport:
    def __init__(self) -> None:
        self.written, self.closed = b"", False

    def write(self, data: bytes) -> None:
        self.written += data

    def loseConnection(self) -> None:
        self.closed = True


def test_the_machines_servers_are_those_of_its_file() -> None:
    text = "# comment\nsearch x\nnameserver 192.0.2.1\nnameserver ::1\nnameserver nonsense\n"

    assert nameservers(text) == ("192.0.2.1", "::1")
