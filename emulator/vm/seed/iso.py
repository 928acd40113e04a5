"""A seed's documents as the disc that a guest finds them on (pure).

Source: cloud-init's documentation, "NoCloud": a file system labelled ``cidata`` that holds the
documents as files.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

from pycdlib import PyCdlib
from pycdlib.pycdlibexception import PyCdlibException

# ISO 9660 has capital letters only; cloud-init takes the label either way.
LABEL = "CIDATA"


def seed_disc(documents: Mapping[str, bytes]) -> bytes:
    """Return an ISO 9660 image with the documents at its root.

    Args:
        documents: file name, such as ``user-data``, → content.
    """
    disc = PyCdlib()
    disc.new(interchange_level=3, vol_ident=LABEL, joliet=3, rock_ridge="1.09")
    for number, (name, content) in enumerate(documents.items()):
        disc.add_fp(
            io.BytesIO(content),
            len(content),
            # Linux shows the other two names; this one only has to be a legal one.
            f"/FILE{number:04}.;1",
            rr_name=name,
            joliet_path=f"/{name}",
        )
    image = io.BytesIO()
    disc.write_fp(image)
    disc.close()
    return image.getvalue()


def documents_on(image: bytes) -> dict[str, bytes]:
    """Return the documents on a disc that ``seed_disc`` made.

    Raises:
        ValueError: it is none.
    """
    disc = PyCdlib()
    found: dict[str, bytes] = {}
    try:
        disc.open_fp(io.BytesIO(image))
        for _, _, names in disc.walk(rr_path="/"):
            for name in names:
                content = io.BytesIO()
                disc.get_file_from_iso_fp(content, rr_path=f"/{name}")
                found[name] = content.getvalue()
        disc.close()
    except PyCdlibException as error:
        raise ValueError(f"this is no seed: {error}") from None
    return found
