"""One container booted by the guest's boot script, without the manager."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import attrs
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from emulator.vm.docker.files import GuestPlan, entrypoint, files

SSH_OPTIONS = (
    *("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=5"),
    *("-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no"),
    *("-o", "LogLevel=ERROR", "-F", "none"),
)


def docker(*words: str, stdin: bytes | None = None, check: bool = True) -> str:
    """Run the docker client and return what it printed."""
    done = subprocess.run(
        ["docker", *words], input=stdin, capture_output=True, check=False, timeout=120
    )
    assert not check or done.returncode == 0, done.stderr.decode()
    return (done.stdout + done.stderr).decode(errors="replace").strip()


def wait_until(check: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Poll until something is true; the machine that runs this is a real one."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


@attrs.frozen
class KeyFile:
    """A client's key pair: the private key's file, the public key's text."""

    path: Path
    public: str

    @classmethod
    def make(cls, path: Path, *, kind: str = "ed25519") -> Self:
        key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
        if kind == "rsa":
            key = rsa.generate_private_key(65537, 2048)
        else:
            key = ed25519.Ed25519PrivateKey.generate()
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        path.chmod(0o600)
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return cls(path, public.decode())


@attrs.define
class Guest:
    """A container that boots as an instance does."""

    name: str
    plan: GuestPlan

    @classmethod
    def create(cls, name: str, image: str, volume: str, plan: GuestPlan, *flags: str) -> Self:
        """Create the container and put the plan's files in; it is not started."""
        binary, *arguments = entrypoint(plan.instance_id)
        docker(
            *(
                "create",
                "--stop-signal",
                plan.stop_signal,
                "--name",
                name,
                "--hostname",
                plan.hostname,
                "--volume",
            ),
            *(f"{volume}:/.ec2-emulator:ro", "--entrypoint", binary, *flags, image, *arguments),
        )
        docker("cp", "-", f"{name}:/", stdin=files(plan, now=time.time()))
        return cls(name, plan)

    def start(self) -> Self:
        docker("start", self.name)
        return self

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", self.name, check=False)

    def run(self, script: str) -> str:
        """Return what a shell inside prints, standard error included."""
        shell = ("/.ec2-emulator/sh", "-c", f"exec 2>&1; {script}")
        return docker("exec", self.name, *shell, check=False)

    def console(self) -> str:
        return docker("logs", self.name)

    def wait_for_console(self, text: str, seconds: float = 30) -> None:
        wait_until(lambda: text in self.console(), f"{text!r} on the console", seconds)

    def wait_for_end(self) -> int:
        """Return the code with which the boot process ended."""
        wait_until(lambda: self.inspect("{{.State.Status}}") == "exited", "the container's end")
        return int(self.inspect("{{.State.ExitCode}}"))

    def inspect(self, template: str) -> str:
        return docker("inspect", "--format", template, self.name)

    @property
    def address(self) -> str:
        return self.inspect("{{.NetworkSettings.IPAddress}}")

    def banner(self) -> str:
        """Return the SSH server's first line, or nothing while there is none."""
        try:
            with socket.create_connection((self.address, 22), timeout=2) as client:
                return client.recv(100).split(b"\r\n")[0].decode()
        except OSError:
            return ""

    def wait_for_ssh(self) -> str:
        wait_until(self.banner, "an SSH banner")
        return self.banner()

    def ssh(self, user: str, key: KeyFile, command: str, *options: str) -> str:
        """Return what a command prints over SSH."""
        done = subprocess.run(
            ["ssh", *SSH_OPTIONS, *options, "-i", key.path, f"{user}@{self.address}", command],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout + done.stderr
