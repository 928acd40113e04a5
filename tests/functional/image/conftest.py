"""The emulator's image, built on the lab's base, and an emulator in a container per module."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.absent import absent
from tests.functional.docker.cloud import Cloud
from tests.functional.docker.conftest import (
    amis,
    engine,
    key,
    pytest_runtest_makereport,
    with_key,
)
from tests.functional.docker.engine import Engine
from tests.functional.docker.keys import Key
from tests.functional.image.container import ROOT, ContainerCloud

__all__ = ["amis", "engine", "key", "pytest_runtest_makereport"]

BASE = "ec2-emulator-test/slim"
NAME = "ec2-emulator-test/emulator"


def build_image(**environ: str) -> subprocess.CompletedProcess[str]:
    """Build the image as `make image` does, under a name of the tests'."""
    return subprocess.run(
        [str(ROOT / "scripts/image")],
        env={**os.environ, "BASE": BASE, "IMAGE": NAME, **environ},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """The image; the engine keeps what has not changed since the last time."""
    if engine.run("image", "inspect", BASE).returncode != 0:
        absent(f"no image {BASE}; tests/lab/setup says why")
    built = build_image()
    assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
    return f"{NAME}:latest"


@pytest.fixture(scope="module")
def cloud(engine: Engine, image: str, key: Key) -> Iterator[Cloud]:
    """An emulator in a container, with the socket mounted, that knows the key ``test``."""
    started = ContainerCloud(engine, image)
    try:
        yield with_key(started, key)
        started.close()
    finally:
        started.discard()
