"""A Docker engine, its test images as AMIs, and an emulator per module."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from tests.absent import absent
from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import Engine
from tests.functional.docker.keys import Key, make_key

IMAGES = ("debian", "debian-sshd", "busybox", "scratch", "cloud-init", "systemd")
GUEST_TOOLS = Path(__file__).parents[3] / ".venv/lib/ec2-emulator/guest-tools"


def random_ami_id(digits: int = 17) -> str:
    return f"ami-{uuid4().hex[:digits]}"


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine that answers, with the images that tests/lab/setup builds."""
    if os.geteuid() != 0:
        absent("no root, which the networks of containers need")
    for program in ("docker", "ssh", "ssh-keyscan", "ip"):
        if shutil.which(program) is None:
            absent(f"no {program}; tests/lab/setup says why")
    found = Engine()
    if found.run("version").returncode != 0:
        absent("no Docker engine that answers; tests/lab/setup says why")
    for name in IMAGES:
        if found.run("image", "inspect", f"ec2-emulator-test/{name}").returncode != 0:
            absent(f"no image ec2-emulator-test/{name}; tests/lab/setup says why")
    if not GUEST_TOOLS.is_dir():
        absent("no guest tools; tests/lab/setup says why")
    return found


@pytest.fixture(scope="session")
def amis(engine: Engine) -> Iterator[Mapping[str, str]]:
    """Return the AMI id of each test image, tagged for this run."""
    run = uuid4().hex[:8]
    ids = {name: random_ami_id() for name in IMAGES}
    tags = [f"localstack-ec2/test-{run}-{name}:{image_id}" for name, image_id in ids.items()]
    for name, tag in zip(IMAGES, tags, strict=True):
        engine("tag", f"ec2-emulator-test/{name}", tag)
    yield ids
    engine.run("image", "rm", *tags)


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return make_key(tmp_path_factory.mktemp("key"))


def with_key(cloud: Cloud, key: Key) -> Cloud:
    """Let an emulator know the key as ``test``."""
    cloud.ec2.import_key_pair(KeyName="test", PublicKeyMaterial=key.public.encode())
    return cloud


@pytest.fixture(scope="module")
def cloud(engine: Engine, key: Key) -> Iterator[Cloud]:
    """An emulator with the settings a user finds, which must leave nothing and fail at nothing."""
    started = with_key(Cloud(engine), key)
    yield started
    started.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the emulators and their containers said."""
    report = yield
    if report.failed:
        for name, value in item.funcargs.items():
            if isinstance(value, Cloud):
                report.sections.extend(value.account(name))
    return report
