"""What VBoxManage prints, as VirtualBox 7 prints it."""

from __future__ import annotations

import pytest

from emulator.vm.virtualbox import reading
from emulator.vm.virtualbox.reading import Attachment, Forwarding, Machine

LIST = """\
"ami-0123456789abcdef0" {6ebc2119-de35-467b-a695-047eb2e424f5}
"A \"quoted\" name" {1cffc37d-5c37-4b86-b9c5-a0f157a55f43}
"<inaccessible>" {9ebcd81e-5231-48ce-a27d-28218757f3fe}
"""
MACHINE = r"""name="i-0123456789abcdef0"
Encryption:     disabled
groups="/"
ostype="Ubuntu (64-bit)"
UUID="43349d78-2ab3-4cb8-978f-0e755cd98090"
CfgFile="/home/u/VirtualBox VMs/i-0123456789abcdef0/i-0123456789abcdef0.vbox"
memory=1024
cpu-profile="host"
cpus=2
VMState="running"
VMStateChangeTime="2026-01-02T03:04:05.678000000"
storagecontrollername0="IDE"
storagecontrollertype0="PIIX4"
storagecontrollerportcount0="2"
storagecontrollername1="SATA Controller"
storagecontrollertype1="IntelAhci"
storagecontrollerportcount1="30"
"IDE-0-0"="emptydrive"
"IDE-IsEjected-0-0"="off"
"IDE-0-1"="none"
"SATA Controller-0-0"="/home/u/VirtualBox VMs/x/Snapshots/{5d5e}.vdi"
"SATA Controller-ImageUUID-0-0"="5d5e"
"SATA Controller-nonrotational-0-0"="off"
"SATA Controller-2-0"="/e/volumes/vol-0123456789abcdef0.vdi"
"SATA Controller-ImageUUID-2-0"="aaaa"
"SATA Controller-1-0"="/e/guests/i-0123456789abcdef0/seed.iso"
"SATA Controller-ImageUUID-1-0"="bbbb"
natnet1="10.0.2.0/24"
macaddress1="080027ABCDEF"
nic1="nat"
Forwarding(0)="tcp-22,tcp,127.0.0.1,40022,,22"
Forwarding(1)="udp-53,udp,127.0.0.1,40053,,53"
natnet2="nat"
nic2="nat"
Forwarding(0)="theirs,tcp,,2200,,22"
uart1="0x03f8,4"
uartmode1="file,C:\\Users\\u\\console.log"
VideoMode="720,400,0"@0,0 1
description="Says \"hello\",
in=two lines"
SnapshotName="ec2-emulator"
SnapshotUUID="1cff"
SnapshotName-1="ec2-emulator-copy"
SnapshotDescription-1=""
CurrentSnapshotName="ec2-emulator-copy"
"""


def test_a_list_names_the_machines_that_can_be_read() -> None:
    assert reading.listed(LIST) == {
        "ami-0123456789abcdef0": "6ebc2119-de35-467b-a695-047eb2e424f5",
        'A "quoted" name': "1cffc37d-5c37-4b86-b9c5-a0f157a55f43",
    }


def test_nothing_is_listed_of_an_empty_list() -> None:
    assert reading.listed("") == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Value: a b=c\n", "a b=c"),
        ("No value set!\n", None),
        ("VirtualBox Command Line\n\nValue: x\n", "x"),
    ],
)
def test_extra_data(text: str, expected: str | None) -> None:
    assert reading.extra_data(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("UUID:  u\nCapacity:       10240 MBytes\n", 10240), ("State:  inaccessible\n", None)],
)
def test_the_capacity_of_a_disk(text: str, expected: int | None) -> None:
    assert reading.capacity_mib(text) == expected


def test_a_machine_is_understood() -> None:
    machine = Machine.of(MACHINE)

    assert machine.name == "i-0123456789abcdef0"
    assert machine.is_up
    assert machine.values["memory"] == "1024"
    assert machine.settings_file.endswith("/i-0123456789abcdef0.vbox")
    assert machine.snapshots == {"ec2-emulator", "ec2-emulator-copy"}
    assert machine.sata == "SATA Controller"


def test_escapes_and_lines_within_values_are_understood() -> None:
    machine = Machine.of(MACHINE)

    assert machine.values["uartmode1"] == r"file,C:\Users\u\console.log"
    assert machine.values["description"] == 'Says "hello",\nin=two lines'
    assert "in" not in machine.values


def test_media_are_told_by_where_they_are() -> None:
    machine = Machine.of(MACHINE)
    root = Attachment(
        "SATA Controller", 0, 0, "/home/u/VirtualBox VMs/x/Snapshots/{5d5e}.vdi", "5d5e"
    )
    volume = Attachment("SATA Controller", 2, 0, "/e/volumes/vol-0123456789abcdef0.vdi", "aaaa")

    assert [each.port for each in machine.attachments] == [0, 1, 2]
    assert machine.disks == (root, volume)
    assert machine.free_port(1, 30) == 3
    assert machine.free_port(1, 3) is None


def test_forwarded_ports() -> None:
    assert Machine.of(MACHINE).forwardings == (
        Forwarding("tcp-22", "22/tcp", 40022),
        Forwarding("udp-53", "53/udp", 40053),
    )


@pytest.mark.parametrize(
    ("state", "is_up", "is_paused", "has_process"),
    [
        ("running", True, False, True),
        ("livesnapshotting", True, False, True),
        ("paused", False, True, True),
        ("gurumeditation", False, False, True),
        ("poweroff", False, False, False),
        ("saved", False, False, False),
        ("aborted", False, False, False),
        ("", False, False, False),
    ],
)
def test_states(state: str, is_up: bool, is_paused: bool, has_process: bool) -> None:
    machine = Machine.of(f'VMState="{state}"\n')

    assert (machine.is_up, machine.is_paused, machine.has_process) == (
        is_up,
        is_paused,
        has_process,
    )


def test_nonsense_is_an_empty_machine() -> None:
    machine = Machine.of('\x00=\n====\n"\n')

    assert (machine.name, machine.attachments, machine.forwardings) == ("", (), ())
