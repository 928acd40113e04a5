"""Programs run to their end; the only module that starts processes."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import attrs

TIMEOUT_SECONDS = 30.0


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
