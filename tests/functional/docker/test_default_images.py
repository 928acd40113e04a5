"""The default AMIs, pulled at the first start by an engine that has nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.absent import absent
from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import Engine
from tests.functional.docker.private_engine import PrivateEngine
from tests.functional.docker.registry import Registry

UBUNTU = "ami-df5de72bdb3b"


@pytest.fixture
def registry(engine: Engine, tmp_path: Path) -> Iterator[Registry]:
    archive = tmp_path / "image.tar"
    engine("save", "--output", str(archive), "ec2-emulator-test/busybox")
    serving = Registry(archive)
    yield serving
    serving.close()


@pytest.fixture
def fresh(registry: Registry) -> Iterator[PrivateEngine]:
    """An engine without an image, which asks the registry in place of the public one."""
    if shutil.which("dockerd") is None:
        absent("no dockerd to start another one of; tests/lab/setup says why")
    folder = Path(tempfile.mkdtemp(prefix="lab-engine-"))
    started = PrivateEngine(folder, f"--registry-mirror=http://{{outside}}:{registry.port}")
    yield started
    started.close()
    shutil.rmtree(folder)


def test_a_first_start_pulls_the_default_images_and_they_launch(
    fresh: PrivateEngine, registry: Registry
) -> None:
    cloud = Cloud(
        fresh.engine,
        fresh.through,
        GATEWAY_LISTEN=f"{fresh.address}:0",
        EC2_DOWNLOAD_DEFAULT_IMAGES="1",
    )
    try:
        cloud.logged(rf"{UBUNTU} is localstack-ec2/ubuntu-22.04-jammy-jellyfish", seconds=90)
        instance_id = cloud.run(UBUNTU)
        cloud.until_state(instance_id, "running")

        container = cloud.container(instance_id)
        assert container["Image"] == fresh.engine(
            "image", "inspect", "--format", "{{.Id}}", "ubuntu:22.04"
        )
        assert "/v2/library/ubuntu/manifests/22.04" in {
            path.split("?")[0] for path in registry.asked
        }
        cloud.close()
    finally:
        cloud.discard()
