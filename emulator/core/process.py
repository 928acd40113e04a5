"""Programs run to their end; the only module that starts processes."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport, IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

TIMEOUT_SECONDS = 30.0
# As a shell tells that a signal ended a program.
_SIGNALLED = 128


class CommandFailed(Exception):
    """A program could not be run, or ended with an error; the message holds what it said."""


@attrs.frozen
class Finished:
    """How a program ended."""

    output: bytes
    errors: bytes


def run_in_foreground(arguments: Sequence[str]) -> int:
    """Run a program on this terminal, never through a shell, and return its exit status.

    Raises:
        CommandFailed: it is missing.
    """
    try:
        return subprocess.run(arguments, check=False).returncode  # noqa: S603 - as below
    except OSError as error:
        raise CommandFailed(f"{arguments[0]}: {error}") from None


def run_blocking(
    arguments: Sequence[str], *, stdin: bytes = b"", timeout_seconds: float = TIMEOUT_SECONDS
) -> Finished:
    """Run a program, never through a shell, and return what it wrote.

    It blocks, so it is called in threads; the program is in the namespaces of the thread.

    Raises:
        CommandFailed: it is missing, took too long or exited with another status than 0.
    """
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, and no shell
            arguments,
            input=stdin,
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"{arguments[0]}: {error}") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
        raise CommandFailed(f"{arguments[0]}: {said}")
    return Finished(done.stdout, done.stderr)


def run_program(reactor: IReactorProcess, arguments: Sequence[str]) -> Deferred[int]:
    """Start a program and fire with its exit status; it takes as long as it takes.

    It has this process's environment and writes where this process does. A cancelled one is
    killed.
    """
    ending = _Ending()
    # Twisted's mapping: the child's descriptors to ours; standard input is closed.
    reactor.spawnProcess(
        ending,
        arguments[0],
        args=tuple(arguments),
        env=None,
        childFDs={1: 1, 2: 2},
    )
    return ending.ended


class _Ending(ProcessProtocol):
    """Waits for the end of one process."""

    def __init__(self) -> None:
        self.ended: Deferred[int] = Deferred(lambda _: self._kill())

    def _kill(self) -> None:
        process: Any = self.transport
        if IProcessTransport.providedBy(process):
            try:
                process.signalProcess("KILL")
            except ProcessExitedAlready:
                return

    def processEnded(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """Tell the exit status."""
        if self.ended.called:
            return  # it was cancelled
        value: Any = reason.value
        exited = value.exitCode is not None
        self.ended.callback(value.exitCode if exited else _SIGNALLED + (value.signal or 0))
