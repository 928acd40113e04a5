from __future__ import annotations

import base64
import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.vm.seed import write_files
from emulator.vm.seed.cloud_config import CloudConfig, PowerState, read_cloud_config
from emulator.vm.seed.parts import Kind, Part
from emulator.vm.seed.users import Group, Password, User
from emulator.vm.seed.write_files import WriteFile


def read(text: str) -> tuple[CloudConfig, tuple[str, ...]]:
    return read_cloud_config([Part(Kind.CLOUD_CONFIG, text.encode(), "part-001")])


def config(text: str) -> CloudConfig:
    found, notes = read(text)
    assert notes == ()
    return found


def test_nothing_asks_for_nothing() -> None:
    assert read_cloud_config([]) == (CloudConfig(), ())
    assert read_cloud_config([Part(Kind.SCRIPT, b"#!/bin/sh", "x")]) == (CloudConfig(), ())


def test_commands_are_texts_or_words() -> None:
    found = config("runcmd: [ls -l, [ls, '-l', 3]]\nbootcmd: one\n")

    assert found.runcmd == ("ls -l", ("ls", "-l", "3"))
    assert found.bootcmd == ("one",)


def test_packages_are_names_with_or_without_a_version() -> None:
    found = config("packages: [nginx, [curl, 7.1-2], {apt: [git, [vim, '9']]}]\n")

    assert found.packages == ("nginx", "curl=7.1-2", "git", "vim=9")


@pytest.mark.parametrize("name", ["-o=Dpkg", "; id", "$(id)", "", "../x"])
def test_what_is_no_packages_name_is_told(name: str) -> None:
    found, notes = read(f"packages: [{json.dumps(name)}]\n")

    assert found.packages == ()
    assert len(notes) == 1


@pytest.mark.parametrize("word", ["true", "yes", "'on'", "1"])
def test_a_switch_may_be_a_word(word: str) -> None:
    text = f"package_update: {word}\nssh_pwauth: {word}\ndisable_root: {word}\n"
    found = config(text)

    assert found.package_update
    assert found.ssh_pwauth
    assert found.disable_root


def test_users_have_what_they_are_given() -> None:
    found = config(
        "users:\n"
        "  - default\n"
        "  - bob\n"
        "  - name: alice\n"
        "    gecos: Alice A.\n"
        "    homedir: /srv/alice\n"
        "    shell: /bin/zsh\n"
        "    primary_group: people\n"
        "    groups: a, b\n"
        "    uid: 1234\n"
        "    sudo: ['ALL=(ALL) NOPASSWD:ALL']\n"
        "    ssh_authorized_keys: [ssh-ed25519 AAAA]\n"
        "    passwd: $6$salt$hash\n"
        "    lock_passwd: false\n"
        "  - {name: d, system: true, sudo: false}\n"
    )

    assert found.users == (
        User("bob"),
        User(
            "alice",
            gecos="Alice A.",
            home="/srv/alice",
            shell="/bin/zsh",
            primary_group="people",
            groups=("a", "b"),
            uid=1234,
            sudo=("ALL=(ALL) NOPASSWD:ALL",),
            ssh_authorized_keys=("ssh-ed25519 AAAA",),
            password_hash="$6$salt$hash",
            lock_passwd=False,
        ),
        User("d", system=True),
    )


@pytest.mark.parametrize(
    "entry",
    [
        "{name: 'a:b'}",
        "{name: 'a b'}",
        "{name: 'a\\nb'}",
        "{name: '$(id)'}",
        "{name: root|x}",
        "{name: []}",
        "[x]",
        "7",
        "{name: x, gecos: 'a:b'}",
        '{name: x, gecos: "a\\nb"}',
        '{name: x, homedir: "/a:b"}',
        "{name: x, shell: bash}",
        "{name: x, groups: ['a/b']}",
        "{name: x, passwd: 'a:b'}",
        "{name: x, expiredate: '2030-01-01'}",
    ],
)
def test_a_user_that_cannot_be_is_told(entry: str) -> None:
    _, notes = read(f"users: [{entry}]\n")

    assert len(notes) == 1


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("groups: [a, {b: [x, y]}]", (Group("a"), Group("b", ("x", "y")))),
        ("groups: {a: [], b: x}", (Group("a"), Group("b", ("x",)))),
        ("groups: 'a, b'", (Group("a"), Group("b"))),
    ],
)
def test_groups_are_written_in_three_ways(text: str, groups: tuple[Group, ...]) -> None:
    assert config(text).groups == groups


def test_passwords_are_texts_hashes_or_made_up() -> None:
    found = config(
        "password: secret\n"
        "chpasswd:\n"
        "  expire: no\n"
        "  list: |\n"
        "    root:plain:with:colons\n"
        "    bob:$6$salt$hash\n"
        "    eve:RANDOM\n"
        "  users:\n"
        "    - {name: u1, password: x, type: text}\n"
        "    - {name: u2, type: RANDOM}\n"
        "    - {name: u3, password: $y$j9T$a$b}\n"
    )

    assert found.passwords == (
        Password("", "secret", hashed=False),
        Password("root", "plain:with:colons", hashed=False),
        Password("bob", "$6$salt$hash", hashed=True),
        Password("eve", None, hashed=False),
        Password("u1", "x", hashed=False),
        Password("u2", None, hashed=False),
        Password("u3", "$y$j9T$a$b", hashed=True),
    )
    assert not found.expire_passwords


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("b64", base64.b64encode(b"x\0y").decode()),
        ("base64", base64.encodebytes(b"x\0y").decode()),
        ("gz+b64", base64.b64encode(gzip.compress(b"x\0y", mtime=0)).decode()),
        ("gzip+base64", base64.b64encode(gzip.compress(b"x\0y", mtime=0)).decode()),
    ],
)
def test_files_are_decoded(encoding: str, content: str) -> None:
    entry = {"path": "/a", "content": content, "encoding": encoding}

    assert config(json.dumps({"write_files": [entry]})).write_files == (WriteFile("/a", b"x\0y"),)


@pytest.mark.parametrize(
    ("permissions", "mode"),
    [("0640", 0o640), ("'0640'", 0o640), ("'640'", 0o640), ("'0o640'", 0o640), ("0o640", 0o640)],
)
def test_permissions_are_octal(permissions: str, mode: int) -> None:
    found = config(f"write_files: [{{path: /a, permissions: {permissions}}}]")

    assert found.write_files[0].mode == mode


@pytest.mark.parametrize(
    "entry",
    [
        "{path: relative}",
        "{content: x}",
        "x",
        '{path: "/a\\0b"}',
        "{path: /a, content: '%', encoding: b64}",
        "{path: /a, content: eA==, encoding: gz+b64}",
        "{path: /a, content: [1]}",
        "{path: /a, owner: 'a b'}",
        "{path: /a, permissions: rw}",
        "{path: /a, encoding: rot13}",
        "{path: /a, source: {uri: x}}",
    ],
)
def test_a_file_that_cannot_be_is_told(entry: str) -> None:
    _, notes = read(f"write_files: [{entry}]\n")

    assert len(notes) == 1


def test_files_that_unpack_to_too_much_are_left_out() -> None:
    bomb = base64.b64encode(gzip.compress(bytes(write_files.MOST_BYTES + 1))).decode()
    entry = {"path": "/a", "content": bomb, "encoding": "gz+b64"}
    found, notes = read(json.dumps({"write_files": [entry, {"path": "/b", "content": "b"}]}))

    assert [file.path for file in found.write_files] == ["/b"]
    assert "larger than" in notes[0]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("{mode: poweroff}", PowerState("poweroff", 0)),
        ("{mode: halt, delay: now}", PowerState("poweroff", 0)),
        ("{mode: reboot, delay: +5}", PowerState("reboot", 5)),
        ("{mode: reboot, delay: 5}", PowerState("reboot", 5)),
        ("{mode: reboot, condition: false}", None),
    ],
)
def test_a_power_state_has_a_mode_and_a_delay(text: str, state: PowerState | None) -> None:
    assert config(f"power_state: {text}").power_state == state


def test_the_name_wanted_is_the_short_one_unless_the_old_is_kept() -> None:
    assert config("hostname: web\nfqdn: web.example.com").hostname == "web"
    assert config("fqdn: web.example.com").hostname == "web.example.com"
    assert config("hostname: web\npreserve_hostname: true").hostname is None


@pytest.mark.parametrize(
    "text",
    [
        "hostname: 'a b'",
        "hostname: '-x'",
        "timezone: ../../etc/passwd",
        "timezone: 'a;b'",
        "runcmd: 7",
        "runcmd: [{a: b}]",
        "bootcmd: {a: b}",
        "packages: 7",
        "package_update: perhaps",
        "users: 7",
        "groups: 7.5",
        "groups: [[a]]",
        "ssh_authorized_keys: {a: b}",
        "ssh_authorized_keys: [[a]]",
        "chpasswd: x",
        "chpasswd: {list: [nobody]}",
        "chpasswd: {users: [x]}",
        "write_files: 7",
        "final_message: [x]",
        "power_state: x",
        "power_state: {mode: explode}",
        "power_state: {mode: reboot, delay: soon}",
        "power_state: {mode: reboot, condition: test -e /x}",
    ],
)
def test_a_value_of_the_wrong_kind_is_told_once(text: str) -> None:
    _, notes = read(text)

    assert len(notes) == 1


def test_each_directive_that_is_not_supported_is_told_by_name() -> None:
    _, notes = read('swap: {}\nntp: {}\n"bad\\nname": 1\nmanage_etc_hosts: true\n')

    assert [word in note for word, note in zip(("bad", "ntp", "swap"), notes, strict=True)]
    assert all("\n" not in note for note in notes)


def test_several_cloud_configs_are_one() -> None:
    parts = [
        Part(Kind.CLOUD_CONFIG, b"runcmd: [a]\nhostname: one", "1"),
        Part(Kind.CLOUD_CONFIG, b"not: [closed", "2"),
        Part(Kind.CLOUD_CONFIG, b"runcmd: [b]", "3", merge_type="list(append)+dict(recurse_list)"),
    ]
    found, notes = read_cloud_config(parts)

    assert found.runcmd == ("a", "b")
    assert found.hostname == "one"
    assert len(notes) == 1


KEYS = (
    *("users", "groups", "write_files", "runcmd", "bootcmd", "packages", "chpasswd", "hostname"),
    *("power_state", "ssh_authorized_keys", "ssh_pwauth", "timezone", "password", "merge_how"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("name", "path", "content", "list", "users", "mode", "sudo", "groups")),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4))
def test_no_values_make_it_fail(document: dict[str, object]) -> None:
    _, notes = read(json.dumps(document))

    assert all(note.isprintable() for note in notes)
