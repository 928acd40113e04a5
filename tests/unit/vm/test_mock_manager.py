from __future__ import annotations

import pytest

from emulator.vm.interface import LaunchesAtOnce
from emulator.vm.mock.manager import MockManager
from tests.contracts.vm_manager import SPEC, VMManagerContract


@pytest.fixture
def manager() -> MockManager:
    return MockManager()


class TestMockManager(VMManagerContract):
    """Records keep every promise."""


def test_its_guests_are_up_at_once(manager: MockManager) -> None:
    assert isinstance(manager, LaunchesAtOnce)

    manager.launch_now([SPEC.instance_id, "i-2"])

    assert TestMockManager().running(manager) == {SPEC.instance_id: True, "i-2": True}
