"""VBoxManage's arguments, a function each command; pure.

Source: the user manual of VirtualBox 7, chapter "VBoxManage". Names of machines come first
and are checked before they get here: none begins with a dash.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

Arguments = list[str]

# What one AHCI controller can have.
SATA_PORTS = 30
SATA_CONTROLLER = "SATA"
NETWORK_ADAPTERS = 8


def version() -> Arguments:
    """Print the version, and a warning where the kernel's driver is not there."""
    return ["--version"]


def list_machines() -> Arguments:
    """List every registered machine."""
    return ["list", "vms"]


def list_running() -> Arguments:
    """List every machine that is up."""
    return ["list", "runningvms"]


def show_machine(name: str) -> Arguments:
    """Show a machine for programs to read."""
    return ["showvminfo", name, "--machinereadable"]


def get_extra_data(name: str, key: str) -> Arguments:
    """Show a value of a machine's extra data."""
    return ["getextradata", name, key]


def set_extra_data(name: str, key: str, value: str | None) -> Arguments:
    """Set a value of a machine's extra data; None removes it."""
    return ["setextradata", name, key, *([] if value is None else [value])]


def create_machine(name: str, folder: Path, os_type: str) -> Arguments:
    """Make a machine without disks."""
    return [
        "createvm",
        f"--name={name}",
        f"--ostype={os_type}",
        f"--basefolder={folder}",
        "--register",
    ]


def clone_linked(source: str, snapshot: str, name: str, folder: Path) -> Arguments:
    """Make a machine whose disks hold only what differs from a snapshot."""
    return [
        "clonevm",
        source,
        f"--snapshot={snapshot}",
        "--mode=machine",
        "--options=Link",
        f"--name={name}",
        f"--basefolder={folder}",
        "--register",
    ]


def clone_whole(source: str, name: str, folder: Path, snapshot: str | None = None) -> Arguments:
    """Make a machine with whole copies of the disks, as they are now or in a snapshot."""
    return [
        "clonevm",
        source,
        *([] if snapshot is None else [f"--snapshot={snapshot}"]),
        "--mode=machine",
        f"--name={name}",
        f"--basefolder={folder}",
        "--register",
    ]


def import_appliance(file: Path, name: str, folder: Path) -> Arguments:
    """Make a machine of an OVA file, which holds one."""
    return [
        "import",
        str(file),
        "--options=importtovdi",
        "--vsys=0",
        f"--vmname={name}",
        f"--basefolder={folder}",
        "--eula=accept",
    ]


def rename_machine(name: str, new_name: str) -> Arguments:
    """Give a machine that is off another name; its folder goes by it, too."""
    return ["modifyvm", name, f"--name={new_name}"]


def unregister(name: str, *, delete: bool) -> Arguments:
    """Forget a machine, with its disks and files where that is wanted."""
    return ["unregistervm", name, *(["--delete"] if delete else [])]


def take_snapshot(name: str, snapshot: str, *, live: bool = False) -> Arguments:
    """Freeze what a machine's disks hold; ``live``: while it goes on."""
    return ["snapshot", name, "take", snapshot, *(["--live"] if live else [])]


def delete_snapshot(name: str, snapshot: str) -> Arguments:
    """Let a snapshot go; what was written since becomes part of the disks again."""
    return ["snapshot", name, "delete", snapshot]


def start(name: str) -> Arguments:
    """Boot a machine without a window."""
    return ["startvm", name, "--type=headless"]


def control(name: str, action: str) -> Arguments:
    """Press a button of a machine that is up, such as ``acpipowerbutton``."""
    return ["controlvm", name, action]


def screenshot(name: str, file: Path) -> Arguments:
    """Write a picture of a machine's first screen, as PNG."""
    return ["controlvm", name, "screenshotpng", str(file)]


def press_shift(name: str) -> Arguments:
    """Press and release the left shift key, which wakes a screen and types nothing."""
    return ["controlvm", name, "keyboardputscancode", "2a", "aa"]


def discard_state(name: str) -> Arguments:
    """Let a machine's saved memory go, as if its power had been cut."""
    return ["discardstate", name]


def modify(name: str, *options: Sequence[str]) -> Arguments:
    """Change settings of a machine that is off, all at once: each command takes its time.

    Args:
        name: the machine.
        options: of the functions below, in the order in which they are to be done.
    """
    return ["modifyvm", name, *(word for each in options for word in each)]


def plain_hardware() -> Arguments:
    """Give a machine what Linux expects: a clock of UTC, a display, and to boot from its disk."""
    return ["--rtc-use-utc=on", "--graphicscontroller=vmsvga", "--vram=16", "--boot1=disk"]


def size(processors: int, memory_mib: int) -> Arguments:
    """Give a machine processors and memory."""
    return [f"--cpus={processors}", f"--memory={memory_mib}", "--ioapic=on"]


def console(file: Path) -> Arguments:
    """Let a machine's first serial port, COM1, write to a file."""
    return ["--uart1", "0x3F8", "4", "--uart-mode1", "file", str(file)]


def way_out(mac_address: str, network: str) -> Arguments:
    """Let the first adapter lead out through the host, which it cannot reach itself."""
    return [
        "--nic1=nat",
        f"--mac-address1={_bare(mac_address)}",
        "--cable-connected1=on",
        f"--nat-net1={network}",
        "--nat-localhostreachable1=off",
    ]


def other_adapters(network: str | None, mac_address: str | None) -> Arguments:
    """Let the second adapter lead to a network of machines alone; no other is left.

    Args:
        network: guests on the network of this name reach each other; None: no second adapter.
        mac_address: the second adapter's.
    """
    second = ["--nic2=none"]
    if network is not None:
        second = ["--nic2=intnet", f"--intnet2={network}", "--cable-connected2=on"]
        if mac_address is not None:
            second.append(f"--mac-address2={_bare(mac_address)}")
    return [*second, *(f"--nic{number}=none" for number in range(3, NETWORK_ADAPTERS + 1))]


def _bare(mac_address: str) -> str:
    return mac_address.replace(":", "").upper()


def rule_name(port: str) -> str:
    """Return what the forwarding to a guest's port is called: ``22/tcp`` → ``tcp-22``."""
    number, _, protocol = port.partition("/")
    return f"{protocol}-{number}"


def forward(port: str, host_port: int) -> Arguments:
    """Let a port of this machine lead to one of a guest."""
    number, _, protocol = port.partition("/")
    return [f"--nat-pf1={rule_name(port)},{protocol},127.0.0.1,{host_port},,{number}"]


def stop_forwarding(rule: str) -> Arguments:
    """Take a forwarding from a guest."""
    return ["--nat-pf1", "delete", rule]


def add_controller(name: str, controller: str) -> Arguments:
    """Give a machine a SATA controller, which takes disks while the machine runs."""
    return [
        "storagectl",
        name,
        f"--name={controller}",
        "--add=sata",
        "--controller=IntelAhci",
        f"--portcount={SATA_PORTS}",
        "--bootable=on",
    ]


def widen_controller(name: str, controller: str) -> Arguments:
    """Give a SATA controller all its ports."""
    return ["storagectl", name, f"--name={controller}", f"--portcount={SATA_PORTS}"]


def attach_disk(name: str, controller: str, port: int, medium: Path, *, running: bool) -> Arguments:
    """Give a machine a disk; one it gets while it runs can always be taken out again."""
    return [
        *_slot(name, controller, port),
        "--type=hdd",
        f"--medium={medium}",
        *([] if running else ["--hotpluggable=on"]),
    ]


def attach_disc(name: str, controller: str, port: int, medium: Path) -> Arguments:
    """Put a disc into a drive of its own."""
    return [*_slot(name, controller, port), "--type=dvddrive", f"--medium={medium}"]


def detach(name: str, controller: str, port: int, device: int = 0) -> Arguments:
    """Take whatever is there out of a machine."""
    return [*_slot(name, controller, port, device), "--medium=none"]


def _slot(name: str, controller: str, port: int, device: int = 0) -> Arguments:
    return [
        "storageattach",
        name,
        f"--storagectl={controller}",
        f"--port={port}",
        f"--device={device}",
    ]


def disk_serial(name: str, port: int, serial: str | None) -> Arguments:
    """Give the disk at a SATA port a serial number, from the machine's next boot on.

    Source: the user manual, "Configuring the Hard Disk Vendor Product Data (VPD)".
    """
    key = f"VBoxInternal/Devices/ahci/0/Config/Port{port}/SerialNumber"
    return set_extra_data(name, key, serial)


def create_disk(file: Path, size_mib: int) -> Arguments:
    """Make an empty disk that takes room only as it is written to."""
    return ["createmedium", "disk", f"--filename={file}", f"--size={size_mib}", "--format=VDI"]


def copy_disk(source: str, target: Path) -> Arguments:
    """Copy a disk, by its file or its UUID, whole."""
    # A disk is what is meant unless it is said; where that word stands differs among versions.
    return ["clonemedium", source, str(target), "--format=VDI"]


def grow_disk(medium: str, size_mib: int) -> Arguments:
    """Make a disk larger."""
    return ["modifymedium", "disk", medium, f"--resize={size_mib}"]


def move_disk(medium: Path, target: Path) -> Arguments:
    """Move a disk to another file."""
    return ["modifymedium", "disk", str(medium), f"--move={target}"]


def forget_medium(kind: str, medium: Path, *, delete: bool) -> Arguments:
    """Take a medium, a ``disk`` or a ``dvd``, off the list of those known."""
    return ["closemedium", kind, str(medium), *(["--delete"] if delete else [])]


def show_disk(medium: str) -> Arguments:
    """Show a disk, by its file or its UUID."""
    return ["showmediuminfo", "disk", medium]


def joined(arguments: Sequence[str]) -> str:
    """Return a command for the log: what it does to what, and no data."""
    return " ".join(arguments[:2])
