"""The floor: Twisted with httptools, answering every request with its own body.

Run it as ``python benchmarks/echo_server.py PORT``; it imports nothing of the emulator.
"""

from __future__ import annotations

import sys

import httptools
from twisted.internet import protocol, reactor

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"


class Echo(protocol.Protocol):
    """One connection, kept alive."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        """Feed the parser."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body; called by the parser."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer; called by the parser."""
        body = b"".join(self._body)
        self._body.clear()
        assert self.transport
        self.transport.write(HEAD % len(body) + body)


if __name__ == "__main__":
    factory = protocol.ServerFactory()
    factory.protocol = Echo
    reactor.listenTCP(int(sys.argv[1]), factory, interface="127.0.0.1")
    reactor.run()
