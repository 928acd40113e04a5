from __future__ import annotations

import pytest

from emulator.vm.docker.manager import DockerManager
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


@pytest.fixture(params=["pause", "stop"])
def manager(request: pytest.FixtureRequest) -> DockerManager:
    host = DockerHost(stop_for_real=request.param == "stop", block_devices=True)
    host.engine.add_image(str(SPEC.image_reference))
    return host.manager


class TestDockerManager(
    VMManagerContract,
    CapturesImagesContract,
    ReadsConsoleContract,
    RunsCommandsContract,
    TakesUserDataContract,
    AttachesVolumesContract,
    HasNetworksContract,
):
    """Over an engine in memory."""
