"""Each command as VBoxManage gets it, word for word, and each taken by the grammar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from emulator.vm.virtualbox import arguments
from tests.fakes.vboxmanage import parsed

FOLDER = Path("/var/lib/e/machines")
DISK = Path("/var/lib/e/volumes/vol-0123456789abcdef0.vdi")
GUEST, AMI = "i-0123456789abcdef0", "ami-0123456789abcdef0"

COMMANDS: Sequence[tuple[list[str], str]] = [
    (arguments.list_machines(), "list vms"),
    (arguments.list_running(), "list runningvms"),
    (arguments.show_machine(GUEST), f"showvminfo {GUEST} --machinereadable"),
    (arguments.get_extra_data(GUEST, "k"), f"getextradata {GUEST} k"),
    (arguments.set_extra_data(GUEST, "k", "v"), f"setextradata {GUEST} k v"),
    (arguments.set_extra_data(GUEST, "k", None), f"setextradata {GUEST} k"),
    (
        arguments.create_machine(AMI, FOLDER, "Linux_64"),
        f"createvm --name={AMI} --ostype=Linux_64 --basefolder={FOLDER} --register",
    ),
    (
        arguments.clone_linked(AMI, "ec2-emulator", GUEST, FOLDER),
        (
            f"clonevm {AMI} --snapshot=ec2-emulator --mode=machine --options=Link --name={GUEST} "
            f"--basefolder={FOLDER} --register"
        ),
    ),
    (
        arguments.clone_whole(GUEST, AMI, FOLDER),
        f"clonevm {GUEST} --mode=machine --name={AMI} --basefolder={FOLDER} --register",
    ),
    (
        arguments.clone_whole(GUEST, AMI, FOLDER, "now"),
        (
            f"clonevm {GUEST} --snapshot=now --mode=machine --name={AMI} --basefolder={FOLDER} "
            "--register"
        ),
    ),
    (
        arguments.import_appliance(Path("/i/a.ova"), AMI, FOLDER),
        (
            f"import /i/a.ova --options=importtovdi --vsys=0 --vmname={AMI} --basefolder={FOLDER} "
            "--eula=accept"
        ),
    ),
    (arguments.rename_machine("making.x", "x"), "modifyvm making.x --name=x"),
    (arguments.unregister(GUEST, delete=True), f"unregistervm {GUEST} --delete"),
    (arguments.unregister(GUEST, delete=False), f"unregistervm {GUEST}"),
    (arguments.take_snapshot(AMI, "s"), f"snapshot {AMI} take s"),
    (arguments.take_snapshot(GUEST, "s", live=True), f"snapshot {GUEST} take s --live"),
    (arguments.delete_snapshot(GUEST, "s"), f"snapshot {GUEST} delete s"),
    (arguments.start(GUEST), f"startvm {GUEST} --type=headless"),
    (arguments.control(GUEST, "acpipowerbutton"), f"controlvm {GUEST} acpipowerbutton"),
    (
        arguments.screenshot(GUEST, Path("/g/screen.png")),
        f"controlvm {GUEST} screenshotpng /g/screen.png",
    ),
    (arguments.press_shift(GUEST), f"controlvm {GUEST} keyboardputscancode 2a aa"),
    (arguments.discard_state(AMI), f"discardstate {AMI}"),
    (
        arguments.modify(AMI, arguments.plain_hardware()),
        (f"modifyvm {AMI} --rtc-use-utc=on --graphicscontroller=vmsvga --vram=16 --boot1=disk"),
    ),
    (
        arguments.modify(GUEST, arguments.size(2, 1024)),
        f"modifyvm {GUEST} --cpus=2 --memory=1024 --ioapic=on",
    ),
    (
        arguments.modify(GUEST, arguments.console(Path("/g/console.log"))),
        f"modifyvm {GUEST} --uart1 0x3F8 4 --uart-mode1 file /g/console.log",
    ),
    (
        arguments.modify(GUEST, arguments.way_out("08:00:27:ab:cd:ef", "10.0.2.0/24")),
        (
            f"modifyvm {GUEST} --nic1=nat --mac-address1=080027ABCDEF --cable-connected1=on "
            "--nat-net1=10.0.2.0/24 --nat-localhostreachable1=off"
        ),
    ),
    (
        arguments.modify(
            GUEST,
            arguments.other_adapters("ec2-emulator.default.vpc-1", "0a:ff:01:02:03:04"),
        ),
        (
            f"modifyvm {GUEST} --nic2=intnet --intnet2=ec2-emulator.default.vpc-1 "
            "--cable-connected2=on --mac-address2=0AFF01020304 "
            "--nic3=none --nic4=none --nic5=none --nic6=none --nic7=none --nic8=none"
        ),
    ),
    (
        arguments.modify(GUEST, arguments.other_adapters(None, None)),
        (
            f"modifyvm {GUEST} --nic2=none "
            "--nic3=none --nic4=none --nic5=none --nic6=none --nic7=none --nic8=none"
        ),
    ),
    (
        arguments.modify(GUEST, arguments.forward("22/tcp", 40022)),
        f"modifyvm {GUEST} --nat-pf1=tcp-22,tcp,127.0.0.1,40022,,22",
    ),
    (
        arguments.modify(GUEST, arguments.forward("53/udp", 40053)),
        f"modifyvm {GUEST} --nat-pf1=udp-53,udp,127.0.0.1,40053,,53",
    ),
    (
        arguments.modify(
            GUEST, arguments.stop_forwarding("tcp-22"), arguments.forward("22/tcp", 40023)
        ),
        f"modifyvm {GUEST} --nat-pf1 delete tcp-22 --nat-pf1=tcp-22,tcp,127.0.0.1,40023,,22",
    ),
    (
        arguments.add_controller(GUEST, "SATA"),
        (
            f"storagectl {GUEST} --name=SATA --add=sata --controller=IntelAhci --portcount=30 "
            "--bootable=on"
        ),
    ),
    (
        arguments.widen_controller(GUEST, "SATA"),
        f"storagectl {GUEST} --name=SATA --portcount=30",
    ),
    (
        arguments.attach_disk(GUEST, "SATA", 3, DISK, running=False),
        (
            f"storageattach {GUEST} --storagectl=SATA --port=3 --device=0 --type=hdd "
            f"--medium={DISK} --hotpluggable=on"
        ),
    ),
    (
        arguments.attach_disk(GUEST, "SATA", 3, DISK, running=True),
        f"storageattach {GUEST} --storagectl=SATA --port=3 --device=0 --type=hdd --medium={DISK}",
    ),
    (
        arguments.attach_disc(GUEST, "SATA", 1, Path("/g/seed.iso")),
        (
            f"storageattach {GUEST} --storagectl=SATA --port=1 --device=0 --type=dvddrive "
            "--medium=/g/seed.iso"
        ),
    ),
    (
        arguments.detach(GUEST, "SATA", 3),
        f"storageattach {GUEST} --storagectl=SATA --port=3 --device=0 --medium=none",
    ),
    (
        arguments.disk_serial(GUEST, 3, "vol0123456789abcdef0"),
        (
            f"setextradata {GUEST} VBoxInternal/Devices/ahci/0/Config/Port3/SerialNumber "
            "vol0123456789abcdef0"
        ),
    ),
    (
        arguments.create_disk(DISK, 8192),
        f"createmedium disk --filename={DISK} --size=8192 --format=VDI",
    ),
    (
        arguments.copy_disk("/i/a.vmdk", DISK),
        f"clonemedium /i/a.vmdk {DISK} --format=VDI",
    ),
    (arguments.grow_disk("u", 20480), "modifymedium disk u --resize=20480"),
    (arguments.move_disk(Path("/v/a.vdi"), DISK), f"modifymedium disk /v/a.vdi --move={DISK}"),
    (
        arguments.forget_medium("disk", DISK, delete=True),
        f"closemedium disk {DISK} --delete",
    ),
    (
        arguments.forget_medium("dvd", Path("/g/seed.iso"), delete=False),
        "closemedium dvd /g/seed.iso",
    ),
    (arguments.show_disk("u"), "showmediuminfo disk u"),
]


@pytest.mark.parametrize(("made", "expected"), COMMANDS, ids=[each for _, each in COMMANDS])
def test_a_command_is_what_the_manual_says(made: list[str], expected: str) -> None:
    assert made == expected.split(" ")


@pytest.mark.parametrize("made", [each for each, _ in COMMANDS], ids=" ".join)
def test_a_command_is_taken_by_the_grammar(made: list[str]) -> None:
    words, options = parsed(made[0], made[1:])

    assert len(words) + len(options) > 0


def test_paths_and_names_with_spaces_stay_one_word() -> None:
    made = arguments.attach_disk("i-1", "SATA Controller", 1, Path("/a b/c.vdi"), running=True)

    assert "--storagectl=SATA Controller" in made
    assert "--medium=/a b/c.vdi" in made


def test_a_log_line_shows_no_data() -> None:
    command = arguments.set_extra_data("i-1", "ec2-emulator/guest", "c2VjcmV0")

    assert arguments.joined(command) == "setextradata i-1"
