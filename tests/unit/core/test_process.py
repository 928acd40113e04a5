from __future__ import annotations

import sys

import pytest

from emulator.core.process import CommandFailed, run_blocking


def python(script: str) -> tuple[str, ...]:
    return (sys.executable, "-c", script)


def test_what_a_program_writes_comes_back() -> None:
    done = run_blocking(
        python("import sys; print(sys.stdin.read().upper()); print('no', file=sys.stderr)"),
        stdin=b"yes",
    )

    assert (done.output, done.errors) == (b"YES\n", b"no\n")


def test_nothing_goes_through_a_shell() -> None:
    done = run_blocking((*python("import sys; print(sys.argv[1])"), "$(id); `id` > /x"))

    assert done.output == b"$(id); `id` > /x\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys; sys.exit('no such link')", "no such link"),
        ("import sys; sys.exit(3)", "exit status 3"),
        ("import os; os.write(2, b'\\xff'); os._exit(1)", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_program_that_fails_is_told_with_what_it_said(script: str, said: str) -> None:
    with pytest.raises(CommandFailed, match=said):
        run_blocking(python(script))


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(CommandFailed, match="no-such-program"):
        run_blocking(("no-such-program",))


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(CommandFailed, match="timed out"):
        run_blocking(python("import time; time.sleep(60)"), timeout_seconds=0.1)
