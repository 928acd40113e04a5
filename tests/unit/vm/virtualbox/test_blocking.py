"""VBoxManage's errors in its own words, and the kinds of them that matter."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from emulator.core.process import CommandFailed, Finished
from emulator.vm.virtualbox.blocking import Locked, Missing, VirtualBoxError, blocking_run
from emulator.vm.virtualbox.probe import obstacle

NOT_FOUND = """\
VBoxManage: VBoxManage: error: Could not find a registered machine named 'i-1'
VBoxManage: error: Details: code VBOX_E_OBJECT_NOT_FOUND (0x80bb0001), component VirtualBoxWrap
VBoxManage: error: Context: "FindMachine(Bstr(a->argv[0]).raw())" at line 2805 of file X.cpp
"""


def failing(text: str):
    def run(arguments: Sequence[str], *, timeout_seconds: float) -> Finished:
        raise CommandFailed(text)

    return run


def printing(output: bytes, errors: bytes = b""):
    def run(arguments: Sequence[str], *, timeout_seconds: float) -> Finished:
        return Finished(output, errors)

    return run


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (
            (
                "VBoxManage: error: Could not find a registered machine named 'i-1'\n"
                "VBoxManage: error: Details: code VBOX_E_OBJECT_NOT_FOUND (0x80bb0001)\n"
            ),
            Missing,
            "Could not find a registered machine named 'i-1'",
        ),
        (
            (
                "VBoxManage: error: The machine 'i-1' is already locked by a session (or being "
                "locked or unlocked)\nVBoxManage: error: Details: code VBOX_E_INVALID_OBJECT_STATE"
            ),
            Locked,
            "The machine 'i-1' is already locked by a session (or being locked or unlocked)",
        ),
        (
            "0%...10%...20%\nVBoxManage: error: VT-x is not available (VERR_VMX_NO_VMX)\n",
            VirtualBoxError,
            "VT-x is not available (VERR_VMX_NO_VMX)",
        ),
        (
            "VBoxManage: [Errno 2] No such file",
            VirtualBoxError,
            "VBoxManage: [Errno 2] No such file",
        ),
    ],
)
def test_an_error_keeps_its_words(said: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(VirtualBoxError) as caught:
        blocking_run("VBoxManage", ["list", "vms"], 1, failing(said))

    assert type(caught.value) is kind
    assert str(caught.value) == message


def test_what_is_meant_for_developers_is_left_out() -> None:
    with pytest.raises(Missing) as caught:
        blocking_run("VBoxManage", ["showvminfo", "i-1"], 1, failing(NOT_FOUND))

    assert "Context" not in str(caught.value)


def test_bytes_that_are_no_text_are_read_all_the_same() -> None:
    assert blocking_run("VBoxManage", ["list", "vms"], 1, printing(b"\xff\n")) == "\ufffd\n"


def test_virtualbox_7_can_be_used() -> None:
    assert obstacle("VBoxManage", printing(b"7.0.14r161095\n")) is None
    assert obstacle("VBoxManage", printing(b"7.1.4_Ubuntur165100\n")) is None


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (failing("VBoxManage: [Errno 2] No such file or directory"), "EC2_VIRTUALBOX_MANAGE"),
        (
            printing(b"WARNING: The vboxdrv kernel module is not loaded.\n7.0.14r161095\n"),
            "modprobe vboxdrv",
        ),
        (
            printing(b"7.0.14r161095\n", b"WARNING: The character device /dev/vboxdrv is missing"),
            "modprobe vboxdrv",
        ),
        (printing(b"6.1.50r161033\n"), "6.1.50r161033 is too old"),
        (printing(b"hello\n"), "prints no version"),
    ],
)
def test_what_keeps_it_from_being_used_is_said_with_the_remedy(run: object, words: str) -> None:
    assert words in str(obstacle("VBoxManage", run))
