"""What every VM manager promises, kept with a real engine."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import attrs
import pytest

from emulator.vm.docker import tools
from emulator.vm.docker.blocking import EngineAddress, connect
from emulator.vm.docker.manager import DockerManager
from emulator.vm.interface import GuestKey, GuestNetwork
from tests.contracts.vm_manager import (
    SPEC,
    AttachesVolumesContract,
    CapturesImagesContract,
    HasNetworksContract,
    ReadsConsoleContract,
    RunsCommandsContract,
    TakesUserDataContract,
    VMManagerContract,
)
from tests.fakes.docker_manager import DockerHost
from tests.functional.docker.conftest import random_ami_id
from tests.functional.docker.engine import Engine

RUN = secrets.token_hex(8)
IMAGE = "ec2-emulator-test/busybox"


@pytest.fixture
def manager(request: pytest.FixtureRequest, engine: Engine) -> Iterator[DockerManager]:
    namespace = f"test-{secrets.token_hex(5)}"
    names = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
    address = EngineAddress({name: os.environ[name] for name in names if name in os.environ})
    host = DockerHost(
        namespace=namespace,
        run=RUN,
        engine=connect(address),
        tools=tools.load,
        stop_for_real=request.cls.stop_for_real,
        block_devices=True,
    )
    # Whoever enters namespaces has tests of their own; without, guests do not wait for them.
    host.namespaces.reason = "this is about the manager"
    yield host.manager
    engine.remove_all(namespace)
    for tag in engine.tags_of(TestDockerManager.captured):
        engine.run("image", "rm", tag)


class TestDockerManager(
    VMManagerContract,
    CapturesImagesContract,
    ReadsConsoleContract,
    RunsCommandsContract,
    TakesUserDataContract,
    AttachesVolumesContract,
    HasNetworksContract,
):
    """Over the engine of this machine."""

    stop_for_real = False
    captured = random_ami_id()
    spec = attrs.evolve(
        SPEC,
        key=GuestKey("000000000000", "us-east-1", f"i-0{RUN}"),
        image_reference=IMAGE,
        network=GuestNetwork(f"vpc-0{RUN}", "10.213.77.0/24"),
        private_ip="10.213.77.10",
    )


class TestStoppingForReal(VMManagerContract):
    """The same with EC2_DOCKER_STOP_MODE=stop."""

    stop_for_real = True
    spec = TestDockerManager.spec
