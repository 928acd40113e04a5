"""Stop, start, reboot, terminate and shutdown, as containers do them.

Source: the seed documents, "Operations": StopInstances pauses, StartInstances resumes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from botocore.exceptions import ClientError

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.conftest import with_key
from tests.functional.docker.engine import Engine
from tests.functional.docker.keys import Key
from tests.functional.docker.waiting import until


@pytest.fixture(scope="module")
def stopping(engine: Engine, key: Key) -> Iterator[Cloud]:
    """An emulator whose containers are really stopped, and stay when they are terminated."""
    started = with_key(
        Cloud(
            engine,
            EC2_DOCKER_STOP_MODE="stop",
            EC2_REMOVE_CONTAINERS="0",
            EC2_MOUNT_DOCKER_SOCKET="0",
            EC2_DOCKER_INIT="0",
        ),
        key,
    )
    yield started
    try:
        if started.emulator.process.poll() is None:
            assert started.emulator.stop() == 0
        assert started.faults() == []
    finally:
        started.discard()


def stop(cloud: Cloud, instance_id: str) -> None:
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.until_state(instance_id, "stopped")


def start(cloud: Cloud, instance_id: str) -> None:
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.until_state(instance_id, "running")


def container_state(cloud: Cloud, instance_id: str) -> str:
    return str(cloud.container(instance_id)["State"]["Status"])


def test_stop_pauses_and_start_resumes(cloud: Cloud, amis: Mapping[str, str], key: Key) -> None:
    instance_id = cloud.run(amis["debian-sshd"], KeyName="test")
    cloud.ssh(instance_id, key, "nohup sleep 1000 >/dev/null 2>&1 &")
    before = cloud.instance(instance_id)
    began = cloud.container(instance_id)["State"]["StartedAt"]
    keys = cloud.ssh_address(instance_id).host_keys()

    stop(cloud, instance_id)
    assert container_state(cloud, instance_id) == "paused"
    stopped = cloud.instance(instance_id)
    start(cloud, instance_id)
    after = cloud.instance(instance_id)

    assert container_state(cloud, instance_id) == "running"
    assert cloud.container(instance_id)["State"]["StartedAt"] == began
    assert "sleep 1000" in cloud.ssh(instance_id, key, "ps -eo args")
    assert cloud.ssh_address(instance_id).host_keys() == keys
    assert "PublicIpAddress" not in stopped
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert before["PrivateIpAddress"] == after["PrivateIpAddress"]
    assert after["PublicIpAddress"]
    cloud.terminate(instance_id)


def test_a_stopped_instance_may_be_terminated(cloud: Cloud, amis: Mapping[str, str]) -> None:
    instance_id = cloud.run(amis["busybox"])
    stop(cloud, instance_id)
    cloud.terminate(instance_id)

    assert cloud.engine.container(instance_id) is None


def test_a_reboot_restarts_what_runs_inside(
    cloud: Cloud, amis: Mapping[str, str], key: Key
) -> None:
    instance_id = cloud.run(amis["debian-sshd"], KeyName="test")
    cloud.ssh(instance_id, key, "echo kept >/root/file; nohup sleep 1000 >/dev/null 2>&1 &")
    shown = cloud.instance(instance_id)
    began = cloud.container(instance_id)["State"]["StartedAt"]
    cloud.ec2.reboot_instances(InstanceIds=[instance_id])
    until(lambda: cloud.container(instance_id)["State"]["StartedAt"], lambda at: at != began)

    assert cloud.instance(instance_id)["State"]["Name"] == "running"
    assert cloud.ssh(instance_id, key, "cat /root/file") == "kept"
    assert "sleep 1000" not in cloud.ssh(instance_id, key, "ps -eo args")
    address = shown["PrivateIpAddress"]
    assert f"inet {address}/" in cloud.ssh(instance_id, key, "/sbin/ip -4 addr")
    cloud.terminate(instance_id)


def test_terminate_removes_the_container_and_keeps_the_record(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    instance_id = cloud.run(amis["busybox"])
    cloud.terminate(instance_id)
    shown = cloud.instance(instance_id)

    assert cloud.engine.container(instance_id) is None
    assert shown["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert "PublicIpAddress" not in shown
    with pytest.raises(ClientError) as refused:
        cloud.ec2.start_instances(InstanceIds=[instance_id])
    assert refused.value.response["Error"]["Code"] == "IncorrectInstanceState"


@pytest.mark.parametrize("image", ["debian", "debian-sshd", "busybox"])
@pytest.mark.parametrize(("behavior", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_shutdown_inside_does_what_the_instance_was_launched_to_do(
    cloud: Cloud, amis: Mapping[str, str], key: Key, image: str, behavior: str, state: str
) -> None:
    instance_id = cloud.run(amis[image], KeyName="test", InstanceInitiatedShutdownBehavior=behavior)
    address = cloud.ssh_address(instance_id)
    address.run(key, "root", "true")  # the server is up
    address.attempt(key, "root", "shutdown -h now")
    shown = cloud.until_state(instance_id, state)

    assert shown["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    if behavior == "stop":
        start(cloud, instance_id)
        assert cloud.ssh(instance_id, key, "echo again") == "again"
        cloud.terminate(instance_id)
    assert cloud.engine.container(instance_id) is None


def test_a_real_stop_ends_what_runs_and_keeps_what_is_on_disk(
    stopping: Cloud, amis: Mapping[str, str], key: Key
) -> None:
    instance_id = stopping.run(amis["debian"], KeyName="test")
    stopping.ssh(instance_id, key, "echo kept >/root/file; nohup sleep 1000 >/dev/null 2>&1 &")
    keys = stopping.ssh_address(instance_id).host_keys()
    address = stopping.instance(instance_id)["PrivateIpAddress"]

    stop(stopping, instance_id)
    assert container_state(stopping, instance_id) == "exited"
    start(stopping, instance_id)

    assert stopping.ssh(instance_id, key, "cat /root/file") == "kept"
    assert "sleep 1000" not in stopping.ssh(instance_id, key, "ps -eo args")
    assert f"inet {address}/" in stopping.ssh(instance_id, key, "/sbin/ip -4 addr")
    assert stopping.ssh_address(instance_id).host_keys() == keys
    stopping.terminate(instance_id)


def test_terminated_containers_may_be_kept_to_look_at(
    stopping: Cloud, amis: Mapping[str, str]
) -> None:
    instance_id = stopping.run(amis["debian"])
    stopping.inside(instance_id, "echo evidence >/root/file")
    stopping.terminate(instance_id)

    assert container_state(stopping, instance_id) == "exited"
    assert stopping.instance(instance_id)["State"]["Name"] == "terminated"
    stopping.restart()
    shown = stopping.ec2.describe_instances()["Reservations"]
    alive = [
        each["InstanceId"]
        for reservation in shown
        for each in reservation["Instances"]
        if each["State"]["Name"] != "terminated"
    ]
    assert instance_id not in alive
    assert container_state(stopping, instance_id) == "exited"


def test_the_docker_socket_may_be_kept_out(stopping: Cloud, amis: Mapping[str, str]) -> None:
    instance_id = stopping.run(amis["busybox"])
    listed = stopping.inside(instance_id, "ls /var/run/docker.sock 2>&1 || true")

    assert "No such file" in listed
    stopping.terminate(instance_id)


def test_dockers_init_may_be_left_out(stopping: Cloud, amis: Mapping[str, str]) -> None:
    instance_id = stopping.run(amis["debian"])

    assert not stopping.container(instance_id)["HostConfig"]["Init"]
    assert "docker-init" not in stopping.inside(instance_id, "cat /proc/1/cmdline")
    stopping.terminate(instance_id)


def test_dockers_init_is_the_first_process_otherwise(cloud: Cloud, amis: Mapping[str, str]) -> None:
    instance_id = cloud.run(amis["debian"])

    assert cloud.container(instance_id)["HostConfig"]["Init"]
    assert "init" in cloud.inside(instance_id, "cat /proc/1/cmdline")
    cloud.terminate(instance_id)
