"""What VBoxManage prints, understood; pure.

Source: the user manual of VirtualBox 7, chapter "VBoxManage", and for ``--machinereadable`` the
rules that its output keeps: a line is ``name=value``, where names with more than letters and
values other than numbers stand in double quotes, in which a backslash comes before each double
quote and backslash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property

import attrs

_LISTED = re.compile(r'^"(.*)" \{([0-9a-fA-F-]{36})\}\s*$', re.MULTILINE)
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_VALUE = re.compile(rf'^(?:{_QUOTED}|([^="\n]+))=(?:{_QUOTED}|([^\n]*))$', re.MULTILINE | re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CAPACITY = re.compile(r"^Capacity:\s+([0-9]+)\s+MBytes", re.MULTILINE)
_SLOT = re.compile(r"(?P<kind>|-ImageUUID)-(?P<port>[0-9]+)-(?P<device>[0-9]+)")
_RULE = re.compile(r"Forwarding\([0-9]+\)")
_ADAPTER = re.compile(r"nic([0-9]+)")
_AHCI = "IntelAhci"
# In its words: it is up, or on its way there.
UP = frozenset(
    {
        "running",
        "starting",
        "restoring",
        "teleporting",
        "livesnapshotting",
        "onlinesnapshotting",
        "deletingsnapshotlive",
    }
)
PAUSED = frozenset({"paused", "teleportingpausedvm", "deletingsnapshotlivepaused"})
CRASHED = "gurumeditation"


def listed(text: str) -> Mapping[str, str]:
    """Return the machines of a list: name → UUID; those that cannot be read are left out."""
    return {name: uuid for name, uuid in _LISTED.findall(text) if name != "<inaccessible>"}


def extra_data(text: str) -> str | None:
    """Return a value of extra data, or None where there is none."""
    found = re.search(r"^Value: (.*)$", text, re.MULTILINE)
    return found.group(1).strip() if found else None


def capacity_mib(text: str) -> int | None:
    """Return how much a disk holds, of what ``showmediuminfo`` says."""
    found = _CAPACITY.search(text)
    return int(found.group(1)) if found else None


@attrs.frozen
class Attachment:
    """A medium in a machine.

    Attributes:
        controller: its name.
        port: of the controller.
        device: of the port.
        file: the medium's; of a disk with a snapshot, that of what changed since.
        uuid: the medium's.
    """

    controller: str
    port: int
    device: int
    file: str
    uuid: str


@attrs.frozen
class Forwarding:
    """A port of this machine that leads to one of a guest.

    Attributes:
        name: the rule's.
        port: in the guest, such as ``22/tcp``.
        host_port: on this machine.
    """

    name: str
    port: str
    host_port: int


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _is_rule(value: str) -> bool:
    parts = value.split(",")
    return len(parts) == 6 and parts[3].isdigit()


def _forwarding(value: str) -> Forwarding:
    name, protocol, _, host_port, _, port = value.split(",")
    return Forwarding(name, f"{port}/{protocol}", int(host_port))


@attrs.frozen(slots=False)
class Machine:
    """A machine as ``showvminfo --machinereadable`` shows it.

    Attributes:
        values: everything, by its name there, but for forwarded ports.
        forwardings: the ports of this machine that lead to it through its first adapter.
    """

    values: Mapping[str, str]
    forwardings: tuple[Forwarding, ...] = ()

    @classmethod
    def of(cls, text: str) -> Machine:
        """Return what the text says; what is not understood is left out."""
        values: dict[str, str] = {}
        rules: list[str] = []
        adapter = ""
        for quoted_name, name, quoted, bare in _VALUE.findall(text):
            key, value = _plain(quoted_name) or name.strip(), _plain(quoted) or bare.strip()
            if found := _ADAPTER.fullmatch(key):
                adapter = found.group(1)
            if _RULE.fullmatch(key) is None:
                values[key] = value
            elif adapter == "1":
                # They follow their adapter, and each adapter counts its own.
                rules.append(value)
        return cls(values, tuple(map(_forwarding, filter(_is_rule, rules))))

    @property
    def name(self) -> str:
        """What it is called."""
        return self.values.get("name", "")

    @property
    def state(self) -> str:
        """What it does, in VirtualBox's words, in small letters."""
        return self.values.get("VMState", "").lower()

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return self.state in UP

    @property
    def is_paused(self) -> bool:
        """Whether it is frozen, with its memory."""
        return self.state in PAUSED

    @property
    def has_process(self) -> bool:
        """Whether there is a process that would have to end before it can be changed."""
        return self.is_up or self.is_paused or self.state in (CRASHED, "stopping", "saving")

    @property
    def settings_file(self) -> str:
        """The file that describes it."""
        return self.values.get("CfgFile", "")

    @cached_property
    def snapshots(self) -> frozenset[str]:
        """The names of its snapshots."""
        names = (value for key, value in self.values.items() if re.match(r"SnapshotName(-|$)", key))
        return frozenset(names)

    @cached_property
    def controllers(self) -> Mapping[str, str]:
        """Its storage controllers: name → what they emulate."""
        found = {}
        for number in range(len(self.values)):
            name = self.values.get(f"storagecontrollername{number}")
            if name is None:
                break
            found[name] = self.values.get(f"storagecontrollertype{number}", "")
        return found

    @property
    def sata(self) -> str | None:
        """The name of its SATA controller; a machine has one at most."""
        return next((name for name, kind in self.controllers.items() if kind == _AHCI), None)

    @cached_property
    def attachments(self) -> tuple[Attachment, ...]:
        """Its media, in the order of controllers, ports and devices."""
        return tuple(self._attachments())

    def _attachments(self) -> Iterator[Attachment]:
        for controller in self.controllers:
            slots: dict[tuple[int, int], dict[str, str]] = {}
            for key, value in self.values.items():
                found = key.startswith(controller) and _SLOT.fullmatch(key[len(controller) :])
                if found:
                    place = (int(found["port"]), int(found["device"]))
                    slots.setdefault(place, {})[found["kind"]] = value
            for (port, device), slot in sorted(slots.items()):
                file = slot.get("", "none")
                if file not in ("none", "emptydrive"):
                    yield Attachment(controller, port, device, file, slot.get("-ImageUUID", ""))

    @property
    def disks(self) -> tuple[Attachment, ...]:
        """Its media that are no discs or floppies."""
        removable = (".iso", ".img", ".dmg", ".viso")
        return tuple(each for each in self.attachments if not each.file.lower().endswith(removable))

    def free_port(self, first: int, ports: int) -> int | None:
        """Return a free port of its SATA controller, or None where all are taken."""
        taken = {each.port for each in self.attachments if each.controller == self.sata}
        return next((port for port in range(first, ports) if port not in taken), None)
