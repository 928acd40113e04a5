"""Answers that may travel only so far."""

from __future__ import annotations

import socket

import pytest

from emulator.wire.message import HttpRequest, HttpResponse
from tests.unit.web.connections import Bench, Kernel, SocketTransport, connect

REQUEST = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"


def answer(request: HttpRequest) -> HttpResponse:
    """Answer ``/3`` with a limit of 3 hops and ``/`` with none."""
    text = request.path[1:]
    return HttpResponse(200, (b"token",), hop_limit=int(text) if text else None)


class Socket(Kernel):
    """A socket that remembers its options, and what was sent under which."""

    def __init__(self, transport: SocketTransport, family: int) -> None:
        super().__init__(transport)
        self.family = family
        self.options: list[tuple[int, int, int]] = []
        self.broken = False

    def setsockopt(self, *option: int) -> None:
        if self.broken:
            raise OSError("no such option")
        self.options.append(option)  # type: ignore[arg-type]


def opened(family: int = socket.AF_INET) -> tuple[Bench, Socket]:
    transport = SocketTransport()
    transport.kernel = Socket(transport, family)
    return connect(answer, transport=transport), transport.kernel


@pytest.mark.parametrize(
    ("family", "option"),
    [
        (socket.AF_INET, (socket.IPPROTO_IP, socket.IP_TTL, 3)),
        (socket.AF_INET6, (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 3)),
    ],
)
def test_a_limit_is_set_on_the_socket_before_anything_is_sent(
    family: int, option: tuple[int, int, int]
) -> None:
    bench, kernel = opened(family)
    kernel.room_bytes = 0
    bench.receive(REQUEST % 3)

    assert kernel.options == [option]
    kernel.room_bytes = 1000
    bench.connection.resumeProducing()
    assert b"token" in bench.written


def test_an_answer_without_a_limit_touches_no_option() -> None:
    bench, kernel = opened()
    bench.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert kernel.options == []
    assert b"token" in bench.written


def test_the_limit_stays_for_what_may_be_sent_again() -> None:
    bench, kernel = opened()
    bench.receive(REQUEST % 3, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert kernel.options == [(socket.IPPROTO_IP, socket.IP_TTL, 3)]
    assert bench.written.count(b"token") == 2


def test_an_answer_that_may_not_travel_is_never_sent_and_the_connection_ends() -> None:
    bench, kernel = opened()
    bench.receive(REQUEST % 0, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert (kernel.options, bench.written) == ([], b"")
    bench.seconds_pass(5)
    assert bench.transport.disconnecting or bench.transport.disconnected


def test_an_answer_whose_limit_cannot_be_set_is_not_sent() -> None:
    bench, kernel = opened()
    kernel.broken = True
    bench.receive(REQUEST % 3)

    assert bench.written == b""


def test_a_transport_without_a_socket_sends_no_limited_answer() -> None:
    bench = connect(answer)
    bench.receive(REQUEST % 3)

    assert bench.written == b""
