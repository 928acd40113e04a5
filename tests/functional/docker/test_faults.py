"""What goes wrong outside: seen, told, recovered from, and nothing left behind."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.conftest import random_ami_id, with_key
from tests.functional.docker.engine import Engine, container_name
from tests.functional.docker.keys import Key
from tests.functional.docker.relay import EngineRelay
from tests.functional.docker.waiting import until


def until_over(cloud: Cloud, instance_id: str, seconds: float = 60) -> Any:
    """Return an instance that could not be launched, once that is said."""
    shown = until(
        lambda: cloud.instance(instance_id),
        lambda seen: seen["State"]["Name"] == "terminated",
        seconds,
    )
    assert cloud.engine.container(instance_id) is None
    return shown


# By other hands


def test_a_container_killed_by_hand_is_a_stopped_instance(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    instance_id = cloud.run(amis["busybox"])
    cloud.engine("kill", container_name(instance_id))
    shown = cloud.until_state(instance_id, "stopped", seconds=10)

    assert shown["StateReason"]["Message"]
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.until_state(instance_id, "running")
    assert cloud.container(instance_id)["State"]["Status"] == "running"
    cloud.terminate(instance_id)


def test_a_container_removed_by_hand_is_a_terminated_instance(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    instance_id = cloud.run(amis["busybox"])
    cloud.engine("rm", "--force", container_name(instance_id))
    shown = cloud.until_state(instance_id, "terminated", seconds=10)

    assert shown["StateReason"]["Code"].startswith("Server.")
    assert shown["StateReason"]["Message"]


def test_a_container_paused_and_resumed_by_hand_is_seen(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    instance_id = cloud.run(amis["busybox"])
    cloud.engine("pause", container_name(instance_id))
    cloud.until_state(instance_id, "stopped", seconds=10)
    cloud.engine("unpause", container_name(instance_id))
    cloud.until_state(instance_id, "running", seconds=10)
    cloud.terminate(instance_id)


def test_a_container_removed_while_the_emulator_was_away_is_no_instance(
    engine: Engine, amis: Mapping[str, str], key: Key
) -> None:
    cloud = with_key(Cloud(engine), key)
    kept, killed, removed = (cloud.run(amis["debian-sshd"], KeyName="test") for _ in range(3))
    before = cloud.instance(kept)
    cloud.emulator.stop()
    engine("kill", container_name(killed))
    engine("rm", "--force", container_name(removed))
    cloud.restart()
    after = cloud.until_state(kept, "running")

    for member in ("PrivateIpAddress", "ImageId", "InstanceType", "LaunchTime", "SubnetId"):
        assert after[member] == before[member]
    assert cloud.ssh(kept, key, "echo still here") == "still here"
    cloud.until_state(killed, "stopped")
    with pytest.raises((ClientError, AssertionError)):
        cloud.until_state(removed, "running", seconds=3)
    cloud.close()


# Launches that fail


def test_an_image_that_goes_before_its_launch_is_said_by_docker(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    """Removed where the emulator cannot have heard of it yet: between answer and launch."""
    name = f"test-{uuid4().hex[:8]}"
    gone = random_ami_id()
    tag = f"localstack-ec2/{name}:{gone}"

    def untag(line: str) -> None:
        # The first thing that a launch asks, whatever it is: no image of that name any more.
        if armed and line.startswith(("GET", "POST")):
            armed.clear()
            cloud.engine.run("image", "rm", "--force", tag)

    armed: list[bool] = []
    with EngineRelay(untag) as relay:
        meddled = Cloud(cloud.engine, DOCKER_HOST=relay.address)
        meddled.tag("ec2-emulator-test/busybox", name, gone)
        meddled.until_image(gone)
        armed.append(True)
        (instance_id,) = meddled.launch(gone)
        shown = until_over(meddled, instance_id)
        meddled.close()

    assert shown["StateReason"]["Code"] == "Server.InternalError"
    assert "No such image" in shown["StateReason"]["Message"]


def test_a_port_that_is_taken_is_said_by_docker(engine: Engine, amis: Mapping[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cloud = Cloud(engine, EC2_DOCKER_FLAGS=f"-p 127.0.0.1:{port}:9999")
        (instance_id,) = cloud.launch(amis["busybox"])
        shown = until_over(cloud, instance_id)
        cloud.close()

    assert str(port) in shown["StateReason"]["Message"]


def test_a_name_that_is_taken_is_said_by_docker_and_its_owner_left_alone(
    engine: Engine, amis: Mapping[str, str]
) -> None:
    """Somebody makes a container of that name at the last moment."""
    taken: list[str] = []

    def take(line: str) -> None:
        asked = re.match(r"POST \S*/containers/create\?\S*name=(localstack-ec2\.i-[0-9a-f]+)", line)
        if asked and not taken:
            taken.append(asked[1])
            engine("create", "--name", asked[1], "ec2-emulator-test/busybox", "true")

    with EngineRelay(take) as relay:
        cloud = Cloud(engine, DOCKER_HOST=relay.address)
        (instance_id,) = cloud.launch(amis["busybox"])
        shown = until(
            lambda: cloud.instance(instance_id),
            lambda seen: seen["State"]["Name"] == "terminated",
        )
        others = engine.container(instance_id)
        engine("rm", *taken)
        cloud.close()

    assert taken == [container_name(instance_id)]
    assert "in use" in shown["StateReason"]["Message"]
    assert others is not None
    assert "ec2-emulator.instance-id" not in (others["Config"]["Labels"] or {})


def test_a_command_that_cannot_start_leaves_no_container(
    engine: Engine, amis: Mapping[str, str]
) -> None:
    """Docker makes the container and fails to start it."""
    cloud = Cloud(engine, EC2_DOCKER_FLAGS="--runtime no-such-runtime")
    (instance_id,) = cloud.launch(amis["busybox"])
    shown = until_over(cloud, instance_id)
    cloud.close()

    assert "no-such-runtime" in shown["StateReason"]["Message"]


# Many at once


def test_twenty_launches_and_terminations_leave_nothing(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    ids = cloud.launch(amis["busybox"], count=20)
    slowest = 0.0
    while True:
        began = time.monotonic()
        shown = cloud.ec2.describe_instances(InstanceIds=ids)["Reservations"][0]["Instances"]
        slowest = max(slowest, time.monotonic() - began)
        if all(instance["State"]["Name"] == "running" for instance in shown):
            break
        assert not [each for each in shown if each["State"]["Name"] == "terminated"]
        time.sleep(0.1)
    addresses = {instance["PrivateIpAddress"] for instance in shown}
    inside = {cloud.container(instance_id)["Id"] for instance_id in ids}
    cloud.terminate(*ids)

    assert len(addresses) == len(inside) == 20
    # Nothing that Docker does may keep a caller waiting.
    assert slowest < 1.0
    assert [cloud.engine.container(each) for each in ids] == [None] * 20


def test_launches_that_are_terminated_at_once_leave_nothing(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    ids = [cloud.launch(amis["busybox"])[0] for _ in range(6)]
    cloud.ec2.terminate_instances(InstanceIds=ids[:3])
    time.sleep(0.3)
    cloud.ec2.terminate_instances(InstanceIds=ids[3:])
    for instance_id in ids:
        cloud.until_state(instance_id, "terminated")

    until(lambda: [each for each in ids if cloud.engine.container(each)], lambda left: left == [])


# The emulator killed


@pytest.fixture
def mortal(engine: Engine, key: Key) -> Iterator[Cloud]:
    started = with_key(Cloud(engine), key)
    yield started
    started.close()


@pytest.mark.parametrize("after_seconds", [0.0, 0.15, 0.4, 0.8, 1.5])
def test_an_emulator_killed_during_launches_orphans_nothing(
    mortal: Cloud, amis: Mapping[str, str], after_seconds: float
) -> None:
    mortal.launch(amis["busybox"], count=4)
    time.sleep(after_seconds)
    mortal.restart(kill=True)

    def settled() -> tuple[set[str], set[str], set[str]]:
        pages = mortal.ec2.get_paginator("describe_instances").paginate()
        states = {
            instance["InstanceId"]: instance["State"]["Name"]
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        }
        containers = set(mortal.engine.of(mortal.namespace).get("container", []))
        up = {container_name(each) for each, state in states.items() if state == "running"}
        return containers, up, set(states.values()) - {"running", "terminated"}

    # Every container is a running instance, and the other way round.
    until(settled, lambda seen: seen[0] == seen[1] and not seen[2], seconds=20)
    mortal.terminate_all()


def test_an_emulator_killed_while_instances_run_finds_them_again(
    mortal: Cloud, amis: Mapping[str, str], key: Key
) -> None:
    running = mortal.run(amis["debian-sshd"], KeyName="test")
    stopped = mortal.run(amis["busybox"])
    mortal.ec2.stop_instances(InstanceIds=[stopped])
    mortal.until_state(stopped, "stopped")
    before = mortal.instance(running)
    mortal.restart(kill=True)

    after = mortal.until_state(running, "running")
    mortal.until_state(stopped, "stopped")
    for member in ("PrivateIpAddress", "PublicIpAddress", "ImageId", "KeyName", "InstanceType"):
        assert after[member] == before[member]
    assert mortal.ssh(running, key, "echo still here") == "still here"
    mortal.ec2.start_instances(InstanceIds=[stopped])
    mortal.until_state(stopped, "running")


def test_an_emulator_leaves_the_instances_of_another_alone(
    cloud: Cloud, mortal: Cloud, amis: Mapping[str, str]
) -> None:
    instance_id = cloud.run(amis["busybox"])
    mortal.restart(kill=True)
    mortal.ec2.describe_instances()
    shown = mortal.ec2.describe_instances()["Reservations"]

    assert shown == []
    assert cloud.container(instance_id)["State"]["Status"] == "running"
    cloud.terminate(instance_id)


# The way to the engine broken


def test_a_broken_wire_is_survived(engine: Engine, amis: Mapping[str, str], key: Key) -> None:
    with EngineRelay() as relay:
        cloud = with_key(Cloud(engine, DOCKER_HOST=relay.address), key)
        lived, died = cloud.run(amis["debian-sshd"], KeyName="test"), cloud.run(amis["busybox"])
        relay.cut()
        engine("rm", "--force", container_name(died))
        (refused,) = cloud.launch(amis["busybox"])
        shown = until_over(cloud, refused)
        listed = cloud.ec2.describe_instances(InstanceIds=[lived])
        relay.mend()
        cloud.until_state(died, "terminated")
        again = cloud.run(amis["busybox"])
        alive = cloud.until_state(lived, "running")
        said = cloud.ssh(lived, key, "echo still here")
        cloud.terminate(again)
        cloud.close()

    assert "Docker engine" in shown["StateReason"]["Message"]
    assert listed["Reservations"][0]["Instances"][0]["State"]["Name"] == "running"
    assert alive["State"]["Name"] == "running"
    assert said == "still here"
