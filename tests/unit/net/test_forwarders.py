"""Forwarders without a network: how many at once, and what becomes of those that are open."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport

from emulator.net.forwarders import (
    IDLE_SECONDS,
    LISTEN_ADDRESS,
    MOST_CONVERSATIONS,
    MOST_STREAMS,
    PortTaken,
    Target,
    open_forwarder,
)

WEB, DNS = Target("10.0.0.5", 80), Target("10.0.0.5", 53, is_datagram=True)
CLIENT = IPv4Address("TCP", "127.0.0.1", 40_000)


def call(reactor: Any) -> StringTransport | None:
    """Be a client of the forwarder, and return its transport, if it is taken in."""
    protocol = reactor.tcpServers[0][1].buildProtocol(CLIENT)
    if protocol is None:
        return None
    transport = StringTransport()
    protocol.makeConnection(transport)
    return transport


def answer(reactor: Any, number: int = 0) -> StringTransport:
    """Be the instance that takes a call, and return its transport."""
    protocol = reactor.tcpClients[number][2].buildProtocol(None)
    transport = StringTransport()
    protocol.makeConnection(transport)
    return transport


def test_a_stream_leads_to_the_instances_port_once_that_answers() -> None:
    reactor: Any = MemoryReactorClock()
    open_forwarder(reactor, 20_000, WEB)
    port, _, _, interface = reactor.tcpServers[0]
    client = call(reactor)
    assert client is not None
    paused = client.producerState
    instance = answer(reactor)
    host, called, *_ = reactor.tcpClients[0]

    assert (port, interface) == (20_000, LISTEN_ADDRESS)
    assert (host, called) == ("10.0.0.5", 80)
    assert (paused, client.producerState) == ("paused", "producing")
    # Neither reads faster than the other can send.
    assert (client.producer, instance.producer) == (instance, client)


def test_more_streams_than_a_port_takes_are_refused() -> None:
    reactor: Any = MemoryReactorClock()
    open_forwarder(reactor, 20_000, WEB)
    taken = [call(reactor) for _ in range(MOST_STREAMS + 1)]

    assert None not in taken[:-1]
    assert taken[-1] is None


def test_a_call_that_nobody_takes_ends_the_client() -> None:
    reactor: Any = MemoryReactorClock()
    open_forwarder(reactor, 20_000, WEB)
    client = call(reactor)
    reactor.tcpClients[0][2].clientConnectionFailed(None, None)

    assert client is not None
    assert client.disconnecting


def test_the_end_cuts_streams_off_and_a_close_does_not() -> None:
    for end, cut in (("close", False), ("end", True)):
        reactor: Any = MemoryReactorClock()
        forwarder = open_forwarder(reactor, 20_000, WEB)
        client = call(reactor)
        answer(reactor)
        getattr(forwarder, end)()

        assert client is not None
        assert client.disconnecting is cut


@attrs.define
class FakeUdp(Clock):
    """Ports of UDP that note what is sent."""

    ports: list[Any] = attrs.field(factory=list)
    taken: bool = False

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def listenUDP(self, number: int, protocol: Any, interface: str) -> FakeUdpPort:  # noqa: N802
        if self.taken:
            raise CannotListenError(interface, number, OSError())
        port = FakeUdpPort(number, protocol)
        self.ports.append(port)
        protocol.makeConnection(port)
        return port


@attrs.define
class FakeUdpPort:
    """One of them."""

    number: int
    protocol: Any
    sent: list[Any] = attrs.field(factory=list)
    is_open: bool = True

    def connect(self, host: str, port: int) -> None:
        assert (host, port) == ("10.0.0.5", 53)

    def write(self, *datagram: Any) -> None:
        self.sent.append(datagram)

    def stopListening(self) -> None:
        self.is_open = False


def test_each_client_hears_its_own_answers_until_it_is_idle() -> None:
    reactor = FakeUdp()
    open_forwarder(reactor, 20_000, DNS)
    door = reactor.ports[0]
    door.protocol.datagramReceived(b"who", ("127.0.0.1", 1))
    door.protocol.datagramReceived(b"what", ("127.0.0.1", 2))
    one, other = reactor.ports[1:]
    other.protocol.datagramReceived(b"that", ("10.0.0.5", 53))
    reactor.advance(IDLE_SECONDS - 1)
    door.protocol.datagramReceived(b"again", ("127.0.0.1", 1))
    reactor.advance(1)

    assert (one.sent, other.sent) == ([(b"who",), (b"again",)], [(b"what",)])
    assert door.sent == [(b"that", ("127.0.0.1", 2))]
    assert (one.is_open, other.is_open) == (True, False)


def test_more_clients_than_a_port_has_room_for_are_not_heard() -> None:
    reactor = FakeUdp()
    forwarder = open_forwarder(reactor, 20_000, DNS)
    for number in range(MOST_CONVERSATIONS + 5):
        reactor.ports[0].protocol.datagramReceived(b"x", ("127.0.0.1", number))
    opened = len(reactor.ports) - 1
    forwarder.end()

    assert opened == MOST_CONVERSATIONS
    assert not any(port.is_open for port in reactor.ports)


def test_a_port_that_is_taken_is_told() -> None:
    reactor = FakeUdp(taken=True)
    with pytest.raises(PortTaken):
        open_forwarder(reactor, 20_000, DNS)
