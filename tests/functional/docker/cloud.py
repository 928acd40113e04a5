"""An emulator with containers behind it: started, used as a client does, left without a trace."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config

from tests.clients.emulator_process import EmulatorProcess
from tests.functional.docker.engine import Engine, container_name
from tests.functional.docker.keys import Key, SshAddress
from tests.functional.docker.waiting import until

CREDENTIALS = {
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
    "region_name": "us-east-1",
}
ONCE = Config(parameter_validation=False, retries={"total_max_attempts": 1})
OVER = ("terminated", "shutting-down")


class Cloud:
    """An emulator process of a namespace of its own, and boto3 as its client.

    Args:
        engine: where its containers are.
        through: a command that starts other commands where the emulator is to run.
        environ: settings besides the manager and the namespace.
    """

    def __init__(self, engine: Engine, through: Sequence[str] = (), **environ: str) -> None:
        self.engine = engine
        self.through = tuple(through)
        self.namespace = f"test-{uuid4().hex[:10]}"
        self.environ = {
            "EC2_VM_MANAGER": "docker",
            "EC2_DOWNLOAD_DEFAULT_IMAGES": "0",
            "EMULATOR_NAMESPACE": self.namespace,
            **engine.environ,
            **environ,
        }
        self.emulator = self._started()
        self.ec2 = self.client()
        self._made_images: list[str] = []

    # The process

    def _started(self) -> EmulatorProcess:
        return EmulatorProcess(through=self.through, **self.environ)

    def client(self, config: Config = ONCE, service: str = "ec2") -> Any:
        """Return another client of the emulator."""
        return boto3.client(
            service, endpoint_url=self.emulator.url, config=ONCE.merge(config), **CREDENTIALS
        )

    def restart(self, *, kill: bool = False, **environ: str) -> None:
        """End the emulator, politely or not, and start it again with its containers there."""
        if self.emulator.process.poll() is None:
            if kill:
                self.emulator.kill()
            else:
                self.emulator.stop()
        self.environ.update(environ)
        self.emulator = self._started()
        self.ec2 = self.client()

    def close(self) -> None:
        """End every instance and the emulator, and hold it to having left nothing."""
        try:
            if self.emulator.process.poll() is None:
                self.terminate_all()
                assert self.emulator.stop() == 0
            faults, left = self.faults(), self.engine.of(self.namespace)
            assert faults == [], faults
            assert left == {}, (left, self.emulator.lines[-20:])
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove whatever there is, without any demands."""
        if self.emulator.process.poll() is None:
            self.emulator.kill()
        self.engine.remove_all(self.namespace)
        for image_id in self._made_images:
            for tag in self.engine.tags_of(image_id):
                self.engine.run("image", "rm", "--force", tag)

    def account(self, name: str) -> list[tuple[str, str]]:
        """Return what there is to know after a failure, under titles."""
        told = [(f"log of {name}", "\n".join(self.emulator.lines[-40:]))]
        for container in self.engine.of(self.namespace).get("container", []):
            lines = [
                self.engine.run(*words).stdout
                for words in (
                    ("logs", "--tail", "20", container),
                    ("top", container, "-o", "pid,stat,args"),
                    ("inspect", "--format", "{{json .State}}", container),
                )
            ]
            told.append((container, "".join(lines)))
        return told

    def faults(self) -> list[str]:
        """Return the lines of the log that tell of a mistake of the emulator's."""
        return [line for line in self.emulator.lines if "Traceback" in line or " ERROR " in line]

    def logged(self, pattern: str, seconds: float = 30) -> re.Match[str]:
        """Return the match of a line of the log, once it is there."""

        def found() -> re.Match[str] | None:
            # A copy: another thread goes on collecting.
            matches = (re.search(pattern, line) for line in list(self.emulator.lines))
            return next((match for match in matches if match), None)

        match = until(found, lambda match: match is not None, seconds)
        assert match is not None
        return match

    def command(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run one of the emulator's own commands beside it."""
        listen = self.emulator.url.removeprefix("http://")
        return subprocess.run(
            [*self.through, sys.executable, "-m", "emulator", *words],
            env={**os.environ, **self.environ, "GATEWAY_LISTEN": listen},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **options,
        )

    def page(self, path: str) -> Any:
        """Return what a page under ``/_localstack/`` holds."""
        with urllib.request.urlopen(f"{self.emulator.url}{path}", timeout=10) as answer:
            return json.load(answer)

    # Instances

    def launch(self, image_id: str, count: int = 1, **params: Any) -> list[str]:
        """Launch instances and return their ids at once."""
        params = {"InstanceType": "t3.micro", **params}
        launched = self.ec2.run_instances(
            ImageId=image_id, MinCount=count, MaxCount=count, **params
        )
        return [instance["InstanceId"] for instance in launched["Instances"]]

    def run(self, image_id: str, **params: Any) -> str:
        """Launch one instance and return its id when it runs."""
        (instance_id,) = self.launch(image_id, **params)
        self.until_state(instance_id, "running")
        return instance_id

    def instance(self, instance_id: str) -> Any:
        """Describe one instance."""
        shown = self.ec2.describe_instances(InstanceIds=[instance_id])
        return shown["Reservations"][0]["Instances"][0]

    def until_state(self, instance_id: str, state: str, seconds: float = 60) -> Any:
        """Return the instance once it is in a state; fail at once where it cannot get there."""

        def settled(seen: Any) -> bool:
            return seen["State"]["Name"] == state or seen["State"]["Name"] in OVER[:1]

        seen = until(lambda: self.instance(instance_id), settled, seconds)
        assert seen["State"]["Name"] == state, seen.get("StateReason")
        return seen

    def terminate(self, *instance_ids: str) -> None:
        """End instances and wait until they are."""
        self.ec2.terminate_instances(InstanceIds=list(instance_ids))
        for instance_id in instance_ids:
            self.until_state(instance_id, "terminated")

    def release(self, *instance_ids: str) -> None:
        """End instances that nobody needs any more; whoever closes the cloud waits for them."""
        self.ec2.terminate_instances(InstanceIds=list(instance_ids))

    def terminate_all(self) -> None:
        """End every instance there is and wait until their containers are gone."""
        ids = [
            instance["InstanceId"]
            for page in self.ec2.get_paginator("describe_instances").paginate()
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
            if instance["State"]["Name"] != "terminated"
        ]
        if ids:
            self.terminate(*ids)
        until(lambda: self.engine.of(self.namespace).get("container", []), lambda left: not left)

    # Inside

    def container(self, instance_id: str) -> Any:
        """Return what ``docker inspect`` says; there has to be a container."""
        found = self.engine.container(instance_id)
        assert found is not None, f"there is no {container_name(instance_id)}"
        return found

    def inside(self, instance_id: str, script: str) -> str:
        """Return what a shell script in the instance prints."""
        return self.engine.inside(instance_id, "sh", "-c", script)

    def reads(self, instance_id: str, path: str, text: str, seconds: float = 30) -> str:
        """Return a file of the instance once it holds a text."""
        name = container_name(instance_id)

        def read() -> str:
            done = self.engine.run("exec", name, "cat", path)
            return done.stdout + done.stderr

        return until(read, lambda held: text in held, seconds)

    def ssh_address(self, instance_id: str) -> SshAddress:
        """Return where the host has the instance's port 22."""
        ports = self.container(instance_id)["NetworkSettings"]["Ports"]
        return SshAddress("127.0.0.1", int(ports["22/tcp"][0]["HostPort"]), self.through)

    def ssh(self, instance_id: str, key: Key, command: str, user: str = "root") -> str:
        """Return what a command prints that is run over SSH."""
        return self.ssh_address(instance_id).run(key, user, command)

    # Images

    def owns_image(self, image_id: str) -> str:
        """Note an image that goes when the test ends, and return it."""
        self._made_images.append(image_id)
        return image_id

    def tag(self, source: str, name: str, image_id: str, prefix: str = "") -> str:
        """Make an AMI of a Docker image as users do, and return its id."""
        self.engine("tag", source, f"{prefix}localstack-ec2/{name}:{image_id}")
        return self.owns_image(image_id)

    def until_image(self, image_id: str, state: str = "available") -> Any:
        """Return an image once it is in a state."""

        def shown() -> list[Any]:
            answer = self.ec2.describe_images(Filters=[{"Name": "image-id", "Values": [image_id]}])
            return list(answer["Images"])

        (image,) = until(shown, lambda images: [each["State"] for each in images] == [state])
        return image
