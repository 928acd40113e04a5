"""An emulator in a process of its own, on a free port, for tests with real clients."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence

READY = re.compile(r"^Ready: (http://\S+)$")


def _heed_ctrl_c() -> None:
    """Undo what a test run in the background would hand down: to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class EmulatorProcess:
    """Started when made; ``stop`` ends it and returns its exit status.

    ``through`` is a command that starts other commands elsewhere, such as in a namespace.
    """

    def __init__(self, through: Sequence[str] = (), **environ: str) -> None:
        settings = {"GATEWAY_LISTEN": "127.0.0.1:0", "EC2_VM_MANAGER": "mock", **environ}
        self.process = subprocess.Popen(
            [*through, sys.executable, "-m", "emulator", "start"],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_heed_ctrl_c,  # noqa: PLW1509 - it takes no lock
        )
        self.lines: list[str] = []
        self.url = self._wait_until_ready()
        self._drain = threading.Thread(target=self._collect, daemon=True)
        self._drain.start()

    def _wait_until_ready(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            found = READY.match(self.lines[-1])
            if found:
                return found[1]
        raise AssertionError(f"it did not start: {self.lines}")

    def _collect(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.rstrip("\n") for line in self.process.stdout)

    def post(self, body: str, **headers: str) -> tuple[int, str]:
        """Send one form and return status and body, whatever they are."""
        request = urllib.request.Request(
            self.url, body.encode(), {name.replace("_", "-"): v for name, v in headers.items()}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(timeout=20)
        self._drain.join(timeout=5)
        return status

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait(timeout=20)
        self._drain.join(timeout=5)
