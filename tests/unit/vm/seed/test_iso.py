"""A seed disc, read back by name as Linux does and by name as others do."""

from __future__ import annotations

import io

import pytest
from pycdlib import PyCdlib

from emulator.vm.seed.iso import documents_on, seed_disc

DOCUMENTS = {
    "meta-data": b'{"instance-id": "i-0123456789abcdef0"}\n',
    "user-data": b"#!/bin/sh\n" + bytes(range(256)) * 64,
    "network-config": b"",
}


def read(image: bytes, kind: str) -> dict[str, bytes]:
    disc = PyCdlib()
    disc.open_fp(io.BytesIO(image))
    found = {}
    for name in DOCUMENTS:
        content = io.BytesIO()
        disc.get_file_from_iso_fp(content, **{kind: f"/{name}"})
        found[name] = content.getvalue()
    disc.close()
    return found


@pytest.mark.parametrize("kind", ["rr_path", "joliet_path"])
def test_documents_are_files_with_their_own_names(kind: str) -> None:
    assert read(seed_disc(DOCUMENTS), kind) == DOCUMENTS


def test_the_disc_has_the_label_that_cloud_init_looks_for() -> None:
    # ECMA-119, 8.4: the primary volume descriptor is sector 16, its label at byte 40.
    label = seed_disc(DOCUMENTS)[16 * 2048 + 40 : 16 * 2048 + 72]

    assert label.decode().strip() == "CIDATA"


def test_a_disc_can_be_read_again() -> None:
    assert documents_on(seed_disc(DOCUMENTS)) == DOCUMENTS


@pytest.mark.parametrize("data", [b"", b"no disc", bytes(70_000), seed_disc(DOCUMENTS)[:40_000]])
def test_what_is_no_disc_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no seed"):
        documents_on(data)
