"""An answer as the bytes that go out; knows the rules of an HTTP/1.1 message, no sockets."""

from __future__ import annotations

import re
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from emulator.wire.message import HttpResponse

KEEP_ALIVE: Final = b""
KEEP_ALIVE_HTTP_1_0: Final = b"Connection: keep-alive\r\n"
CLOSE: Final = b"Connection: close\r\n"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in HTTPStatus
    if status.value >= 200
}
LONG_BYTES: Final = 128 * 1024
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# The server writes these itself; an answer that names one would send it twice.
_OURS: Final = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})
_MAX_KNOWN_NAMES: Final = 256
_known_names: dict[str, str] = {}


def date_lines(epoch_seconds: float) -> bytes:
    """Return the Server and Date lines that every answer of this second carries."""
    date = formatdate(epoch_seconds, usegmt=True)
    return f"Server: ec2-emulator\r\nDate: {date}\r\n".encode()


def render(
    response: HttpResponse, dates: bytes, connection: bytes, *, head_only: bool
) -> tuple[bytes, bytes]:
    """Return an answer as what is written at once and what is written after it.

    A body of more than LONG_BYTES is sent from where it is: copying it behind its head
    would take a good part of the time that sending takes.

    A header whose name is no token, or whose value would break out of its line, is
    left out: nothing that a handler repeats from a request can add a header of its own.

    Args:
        response: status, headers and body.
        dates: what ``date_lines`` gave for this second.
        connection: KEEP_ALIVE, KEEP_ALIVE_HTTP_1_0 or CLOSE.
        head_only: for HEAD: announce the length of the body and leave it out.

    Raises:
        ValueError: the status is not one that may end an exchange.
    """
    status = response.status
    status_line = _STATUS_LINES.get(status)
    if status_line is None:
        status_line = _unusual_status_line(status)
    text = ""
    for name, value in response.headers:
        prefix = _known_names.get(name)
        if prefix is None:
            prefix = _header_prefix(name)
        if prefix and not ("\n" in value or "\r" in value or "\0" in value):
            text += f"{prefix}{value}\r\n"
    head = text.encode("latin-1", "replace")
    if status in (204, 304):
        return b"%b%b%b%b\r\n" % (status_line, dates, connection, head), b""
    body = response.body
    whole = body[0] if len(body) == 1 else b"".join(body)
    sent = b"" if head_only else whole
    at_once, after = (b"", sent) if len(sent) > LONG_BYTES else (sent, b"")
    return b"%b%b%bContent-Length: %d\r\n%b\r\n%b" % (
        status_line,
        dates,
        connection,
        len(whole),
        head,
        at_once,
    ), after


def _unusual_status_line(status: int) -> bytes:
    if not 200 <= status <= 599:
        raise ValueError(f"an answer cannot have the status {status}")
    return b"HTTP/1.1 %d \r\n" % status


def _header_prefix(name: str) -> str:
    """Return ``Name: ``, or nothing for a name that must not be sent."""
    prefix = f"{name}: " if _TOKEN.fullmatch(name) and name.lower() not in _OURS else ""
    # Handlers use a handful of names; the bound is for one that repeats a client's.
    if len(_known_names) < _MAX_KNOWN_NAMES:
        _known_names[name] = prefix
    return prefix
