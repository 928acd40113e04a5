from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.vm.docker.steps import steps


def lines(text: str) -> list[list[str]]:
    """Return each line's words; only for words without line breaks."""
    return [shlex.split(line) for line in text.splitlines()]


def cloud_config(**directives: object) -> bytes:
    return b"#cloud-config\n" + json.dumps(directives).encode()


def test_the_order_is_that_of_cloud_inits_modules() -> None:
    data = cloud_config(
        power_state={"mode": "reboot", "delay": 2},
        final_message="done",
        runcmd=["x"],
        packages=["git"],
        write_files=[{"path": "/late", "defer": True}, {"path": "/early"}],
        users=[{"name": "bob", "groups": "a", "sudo": "ALL", "ssh_authorized_keys": ["k"]}],
        groups=["g", {"a": ["bob"]}],
        ssh_authorized_keys=["own"],
        password="secret",
        timezone="UTC",
        hostname="web",
    )

    assert lines(steps(data, "ubuntu").once) == [
        ["set_hostname", "web"],
        ["write_file", "1", "/early", "root:root", "644", "replace"],
        ["make_group", "g"],
        ["make_group", "a"],
        ["make_user", "bob", "/home/bob", "", "", "", "", "", ""],
        ["join_group", "bob", "a"],
        ["allow_sudo", "bob", "ALL"],
        ["add_keys", "bob", "k"],
        ["join_group", "bob", "a"],
        ["add_keys", "ubuntu", "own"],
        ["hash_password", "ubuntu", "secret", "expire"],
        ["set_timezone", "UTC"],
        ["update_packages"],
        ["install_packages", "git"],
        ["write_file", "0", "/late", "root:root", "644", "replace"],
        ["run_script", "runcmd"],
        ["final_message", "done"],
        ["power_state", "reboot", "2"],
    ]


def test_scripts_run_in_the_order_of_their_names_with_runcmd_among_them() -> None:
    data = (
        b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        b'--b\nContent-Type: text/x-shellscript; name="z.sh"\n\n#!/bin/sh\n'
        b"--b\nContent-Type: text/cloud-config\n\nruncmd: [x]\n"
        b'--b\nContent-Type: text/x-shellscript; name="a.sh"\n\n#!/bin/sh\n--b--\n'
    )
    found = steps(data, "root")

    assert lines(found.once) == [
        ["run_script", "a.sh"],
        ["run_script", "runcmd"],
        ["run_script", "z.sh"],
    ]
    assert set(found.scripts) == {"a.sh", "runcmd", "z.sh"}


def test_what_runs_at_every_boot_is_kept_apart() -> None:
    found = steps(b"#cloud-boothook\n#!/bin/bash\necho\n", "root")

    assert found.once == ""
    assert found.every_boot == "run_script part-001\n"
    assert found.scripts == {"part-001": b"#!/bin/bash\necho\n"}
    assert steps(cloud_config(bootcmd=["x"]), "root").every_boot == "run_script bootcmd\n"


def test_words_of_a_command_stay_words() -> None:
    found = steps(cloud_config(runcmd=["a; b", ["echo", "it's; $(id)"]]), "root")

    assert found.scripts["runcmd"] == b"#!/bin/sh\na; b\necho 'it'\"'\"'s; $(id)'\n"


def test_includes_are_addresses_and_nothing_else() -> None:
    found = steps(
        b"#include\nhttp://a/x\n# remark\n\nfile:///etc/passwd\nhttps://b/$(id)\nhttp://c d\n",
        "root",
    )

    assert [words[:2] for words in lines(found.once)] == [
        ["include", "http://a/x"],
        ["note", "part-001 includes what is no address: 'file:///etc/passwd'"],
        ["include", "https://b/$(id)"],
        ["note", "part-001 includes what is no address: 'http://c d'"],
    ]


@pytest.mark.parametrize(("word", "answer"), [("yes", True), ("no", False), (None, None)])
def test_password_logins_are_known_before_the_server_starts(
    word: str | None, answer: bool | None
) -> None:
    given = {} if word is None else {"ssh_pwauth": word}

    assert steps(cloud_config(**given), "root").password_login is answer


def test_a_locked_password_is_not_set() -> None:
    user = {"name": "bob", "passwd": "$6$a$b"}
    locked = steps(cloud_config(users=[user]), "root")
    open_ = steps(cloud_config(users=[{**user, "lock_passwd": False}]), "root")

    assert "set_password" not in locked.once
    assert ["set_password", "bob", "$6$a$b", ""] in lines(open_.once)


HOSTILE = st.text(alphabet="'\"\\$`;&|()<>\n\r\t\0 #aé-", max_size=12)


@settings(deadline=None)
@given(HOSTILE)
def test_no_text_breaks_out_of_its_word(text: str) -> None:
    data = cloud_config(
        final_message="x" + text,
        write_files=[{"path": "/" + text, "content": text}],
        users=[{"name": "bob", "gecos": text, "sudo": text, "ssh_authorized_keys": [text]}],
        password="p" + text,
        **{"key" + text: 1},
    )
    found = steps(data, "root")
    words = shlex.split(found.once)
    functions = {"write_file", "make_user", "allow_sudo", "add_keys", "hash_password", "note"}

    assert "\0" not in found.once
    assert words[-2] == "final_message"
    assert words[-1] == "x" + text.replace("\0", "")
    assert functions & set(words)
    found.once.encode(errors="replace")
