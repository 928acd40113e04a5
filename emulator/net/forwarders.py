"""Ports of this machine that lead to a port of an instance: streams and datagrams.

Nothing here knows of records, groups or filters: what arrives is sent on from this machine's
own address, and the instance's packet filter judges that like any other packet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import ClientFactory, DatagramProtocol, Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

# The address that clients on this machine use; others would look like this machine.
LISTEN_ADDRESS = "127.0.0.1"
CONNECT_SECONDS = 10.0
# Each is two descriptors; one port's clients must not take those of everybody.
MOST_STREAMS = 128
MOST_CONVERSATIONS = 64
# How long an answer may take (as conntrack has it for UDP).
IDLE_SECONDS = 60.0


class PortTaken(Exception):
    """Somebody else listens there."""


@attrs.frozen
class Target:
    """A port of an instance.

    Attributes:
        address: at which this machine reaches the instance.
        is_datagram: whether it is one of UDP, not TCP.
    """

    address: str
    port: int
    is_datagram: bool = False


@attrs.define(eq=False)
class Forwarder:
    """One open port.

    Attributes:
        host_port: where it listens.
    """

    host_port: int
    target: Target
    _port: Any
    _end_conversations: Callable[[], None]

    def close(self) -> None:
        """Take in nothing more; streams that are open stay, as connections do on AWS."""
        self._port.stopListening()
        if self.target.is_datagram:
            self._end_conversations()

    def end(self) -> None:
        """Close, and cut off what is open: the instance is gone."""
        self._port.stopListening()
        self._end_conversations()


def open_forwarder(reactor: Any, host_port: int, target: Target) -> Forwarder:
    """Listen on a port of this machine.

    Raises:
        PortTaken: choose another one.
    """
    try:
        if target.is_datagram:
            datagrams = _Datagrams(reactor, target)
            port = reactor.listenUDP(host_port, datagrams, LISTEN_ADDRESS)
            return Forwarder(host_port, target, port, datagrams.end)
        streams = _Streams(reactor, target)
        port = reactor.listenTCP(host_port, streams, interface=LISTEN_ADDRESS)
        return Forwarder(host_port, target, port, streams.end)
    except CannotListenError as error:
        raise PortTaken(str(error)) from None


@implementer(IHalfCloseableProtocol)
class _Half(Protocol):
    """One end of a stream: what it gets, the other end sends, no faster than that can."""

    def __init__(self) -> None:
        self.other: _Half | None = None

    def join(self, other: _Half) -> None:
        """Make two ends one stream."""
        self.other, other.other = other, self
        for one, two in ((self, other), (other, self)):
            transport: Any = one.transport
            if transport is not None:
                transport.registerProducer(two.transport, True)

    def dataReceived(self, data: bytes) -> None:
        """Send on."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def readConnectionLost(self) -> None:  # noqa: N802 - Twisted's
        """Let the other end know that no more comes."""
        if self.other is not None and self.other.transport is not None:
            transport: Any = self.other.transport
            transport.unregisterProducer()
            transport.loseWriteConnection()

    def writeConnectionLost(self) -> None:  # noqa: N802 - Twisted's
        """Do nothing: the rest of what the other way has is still wanted."""

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: ARG002 - Twisted's
        """End the other end once it has sent what it has."""
        other, self.other = self.other, None
        if other is not None and other.transport is not None:
            other.other = None
            transport: Any = other.transport
            transport.unregisterProducer()
            transport.loseConnection()


class _Caller(_Half):
    """A client's end."""

    def __init__(self, streams: _Streams) -> None:
        super().__init__()
        self._streams = streams
        self._connector: Any = None

    def connectionMade(self) -> None:
        """Read nothing before somebody is there to hear it."""
        transport: Any = self.transport
        transport.pauseProducing()
        self._streams.callers.add(self)
        self._connector = self._streams.connect(self)

    def cut(self) -> None:
        """End at once, so that the client sees that it was."""
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Make room."""
        self._streams.callers.discard(self)
        if self.other is None and self._connector is not None:
            self._connector.disconnect()
        super().connectionLost(reason)


class _Streams(Factory):
    """The streams of one port."""

    noisy = False

    def __init__(self, reactor: Any, target: Target) -> None:
        self._reactor, self._target = reactor, target
        self.callers: set[_Caller] = set()

    def buildProtocol(self, addr: Any) -> Protocol | None:  # noqa: ARG002 - of any
        """Take a stream in; None refuses it."""
        return _Caller(self) if len(self.callers) < MOST_STREAMS else None

    def connect(self, caller: _Caller) -> Any:
        """Call the instance for a client."""
        calling = _Calling(caller)
        target = self._target
        return self._reactor.connectTCP(
            target.address, target.port, calling, timeout=CONNECT_SECONDS
        )

    def end(self) -> None:
        """Cut off everybody."""
        for caller in tuple(self.callers):
            caller.cut()


class _Called(_Half):
    """An instance's end."""

    def __init__(self, caller: _Caller) -> None:
        super().__init__()
        self._caller = caller

    def connectionMade(self) -> None:
        """Let the client speak."""
        if self._caller.transport is None or not self._caller.connected:
            transport: Any = self.transport
            transport.abortConnection()
            return
        self._caller.join(self)
        caller: Any = self._caller.transport
        caller.resumeProducing()


class _Calling(ClientFactory):
    """One call to an instance."""

    noisy = False

    def __init__(self, caller: _Caller) -> None:
        self._caller = caller

    def buildProtocol(self, addr: Any) -> Protocol:  # noqa: ARG002 - the instance's
        """Return the other end."""
        return _Called(self._caller)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:  # noqa: ARG002 - Twisted's
        """Nobody listens there, or the filter is closed."""
        self._caller.cut()


class _Datagrams(DatagramProtocol):
    """A port of UDP: each client has a socket of its own, so that answers find it."""

    def __init__(self, reactor: Any, target: Target) -> None:
        self._reactor, self._target = reactor, target
        self._conversations: dict[Any, _Conversation] = {}

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Send on; what is too much is lost, as datagrams may be."""
        conversation = self._conversations.get(addr)
        if conversation is None:
            if len(self._conversations) >= MOST_CONVERSATIONS:
                return
            conversation = self._begin(addr)
        conversation.send(datagram)

    def _begin(self, client: Any) -> _Conversation:
        def answer(datagram: bytes) -> None:
            if self.transport is not None:
                self.transport.write(datagram, client)

        conversation = _Conversation(
            self._reactor, self._target, answer, lambda: self._conversations.pop(client, None)
        )
        self._reactor.listenUDP(0, conversation, "0.0.0.0")  # noqa: S104 - connected at once
        self._conversations[client] = conversation
        return conversation

    def end(self) -> None:
        """Forget everybody."""
        for conversation in tuple(self._conversations.values()):
            conversation.end()


class _Conversation(DatagramProtocol):
    """What one client and an instance send each other."""

    def __init__(
        self,
        reactor: Any,
        target: Target,
        answer: Callable[[bytes], None],
        on_end: Callable[[], object],
    ) -> None:
        self._target, self._answer, self._on_end = target, answer, on_end
        self._idle = reactor.callLater(IDLE_SECONDS, self.end)

    def startProtocol(self) -> None:
        """Hear nobody but the instance."""
        if self.transport is not None:
            self.transport.connect(self._target.address, self._target.port)

    def send(self, datagram: bytes) -> None:
        """Send what the client sent."""
        transport: Any = self.transport
        if transport is not None and self._idle.active():
            self._idle.reset(IDLE_SECONDS)
            transport.write(datagram)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: ARG002 - connected
        """Answer the client."""
        if self._idle.active():
            self._idle.reset(IDLE_SECONDS)
        self._answer(datagram)

    def connectionRefused(self) -> None:
        """Do nothing: nobody listens there now, and may do later."""

    def end(self) -> None:
        """Close the socket."""
        if self._idle.active():
            self._idle.cancel()
        self._on_end()
        if self.transport is not None:
            self.transport.stopListening()
