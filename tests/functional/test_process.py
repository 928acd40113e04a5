"""The program as a process: started, asked, stopped."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.clients.emulator_process import EmulatorProcess


@pytest.fixture
def running() -> Iterator[EmulatorProcess]:
    emulator = EmulatorProcess()
    yield emulator
    if emulator.process.poll() is None:
        emulator.stop()


def command(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "emulator", *words],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_says_what_to_try_and_logs_a_line_a_request(running: EmulatorProcess) -> None:
    running.post("Action=DescribeDhcpOptions&Version=2016-11-15")
    assert running.stop() == 0

    said = "\n".join(running.lines)
    assert "VM manager: mock (EC2_VM_MANAGER=mock)" in said
    assert "aws ec2 run-instances" in said
    assert re.search(r"ec2\.DescribeDhcpOptions 200 [\d.]+ ms", said)
    assert "Traceback" not in said


def test_status_and_reset_speak_with_the_running_emulator(running: EmulatorProcess) -> None:
    listen = running.url.removeprefix("http://")
    status = command("status", GATEWAY_LISTEN=listen)
    reset = command("reset", GATEWAY_LISTEN=listen)

    assert status.returncode == reset.returncode == 0
    assert "VM manager: mock" in status.stdout
    assert "ec2  running" in status.stdout
    assert "all records are gone" in reset.stdout


def test_events_are_made_listed_and_cancelled(running: EmulatorProcess) -> None:
    _, launched = running.post(
        "Action=RunInstances&Version=2016-11-15&ImageId=ami-df5de72bdb3b&MinCount=1&MaxCount=1"
    )
    (instance_id,) = re.findall(r"<instanceId>(i-[0-9a-f]+)</instanceId>", launched)
    listen = running.url.removeprefix("http://")

    def event(*words: str) -> subprocess.CompletedProcess[str]:
        return command("event", *words, GATEWAY_LISTEN=listen)

    made = event("spot-interruption", instance_id, "--in", "10m", "--action", "stop")
    assert made.returncode == 0, made.stderr
    event_id = made.stdout.split()[0]
    assert made.stdout.split()[1:5] == [instance_id, "spot-interruption", "stop", "active"]
    assert event_id in event("list").stdout
    assert "canceled" in event("cancel", event_id).stdout
    refused = event("lifecycle-state", instance_id, "Asleep")
    assert refused.returncode == 1
    assert refused.stderr.startswith("ec2-emulator: a target lifecycle state is one of ")
    assert event("maintenance", instance_id, "--in", "soon").returncode == 2


def test_status_without_an_emulator_fails_with_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        status = command("status", GATEWAY_LISTEN=listen)

    assert status.returncode == 1
    assert f"no emulator answers at http://{listen}" in status.stderr
    assert "Traceback" not in status.stderr


def test_a_taken_port_is_told_in_a_sentence(running: EmulatorProcess) -> None:
    second = command("start", GATEWAY_LISTEN=running.url.removeprefix("http://"))

    assert second.returncode == 1
    assert "in use" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize(
    ("variable", "text"),
    [("GATEWAY_LISTEN", "nowhere:x"), ("DEFAULT_ACCOUNT_ID", "7"), ("EC2_VM_MANAGER", "xen")],
)
def test_a_setting_that_means_nothing_is_told_in_a_sentence(variable: str, text: str) -> None:
    started = command("start", **{variable: text})

    assert started.returncode == 1
    assert text in started.stderr
    assert "Traceback" not in started.stderr


def test_doctor_says_what_can_run() -> None:
    doctor = command("doctor", PERSISTENCE="1", EC2_VM_MANAGER="mock")

    assert doctor.returncode == 0
    assert "mock       can run here" in doctor.stdout
    assert "not enforced: instances have no machines" in doctor.stdout
    assert "PERSISTENCE is set but has no effect" in doctor.stdout


def test_coverage_lists_every_operation() -> None:
    listed = command("coverage").stdout

    assert "  yes CreateDhcpOptions" in listed
    assert "  no  CreateFpgaImage" in listed


def test_ctrl_c_stops_it_too(running: EmulatorProcess) -> None:
    assert running.stop(signal.SIGINT) == 0


def test_a_line_break_in_a_request_makes_no_line_in_the_log(running: EmulatorProcess) -> None:
    status, _ = running.post("Action=Describe%0AFORGED&Version=2016-11-15")
    running.stop()
    assert status == 400

    assert not any(line.startswith("FORGED") for line in running.lines)


def test_debug_tells_what_a_request_asked_for() -> None:
    emulator = EmulatorProcess(DEBUG="1")
    emulator.post("Action=DescribeVpcs&Version=2016-11-15&MaxResults=7")
    assert emulator.stop() == 0

    told = [line for line in emulator.lines if "'MaxResults': 7" in line]
    assert len(told) == 1
    assert "ec2.DescribeVpcs 000000000000 us-east-1" in told[0]
