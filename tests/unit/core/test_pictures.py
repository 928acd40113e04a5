"""Pictures of displays, whatever a hypervisor makes of them."""

from __future__ import annotations

import io

import pytest

pytest.importorskip("PIL", reason="needs pillow")

from PIL import Image

from emulator.core.pictures import as_jpeg
from tests.fakes.vboxmanage import ONE_PIXEL

# A white pixel beside a black one.
PPM = b"P6\n2 1\n255\n\xff\xff\xff\0\0\0"


@pytest.mark.parametrize(("picture", "size"), [(PPM, (2, 1)), (ONE_PIXEL, (1, 1))])
def test_a_display_is_shown_as_jpeg(picture: bytes, size: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(as_jpeg(picture))) as shown:
        assert (shown.format, shown.size) == ("JPEG", size)


@pytest.mark.parametrize("picture", [b"", b"P6\n99999999 99999999\n255\n", PPM[:-2], b"GIF89a"])
def test_what_is_no_picture_is_refused(picture: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        as_jpeg(picture)
