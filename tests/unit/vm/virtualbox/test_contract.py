"""The contracts of VM managers, kept over the stand-in for VBoxManage."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred

from emulator.vm.virtualbox.manager import VirtualBoxManager
from tests.contracts.vm_manager import (
    SPEC,
    AttachesVolumesContract,
    CapturesImagesContract,
    ReadsConsoleContract,
    TakesUserDataContract,
    VMManagerContract,
)
from tests.fakes.virtualbox_manager import AMI, VirtualBoxWorld


class TestVirtualBoxManager(
    VMManagerContract,
    CapturesImagesContract,
    AttachesVolumesContract,
    ReadsConsoleContract,
    TakesUserDataContract,
):
    spec = attrs.evolve(SPEC, image_id=AMI, image_reference=AMI)

    @pytest.fixture(autouse=True)
    def world(self, tmp_path: Path) -> VirtualBoxWorld:
        self.own_world = VirtualBoxWorld(tmp_path)
        self.own_world.stand.add_machine(AMI)
        return self.own_world

    @pytest.fixture
    def manager(self, world: VirtualBoxWorld) -> VirtualBoxManager:
        return world.manager

    def result_of(self, work: Coroutine[Deferred[Any], Any, Any]) -> Any:
        return self.own_world.result_of(work)
