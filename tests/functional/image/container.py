"""The emulator in a container of its own image, in place of a process of its own."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import Engine
from tests.functional.docker.waiting import until

ROOT = Path(__file__).parents[3]
SOCKET = "/var/run/docker.sock:/var/run/docker.sock"


def quick_start() -> list[str]:
    """Return the words of the README's `docker run`."""
    (line,) = re.findall(r"^docker run .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    return shlex.split(line)


class EmulatorContainer:
    """Started when made, and kept until ``remove``; what `EmulatorProcess` is for processes."""

    def __init__(
        self,
        engine: Engine,
        image: str,
        options: Sequence[str] = (),
        command: Sequence[str] = (),
        **environ: str,
    ) -> None:
        self._engine = engine
        self.name = f"ec2-emulator-test-{uuid4().hex[:10]}"
        given = [word for item in environ.items() for word in ("--env", "=".join(item))]
        self._network = options[options.index("--network") + 1] if "--network" in options else ""
        engine(
            *("run", "--detach", "--name", self.name, "--publish", "127.0.0.1::4566"),
            *(*options, *given, image, *command),
        )
        self.process = self
        self.url = self._wait_until_ready()

    def _wait_until_ready(self) -> str:
        lines = until(lambda: self.lines, self._over, 60)
        assert "Ready." in lines, lines
        if self._network == "host":
            (ready,) = [line for line in lines if line.startswith("Ready: ")]
            return ready.removeprefix("Ready: ")
        return f"http://{self._engine('port', self.name, '4566/tcp').splitlines()[0]}"

    def _over(self, lines: Sequence[str]) -> bool:
        return "Ready." in lines or self.poll() is not None

    @property
    def lines(self) -> list[str]:
        """Everything that it has said."""
        done = self._engine.run("logs", self.name)
        return (done.stdout + done.stderr).splitlines()

    def state(self) -> Any:
        return json.loads(self._engine("inspect", "--format", "{{json .State}}", self.name))

    def poll(self) -> int | None:
        """Return its exit status, or None while it runs."""
        state = self.state()
        return None if state["Running"] else int(state["ExitCode"])

    def stop(self) -> int:
        """Stop it as `docker stop` does, which kills what takes more than ten seconds."""
        self._engine("stop", self.name)
        return int(self.state()["ExitCode"])

    def kill(self) -> None:
        self._engine.run("kill", self.name)

    def start(self) -> None:
        """Start it again."""
        self._engine("start", self.name)
        deadline = time.monotonic() + 60
        while self.lines.count("Ready.") < 2:
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.1)
        self.url = self._wait_until_ready()

    def inside(self, *command: str) -> str:
        return self._engine("exec", self.name, *command)

    def remove(self) -> None:
        self._engine.run("rm", "--force", "--volumes", self.name)


class ContainerCloud(Cloud):
    """An emulator in a container, with its own instances beside it."""

    def __init__(
        self, engine: Engine, image: str, options: Sequence[str] = (), **environ: str
    ) -> None:
        self._image = image
        self._options = options
        self.containers: list[EmulatorContainer] = []
        super().__init__(engine, **environ)

    def _started(self) -> Any:
        options = ("--volume", SOCKET, *self._options)
        made = EmulatorContainer(self.engine, self._image, options, **self.environ)
        self.containers.append(made)
        return made

    def discard(self) -> None:
        if not self.containers:
            return  # done
        super().discard()
        while self.containers:
            self.containers.pop().remove()
