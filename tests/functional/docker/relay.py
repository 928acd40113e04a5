"""A wire between an emulator and its engine that tests can watch, cut, and meddle with."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

SOCKET = "/var/run/docker.sock"
_REQUEST = re.compile(rb"(?:GET|POST|PUT|DELETE|HEAD) /\S* HTTP/1\.1\r\n")
CHUNK = 65536


class EngineRelay:
    """Listens on a port and hands every connection on to the engine's socket.

    Args:
        before: called with each request's first line before the engine sees it.
    """

    def __init__(self, before: Callable[[str], None] = lambda line: None) -> None:
        self.requests: list[str] = []
        self._before = before
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._accept()

    @property
    def address(self) -> str:
        """What DOCKER_HOST has to be."""
        return f"tcp://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()

    def cut(self) -> None:
        """Refuse new connections and break those there are, as an engine does that ends."""
        # Wakes the thread that waits for connections, which closing alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(timeout=5)
        self._listener.close()
        with self._lock:
            for each in self._open:
                with suppress(OSError):  # it ended just now
                    each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Listen again at the same address."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._accept()

    def _accept(self) -> None:
        self._acceptor = threading.Thread(target=self._accept_all, daemon=True)
        self._acceptor.start()

    def _accept_all(self) -> None:
        listener = self._listener
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(SOCKET)
            threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            with self._lock:
                self._open |= {client, server}
            answers = threading.Thread(target=self._carry, args=(server, client), daemon=True)
            answers.start()
            self._carry(client, server, self._note)
            answers.join()
            with self._lock:
                self._open -= {client, server}

    def _note(self, data: bytes) -> None:
        for line in _REQUEST.findall(data):
            self.requests.append(line.decode())
            self._before(line.decode())

    def _carry(
        self,
        source: socket.socket,
        target: socket.socket,
        note: Callable[[bytes], None] = lambda data: None,
    ) -> None:
        try:
            while data := source.recv(CHUNK):
                note(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # either side has gone, which the other one sees, too
