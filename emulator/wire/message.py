"""An HTTP request and its answer as values; ``wire`` and ``web`` speak in these."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs


@attrs.frozen
class HttpRequest:
    """One complete request, as the server read it.

    Attributes:
        method: upper case, such as ``POST``.
        path: the target's path, percent-encoding kept, always starting with ``/``.
        query: what follows ``?``, undecoded, without it; may be empty.
        headers: names in lower case; repeated headers joined by ``", "``.
        body: the whole body, chunks joined.
        peer: the client's address and port.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    peer: tuple[str, int] = ("", 0)


@attrs.frozen
class HttpResponse:
    """One complete answer; the server adds Content-Length, Date and Connection.

    Attributes:
        status: such as 200.
        body: pieces that are sent one after the other.
        headers: names in the spelling to be sent.
        log_name: what the request turned out to be, for the log; empty if nobody knows.
        hop_limit: how many routers on the way may pass the answer on, plus one, which is the
            TTL of its packets; 0 keeps it from being sent at all. None: as many as usual.
    """

    status: int
    body: Sequence[bytes] = ()
    headers: Sequence[tuple[str, str]] = ()
    log_name: str = ""
    hop_limit: int | None = None


def json_response(status: int, value: Any, *headers: tuple[str, str]) -> HttpResponse:
    """Return an answer that is JSON, with these headers besides its type."""
    body = json.dumps(value).encode()
    return HttpResponse(status, (body,), (("Content-Type", "application/json"), *headers))
