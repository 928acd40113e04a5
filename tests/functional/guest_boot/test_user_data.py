"""User data of every kind, in images with and without a cloud-init."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Callable
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest

from tests.functional.guest_boot.guest import SSH_OPTIONS, Guest, KeyFile, docker

NewGuest = Callable[..., Guest]
DONE = "finished at"

CLOUD_CONFIG = b"""\
#cloud-config
users:
  - default
  - name: alice
    gecos: Alice A.
    groups: [staff, wheel-of-time]
    sudo: ALL=(ALL) NOPASSWD:ALL
    ssh_authorized_keys: [KEY]
  - {name: daemon-user, system: true}
groups: [builders: [alice]]
write_files:
  - path: /opt/it's/late.txt
    content: "$HOME `id`\\n"
    owner: alice:alice
    permissions: '0600'
    defer: true
  - {path: /etc/early.txt, content: aGVsbG8K, encoding: b64}
  - {path: /etc/early.txt, content: more, append: true}
bootcmd: [echo boot >>/bootcmd]
runcmd:
  - echo first >/runcmd
  - [sh, -c, 'echo "$1" >>/runcmd', name, "it's; $(two)"]
chpasswd: {expire: false, list: ["root:secret"]}
hostname: web.example.com
"""


@pytest.mark.parametrize("image", ["debian", "busybox", "scratch", "debian-sshd", "cloud-init"])
def test_a_script_runs_once_in_the_instances_life(guest: NewGuest, image: str) -> None:
    script = b"#!/bin/sh\necho said $INSTANCE_ID\necho ran >>/ran\n"
    started = guest(image, user_data=script).start()
    started.wait_for_console(DONE if image != "cloud-init" else "modules:final", 60)
    started.wait_for_console("said", 60)
    docker("restart", "--time", "5", started.name)
    started.wait_for_ssh()
    started.run("cloud-init status --wait")

    assert started.run("cat /ran") == "ran"
    assert "said" in started.run("cat /var/log/cloud-init-output.log")
    path = f"/var/lib/cloud/instances/{started.plan.instance_id}/user-data.txt"
    assert started.run(f"cat {path}") + "\n" == script.decode()


def test_a_script_that_fails_does_not_fail_the_instance(guest: NewGuest, key: KeyFile) -> None:
    started = guest("debian", user_data=b"#!/bin/sh\nexit 3\n").start()
    started.wait_for_console("part-001 ended with status 3")

    assert started.ssh("root", key, "cloud-init status --wait; echo $?") == "status: error\n1\n"


def test_an_interpreter_that_is_not_there_is_told(guest: NewGuest) -> None:
    started = guest("debian", user_data=b"#!/usr/bin/python9\nprint()\n").start()

    started.wait_for_console("part-001 ended with status 127")


def test_ssh_does_not_wait_for_user_data(guest: NewGuest, key: KeyFile) -> None:
    started = guest("debian", user_data=b"#!/bin/sh\nsleep 60\n").start()
    started.wait_for_ssh()

    assert started.ssh("root", key, "cloud-init status") == "status: running\n"


@pytest.mark.parametrize("image", ["debian", "busybox", "scratch", "debian-sshd"])
def test_the_directives_do_what_they_say(guest: NewGuest, key: KeyFile, image: str) -> None:
    data = CLOUD_CONFIG.replace(b"KEY", key.public.encode())
    started = guest(image, user_data=data).start()
    started.wait_for_console(DONE)
    started.wait_for_ssh()

    assert started.run("cat /runcmd") == "first\nit's; $(two)"
    assert started.run("cat /bootcmd") == "boot"
    assert started.run('cat "/opt/it\'s/late.txt"') == "$HOME `id`"
    assert started.run("stat -c '%a %U' \"/opt/it's/late.txt\"") == "600 alice"
    assert started.run("cat /etc/early.txt") == "hello\nmore"
    assert started.ssh("alice", key, "id -un; pwd") == "alice\n/home/alice\n"
    assert {"alice", "staff", "wheel-of-time", "builders"} == set(
        started.run("id -Gn alice").split()
    )
    assert int(started.run("id -u daemon-user")) < 1000
    assert "root:$6$" in started.run("cat /etc/shadow")
    assert started.run("cat /etc/hostname") == "web"
    assert "error" not in started.run("cloud-init status")


def test_what_is_not_supported_is_told_by_name(guest: NewGuest) -> None:
    started = guest("debian", user_data=b"#cloud-config\nswap: {size: 1}\nntp: {}\n").start()
    started.wait_for_console(DONE)

    for name in ("swap", "ntp"):
        assert f"the cloud-config directive '{name}' is not supported" in started.console()


def test_a_message_of_many_parts_in_gzip(guest: NewGuest) -> None:
    message = MIMEMultipart()
    message.attach(MIMEText("#!/bin/sh\necho script >>/said\n", "x-shellscript"))
    message.attach(MIMEText("#cloud-config\nruncmd: [echo runcmd >>/said]\n", "cloud-config"))
    message.attach(MIMEText("#cloud-boothook\n#!/bin/sh\necho hook >>/said\n", "cloud-boothook"))
    started = guest("debian", user_data=gzip.compress(message.as_bytes())).start()
    started.wait_for_console(DONE)

    assert started.run("cat /said") == "hook\nscript\nruncmd"


def test_a_boothook_runs_at_every_boot(guest: NewGuest) -> None:
    started = guest("debian", user_data=b"#cloud-boothook\n#!/bin/sh\necho hook >>/said\n").start()
    started.wait_for_console(DONE)
    docker("restart", "--time", "5", started.name)
    started.wait_for_ssh()
    started.run("cloud-init status --wait")

    assert started.run("cat /said") == "hook\nhook"


def test_words_of_the_user_never_become_commands(guest: NewGuest) -> None:
    hostile = b"""\
#cloud-config
final_message: "'; touch /broken; $(touch /broken) `touch /broken` & | \\n touch /broken"
timezone: ../../broken
hostname: "$(touch /broken)"
packages: ["; touch /broken", "-o=x", "$(touch /broken)"]
users:
  - {name: "x; touch /broken"}
  - {name: bob, gecos: "$(touch /broken); touch /broken"}
write_files:
  - {path: "/x'; touch /broken; '", content: x}
  - {path: /y, content: x, owner: "$(touch /broken)"}
power_state: {mode: "$(touch /broken)"}
"$(touch /broken)": 1
"""
    started = guest("debian", user_data=hostile).start()
    started.wait_for_console("touch /broken; $(touch /broken) `touch /broken` & |")
    started.run("cloud-init status --wait")

    assert "No such file" in started.run("ls /broken")
    assert "$(touch /broken); touch /broken" in started.run("grep ^bob: /etc/passwd")
    assert started.run("cat \"/x'; touch /broken; '\"") == "x"


@pytest.mark.parametrize(("mode", "code"), [("poweroff", 0), ("reboot", 133)])
def test_a_power_state_ends_the_first_boot(guest: NewGuest, mode: str, code: int) -> None:
    data = f"#cloud-config\npower_state: {{mode: {mode}}}\n".encode()
    started = guest("debian", user_data=data).start()

    assert started.wait_for_end() == code
    started.start().wait_for_ssh()
    started.run("cloud-init status --wait")
    assert started.inspect("{{.State.Status}}") == "running"


@pytest.mark.parametrize("image", ["debian", "debian-sshd"])
def test_passwords_log_in_where_user_data_say_so(
    guest: NewGuest, tmp_path: Path, image: str
) -> None:
    data = b"#cloud-config\nssh_pwauth: true\npassword: secret\nchpasswd: {expire: false}\n"
    started = guest(image, user_data=data, login_user="ubuntu").start()
    started.wait_for_console(DONE)
    started.wait_for_ssh()
    ask = tmp_path / "ask"
    ask.write_text("#!/bin/sh\necho secret\n")
    ask.chmod(0o700)
    options = [option.replace("BatchMode=yes", "BatchMode=no") for option in SSH_OPTIONS]
    done = subprocess.run(
        ["ssh", *options, f"ubuntu@{started.address}", "id -un"],
        env={**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.stdout == "ubuntu\n", done.stderr


def test_root_is_sent_away_where_user_data_say_so(guest: NewGuest, key: KeyFile) -> None:
    data = b"#cloud-config\ndisable_root: true\n"
    started = guest("debian", user_data=data, login_user="ubuntu").start()
    started.wait_for_ssh()

    assert "Please login as the user ubuntu" in started.ssh("root", key, "id -un")
    assert started.ssh("ubuntu", key, "id -un") == "ubuntu\n"


def test_the_images_own_cloud_init_does_it_all(guest: NewGuest, key: KeyFile) -> None:
    data = CLOUD_CONFIG.replace(b"KEY", key.public.encode())
    started = guest("cloud-init", user_data=data).start()
    started.wait_for_console("modules:final", 60)
    status = started.run("cloud-init status --wait")

    assert "status:" in status
    assert started.run("cat /runcmd") == "first\nit's; $(two)"
    assert started.run('cat "/opt/it\'s/late.txt"') == "$HOME `id`"
    assert started.ssh("alice", key, "id -un") == "alice\n"
    # its default user has the key pair; root still has, as in the stock images
    assert started.ssh("debian", key, "id -un") == "debian\n"
    assert started.ssh("root", key, "id -un") == "root\n"
    assert started.run("cat /var/lib/cloud/data/instance-id") == started.plan.instance_id
