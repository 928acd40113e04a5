"""`docker compose up` with the file that stands beside the README."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

import boto3
import pytest

from tests.absent import absent
from tests.functional.docker.engine import Engine
from tests.functional.docker.waiting import until
from tests.functional.image.container import ROOT

Compose = Callable[..., str]


def compose_command() -> list[str]:
    """Return the words that Compose is called with here."""
    plugin = ["docker", "compose"]
    if subprocess.run([*plugin, "version"], capture_output=True, check=False).returncode == 0:
        return plugin
    if shutil.which("docker-compose") is None:
        absent("no `docker compose` and no docker-compose; tests/lab/setup says why")
    return ["docker-compose"]


@pytest.fixture
def environ(engine: Engine, image: str) -> Iterator[Mapping[str, str]]:
    """What is told to Compose; what the emulator leaves is removed."""
    name = f"ec2-emulator-test-{uuid4().hex[:10]}"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    yield {
        "COMPOSE_PROJECT_NAME": name,
        "EC2_REMOVE_CONTAINERS": "1",
        "EMULATOR_IMAGE": image,
        "EMULATOR_NAMESPACE": name,
        "EMULATOR_PORT": str(port),
        "MAIN_CONTAINER_NAME": name,
    }
    engine.remove_all(name)


@pytest.fixture
def compose(environ: Mapping[str, str]) -> Iterator[Compose]:
    """Run Compose with the project's file, as a user does in the checkout."""
    words = compose_command()

    def run(*more: str) -> str:
        done = subprocess.run(
            [*words, *more],
            cwd=ROOT,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    yield run
    run("down", "--volumes")


def said(url: str) -> Any:
    """Return what the emulator says of itself, or None before it answers."""
    try:
        with urllib.request.urlopen(f"{url}/_localstack/info", timeout=10) as answer:
            return json.load(answer)
    except OSError:
        return None


def test_compose_starts_an_emulator_with_machines(
    engine: Engine, compose: Compose, environ: Mapping[str, str], amis: Mapping[str, str]
) -> None:
    compose("up", "-d")
    url = f"http://127.0.0.1:{environ['EMULATOR_PORT']}"
    info = until(lambda: said(url), lambda info: info is not None, 60)
    assert info["vm_manager"]["name"] == "docker"

    ec2 = boto3.client(
        "ec2",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    launched = ec2.run_instances(
        ImageId=amis["debian"], InstanceType="t3.micro", MinCount=1, MaxCount=1
    )
    (instance_id,) = [instance["InstanceId"] for instance in launched["Instances"]]
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id])
    container = engine.container(instance_id)
    assert container is not None
    assert container["State"]["Running"] is True
    assert container["Config"]["Labels"]["ec2-emulator.namespace"] == environ["EMULATOR_NAMESPACE"]

    # What was set in the environment has reached it: told to, it takes its instances along.
    compose("stop")
    assert engine.container(instance_id) is None
