from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any

import attrs
import pytest

from tests.contracts.vm_manager import (
    SPEC,
    AttachesVolumesContract,
    CapturesImagesContract,
    KeepsVolumesContract,
    ReadsConsoleContract,
    TakesUserDataContract,
    VMManagerContract,
)

pytest.importorskip("libvirt", reason="libvirt's binding is missing: tests/lab/parts/90-libvirt")

from emulator.vm.libvirt.manager import LibvirtManager
from tests.fakes.libvirt_manager import IMAGE, LibvirtHost


@pytest.fixture
def host() -> Iterator[LibvirtHost]:
    host = LibvirtHost()
    host.add_image()
    yield host
    host.close()


class TestLibvirtManager(
    VMManagerContract,
    AttachesVolumesContract,
    CapturesImagesContract,
    KeepsVolumesContract,
    ReadsConsoleContract,
    TakesUserDataContract,
):
    """Over libvirt's driver in memory."""

    spec = attrs.evolve(SPEC, image_id=IMAGE, image_reference=IMAGE)

    @pytest.fixture(autouse=True)
    def _host(self, host: LibvirtHost) -> None:
        self.host = host

    @pytest.fixture
    def manager(self, host: LibvirtHost) -> LibvirtManager:
        return host.manager

    def result_of(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.host.result_of(work)
