"""Each guest's DHCP server, on a socket in its own network namespace."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import attrs
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from emulator.net.dhcp_lease import Answer, lease_of, respond
from emulator.net.dhcp_message import read_request
from emulator.net.namespace import InstanceListeners
from emulator.net.port_plan import MTU_BYTES, device_index_of
from emulator.net.ports import DHCP_PORT
from emulator.state.store import State
from emulator.vm.interface import GuestKey

log = Logger()

_CLIENT_PORT = 68
_LARGEST_PACKET = 1500
# Packets in a row before others have their turn.
_MOST_AT_ONCE = 8

# ip(7) and socket(7); Python names none of them in every version.
_IP_PKTINFO = 8
_IP_TRANSPARENT = 19
_SO_NO_CHECK = 11
_PACKET_INFO = struct.Struct("@i4s4s")

Key: TypeAlias = tuple[str, str, str]


def open_socket() -> socket.socket:
    """Return a server's socket, for all links of the namespace this thread is in.

    It sends as whoever it says it is: no address of the server's is the namespace's own.

    Raises:
        OSError: it could not be opened.
    """
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    opened = socket.socket(socket.AF_INET, kind)
    try:
        # The one of an emulator that was killed may still be there, held by nobody.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        # Clients that have no address yet read frames, and some mistake a checksum that is
        # left to the hardware for a wrong one.
        opened.setsockopt(socket.SOL_SOCKET, _SO_NO_CHECK, 1)
        opened.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        opened.setsockopt(socket.IPPROTO_IP, _IP_TRANSPARENT, 1)
        opened.bind(("", DHCP_PORT))
    except OSError:
        opened.close()
        raise
    return opened


def _nobody(_: GuestKey) -> None: ...


@attrs.define(eq=False)
class DhcpServers(InstanceListeners):
    """Answers all guests' DHCP clients.

    Args:
        state: every account's records.
        reactor: watches sockets.
        hear: is told of everybody who asks for an address.
    """

    _state: State
    _reactor: Any
    _hear: Callable[[GuestKey], None] = _nobody
    _ports: dict[Key, list[_Port]] = attrs.field(factory=dict, init=False)

    def adopt(self, key: Key, sockets: Iterable[socket.socket]) -> None:
        """Answer a guest on sockets that are open in its namespace."""
        self.close(key)

        def answer(link: int, packet: bytes) -> Answer | None:
            return self.respond(key, link, packet)

        ports = self._ports[key] = [_Port(self._reactor, each, answer) for each in sockets]
        for port in ports:
            self._reactor.addReader(port)

    def close(self, key: Key) -> None:
        """Answer a guest no more."""
        for port in self._ports.pop(key, ()):
            port.close()

    def close_all(self) -> None:
        """Answer nobody any more."""
        for key in tuple(self._ports):
            self.close(key)

    def respond(self, key: Key, link: int, packet: bytes) -> Answer | None:
        """Return what is said to a packet that came by a link; None: nothing.

        Args:
            key: whose namespace it is.
            link: the kernel's number of the link there.
            packet: what came, which may be anything.
        """
        device_index = device_index_of(link)
        request = None if device_index is None else read_request(packet)
        if request is None or device_index is None:
            return None
        account, region, instance_id = key
        lease = lease_of(self._state.region(account, region), instance_id, device_index, MTU_BYTES)
        answer = None if lease is None else respond(lease, request)
        if answer is not None:
            self._hear(GuestKey(account, region, instance_id))
        return answer


@implementer(IReadDescriptor)
class _Port:
    """One socket: the reactor's own ports do not tell the link that a packet came by."""

    def __init__(
        self, reactor: Any, opened: socket.socket, answer: Callable[[int, bytes], Answer | None]
    ) -> None:
        self._reactor, self._socket, self._answer = reactor, opened, answer

    def fileno(self) -> int:
        """Return the socket's number; -1 once it is closed."""
        return self._socket.fileno()

    def logPrefix(self) -> str:  # noqa: N802 - Twisted's name
        """Return what it is called."""
        return "DHCP"

    def doRead(self) -> None:  # noqa: N802 - likewise
        """Answer what has come."""
        for _ in range(_MOST_AT_ONCE):
            try:
                packet, extra, _, _ = self._socket.recvmsg(
                    _LARGEST_PACKET, socket.CMSG_SPACE(_PACKET_INFO.size)
                )
            except OSError:
                return
            link = _link_of(extra)
            answer = None if link is None else self._answer(link, packet)
            if answer is not None and link is not None:
                self._send(answer, link)

    def _send(self, answer: Answer, link: int) -> None:
        where = _PACKET_INFO.pack(link, answer.server.packed, bytes(4))
        extra = [(socket.IPPROTO_IP, _IP_PKTINFO, where)]
        try:
            self._socket.sendmsg([answer.message], extra, 0, (str(answer.to), _CLIENT_PORT))
        except OSError as error:
            # It asks again.
            log.debug("a DHCP client could not be answered: {error}", error=str(error))

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002 - likewise
        """Close, as the reactor ends."""
        self.close()

    def close(self) -> None:
        """Answer no more."""
        self._reactor.removeReader(self)
        self._socket.close()


def _link_of(extra: Iterable[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in extra:
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
            link: int = _PACKET_INFO.unpack(data[: _PACKET_INFO.size])[0]
            return link
    return None
