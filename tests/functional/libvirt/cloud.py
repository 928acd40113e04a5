"""An emulator with virtual machines behind it, used as a client does."""

from __future__ import annotations

import subprocess
from typing import Any

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.keys import OPTIONS, Key, SshAddress
from tests.functional.docker.waiting import until
from tests.functional.libvirt.hypervisor import Hypervisor

# Software emulation on a machine that does other things as well.
BOOT_SECONDS = 1500
# One processor: two that are emulated on a busy machine wait for each other.
SMALL = "t2.micro"


class VmCloud(Cloud):
    """An emulator process of a namespace of its own, over one hypervisor."""

    def __init__(self, hypervisor: Hypervisor, **environ: str) -> None:
        self.hypervisor = hypervisor
        engine: Any = hypervisor  # it answers what a Docker engine is asked here
        # A guest that is emulated on a busy machine needs minutes to shut down.
        patient = {"EC2_LIBVIRT_STOP_SECONDS": "600"}
        super().__init__(engine, **{**hypervisor.environ, **patient, **environ})

    def launch(self, image_id: str = "", count: int = 1, **params: Any) -> list[str]:
        """Launch small instances of the lab's image, once it is known."""
        image_id = image_id or self.hypervisor.ami
        self.until_image(image_id)
        return super().launch(image_id, count, **{"InstanceType": SMALL, **params})

    def run(self, image_id: str = "", **params: Any) -> str:
        """Launch one instance and return its id when it runs."""
        return super().run(image_id, **params)

    def account(self, name: str) -> list[tuple[str, str]]:
        told = [(f"log of {name}", "\n".join(self.emulator.lines[-60:]))]
        for domain in self.hypervisor.domains(self.namespace):
            console = self.hypervisor.folder / f"{domain}.console"
            said = console.read_text(errors="replace")[-2000:] if console.exists() else ""
            told.append((domain, f"{self.hypervisor.state(domain)}\n{said}"))
        return told

    def ssh_address(self, instance_id: str) -> SshAddress:
        """Return where the instance is."""
        return SshAddress(self.instance(instance_id)["PublicIpAddress"], 22)

    def ssh(self, instance_id: str, key: Key, command: str, user: str = "localstack") -> str:
        """Return what a command prints that is run over SSH, once the guest is up."""
        address = self.ssh_address(instance_id)

        def attempt() -> subprocess.CompletedProcess[str]:
            try:
                return address.attempt(key, user, command)
            except subprocess.TimeoutExpired as error:
                # A guest that is still busy with its boot may take so long to log anybody in.
                return subprocess.CompletedProcess(error.cmd, 255, "", str(error))

        done = until(attempt, lambda done: done.returncode != 255, BOOT_SECONDS)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout.strip()

    def ssh_by_password(self, instance_id: str, user: str, password: str, command: str) -> str:
        """Return what a command prints that is run over SSH after a login by password."""
        options = [each for each in OPTIONS if not each.startswith("BatchMode")]
        given = [word for option in options for word in ("-o", option)]
        done = subprocess.run(
            [
                *("sshpass", "-p", password, "ssh", "-F", "none", *given),
                *("-o", "PubkeyAuthentication=no"),
                f"{user}@{self.ssh_address(instance_id).host}",
                command,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout.strip()

    def console(self, instance_id: str) -> str:
        """Return what GetConsoleOutput shows."""
        # botocore decodes it.
        return str(
            self.ec2.get_console_output(InstanceId=instance_id, Latest=True).get("Output", "")
        )

    def boots(self, instance_id: str) -> int:
        """Return how often the guest's kernel has begun, by what its console kept."""
        folder = self.hypervisor.folder
        kept = sorted(folder.glob(f"{instance_id}.console*"))
        return sum(each.read_bytes().count(b"Linux version ") for each in kept)
