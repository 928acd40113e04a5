"""The tools' volume, and guests that are removed when their test is over."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.vm.docker import tools
from emulator.vm.docker.files import GuestPlan
from emulator.vm.docker.host_keys import new_host_keys
from tests.absent import absent
from tests.functional.guest_boot.guest import Guest, KeyFile, docker

RUN = secrets.token_hex(3)


IMAGES = ("debian", "debian-sshd", "busybox", "scratch", "cloud-init", "systemd")
SYSTEMD = (
    *("--tty", "--tmpfs", "/run", "--tmpfs", "/run/lock"),
    *("--volume", "/sys/fs/cgroup:/sys/fs/cgroup:ro"),
)


@pytest.fixture(scope="session")
def volume() -> Iterator[str]:
    for program in ("docker", "ssh", "sftp", "scp", "nsenter"):
        if shutil.which(program) is None:
            absent(f"no {program}; tests/lab/setup says why")
    for name in IMAGES:
        if "Error" in docker("image", "inspect", f"ec2-emulator-test/{name}", check=False):
            absent(f"no image ec2-emulator-test/{name}; tests/lab/setup says why")
    if not (tools.default_directory() / "dropbearmulti").exists():
        absent("no guest tools; tests/lab/setup says why")
    yield from filled(f"guest-tools-{RUN}", tools.default_directory())


@pytest.fixture
def volume_without_dropbear(volume: str, tmp_path: Path) -> Iterator[str]:
    shutil.copy(tools.default_directory() / "busybox", tmp_path)
    shutil.copy(tools.default_directory() / "applets", tmp_path)
    yield from filled(f"{volume}-less", tmp_path)


def filled(name: str, directory: Path) -> Iterator[str]:
    """Make a volume with the tools of a directory, and remove it afterwards."""
    docker("import", "-", f"{name}:1", stdin=tools.load(directory).archive)
    # a new volume takes its content from the image, when a container with both is created
    docker("create", "--name", name, "--volume", f"{name}:/.ec2-emulator", f"{name}:1", "x")
    docker("rm", name)
    yield name
    docker("volume", "rm", "--force", name, check=False)
    docker("rmi", "--force", f"{name}:1", check=False)


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    return KeyFile.make(tmp_path_factory.mktemp("key") / "id")


@pytest.fixture
def guest(volume: str, key: KeyFile) -> Iterator[Callable[..., Guest]]:
    """Makes a guest of one of the lab's images; flags are Docker's, keywords the plan's."""
    made: list[Guest] = []

    def create(image: str, *flags: str, tools: str | None = None, **wanted: object) -> Guest:
        number = secrets.token_hex(8)
        plan = {
            "instance_id": f"i-{number}0",
            "hostname": "ip-172-17-0-9.ec2.internal",
            "public_keys": [key.public],
            "host_keys": new_host_keys(),
            "wait_for_namespace": False,
            "stop_signal": "SIGPWR",
            **wanted,
        }
        options = flags or (SYSTEMD if plan.get("init") else ("--init",))
        name = f"guest-{RUN}-{number}"
        full_name = image if "/" in image else f"ec2-emulator-test/{image}"
        made.append(Guest.create(name, full_name, tools or volume, GuestPlan(**plan), *options))
        return made[-1]

    yield create
    for one in made:
        one.remove()
