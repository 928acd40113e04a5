"""Waiting for the real world, which takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.1


def until(read: Callable[[], T], holds: Callable[[T], bool], seconds: float = 30) -> T:
    """Read until what is read holds, and return it; fail with what was read last."""
    deadline = time.monotonic() + seconds
    while not holds(seen := read()):
        assert time.monotonic() < deadline, f"after {seconds} s still {seen!r}"
        time.sleep(PAUSE_SECONDS)
    return seen
