"""Session tokens."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.imds.tokens import LENGTH, Tokens

KEY = bytes(range(32))
OWNER = "000000000000/us-east-1/i-1"


class Now:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


def tokens(now: Now | None = None, key: bytes = KEY) -> Tokens:
    return Tokens(key, now or Now(), random.Random(7).randbytes)


def test_a_token_is_as_long_as_those_of_aws() -> None:
    assert len(tokens().issue(OWNER, 60)) == LENGTH == 56


@pytest.mark.parametrize("ttl_seconds", [1, 60, 21600])
def test_a_token_is_good_for_its_ttl_and_no_longer(ttl_seconds: int) -> None:
    now = Now()
    authority = tokens(now)
    token = authority.issue(OWNER, ttl_seconds)

    assert authority.seconds_left(OWNER, token) == ttl_seconds
    now.seconds += ttl_seconds - 0.5
    assert authority.seconds_left(OWNER, token) == 0.5
    now.seconds += 0.5
    assert authority.seconds_left(OWNER, token) <= 0


def test_a_token_is_no_good_for_another_instance_whether_or_not_it_was_seen() -> None:
    authority = tokens()
    token = authority.issue(OWNER, 60)

    assert authority.seconds_left("000000000000/us-east-1/i-2", token) <= 0
    assert authority.seconds_left(OWNER, token) > 0
    assert authority.seconds_left("000000000000/us-east-1/i-2", token) <= 0


def test_a_token_is_good_after_a_restart_with_the_same_key_only() -> None:
    token = tokens().issue(OWNER, 60)

    assert tokens().seconds_left(OWNER, token) == 60
    assert tokens(key=bytes(32)).seconds_left(OWNER, token) <= 0


def test_two_tokens_are_never_the_same() -> None:
    authority = tokens()

    assert len({authority.issue(OWNER, 60) for _ in range(100)}) == 100


@pytest.mark.parametrize("place", range(0, 54, 5))
def test_a_token_that_was_tampered_with_is_no_good(place: int) -> None:
    authority = tokens()
    token = authority.issue(OWNER, 60)
    other = "A" if token[place] != "A" else "B"

    assert authority.seconds_left(OWNER, token[:place] + other + token[place + 1 :]) <= 0


@given(st.text(max_size=80))
def test_whatever_is_no_token_is_no_good(text: str) -> None:
    assert tokens().seconds_left(OWNER, text) <= 0


@pytest.mark.parametrize("text", ["", "A" * 55, "A" * 57, "A" * 10**6, "é" * 56, "=" * 56])
def test_a_token_of_the_wrong_length_or_alphabet_is_no_good(text: str) -> None:
    assert tokens().seconds_left(OWNER, text) <= 0


def test_what_was_opened_is_kept_within_bounds() -> None:
    authority = tokens()
    for _ in range(3000):
        token = authority.issue(OWNER, 60)
        assert authority.seconds_left(OWNER, token) > 0

    assert len(authority._opened) <= 1024
