"""Pictures of displays, as clients want them (pure)."""

from __future__ import annotations

import io

_JPEG_QUALITY = 85


def as_jpeg(picture: bytes) -> bytes:
    """Return a hypervisor's picture, PPM or PNG, as JPEG.

    Raises:
        ValueError: it is neither, or pillow is not there, which few installations need.
    """
    try:
        # It takes a while to import, and few ever ask for a picture.
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415
    except ImportError:
        raise ValueError("no picture is made without the Python package pillow") from None

    try:
        with Image.open(io.BytesIO(picture), formats=("PPM", "PNG")) as image:
            made = io.BytesIO()
            image.convert("RGB").save(made, "JPEG", quality=_JPEG_QUALITY)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"the display's picture cannot be read: {error}") from None
    return made.getvalue()
