"""The directives of ``#cloud-config`` that people use most, as typed values (pure).

For guests without a cloud-init of their own. Nothing here fails: a directive that is not
known, or not what it should be, becomes a note for the instance's console. Source:
cloud-init's documentation, "Module reference".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from emulator.vm.seed.fields import Fields
from emulator.vm.seed.parts import Kind, Part
from emulator.vm.seed.users import Group, Password, User, read_groups, read_passwords, read_users
from emulator.vm.seed.write_files import WriteFile, read_write_files
from emulator.vm.seed.yaml_documents import YamlError, merge, read_mapping

# One for a shell, or a program and its arguments.
Command: TypeAlias = str | tuple[str, ...]

# What others than us act upon, or what changes nothing that is not so already.
_SILENT = frozenset({"merge_how", "merge_type", "manage_etc_hosts", "preserve_hostname"})
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9@+._:~/-]*")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_TIME_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_POWER = {"poweroff": "poweroff", "halt": "poweroff", "reboot": "reboot"}


@attrs.frozen
class PowerState:
    """How the instance ends its first boot.

    Attributes:
        action: ``poweroff`` or ``reboot``.
        delay_minutes: how long after user data.
    """

    action: str
    delay_minutes: int


@attrs.frozen
class CloudConfig:
    """What all cloud-configs together ask for.

    Attributes:
        hostname: the short or full name wanted, if any.
        timezone: such as ``Europe/Berlin``.
        groups: to be made, with their members.
        users: to be made, the default one left out.
        ssh_authorized_keys: the default user's, besides the key pair.
        ssh_pwauth: whether passwords may log in over SSH; None leaves it to the image.
        disable_root: whether root may not log in over SSH.
        passwords: to be set; a user of ``""`` is the default one.
        expire_passwords: whether they must be changed at first login.
        write_files: in order.
        packages: to be installed, with a version after ``=`` where one is asked for.
        package_update: whether the package lists are renewed.
        package_upgrade: whether everything installed is.
        bootcmd: run early at every boot.
        runcmd: run once.
        final_message: said when all is done.
        power_state: whether the instance then ends or restarts.
    """

    hostname: str | None = None
    timezone: str | None = None
    groups: tuple[Group, ...] = ()
    users: tuple[User, ...] = ()
    ssh_authorized_keys: tuple[str, ...] = ()
    ssh_pwauth: bool | None = None
    disable_root: bool = False
    passwords: tuple[Password, ...] = ()
    expire_passwords: bool = True
    write_files: tuple[WriteFile, ...] = ()
    packages: tuple[str, ...] = ()
    package_update: bool = False
    package_upgrade: bool = False
    bootcmd: tuple[Command, ...] = ()
    runcmd: tuple[Command, ...] = ()
    final_message: str | None = None
    power_state: PowerState | None = None


def read_cloud_config(parts: Sequence[Part]) -> tuple[CloudConfig, tuple[str, ...]]:
    """Return what the cloud-configs among the parts ask for, and notes on what is left out."""
    notes: list[str] = []
    fields = Fields({}, notes)
    merged: dict[str, Any] = {}
    for part in parts:
        if part.kind is not Kind.CLOUD_CONFIG:
            continue
        try:
            document = read_mapping(part.content)
        except YamlError as error:
            fields.note(f"the cloud-config {part.name} cannot be read: {error}")
            continue
        how = document.get("merge_how") or document.get("merge_type") or part.merge_type
        merged = merge(merged, document, how)
    fields = Fields(merged, notes, used=set(_SILENT))
    config = _config(fields)
    for name in sorted(merged.keys() - fields.used):
        fields.note(f"the cloud-config directive {name[:60]!r} is not supported without cloud-init")
    return config, tuple(notes)


def _config(fields: Fields) -> CloudConfig:
    passwords, expire = read_passwords(fields)
    return CloudConfig(
        hostname=_host_name(fields),
        timezone=fields.matching("timezone", _TIME_ZONE),
        groups=read_groups(fields),
        users=read_users(fields),
        ssh_authorized_keys=fields.texts("ssh_authorized_keys"),
        ssh_pwauth=fields.switch("ssh_pwauth"),
        disable_root=bool(fields.switch("disable_root")),
        passwords=passwords,
        expire_passwords=expire,
        write_files=read_write_files(fields),
        packages=tuple(_packages(fields)),
        package_update=bool(fields.switch("package_update", "apt_update")),
        package_upgrade=bool(fields.switch("package_upgrade", "apt_upgrade")),
        bootcmd=tuple(_commands(fields, "bootcmd")),
        runcmd=tuple(_commands(fields, "runcmd")),
        final_message=fields.text("final_message"),
        power_state=_power_state(fields),
    )


def _host_name(fields: Fields) -> str | None:
    full = fields.matching("fqdn", _HOST_NAME)
    short = fields.matching("hostname", _HOST_NAME)
    return None if fields.document.get("preserve_hostname") is True else short or full


def _commands(fields: Fields, name: str) -> Iterator[Command]:
    for entry in fields.entries(name):
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, list) and entry and all(_is_word(word) for word in entry):
            yield tuple(str(word) for word in entry)
        elif entry is not None:
            fields.note(f"an entry of {name} is neither text nor a list of words")


def _is_word(value: object) -> bool:
    return isinstance(value, str | int | float)


def _packages(fields: Fields) -> Iterator[str]:
    """Give names as package managers take them; ``[name, version]`` becomes ``name=version``."""
    for entry in fields.entries("packages"):
        nested = isinstance(entry, Mapping)
        for one in _nested_packages(entry) if nested else [entry]:
            words = [str(word) for word in one] if isinstance(one, list) else [str(one)]
            if 1 <= len(words) <= 2 and all(_PACKAGE.fullmatch(word) for word in words):
                yield "=".join(words)
            else:
                fields.note(f"packages: {str(one)[:60]!r} is no package's name")


def _nested_packages(entry: Mapping[object, object]) -> Iterator[object]:
    """Take lists such as ``apt: [one, two]`` as if they were not in a mapping."""
    for names in entry.values():
        yield from names if isinstance(names, list) else [names]


def _power_state(fields: Fields) -> PowerState | None:
    wanted = fields.mapping("power_state")
    if not wanted:
        return None
    action = _POWER.get(str(wanted.get("mode")))
    delay = str(wanted.get("delay", "now")).removeprefix("+")
    minutes = 0 if delay == "now" else int(delay) if re.fullmatch(r"[0-9]{1,4}", delay) else None
    if action is None or minutes is None:
        fields.note("power_state: its mode or delay is not understood")
        return None
    # A condition other than true or false is a command, which we do not run.
    if wanted.get("condition", True) is not True:
        if wanted["condition"] is not False:
            fields.note("power_state: only the conditions true and false are supported")
        return None
    return PowerState(action, minutes)
