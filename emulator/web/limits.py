"""How much one client may ask of the server, and for how long."""

from __future__ import annotations

import attrs


@attrs.frozen
class Limits:
    """The bounds of the HTTP server; each keeps one client from starving the rest.

    Attributes:
        header_bytes: request line and header fields together; more is 431.
        header_fields: number of header fields; more is 431.
        body_bytes: one request's body; more is 413.
        buffered_body_bytes: bodies of all connections together, kept while they are
            read and answered; a request that would pass it is 503.
        connections: open at one time; one more is 503 when none of them is idle.
        pipelined_requests: waiting on one connection before reading pauses.
        idle_seconds: between two requests; then the connection is closed.
        head_seconds: for a whole request head, however it trickles in; then 408.
        body_window_seconds: within each such window of a body ...
        body_window_bytes: ... at least so many bytes arrive; otherwise 408.
        unread_answer_seconds: for a client to make room for the rest of its answer.
        linger_seconds: how long a closing connection may still flush and be drained.
    """

    header_bytes: int = 64 * 1024
    header_fields: int = 256
    body_bytes: int = 16 * 1024 * 1024
    buffered_body_bytes: int = 256 * 1024 * 1024
    connections: int = 512
    pipelined_requests: int = 16
    idle_seconds: float = 75.0
    head_seconds: float = 20.0
    body_window_seconds: float = 10.0
    body_window_bytes: int = 1024
    unread_answer_seconds: float = 120.0
    linger_seconds: float = 3.0
