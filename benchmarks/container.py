"""The emulator's container as users run it: its image's size, its start, its memory at rest."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence

import attrs

from benchmarks.client import Client
from benchmarks.machines import docker
from benchmarks.servers import FIRST_REQUEST

# Which is built by `make image`, or by the tests on their own base.
IMAGES = ("ec2-emulator:latest", "ec2-emulator-test/emulator:latest")
BASES = ("debian:bookworm-slim", "ec2-emulator-test/slim")
NAME = "ec2-emulator-bench"
SOCKET = "/var/run/docker.sock"
# By then everything is imported that a start leaves for later.
IDLE_AFTER_SECONDS = 15.0
WAIT_SECONDS = 60.0
_UNITS = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}


@attrs.frozen
class Container:
    """What was measured of the container.

    Attributes:
        added_mb: the image's size less its base's, in 10^6 bytes.
        start_seconds: from before `docker run` to the end of the first answer, the median.
        idle_mib: memory as `docker stats` tells it, without the page cache.
    """

    added_mb: float
    start_seconds: float
    idle_mib: float


def _present(names: Sequence[str]) -> str | None:
    for name in names:
        try:
            docker("image", "inspect", name)
        except (OSError, subprocess.CalledProcessError):
            continue
        return name
    return None


def obstacle() -> str | None:
    """What keeps this from being measured here; None: nothing."""
    if not os.path.exists(SOCKET):  # noqa: PTH110 - a socket is no file
        return f"there is no {SOCKET}"
    if _present(IMAGES) is None or _present(BASES) is None:
        return "there is no image; `make image` builds it"
    return None


def container(port: int, starts: int) -> Container:
    """Measure the container; an image that is there, see `obstacle`."""
    image = _present(IMAGES) or ""
    base = BASES[IMAGES.index(image)]
    seconds = []
    for _ in range(starts + 1):
        began = time.perf_counter()
        with running(image, port):
            first_answer(port)
            seconds.append(time.perf_counter() - began)
    with running(image, port):
        first_answer(port)
        time.sleep(IDLE_AFTER_SECONDS)
        idle = memory_mib()
    return Container((_size(image) - _size(base)) / 1e6, statistics.median(seconds[1:]), idle)


@contextlib.contextmanager
def running(image: str, port: int) -> Iterator[None]:
    """Run the container as the README does, with nothing to pull."""
    docker(
        *("run", "--detach", "--name", NAME, "--publish", f"127.0.0.1:{port}:4566"),
        *("--volume", f"{SOCKET}:{SOCKET}", "--env", "EC2_DOWNLOAD_DEFAULT_IMAGES=0"),
        *("--env", "EMULATOR_NAMESPACE=bench", image),
    )
    try:
        yield
    finally:
        docker("rm", "--force", "--volumes", NAME)


def first_answer(port: int) -> None:
    """Return when a request has been answered."""
    deadline = time.perf_counter() + WAIT_SECONDS
    while True:
        client = Client(port)
        try:
            client.post(FIRST_REQUEST)
        except (OSError, http.client.HTTPException):
            if time.perf_counter() > deadline:
                raise
            time.sleep(0.005)
        else:
            return
        finally:
            client.close()


def memory_mib() -> float:
    """Return what the engine says that the container's memory is."""
    said = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", NAME)
    found = re.match(r"([\d.]+)(KiB|MiB|GiB)", said)
    assert found, said
    return float(found[1]) * _UNITS[found[2]]


def _size(image: str) -> int:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))
