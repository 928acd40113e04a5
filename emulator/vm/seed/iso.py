"""A seed's documents as the disc that a guest finds them on (pure).

Source: cloud-init's documentation, "NoCloud": a file system labelled ``cidata`` that holds the
documents as files.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

from pycdlib import PyCdlib

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
