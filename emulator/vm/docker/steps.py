"""User data as the steps that ``boot/user-data`` takes, one shell word at a time (pure).

What a user gave only ever becomes a quoted argument or a file of its own; the functions
that the steps call are in ``boot/directives``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

import attrs

from emulator.vm.seed.cloud_config import CloudConfig, Command, read_cloud_config
from emulator.vm.seed.parts import Kind, Part, split
from emulator.vm.seed.users import Password, User
from emulator.vm.seed.write_files import WriteFile

_URL = re.compile(r"https?://[!-~]+")
# cloud-init runs an instance's scripts in the order of their names, this one among them.
_RUNCMD = "runcmd"


@attrs.frozen
class Steps:
    """What a guest without a cloud-init of its own does with its user data.

    Attributes:
        once: shell lines for the first boot.
        every_boot: shell lines for each boot.
        scripts: programs by name, to be executable.
        contents: what ``write_file`` writes, by number.
        hostname: the name that the user data ask for, if any.
        password_login: whether passwords may log in over SSH; None leaves it to the image.
        disable_root: whether root is kept from logging in over SSH.
    """

    once: str
    every_boot: str
    scripts: dict[str, bytes]
    contents: tuple[bytes, ...]
    hostname: str | None = None
    password_login: bool | None = None
    disable_root: bool = False


def steps(user_data: bytes, default_user: str) -> Steps:
    """Turn user data into steps; large ones take a tenth of a second, so in a thread.

    Args:
        user_data: as the caller of EC2 gave them.
        default_user: the image's login user.
    """
    parts, unusable = (found := split(user_data)).parts, found.notes
    config, left_out = read_cloud_config(parts)
    scripts = {part.name: _runnable(part) for part in parts if part.kind in _RUNNABLE}
    if config.bootcmd:
        scripts["bootcmd"] = _script(config.bootcmd)
    if config.runcmd:
        scripts[_RUNCMD] = _script(config.runcmd)
    early = [part.name for part in parts if part.kind is Kind.BOOTHOOK]
    early += ["bootcmd"] if config.bootcmd else []
    late = [part.name for part in parts if part.kind is Kind.SCRIPT_EVERY_BOOT]
    once = [
        *(_line("note", note) for note in (*unusable, *left_out)),
        *_once(config, parts, default_user),
    ]
    return Steps(
        once="".join(once),
        every_boot="".join(_line("run_script", name) for name in (*early, *late)),
        scripts=scripts,
        contents=tuple(file.content for file in config.write_files),
        hostname=config.hostname,
        password_login=config.ssh_pwauth,
        disable_root=config.disable_root,
    )


_RUNNABLE = frozenset({Kind.SCRIPT, Kind.BOOTHOOK, Kind.SCRIPT_EVERY_BOOT})


def _runnable(part: Part) -> bytes:
    """Return a script that begins with its interpreter, not with what cloud-init reads."""
    first, _, rest = part.content.partition(b"\n")
    return rest if first.strip().lower() == b"#cloud-boothook" else part.content


def _line(*words: str) -> str:
    # A shell skips the zero bytes that YAML can express, wherever they stand.
    return shlex.join(word.replace("\0", "") for word in words) + "\n"


def _script(commands: Sequence[Command]) -> bytes:
    lines = (one if isinstance(one, str) else shlex.join(one) for one in commands)
    return "\n".join(("#!/bin/sh", *lines, "")).encode(errors="replace")


def _once(config: CloudConfig, parts: Sequence[Part], default_user: str) -> Iterator[str]:
    """Give the lines of the first boot in the order of cloud-init's modules."""
    if config.hostname:
        yield _line("set_hostname", config.hostname)
    numbered = list(enumerate(config.write_files))
    yield from (_write(number, file) for number, file in numbered if not file.deferred)
    for group in config.groups:
        yield _line("make_group", group.name)
    for user in config.users:
        yield from _user(user)
    for group in config.groups:
        yield from (_line("join_group", member, group.name) for member in group.members)
    if config.ssh_authorized_keys:
        yield _line("add_keys", default_user, *config.ssh_authorized_keys)
    for password in config.passwords:
        yield _password(password, default_user, expire=config.expire_passwords)
    if config.timezone:
        yield _line("set_timezone", config.timezone)
    yield from _packages(config)
    yield from (_write(number, file) for number, file in numbered if file.deferred)
    yield from _scripts(config, parts)
    if config.final_message:
        yield _line("final_message", config.final_message)
    if config.power_state:
        yield _line("power_state", config.power_state.action, str(config.power_state.delay_minutes))


def _scripts(config: CloudConfig, parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if part.kind is Kind.INCLUDE:
            yield from _includes(part)
    names = [part.name for part in parts if part.kind is Kind.SCRIPT]
    for name in sorted([*names, _RUNCMD] if config.runcmd else names):
        yield _line("run_script", name)


def _write(number: int, file: WriteFile) -> str:
    how = "append" if file.append else "replace"
    return _line("write_file", str(number), file.path, file.owner, f"{file.mode:o}", how)


def _user(user: User) -> Iterator[str]:
    yield _line(
        *("make_user", user.name, user.home or f"/home/{user.name}", user.shell or ""),
        *(user.gecos, user.primary_group or "", "" if user.uid is None else str(user.uid)),
        "system" if user.system else "",
        "no-home" if user.system or user.no_create_home else "",
    )
    for group in user.groups:
        yield _line("join_group", user.name, group)
    if user.password_hash and not user.lock_passwd:
        yield _line("set_password", user.name, user.password_hash, "")
    for rule in user.sudo:
        yield _line("allow_sudo", user.name, rule)
    if user.ssh_authorized_keys:
        yield _line("add_keys", user.name, *user.ssh_authorized_keys)


def _password(password: Password, default_user: str, *, expire: bool) -> str:
    name, expires = password.user or default_user, "expire" if expire else ""
    if password.secret is None:
        return _line("make_up_password", name, expires)
    how = "set_password" if password.hashed else "hash_password"
    return _line(how, name, password.secret, expires)


def _packages(config: CloudConfig) -> Iterator[str]:
    if config.package_update or config.package_upgrade or config.packages:
        yield _line("update_packages")
    if config.package_upgrade:
        yield _line("upgrade_packages")
    if config.packages:
        yield _line("install_packages", *config.packages)


def _includes(part: Part) -> Iterator[str]:
    for line in part.content.decode(errors="replace").splitlines():
        url = line.strip()
        if _URL.fullmatch(url):
            yield _line("include", url)
        elif url and not url.startswith("#"):
            yield _line("note", f"{part.name} includes what is no address: {url[:60]!r}")
