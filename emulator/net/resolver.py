"""The VPC resolver of each instance: its own names, and everybody else's by forwarding."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, DatagramProtocol, Factory, Protocol
from twisted.python.failure import Failure

from emulator.core.background import Background
from emulator.net.dns_message import SERVER_FAILURE, answer, read_question
from emulator.net.dns_zone import known
from emulator.net.namespace import InstanceListeners
from emulator.state.store import State

DNS_PORT = 53
# A server that does not answer by then is given up for the next.
UPSTREAM_SECONDS = 2.0
IDLE_SECONDS = 20.0
# Of all instances together; what is more is answered that it failed.
MOST_FORWARDED = 512
MOST_CONNECTIONS = 32

Key: TypeAlias = tuple[str, str, str]
Write: TypeAlias = "Callable[[bytes | None], None]"
Respond: TypeAlias = "Callable[[bytes, bool, Write], None]"


def nameservers(text: str) -> tuple[str, ...]:
    """Return the addresses of the servers in ``/etc/resolv.conf`` (resolv.conf(5)); pure."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            try:
                found.append(str(ipaddress.ip_address(words[1])))
            except ValueError:
                continue
    return tuple(found)


@attrs.define(eq=False)
class Resolvers(InstanceListeners):
    """Answers the questions of all instances.

    Args:
        state: every account's records.
        reactor: gives sockets and time.
        upstream: the servers that are asked for what no VPC knows.
        background: owns the answers under way.
    """

    _state: State
    _reactor: Any
    _upstream: Sequence[str]
    _background: Background
    _ports: dict[Key, list[Any]] = attrs.field(factory=dict, init=False)
    _forwarded: int = attrs.field(default=0, init=False)

    def adopt(self, key: Key, sockets: Iterable[socket.socket]) -> None:
        """Answer an instance on sockets that are bound in its namespace."""
        self.close(key)
        ports = self._ports[key] = []

        def respond(packet: bytes, is_stream: bool, write: Write) -> None:
            self._background.start(
                f"a question of {key[2]}", self._reply(key, packet, write, is_stream=is_stream)
            )

        streams = _Streams(self._reactor, respond)
        for each in sockets:
            with each:
                if each.type == socket.SOCK_DGRAM:
                    port = self._reactor.adoptDatagramPort(
                        each.fileno(), each.family, _Datagrams(respond)
                    )
                else:
                    port = self._reactor.adoptStreamPort(each.fileno(), each.family, streams)
                ports.append(port)

    def close(self, key: Key) -> None:
        """Answer an instance no more."""
        for port in self._ports.pop(key, ()):
            port.stopListening()

    def close_all(self) -> None:
        """Answer nobody any more."""
        for key in tuple(self._ports):
            self.close(key)

    async def _reply(self, key: Key, packet: bytes, write: Write, *, is_stream: bool) -> None:
        write(await self.respond(key, packet, is_stream=is_stream))

    async def respond(self, key: Key, packet: bytes, *, is_stream: bool) -> bytes | None:
        """Return the answer to a packet; None: it deserves none."""
        question = read_question(packet)
        if question is None:
            return None
        account, region, instance_id = key
        found = known(
            self._state.region(account, region), instance_id, question.name, question.kind
        )
        if found is not None:
            return answer(question, found.records, found.code)
        reply = None
        if self._forwarded < MOST_FORWARDED:
            self._forwarded += 1
            try:
                reply = await self._forward(packet, is_stream=is_stream)
            finally:
                self._forwarded -= 1
        return reply or answer(question, code=SERVER_FAILURE)

    async def _forward(self, packet: bytes, *, is_stream: bool) -> bytes | None:
        for server in self._upstream:
            reply = await (self._by_stream if is_stream else self._by_datagram)(server, packet)
            if reply is not None:
                return reply
        return None

    def _by_datagram(self, server: str, packet: bytes) -> Deferred[bytes | None]:
        exchange = _Exchange(server, packet)
        port = self._reactor.listenUDP(0, exchange, "::" if ":" in server else "0.0.0.0")  # noqa: S104 - a port of its own for each question
        giving_up = self._reactor.callLater(UPSTREAM_SECONDS, exchange.finish, None)

        def end(reply: bytes | None) -> bytes | None:
            if giving_up.active():
                giving_up.cancel()
            port.stopListening()
            return reply

        return exchange.done.addCallback(end)

    def _by_stream(self, server: str, packet: bytes) -> Deferred[bytes | None]:
        asking = _Asking(self._reactor, packet)
        self._reactor.connectTCP(server, DNS_PORT, asking, timeout=UPSTREAM_SECONDS)
        return asking.done


class _Datagrams(DatagramProtocol):
    """An instance's UDP port."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Answer a packet."""

        def write(reply: bytes | None) -> None:
            if reply is not None and self.transport is not None:
                self.transport.write(reply, addr)

        self._respond(datagram, False, write)


class _Exchange(DatagramProtocol):
    """One question to one server, and its answer."""

    def __init__(self, server: str, packet: bytes) -> None:
        self._server, self._packet = server, packet
        self.done: Deferred[bytes | None] = Deferred()

    def startProtocol(self) -> None:
        """Ask."""
        if self.transport is not None:
            self.transport.connect(self._server, DNS_PORT)
            self.transport.write(self._packet, (self._server, DNS_PORT))

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: ARG002 - connected
        """Take the answer, if it is one to this question."""
        if datagram[:2] == self._packet[:2]:
            self.finish(datagram)

    def connectionRefused(self) -> None:
        """Give up: nobody listens there."""
        self.finish(None)

    def finish(self, reply: bytes | None) -> None:
        """Fire, once."""
        if not self.done.called:
            self.done.callback(reply)


class _Framed(Protocol):
    """Messages over a connection, each after two bytes with its length (RFC 1035, 4.2.2)."""

    def __init__(self, reactor: Any, idle_seconds: float) -> None:
        self._reactor, self._idle_seconds = reactor, idle_seconds
        self._buffer = b""
        self._end: Any = None

    def connectionMade(self) -> None:
        """Begin to wait."""
        self._end = self._reactor.callLater(self._idle_seconds, self.drop)

    def dataReceived(self, data: bytes) -> None:
        """Hand on each message that is there in full."""
        if self._end is not None and self._end.active():
            self._end.reset(self._idle_seconds)
        self._buffer += data
        while len(self._buffer) >= 2:
            length = int.from_bytes(self._buffer[:2], "big")
            if len(self._buffer) < 2 + length:
                return
            message, self._buffer = self._buffer[2 : 2 + length], self._buffer[2 + length :]
            self.message_received(message)

    def message_received(self, message: bytes) -> None:
        """Hear a message."""
        raise NotImplementedError

    def send(self, message: bytes) -> None:
        """Send a message."""
        if self.transport is not None:
            self.transport.write(len(message).to_bytes(2, "big") + message)

    def drop(self) -> None:
        """End the connection."""
        if self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: ARG002 - Twisted's
        """Wait no more."""
        if self._end is not None and self._end.active():
            self._end.cancel()


class _Stream(_Framed):
    """A connection of an instance's."""

    def __init__(self, reactor: Any, streams: _Streams) -> None:
        super().__init__(reactor, IDLE_SECONDS)
        self._streams = streams

    def message_received(self, message: bytes) -> None:
        """Answer a packet."""

        def write(reply: bytes | None) -> None:
            if reply is None:
                self.drop()
            else:
                self.send(reply)

        self._streams.respond(message, True, write)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Make room."""
        super().connectionLost(reason)
        self._streams.connections -= 1


class _Streams(Factory):
    """The connections of one instance."""

    noisy = False

    def __init__(self, reactor: Any, respond: Respond) -> None:
        self._reactor, self.respond = reactor, respond
        self.connections = 0

    def buildProtocol(self, addr: Any) -> Protocol | None:  # noqa: ARG002 - of any
        """Take a connection in; None refuses it."""
        if self.connections >= MOST_CONNECTIONS:
            return None
        self.connections += 1
        return _Stream(self._reactor, self)


class _Asker(_Framed):
    """A connection to a server, for one question."""

    def __init__(self, reactor: Any, asking: _Asking) -> None:
        super().__init__(reactor, UPSTREAM_SECONDS)
        self._asking = asking

    def connectionMade(self) -> None:
        """Ask."""
        super().connectionMade()
        self.send(self._asking.packet)

    def message_received(self, message: bytes) -> None:
        """Take the answer."""
        self._asking.finish(message)
        self.drop()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Give up, unless there was an answer."""
        super().connectionLost(reason)
        self._asking.finish(None)


class _Asking(ClientFactory):
    """One question to one server over TCP."""

    noisy = False

    def __init__(self, reactor: Any, packet: bytes) -> None:
        self._reactor, self.packet = reactor, packet
        self.done: Deferred[bytes | None] = Deferred()

    def buildProtocol(self, addr: Any) -> Protocol:  # noqa: ARG002 - the server's
        """Return what asks."""
        return _Asker(self._reactor, self)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:  # noqa: ARG002 - Twisted's
        """Give up."""
        self.finish(None)

    def finish(self, reply: bytes | None) -> None:
        """Fire, once."""
        if not self.done.called:
            self.done.callback(reply)
