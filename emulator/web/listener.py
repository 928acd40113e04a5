"""Where the server listens: its addresses, plain HTTP and TLS on each, and a graceful stop."""

from __future__ import annotations

from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from typing import Protocol as StructuralType

import attrs
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IAddress, IReactorSocket, IReactorTCP, IReactorTime
from twisted.internet.protocol import Factory, Protocol, ServerFactory
from twisted.logger import Logger

from emulator.core.event_loop import Turn
from emulator.web.connection import Answer, HttpConnection, OnAnswered
from emulator.web.limits import Limits
from emulator.web.open_connections import OpenConnections
from emulator.web.response_bytes import CLOSE, render
from emulator.wire.message import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from socket import socket

    from twisted.internet.interfaces import IListeningPort
    from twisted.protocols.tls import TLSMemoryBIOFactory
    from twisted.python.failure import Failure

_BACKLOG: Final = 512
_TLS_HANDSHAKE: Final = 0x16  # the record type that a ClientHello begins with; no method does
_NO_ROOM: Final = HttpResponse(
    503,
    (b"503 too many connections\n",),
    (("Content-Type", "text/plain"), ("Retry-After", "1")),
)

_log = Logger()


@attrs.frozen
class ListenAddress:
    """An IP address and a port; port 0 means any that is free."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Where a client on this machine reaches the address."""
        nowhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - translated, not bound
        return f"http://{attrs.evolve(self, host=nowhere.get(self.host, self.host))}"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_addresses(
    text: str,
    default_host: str = "0.0.0.0",  # noqa: S104 - as GATEWAY_LISTEN is documented
    default_port: int = 4566,
) -> tuple[ListenAddress, ...]:
    """Return the addresses of a value such as ``0.0.0.0:4566,[::1]:4566``.

    Host or port may be left out, as LocalStack allows for GATEWAY_LISTEN; an address
    named twice counts once.

    Raises:
        ValueError: with a sentence for the one who set the value.
    """
    addresses = [
        _parse_address(part.strip(), default_host, default_port)
        for part in text.split(",")
        if part.strip()
    ]
    if not addresses:
        raise ValueError(f"{text!r} names no address to listen on; write for example 0.0.0.0:4566")
    return tuple(dict.fromkeys(addresses))


def _parse_address(text: str, default_host: str, default_port: int) -> ListenAddress:
    problem = f"{text!r} is no address to listen on: "
    host, port_text = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(problem + "write an IPv6 address with a port as [::1]:4566")
        port_text = rest[1:]
    elif text.count(":") == 1:
        host, _, port_text = text.partition(":")
    elif text.isdecimal():
        host, port_text = "", text
    host = "127.0.0.1" if host.lower() == "localhost" else host or default_host
    try:
        ip_address(host)
    except ValueError:
        raise ValueError(problem + "the host must be an IP address or localhost") from None
    if port_text and not (port_text.isascii() and port_text.isdecimal()):
        raise ValueError(problem + "the port must be a number")
    port = int(port_text[:6]) if port_text else default_port
    if port > 65535:
        raise ValueError(problem + "the port must be at most 65535")
    return ListenAddress(host, port)


class _TcpTransport(StructuralType):
    """What a freshly accepted connection offers."""

    protocol: object

    def setTcpNoDelay(self, enabled: bool) -> None: ...
    def write(self, data: bytes) -> None: ...
    def loseConnection(self) -> None: ...
    def abortConnection(self) -> None: ...


class HttpListener(ServerFactory[Protocol]):
    """An HTTP server on any number of addresses.

    Args:
        reactor: listens, and tells the time.
        answer: gives the answer to each request.
        limits: what a client may ask for.
        on_answered: told of each answer, for the access log.
        certificate_path: PEM with key and chain for TLS; without it a certificate for
            the local names is made when the first TLS client comes.
        turn: the reactor's turns, if they can be seen.
        speaks_tls: otherwise the first byte tells nothing and HTTP is all there is.

    Raises:
        ValueError: the certificate cannot be used.
    """

    noisy = False

    def __init__(
        self,
        reactor: IReactorTCP,
        answer: Answer,
        limits: Limits | None = None,
        on_answered: OnAnswered | None = None,
        certificate_path: Path | None = None,
        turn: Turn | None = None,
        *,
        speaks_tls: bool = True,
    ) -> None:
        self._reactor = reactor
        self._speaks_tls = speaks_tls
        self._clock = IReactorTime(reactor)
        self._answer = answer
        self._on_answered = on_answered
        self._certificate_path = certificate_path
        self._ports: list[IListeningPort] = []
        self._tls_factory: TLSMemoryBIOFactory | None = None
        self.connections = OpenConnections(limits or Limits(), self._clock, turn or Turn())
        if certificate_path is not None:
            # Whoever brings a certificate wants to hear at once that it is of no use.
            self._tls_factory = self._load_tls()

    def listen(self, addresses: tuple[ListenAddress, ...]) -> tuple[ListenAddress, ...]:
        """Open the ports, all or none, and return them with their real numbers.

        Raises:
            twisted.internet.error.CannotListenError: an address is taken or is not ours.
        """
        # [::] takes the IPv4 connections of its port too, so that 0.0.0.0 would be refused.
        addresses = tuple(
            address
            for address in addresses
            if address.host != "0.0.0.0" or ListenAddress("::", address.port) not in addresses  # noqa: S104 - compared, not bound
        )
        opened: list[IListeningPort] = []
        try:
            for address in addresses:
                opened.append(  # noqa: PERF401 - those before a failure must be closed
                    self._reactor.listenTCP(
                        address.port, cast("Any", self), backlog=_BACKLOG, interface=address.host
                    )
                )
        except Exception:
            for port in opened:
                _ = maybeDeferred(port.stopListening)
            raise
        self._ports += opened
        return tuple(
            ListenAddress(address.host, getattr(port.getHost(), "port", address.port))
            for address, port in zip(addresses, opened, strict=True)
        )

    def adopt(self, sockets: Iterable[socket]) -> None:
        """Serve on sockets that others have bound and made listen, and close theirs.

        Raises:
            OSError: one of them is closed already.
        """
        adopter = IReactorSocket(self._reactor)
        factory = cast("Any", self)
        with ExitStack() as closing:
            # The reactor listens on descriptors of its own.
            given = [closing.enter_context(listening) for listening in sockets]
            for listening in given:
                listening.setblocking(False)
                port = adopter.adoptStreamPort(listening.fileno(), listening.family, factory)
                self._ports.append(port)

    async def stop(self, grace_seconds: float) -> None:
        """Accept no more, let what is in flight be answered, then drop the rest.

        Args:
            grace_seconds: the most that requests in flight and their answers may take.
        """
        ports, self._ports = self._ports, []
        for port in ports:
            await maybeDeferred(port.stopListening)
        drained = self.connections.drain()
        timeout = self._clock.callLater(grace_seconds, self.connections.abort_all)
        await drained
        if timeout.active():
            timeout.cancel()

    def buildProtocol(self, addr: IAddress | None) -> Protocol:  # noqa: ARG002 - Twisted's
        """Return the protocol of a new connection, which may be one that refuses."""
        if not self.connections.make_room():
            return _NoRoom(self.connections)
        return _FirstByte(self) if self._speaks_tls else self.plain()

    def plain(self) -> HttpConnection:
        """Return the protocol for a client that speaks HTTP."""
        return HttpConnection(self._answer, self.connections, self._on_answered)

    def tls(self) -> Protocol:
        """Return the protocol for a client that speaks TLS."""
        from twisted.protocols.tls import TLSMemoryBIOProtocol  # noqa: PLC0415 - on first use

        if self._tls_factory is None:
            self._tls_factory = self._load_tls()
        connection = HttpConnection(
            self._answer, self.connections, self._on_answered, over_tls=True
        )
        tls: Protocol = TLSMemoryBIOProtocol(self._tls_factory, connection)  # type: ignore[no-untyped-call]
        return tls

    def _load_tls(self) -> TLSMemoryBIOFactory:
        from twisted.protocols.tls import TLSMemoryBIOFactory  # noqa: PLC0415 - on first use

        from emulator.web.certificate import (  # noqa: PLC0415 - on first use
            server_tls_from_file,
            server_tls_self_signed,
        )

        if self._certificate_path is None:
            tls = server_tls_self_signed(self._clock.seconds())
        else:
            tls = server_tls_from_file(self._certificate_path)
        return TLSMemoryBIOFactory(tls, False, Factory(), self._clock)


class _FirstByte(Protocol):
    """Waits for the byte that tells TLS from HTTP and leaves the connection to its protocol."""

    def __init__(self, listener: HttpListener) -> None:
        self._listener = listener
        self._connections = listener.connections
        self.deadline = 0.0
        self.is_idle = True

    def connectionMade(self) -> None:
        """Wait as long as for any request."""
        connections = self._connections
        connections.add(self)
        self.deadline = connections.now + connections.limits.idle_seconds
        self._tcp.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        """Hand over."""
        tcp = self._tcp
        successor = self._listener.tls() if data[0] == _TLS_HANDSHAKE else self._listener.plain()
        tcp.protocol = successor
        successor.makeConnection(self.transport)  # type: ignore[no-untyped-call]
        # Only now, so that the connection always has its place.
        self._connections.discard(self)
        successor.dataReceived(data)

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: ARG002 - Twisted's
        """Give the place back."""
        self._connections.discard(self)

    def expire(self, now: float) -> None:  # noqa: ARG002 - all the same here
        """Nothing came."""
        self.abort()

    def drain(self) -> None:
        """Close: nothing is in flight."""
        self.is_idle = False
        self._tcp.loseConnection()

    def abort(self) -> None:
        """Drop the connection."""
        self.is_idle = False
        self._tcp.abortConnection()

    @property
    def _tcp(self) -> _TcpTransport:
        return cast("_TcpTransport", self.transport)


class _NoRoom(Protocol):
    """Refuses a connection that is one too many.

    Refusing beats letting clients wait in the kernel's queue: SDKs try again after a
    503, and a person sees why. It takes no place and waits for nothing.
    """

    def __init__(self, connections: OpenConnections) -> None:
        self._connections = connections

    def connectionMade(self) -> None:
        """Say so and close."""
        assert self.transport is not None
        data, _ = render(_NO_ROOM, self._connections.dates, CLOSE, head_only=False)
        self.transport.write(data)
        self.transport.loseConnection()
