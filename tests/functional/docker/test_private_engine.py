"""An engine of our own: stopped and started while the emulator runs, full, reached by TLS."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.absent import absent
from tests.functional.docker.cloud import Cloud
from tests.functional.docker.conftest import random_ami_id, with_key
from tests.functional.docker.engine import Engine
from tests.functional.docker.keys import Key
from tests.functional.docker.private_engine import TLS_PORT, PrivateEngine
from tests.functional.docker.waiting import until


@pytest.fixture(scope="module")
def private(engine: Engine) -> Iterator[PrivateEngine]:
    if shutil.which("dockerd") is None:
        absent("no dockerd to start another one of; tests/lab/setup says why")
    folder = Path(tempfile.mkdtemp(prefix="lab-engine-"))
    started = PrivateEngine(folder)
    started.load(engine, "ec2-emulator-test/busybox")
    yield started
    started.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cloud(private: PrivateEngine, key: Key) -> Iterator[Cloud]:
    started = Cloud(
        private.engine,
        private.through,
        GATEWAY_LISTEN=f"{private.address}:0",
        # This engine reaches no registry, whatever the machine does.
        EC2_DOWNLOAD_DEFAULT_IMAGES="1",
    )
    yield with_key(started, key)
    started.close()


@pytest.fixture(scope="module")
def image_id(cloud: Cloud) -> str:
    return cloud.tag("ec2-emulator-test/busybox", "private", random_ami_id())


def test_default_images_that_cannot_be_had_are_told_of_and_harmless(
    cloud: Cloud, image_id: str
) -> None:
    cloud.until_image(image_id)
    cloud.logged(r"ami-df5de72bdb3b", seconds=60)

    instance_id = cloud.run(image_id)
    cloud.terminate(instance_id)


def test_an_engine_that_goes_away_and_comes_back(
    cloud: Cloud, private: PrivateEngine, image_id: str, key: Key
) -> None:
    cloud.until_image(image_id)
    instance_id = cloud.run(image_id, KeyName="test")
    private.stop()
    (refused,) = cloud.launch(image_id)
    shown = until(
        lambda: cloud.instance(refused), lambda seen: seen["State"]["Name"] == "terminated"
    )
    answered = cloud.instance(instance_id)["State"]["Name"]
    private.start()

    # Whoever stops an engine stops its containers.
    cloud.until_state(instance_id, "stopped")
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.until_state(instance_id, "running")
    assert cloud.ssh(instance_id, key, "echo back") == "back"
    again = cloud.run(image_id)
    assert cloud.container(again)["State"]["Status"] == "running"
    assert "Docker engine" in shown["StateReason"]["Message"]
    assert answered in ("running", "stopped")
    cloud.terminate(instance_id, again)


def test_an_image_tagged_while_nobody_listened_is_found(
    cloud: Cloud, private: PrivateEngine
) -> None:
    private.stop()
    private.start()
    late = cloud.tag("ec2-emulator-test/busybox", "late", random_ami_id())

    cloud.until_image(late)
    cloud.terminate(cloud.run(late))


def test_a_launch_that_finds_the_disk_full_says_so_and_leaves_nothing(
    cloud: Cloud, private: PrivateEngine, image_id: str
) -> None:
    cloud.until_image(image_id)
    with private.full():
        (refused,) = cloud.launch(image_id)
        shown = until(
            lambda: cloud.instance(refused), lambda seen: seen["State"]["Name"] != "pending"
        )
        left = cloud.engine.container(refused)

    assert shown["State"]["Name"] == "terminated"
    assert "no space left" in shown["StateReason"]["Message"]
    assert left is None
    cloud.terminate(cloud.run(image_id))


def test_an_engine_behind_tls_is_asked_with_the_certificates_given(
    private: PrivateEngine, image_id: str
) -> None:
    started = Cloud(
        private.engine,
        private.through,
        GATEWAY_LISTEN=f"{private.address}:0",
        DOCKER_HOST=f"tcp://{private.address}:{TLS_PORT}",
        DOCKER_TLS_VERIFY="1",
        DOCKER_CERT_PATH=str(private.certificates),
    )
    started.until_image(image_id)
    started.terminate(started.run(image_id))
    started.close()
