"""Whoever has the key logs in, whatever the image is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.guest_boot.guest import SSH_OPTIONS, Guest, KeyFile, docker, wait_until

NewGuest = Callable[..., Guest]
WITHOUT_SSHD = ("debian", "busybox", "scratch")


@pytest.mark.parametrize("image", [*WITHOUT_SSHD, "debian-sshd"])
@pytest.mark.parametrize("user", ["root", "ec2-user"])
def test_the_key_logs_in(guest: NewGuest, key: KeyFile, image: str, user: str) -> None:
    started = guest(image, login_user="ec2-user").start()
    banner = started.wait_for_ssh()

    assert ("OpenSSH" in banner) is (image == "debian-sshd")
    assert started.ssh(user, key, "id -un; pwd") == (
        "root\n/root\n" if user == "root" else "ec2-user\n/home/ec2-user\n"
    )


@pytest.mark.parametrize("image", ["busybox", "debian-sshd"])
def test_an_old_client_logs_in_with_rsa_and_sha1(
    guest: NewGuest, tmp_path: Path, image: str
) -> None:
    rsa = KeyFile.make(tmp_path / "rsa", kind="rsa")
    started = guest(image, public_keys=[rsa.public]).start()
    started.wait_for_ssh()

    assert started.ssh("root", rsa, "echo in", "-o", "PubkeyAcceptedAlgorithms=ssh-rsa") == "in\n"


@pytest.mark.parametrize("image", ["debian", "debian-sshd"])
def test_another_key_does_not_log_in(guest: NewGuest, tmp_path: Path, image: str) -> None:
    started = guest(image).start()
    started.wait_for_ssh()

    assert "denied" in started.ssh("root", KeyFile.make(tmp_path / "other"), "echo in")


@pytest.mark.parametrize("image", ["debian", "debian-sshd"])
def test_passwords_are_refused_at_once(guest: NewGuest, image: str) -> None:
    started = guest(image).start()
    started.wait_for_ssh()
    address = f"root@{started.address}"
    done = subprocess.run(
        ["ssh", *SSH_OPTIONS, "-o", "PreferredAuthentications=none", address, "true"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "(publickey)" in done.stderr


@pytest.mark.parametrize("image", ["debian", "busybox", "debian-sshd"])
@pytest.mark.parametrize("program", [["scp", "-O"], ["scp"]], ids=["scp", "sftp"])
def test_files_are_copied(
    guest: NewGuest, key: KeyFile, tmp_path: Path, image: str, program: list[str]
) -> None:
    (tmp_path / "file").write_text("content")
    started = guest(image).start()
    started.wait_for_ssh()
    subprocess.run(
        [*program, *SSH_OPTIONS, "-i", key.path, tmp_path / "file", f"root@{started.address}:/x"],
        check=True,
    )

    assert started.run("cat /x") == "content"


def test_both_servers_show_the_plans_host_keys(guest: NewGuest) -> None:
    for image in ("debian", "debian-sshd"):
        started = guest(image).start()
        started.wait_for_ssh()
        scanned = subprocess.run(
            ["ssh-keyscan", started.address], capture_output=True, text=True, check=False
        )

        assert {key.public for key in started.plan.host_keys} == {
            line.split(" ", 1)[1] for line in scanned.stdout.splitlines() if line[0] != "#"
        }
        for key in started.plan.host_keys:
            assert key.fingerprint in started.console()


def test_host_keys_and_users_stay_over_stop_and_start(guest: NewGuest, key: KeyFile) -> None:
    started = guest("debian-sshd", login_user="ubuntu").start()
    started.wait_for_ssh()
    before = started.run("cat /etc/ssh/ssh_host_*_key.pub /etc/passwd /root/.ssh/authorized_keys")
    docker("stop", started.name)
    started.start().wait_for_ssh()

    assert started.ssh("ubuntu", key, "id -un") == "ubuntu\n"
    assert before == started.run(
        "cat /etc/ssh/ssh_host_*_key.pub /etc/passwd /root/.ssh/authorized_keys"
    )


def test_an_image_of_an_instance_is_a_new_machine(
    guest: NewGuest, key: KeyFile, tmp_path: Path
) -> None:
    first = guest("debian-sshd", user_data=b"#!/bin/sh\necho ran >>/ran\n").start()
    first.wait_for_console("finished at")
    image = f"guest-made/{first.name}:1"
    docker("commit", first.name, image)
    other_key = KeyFile.make(tmp_path / "other")
    try:
        second = guest(
            image, public_keys=[other_key.public], user_data=b"#!/bin/sh\necho again >>/ran\n"
        ).start()
        second.wait_for_console("finished at")

        assert second.run("cat /ran") == "ran\nagain"
        assert second.ssh("root", other_key, "echo in") == "in\n"
        # as on AWS, an AMI keeps the keys that it was made with
        assert second.ssh("root", key, "echo in") == "in\n"
        for host_key in first.plan.host_keys:
            assert host_key.public not in second.run("cat /etc/ssh/ssh_host_*.pub")
        second.remove()
    finally:
        docker("rmi", "--force", image)


@pytest.mark.parametrize("image", ["debian", "debian-sshd"])
def test_a_server_that_dies_is_started_again(guest: NewGuest, key: KeyFile, image: str) -> None:
    started = guest(image).start()
    started.wait_for_ssh()
    name = "sshd" if image == "debian-sshd" else "dropbear"
    started.run(f"kill $(/.ec2-emulator/busybox pidof {name})")
    started.wait_for_console("starting it again")
    wait_until(started.banner, "an SSH banner again")

    assert started.ssh("root", key, "echo in") == "in\n"


def test_a_locked_root_account_takes_the_key(guest: NewGuest, key: KeyFile) -> None:
    started = guest("debian-sshd")
    docker("start", started.name)
    started.wait_for_ssh()
    started.run(
        "passwd -l root; sed -i 's|^root:.*|root:x:0:0:root:/root:/usr/sbin/nologin|' "
        "/etc/passwd; echo PermitRootLogin no >/etc/ssh/sshd_config.d/x.conf; "
        "echo UsePAM no >>/etc/ssh/sshd_config.d/x.conf"
    )
    image = f"guest-made/{started.name}:1"
    docker("commit", started.name, image)
    try:
        second = guest(image).start()
        second.wait_for_ssh()

        assert second.ssh("root", key, "echo in") == "in\n"
        second.remove()
    finally:
        docker("rmi", "--force", image)


def test_an_sshd_that_dislikes_our_options_is_started_with_less(
    guest: NewGuest, key: KeyFile
) -> None:
    first = guest("debian-sshd").start()
    first.wait_for_ssh()
    first.run("cp -p /usr/sbin/sshd /usr/sbin/sshd.real; rm /usr/sbin/sshd")
    script = 'case "$*" in *PubkeyAccepted*) exit 255 ;; esac; exec /usr/sbin/sshd.real "$@"'
    first.run(f"printf '#!/bin/sh\n%s\n' '{script}' >/usr/sbin/sshd; chmod 755 /usr/sbin/sshd")
    image = f"guest-made/{first.name}:1"
    docker("commit", first.name, image)
    try:
        second = guest(image).start()
        second.wait_for_ssh()

        assert second.ssh("root", key, "echo in") == "in\n"
        second.remove()
    finally:
        docker("rmi", "--force", image)


def test_without_dropbear_the_images_own_server_serves(
    guest: NewGuest, key: KeyFile, volume_without_dropbear: str
) -> None:
    with_sshd = guest("debian-sshd", tools=volume_without_dropbear).start()
    without = guest("debian", tools=volume_without_dropbear, user_data=b"#!/bin/sh\n").start()
    with_sshd.wait_for_ssh()
    without.wait_for_console("finished at")

    assert with_sshd.ssh("root", key, "echo in") == "in\n"
    assert "No SSH: this image has no /usr/sbin/sshd" in without.console()
    with_sshd.remove()
    without.remove()


def test_it_may_be_process_1_itself(guest: NewGuest, key: KeyFile) -> None:
    started = guest("debian", "--hostname", "x", user_data=b"#!/bin/sh\nsleep 0.1 &\n").start()
    started.wait_for_ssh()

    assert "boot" in started.ssh("root", key, "cat /proc/1/cmdline")
    assert started.run("sleep 1; cat /proc/[0-9]*/stat | grep -c ' Z '") == "0"
    started.ssh("root", key, "reboot")
    assert started.wait_for_end() == 133
