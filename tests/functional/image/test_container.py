"""The container as users run it: the README's command, its limits, its end and its return."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.functional.docker.engine import Engine
from tests.functional.docker.keys import Key
from tests.functional.docker.waiting import until
from tests.functional.image.conftest import BASE, NAME, build_image
from tests.functional.image.container import (
    ROOT,
    SOCKET,
    ContainerCloud,
    EmulatorContainer,
    quick_start,
)

LARGEST_MB = 150


def asked(url: str, page: str) -> Any:
    with urllib.request.urlopen(f"{url}/_localstack/{page}", timeout=5) as answer:
        return json.load(answer)


@pytest.fixture
def containers(engine: Engine) -> Iterator[list[EmulatorContainer]]:
    """Remembers what a test starts."""
    started: list[EmulatorContainer] = []
    yield started
    for each in started:
        each.remove()


# The image


def test_the_image_is_small_labelled_and_without_what_it_does_not_run(
    engine: Engine, image: str
) -> None:
    def size(name: str) -> int:
        return int(engine("image", "inspect", "--format", "{{.Size}}", name))

    labels = json.loads(engine("image", "inspect", "--format", "{{json .Config.Labels}}", image))
    missing = engine(
        *("run", "--rm", "--entrypoint", "sh", image, "-c"),
        "find / -xdev ( -name pip -o -name setuptools -o -path '*/twisted/*/test' ) 2>/dev/null;"
        " command -v gcc curl || true".replace("( ", "\\( ").replace(" )", " \\)"),
    )

    assert size(image) - size(BASE) <= LARGEST_MB * 1_000_000
    assert labels["org.opencontainers.image.title"] == "ec2-emulator"
    assert re.fullmatch(r"\d+\.\d+\.\d+", labels["org.opencontainers.image.version"])
    assert engine("run", "--rm", image, "--version") == labels["org.opencontainers.image.version"]
    assert missing == ""


def test_an_image_that_has_grown_is_refused(engine: Engine, image: str) -> None:
    before = engine("image", "inspect", "--format", "{{.Id}}", image)
    refused = build_image(LIMIT_MB="1")

    assert refused.returncode == 1
    assert "it may add 1 MB" in refused.stderr
    assert engine("image", "inspect", "--format", "{{.Id}}", image) == before
    assert "unchecked" not in engine("image", "ls", "--format", "{{.Tag}}", NAME)


# As the README says


def test_the_quick_start(engine: Engine, image: str, amis: Mapping[str, str]) -> None:
    words = quick_start()
    assert words[:4] == ["docker", "run", "--name", "ec2-emulator"]
    assert words[-1] == "ec2-emulator"
    assert "127.0.0.1:4566:4566" in words
    assert SOCKET in words
    options = [
        word for word in words[4:-1] if word not in ("-p", "127.0.0.1:4566:4566", "-v", SOCKET)
    ]
    assert options == []
    cloud = ContainerCloud(engine, image)
    try:
        (block,) = re.findall(
            r"```sh\n(export .*?)```", (ROOT / "README.md").read_text(), re.DOTALL
        )
        script = block.replace("http://127.0.0.1:4566", cloud.emulator.url)
        script = script.replace("ami-df5de72bdb3b", amis["debian"])
        done = subprocess.run(
            ["bash", "-euc", script],
            env={**os.environ, "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}", "AWS_PAGER": ""},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (instance_id,) = set(re.findall(r"\bi-[0-9a-f]{17}\b", done.stdout))
        cloud.until_state(instance_id, "running")
        info = asked(cloud.emulator.url, "info")
        assert info["vm_manager"]["name"] == "docker"
        assert info["is_docker"] is True
        assert info["live_ports"]["forwarded"] is False
        until(
            lambda: cloud.emulator.process.state()["Health"]["Status"],
            lambda status: status == "healthy",
        )
        cloud.close()
    finally:
        cloud.discard()


def test_without_a_socket_it_has_records_only(
    engine: Engine, image: str, containers: list[EmulatorContainer]
) -> None:
    containers.append(EmulatorContainer(engine, image))

    assert asked(containers[0].url, "info")["vm_manager"]["name"] == "mock"
    assert containers[0].stop() == 0


def test_the_stop_is_graceful_and_quick(
    engine: Engine, image: str, containers: list[EmulatorContainer]
) -> None:
    containers.append(EmulatorContainer(engine, image, ("--volume", SOCKET)))
    began = time.monotonic()
    status = containers[0].stop()

    assert status == 0
    assert time.monotonic() - began < 10
    assert any("stopped" in line for line in containers[0].lines)


def test_a_read_only_root_and_another_user(
    engine: Engine, image: str, containers: list[EmulatorContainer]
) -> None:
    group = str(Path("/var/run/docker.sock").stat().st_gid)
    options = ("--read-only", "--user", "1000", "--group-add", group, "--volume", SOCKET)
    containers.append(EmulatorContainer(engine, image, options, EMULATOR_NAMESPACE="test-none"))

    assert containers[0].inside("id", "-u") == "1000"
    assert asked(containers[0].url, "info")["vm_manager"]["name"] == "docker"
    assert "172.31.0.0/16" in containers[0].inside("awslocal", "ec2", "describe-vpcs")
    assert containers[0].stop() == 0


def test_a_user_who_may_not_use_the_socket_is_told_how_to(engine: Engine, image: str) -> None:
    words = ("run", "--rm", "--user", "1000:1000", "--volume", SOCKET)
    refused = engine.run(*words, "--env", "EC2_VM_MANAGER=docker", image)

    group = Path("/var/run/docker.sock").stat().st_gid
    assert refused.returncode == 1
    assert f"docker run --group-add {group}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_setting_that_means_nothing_ends_it_with_a_sentence(engine: Engine, image: str) -> None:
    refused = engine.run("run", "--rm", "--env", "LOCALSTACK_DEFAULT_ACCOUNT_ID=7", image)

    assert refused.returncode == 1
    assert "an account id has twelve digits" in refused.stderr


# Networks and neighbours


@pytest.mark.parametrize("kind", ["user", "host"])
def test_it_works_on_another_network(
    engine: Engine, image: str, amis: Mapping[str, str], key: Key, kind: str
) -> None:
    network = "host" if kind == "host" else f"ec2-emulator-test-{os.getpid()}"
    environ = {}
    if kind == "host":
        environ["GATEWAY_LISTEN"] = "127.0.0.1:0"
    else:
        engine("network", "create", network)
    cloud = ContainerCloud(engine, image, ("--network", network), **environ)
    try:
        cloud.ec2.import_key_pair(KeyName="test", PublicKeyMaterial=key.public.encode())
        instance_id = cloud.run(amis["debian-sshd"], KeyName="test")
        assert cloud.ssh(instance_id, key, "echo there") == "there"
        cloud.close()
    finally:
        cloud.discard()
        if kind != "host":
            engine.run("network", "rm", network)


def test_two_emulators_do_not_see_each_others_instances(
    engine: Engine, image: str, amis: Mapping[str, str]
) -> None:
    first, second = ContainerCloud(engine, image), ContainerCloud(engine, image)
    try:
        mine = first.run(amis["busybox"])
        theirs = second.run(amis["busybox"])
        assert [
            each["Instances"][0]["InstanceId"]
            for each in first.ec2.describe_instances()["Reservations"]
        ] == [mine]
        second.close()
        assert first.instance(mine)["State"]["Name"] == "running"
        assert engine.container(theirs) is None
        first.close()
    finally:
        first.discard()
        second.discard()


# Its end, and its return


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_instances_are_known_again(
    engine: Engine, image: str, amis: Mapping[str, str], key: Key, how: str
) -> None:
    cloud = ContainerCloud(engine, image)
    try:
        cloud.ec2.import_key_pair(KeyName="test", PublicKeyMaterial=key.public.encode())
        instance_id = cloud.run(amis["debian-sshd"], KeyName="test")
        before = cloud.instance(instance_id)
        if how == "stop":
            assert cloud.emulator.stop() == 0
        else:
            cloud.emulator.kill()
        assert engine.container(instance_id) is not None
        cloud.containers[-1].start()
        cloud.ec2 = cloud.client()

        after = cloud.until_state(instance_id, "running")
        assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
        script = (
            "curl -s -f -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "
            "http://169.254.169.254/latest/api/token >/dev/null && echo answered"
        )
        answered = until(
            lambda: engine.run("exec", f"localstack-ec2.{instance_id}", "sh", "-c", script).stdout,
            lambda text: text.strip() == "answered",
        )
        assert answered
        assert cloud.ssh(instance_id, key, "echo there") == "there"
        cloud.close()
    finally:
        cloud.discard()


def test_told_to_it_takes_its_instances_along(
    engine: Engine, image: str, amis: Mapping[str, str]
) -> None:
    cloud = ContainerCloud(engine, image, EC2_REMOVE_CONTAINERS="1")
    try:
        cloud.run(amis["busybox"])
        began = time.monotonic()
        assert cloud.emulator.stop() == 0
        assert time.monotonic() - began < 10
        assert engine.of(cloud.namespace) == {}
    finally:
        cloud.discard()


# Init scripts


def test_init_scripts_run_in_order_from_boot_to_shutdown(
    engine: Engine, image: str, containers: list[EmulatorContainer], tmp_path: Path
) -> None:
    scripts = {
        "boot.d/1.sh": "#!/bin/sh\necho script boot 1\nexit 3\n",
        "boot.d/2.py": "print('script boot 2', flush=True)\n",
        "boot.d/deeper/3.sh": "#!/bin/sh\necho script boot 3\n",
        "start.d/1.sh": "#!/bin/sh\necho script start\n",
        "ready.d/1.sh": "#!/bin/sh\necho script ready 1\nexit 4\n",
        "ready.d/2.sh": (
            "#!/bin/sh\nset -e\nawslocal ec2 create-vpc --cidr-block 10.9.0.0/16 >/dev/null\n"
            "echo script ready 2\n"
        ),
        "shutdown.d/1.sh": "#!/bin/sh\necho script shutdown\n",
    }
    for name, text in scripts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    containers.append(
        EmulatorContainer(engine, image, ("--volume", f"{tmp_path}:/etc/localstack/init:ro"))
    )
    emulator = containers[0]
    page = asked(emulator.url, "init")
    vpcs = emulator.inside("awslocal", "ec2", "describe-vpcs", "--query", "Vpcs[].CidrBlock")
    assert emulator.stop() == 0

    assert page["completed"] == {"BOOT": True, "START": True, "READY": True, "SHUTDOWN": False}
    assert {(each["stage"], each["name"]): each["state"] for each in page["scripts"]} == {
        ("BOOT", "1.sh"): "UNKNOWN",
        ("BOOT", "2.py"): "UNKNOWN",
        ("BOOT", "3.sh"): "UNKNOWN",
        ("START", "1.sh"): "SUCCESSFUL",
        ("READY", "1.sh"): "ERROR",
        ("READY", "2.sh"): "SUCCESSFUL",
        ("SHUTDOWN", "1.sh"): "UNKNOWN",
    }
    assert "10.9.0.0/16" in vpcs
    said = [line.removeprefix("script ") for line in emulator.lines if line.startswith("script ")]
    assert said == [
        *("boot 1", "boot 2", "boot 3", "start", "ready 1", "ready 2", "shutdown"),
    ]
    assert any("1.sh failed with exit status 3" in line for line in emulator.lines)
