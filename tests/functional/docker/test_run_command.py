"""Run Command in real guests: every line of a script, its output, its end, its time-out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import Engine
from tests.functional.docker.waiting import until

SHELL = "AWS-RunShellScript"


class Runner:
    """Sends scripts to instances and tells how they ended."""

    def __init__(self, cloud: Cloud) -> None:
        self.ssm = cloud.client(service="ssm")

    def send(self, instance_id: str, *lines: str, **parameters: str) -> str:
        given = {name: [value] for name, value in parameters.items()}
        answer = self.ssm.send_command(
            DocumentName=SHELL,
            InstanceIds=[instance_id],
            Parameters={"commands": list(lines), **given},
        )
        return str(answer["Command"]["CommandId"])

    def look(self, command_id: str, instance_id: str) -> dict[str, Any]:
        answer = self.ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id)
        return dict(answer)

    def wait(self, command_id: str, instance_id: str) -> dict[str, Any]:
        waiter = self.ssm.get_waiter("command_executed")
        with suppress(WaiterError):  # which scripts that fail are
            waiter.wait(
                CommandId=command_id,
                InstanceId=instance_id,
                WaiterConfig={"Delay": 1, "MaxAttempts": 40},
            )
        return self.look(command_id, instance_id)

    def run(self, instance_id: str, *lines: str, **parameters: str) -> dict[str, Any]:
        return self.wait(self.send(instance_id, *lines, **parameters), instance_id)


@pytest.fixture(scope="module")
def runner(cloud: Cloud) -> Runner:
    return Runner(cloud)


@pytest.fixture(scope="module")
def debian(cloud: Cloud, amis: Mapping[str, str]) -> str:
    return cloud.run(amis["debian"])


@pytest.mark.parametrize("image", ["debian", "busybox"])
def test_all_lines_of_a_script_run(
    cloud: Cloud, amis: Mapping[str, str], runner: Runner, image: str
) -> None:
    instance_id = cloud.run(amis[image])

    ended = runner.run(
        instance_id,
        "cd /tmp && echo it\\'s > 'a file'",
        "cat 'a file' - ; echo \"$AWS_SSM_INSTANCE_ID\" | tr a-z A-Z",
        "id -u; pwd; echo oops >&2",
        "exit 3",
    )

    assert ended["StandardOutputContent"] == f"it's\n{instance_id.upper()}\n0\n/tmp\n"
    assert ended["StandardErrorContent"] == "oops\nfailed to run commands: exit status 3"
    assert (ended["Status"], ended["ResponseCode"]) == ("Failed", 3)


def test_a_script_may_be_in_any_language_and_work_anywhere(runner: Runner, debian: str) -> None:
    ended = runner.run(debian, "#!/usr/bin/awk BEGIN", workingDirectory="/usr")
    perl = runner.run(debian, "#!/usr/bin/perl", 'print "6 x 7 = ", 6 * 7', 'print "\\n"')
    where = runner.run(debian, "pwd", workingDirectory="/usr")
    nowhere = runner.run(debian, "pwd", workingDirectory="/none")

    assert ended["Status"] == "Failed"
    assert perl["Status"] == "Failed"  # a semicolon is missing, which perl says and not we
    assert "syntax error" in perl["StandardErrorContent"]
    assert where["StandardOutputContent"] == "/usr\n"
    assert nowhere["Status"] == "Failed"


def test_long_output_is_cut_and_nothing_waits(runner: Runner, debian: str) -> None:
    ended = runner.run(debian, "head -c 5000000 /dev/zero | tr '\\0' x; echo end >&2")

    assert ended["Status"] == "Success"
    assert len(ended["StandardOutputContent"]) == 24_000
    assert ended["StandardErrorContent"] == "end\n"


def test_a_script_that_takes_too_long_ends_with_all_it_started(
    cloud: Cloud, runner: Runner, debian: str
) -> None:
    began = time.monotonic()

    ended = runner.run(debian, "echo begun", "sleep 4321", "echo never", executionTimeout="2")

    assert (ended["Status"], ended["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    assert (ended["ResponseCode"], ended["StandardOutputContent"]) == (137, "begun\n")
    assert time.monotonic() - began < 20
    until(lambda: processes(cloud, debian), lambda running: "sleep 4321" not in running)


def test_a_cancelled_script_ends(cloud: Cloud, runner: Runner, debian: str) -> None:
    command = runner.send(debian, "echo begun", "sleep 1234")
    until(lambda: "sleep 1234" in processes(cloud, debian), bool)

    runner.ssm.cancel_command(CommandId=command)
    ended = until(
        lambda: runner.look(command, debian), lambda shown: shown["Status"] == "Cancelled"
    )

    assert ended["StandardOutputContent"] == "begun\n"
    assert "sleep 1234" not in processes(cloud, debian)


def processes(cloud: Cloud, instance_id: str) -> str:
    return cloud.engine.inside(
        instance_id, "sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; true"
    )


def test_an_instance_that_is_stopped_gets_the_command_once_it_runs(
    cloud: Cloud, amis: Mapping[str, str], runner: Runner
) -> None:
    instance_id = cloud.run(amis["debian"])
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.until_state(instance_id, "stopped")
    listed = runner.ssm.describe_instance_information()["InstanceInformationList"]
    status = {item["InstanceId"]: item["PingStatus"] for item in listed}
    command = runner.send(instance_id, "echo here")
    waiting = runner.look(command, instance_id)

    cloud.ec2.start_instances(InstanceIds=[instance_id])
    ended = runner.wait(command, instance_id)

    assert status[instance_id] == "ConnectionLost"
    assert waiting["Status"] == "Delayed"
    assert ended["StandardOutputContent"] == "here\n"


def test_a_script_runs_even_where_there_is_no_shell(
    cloud: Cloud, amis: Mapping[str, str], runner: Runner
) -> None:
    ended = runner.run(cloud.run(amis["scratch"]), "echo here")

    assert (ended["Status"], ended["StandardOutputContent"]) == ("Success", "here\n")


def test_the_emulator_need_not_wait_for_a_script_to_end(
    engine: Engine, amis: Mapping[str, str]
) -> None:
    own = Cloud(engine)
    try:
        own.until_image(amis["busybox"])
        runner, instance_id = Runner(own), own.run(amis["busybox"])
        command = runner.send(instance_id, "sleep 300")
        until(lambda: "sleep 300" in processes(own, instance_id), bool)
        began = time.monotonic()

        assert runner.look(command, instance_id)["Status"] == "InProgress"
        assert own.emulator.stop() == 0
        assert time.monotonic() - began < 15
        assert own.faults() == []
    finally:
        own.discard()
