"""What a client reads, for what it sends, in whatever pieces."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.failure import Failure

from emulator.web.limits import Limits
from emulator.wire.message import HttpRequest, HttpResponse
from tests.unit.web.connections import DATES, answered, connect, echo

KEEP_ALIVE = b"Connection: keep-alive\r\n"
CLOSE = b"Connection: close\r\n"
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"

ANSWERED = {
    "a GET": (b"GET /a/b?c=d&e HTTP/1.1\r\nHost: h\r\n\r\n", answered(b"GET /a/b c=d&e ")),
    "a POST": (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        answered(b"POST /  abc"),
    ),
    "an empty body": (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        answered(b"POST /  "),
    ),
    "chunks, extensions and trailers": (
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Late: z\r\n\r\n"
        ),
        answered(b"POST /  abcde"),
    ),
    "HTTP/1.0": (b"GET / HTTP/1.0\r\n\r\n", answered(b"GET /  ", CLOSE)),
    "HTTP/1.0 with keep-alive": (
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        answered(b"GET /  ", KEEP_ALIVE),
    ),
    "a client that closes": (
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /late HTTP/1.1\r\n",
        answered(b"GET /  ", CLOSE),
    ),
    "HEAD": (b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", answered(b"", length=8)),
    "an absolute target": (
        b"GET http://other:1/p?q HTTP/1.1\r\nHost: h\r\n\r\n",
        answered(b"GET /p q "),
    ),
    "an absolute target without a path": (
        b"GET HTTP://other?q HTTP/1.1\r\nHost: h\r\n\r\n",
        answered(b"GET / q "),
    ),
    "a doubled slash": (b"GET //x HTTP/1.1\r\nHost: h\r\n\r\n", answered(b"GET //x  ")),
    "OPTIONS *": (b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", answered(b"OPTIONS /  ")),
    "an offer to upgrade": (
        b"GET / HTTP/1.1\r\nHost: h\r\n" + UPGRADE + b"\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
        answered(b"GET /  ") + answered(b"GET /2  "),
    ),
    "an offer to upgrade with a body": (
        b"POST / HTTP/1.1\r\nHost: h\r\n" + UPGRADE + b"Content-Length: 3\r\n\r\nabc"
        b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
        answered(b"POST /  abc") + answered(b"GET /2  "),
    ),
    "three at once": (
        (
            b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
            b"POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"
            b"\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n"
        ),
        answered(b"GET /1  ") + answered(b"POST /2  x") + answered(b"GET /3  "),
    ),
}

REFUSED = {
    "garbage": (b"\0\1\2", 400),
    "an unknown method": (b"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "a bare LF": (b"GET / HTTP/1.1\nHost: h\n\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "a folded header": (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400),
    "NUL in a header": (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 400),
    "CR in a header": (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
    "two framings": (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "two framings the other way round": (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        400,
    ),
    "two lengths": (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        400,
    ),
    "a negative length": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
    "a bad chunk": (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        400,
    ),
    "a chunk longer than it says": (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        400,
    ),
    "a foreign transfer coding": (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "a body too long": (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 16777217\r\n\r\n",
        413,
    ),
    "an unknown expectation": (b"GET / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n", 417),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501),
    "CONNECT with an upgrade": (
        b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n" + UPGRADE + b"\r\n",
        501,
    ),
    "TRACE": (b"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 501),
    "GET *": (b"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "an ftp URL": (b"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "credentials in the target": (b"GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "a fragment": (b"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 505),
    "HTTP/2 with prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
}


@pytest.fixture
def failures():
    """The failures that were logged; a test that expects none finds it empty."""
    events = []

    def observe(event):
        if event["log_level"] in (LogLevel.critical, LogLevel.error):
            events.append(event)

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


@pytest.mark.parametrize(("sent", "expected"), ANSWERED.values(), ids=ANSWERED)
def test_a_request_is_answered_however_it_is_split(sent, expected):
    for position in range(len(sent)):
        bench = connect()

        bench.receive(sent[:position], sent[position:])

        assert expected == bench.written
        assert (CLOSE in expected) == bench.transport.disconnecting

    bench = connect()
    bench.receive(*(sent[i : i + 1] for i in range(len(sent))))
    assert expected == bench.written


@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_request_is_refused_however_it_is_split(sent, status, failures):
    for position in range(len(sent)):
        bench = connect()

        bench.receive(sent[:position], sent[position:])

        assert bench.written.startswith(b"HTTP/1.1 %d " % status)
        assert bench.written.count(b"Date: ") == 1
        assert CLOSE in bench.written
        assert bench.transport.half_closed
    assert not failures


def test_header_names_are_lowered_and_repeated_ones_are_joined():
    seen = []

    def answer(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse(204)

    bench = connect(answer)
    bench.receive(b"GET http://real/ HTTP/1.1\r\nHOST: h\r\nX-A: 1 \t\r\nx-a:2\r\nB: \xe9\r\n\r\n")

    assert seen[0].headers == {"host": "real", "x-a": "1, 2", "b": "é"}
    assert seen[0].peer == ("192.168.1.1", 54321)
    assert bench.written == b"HTTP/1.1 204 No Content\r\n" + DATES + b"\r\n"


def test_continue_is_sent_before_the_body_and_only_once():
    head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    bench = connect()

    bench.receive(head)
    assert bench.written == b"HTTP/1.1 100 Continue\r\n\r\n"

    bench.transport.clear()
    bench.receive(b"a", b"bc")
    assert answered(b"POST /  abc") == bench.written


def test_continue_is_not_sent_when_the_body_is_there_already():
    bench = connect()
    bench.receive(
        b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"
    )

    assert answered(b"POST /  abc") == bench.written


def test_continue_waits_for_the_answer_before_it():
    slow: Deferred[HttpResponse] = Deferred()
    bench = connect(lambda request: slow if request.path == "/slow" else echo(request))
    bench.receive(
        b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n"
        b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    )
    assert bench.written == b""

    slow.callback(HttpResponse(204))

    assert bench.written.endswith(b"\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")


def test_answers_keep_the_order_of_their_requests_and_one_is_in_work_at_a_time():
    waiting: dict[str, Deferred[HttpResponse]] = {}

    async def answer(request: HttpRequest) -> HttpResponse:
        waiting[request.path] = Deferred()
        return await waiting[request.path]

    bench = connect(answer)
    bench.receive(b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % n for n in range(3)))
    assert list(waiting) == ["/0"]

    for n in range(3):
        waiting[f"/{n}"].callback(HttpResponse(200, (b"%d" % n,)))

    assert [
        part[-1:] for part in bench.written.replace(b"HTTP/1.1 200", b"\0").split(b"\0")[1:]
    ] == [b"0", b"1", b"2"]


def test_a_bug_in_an_answer_is_logged_once_and_the_connection_lives_on(failures):
    def answer(request: HttpRequest) -> HttpResponse:
        if request.path == "/bug":
            raise ZeroDivisionError
        return echo(request)

    bench = connect(answer)
    bench.receive(b"GET /bug HTTP/1.1\r\nHost: h\r\n\r\n")
    assert bench.written.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")

    bench.transport.clear()
    bench.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert answered(b"GET /  ") == bench.written
    assert [ZeroDivisionError] == [event["log_failure"].type for event in failures]


@pytest.mark.parametrize("nonsense", [None, "text", HttpResponse(100), HttpResponse(200, ("s",))])
def test_what_is_no_answer_is_a_bug_too(nonsense, failures):
    bench = connect(lambda request: nonsense)
    bench.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")

    assert bench.written.startswith(b"HTTP/1.1 500 ")
    assert len(failures) == 1


def test_an_awaited_answer_that_fails_is_a_bug_too(failures):
    slow: Deferred[HttpResponse] = Deferred()
    bench = connect(lambda request: slow)
    bench.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    slow.errback(ZeroDivisionError())

    assert bench.written.startswith(b"HTTP/1.1 500 ")
    assert len(failures) == 1


def test_an_access_log_that_fails_costs_no_answer(failures):
    def on_answered(request, response, seconds):
        raise ZeroDivisionError

    bench = connect(on_answered=on_answered)
    bench.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")

    assert answered(b"GET /  ") == bench.written
    assert len(failures) == 1


def test_each_answer_is_reported_with_its_duration():
    reports = []
    slow: Deferred[HttpResponse] = Deferred()
    bench = connect(lambda request: slow, on_answered=lambda *report: reports.append(report))
    bench.receive(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
    bench.seconds_pass(3)
    slow.callback(HttpResponse(202))

    ((request, response, seconds),) = reports
    assert (request.path, response.status, seconds) == ("/x", 202, 3.0)


def test_the_date_follows_the_clock():
    bench = connect()
    bench.seconds_pass(65)
    bench.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")

    assert b"Date: Thu, 01 Jan 1970 00:01:05 GMT\r\n" in bench.written


def test_a_client_that_hangs_up_keeps_its_place_until_its_work_has_ended():
    slow: Deferred[HttpResponse] = Deferred()
    bench = connect(lambda request: slow)
    bench.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    bench.connection.connectionLost(Failure(ConnectionError()))
    assert len(bench.connections) == 1

    slow.callback(HttpResponse(200))

    assert len(bench.connections) == 0
    assert bench.written == b""


def test_draining_closes_the_idle_and_lets_the_busy_answer():
    slow: Deferred[HttpResponse] = Deferred()
    idle = connect()
    idle.connections.drain()
    assert idle.transport.disconnecting

    busy = connect(lambda request: slow)
    busy.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    drained = busy.connections.drain()
    assert not busy.transport.disconnecting

    slow.callback(HttpResponse(200, (b"done",)))
    assert CLOSE in busy.written
    assert busy.transport.disconnecting
    assert not drained.called

    busy.connection.connectionLost(Failure(ConnectionError()))
    assert drained.called


def test_draining_lets_a_request_that_has_begun_arrive():
    bench = connect()
    bench.receive(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na")
    bench.connections.drain()
    bench.receive(b"bc")

    assert answered(b"POST /  abc", CLOSE) == bench.written
    assert bench.transport.disconnecting


def test_draining_that_takes_too_long_waits_for_nothing():
    bench = connect(lambda request: Deferred())
    bench.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    drained = bench.connections.drain()
    bench.connections.abort_all()

    assert drained.called
    assert bench.transport.disconnected


def test_small_limits_are_refused_with_their_own_codes():
    limits = Limits(header_bytes=100, body_bytes=10, header_fields=3)
    table = {
        b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n" % (b"x" * 100): 431,
        b"GET / HTTP/1.1\r\nHost: h\r\nX: %b\r\n\r\n" % (b"x" * 90): 431,
        b"GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 1\r\nC: 1\r\n\r\n": 431,
        b"GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\n\r\n": 431,
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n": 413,
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901": 413,
    }
    for sent, status in table.items():
        for position in range(len(sent)):
            bench = connect(limits=limits)
            bench.receive(sent[:position], sent[position:])

            assert bench.written.startswith(b"HTTP/1.1 %d " % status)
