"""The running emulator, asked over its own port, and what commands print."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from emulator.config import Config

Command: TypeAlias = Callable[[Config, Mapping[str, str]], int]

TIMEOUT_SECONDS = 10


def fail(message: str) -> int:
    """Say what is wrong, and return the exit status for it."""
    sys.stderr.write(f"ec2-emulator: {message}\n")
    return 1


def say(line: str = "") -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


class Remote:
    """The running emulator, asked over its own port."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Return what a page of ``/_localstack/`` answers.

        Raises:
            Refused: it answered that it will not.
        """
        import urllib.error  # noqa: PLC0415 - a start needs none of it
        import urllib.request  # noqa: PLC0415 - likewise

        data = None if method == "GET" else json.dumps(body).encode() if body else b""
        request = urllib.request.Request(self.url + path, data, method=method)  # noqa: S310 - our own http address
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                raise Refused(json.load(refused)["error"]) from None


class Refused(Exception):
    """The emulator answers and will not do it; the message says why."""


def remotely(act: Callable[[Remote], int | None]) -> Command:
    """Return the command that does this with the running emulator; None is success."""

    def command(config: Config, _environ: Mapping[str, str]) -> int:
        from emulator import app  # noqa: PLC0415 - brings Twisted

        try:
            url = app.endpoint(config)
        except app.StartError as error:
            return fail(str(error))
        try:
            return act(Remote(url)) or 0
        except Refused as refused:
            return fail(str(refused))
        except (OSError, ValueError) as error:
            return fail(f"no emulator answers at {url}: {error}")

    return command
