"""Sockets in any network namespace: an instance's, or the machine's own.

A thread enters the namespace and opens a socket, which stays there; so tests send real
packets between instances at the cost of a system call.
"""

from __future__ import annotations

import contextlib
import ctypes
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import attrs

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
# Long enough for packets on one machine, as busy as it may be; what is dropped takes as long.
WAIT_SECONDS = 0.4
ECHO = {socket.AF_INET: (8, 0, socket.IPPROTO_ICMP), socket.AF_INET6: (128, 129, 58)}


@attrs.frozen
class Place:
    """The namespace of a process, or one that has a name; None: where the tests are."""

    pid: int | str | None = None

    def do(self, work: Callable[[], T]) -> T:
        """Return what work returns that is done there."""
        with ThreadPoolExecutor(1) as thread:
            if self.pid is not None:
                thread.submit(_enter, self.pid).result()
            return thread.submit(work).result()

    def socket(self, kind: int, protocol: int = 0, family: int = socket.AF_INET) -> socket.socket:
        """Return a socket there that waits for a short while only."""
        opened = self.do(lambda: socket.socket(family, kind, protocol))
        opened.settimeout(WAIT_SECONDS)
        return opened

    # What may be reached from there

    def tcp(self, address: str, port: int = 8000) -> bool:
        """Tell whether a server answers."""
        with contextlib.suppress(OSError), self.connected(address, port) as stream:
            return stream.recv(2) == b"hi"
        return False

    def connected(self, address: str, port: int = 8000) -> socket.socket:
        """Return a connection."""
        stream = self.socket(socket.SOCK_STREAM, family=family_of(address))
        try:
            stream.connect((address, port))
        except OSError:
            stream.close()
            raise
        return stream

    def udp(self, address: str, port: int = 8000) -> bool:
        """Tell whether a server answers a datagram."""
        opened = self.socket(socket.SOCK_DGRAM, family=family_of(address))
        with opened, contextlib.suppress(OSError):
            opened.sendto(b"hi", (address, port))
            return opened.recv(10) == b"hi"
        return False

    def ping(self, address: str) -> bool:
        """Tell whether an echo request is answered."""
        family = family_of(address)
        request, reply, protocol = ECHO[family]
        token = secrets.token_bytes(8)
        # One number each: pings of the same are one flow, which goes on once it is let in.
        packet = struct.pack("!BBHHH", request, 0, 0, secrets.randbits(16), 1) + token
        packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
        opened = self.socket(socket.SOCK_RAW, protocol, family)
        with opened, contextlib.suppress(OSError):
            opened.sendto(packet, (address, 0))
            end = time.monotonic() + WAIT_SECONDS
            while time.monotonic() < end:
                got = opened.recv(1000)[20 if family == socket.AF_INET else 0 :]
                if got[0] == reply and got.endswith(token):
                    return True
        return False

    def raw(self, address: str, other: Place, protocol: int) -> bool:
        """Tell whether a packet of some protocol gets to another place."""
        token = secrets.token_bytes(16)
        with (
            other.socket(socket.SOCK_RAW, protocol) as receiver,
            self.socket(socket.SOCK_RAW, protocol) as sender,
            contextlib.suppress(OSError),
        ):
            sender.sendto(token, (address, 0))
            return receiver.recv(1000).endswith(token)
        return False

    def told(self, address: str, port: int) -> str:
        """Return whom a server of ``telling`` sees; empty if it is not reached."""
        with contextlib.suppress(OSError), self.connected(address, port) as stream:
            return stream.recv(100).decode()
        return ""

    # What answers there

    @contextlib.contextmanager
    def telling(self, port: int) -> Iterator[None]:
        """Tell everybody who connects what address that comes from."""
        door = self._door(socket.AF_INET, socket.SOCK_STREAM, port)
        thread = threading.Thread(target=_tell, args=(door,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            door.close()

    @contextlib.contextmanager
    def serving(self, *ports: int) -> Iterator[None]:
        """Answer TCP and UDP at some ports."""
        doors = [
            self._door(family, kind, port)
            for port in ports
            for family in (socket.AF_INET, socket.AF_INET6)
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        ]
        threads = [threading.Thread(target=_serve, args=(door,), daemon=True) for door in doors]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for door in doors:
                with contextlib.suppress(OSError):
                    door.shutdown(socket.SHUT_RDWR)
                door.close()

    def _door(self, family: int, kind: int, port: int) -> socket.socket:
        door = self.do(lambda: socket.socket(family, kind))
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        door.bind(("", port))
        if kind == socket.SOCK_STREAM:
            door.listen(16)
        return door


def _enter(pid: int | str) -> None:
    path = Path(f"/proc/{pid}/ns/net" if isinstance(pid, int) else f"/run/netns/{pid}")
    with path.open() as namespace:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def _serve(door: socket.socket) -> None:
    kept = []
    with contextlib.suppress(OSError):
        while True:
            if door.type == socket.SOCK_STREAM:
                stream, _ = door.accept()
                threading.Thread(target=_echo, args=(stream,), daemon=True).start()
                kept.append(stream)
            else:
                text, sender = door.recvfrom(100)
                if sender is None:
                    return  # it was shut down
                door.sendto(text, sender)


def _tell(door: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            stream, address = door.accept()
            with stream:
                stream.sendall(address[0].encode())


def _echo(stream: socket.socket) -> None:
    with contextlib.suppress(OSError), stream:
        stream.sendall(b"hi")
        while text := stream.recv(100):
            stream.sendall(text)


def family_of(address: str) -> int:
    """Return the family of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def checksum(data: bytes) -> int:
    """Return the internet checksum (RFC 1071); the kernel does that for ICMPv6."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
