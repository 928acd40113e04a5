"""Whatever a client sends, in whatever pieces: answers that are HTTP, and no failure."""

from __future__ import annotations

import http.client
import io

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, globalLogPublisher

from emulator.web.limits import Limits
from emulator.web.request_reader import SLICE_BYTES
from emulator.wire.message import HttpRequest, HttpResponse
from tests.unit.web.connections import BoundedTransport, SocketTransport, connect

LIMITS = Limits(header_bytes=500, header_fields=10, body_bytes=200, pipelined_requests=4)

FRAGMENTS = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"HEAD /a?b HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\n",
        b"GET http://h/ HTTP/1.1\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n",
        b"OPTIONS * HTTP/1.1\r\n",
        b"Host: h\r\n",
        b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive\r\n",
        b"Expect: 100-continue\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: 300\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"X: y\r\n",
        b"X: " + b"y" * 200,
        b"\r\n",
        b"\n",
        b" ",
        b"\0",
        b"abc",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 300,
    ]
)
PIECES = st.lists(FRAGMENTS | st.binary(max_size=40), max_size=25)
CUTS = st.lists(st.integers(min_value=1, max_value=6000), max_size=25)


class _Socket:
    def __init__(self, stream):
        self.stream = stream

    def makefile(self, mode):
        return self.stream


def statuses(written: bytes, methods: list[str]) -> list[int]:
    """Read everything that was written with another HTTP implementation."""
    found = []
    stream = io.BytesIO(written)
    stream.close = lambda: None  # a response closes what it was read from
    pending = iter(methods)
    while stream.tell() < len(written):
        if written[stream.tell() :].startswith(b"HTTP/1.1 100 Continue\r\n\r\n"):
            stream.seek(25, io.SEEK_CUR)
            continue
        response = http.client.HTTPResponse(_Socket(stream), method=next(pending, "GET"))
        response.begin()
        length = response.getheader("content-length")
        body = response.read()
        assert length is not None
        assert response._method == "HEAD" or len(body) == int(length)
        found.append(response.status)
    return found


@settings(max_examples=3 * settings().max_examples, deadline=None)
@given(pieces=PIECES, cuts=CUTS, reads=st.booleans(), room_bytes=st.integers(-1, 9000))
@example(
    pieces=[b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n"],
    cuts=[],
    reads=False,
    room_bytes=0,
)
def test_any_bytes_are_answered_in_http_and_cost_little(pieces, cuts, reads, room_bytes):
    failures = []
    methods: list[str] = []
    slow: list[Deferred[HttpResponse]] = []

    def observe(event):
        if event["log_level"] in (LogLevel.critical, LogLevel.error):
            failures.append(event)

    def answer(request: HttpRequest) -> HttpResponse | Deferred[HttpResponse]:
        assert request.path.startswith("/")
        assert request.headers.keys() == {name.lower() for name in request.headers}
        methods.append(request.method)
        if request.path == "/slow":
            slow.append(Deferred())
            return slow[-1]
        return HttpResponse(200, (b"x" * 3000,))

    globalLogPublisher.addObserver(observe)
    transport = SocketTransport() if room_bytes >= 0 else BoundedTransport()
    bench = connect(answer, LIMITS, transport=transport)
    if room_bytes >= 0:
        transport.kernel.room_bytes = room_bytes
    connection, reader = bench.connection, bench.connection._reader
    written = b""
    largest_piece = 0
    sent = b"".join(pieces)
    try:
        for cut in [*cuts, len(sent) + 1]:
            piece, sent = sent[:cut], sent[cut:]
            if piece and not bench.transport.reading_paused:
                bench.receive(piece)
                largest_piece = max(largest_piece, len(piece))
            assert len(reader.complete) <= LIMITS.pipelined_requests + SLICE_BYTES // 18
            assert len(connection._held) <= largest_piece + SLICE_BYTES
            assert reader.body_bytes <= LIMITS.body_bytes + SLICE_BYTES
            if reads:
                written += bench.transport.client_reads()
        # A slow answer may begin only when the client has read the one before it.
        while slow or (data := bench.transport.client_reads()):
            if slow:
                slow.pop().callback(HttpResponse(200, (b"late",)))
                data = bench.transport.client_reads()
            written += data
        bench.seconds_pass(100)
        written += bench.transport.client_reads()
    finally:
        globalLogPublisher.removeObserver(observe)

    assert not failures
    assert bench.transport.disconnecting or bench.transport.half_closed
    assert set(statuses(written, methods)) <= {200, 400, 408, 413, 417, 431, 501, 505}
