"""What a guest shows: its console's text and its display."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python, which needs libvirt-dev")

pytest.importorskip("PIL", reason="needs pillow")

from PIL import Image

from emulator.vm.interface import VMError
from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt import names
from emulator.vm.libvirt.blocking import Missing
from emulator.vm.libvirt.blocking_console import as_jpeg, blocking_console, blocking_screenshot

if TYPE_CHECKING:
    from emulator.vm.libvirt.blocking import Hypervisor
    from emulator.vm.libvirt.names import Place

GUEST = "i-0123456789abcdef0"
# A white pixel beside a black one.
PPM = b"P6\n2 1\n255\n\xff\xff\xff\0\0\0"


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


def test_a_display_is_shown_as_jpeg() -> None:
    with Image.open(io.BytesIO(as_jpeg(PPM))) as shown:
        assert (shown.format, shown.size) == ("JPEG", (2, 1))


@pytest.mark.parametrize("picture", [b"", b"P6\n99999999 99999999\n255\n", PPM[:-2], b"GIF89a"])
def test_what_is_no_picture_is_refused(picture: bytes) -> None:
    with pytest.raises(VMError, match="cannot be read"):
        as_jpeg(picture)


def test_a_guest_that_never_was_has_no_display(hypervisor: Hypervisor) -> None:
    with pytest.raises(Missing):
        blocking_screenshot(hypervisor, GUEST, wake_up=True)
