"""The servers that are compared: how each is installed, started and asked its version."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs

from benchmarks.client import Client, form

ROOT = Path(__file__).parents[1]
BENCH = ROOT / ".bench"
VENV_BIN = Path(sys.executable).parent
FIRST_REQUEST = form("DescribeRegions")


@attrs.frozen
class Server:
    """One server.

    Attributes:
        command: ``{port}`` stands for the port.
        environment: added to the process's own; ``{port}`` likewise.
        image_id: an AMI the server knows.
        requirement: what to install from PyPI into an environment of its own, if anything.
    """

    name: str
    distribution: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = attrs.field(factory=dict)
    image_id: str = ""
    requirement: str = ""

    @property
    def python(self) -> Path:
        """The interpreter of the environment the server runs in."""
        own = BENCH / self.name / "bin" / "python"
        return own if self.requirement else Path(sys.executable)

    def install(self) -> None:
        """Make the server's environment, once for each requirement.

        What is not installed from PyPI is compiled as pip compiles what it installs: a start
        of the checkout would compile it anew wherever Python may not keep what it compiled.
        """
        if not self.requirement:
            subprocess.run(
                [sys.executable, "-m", "compileall", "-q", ROOT / "emulator", ROOT / "benchmarks"],
                check=True,
            )
            return
        stamp = BENCH / self.name / "installed"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == self.requirement:
            return
        print(f"Installing {self.requirement} into {stamp.parent.relative_to(ROOT)}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", stamp.parent], check=True)
        pip = (self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        subprocess.run([*pip, self.requirement], check=True)
        stamp.write_text(self.requirement, encoding="utf-8")

    def version(self) -> str:
        """The installed version."""
        code = f"import importlib.metadata as m; print(m.version({self.distribution!r}))"
        return subprocess.run(
            [self.python, "-c", code], check=True, capture_output=True, text=True
        ).stdout.strip()

    def spawn(self, port: int) -> subprocess.Popen[bytes]:
        """Start the process and return at once; its output goes to ``.bench/<name>.log``."""
        BENCH.mkdir(exist_ok=True)
        added = {name: value.format(port=port) for name, value in self.environment.items()}
        with (BENCH / f"{self.name}.log").open("wb") as log:
            return subprocess.Popen(
                [part.format(port=port) for part in self.command],
                env={**os.environ, **added},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @contextmanager
    def running(self, port: int) -> Iterator[subprocess.Popen[bytes]]:
        """A started server that has answered one request; stopped at the end."""
        process = self.spawn(port)
        try:
            wait_for_answer(process, port)
            yield process
        finally:
            stop(process)

    def seconds_to_first_answer(self, port: int) -> float:
        """From before the process exists until it has answered one request."""
        before = time.perf_counter()
        process = self.spawn(port)
        try:
            wait_for_answer(process, port)
            return time.perf_counter() - before
        finally:
            stop(process)


def wait_for_answer(process: subprocess.Popen[bytes], port: int, seconds: float = 60) -> None:
    """Ask again and again until the server answers a request."""
    deadline = time.perf_counter() + seconds
    while True:
        client = Client(port)
        try:
            client.post(FIRST_REQUEST)
        except OSError as refused:
            if process.poll() is not None or time.perf_counter() > deadline:
                raise RuntimeError(f"the server did not start: {process.args!r}") from refused
            time.sleep(0.002)
        else:
            return
        finally:
            client.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and insist after a while."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


EMULATOR = Server(
    "emulator",
    "ec2-emulator",
    (str(VENV_BIN / "ec2-emulator"), "start"),
    {"GATEWAY_LISTEN": "127.0.0.1:{port}", "EC2_VM_MANAGER": "mock"},
    image_id="ami-df5de72bdb3b",
)
ECHO = Server(
    "echo", "twisted", (sys.executable, str(Path(__file__).with_name("echo_server.py")), "{port}")
)
METADATA = Server(
    "metadata", "ec2-emulator", (sys.executable, "-m", "benchmarks.metadata_server", "{port}")
)
MINISTACK = Server(
    "ministack",
    "ministack",
    (str(BENCH / "ministack" / "bin" / "ministack"),),
    {"GATEWAY_PORT": "{port}", "BIND_HOST": "127.0.0.1"},
    image_id="ami-0abcdef1234567890",
    requirement="ministack==1.5.33",
)
MOTO = Server(
    "moto",
    "moto",
    (str(BENCH / "moto" / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", "{port}"),
    image_id="ami-12c6146b",
    requirement="moto[server]==5.2.5",
)
SERVERS = {server.name: server for server in (EMULATOR, ECHO, MINISTACK, MOTO)}
