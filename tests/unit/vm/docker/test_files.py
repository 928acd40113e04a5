from __future__ import annotations

import io
import json
import shlex
import tarfile

import pytest

from emulator.vm.docker.files import (
    GuestPlan,
    entrypoint,
    files,
    instance_directory,
    resolv_conf,
    user_data_files,
    wanted_hostname,
)
from emulator.vm.docker.host_keys import new_host_keys

ID = "i-0123456789abcdef0"
INSTANCE = f"var/lib/cloud/instances/{ID}"
PRIVATE = f"{INSTANCE}/ec2-emulator"


def plan(**changes: object) -> GuestPlan:
    given = {
        "instance_id": ID,
        "hostname": "ip-10-0-0-4.ec2.internal",
        "public_keys": ["ssh-ed25519 AAAA me"],
        "host_keys": new_host_keys(),
    }
    return GuestPlan(**{**given, **changes})


def unpacked(archive: bytes) -> dict[str, tuple[int, bytes | None]]:
    """Return each path's mode and, for a file, its content."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {
            member.name: (
                member.mode,
                content.read() if (content := tar.extractfile(member)) else None,
            )
            for member in tar
        }


def variables(archive: bytes) -> dict[str, str]:
    content = unpacked(archive)[f"{PRIVATE}/plan"][1]
    assert content is not None
    return dict(word.split("=", 1) for word in shlex.split(content.decode()))


def test_the_entrypoint_is_never_the_images() -> None:
    assert entrypoint(ID) == ["/.ec2-emulator/busybox", "sh", "/.ec2-emulator/boot", ID]


@pytest.mark.parametrize("user_data", [None, b"", b"#!/bin/sh\n", b"\x00\xff", b"MIME-Version: x"])
def test_user_data_are_kept_byte_for_byte_and_only_root_reads_them(
    user_data: bytes | None,
) -> None:
    found = unpacked(files(plan(user_data=user_data), now=5))

    assert found[f"{INSTANCE}/user-data.txt"] == (0o600, user_data or b"")
    assert found["var/lib/cloud/seed/nocloud/user-data"] == (0o600, user_data or b"")


def test_nothing_private_is_for_others() -> None:
    data = b"#cloud-config\nwrite_files: [{path: /a, content: secret}]\nruncmd: [secret]\n"
    found = unpacked(files(plan(user_data=data), now=5))

    assert found[PRIVATE] == (0o700, None)
    for path, (mode, content) in found.items():
        if content and b"secret" in content:
            assert mode & 0o077 == 0, path


def test_a_script_is_executable() -> None:
    found = unpacked(files(plan(user_data=b"#!/bin/sh\n"), now=5))

    assert found[f"{INSTANCE}/scripts/part-001"] == (0o700, b"#!/bin/sh\n")
    assert found[f"{PRIVATE}/once"][1] == b"run_script part-001\n"


def test_directories_come_before_what_is_in_them() -> None:
    seen = {"", "var", "var/lib"}
    for path, (_, content) in unpacked(files(plan(user_data=b"#!x"), now=5)).items():
        assert path.rpartition("/")[0] in seen
        if content is None:
            seen.add(path)


def test_directories_of_the_image_keep_their_modes() -> None:
    assert not {"var", "var/lib", "etc"} & unpacked(files(plan(), now=5)).keys()


@pytest.mark.parametrize("name", ["host", "it's $(id) `id` \"; id", "a\nb=c", "-n"])
def test_values_stay_one_word_each(name: str) -> None:
    found = variables(files(plan(login_user=name, init=name), now=5))

    assert found["login_user"] == found["init"] == name


def test_the_plan_says_what_the_boot_has_to_know() -> None:
    data = b"#cloud-config\nssh_pwauth: true\ndisable_root: true\n"
    found = variables(files(plan(user_data=data, stop_signal="SIGPWR"), now=5))

    assert found == {
        "login_user": "",
        "wait_for_namespace": "1",
        "stop_signal": "30",
        "init": "",
        "resolv_conf": "",
        "password_login": "yes",
        "disable_root": "1",
    }


@pytest.mark.parametrize("name", ["SIGHUP", "TERM", "x; id"])
def test_a_stop_signal_is_one_that_the_boot_knows(name: str) -> None:
    with pytest.raises(ValueError, match="stop_signal"):
        plan(stop_signal=name)


def test_a_key_is_one_line_whatever_is_in_it() -> None:
    found = unpacked(files(plan(public_keys=["ssh-rsa AAAA a\nssh-rsa EVIL", "k"]), now=5))

    assert found[f"{PRIVATE}/authorized_keys"][1] == b"ssh-rsa AAAA a ssh-rsa EVIL\nk\n"


def test_cloud_init_finds_the_instance_in_its_seed() -> None:
    meta_data = unpacked(files(plan(), now=5))["var/lib/cloud/seed/nocloud/meta-data"][1]

    assert meta_data is not None
    assert json.loads(meta_data)["instance-id"] == ID


def test_new_user_data_leave_identity_alone() -> None:
    found = unpacked(user_data_files(plan(user_data=b"new"), now=5))

    assert found[f"{INSTANCE}/user-data.txt"][1] == b"new"
    assert not [path for path in found if "host_key" in path or "authorized" in path]
    assert f"{PRIVATE}/plan" not in found


def test_the_archive_is_the_same_for_the_same_plan() -> None:
    one = plan(user_data=b"#!/bin/sh\n")

    assert files(one, now=5) == files(one, now=5)


def test_the_instances_directory_is_cloud_inits() -> None:
    assert instance_directory(ID) == INSTANCE


def test_the_host_name_that_user_data_want_is_known_before_the_start() -> None:
    assert wanted_hostname(b"#cloud-config\nhostname: web\n") == "web"
    assert wanted_hostname(b"#!/bin/sh\nhostname web\n") is None


def test_a_guest_is_told_of_its_resolver_and_of_where_to_search() -> None:
    assert resolv_conf(["10.0.0.2", "192.0.2.53"], ["ec2.internal", "corp.example"]) == (
        "search ec2.internal corp.example\nnameserver 10.0.0.2\nnameserver 192.0.2.53"
    )
    assert resolv_conf([], ["ec2.internal"]) == ""
