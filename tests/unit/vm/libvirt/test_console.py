"""What a guest shows: its console's text and its display."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python, which needs libvirt-dev")

from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt import names
from emulator.vm.libvirt.blocking import Missing
from emulator.vm.libvirt.blocking_console import blocking_console, blocking_screenshot

if TYPE_CHECKING:
    from emulator.vm.libvirt.blocking import Hypervisor
    from emulator.vm.libvirt.names import Place

GUEST = "i-0123456789abcdef0"


def wrote(hypervisor: Hypervisor, place: Place, text: bytes, older: bytes | None = None) -> None:
    newest = names.console_volume(GUEST)
    storage.write(hypervisor, place.pool, newest, text)
    if older is not None:
        storage.write(hypervisor, place.pool, f"{newest}.0", older)


def test_the_end_of_what_was_written_is_shown(
    hypervisor: Hypervisor, place: Place, data: dict[str, bytes]
) -> None:
    wrote(hypervisor, place, b"first\nlast\n")

    assert blocking_console(hypervisor, place, GUEST, 5) == b"last\n"
    assert blocking_console(hypervisor, place, GUEST, 500) == b"first\nlast\n"


def test_what_was_written_before_the_file_was_turned_over_is_shown_too(
    hypervisor: Hypervisor, place: Place, data: dict[str, bytes]
) -> None:
    wrote(hypervisor, place, b"new\n", older=b"oldest\nold\n")

    assert blocking_console(hypervisor, place, GUEST, 8) == b"old\nnew\n"


@pytest.mark.parametrize("instance_id", [GUEST, "../../etc/passwd", ""])
def test_who_wrote_nothing_shows_nothing(
    hypervisor: Hypervisor, place: Place, data: dict[str, bytes], instance_id: str
) -> None:
    assert blocking_console(hypervisor, place, instance_id, 500) == b""


def test_a_guest_that_never_was_has_no_display(hypervisor: Hypervisor) -> None:
    with pytest.raises(Missing):
        blocking_screenshot(hypervisor, GUEST, wake_up=True)
