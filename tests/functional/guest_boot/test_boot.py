"""The gate, the ends, and what others find in a booted instance."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.functional.guest_boot.guest import Guest, KeyFile, docker, wait_until

NewGuest = Callable[..., Guest]


@contextmanager
def metadata_listener(guest: Guest) -> Iterator[None]:
    """Open what the emulator opens last of all, in the guest's network."""
    enter = ["nsenter", "--net", "--target", guest.inspect("{{.State.Pid}}")]
    subprocess.run([*enter, "ip", "address", "add", "169.254.169.254/32", "dev", "lo"], check=True)
    script = (
        "import socket, sys;"
        "s = socket.create_server(('169.254.169.254', 80));"
        "print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [*enter, "python3", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as listener:
        assert listener.stdout is not None
        listener.stdout.readline()
        yield
        listener.communicate()


def test_nothing_of_the_image_runs_before_the_network_is_ready(guest: NewGuest) -> None:
    waiting = guest(
        "debian-sshd", wait_for_namespace=True, user_data=b"#!/bin/sh\ntouch /ran\n"
    ).start()
    time.sleep(1)
    before = waiting.run("ls /ran; pidof sshd")
    with metadata_listener(waiting):
        waiting.wait_for_ssh()
        waiting.wait_for_console("finished at")

    assert before == "ls: /ran: No such file or directory"
    assert waiting.run("ls /ran") == "/ran"


def test_the_gate_is_shut_again_after_a_restart(guest: NewGuest) -> None:
    started = guest("debian", wait_for_namespace=True).start()
    with metadata_listener(started):
        started.wait_for_ssh()
    docker("restart", "--time", "2", started.name)
    time.sleep(1)

    assert started.banner() == ""


def test_a_stop_is_quick_and_tells_so(guest: NewGuest) -> None:
    started = guest("debian-sshd").start()
    started.wait_for_ssh()
    begin = time.monotonic()
    docker("stop", "--time", "20", started.name)

    assert time.monotonic() - begin < 5
    assert started.wait_for_end() == 143


def test_a_stop_at_the_gate_is_quick_too(guest: NewGuest) -> None:
    waiting = guest("debian", wait_for_namespace=True).start()
    begin = time.monotonic()
    docker("stop", "--time", "20", waiting.name)

    assert time.monotonic() - begin < 5
    assert waiting.wait_for_end() == 143


def test_an_init_that_does_not_run_yet_is_stopped_quickly_too(guest: NewGuest) -> None:
    waiting = guest(
        "systemd", init="/sbin/init", stop_signal="SIGRTMIN+3", wait_for_namespace=True
    ).start()
    time.sleep(0.5)
    docker("stop", "--time", "20", waiting.name)

    assert waiting.wait_for_end() == 143
    assert waiting.console() == ""


def test_processes_are_asked_to_end(guest: NewGuest) -> None:
    script = b"#!/bin/sh\ntrap 'touch /asked; exit' TERM\necho up\nwhile :; do sleep 0.1; done\n"
    started = guest("debian", user_data=script).start()
    started.wait_for_console("up")
    docker("stop", "--time", "20", started.name)

    assert "/asked" in docker("diff", started.name)


@pytest.mark.parametrize("image", ["debian", "busybox", "scratch", "debian-sshd"])
@pytest.mark.parametrize(
    ("command", "code"),
    [("poweroff", 0), ("shutdown -h now", 0), ("reboot", 133), ("shutdown -r now", 133)],
)
def test_the_guest_ends_itself(
    guest: NewGuest, key: KeyFile, image: str, command: str, code: int
) -> None:
    started = guest(image).start()
    started.wait_for_ssh()
    started.ssh("root", key, command)

    assert started.wait_for_end() == code


def test_a_shutdown_that_was_cancelled_does_not_happen(guest: NewGuest, key: KeyFile) -> None:
    started = guest("debian").start()
    started.wait_for_ssh()

    assert "in 60 seconds" in started.ssh("root", key, "shutdown +1")
    assert started.run("cat /run/ec2-emulator/shutdown") != ""
    assert started.ssh("root", key, "shutdown -c") == ""
    assert "No such file" in started.run("cat /run/ec2-emulator/shutdown")


def test_only_root_ends_the_guest(guest: NewGuest, key: KeyFile) -> None:
    started = guest("debian", login_user="admin").start()
    started.wait_for_ssh()

    assert "must be root" in started.ssh("admin", key, "/sbin/shutdown now")
    assert started.inspect("{{.State.Status}}") == "running"


def test_others_find_what_cloud_init_leaves(guest: NewGuest) -> None:
    started = guest("debian", user_data=b"#!/bin/sh\nsleep 1\n").start()
    status = started.run("cloud-init status --wait; echo $?")
    instance = f"/var/lib/cloud/instances/{started.plan.instance_id}"

    assert status == "status: done\n0"
    assert started.run("readlink /var/lib/cloud/instance") == instance
    assert started.run("cat /var/lib/cloud/data/instance-id") == started.plan.instance_id
    assert "DataSourceEc2" in started.run("cat /run/cloud-init/result.json")
    assert started.run(f"stat -c %a {instance}/user-data.txt") == "600"


def test_an_init_of_the_images_own_takes_over(guest: NewGuest, key: KeyFile) -> None:
    started = guest(
        "systemd",
        init="/sbin/init",
        login_user="ubuntu",
        user_data=b"#!/bin/sh\necho user data of $(cat /proc/1/comm)\n",
    ).start()
    started.wait_for_ssh()
    started.wait_for_console("user data of systemd")

    assert started.ssh("ubuntu", key, "id -un") == "ubuntu\n"
    assert started.ssh("root", key, "cloud-init status --wait") == "status: done\n"
    started.ssh("root", key, "systemctl reboot")
    assert started.wait_for_end() == 0
    ending = f"/var/lib/cloud/instances/{started.plan.instance_id}/ec2-emulator/ending"
    wait_until(lambda: "reboot" in docker("cp", f"{started.name}:{ending}", "-"), "the ending")
