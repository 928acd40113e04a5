from __future__ import annotations

import pytest

from emulator.vm.docker.own_container import id_from_cgroups, id_from_hostname, id_from_mounts

OWN = "4f" * 32
OTHER = "07" * 32


def mount(root: str, point: str) -> str:
    return f"1093 1081 254:1 {root} {point} rw,relatime - ext4 /dev/vda1 rw"


@pytest.mark.parametrize(
    "root",
    [
        f"/var/lib/docker/containers/{OWN}/hostname",
        f"/docker/containers/{OWN}/hostname",
        f"/home/me/.local/share/docker/containers/{OWN}/hostname",
        f"/var/lib/containers/storage/overlay-containers/{OWN}/userdata/hostname",
    ],
)
def test_the_id_is_in_the_path_of_what_the_engine_mounts(root: str) -> None:
    text = "\n".join(
        [
            "1081 1018 0:52 / / rw,relatime - overlay overlay rw",
            mount(root, "/etc/hostname"),
        ]
    )

    assert id_from_mounts(text) == OWN


def test_what_a_host_has_mounted_for_its_containers_is_not_its_own() -> None:
    text = "\n".join(
        [
            mount(f"/var/lib/docker/containers/{OTHER}/mounts/shm", "/var/lib/docker/shm"),
            "62 29 0:44 / /var/lib/docker/overlay2/" + OTHER + "/merged rw - overlay overlay rw",
        ]
    )

    assert id_from_mounts(text) is None


@pytest.mark.parametrize("text", ["", "garbage", "1 2 3", mount("/etc/hosts", "/etc/hosts")])
def test_no_id_in_mounts_is_no_id(text: str) -> None:
    assert id_from_mounts(text) is None


@pytest.mark.parametrize(
    "path",
    [
        f"/docker/{OWN}",
        f"/system.slice/docker-{OWN}.scope",
        f"/docker/{OTHER}/docker/{OWN}",
        f"/machine.slice/libpod-{OWN}.scope/container",
    ],
)
def test_the_id_is_in_the_path_of_a_control_group(path: str) -> None:
    assert id_from_cgroups(f"12:pids:{path}\n1:name=systemd:{path}\n") == OWN


@pytest.mark.parametrize("text", ["", "0::/\n", "0::/init.scope\n", f"0::/docker/{OWN}ab\n"])
def test_a_group_without_an_id_is_no_container(text: str) -> None:
    assert id_from_cgroups(text) is None


@pytest.mark.parametrize(
    ("hostname", "found"),
    [("4f4f4f4f4f4f\n", "4f4f4f4f4f4f"), ("my-laptop", None), ("", None), ("abcdef", None)],
)
def test_a_host_name_that_is_the_beginning_of_an_id_is_one(
    hostname: str, found: str | None
) -> None:
    assert id_from_hostname(hostname) == found
