"""An emulator with virtual machines behind it: those of the stand-in, through a real process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.clients.emulator_process import EmulatorProcess
from tests.fakes.vboxmanage import Stand
from tests.fakes.virtualbox_manager import AMI, install_program

PATIENCE_SECONDS = 90


def until(what: str, look: Callable[[], Any]) -> Any:
    """Return what ``look`` returns once it is true, or fail with what was waited for."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {PATIENCE_SECONDS} seconds")


class Stage:
    """An emulator that can be started again, and the VirtualBox it finds."""

    def __init__(self, folder: Path) -> None:
        self.stand = Stand(folder / "virtualbox")
        self.images = folder / "images"
        self.images.mkdir()
        program = install_program(folder / "bin", folder / "virtualbox")
        self._environ = {
            "PATH": f"{program}:{os.environ['PATH']}",
            "EC2_VM_MANAGER": "virtualbox",
            "EC2_VIRTUALBOX_IMAGES": str(self.images),
            "EC2_VIRTUALBOX_POLL_SECONDS": "1",
            "EC2_VIRTUALBOX_STOP_SECONDS": "3",
            "EMULATOR_DATA_DIR": str(folder / "data"),
        }
        self.emulator: EmulatorProcess | None = None

    def start(self) -> Any:
        """Start the emulator and return a client of its EC2."""
        self.emulator = EmulatorProcess(**self._environ)
        return boto3.client(
            "ec2",
            endpoint_url=self.emulator.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}),
        )

    def log(self) -> str:
        """Return what the emulator wrote."""
        assert self.emulator is not None
        return "\n".join(self.emulator.lines)

    def machine(self, name: str) -> dict[str, Any] | None:
        """Return a machine of VirtualBox's."""
        return self.stand.machine(name)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    stage.stand.add_machine(AMI)
    yield stage
    if stage.emulator is not None:
        assert stage.emulator.stop() == 0
        assert "Traceback" not in stage.log()
