from __future__ import annotations

import base64
import gzip
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.vm.seed import parts
from emulator.vm.seed.parts import Kind, Part, UserData, split

SCRIPT = b"#!/bin/sh\necho hello\n"


def message(*pieces: MIMEText | MIMEMultipart | MIMEApplication) -> bytes:
    outer = MIMEMultipart()
    for piece in pieces:
        outer.attach(piece)
    return outer.as_bytes()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (SCRIPT, Kind.SCRIPT),
        (b"#!/usr/bin/env python3\nprint()", Kind.SCRIPT),
        (b"#cloud-config\n{}", Kind.CLOUD_CONFIG),
        (b"#Cloud-Config\n{}", Kind.CLOUD_CONFIG),
        (b"\n  #cloud-config\n{}", Kind.CLOUD_CONFIG),
        (b"#include\nhttp://a/b", Kind.INCLUDE),
        (b"#include-once\nhttp://a/b", Kind.INCLUDE),
        (b"#cloud-boothook\necho", Kind.BOOTHOOK),
    ],
)
def test_the_first_line_tells_what_it_is(content: bytes, kind: Kind) -> None:
    assert split(content) == UserData((Part(kind, content, "part-001"),))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"#cloud-config-archive\n- x", "text/cloud-config-archive"),
        (b"#part-handler\nx", "text/part-handler"),
        (b"#upstart-job\nx", "text/upstart-job"),
        (b"## template: jinja\n#cloud-config\n{}", "text/jinja2"),
        (b"just words", "text/plain"),
        (b"\x00\xff\xfe", "text/plain"),
    ],
)
def test_what_cannot_be_used_is_told(content: bytes, named: str) -> None:
    found = split(content)

    assert found.parts == ()
    assert len(found.notes) == 1
    assert named in found.notes[0]


@pytest.mark.parametrize("content", [b"", b" \n", gzip.compress(b"", mtime=0)])
def test_nothing_is_nothing(content: bytes) -> None:
    assert split(content) == UserData()


def test_gzip_is_undone_however_often() -> None:
    assert split(gzip.compress(SCRIPT)).parts[0].content == SCRIPT


def test_what_was_encoded_twice_is_what_was_meant() -> None:
    assert split(base64.encodebytes(SCRIPT)).parts[0].content == SCRIPT
    assert split(base64.b64encode(gzip.compress(SCRIPT))).parts[0].content == SCRIPT


def test_words_that_happen_to_be_base64_stay_words() -> None:
    assert split(b"abcdefgh").parts == ()


def test_a_message_comes_apart_in_order_with_its_names() -> None:
    script = MIMEText("#!/bin/sh\n", "x-shellscript")
    script.add_header("Content-Disposition", "attachment", filename="../../etc/set up.sh")
    config = MIMEText("runcmd: []", "cloud-config")
    config.add_header("Merge-Type", "list(append)")
    found = split(message(script, config, MIMEText("#!/bin/sh\n", "plain")))

    assert [(part.kind, part.name, part.merge_type) for part in found.parts] == [
        (Kind.SCRIPT, "set_up.sh", None),
        (Kind.CLOUD_CONFIG, "part-002", "list(append)"),
        (Kind.SCRIPT, "part-003", None),
    ]


def test_messages_nest_and_their_parts_may_be_packed() -> None:
    inner = MIMEMultipart()
    inner.attach(MIMEApplication(gzip.compress(SCRIPT), "gzip"))
    inner.attach(MIMEText("#!/bin/sh\nper boot\n", "x-shellscript-per-boot"))
    found = split(gzip.compress(message(inner, MIMEText("#!/bin/sh\nlast\n", "x-shellscript"))))

    assert [part.kind for part in found.parts] == [
        Kind.SCRIPT,
        Kind.SCRIPT_EVERY_BOOT,
        Kind.SCRIPT,
    ]
    assert found.parts[0].content == SCRIPT


def test_names_that_are_taken_or_none_are_numbers() -> None:
    pieces = []
    for name in ("a", "a", "..", "", "/", "b\0\n"):
        piece = MIMEText("#!/bin/sh\n", "x-shellscript")
        piece.add_header("Content-Disposition", "attachment", filename=name)
        pieces.append(piece)
    names = [part.name for part in split(message(*pieces)).parts]

    assert len(set(names)) == len(pieces)
    assert all(name.strip(".") and "/" not in name and name.isprintable() for name in names)


def test_a_script_that_sends_mail_is_a_script() -> None:
    script = b"#!/bin/sh\nsendmail <<E\nMIME-Version: 1.0\nContent-Type: text/plain\n\nE\n"

    assert split(script).parts == (Part(Kind.SCRIPT, script, "part-001"),)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"#!" + bytes(parts.MOST_BYTES), mtime=0),
        gzip.compress(SCRIPT, mtime=0)[:-9],
        b"\x1f\x8b\x08 no more of this",
    ],
    ids=["too large", "cut short", "damaged"],
)
def test_a_bad_archive_is_told_and_left_out(content: bytes) -> None:
    found = split(content)

    assert found.parts == ()
    assert "left out" in found.notes[0]


def test_all_archives_together_have_one_limit() -> None:
    half = gzip.compress(b"#!/bin/sh\n" + bytes(parts.MOST_BYTES // 2))
    found = split(message(*(MIMEApplication(half, "gzip") for _ in range(3))))

    assert len(found.parts) == 1
    assert "unpack to more than" in found.notes[0]


def test_too_many_parts_are_told() -> None:
    found = split(message(*(MIMEText("#!/bin/sh\n", "plain") for _ in range(300))))

    assert len(found.parts) < parts.MOST_PARTS
    assert "too many parts" in found.notes[0]


def test_archives_in_archives_end() -> None:
    content = SCRIPT
    for _ in range(40):
        content = message(MIMEApplication(gzip.compress(content), "gzip"))

    assert "too many parts" in split(content).notes[0]


def test_a_message_nested_very_deep_is_read_or_told() -> None:
    opened = "".join(
        f"Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n" for level in range(3000)
    )
    found = split(b"MIME-Version: 1.0\n" + opened.encode())

    assert found.parts == ()


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(content: bytes) -> None:
    split(content)
    split(b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" + content)
    split(b"\x1f\x8b\x08" + content)
