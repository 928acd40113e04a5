"""Users, groups and passwords of a ``#cloud-config`` (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import attrs

from emulator.vm.seed.fields import Fields

# What useradd takes, and what may stand in /etc/passwd and in a regular expression.
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,31}")
_PATH = re.compile(r"/[^:\n\r\0]*")
_GECOS = re.compile(r"[^:\n\r\0]*")
_CRYPTED = re.compile(r"\$(1|2a|2y|5|6|7|y|gy)\$[^:\s]+\$[^:\s]*|[!*]+")
_RANDOM = frozenset({"R", "RANDOM"})
_KNOWN = frozenset({"ssh_redirect_user"})


@attrs.frozen
class Group:
    """A group and who joins it."""

    name: str
    members: tuple[str, ...] = ()


@attrs.frozen
class User:
    """One user of the list.

    Attributes:
        name: the login name.
        gecos: the full name.
        home: None for ``/home/<name>``.
        shell: None for the image's usual one.
        primary_group: None for one of the same name.
        groups: further ones.
        uid: None for the next free one.
        sudo: rules for sudoers, without the name.
        ssh_authorized_keys: who may log in.
        password_hash: as in ``/etc/shadow``, or None.
        lock_passwd: whether no password lets this user in.
        system: whether it is a service's user, without a home.
        no_create_home: whether it has no home either.
    """

    name: str
    gecos: str = ""
    home: str | None = None
    shell: str | None = None
    primary_group: str | None = None
    groups: tuple[str, ...] = ()
    uid: int | None = None
    sudo: tuple[str, ...] = ()
    ssh_authorized_keys: tuple[str, ...] = ()
    password_hash: str | None = None
    lock_passwd: bool = True
    system: bool = False
    no_create_home: bool = False


@attrs.frozen
class Password:
    """A password to set.

    Attributes:
        user: whose; empty for the default user.
        secret: the password, or its hash; None for one to be made up and shown on the console.
        hashed: whether it is a hash.
    """

    user: str
    secret: str | None = attrs.field(repr=False)
    hashed: bool


def read_groups(fields: Fields) -> tuple[Group, ...]:
    """Read ``groups``: names, or names with members, as a list, a mapping or one text."""
    value = fields.get("groups")
    listed = [value] if isinstance(value, Mapping) else fields.entries("groups")
    found = []
    for entry in listed:
        if isinstance(entry, Mapping):
            pairs = [(name, _members(members)) for name, members in entry.items()]
        else:
            pairs = [(name, ()) for name in str(entry).split(",")]
        for name, members in pairs:
            names = (str(name).strip(), *members)
            if all(_NAME.fullmatch(one) for one in names):
                found.append(Group(names[0], names[1:]))
            else:
                fields.note("groups: a name is none that a group or user can have")
    return tuple(found)


def _members(value: object) -> tuple[str, ...]:
    """Return a group's members; anything that is no list of names yields one bad name."""
    if value is None:
        return ()
    listed = value if isinstance(value, list) else str(value).split(",")
    return tuple(str(member).strip() for member in listed)


def read_users(fields: Fields) -> tuple[User, ...]:
    """Read ``users``; ``default`` is the image's login user, which is there already."""
    found: list[User] = []
    for entry in fields.entries("users"):
        if isinstance(entry, str):
            names = (name.strip() for name in entry.split(","))
            found.extend(_named(fields, name) for name in names if name != "default")
        elif isinstance(entry, Mapping) and "name" in entry:
            found.append(_user(fields.inside(entry, "users")))
        elif entry:
            fields.note("users: an entry is neither a name nor a mapping with a name")
    return tuple(user for user in found if user.name)


def _named(fields: Fields, name: str) -> User:
    return _user(fields.inside({"name": name}, "users"))


def _user(fields: Fields) -> User:
    uid = fields.text("uid")
    user = User(
        name=fields.matching("name", _NAME) or "",
        gecos=fields.matching("gecos", _GECOS) or "",
        home=fields.matching("homedir", _PATH),
        shell=fields.matching("shell", _PATH),
        primary_group=fields.matching("primary_group", _NAME),
        groups=tuple(_group_names(fields)),
        uid=int(uid) if uid and re.fullmatch(r"[0-9]{1,9}", uid) else None,
        sudo=() if fields.get("sudo") is False else fields.texts("sudo"),
        ssh_authorized_keys=fields.texts("ssh_authorized_keys", "ssh-authorized-keys"),
        password_hash=fields.matching("passwd", _CRYPTED)
        or fields.matching("hashed_passwd", _CRYPTED),
        lock_passwd=fields.switch("lock_passwd", "lock-passwd") is not False,
        system=bool(fields.switch("system")),
        no_create_home=bool(fields.switch("no_create_home")),
    )
    for name in sorted(fields.document.keys() - fields.used - _KNOWN):
        fields.note(f"{name[:60]!r} is not supported without cloud-init")
    return user


def _group_names(fields: Fields) -> Iterator[str]:
    value = fields.get("groups")
    listed = list(value) if isinstance(value, Mapping) else fields.texts("groups", separator=",")
    for name in listed:
        if _NAME.fullmatch(str(name)):
            yield str(name)
        else:
            fields.note(f"groups: {str(name)[:60]!r} is no group's name")


def read_passwords(fields: Fields) -> tuple[tuple[Password, ...], bool]:
    """Read ``password`` and ``chpasswd``; also whether they must be changed at first login."""
    found: list[Password] = []
    own = fields.text("password")
    if own:
        found.append(_password("", own, None))
    inner = fields.inside(fields.mapping("chpasswd"), "chpasswd")
    expire = inner.switch("expire") is not False
    listed = inner.entries("list")
    for line in [line for entry in listed for line in str(entry).splitlines()]:
        before, colon, secret = line.partition(":")
        if colon and _NAME.fullmatch(before.strip()) and secret:
            found.append(_password(before.strip(), secret, None))
        elif line.strip():
            inner.note("a line of its list is not USER:PASSWORD")
    for entry in inner.entries("users"):
        if not isinstance(entry, Mapping):
            inner.note("an entry of its users is no mapping")
            continue
        one = inner.inside(entry, "users")
        name, kind = one.matching("name", _NAME), one.text("type") or "hash"
        given = "R" if kind == "RANDOM" else one.text("password")
        if name and given:
            found.append(_password(name, given, kind))
    return tuple(one for one in found if "\n" not in (one.secret or "")), expire


def _password(user: str, secret: str, kind: str | None) -> Password:
    """Tell a hash from a text as cloud-init does where nobody says which it is."""
    if kind == "RANDOM" or (kind is None and secret in _RANDOM):
        return Password(user, None, hashed=False)
    hashed = kind != "text" and _CRYPTED.fullmatch(secret) is not None
    return Password(user, secret, hashed=hashed)
