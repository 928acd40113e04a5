"""The docker and the libvirt manager in one emulator, each over a hypervisor in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulator.services.ec2.instances.guests import GuestRecords
from tests.fakes.docker_manager import DockerHost, result_of
from tests.fakes.docker_world import AMI as BOX_AMI
from tests.fakes.docker_world import TAG
from tests.fakes.side_by_side import SideBySide
from tests.unit.vm.libvirt.conftest import POOL, WORLD

pytest.importorskip("libvirt", reason="needs libvirt-python, which needs libvirt-dev")

from emulator.vm.libvirt.names import Place
from tests.fakes.libvirt_manager import IMAGE as VM_AMI
from tests.fakes.libvirt_manager import LibvirtHost


class Both:
    """An emulator with both, which knows their images."""

    def __init__(self, uri: str) -> None:
        self.docker, self.libvirt = DockerHost(), LibvirtHost(places={"": Place(uri, POOL)})
        self.docker.engine.add_image(TAG)
        self.libvirt.add_image()
        self.world = SideBySide([self.docker.manager, self.libvirt.manager], follows=False)
        self.client = self.world.client
        self._tell(self.docker.manager, result_of(self.docker.manager.images()))
        self._tell(self.libvirt.manager, self.libvirt.result_of(self.libvirt.manager.images()))

    def _tell(self, manager: Any, images: Any) -> None:
        known = self.world.machines.images
        assert known is not None
        GuestRecords(self.world.api.world, self.world.state, known, manager).images_changed(images)

    def launch(self, image_id: str) -> str:
        """Launch an instance, and return its id once it is up."""
        instance_id = self.client.launch(ImageId=image_id)
        self.until_quiet()
        return instance_id

    def until_quiet(self) -> None:
        """Let both managers' time go on."""
        for _ in range(20):
            self.libvirt.time.advance(0.5)
            self.docker.reactor.advance(0.5)
            self.client.turn()


@pytest.fixture
def both(tmp_path: Path) -> Both:
    file = tmp_path / "world.xml"
    file.write_text(WORLD)
    return Both(f"test://{file}")


def test_each_ami_gives_a_machine_of_its_own_kind(both: Both) -> None:
    box, machine = both.launch(BOX_AMI), both.launch(VM_AMI)

    assert [both.client.state(each) for each in (box, machine)] == ["running", "running"]
    assert list(both.docker.engine.boxes) == [both.docker.engine.box(f"localstack-ec2.{box}")["Id"]]
    assert both.libvirt.domains() == {machine}


def test_terminating_ends_each_where_it_is(both: Both) -> None:
    box, machine = both.launch(BOX_AMI), both.launch(VM_AMI)
    both.client.call("TerminateInstances", InstanceIds=[box, machine])
    both.until_quiet()

    assert [both.client.state(each) for each in (box, machine)] == ["terminated", "terminated"]
    assert (both.docker.engine.boxes, both.libvirt.domains()) == ({}, set())
