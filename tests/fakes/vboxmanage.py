"""A stand-in for VBoxManage 7 that keeps machines and disks in a folder.

It takes the commands that the emulator uses, by the grammar of the user manual of VirtualBox 7
("VBoxManage"), and refuses what the real one refuses: options and values it does not know,
names that are not there, machines in the wrong state or locked, disks in use. It is a program
(``main``), and a function for tests without processes (``Stand.run``).

Extra data of a machine make its guest misbehave: ``fake/deaf`` ignores the power button.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import sys
import tarfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HOME = "FAKE_VBOX_HOME"
VERSION = "7.0.14r161095"
NO_DRIVER = """\
WARNING: The vboxdrv kernel module is not loaded. Either there is no module
         available for the current kernel (6.12.0) or it failed to
         load. Please recompile the kernel module and install it by

           sudo /sbin/vboxconfig

         You will not be able to start VMs until this problem is fixed.
"""
PROCESS = ("running", "paused", "gurumeditation")
HOT_PLUGGED = ("IntelAhci", "USB")
ONE_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)

NAME = r"[^/\\:*?\"<>|]+"
PATH = r"/.+"
NUMBER = r"[0-9]+"
ON_OFF = r"on|off"
MAC = r"[0-9A-F][02468ACE][0-9A-F]{10}"
CIDR = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}"
RULE = rf"[A-Za-z0-9-]*,(?:tcp|udp),(?:[0-9.]*),{NUMBER},[0-9.]*,{NUMBER}"
FLAG = None

Grammar = Mapping[str, str | tuple[str, ...] | None]
NICS: dict[str, str | tuple[str, ...] | None] = {}
for _n in range(1, 9):
    NICS |= {
        f"nic{_n}": r"none|null|nat|bridged|intnet|hostonly|hostonlynet|generic|natnetwork|cloud",
        f"mac-address{_n}": rf"auto|{MAC}",
        f"cable-connected{_n}": ON_OFF,
        f"intnet{_n}": NAME,
        f"nat-net{_n}": rf"default|{CIDR}",
        f"nat-localhostreachable{_n}": ON_OFF,
        # "delete" takes the rule's name as a word of its own.
        f"nat-pf{_n}": rf"delete|{RULE}",
    }
# Options by command; a tuple: an option with several words.
OPTIONS: Mapping[str, Grammar] = {
    "list": {},
    "showvminfo": {"machinereadable": FLAG},
    "getextradata": {},
    "setextradata": {},
    "createvm": {
        "name": NAME,
        "ostype": r"Linux_64|Linux_arm64|Ubuntu_64",
        "basefolder": PATH,
        "register": FLAG,
    },
    "clonevm": {
        "snapshot": NAME,
        "mode": r"machine|machinechildren|all",
        "options": r"(?i:link|keepallmacs|keepnatmacs|keepdisknames|keephwuuids)",
        "name": NAME,
        "basefolder": PATH,
        "register": FLAG,
    },
    "import": {
        "options": r"keepallmacs|keepnatmacs|importtovdi",
        "vsys": NUMBER,
        "vmname": NAME,
        "basefolder": PATH,
        "eula": r"show|accept",
    },
    "modifyvm": {
        "name": NAME,
        "cpus": r"[1-9][0-9]*",
        "memory": r"[1-9][0-9]*",
        "ioapic": ON_OFF,
        "rtc-use-utc": ON_OFF,
        "graphicscontroller": r"none|vboxvga|vmsvga|vboxsvga",
        "vram": r"[1-9][0-9]*",
        "boot1": r"none|floppy|dvd|disk|net",
        "uart1": (r"0x[0-9A-F]+", NUMBER),
        "uart-mode1": (r"file", PATH),
        **NICS,
    },
    "unregistervm": {"delete": FLAG, "delete-all": FLAG},
    "snapshot": {"live": FLAG, "description": r".*"},
    "startvm": {"type": r"gui|headless|sdl|separate"},
    "controlvm": {},
    "discardstate": {},
    "storagectl": {
        "name": NAME,
        "add": r"floppy|ide|pcie|sas|sata|scsi|usb",
        "controller": r"BusLogic|I82078|ICH6|IntelAhci|LSILogic|LSILogicSAS|NVMe|PIIX4|VirtIO",
        "portcount": NUMBER,
        "bootable": ON_OFF,
    },
    "storageattach": {
        "storagectl": NAME,
        "port": NUMBER,
        "device": NUMBER,
        "type": r"dvddrive|fdd|hdd",
        "medium": r".+",
        "hotpluggable": ON_OFF,
    },
    "createmedium": {"filename": PATH, "size": r"[1-9][0-9]*", "format": r"VDI|VMDK|VHD"},
    "clonemedium": {"format": r"VDI|VMDK|VHD|RAW"},
    "modifymedium": {"resize": r"[1-9][0-9]*", "move": PATH},
    "closemedium": {"delete": FLAG},
    "showmediuminfo": {},
}
# How many words each takes besides options: at least, at most.
WORDS: Mapping[str, tuple[int, int]] = {
    "list": (1, 1),
    "showvminfo": (1, 1),
    "getextradata": (2, 2),
    "setextradata": (2, 3),
    "createvm": (0, 0),
    "clonevm": (1, 1),
    "import": (1, 1),
    "modifyvm": (1, 1),
    "unregistervm": (1, 1),
    "snapshot": (3, 3),
    "startvm": (1, 1),
    "controlvm": (2, 4),
    "discardstate": (1, 1),
    "storagectl": (1, 1),
    "storageattach": (1, 1),
    "createmedium": (0, 1),
    "clonemedium": (2, 3),
    "modifymedium": (2, 2),
    "closemedium": (2, 2),
    "showmediuminfo": (2, 2),
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "createvm": ("name",),
    "storagectl": ("name",),
    "storageattach": ("storagectl",),
    "createmedium": ("filename", "size"),
}


class Refused(Exception):
    """What the real one would print, and its exit status."""

    def __init__(self, message: str, code: str = "", status: int = 1) -> None:
        super().__init__(message)
        lines = [f"VBoxManage: error: {message}"]
        if code:
            lines.append(f"VBoxManage: error: Details: code {code}, component MachineWrap")
        self.text = "\n".join(lines) + "\n"
        self.status = status


def syntax(message: str) -> Refused:
    return Refused(message, status=2)


def parsed(command: str, given: Sequence[str]) -> tuple[list[str], list[tuple[str, Any]]]:
    """Return a command's words and its options in order, all checked."""
    words, options = list[str](), list[tuple[str, Any]]()
    rest = list(given)
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            options.append(option(OPTIONS[command], word, rest))
        else:
            words.append(word)
    least, most = WORDS[command]
    if not least <= len(words) <= most:
        raise syntax(f"Invalid number of parameters: {words}")
    names = {name for name, _ in options}
    for name in REQUIRED.get(command, ()):
        if name not in names:
            raise syntax(f"Parameter --{name} is required")
    return words, options


def option(grammar: Grammar, word: str, rest: list[str]) -> tuple[str, Any]:
    """Return an option with its values, which are taken from the rest of the words."""
    name, equals, value = word.removeprefix("--").partition("=")
    if name not in grammar:
        raise syntax(f"Unknown option: --{name}")
    wanted = grammar[name]
    if wanted is None:
        if equals:
            raise syntax(f"Option --{name} takes no value")
        return name, True
    patterns = (wanted,) if isinstance(wanted, str) else wanted
    values = [value] if equals else []
    while len(values) < len(patterns) or values == ["delete"]:
        if not rest:
            raise syntax(f"Missing argument to --{name}")
        values.append(rest.pop(0))
    for each, pattern in zip(values, patterns, strict=False):
        if not re.fullmatch(pattern, each):
            raise syntax(f"Invalid argument '{each}' to --{name}")
    return name, values[0] if len(values) == 1 else values


class Stand:
    """VirtualBox's state in a folder, and the commands on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)

    def run(self, given: Sequence[str]) -> tuple[int, str, str]:
        """Run one command and return exit status, output and errors."""
        with self._kept() as state:
            state["calls"].append(list(given))
            if list(given) == ["--version"]:
                warning = NO_DRIVER if (self.home / "no-driver").exists() else ""
                return 0, f"{warning}{VERSION}\n", ""
            try:
                if not given or given[0] not in OPTIONS:
                    raise syntax(f"Invalid command '{given[0] if given else ''}'")
                words, options = parsed(given[0], given[1:])
                act: Callable[..., str] = getattr(Commands(self.home, state), f"do_{given[0]}")
                return 0, act(words, options), ""
            except Refused as refused:
                return refused.status, "", refused.text

    @contextmanager
    def _kept(self) -> Iterator[dict[str, Any]]:
        file = self.home / "state.json"
        with (self.home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = (
                json.loads(file.read_text())
                if file.exists()
                else {"machines": {}, "media": {}, "calls": []}
            )
            yield state
            file.write_text(json.dumps(state))

    @contextmanager
    def changed(self) -> Iterator[dict[str, Any]]:
        """Change the state by hand, as a user or a guest would."""
        with self._kept() as state:
            yield state

    def calls(self) -> list[list[str]]:
        """Return every command so far."""
        with self._kept() as state:
            return list(state["calls"])

    def machine(self, name: str) -> dict[str, Any] | None:
        """Return a machine's state."""
        with self._kept() as state:
            found: dict[str, Any] | None = state["machines"].get(name)
            return found

    def add_machine(self, name: str, size_mib: int = 2048) -> None:
        """Register a machine with a disk, as a user would."""
        folder = self.home / "VirtualBox VMs"
        disk = folder / name / f"{name}.vdi"
        for command in (
            ["createvm", f"--name={name}", f"--basefolder={folder}", "--register"],
            ["storagectl", name, "--name=SATA Controller", "--add=sata", "--portcount=1"],
            [
                "createmedium",
                "disk",
                f"--filename={folder / name / name}.vdi",
                f"--size={size_mib}",
            ],
            [
                *("storageattach", name, "--storagectl=SATA Controller", "--port=0"),
                *("--device=0", "--type=hdd", f"--medium={disk}"),
            ],
            ["modifyvm", name, "--nic1=nat", "--nat-pf1=theirs,tcp,,2200,,22"],
        ):
            status, _, errors = self.run(command)
            assert status == 0, errors


class Commands:
    """One command on the state."""

    def __init__(self, home: Path, state: dict[str, Any]) -> None:
        self.home = home
        self.machines: dict[str, dict[str, Any]] = state["machines"]
        self.media: dict[str, dict[str, Any]] = state["media"]

    # Finding

    def find(self, name: str) -> dict[str, Any]:
        for machine in self.machines.values():
            if name in (machine["name"], machine["uuid"]):
                return machine
        raise Refused(
            f"Could not find a registered machine named '{name}'",
            "VBOX_E_OBJECT_NOT_FOUND (0x80bb0001)",
        )

    def locked(self, name: str, *, shared: bool = False) -> dict[str, Any]:
        """Return a machine for changing; ``shared``: its process may do that for us."""
        machine = self.find(name)
        if machine["locked"]:
            machine["locked"] -= 1
        elif shared or machine["state"] not in PROCESS:
            return machine
        raise Refused(
            f"The machine '{name}' is already locked by a session (or being locked or unlocked)",
            "VBOX_E_INVALID_OBJECT_STATE (0x80bb0007)",
        )

    def medium(self, given: str, kind: str) -> dict[str, Any]:
        for medium in self.media.values():
            if given in (medium["uuid"], medium["path"]) and medium["kind"] == kind:
                return medium
        file = Path(given)
        if not file.is_file():
            raise Refused(
                f"Could not find file for the medium '{given}' (VERR_FILE_NOT_FOUND)",
                "VBOX_E_FILE_ERROR (0x80bb0004)",
            )
        size = json.loads(file.read_text())["capacity"] if kind == "disk" else 1
        return {"uuid": str(uuid.uuid4()), "path": given, "capacity": size, "kind": kind}

    def known(self, given: str, kind: str) -> dict[str, Any]:
        medium = {"parent": None, **self.medium(given, kind)}
        return self.media.setdefault(medium["uuid"], medium)

    def new_disk(self, path: str, capacity: int, parent: str | None = None) -> dict[str, Any]:
        file = Path(path)
        if file.exists():
            raise Refused(
                f"Could not create the medium storage unit '{path}'. (VERR_ALREADY_EXISTS)",
                "VBOX_E_FILE_ERROR (0x80bb0004)",
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        medium = {
            "uuid": str(uuid.uuid4()),
            "path": path,
            "capacity": capacity,
            "kind": "disk",
            "parent": parent,
        }
        self.save(medium)
        self.media[medium["uuid"]] = medium
        return medium

    def save(self, medium: Mapping[str, Any]) -> None:
        Path(medium["path"]).write_text(json.dumps({"capacity": medium["capacity"]}))

    def children(self, medium: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [each for each in self.media.values() if each["parent"] == medium["uuid"]]

    def holders(self, medium: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            machine
            for machine in self.machines.values()
            if any(slot["medium"] == medium["uuid"] for _, _, slot in slots(machine))
        ]

    def check_writable(self, medium: Mapping[str, Any]) -> None:
        if any(each["state"] in PROCESS for each in self.holders(medium)):
            raise Refused(
                f"Medium '{medium['path']}' is locked for writing by another task",
                "VBOX_E_INVALID_OBJECT_STATE (0x80bb0007)",
            )

    # Showing

    def do_list(self, words: list[str], _: Any) -> str:
        if words[0] not in ("vms", "runningvms"):
            raise syntax(f'Unknown subcommand "{words[0]}"')
        shown = [
            machine
            for machine in self.machines.values()
            if words[0] == "vms" or machine["state"] in ("running", "paused")
        ]
        return "".join(f'"{each["name"]}" {{{each["uuid"]}}}\n' for each in shown)

    def do_showvminfo(self, words: list[str], options: list[tuple[str, Any]]) -> str:
        machine = self.find(words[0])
        if ("machinereadable", True) not in options:
            raise syntax("the stand-in shows nothing for people")
        values: list[tuple[str, str]] = [
            ("name", quoted(machine["name"])),
            ("groups", quoted("/")),
            ("UUID", quoted(machine["uuid"])),
            ("CfgFile", quoted(machine["settings"])),
            ("memory", str(machine["memory"])),
            ("cpus", str(machine["cpus"])),
            ("VMState", quoted(machine["state"])),
            ("VMStateChangeTime", quoted("2026-01-02T03:04:05.678000000")),
        ]
        for number, controller in enumerate(machine["controllers"]):
            values.append((f"storagecontrollername{number}", quoted(controller["name"])))
            values.append((f"storagecontrollertype{number}", quoted(controller["type"])))
            ports = str(controller["ports"])
            values.append((f"storagecontrollerportcount{number}", quoted(ports)))
        for controller in machine["controllers"]:
            for port in range(controller["ports"]):
                slot = controller["slots"].get(f"{port}-0")
                name = controller["name"]
                file = "none" if slot is None else self.media[slot["medium"]]["path"]
                values.append((quoted(f"{name}-{port}-0"), quoted(file)))
                if slot is not None:
                    key = quoted(f"{name}-ImageUUID-{port}-0")
                    values.append((key, quoted(slot["medium"])))
        for number in range(1, 9):
            kind = machine["options"].get(f"nic{number}", "nat" if number == 1 else "none")
            values.append((f"nic{number}", quoted(kind)))
            if number == 1:
                for place, rule in enumerate(machine["forwardings"].values()):
                    values.append((f"Forwarding({place})", quoted(rule)))
        for key, value in machine["options"].items():
            if not key.startswith("nic"):
                values.append((key.replace("-", ""), quoted(value)))
        values.append(("VideoMode", '"720,400,0"@0,0 1'))
        values.append(("description", quoted('Several\nlines, a "quote" and a \\')))
        for number, snapshot in enumerate(machine["snapshots"]):
            suffix = f"-{number}" if number else ""
            values.append((f"SnapshotName{suffix}", quoted(snapshot["name"])))
        return "".join(f"{key}={value}\n" for key, value in values)

    def do_getextradata(self, words: list[str], _: Any) -> str:
        value = self.find(words[0])["extra"].get(words[1])
        return "No value set!\n" if value is None else f"Value: {value}\n"

    def do_setextradata(self, words: list[str], _: Any) -> str:
        extra = self.find(words[0])["extra"]
        extra.pop(words[1], None)
        if len(words) == 3 and words[2]:
            extra[words[1]] = words[2]
        return ""

    # Machines

    def new_machine(self, name: str, base: str) -> dict[str, Any]:
        folder = Path(base) / name
        if name in self.machines or (folder / f"{name}.vbox").exists():
            raise Refused(
                f"Machine settings file '{folder / name}.vbox' already exists",
                "VBOX_E_FILE_ERROR (0x80bb0004)",
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.vbox").touch()
        self.machines[name] = {
            "name": name,
            "uuid": str(uuid.uuid4()),
            "settings": str(folder / f"{name}.vbox"),
            "state": "poweroff",
            "locked": 0,
            "cpus": 1,
            "memory": 128,
            "options": {},
            "forwardings": {},
            "controllers": [],
            "snapshots": [],
            "extra": {},
        }
        return self.machines[name]

    def do_createvm(self, _: list[str], options: list[tuple[str, Any]]) -> str:
        given = dict(options)
        self.new_machine(given["name"], given["basefolder"])
        return f"Virtual machine '{given['name']}' is created and registered.\n"

    def do_clonevm(self, words: list[str], options: list[tuple[str, Any]]) -> str:
        given, source = dict(options), self.find(words[0])
        linked = given.get("options", "").lower() == "link"
        snapshot = next(
            (each for each in source["snapshots"] if each["name"] == given.get("snapshot")), None
        )
        if "snapshot" in given and snapshot is None:
            raise Refused(
                f"Could not find a snapshot named '{given['snapshot']}'",
                "VBOX_E_OBJECT_NOT_FOUND (0x80bb0001)",
            )
        if linked and snapshot is None:
            raise Refused("Linked clones are only possible from a snapshot", "E_INVALIDARG")
        if snapshot is None:
            self.locked(words[0])
        clone = self.new_machine(given["name"], given["basefolder"])
        kept = ("cpus", "memory", "options", "forwardings", "controllers", "extra")
        clone |= {key: json.loads(json.dumps(source[key])) for key in kept}
        if snapshot is not None:
            clone["controllers"] = json.loads(json.dumps(snapshot["controllers"]))
            clone["state"] = "saved" if snapshot["online"] else "poweroff"
        folder = Path(clone["settings"]).parent
        for number, (_, _, slot) in enumerate(slots(clone)):
            medium = self.media[slot["medium"]]
            if medium["kind"] != "disk":
                continue
            path = folder / (f"Snapshots/{uuid.uuid4()}.vdi" if linked else f"disk{number}.vdi")
            parent = medium["uuid"] if linked else None
            slot["medium"] = self.new_disk(str(path), medium["capacity"], parent)["uuid"]
        return f'Machine has been successfully cloned as "{given["name"]}"\n'

    def do_import(self, words: list[str], options: list[tuple[str, Any]]) -> str:
        given = dict(options)
        if not Path(words[0]).is_file() or not tarfile.is_tarfile(words[0]):
            raise Refused(f"Appliance read failed: {words[0]}", "VBOX_E_FILE_ERROR (0x80bb0004)")
        machine = self.new_machine(given["vmname"], given["basefolder"])
        disk = self.new_disk(str(Path(machine["settings"]).parent / "disk001.vdi"), 10240)
        slot = {"medium": disk["uuid"], "hot": False}
        machine["controllers"] = [
            {"name": "IDE", "type": "PIIX4", "ports": 2, "slots": {"0-0": slot}}
        ]
        return "Successfully imported the appliance.\n"

    def do_modifyvm(self, words: list[str], options: list[tuple[str, Any]]) -> str:
        machine = self.locked(words[0])
        if machine["state"] == "saved":
            raise Refused("The machine is not mutable (state is Saved)", "0x80bb0002")
        for name, value in options:
            if name == "name":
                self.rename(machine, value)
            elif name in ("cpus", "memory"):
                machine[name] = int(value)
            elif name.startswith("nat-pf"):
                forward(machine, value)
            elif isinstance(value, list):
                machine["options"][name] = ",".join(value)
            else:
                machine["options"][name] = value
        return ""

    def rename(self, machine: dict[str, Any], name: str) -> None:
        if name in self.machines:
            raise Refused(f"Machine '{name}' already exists", "VBOX_E_OBJECT_IN_USE (0x80bb000c)")
        was = Path(machine["settings"]).parent
        now = was.with_name(name)
        was.rename(now)
        (now / f"{machine['name']}.vbox").rename(now / f"{name}.vbox")
        for medium in self.media.values():
            if Path(medium["path"]).is_relative_to(was):
                medium["path"] = str(now / Path(medium["path"]).relative_to(was))
        del self.machines[machine["name"]]
        machine |= {"name": name, "settings": str(now / f"{name}.vbox")}
        self.machines[name] = machine

    def do_unregistervm(self, words: list[str], options: list[tuple[str, Any]]) -> str:
        machine = self.locked(words[0])
        media = [self.media[slot["medium"]] for _, _, slot in slots(machine)]
        for snapshot in machine["snapshots"]:
            media += [self.media[slot["medium"]] for _, _, slot in slots(snapshot)]
        disks = {each["uuid"]: each for each in media if each["kind"] == "disk"}
        if options:
            for disk in disks.values():
                others = [each for each in self.children(disk) if each["uuid"] not in disks]
                if others:
                    raise Refused(
                        f"Cannot close medium '{disk['path']}' because it has {len(others)} child "
                        "media",
                        "VBOX_E_OBJECT_IN_USE (0x80bb000c)",
                    )
            for disk in disks.values():
                Path(disk["path"]).unlink()
                del self.media[disk["uuid"]]
            shutil.rmtree(Path(machine["settings"]).parent)
        del self.machines[machine["name"]]
        return ""

    def do_snapshot(self, words: list[str], options: list[tuple[str, Any]]) -> str:
        name, action, snapshot = words
        machine = self.locked(name, shared=True)
        if action == "take":
            frozen = {
                "name": snapshot,
                "online": machine["state"] in PROCESS,
                "controllers": json.loads(json.dumps(machine["controllers"])),
            }
            machine["snapshots"].append(frozen)
            for _, _, slot in slots(machine):
                medium = self.media[slot["medium"]]
                if medium["kind"] == "disk":
                    folder = Path(machine["settings"]).parent / "Snapshots"
                    path = str(folder / f"{uuid.uuid4()}.vdi")
                    diff = self.new_disk(path, medium["capacity"], medium["uuid"])
                    slot["medium"] = diff["uuid"]
            return ""
        if action != "delete":
            raise syntax(f"Invalid parameter '{action}'")
        if not any(each["name"] == snapshot for each in machine["snapshots"]):
            raise Refused(
                f"Could not find a snapshot named '{snapshot}'",
                "VBOX_E_OBJECT_NOT_FOUND (0x80bb0001)",
            )
        for _, _, slot in slots(machine):
            diff = self.media[slot["medium"]]
            if diff["kind"] != "disk" or diff["parent"] is None:
                continue
            if len(self.children(self.media[diff["parent"]])) > 1:
                raise Refused("Hard disk has more than one child", "0x80bb0007")
            slot["medium"] = diff["parent"]
            Path(diff["path"]).unlink()
            del self.media[diff["uuid"]]
        machine["snapshots"] = [each for each in machine["snapshots"] if each["name"] != snapshot]
        return ""

    # Running

    def do_startvm(self, words: list[str], options: list[tuple[str, Any]]) -> str:
        if dict(options).get("type") != "headless":
            raise Refused("The graphical user interface needs a display")
        machine = self.locked(words[0])
        for _, _, slot in slots(machine):
            path = self.media[slot["medium"]]["path"]
            if not Path(path).is_file():
                raise Refused(f"Could not open the medium '{path}'. (VERR_FILE_NOT_FOUND)")
        mode, _, file = machine["options"].get("uart-mode1", "").partition(",")
        if mode == "file":
            Path(file).write_text("[    0.000000] Linux version 6.12 (stand-in)\nlogin: ")
        machine["state"] = "running"
        return f'VM "{words[0]}" has been successfully started.\n'

    def do_controlvm(self, words: list[str], _: Any) -> str:
        name, action, *rest = words
        machine = self.find(name)
        if machine["state"] not in PROCESS:
            raise Refused(f"Machine '{name}' is not currently running")
        if action == "screenshotpng" and len(rest) == 1:
            Path(rest[0]).write_bytes(ONE_PIXEL)
            return ""
        if action == "keyboardputscancode" and rest:
            if not all(re.fullmatch(r"[0-9a-f]{2}", each) for each in rest):
                raise Refused("Converting the hex code failed")
            return ""
        actions = {"acpipowerbutton", "poweroff", "reset", "pause", "resume", "savestate"}
        if action not in actions or rest:
            raise syntax(f"Invalid parameter '{action}'")
        wrong = {"acpipowerbutton": "paused", "pause": "paused", "resume": "running"}
        if machine["state"] == wrong.get(action):
            raise Refused("Invalid machine state", "VBOX_E_INVALID_VM_STATE (0x80bb0002)")
        if action == "acpipowerbutton" and "fake/deaf" not in machine["extra"]:
            machine["state"] = "poweroff"
        elif action in ("poweroff", "savestate"):
            # Its process ends a moment after the command.
            machine |= {"state": "saved" if action == "savestate" else "poweroff", "locked": 1}
        elif action in ("pause", "resume"):
            machine["state"] = "paused" if action == "pause" else "running"
        return ""

    def do_discardstate(self, words: list[str], _: Any) -> str:
        machine = self.locked(words[0])
        if machine["state"] != "saved":
            raise Refused("Cannot discard the saved state", "VBOX_E_INVALID_VM_STATE (0x80bb0002)")
        machine["state"] = "poweroff"
        return ""

    # Storage

    def do_storagectl(self, words: list[str], options: list[tuple[str, Any]]) -> str:
        machine, given = self.locked(words[0]), dict(options)
        found = next(
            (each for each in machine["controllers"] if each["name"] == given["name"]), None
        )
        if "add" in given:
            kind = given.get("controller") or {"sata": "IntelAhci", "ide": "PIIX4"}[given["add"]]
            if found is not None or kind in [each["type"] for each in machine["controllers"]]:
                raise Refused("Too many storage controllers of this type", "0x80bb000c")
            found = {"name": given["name"], "type": kind, "ports": 2, "slots": {}}
            machine["controllers"].append(found)
        if found is None:
            raise Refused(
                f"Could not find a storage controller named '{given['name']}'",
                "VBOX_E_OBJECT_NOT_FOUND (0x80bb0001)",
            )
        if "portcount" in given:
            if not 1 <= int(given["portcount"]) <= 30:
                raise Refused("Invalid port count", "E_INVALIDARG (0x80070057)")
            found["ports"] = int(given["portcount"])
        return ""

    def do_storageattach(self, words: list[str], options: list[tuple[str, Any]]) -> str:
        machine, given = self.locked(words[0], shared=True), dict(options)
        online = machine["state"] in PROCESS
        controller = next(
            (each for each in machine["controllers"] if each["name"] == given["storagectl"]), None
        )
        if controller is None or int(given["port"]) >= controller["ports"]:
            raise Refused("Could not find a controller or port of this name", "E_INVALIDARG")
        place = f"{given['port']}-{given['device']}"
        held = controller["slots"].get(place)
        if given["medium"] == "none":
            if held is None:
                raise Refused("No storage device attached to the slot", "0x80bb0001")
            if online and not held["hot"]:
                raise Refused("The device is not hot-pluggable", "VBOX_E_INVALID_VM_STATE")
            del controller["slots"][place]
            return ""
        kind = {"hdd": "disk", "dvddrive": "dvd"}[given["type"]]
        if held is not None:
            raise Refused("The slot is in use", "VBOX_E_OBJECT_IN_USE (0x80bb000c)")
        if online and (kind != "disk" or controller["type"] not in HOT_PLUGGED):
            raise Refused("The controller does not support hot-plugging")
        if online and "hotpluggable" in given:
            raise Refused("Invalid machine state: Running", "VBOX_E_INVALID_VM_STATE")
        medium = self.known(given["medium"], kind)
        if kind == "disk" and self.holders(medium):
            raise Refused(f"Medium '{medium['path']}' is already attached", "VBOX_E_OBJECT_IN_USE")
        hot = online or given.get("hotpluggable") == "on"
        controller["slots"][place] = {"medium": medium["uuid"], "hot": hot}
        return ""

    def do_createmedium(self, words: list[str], options: list[tuple[str, Any]]) -> str:
        if words not in ([], ["disk"]):
            raise syntax(f"Invalid parameter '{words}'")
        given = dict(options)
        medium = self.new_disk(given["filename"], int(given["size"]))
        return f"Medium created. UUID: {medium['uuid']}\n"

    def do_clonemedium(self, words: list[str], _: Any) -> str:
        source, target = words[:2]
        if words[2:] not in ([], ["disk"]):
            raise syntax(f"Invalid parameter '{words[2]}'")
        medium = self.medium(source, "disk")
        self.check_writable(medium)
        clone = self.new_disk(target, medium["capacity"])
        # What a disk holds is told by who it was copied from.
        clone["copy_of"] = medium["path"]
        return f"Clone medium created in format 'VDI'. UUID: {clone['uuid']}\n"

    def do_modifymedium(self, words: list[str], options: list[tuple[str, Any]]) -> str:
        medium, given = self.known(words[1], words[0]), dict(options)
        self.check_writable(medium)
        if "resize" in given:
            if int(given["resize"]) < medium["capacity"]:
                raise Refused("Shrinking is not supported (VERR_NOT_SUPPORTED)", "0x80bb0009")
            medium["capacity"] = int(given["resize"])
            self.save(medium)
        if "move" in given:
            Path(medium["path"]).rename(given["move"])
            medium["path"] = given["move"]
        return ""

    def do_closemedium(self, words: list[str], options: list[tuple[str, Any]]) -> str:
        kind, given = words
        medium = self.known(given, kind)
        if self.holders(medium) or self.children(medium):
            raise Refused(
                f"Cannot close medium '{medium['path']}' because it is still attached",
                "VBOX_E_OBJECT_IN_USE (0x80bb000c)",
            )
        del self.media[medium["uuid"]]
        if options:
            Path(medium["path"]).unlink()
        return ""

    def do_showmediuminfo(self, words: list[str], _: Any) -> str:
        medium = self.medium(words[1], words[0])
        return (
            f"UUID:           {medium['uuid']}\n"
            f"Parent UUID:    {medium.get('parent') or 'base'}\n"
            "State:          created\n"
            f"Location:       {medium['path']}\n"
            f"Capacity:       {medium['capacity']} MBytes\n"
            "Size on disk:   2 MBytes\n"
        )


def slots(machine: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (controller["name"], place, slot)
        for controller in machine["controllers"]
        for place, slot in controller["slots"].items()
    ]


def forward(machine: dict[str, Any], value: str | list[str]) -> None:
    rules: dict[str, str] = machine["forwardings"]
    if isinstance(value, list):
        if rules.pop(value[1], None) is None:
            raise Refused(f"A NAT rule of name '{value[1]}' is not there", "E_INVALIDARG")
        return
    name, _, rest = value.partition(",")
    if name in rules:
        raise Refused("A NAT rule of this name already exists", "E_INVALIDARG (0x80070057)")
    if any(rule.split(",")[1:4:2] == rest.split(",")[0:3:2] for rule in rules.values()):
        raise Refused("A NAT rule for this host port and this host IP already exists")
    rules[name] = value


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def main() -> int:
    status, output, errors = Stand(Path(os.environ[HOME])).run(sys.argv[1:])
    sys.stdout.write(output)
    sys.stderr.write(errors)
    return status


if __name__ == "__main__":
    sys.exit(main())
