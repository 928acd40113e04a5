"""Answers as bytes."""

from __future__ import annotations

import pytest

from emulator.web.response_bytes import KEEP_ALIVE, LONG_BYTES, render
from emulator.wire.message import HttpResponse


def rendered(response: HttpResponse, *, head_only: bool = False) -> bytes:
    return b"".join(render(response, b"", KEEP_ALIVE, head_only=head_only))


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nX: y", "a\rX: y", "a\0"])
def test_a_value_cannot_add_a_header(value):
    response = HttpResponse(200, (), (("A", value), ("B", "c")))

    assert rendered(response) == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nB: c\r\n\r\n"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "Content-Length", "date", "é"])
def test_a_name_that_is_no_token_or_is_the_servers_own_is_left_out(name):
    response = HttpResponse(200, (), ((name, "1"),))

    assert rendered(response) == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def test_bodies_are_joined_and_left_out_for_head():
    response = HttpResponse(200, (b"ab", b"", b"c"))

    assert rendered(response).endswith(b"Content-Length: 3\r\n\r\nabc")
    assert rendered(response, head_only=True).endswith(b"Content-Length: 3\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_body(status):
    assert b"Content-Length" not in rendered(HttpResponse(status, (b"x",)))
    assert rendered(HttpResponse(status, (b"x",))).endswith(b"\r\n\r\n")


def test_an_unusual_status_has_an_empty_reason():
    assert rendered(HttpResponse(299)).startswith(b"HTTP/1.1 299 \r\n")


@pytest.mark.parametrize("status", [0, 100, 101, 600, -1])
def test_a_status_that_ends_nothing_is_refused(status):
    with pytest.raises(ValueError, match="status"):
        rendered(HttpResponse(status))


def test_what_latin_1_cannot_say_is_replaced():
    assert b"X: ?\r\n" in rendered(HttpResponse(200, (), (("X", "→"),)))


def test_a_long_body_is_written_after_its_head_and_not_copied_behind_it() -> None:
    body = b"x" * (LONG_BYTES + 1)

    at_once, after = render(HttpResponse(200, (body,)), b"", KEEP_ALIVE, head_only=False)

    assert after is body
    assert at_once.endswith(b"Content-Length: %d\r\n\r\n" % len(body))
    assert render(HttpResponse(200, (body,)), b"", KEEP_ALIVE, head_only=True)[1] == b""
