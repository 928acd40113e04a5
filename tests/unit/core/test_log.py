from __future__ import annotations

import io
from datetime import UTC, datetime

from twisted.internet.task import Clock as FakeReactor

from emulator.core.clock import Clock
from emulator.core.log import FLUSH_SECONDS, RequestLines


def test_request_lines_come_in_batches_with_their_own_times() -> None:
    reactor, stream = FakeReactor(), io.StringIO()
    clock = Clock.starting_at(reactor, datetime(2026, 1, 2, 3, 4, 5, 950_000, tzinfo=UTC))
    lines = RequestLines(stream, clock.call_later, clock.epoch_seconds)

    lines.add("first")
    reactor.advance(0.1)
    lines.add("second")
    assert stream.getvalue() == ""
    reactor.advance(FLUSH_SECONDS)

    first, second = stream.getvalue().splitlines()
    assert first == "2026-01-02T03:04:05.950  INFO --- request : first"
    assert second.startswith("2026-01-02T03:04:06.0")


def test_what_was_collected_is_written_at_the_end() -> None:
    stream = io.StringIO()
    lines = RequestLines(stream, lambda *_: None, lambda: 0.0)

    lines.flush()
    lines.add("last")
    lines.flush()

    assert stream.getvalue() == "1970-01-01T00:00:00.000  INFO --- request : last\n"
