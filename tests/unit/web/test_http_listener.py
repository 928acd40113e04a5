"""Ports, opened all or none, and what is done with a new connection."""

from __future__ import annotations

import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock

from emulator.web.limits import Limits
from emulator.web.listener import HttpListener, parse_addresses
from tests.unit.web.connections import BoundedTransport, echo


class Transport(BoundedTransport):
    def setTcpNoDelay(self, enabled):
        pass


def test_the_ipv6_wildcard_covers_the_ipv4_one():
    reactor = MemoryReactorClock()
    HttpListener(reactor, echo).listen(parse_addresses("0.0.0.0:1,[::]:1,0.0.0.0:2"))

    opened = [(server[3], server[0]) for server in reactor.tcpServers]
    assert opened == [("::", 1), ("0.0.0.0", 2)]


def test_one_address_too_many_opens_none():
    class Port:
        closed = False

        def stopListening(self):
            self.closed = True

    class Reactor(MemoryReactorClock):
        port = Port()

        def listenTCP(self, port, factory, backlog=50, interface=""):
            if port == 2:
                raise CannotListenError(interface, port, OSError("taken"))
            return self.port

    reactor = Reactor()
    with pytest.raises(CannotListenError):
        HttpListener(reactor, echo).listen(parse_addresses("127.0.0.1:1,127.0.0.1:2"))

    assert reactor.port.closed


def test_a_client_of_http_is_recognised_and_keeps_one_place():
    listener = HttpListener(MemoryReactorClock(), echo)
    transport = Transport()
    protocol = listener.buildProtocol(None)
    protocol.makeConnection(transport)
    protocol.dataReceived(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")

    assert transport.value().endswith(b"GET /x  ")
    assert transport.protocol is not protocol
    assert len(listener.connections) == 1


def test_a_connection_too_many_is_told_so():
    listener = HttpListener(MemoryReactorClock(), echo, Limits(connections=0))
    transport = Transport()
    listener.buildProtocol(None).makeConnection(transport)

    assert transport.value().startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert transport.disconnecting


def test_a_client_that_sends_nothing_is_dropped():
    reactor = MemoryReactorClock()
    listener = HttpListener(reactor, echo)
    transport = Transport()
    listener.buildProtocol(None).makeConnection(transport)
    reactor.pump([1.0] * 77)

    assert transport.disconnected


def test_a_certificate_of_no_use_is_told_at_once(tmp_path):
    path = tmp_path / "bad.pem"
    path.write_text("nonsense")

    for bad in (path, tmp_path / "missing.pem"):
        with pytest.raises(ValueError, match="PEM"):
            HttpListener(MemoryReactorClock(), echo, certificate_path=bad)


def test_sockets_of_others_are_adopted_and_their_ends_closed():
    class Given:
        family = 2

        def __init__(self, number):
            self.number = number
            self.closed = False

        def fileno(self):
            return self.number

        def setblocking(self, blocking):
            assert not blocking

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.closed = True

    reactor = MemoryReactorClock()
    listener = HttpListener(reactor, echo, speaks_tls=False)
    sockets = [Given(7), Given(8)]
    listener.adopt(sockets)
    assert [(each[0], each[2]) for each in reactor.adoptedPorts] == [(7, listener), (8, listener)]
    assert all(each.closed for each in sockets)


def test_without_tls_the_first_byte_is_https_own():
    reactor = MemoryReactorClock()
    listener = HttpListener(reactor, echo, speaks_tls=False)
    protocol = listener.buildProtocol(None)
    transport = Transport()
    protocol.makeConnection(transport)
    protocol.dataReceived(b"\x16\x03\x01\r\n\r\n")
    assert transport.value().startswith(b"HTTP/1.1 400 ")
