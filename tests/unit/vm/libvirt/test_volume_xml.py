"""Volumes as XML: what is written, and what libvirt's own description says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from emulator.vm.libvirt.domain_xml import BadXml, parse
from emulator.vm.libvirt.volume_xml import GIB, RAW, NewVolume, StoredVolume, read_volume

# As libvirt 9.0 describes an overlay in a pool that is a directory.
OVERLAY = """
<volume type='file'>
  <name>vol-0aaaaaaaaaaaaaaaa</name>
  <key>/pool/vol-0aaaaaaaaaaaaaaaa</key>
  <capacity unit='bytes'>8589934592</capacity>
  <allocation unit='bytes'>200704</allocation>
  <physical unit='bytes'>197120</physical>
  <target>
    <path>/pool/vol-0aaaaaaaaaaaaaaaa</path>
    <format type='qcow2'/>
    <permissions><mode>0600</mode><owner>0</owner><group>0</group></permissions>
    <timestamps><atime>1.0</atime><mtime>1764174111.934</mtime><ctime>1.0</ctime></timestamps>
    <compat>1.1</compat>
  </target>
  <backingStore>
    <path>/pool/ami-024f7683</path>
    <format type='qcow2'/>
  </backingStore>
</volume>
"""


def test_a_stored_volume_is_read() -> None:
    assert read_volume(OVERLAY) == StoredVolume(
        name="vol-0aaaaaaaaaaaaaaaa",
        path="/pool/vol-0aaaaaaaaaaaaaaaa",
        size_bytes=8 * GIB,
        allocated_bytes=200704,
        format="qcow2",
        backing_path="/pool/ami-024f7683",
        changed_at=datetime(2025, 11, 26, 16, 21, 51, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("size_bytes", "size_gib"), [(0, 1), (1, 1), (GIB, 1), (GIB + 1, 2), (2 * GIB, 2)]
)
def test_sizes_are_rounded_up(size_bytes: int, size_gib: int) -> None:
    text = f"<volume><name>x</name><capacity>{size_bytes}</capacity></volume>"

    assert read_volume(text).size_gib == size_gib


def test_a_new_volume_is_sparse() -> None:
    root = parse(NewVolume("vol-1", 3 * GIB).xml())

    assert root.findtext("capacity") == str(3 * GIB)
    assert root.findtext("allocation") == "0"
    assert root.find("backingStore") is None


def test_an_overlay_says_what_it_is_based_on_and_in_which_format() -> None:
    root = parse(NewVolume("vol-1", GIB, backing_path="/pool/ami-1", backing_format=RAW).xml())
    backing = root.find("backingStore/format")

    assert root.findtext("backingStore/path") == "/pool/ami-1"
    assert backing is not None
    assert backing.get("type") == "raw"


def test_a_name_is_never_markup() -> None:
    hostile = "x</name><target/>&amp;"

    assert parse(NewVolume(hostile, GIB).xml()).findtext("name") == hostile


def test_what_no_xml_may_hold_is_refused() -> None:
    with pytest.raises(BadXml):
        NewVolume("a\0b", GIB).xml()
