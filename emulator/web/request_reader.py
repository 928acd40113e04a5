"""Bytes of one connection into requests, over llhttp; knows no transport and no time.

RFC 9112 decides what is refused, and with which status.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from emulator.web.response_bytes import CLOSE, KEEP_ALIVE, KEEP_ALIVE_HTTP_1_0
from emulator.wire.message import HttpRequest

if TYPE_CHECKING:
    from emulator.web.limits import Limits

SLICE_BYTES: Final = 4096
"""At most so much is fed at once: llhttp cannot pause between two pipelined requests."""

_METHODS: Final = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}
# Spellings that clients use, so that they need not be lowered and decoded each time.
_NAMES: Final = {
    spelling.encode(): name
    for name in (
        "accept",
        "accept-encoding",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-target",
        "x-aws-ec2-metadata-token",
    )
    for spelling in (name, name.title(), name.capitalize())
}


class Phase(enum.Enum):
    """What the next byte belongs to."""

    BETWEEN = "between requests"
    HEAD = "head"
    BODY = "body"


BETWEEN: Final = Phase.BETWEEN
HEAD: Final = Phase.HEAD
BODY: Final = Phase.BODY

Received = tuple[HttpRequest, bytes, int]
"""A request, what its answer says about the connection, and its share of the body budget.

A plain tuple: one is made for each request.
"""


class Refusal(NamedTuple):
    """Why nothing more is read from this connection."""

    status: int
    reason: str


class BodyBudget:
    """The bytes of bodies that all connections together may still keep."""

    __slots__ = ("free_bytes",)

    def __init__(self, free_bytes: int) -> None:
        self.free_bytes = free_bytes


class _Refused(Exception):
    """Leaves llhttp from within a callback."""


class RequestReader:
    """Collects requests in ``complete`` until it has to refuse.

    Attributes:
        complete: requests that were read whole, oldest first; the owner takes them.
        refusal: set once; from then on bytes are ignored.
        finished: the client asked to close after the last complete request.
        phase: what the next byte belongs to.
        stage: grows with every change of phase.
        wants_continue: a client waits for ``100 Continue`` before it sends the body.
    """

    __slots__ = (
        "_body",
        "_budget",
        "_charged_bytes",
        "_connection",
        "_fed_bytes",
        "_fields",
        "_head_bytes",
        "_headers",
        "_limits",
        "_method",
        "_parser",
        "_path",
        "_peer",
        "_query",
        "_quiet_bytes",
        "_repeated_fields",
        "_replay",
        "_target",
        "complete",
        "finished",
        "phase",
        "refusal",
        "stage",
        "wants_continue",
    )

    def __init__(self, limits: Limits, budget: BodyBudget, peer: tuple[str, int]) -> None:
        self._limits = limits
        self._budget = budget
        self._peer = peer
        self._parser: HttpRequestParser | None = HttpRequestParser(self)
        self.complete: deque[Received] = deque()
        self.refusal: Refusal | None = None
        self.finished = False
        self.stage = 0
        self._fed_bytes = 0
        self._charged_bytes = 0
        self._replay: bytes | None = None
        self._method = ""
        self._path = ""
        self._query = ""
        self._headers: dict[str, str] = {}
        self._connection = KEEP_ALIVE
        self._begin()

    def _begin(self) -> None:
        self.phase = BETWEEN
        self.wants_continue = False
        self._target = b""
        self._fields: dict[str, str] = {}
        self._repeated_fields = 0
        self._body: bytes | bytearray = b""
        self._head_bytes = 0
        self._quiet_bytes = 0

    @property
    def body_bytes(self) -> int:
        """How much of the present body has arrived."""
        return len(self._body)

    def feed(self, data: bytes) -> None:
        """Read some bytes, at most SLICE_BYTES of them.

        Whatever they are, the outcome is in ``complete``, ``refusal`` and ``finished``.
        """
        if self.finished or self.refusal is not None or self._parser is None:
            return
        stage = self.stage
        body_bytes = len(self._body) if self.phase is BODY else 0
        while data:
            self._fed_bytes = len(data)
            try:
                self._parser.feed_data(data)
            except HttpParserUpgrade as upgrade:
                data = self._without_upgrade(data[upgrade.args[0] :])
                continue
            except HttpParserCallbackError as error:
                if self.refusal is None:
                    # A fault of ours within a callback.
                    raise error.__context__ or error from None
            except HttpParserError as error:
                # llhttp also complains about what follows a last request.
                if not self.finished:
                    self.refusal = Refusal(400, str(error))
            break
        if self.phase is BETWEEN:
            return
        if self.phase is HEAD:
            self._head_bytes += self._fed_bytes
            if self._head_bytes > self._limits.header_bytes + SLICE_BYTES:
                self._set_refusal(431, "the request head is too large")
        elif stage == self.stage:
            self._watch_framing(body_bytes)

    def close(self) -> None:
        """Give back what was read in vain."""
        for _, _, charged_bytes in self.complete:
            self._budget.free_bytes += charged_bytes
        self.complete.clear()
        self._budget.free_bytes += self._charged_bytes
        self._charged_bytes = 0
        self._parser = None  # parser and reader refer to each other
        self._begin()

    def _watch_framing(self, body_bytes_before: int) -> None:
        """Bound chunk extensions and trailers, which never reach the body."""
        if len(self._body) > body_bytes_before:
            self._quiet_bytes = 0
            return
        self._quiet_bytes += self._fed_bytes
        if self._quiet_bytes > self._limits.header_bytes:
            self._set_refusal(431, "chunk extensions or trailers are too large")

    def _set_refusal(self, status: int, reason: str) -> None:
        if self.refusal is None:
            self.refusal = Refusal(status, reason)

    def _refuse(self, status: int, reason: str) -> None:
        self._set_refusal(status, reason)
        raise _Refused

    # What llhttp calls.

    def on_url(self, piece: bytes) -> None:
        """Take a piece of the request target."""
        if self.phase is BETWEEN:
            self.phase = HEAD
            self.stage += 1
            self._target = piece
        else:
            self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header field, or a trailer, which is of no use to us."""
        try:
            key = _NAMES[name]
        except KeyError:
            key = name.lower().decode("latin-1")
        headers = self._fields
        if key in headers:
            self._take_repeated(key, value)
        else:
            headers[key] = value.decode("latin-1").rstrip(" \t")

    def _take_repeated(self, key: str, value: bytes) -> None:
        if key == "host":
            self._refuse(400, "more than one Host header")
        self._repeated_fields += 1
        if self._repeated_fields > self._limits.header_fields:
            self._refuse(431, "too many header fields")
        self._fields[key] += ", " + value.decode("latin-1").rstrip(" \t")

    def on_headers_complete(self) -> None:
        """Judge the head, before anything of the body is read."""
        parser = self._parser
        assert parser is not None
        headers = self._headers = self._fields
        self._fields = {}  # trailers go there, and are of no use to us
        limits = self._limits
        if (
            self._head_bytes + self._fed_bytes > limits.header_bytes
            or len(headers) + self._repeated_fields > limits.header_fields
        ):
            self._check_head_size()
        if "upgrade" in headers and parser.should_upgrade():
            self._replay = self._head_without_upgrade(parser)
            return
        self._method = _METHODS.get(parser.get_method(), "")
        if not self._method:
            self._refuse(501, "this method is not implemented")
        if "connection" not in headers and parser.should_keep_alive():
            version = "1.1"  # without that header, only HTTP/1.1 keeps a connection
            self._connection = KEEP_ALIVE
        else:
            version = parser.get_http_version()
            self._connection = _connection_line(version, keep_alive=parser.should_keep_alive())
        if version == "1.1":
            if "host" not in headers:
                self._refuse(400, "the Host header is missing")
        elif version != "1.0":
            self._refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
        if self._target == b"/":
            self._path = "/"
            self._query = ""
        else:
            self._split_target()
        if "content-length" in headers or "transfer-encoding" in headers:
            self._check_framing(version)
        if "expect" in headers and version == "1.1":
            self._check_expectation()
        self.phase = BODY
        self.stage += 1

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body."""
        self.wants_continue = False
        if not self._body:
            self._body = piece
        else:
            if isinstance(self._body, bytes):
                # Tiny chunks would cost fifty times their size as objects of their own.
                self._body = bytearray(self._body)
            size = len(piece)
            if self._budget.free_bytes < size:
                self._refuse(503, "too many large requests at once")
            self._budget.free_bytes -= size
            self._charged_bytes += size
            self._body += piece
        if len(self._body) > self._limits.body_bytes:
            self._refuse(413, "the request body is too large")

    def on_message_complete(self) -> None:
        """Put the request with the complete ones."""
        if self._replay is not None:
            return
        body = self._body
        request = HttpRequest(
            self._method,
            self._path,
            self._query,
            self._headers,
            body if isinstance(body, bytes) else bytes(body),
            self._peer,
        )
        self.complete.append((request, self._connection, self._charged_bytes))
        self._charged_bytes = 0
        if self._connection is CLOSE:
            self.finished = True
        self._begin()
        self.stage += 1

    # Heads.

    def _check_head_size(self) -> None:
        # A slice may hold more than this head, so the raw count is only a first guess.
        fields = sum(len(name) + len(value) + 4 for name, value in self._headers.items())
        if (
            len(self._target) + fields > self._limits.header_bytes
            or len(self._headers) + self._repeated_fields > self._limits.header_fields
        ):
            self._refuse(431, "the request head is too large")

    def _check_framing(self, version: str) -> None:
        # llhttp has seen to it that a length is a number and the only framing.
        coding = self._headers.get("transfer-encoding")
        if coding is None:
            if int(self._headers["content-length"]) > self._limits.body_bytes:
                self._refuse(413, "the request body is too large")
        elif coding.lower() != "chunked":
            self._refuse(501, "the only transfer coding is chunked")
        elif version == "1.0":
            self._refuse(400, "HTTP/1.0 has no transfer codings")

    def _check_expectation(self) -> None:
        if self._headers["expect"].lower() != "100-continue":
            self._refuse(417, "the only expectation is 100-continue")
        self.wants_continue = True

    def _split_target(self) -> None:
        target = self._target.decode("latin-1")
        if "#" in target:
            self._refuse(400, "a request target has no fragment")
        if target[0] != "/":
            target = self._without_authority(target)
        self._path, _, self._query = target.partition("?")

    def _without_authority(self, target: str) -> str:
        """Return the path of ``*`` (of OPTIONS alone) or of ``http://host/path``."""
        if target == "*":
            if self._method != "OPTIONS":
                self._refuse(400, "only OPTIONS asks about the whole server")
            return "/"
        scheme, separator, rest = target.partition("://")
        authority = rest.partition("?")[0].partition("/")[0]
        if not separator or scheme.lower() not in ("http", "https"):
            self._refuse(400, "the request target is neither a path nor an http URL")
        if not authority or "@" in authority:
            self._refuse(400, "the request target names no host")
        # RFC 9112, 3.2.2: the target's host counts, not the header's.
        self._headers["host"] = authority
        path = rest[len(authority) :]
        return path if path.startswith("/") else "/" + path

    def _head_without_upgrade(self, parser: HttpRequestParser) -> bytes:
        """Return the head as if no upgrade had been offered.

        A server may ignore the offer (RFC 9110, 7.8), and curl and Java's client make it
        with ordinary requests; llhttp would leave out the body that follows.
        """
        if parser.get_method() == b"CONNECT":
            self._refuse(501, "this method is not implemented")
        fields = "".join(
            f"{name}: {value}\r\n" for name, value in self._headers.items() if name != "upgrade"
        )
        return b"%b %b HTTP/%b\r\n%b\r\n" % (
            parser.get_method(),
            self._target,
            parser.get_http_version().encode(),
            fields.encode("latin-1"),
        )

    def _without_upgrade(self, rest: bytes) -> bytes:
        replay, self._replay = self._replay or b"", None
        self._parser = HttpRequestParser(self)
        self._begin()
        return replay + rest


def _connection_line(version: str, *, keep_alive: bool) -> bytes:
    if not keep_alive:
        return CLOSE
    return KEEP_ALIVE if version == "1.1" else KEEP_ALIVE_HTTP_1_0
