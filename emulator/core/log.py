"""Log lines: one observer for the program's events, one cheap sink for request lines.

An event of ``twisted.logger`` costs tens of microseconds, which a line for every request
cannot; those are formatted once and written in batches.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any

import attrs
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    globalLogBeginner,
)
from zope.interface import implementer

LEVELS = {
    "trace": LogLevel.debug,
    "debug": LogLevel.debug,
    "info": LogLevel.info,
    "warning": LogLevel.warn,
    "error": LogLevel.error,
}
FLUSH_SECONDS = 0.2


def stamp(moment: datetime) -> str:
    """Return a moment as log lines begin with it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


@implementer(ILogObserver)
@attrs.frozen
class LineObserver:
    """Writes each event as one line, a traceback below it where there is one."""

    _stream: IO[str]
    _now: Callable[[], datetime]

    def __call__(self, event: LogEvent) -> None:
        """Write one event."""
        level = event.get("log_level", LogLevel.info).name.upper()
        name = event.get("log_namespace", "-")
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        self._stream.write(f"{stamp(self._now())} {level:>5} --- {name} : {text}\n")
        self._stream.flush()


def begin(stream: IO[str], level: str, now: Callable[[], datetime]) -> None:
    """Send the program's events at ``level`` and above to ``stream``, from now on."""
    wanted = LogLevelFilterPredicate(defaultLogLevel=LEVELS[level])
    # Twisted's ports say that they start and stop; each instance has two of them.
    wanted.setLogLevelForNamespace("log_legacy", LogLevel.warn)
    observer: Any = FilteringLogObserver(LineObserver(stream, now), [wanted])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


@attrs.define(eq=False)
class RequestLines:
    """Collects request lines and writes them a few times a second.

    Args:
        stream: where they go.
        later: runs a function after some seconds, such as ``Clock.call_later``.
        epoch_seconds: the present moment, such as ``Clock.epoch_seconds``.
    """

    _stream: IO[str]
    _later: Callable[..., Any]
    _epoch_seconds: Callable[[], float]
    _lines: list[str] = attrs.field(factory=list, init=False)
    _second: int = attrs.field(default=-1, init=False)
    _second_text: str = attrs.field(default="", init=False)

    def add(self, line: str) -> None:
        """Take one line, without its time and newline."""
        if not self._lines:
            self._later(FLUSH_SECONDS, self.flush)
        now = self._epoch_seconds()
        second = int(now)
        if second != self._second:
            self._second = second
            moment = datetime.fromtimestamp(second, UTC)
            self._second_text = moment.strftime("%Y-%m-%dT%H:%M:%S.")
        self._lines.append(
            f"{self._second_text}{int((now - second) * 1000):03d}  INFO --- request : {line}\n"
        )

    def flush(self) -> None:
        """Write what was collected."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        self._stream.write("".join(lines))
        self._stream.flush()
