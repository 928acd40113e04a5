"""A Docker engine as its command line shows it: the outside view of what the emulator did."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

import attrs

NAMESPACE_LABEL = "ec2-emulator.namespace"
# The parts of an engine in which an emulator may leave something: command → its listing.
KINDS: Mapping[str, tuple[str, ...]] = {
    "container": ("container", "ls", "--all", "--format", "{{.Names}}"),
    "network": ("network", "ls", "--format", "{{.Name}}"),
    "volume": ("volume", "ls", "--format", "{{.Name}}"),
}


def container_name(instance_id: str) -> str:
    """Return the name that users know an instance's container by."""
    return f"localstack-ec2.{instance_id}"


@attrs.frozen
class Engine:
    """The docker command; ``environ`` says which engine it speaks with."""

    environ: Mapping[str, str] = attrs.field(factory=dict)

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run one docker command, whatever comes of it."""
        return subprocess.run(
            ["docker", *words],
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            timeout=options.pop("timeout", 120),
            check=False,
            **options,
        )

    def __call__(self, *words: str, **options: Any) -> str:
        """Return what a docker command prints; it has to succeed."""
        done = self.run(*words, **options)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout.strip()

    def container(self, instance_id: str) -> Mapping[str, Any] | None:
        """Return what ``docker inspect`` says of an instance's container, if there is one."""
        done = self.run("container", "inspect", container_name(instance_id))
        return json.loads(done.stdout)[0] if done.returncode == 0 else None

    def inside(self, instance_id: str, *command: str) -> str:
        """Return what a command in an instance prints; it has to succeed."""
        return self("exec", container_name(instance_id), *command)

    def of(self, namespace: str) -> dict[str, list[str]]:
        """Return the names of an emulator's containers, networks and volumes; empty: nothing."""
        found = {
            kind: self(*listing, "--filter", f"label={NAMESPACE_LABEL}={namespace}").split()
            for kind, listing in KINDS.items()
        }
        return {kind: names for kind, names in found.items() if names}

    def remove_all(self, namespace: str) -> None:
        """Remove an emulator's containers, networks and volumes, in this order."""
        for kind, names in self.of(namespace).items():
            force = [] if kind == "network" else ["--force"]
            self.run(kind, "rm", *force, *names)

    def tags_of(self, image_id: str) -> list[str]:
        """Return the Docker tags of an AMI."""
        listed = self("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
        return [tag for tag in listed if tag.endswith(f":{image_id}")]
