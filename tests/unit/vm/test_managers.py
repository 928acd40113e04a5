from __future__ import annotations

import pytest

from emulator.vm.managers import Managers
from emulator.vm.mock.manager import MockManager
from tests.fakes.guest_manager import GuestManager


def test_without_a_manager_there_is_nothing() -> None:
    with pytest.raises(ValueError, match="no manager"):
        Managers([])


def test_one_manager_is_the_only_one_and_has_all() -> None:
    manager = GuestManager("docker")
    managers = Managers([manager])

    assert managers.all == (manager,)
    assert managers.only is managers.default is manager


@pytest.mark.parametrize("mock_first", [True, False])
def test_what_names_no_manager_is_with_the_one_that_takes_any_image(mock_first: bool) -> None:
    mock, other = MockManager(), GuestManager("docker")
    managers = Managers([mock, other] if mock_first else [other, mock])

    assert managers.only is None
    assert managers.default is mock


def test_where_all_have_images_it_is_with_the_first() -> None:
    first, second = GuestManager("libvirt"), GuestManager("docker")

    assert Managers([first, second]).default is first
