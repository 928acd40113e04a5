"""Answers in a turn of the event loop that several clients share."""

from __future__ import annotations

from emulator.web.response_bytes import LONG_BYTES
from emulator.wire.message import HttpRequest, HttpResponse
from tests.unit.web.connections import Bench, SocketTransport, answered, connect

GET = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"
CLOSE = b"Connection: close\r\n"


def shared() -> Bench:
    return connect(transport=SocketTransport())


def test_answers_wait_for_the_end_of_the_turn_and_go_together() -> None:
    bench = shared()

    bench.receive_together(GET % 1, GET % 2)
    before = bench.written
    bench.connections.turn.end()

    assert before == b""
    assert bench.written == answered(b"GET /1  ") + answered(b"GET /2  ")


def test_an_answer_in_a_turn_of_its_own_goes_at_once() -> None:
    bench = shared()
    bench.receive_together(GET % 1)
    bench.connections.turn.end()

    bench.receive(GET % 2)

    assert bench.written == answered(b"GET /1  ") + answered(b"GET /2  ")


def test_a_long_answer_follows_those_before_it_at_once() -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, (b"x" * (LONG_BYTES + 1) if request.path == "/2" else b"short",))

    bench = connect(answer, transport=SocketTransport())

    bench.receive_together(GET % 1, GET % 2)

    assert bench.written.count(b"HTTP/1.1 200 OK") == 2
    assert bench.written.index(b"short") < bench.written.index(b"xxx")


def test_a_last_answer_goes_before_the_connection_closes() -> None:
    bench = shared()

    bench.receive_together(GET % 1, b"GET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    assert bench.written == answered(b"GET /1  ") + answered(b"GET /2  ", CLOSE)
    assert bench.transport.disconnecting


def test_a_refusal_follows_the_answers_before_it() -> None:
    bench = shared()

    bench.receive_together(GET % 1, b"\0\r\n\r\n")

    assert bench.written.startswith(answered(b"GET /1  ") + b"HTTP/1.1 400 ")
    assert bench.transport.half_closed


def test_nothing_is_sent_to_a_client_that_is_gone() -> None:
    bench = shared()
    bench.receive_together(GET % 1)

    bench.connection.connectionLost()
    bench.connections.turn.end()

    assert bench.written == b""


def test_a_client_that_does_not_read_is_answered_no_further() -> None:
    bench = shared()
    bench.transport.kernel.room_bytes = 10
    bench.receive_together(GET % 1)
    bench.connections.turn.end()

    bench.receive(GET % 2)

    assert answered(b"GET /1  ").startswith(bench.written[:10])
    assert b"GET /2" not in bench.written
