"""One HTTP/1.1 connection: requests in, answers out in their order, nothing without bound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from socket import AF_INET6, IP_TTL, IPPROTO_IP, IPPROTO_IPV6, IPV6_UNICAST_HOPS
from typing import TYPE_CHECKING, Final, cast
from typing import Protocol as StructuralType

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, ISystemHandle
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from zope.interface import implementer

from emulator.web.request_reader import (
    BETWEEN,
    HEAD,
    SLICE_BYTES,
    Received,
    Refusal,
    RequestReader,
)
from emulator.web.response_bytes import CLOSE, CONTINUE, LONG_BYTES, render
from emulator.wire.message import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from socket import socket

    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

    from emulator.web.open_connections import OpenConnections

Answer = Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]
"""What the server is for: at once where possible, awaitable where it takes time."""

OnAnswered = Callable[[HttpRequest, HttpResponse, float], None]
"""Told of each request, its answer and the seconds between; not of refused ones."""

# What the transport offers the kernel in one turn of the event loop; Twisted's own 128 KiB
# make dozens of turns of one long answer.
SEND_LIMIT_BYTES: Final = 4 * 1024 * 1024
_NEVER: Final = float("inf")
_MAX_QUEUED_BODY_BYTES: Final = 64 * 1024
_INTERNAL_ERROR: Final = HttpResponse(
    500, (b"500 Internal Server Error\n",), (("Content-Type", "text/plain"),)
)

_log = Logger()


class _Transport(StructuralType):
    """What is asked of TCP and TLS transports alike; Twisted spreads it over interfaces."""

    def write(self, data: bytes) -> None: ...
    def getPeer(self) -> IAddress: ...

    SEND_LIMIT: int

    def getHandle(self) -> socket: ...
    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...
    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def loseConnection(self) -> None: ...
    def loseWriteConnection(self) -> None: ...
    def abortConnection(self) -> None: ...


@implementer(IPushProducer)
class HttpConnection(Protocol):
    """Reads requests, has them answered one at a time, and knows when to stop reading.

    As a producer it stops answering while the client does not read what it was
    answered; as a consumer it pauses the transport while too many requests wait.

    Args:
        answer: gives the answer; an exception from it is a bug, logged and answered 500.
        connections: the connection's fellows, with their limits and their clock.
        on_answered: told of each answer, for the access log.
        over_tls: the transport is TLS, which knows no half-closed connection.
    """

    def __init__(
        self,
        answer: Answer,
        connections: OpenConnections,
        on_answered: OnAnswered | None = None,
        *,
        over_tls: bool = False,
    ) -> None:
        self._answer = answer
        self._connections = connections
        self._limits = connections.limits
        self._on_answered = on_answered
        self._over_tls = over_tls
        self._reader = RequestReader(connections.limits, connections.body_budget, ("", 0))
        self._held = b""  # read from the socket, not fed to the reader yet
        self._held_at = 0
        self._unsent = b""  # answers that wait for the end of the event loop's turn
        self._stage = 0
        self._body_bytes_seen = 0
        self._busy = False  # an answer is awaited
        self._advancing = False
        self._write_full = False
        self._reading_paused = False
        self._closing = False
        self._lost = False
        self.deadline = _NEVER
        self._transport: _Transport
        self._send_now: Callable[[bytes | memoryview], int] | None = None

    # What the transport calls.

    def connectionMade(self) -> None:
        """Take a place among the open connections."""
        transport = self._transport = cast("_Transport", self.transport)
        peer = transport.getPeer()
        address = (getattr(peer, "host", ""), getattr(peer, "port", 0))
        self._reader = RequestReader(self._limits, self._connections.body_budget, address)
        self._connections.add(self)
        self.deadline = self._connections.now + self._limits.idle_seconds
        if not self._over_tls and ISystemHandle.providedBy(transport):
            self._send_now = transport.getHandle().send
            transport.SEND_LIMIT = SEND_LIMIT_BYTES
        # Where we send ourselves, we want to hear whenever the transport has sent the rest.
        transport.registerProducer(self, self._send_now is None)

    def dataReceived(self, data: bytes) -> None:
        """Read some bytes and answer what is complete."""
        if self._closing:
            return
        reader = self._reader
        if self._held or len(data) > SLICE_BYTES or self._write_full or reader.complete:
            self._held = self._held[self._held_at :] + data
            self._held_at = 0
        else:
            reader.feed(data)
        self._advance()

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: ARG002 - Twisted's
        """Forget everything but an answer still being worked on."""
        self._lost = True
        self._closing = True
        self._held = b""
        self._reader.close()
        self.deadline = _NEVER
        # A client that hangs up keeps its place until the work it caused has ended.
        if not self._busy:
            self._connections.discard(self)

    def pauseProducing(self) -> None:
        """Answer no more until the client has read."""
        self._write_full = True
        self.deadline = self._connections.now + self._limits.unread_answer_seconds

    def resumeProducing(self) -> None:
        """Go on: what was written has gone out."""
        self._write_full = False
        if not self._lost and not self._closing:
            self._set_phase_deadline()
            self._advance()

    def stopProducing(self) -> None:
        """Answer no more: the transport is gone."""
        self._closing = True

    # What the sweep calls.

    @property
    def is_idle(self) -> bool:
        """Whether no part of a request or of its answer is under way."""
        return (
            self._reader.phase is BETWEEN
            and not self._busy
            and not self._write_full
            and not self._closing
            and not self._reader.complete
        )

    def expire(self, now: float) -> None:
        """Close an idle connection, refuse a slow request, drop a client that does not read."""
        if self._closing or self._write_full:
            self.abort()
        elif self._busy or self._reader.complete:
            # The wait is ours.
            self.deadline = now + self._limits.idle_seconds
        elif self._reader.phase is BETWEEN:
            self._close()
        elif self._reader.phase is HEAD:
            self._refuse(Refusal(408, "the request head took too long"))
        elif self._reader.body_bytes - self._body_bytes_seen < self._limits.body_window_bytes:
            self._refuse(Refusal(408, "the request body took too long"))
        else:
            self._set_phase_deadline()

    def drain(self) -> None:
        """Close now if idle; otherwise the next last answer closes."""
        if self.is_idle:
            self._close()

    def abort(self) -> None:
        """Drop the connection."""
        self._closing = True
        self._transport.abortConnection()

    # Reading.

    def _advance(self) -> None:
        """Answer and read on for as long as both are possible."""
        if self._advancing:
            return
        self._advancing = True
        try:
            self._answer_complete()
            while self._held and not self._closing and not self._must_wait():
                piece = self._held[self._held_at : self._held_at + SLICE_BYTES]
                self._held_at += SLICE_BYTES
                if self._held_at >= len(self._held):
                    self._held = b""
                    self._held_at = 0
                self._reader.feed(piece)
                self._answer_complete()
        finally:
            self._advancing = False
        if self._closing:
            return
        reader = self._reader
        if self._stage != reader.stage and not self._write_full:
            self._set_phase_deadline()
        if reader.complete or self._write_full or self._reading_paused:
            self._adjust_reading()

    def _must_wait(self) -> bool:
        """Whether enough is waiting for its answer already."""
        if self._write_full:
            return True
        waiting = self._reader.complete
        return bool(waiting) and (
            len(waiting) >= self._limits.pipelined_requests
            or sum(len(request.body) for request, _, _ in waiting) > _MAX_QUEUED_BODY_BYTES
        )

    def _adjust_reading(self) -> None:
        """Read if, and only if, there is room."""
        must_wait = self._must_wait()
        if must_wait is not self._reading_paused:
            self._reading_paused = must_wait
            if must_wait:
                self._transport.pauseProducing()
            else:
                self._transport.resumeProducing()

    def _set_phase_deadline(self) -> None:
        reader = self._reader
        self._stage = reader.stage
        if reader.phase is BETWEEN:
            seconds = self._limits.idle_seconds
        elif reader.phase is HEAD:
            seconds = self._limits.head_seconds
        else:
            seconds = self._limits.body_window_seconds
            self._body_bytes_seen = reader.body_bytes
        self.deadline = self._connections.now + seconds

    # Answering.

    def _answer_complete(self) -> None:
        """Answer the waiting requests up to the first that takes time."""
        reader = self._reader
        waiting = reader.complete
        while waiting and not (self._busy or self._write_full or self._closing):
            self._answer_one(waiting.popleft())
        if self._busy or self._write_full or self._closing:
            return
        if reader.refusal is not None:
            self._refuse(reader.refusal)
        elif reader.wants_continue:
            reader.wants_continue = False
            self._write(CONTINUE)
        elif self._connections.draining and self.is_idle:
            self._close()

    def _answer_one(self, received: Received) -> None:
        started = 0.0 if self._on_answered is None else self._connections.clock.seconds()
        try:
            response = self._answer(received[0])
        except Exception:  # noqa: BLE001 - a bug of one operation must not cost the connection
            response = _crashed(received[0])
        if isinstance(response, HttpResponse):
            self._send(received, response, started)
        else:
            self._busy = True
            # Catches everything itself, so that there is nobody to wait for it.
            _ = Deferred.fromCoroutine(self._answer_later(received, response, started))

    async def _answer_later(
        self, received: Received, awaitable: Awaitable[HttpResponse], started: float
    ) -> None:
        """Send an answer that takes time; never fails."""
        try:
            response = await awaitable
        except Exception:  # noqa: BLE001 - as above
            response = _crashed(received[0])
        self._busy = False
        if self._lost:
            self._connections.body_budget.free_bytes += received[2]
            self._connections.discard(self)
            return
        self._send(received, response, started)
        self._advance()

    def _send(self, received: Received, response: HttpResponse, started: float) -> None:
        request, connection, charged_bytes = received
        if charged_bytes:
            self._connections.body_budget.free_bytes += charged_bytes
        if self._closing:
            return
        if response.hop_limit is not None and not self._limit_hops(response.hop_limit):
            self._stop_answering()
            return
        connections = self._connections
        if connections.draining and not self._reader.complete:
            connection = CLOSE
        head_only = request.method == "HEAD"
        try:
            data, after = render(response, connections.dates, connection, head_only=head_only)
        except Exception:  # noqa: BLE001 - as above: what was returned is no answer
            response = _crashed(request)
            data, after = render(response, connections.dates, connection, head_only=head_only)
        self._write(data)
        if after:
            self._write(after)
        if self._on_answered is not None:
            self._report(request, response, started)
        if connection is CLOSE:
            self._close()

    def _write(self, data: bytes) -> None:
        """Send, now or, where others have just asked too, when they were answered as well.

        A client in its sleep is woken by what is sent to it. Waking it for each answer, it
        may be the same one that has all the connections, would cost more than answering.
        """
        turn = self._connections.turn
        if not turn.is_shared or self._send_now is None or len(data) > LONG_BYTES:
            self._flush()
            self._write_now(data)
            return
        if self._unsent:
            self._unsent += data
        else:
            self._unsent = data
            turn.at_end(self._flush)
        if len(self._unsent) > LONG_BYTES:
            self._flush()

    def _flush(self) -> None:
        """Send what waits for the end of a turn, if it still does."""
        data, self._unsent = self._unsent, b""
        if data and not self._lost:
            self._write_now(data)

    def _write_now(self, data: bytes) -> None:
        """Send at once what the kernel takes and leave the rest to the transport.

        A transport waits for the event loop before it sends anything, which is a fifth of
        the cost of a small request. What it holds goes first: then it gets all of this.
        """
        if self._send_now is not None and not self._write_full:
            rest: bytes | memoryview = data
            try:
                sent = self._send_now(data)
                # A client that reads as fast as we send gets a long answer without a wait.
                while sent and sent < len(rest):
                    rest = memoryview(rest)[sent:]
                    sent = self._send_now(rest)
            except OSError:
                sent = 0  # full, or broken, which the transport finds out for itself
            if sent == len(rest):
                return
            data = bytes(rest)
            self.pauseProducing()
        self._transport.write(data)

    def _limit_hops(self, hops: int) -> bool:
        """Let what is sent from now on travel so far, and return whether it may be sent at all.

        The limit stays: a packet that got lost is sent again, and must not get further then.
        Later answers lose nothing by it, for the client of the first has shown to be near.
        """
        transport = self._transport
        if hops < 1 or not ISystemHandle.providedBy(transport):
            return False
        socket = transport.getHandle()
        try:
            if socket.family == AF_INET6:
                socket.setsockopt(IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops)
            else:
                socket.setsockopt(IPPROTO_IP, IP_TTL, hops)
        except OSError:
            return False
        return True

    def _report(self, request: HttpRequest, response: HttpResponse, started: float) -> None:
        assert self._on_answered is not None
        try:
            self._on_answered(request, response, self._connections.clock.seconds() - started)
        except Exception:  # noqa: BLE001 - the answer has gone out already
            _log.failure("The access log failed")

    # Closing.

    def _close(self) -> None:
        """Close once everything is written."""
        self._stop_answering()
        self._transport.loseConnection()

    def _refuse(self, refusal: Refusal) -> None:
        """Say why, and close so that the client can read it.

        Closing a socket with unread bytes resets it, which may destroy the answer on its
        way: so the writing half alone is closed, and the rest is read and thrown away
        until the client closes or the time to linger has passed.
        """
        transport = self._transport
        response = HttpResponse(
            refusal.status,
            (f"{refusal.status} {refusal.reason}\n".encode(),),
            (("Content-Type", "text/plain"),),
        )
        data, _ = render(response, self._connections.dates, CLOSE, head_only=False)
        self._write(data)
        self._stop_answering()
        if self._over_tls:
            transport.loseConnection()
            return
        if self._reading_paused:
            self._reading_paused = False
            transport.resumeProducing()
        transport.loseWriteConnection()

    def _stop_answering(self) -> None:
        self._flush()
        self._closing = True
        self._held = b""
        self._reader.close()
        # Much of a last answer may still be unsent.
        limits = self._limits
        seconds = limits.unread_answer_seconds if self._write_full else limits.linger_seconds
        self.deadline = self._connections.now + seconds
        # A transport does not close while its producer is paused.
        self._transport.unregisterProducer()


def _crashed(request: HttpRequest) -> HttpResponse:
    """Log the exception being handled and return the answer to its request."""
    _log.failure("Answering {method} {path} failed", method=request.method, path=request.path[:200])
    return _INTERNAL_ERROR
