"""What one client may cost: memory, time and connections."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from emulator.web.connection import HttpConnection
from emulator.web.limits import Limits
from emulator.web.open_connections import OpenConnections
from emulator.wire.message import HttpResponse
from tests.unit.web.connections import BoundedTransport, SocketTransport, answered, connect

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
HEADS = b"POST / HTTP/1.1\r\nHost: h\r\n"


def test_a_head_of_64_kib_passes_and_an_endless_one_is_refused():
    bench = connect()
    bench.receive(b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 65_500 + b"\r\n\r\n")
    assert answered(b"GET /  ") == bench.written

    bench = connect()
    sent = 0
    bench.receive(b"GET / HTTP/1.1\r\nX: ")
    while not bench.transport.half_closed and sent < 1_000_000:
        bench.receive(b"x" * 1000)
        sent += 1000
    assert bench.written.startswith(b"HTTP/1.1 431 ")
    assert sent < 80_000


@pytest.mark.parametrize("endless", [b"X: y\r\n", b"x" * 100], ids=["many", "one"])
def test_endless_trailers_are_refused(endless):
    bench = connect()
    bench.receive(HEADS + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
    bench.receive(b"T: ", *([endless] * 20_000))

    assert bench.written.startswith(b"HTTP/1.1 431 ")


def test_a_large_body_arrives_whole_in_any_framing():
    body = bytes(range(256)) * 4096
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(body[i : i + 999]), body[i : i + 999])
        for i in range(0, len(body), 999)
    )
    for sent in (
        HEADS + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        HEADS + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n",
    ):
        seen = []

        def answer(request, seen=seen):
            seen.append(request.body)
            return HttpResponse(204)

        bench = connect(answer)
        bench.receive(*(sent[i : i + 65536] for i in range(0, len(sent), 65536)))

        assert [body] == seen
        assert bench.connections.body_budget.free_bytes == Limits().buffered_body_bytes


def test_bodies_of_all_connections_share_one_budget():
    limits = Limits(buffered_body_bytes=10_000)
    bench = connect(limits=limits)
    bench.receive(HEADS + b"Content-Length: 50000\r\n\r\n", b"x" * 50_000)

    assert bench.written.startswith(b"HTTP/1.1 503 ")
    assert bench.connections.body_budget.free_bytes == 10_000


def test_a_client_that_hangs_up_gives_its_budget_back():
    limits = Limits(buffered_body_bytes=100_000)
    bench = connect(limits=limits)
    bench.receive(HEADS + b"Content-Length: 50000\r\n\r\n", b"x" * 40_000)
    assert bench.connections.body_budget.free_bytes < 100_000

    bench.connection.connectionLost()

    assert bench.connections.body_budget.free_bytes == 100_000


def test_reading_pauses_while_many_requests_wait_and_goes_on_afterwards():
    waiting: list[Deferred[HttpResponse]] = []

    def answer(request):
        waiting.append(Deferred())
        return waiting[-1]

    bench = connect(answer)
    for _ in range(16):
        bench.receive(GET)
    assert not bench.transport.reading_paused
    bench.receive(GET, GET * 2000)
    assert bench.transport.reading_paused
    assert len(bench.connection._reader.complete) < 16 + 4096 // len(GET) + 2

    while waiting:
        waiting.pop().callback(HttpResponse(204))
        bench.transport.client_reads()
    assert not bench.transport.reading_paused
    assert not bench.connection._held


def test_a_client_that_does_not_read_is_not_answered_further():
    calls = []

    def answer(request):
        calls.append(request)
        return HttpResponse(200, (b"x" * 50_000,))

    bench = connect(answer)
    bench.receive(GET * 2000)
    assert len(calls) == 2
    assert bench.transport.reading_paused

    answers = 0
    while data := bench.transport.client_reads():
        answers += data.count(b"HTTP/1.1 200")
    assert answers == 2000
    assert not bench.transport.reading_paused


def test_a_client_that_never_reads_is_dropped():
    bench = connect(lambda request: HttpResponse(200, (b"x" * 100_000,)))
    bench.receive(GET)
    bench.seconds_pass(119)
    assert not bench.transport.disconnected

    bench.seconds_pass(3)

    assert bench.transport.disconnected


def test_an_idle_connection_is_closed_and_then_dropped():
    bench = connect()
    bench.receive(GET)
    bench.transport.clear()
    bench.seconds_pass(75)
    assert not bench.transport.disconnecting

    bench.seconds_pass(2)
    assert bench.transport.disconnecting
    assert bench.written == b""

    bench.seconds_pass(5)
    assert bench.transport.disconnected


def test_a_trickling_head_is_refused_in_time():
    bench = connect()
    for byte in GET[:25]:
        bench.receive(bytes([byte]))
        bench.seconds_pass(1)

    assert bench.written.startswith(b"HTTP/1.1 408 ")
    assert bench.transport.half_closed


def test_a_body_that_keeps_coming_may_take_its_time_and_a_trickle_may_not():
    bench = connect()
    bench.receive(HEADS + b"Content-Length: 60000\r\n\r\n")
    for _ in range(120):
        bench.receive(b"x" * 500)
        bench.seconds_pass(1)
    assert bench.written.startswith(b"HTTP/1.1 200 ")

    bench = connect()
    bench.receive(HEADS + b"Content-Length: 60000\r\n\r\n")
    for _ in range(13):
        bench.receive(b"x")
        bench.seconds_pass(1)
    assert bench.written.startswith(b"HTTP/1.1 408 ")


def test_a_slow_answer_is_waited_for():
    slow: Deferred[HttpResponse] = Deferred()
    bench = connect(lambda request: slow)
    bench.receive(GET)
    bench.seconds_pass(600)
    slow.callback(HttpResponse(204))

    assert bench.written.startswith(b"HTTP/1.1 204 ")


def test_a_refused_client_that_stays_is_dropped():
    bench = connect()
    bench.receive(b"\0")
    bench.receive(b"whatever" * 1000)
    bench.seconds_pass(3)
    assert not bench.transport.disconnected

    bench.seconds_pass(2)
    assert bench.transport.disconnected


def test_the_sweep_rests_when_nobody_is_connected():
    bench = connect()
    bench.connection.connectionLost()
    bench.seconds_pass(2)

    assert not bench.clock.getDelayedCalls()


def test_room_is_made_by_closing_the_longest_idle():
    clock = Clock()
    connections = OpenConnections(Limits(connections=2), clock)
    transports = []
    members = []
    for _ in range(2):
        clock.pump([1.0] * 3)
        members.append(HttpConnection(lambda request: Deferred(), connections))
        transports.append(BoundedTransport())
        members[-1].makeConnection(transports[-1])
        connections.add(members[-1])

    assert connections.make_room()
    assert [transport.disconnected for transport in transports] == [True, False]

    members[1].dataReceived(GET)
    third = HttpConnection(lambda request: Deferred(), connections)
    third.makeConnection(BoundedTransport())
    third.dataReceived(GET)
    assert not connections.make_room()


@pytest.mark.parametrize("room_bytes", [0, 1, 30_000, 60_000, 10**9])
def test_what_the_kernel_does_not_take_follows_in_order(room_bytes):
    calls = []

    def answer(request):
        calls.append(request)
        return HttpResponse(200, (b"%03d" % len(calls) * 10_000,))

    plain = connect(answer)
    plain.receive(GET * 50)
    expected = b""
    while data := plain.transport.client_reads():
        expected += data

    calls.clear()
    transport = SocketTransport()
    bench = connect(answer, transport=transport)
    transport.kernel.room_bytes = room_bytes
    bench.receive(GET * 50)
    if room_bytes < 100_000:
        assert len(calls) < 5
        assert transport.reading_paused
    written = b""
    while data := transport.client_reads():
        written += data
        transport.kernel.room_bytes = room_bytes

    assert expected == written
    assert len(calls) == 50


def test_a_client_that_never_reads_is_dropped_though_little_is_unsent():
    transport = SocketTransport()
    bench = connect(transport=transport)
    transport.kernel.room_bytes = 5
    bench.receive(GET)
    bench.seconds_pass(123)

    assert transport.disconnected


def test_a_large_last_answer_may_take_its_time():
    bench = connect(lambda request: HttpResponse(200, (b"x" * 100_000,)))
    bench.receive(b"GET / HTTP/1.0\r\n\r\n")
    bench.seconds_pass(100)
    assert bench.transport.disconnecting
    assert not bench.transport.disconnected

    bench.seconds_pass(30)
    assert bench.transport.disconnected
