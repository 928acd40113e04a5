"""A connection on a transport in memory, for the tests of the HTTP server."""

from __future__ import annotations

import attrs
from twisted.internet.interfaces import ISystemHandle
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from emulator.web.connection import Answer, HttpConnection, OnAnswered
from emulator.web.limits import Limits
from emulator.web.open_connections import OpenConnections
from emulator.wire.message import HttpRequest, HttpResponse

DATES = b"Server: ec2-emulator\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"


def echo(request: HttpRequest) -> HttpResponse:
    """Answer with what was understood."""
    text = f"{request.method} {request.path} {request.query} ".encode()
    return HttpResponse(200, (text, request.body), (("Content-Type", "text/plain"),))


def answered(body: bytes, connection: bytes = b"", length: int | None = None) -> bytes:
    """Return the bytes of an answer by ``echo``."""
    return (
        b"HTTP/1.1 200 OK\r\n"
        + DATES
        + connection
        + b"Content-Length: %d\r\nContent-Type: text/plain\r\n\r\n"
        % (len(body) if length is None else length)
        + body
    )


class BoundedTransport(StringTransport):
    """A transport whose client reads only when told, with TCP's back-pressure."""

    room_bytes = 64 * 1024
    half_closed = False

    def write(self, data: bytes) -> None:
        assert not self.half_closed
        super().write(data)
        if self.producer is not None and len(self.value()) > self.room_bytes:
            self.producer.pauseProducing()

    def client_reads(self) -> bytes:
        """Return what was written and let the connection go on."""
        data = self.value()
        self.clear()
        if self.producer is not None:
            self.producer.resumeProducing()
        return data

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    @property
    def reading_paused(self) -> bool:
        return self.producerState == "paused"


class Kernel:
    """A socket that takes no more than there is room for."""

    def __init__(self, transport: SocketTransport) -> None:
        self._transport = transport
        self.room_bytes = 10**9

    def send(self, data: bytes) -> int:
        if self.room_bytes == 0:
            raise BlockingIOError
        taken = data[: self.room_bytes]
        self.room_bytes -= len(taken)
        self._transport.io.write(taken)
        return len(taken)


@implementer(ISystemHandle)
class SocketTransport(BoundedTransport):
    """A transport that, like TCP's, shows the socket below it."""

    room_bytes = 10**9

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Kernel(self)

    def getHandle(self) -> Kernel:
        return self.kernel

    def registerProducer(self, producer: object, streaming: bool) -> None:
        super().registerProducer(producer, streaming)
        if not streaming:
            producer.resumeProducing()


@attrs.define
class Bench:
    """One connection with all that surrounds it."""

    clock: Clock
    connections: OpenConnections
    connection: HttpConnection
    transport: BoundedTransport

    def receive(self, *pieces: bytes) -> None:
        for piece in pieces:
            if piece:
                self.connection.dataReceived(piece)

    def receive_together(self, *pieces: bytes) -> None:
        """Receive in a turn of the event loop that others share; ``turn.end()`` ends it."""
        self.connections.turn.is_shared = True
        self.receive(*pieces)

    def seconds_pass(self, seconds: int) -> None:
        self.clock.pump([1.0] * seconds)

    @property
    def written(self) -> bytes:
        return self.transport.value()


def connect(
    answer: Answer = echo,
    limits: Limits | None = None,
    on_answered: OnAnswered | None = None,
    transport: BoundedTransport | None = None,
) -> Bench:
    """Return a fresh connection."""
    clock = Clock()
    connections = OpenConnections(limits or Limits(), clock)
    connection = HttpConnection(answer, connections, on_answered)
    transport = transport or BoundedTransport()
    connection.makeConnection(transport)
    return Bench(clock, connections, connection, transport)
