"""Settings of the docker manager: flags read strictly, an image's own init, where the engine is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.conftest import with_key
from tests.functional.docker.engine import Engine
from tests.functional.docker.keys import Key
from tests.functional.docker.relay import EngineRelay
from tests.functional.docker.waiting import until

FLAGS = (
    "-e GREETING='hello there' --label team=blue --add-host db.internal:10.1.2.3 "
    "--shm-size 128m --ulimit nofile=2048:4096 --cap-add=SYS_PTRACE -v {folder}:/shared:ro "
    "--dns 192.0.2.53"
)


@pytest.fixture(scope="module")
def flagged(engine: Engine, key: Key, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("shared")
    (folder / "file").write_text("from the host")
    started = with_key(Cloud(engine, EC2_DOCKER_FLAGS=FLAGS.format(folder=folder)), key)
    yield started
    started.close()


def start_fails(**environ: str) -> str:
    started = subprocess.run(
        [sys.executable, "-m", "emulator", "start"],
        env={**os.environ, "GATEWAY_LISTEN": "127.0.0.1:0", "EC2_VM_MANAGER": "docker", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 1, started.stdout
    assert "Traceback" not in started.stderr
    return started.stderr


def test_flags_reach_the_container(flagged: Cloud, amis: Mapping[str, str]) -> None:
    instance_id = flagged.run(amis["debian"])
    container = flagged.container(instance_id)
    host = container["HostConfig"]

    assert host["CapAdd"] == ["SYS_PTRACE"]
    assert host["ShmSize"] == 128 * 1024**2
    assert container["Config"]["Labels"]["team"] == "blue"
    assert flagged.inside(instance_id, "echo $GREETING") == "hello there"
    assert "10.1.2.3" in flagged.inside(instance_id, "cat /etc/hosts")
    assert flagged.inside(instance_id, "ulimit -Sn") == "2048"
    assert flagged.inside(instance_id, "cat /shared/file") == "from the host"
    flagged.release(instance_id)


def test_flags_and_sshd_and_user_data_see_the_environment(
    flagged: Cloud, amis: Mapping[str, str]
) -> None:
    instance_id = flagged.run(amis["debian"], UserData='#!/bin/sh\necho "said: $GREETING"\n')

    flagged.reads(instance_id, "/var/log/cloud-init-output.log", "said: hello there")
    flagged.release(instance_id)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ("--privileged --no-such-flag", "--no-such-flag"),
        ("--rm", "--rm"),
        ("--name mine", "--name"),
        ("--entrypoint /bin/sh", "--entrypoint"),
        ("--shm-size lots", "lots"),
        ("--env", "--env"),
        ("ubuntu", "ubuntu"),
        ("-e 'A=unclosed", "EC2_DOCKER_FLAGS"),
    ],
)
def test_flags_that_mean_nothing_here_stop_the_start(flags: str, named: str) -> None:
    said = start_fails(EC2_DOCKER_FLAGS=flags)

    assert "EC2_DOCKER_FLAGS" in said
    assert named in said


def test_a_start_that_insists_on_docker_waits_for_its_engine(
    engine: Engine, amis: Mapping[str, str]
) -> None:
    with EngineRelay() as relay:
        relay.cut()
        started = Cloud(engine, DOCKER_HOST=relay.address)
        told = started.logged("the Docker engine does not answer")
        relay.mend()
        started.until_image(amis["busybox"])
        started.terminate(started.run(amis["busybox"]))
        started.close()

    assert "WARN" in told.string


def test_docker_is_what_a_start_chooses_where_an_engine_answers(engine: Engine) -> None:
    started = Cloud(engine, EC2_VM_MANAGER="")
    status = started.command("status")
    line = started.logged(r"VM manager: (\w+) \((.*)\)")
    started.close()

    assert line[1] == "docker"
    assert "VM manager: docker" in status.stdout


def test_records_only_are_what_a_start_chooses_where_none_does(engine: Engine) -> None:
    started = Cloud(engine, EC2_VM_MANAGER="", DOCKER_HOST="unix:///nonexistent/docker.sock")
    line = started.logged(r"VM manager: (\w+) \((.*)\)")
    assert started.emulator.stop() == 0
    started.discard()

    assert line[1] == "mock"
    assert "/nonexistent/docker.sock" in line[2]


def test_the_engine_may_be_elsewhere(engine: Engine, amis: Mapping[str, str]) -> None:
    with EngineRelay() as relay:
        started = Cloud(engine, DOCKER_HOST=relay.address)
        instance_id = started.run(amis["busybox"])
        asked = relay.requests
        started.close()

    assert any(instance_id in line for line in asked)


def test_an_image_that_asks_for_its_own_init_gets_it(
    cloud: Cloud, amis: Mapping[str, str], key: Key
) -> None:
    instance_id = cloud.run(
        amis["systemd"], KeyName="test", UserData="#!/bin/sh\necho by $(cat /proc/1/comm)\n"
    )

    assert cloud.ssh(instance_id, key, "cat /proc/1/comm") == "systemd"
    cloud.reads(instance_id, "/var/log/cloud-init-output.log", "by systemd")
    state = until(
        lambda: cloud.ssh(instance_id, key, "systemctl is-system-running || true"),
        lambda seen: seen not in ("initializing", "starting"),
    )
    assert state in ("running", "degraded")
    assert cloud.ssh(instance_id, key, "systemctl is-active ssh || systemctl is-active sshd")
    cloud.ssh_address(instance_id).attempt(key, "root", "systemctl poweroff")
    cloud.until_state(instance_id, "stopped")
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.until_state(instance_id, "running")
    assert cloud.ssh(instance_id, key, "cat /proc/1/comm") == "systemd"
    cloud.release(instance_id)


def test_limits_the_managers_tag_and_the_containers_may_go(
    engine: Engine, amis: Mapping[str, str]
) -> None:
    started = Cloud(
        engine, EC2_DOCKER_LIMITS="0", EC2_MANAGER_TAG="never", EC2_REMOVE_CONTAINERS="1"
    )
    instance_id = started.run(amis["busybox"])
    limits = started.container(instance_id)["HostConfig"]
    shown = started.instance(instance_id)
    stopped = started.emulator.stop()
    left = engine.of(started.namespace)
    started.discard()

    assert (limits["NanoCpus"], limits["Memory"]) == (0, 0)
    assert shown.get("Tags", []) == []
    assert stopped == 0
    assert left == {}
