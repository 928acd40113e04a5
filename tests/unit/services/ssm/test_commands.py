from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.loaders
import pytest
from botocore.exceptions import ClientError, WaiterError
from botocore.waiter import SingleWaiterConfig, Waiter

from emulator.services.ssm.command_runs import STOP
from emulator.vm.interface import CommandResult, VMError
from tests.fakes.client import EPOCH, Client
from tests.fakes.command_manager import CommandManager
from tests.fakes.launcher import Launcher

SHELL = "AWS-RunShellScript"


@pytest.fixture
def manager() -> CommandManager:
    return CommandManager()


@pytest.fixture
def client(manager: CommandManager) -> Client:
    return Client("ssm", machines=manager)


@pytest.fixture
def launcher(client: Client) -> Launcher:
    return Launcher(like=client)


def send(
    client: Client, *instances: str, commands: list[str] | None = None, **params: Any
) -> dict[str, Any]:
    parameters = {"commands": commands or ["true"], **params.pop("Parameters", {})}
    if instances:
        params["InstanceIds"] = list(instances)
    params.setdefault("DocumentName", SHELL)
    answer = client.call("SendCommand", Parameters=parameters, **params)
    command: dict[str, Any] = answer["Command"]
    return command


def refusal(client: Client, **params: Any) -> str:
    params = {"DocumentName": SHELL, "Parameters": {"commands": ["true"]}} | params
    with pytest.raises(ClientError) as caught:
        client.call("SendCommand", **params)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(caught.value.response["Error"]["Code"])


def invocation(client: Client, command: dict[str, Any], instance: str) -> dict[str, Any]:
    return client.call("GetCommandInvocation", CommandId=command["CommandId"], InstanceId=instance)


def shown(client: Client, command: dict[str, Any]) -> dict[str, Any]:
    (found,) = client.call("ListCommands", CommandId=command["CommandId"])["Commands"]
    return dict(found)


def test_a_script_runs_with_all_its_lines_and_its_output_is_shown(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    instance = launcher.launch()
    manager.result = CommandResult(0, "grüß\n".encode(), b"oops\n", timed_out=False)

    command = send(
        client,
        instance,
        commands=["cd /tmp", "echo $HOME && pwd > x", "wait"],
        Comment="all",
        Parameters={"workingDirectory": ["/srv"], "executionTimeout": ["60"]},
    )

    (started,) = manager.started
    assert started.instance_id == instance
    assert started.stdin == b"cd /tmp\necho $HOME && pwd > x\nwait\n"
    assert (started.working_directory, started.timeout_seconds) == ("/srv", 60)
    assert started.environment == {
        "AWS_SSM_INSTANCE_ID": instance,
        "AWS_SSM_REGION_NAME": "us-east-1",
    }
    assert (command["Status"], command["TargetCount"], command["Comment"]) == ("Pending", 1, "all")
    ended = invocation(client, command, instance)
    assert (ended["Status"], ended["StatusDetails"], ended["ResponseCode"]) == (
        "Success",
        "Success",
        0,
    )
    assert ended["StandardOutputContent"] == "grüß\n"
    assert ended["StandardErrorContent"] == "oops\n"
    assert ended["PluginName"] == "aws:runShellScript"
    assert ended["ExecutionStartDateTime"] == "2026-01-02T03:04:05.000Z"
    assert ended["ExecutionEndDateTime"] == "2026-01-02T03:04:05.000Z"
    assert ended["ExecutionElapsedTime"] == "PT0.000S"
    whole = shown(client, command)
    assert (whole["Status"], whole["CompletedCount"], whole["ErrorCount"]) == ("Success", 1, 0)


def test_nothing_of_the_caller_s_is_in_the_text_that_the_shell_is_given(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    send(client, launcher.launch(), commands=["$(reboot)"])
    first = manager.started[0].arguments
    send(client, launcher.launch(), commands=["`halt`"])

    assert manager.started[1].arguments[:3] == first[:3]
    assert first[:2] == ("sh", "-c")


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("cat; echo here", "here\n"),
        ("#!/bin/sh\nset -- a b\necho $#", "2\n"),
        ("umask", "0022\n"),
        ("exit 7", ""),
    ],
)
def test_what_the_shell_is_given_runs_the_script(
    client: Client,
    launcher: Launcher,
    manager: CommandManager,
    tmp_path: Path,
    script: str,
    output: str,
) -> None:
    send(client, launcher.launch(), commands=script.split("\n"))
    (started,) = manager.started
    arguments = [*started.arguments[:-1], str(tmp_path / "it's here")]

    done = subprocess.run(
        ["sh", "-c", 'umask 022 && exec "$@"', "sh", *arguments],
        input=started.stdin,
        capture_output=True,
        check=False,
    )

    assert done.stdout.decode() == output
    assert done.returncode == (7 if "exit" in script else 0)
    assert done.stderr == b""


def test_what_stops_a_script_stops_what_it_started(
    client: Client, launcher: Launcher, manager: CommandManager, tmp_path: Path
) -> None:
    manager.result = None
    send(client, launcher.launch(), commands=["sleep 600 & sleep 600"])
    (started,) = manager.started
    script = subprocess.Popen(
        [*started.arguments[:-1], str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert script.stdin is not None
    assert script.stdout is not None
    script.stdin.write(started.stdin)
    script.stdin.close()
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        pass

    subprocess.run(["sh", "-c", STOP, "sh", str(tmp_path)], check=True, capture_output=True)

    # The end of its output means that nobody is left who could write.
    assert script.stdout.read() == b""
    script.stdout.close()
    assert script.wait() == -15


def test_a_running_script_is_in_progress_and_has_no_output_yet(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    manager.result = None
    instance = launcher.launch()
    command = send(client, instance)

    client.turn(3)
    running = invocation(client, command, instance)
    status = shown(client, command)["Status"]
    manager.started[0].ending.callback(CommandResult(0, b"ok", b"", timed_out=False))
    ended = invocation(client, command, instance)

    assert (running["Status"], running["ResponseCode"], status) == ("InProgress", -1, "InProgress")
    assert (running["ExecutionEndDateTime"], running["StandardOutputContent"]) == ("", "")
    assert (ended["Status"], ended["ExecutionElapsedTime"]) == ("Success", "PT3.000S")


def test_a_script_that_fails_says_how(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    instance = launcher.launch()
    manager.result = CommandResult(3, b"some", b"bad", timed_out=False)

    command = send(client, instance)

    ended = invocation(client, command, instance)
    assert (ended["Status"], ended["StatusDetails"], ended["ResponseCode"]) == (
        "Failed",
        "Failed",
        3,
    )
    assert ended["StandardOutputContent"] == "some"
    assert ended["StandardErrorContent"] == "bad\nfailed to run commands: exit status 3"
    whole = shown(client, command)
    assert (whole["Status"], whole["ErrorCount"]) == ("Failed", 1)


def test_a_script_that_takes_too_long_has_timed_out(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    instance = launcher.launch()
    manager.result = CommandResult(124, b"begun", b"", timed_out=True)

    command = send(client, instance)

    ended = invocation(client, command, instance)
    assert (ended["Status"], ended["StatusDetails"], ended["ResponseCode"]) == (
        "TimedOut",
        "ExecutionTimedOut",
        137,
    )
    assert ended["StandardOutputContent"] == "begun"
    assert shown(client, command)["StatusDetails"] == "ExecutionTimedOut"


def test_a_manager_that_cannot_run_it_makes_the_command_fail(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    manager.result = None
    instance = launcher.launch()
    command = send(client, instance)

    manager.started[0].ending.errback(VMError("no such container"))

    ended = invocation(client, command, instance)
    assert (ended["Status"], ended["ResponseCode"]) == ("Failed", -1)
    assert "no such container" in ended["StandardErrorContent"]


def test_long_output_is_cut(client: Client, launcher: Launcher, manager: CommandManager) -> None:
    instance = launcher.launch()
    manager.result = CommandResult(0, b"x" * 30_000, b"y" * 30_000, timed_out=False)

    command = send(client, instance)

    ended = invocation(client, command, instance)
    assert len(ended["StandardOutputContent"]) == 24_000
    assert len(ended["StandardErrorContent"]) == 8_000
    assert ended["StandardOutputContent"].endswith("---Output truncated---")
    (listed,) = client.call("ListCommandInvocations", CommandId=command["CommandId"], Details=True)[
        "CommandInvocations"
    ]
    assert len(listed["CommandPlugins"][0]["Output"]) == 2_500


def test_a_running_command_is_cancelled(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    manager.result = None
    first, second = launcher.launch(), launcher.launch()
    command = send(client, first, second)

    client.call("CancelCommand", CommandId=command["CommandId"], InstanceIds=[first])
    states = [invocation(client, command, each)["Status"] for each in (first, second)]
    manager.started[1].ending.callback(CommandResult(0, b"", b"", timed_out=False))
    client.call("CancelCommand", CommandId=command["CommandId"])

    assert states == ["Cancelled", "InProgress"]
    assert manager.stopped == [first]
    assert invocation(client, command, second)["Status"] == "Success"
    assert shown(client, command)["Status"] == "Cancelled"
    unknown = "01234567-89ab-cdef-0123-456789abcdef"
    assert client.code_of("CancelCommand", CommandId=unknown) == "InvalidCommandId"


def test_a_script_that_does_not_stop_is_no_longer_waited_for(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    manager.result, manager.stops = None, False
    cancelled, overdue = launcher.launch(), launcher.launch()
    first = send(client, cancelled)
    second = send(client, overdue, Parameters={"executionTimeout": ["10"]})

    client.call("CancelCommand", CommandId=first["CommandId"])
    client.turn(15)
    states = invocation(client, first, cancelled), invocation(client, second, overdue)
    client.turn(20)
    client.turn(20)

    assert [state["Status"] for state in states] == ["Cancelling", "InProgress"]
    assert shown(client, first)["StatusDetails"] == "Cancelled"
    assert manager.stopped == [cancelled, overdue]
    ended = invocation(client, second, overdue)
    assert (ended["Status"], ended["StatusDetails"], ended["ResponseCode"]) == (
        "TimedOut",
        "ExecutionTimedOut",
        137,
    )


def test_a_script_that_outlasts_its_time_is_stopped(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    manager.result = None
    instance = launcher.launch()
    command = send(client, instance, Parameters={"executionTimeout": ["10"]})

    client.turn(13)

    assert manager.stopped == [instance]
    assert invocation(client, command, instance)["StatusDetails"] == "ExecutionTimedOut"


def test_a_command_runs_on_so_many_at_once_and_gives_up_after_so_many_errors(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    manager.result = None
    instances = [launcher.launch() for _ in range(4)]
    command = send(client, *instances, MaxConcurrency="2", MaxErrors="25%")

    assert [started.instance_id for started in manager.started] == instances[:2]
    manager.started[0].ending.callback(CommandResult(1, b"", b"", timed_out=False))
    client.turn()
    assert [started.instance_id for started in manager.started] == instances[:3]
    manager.started[1].ending.callback(CommandResult(1, b"", b"", timed_out=False))
    client.turn()
    manager.started[2].ending.callback(CommandResult(0, b"", b"", timed_out=False))
    client.turn()

    details = [invocation(client, command, each)["StatusDetails"] for each in instances]
    assert details == ["Failed", "Failed", "Success", "Terminated"]
    whole = shown(client, command)
    assert (whole["Status"], whole["ErrorCount"], whole["CompletedCount"]) == ("Failed", 2, 4)
    assert (whole["MaxConcurrency"], whole["MaxErrors"]) == ("2", "25%")


def test_a_few_errors_leave_the_command_incomplete(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    manager.result = None
    command = send(client, launcher.launch(), launcher.launch(), MaxErrors="1")
    for started, status in zip(manager.started, (0, 1), strict=True):
        started.ending.callback(CommandResult(status, b"", b"", timed_out=False))

    assert shown(client, command)["StatusDetails"] == "Incomplete"


def test_a_stopped_instance_gets_the_command_when_it_runs_again(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    instance = launcher.launch()
    launcher.stop(instance)

    command = send(client, instance)
    waiting = invocation(client, command, instance)
    launcher.call("StartInstances", InstanceIds=[instance])
    client.turn(6)

    assert (waiting["Status"], waiting["ExecutionStartDateTime"]) == ("Delayed", "")
    assert len(manager.started) == 1
    assert invocation(client, command, instance)["Status"] == "Success"


def test_a_command_that_cannot_be_delivered_in_time_is_given_up(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    instance, other = launcher.launch(), launcher.launch()
    launcher.stop(instance), launcher.stop(other)
    command = send(client, instance, other, TimeoutSeconds=30)
    launcher.call("TerminateInstances", InstanceIds=[other])

    for _ in range(7):
        client.turn(5)

    late, gone = (invocation(client, command, each) for each in (instance, other))
    assert (late["Status"], late["StatusDetails"]) == ("TimedOut", "DeliveryTimedOut")
    assert (gone["Status"], gone["StatusDetails"]) == ("Failed", "Undeliverable")
    whole = shown(client, command)
    assert (whole["Status"], whole["DeliveryTimedOutCount"]) == ("Failed", 1)
    assert manager.started == []


def test_targets_are_found_by_tags(client: Client, launcher: Launcher) -> None:
    tag = {"ResourceType": "instance", "Tags": [{"Key": "role", "Value": "web"}]}
    web = launcher.launch(TagSpecifications=[tag])
    launcher.launch()

    found = send(client, Targets=[{"Key": "tag:role", "Values": ["web", "db"]}])
    none = send(client, Targets=[{"Key": "tag:role", "Values": ["db"]}])
    by_id = send(client, Targets=[{"Key": "InstanceIds", "Values": [web]}])

    assert (found["TargetCount"], by_id["TargetCount"]) == (1, 1)
    assert invocation(client, found, web)["Status"] == "Success"
    assert shown(client, none)["StatusDetails"] == "NoInstancesInTag"
    wrong = [{"Key": "resource-groups:Name", "Values": ["x"]}]
    assert refusal(client, Targets=wrong) == "ValidationException"


def test_parameters_stand_in_commands_for_their_values(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    client.call("PutParameter", Name="/greeting", Value="hello", Type="String")
    client.call("PutParameter", Name="/secret", Value="x", Type="SecureString")
    instance = launcher.launch()

    send(client, instance, commands=["echo {{ssm:/greeting}} {{ ssm:/greeting:1 }}"])

    assert manager.started[0].stdin == b"echo hello hello\n"
    for name in ("/none", "/secret"):
        parameters = {"commands": [f"echo {{{{ssm:{name}}}}}"]}
        code = refusal(client, InstanceIds=[instance], Parameters=parameters)
        assert code == "InvalidParameters"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"DocumentName": "AWS-Nothing"}, "InvalidDocument"),
        ({"DocumentName": "AWS-RunPowerShellScript"}, "UnsupportedPlatformType"),
        ({"DocumentVersion": "7"}, "InvalidDocumentVersion"),
        ({"Parameters": {}}, "InvalidParameters"),
        ({"Parameters": {"commands": []}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["x"], "command": ["x"]}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["x"], "executionTimeout": ["0"]}}, "InvalidParameters"),
        (
            {"Parameters": {"commands": ["x"], "workingDirectory": ["a", "b"]}},
            "InvalidParameters",
        ),
        ({"InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceId"),
        ({"InstanceIds": []}, "ValidationException"),
        ({"Targets": [{"Key": "tag:a", "Values": ["b"]}]}, "ValidationException"),
    ],
)
def test_a_command_that_cannot_be_is_refused(
    client: Client, launcher: Launcher, params: dict[str, Any], code: str
) -> None:
    instance = launcher.launch()

    assert refusal(client, **{"InstanceIds": [instance], **params}) == code
    assert client.call("ListCommands")["Commands"] == []


def test_an_instance_is_named_once_and_must_not_end(client: Client, launcher: Launcher) -> None:
    instance = launcher.launch()
    assert refusal(client, InstanceIds=[instance, instance]) == "DuplicateInstanceId"

    launcher.call("TerminateInstances", InstanceIds=[instance])

    assert refusal(client, InstanceIds=[instance]) == "InvalidInstanceId"


def test_a_manager_without_machines_has_no_managed_instances() -> None:
    client = Client("ssm")
    instance = Launcher(like=client).launch()

    assert refusal(client, InstanceIds=[instance]) == "InvalidInstanceId"
    assert client.call("DescribeInstanceInformation")["InstanceInformationList"] == []


def test_histories_are_listed_by_instance_time_and_status(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    first, second = launcher.launch(), launcher.launch()
    old = send(client, first)
    client.turn(60)
    manager.result = CommandResult(1, b"", b"", timed_out=False)
    new = send(client, first, second)

    def commands(**params: Any) -> list[str]:
        return [item["CommandId"] for item in client.call("ListCommands", **params)["Commands"]]

    def filtered(key: str, value: str) -> list[str]:
        return commands(Filters=[{"key": key, "value": value}])

    assert commands() == [new["CommandId"], old["CommandId"]]
    assert commands(InstanceId=second) == [new["CommandId"]]
    assert filtered("Status", "Success") == [old["CommandId"]]
    assert filtered("InvokedAfter", "2026-01-02T03:04:30Z") == [new["CommandId"]]
    assert filtered("InvokedBefore", "2026-01-02T03:04:30Z") == [old["CommandId"]]
    assert filtered("DocumentName", "AWS-Other") == []
    listed = client.call("ListCommandInvocations", InstanceId=first)["CommandInvocations"]
    assert [item["Status"] for item in listed] == ["Failed", "Success"]
    pages = client.get_all("ListCommandInvocations", "CommandInvocations", MaxResults=2)
    assert len(pages) == 3
    page = client.call("ListCommandInvocations", MaxResults=2)
    assert client.code_of("ListCommands", NextToken=page["NextToken"]) == "InvalidNextToken"
    wrong = client.code_of("GetCommandInvocation", CommandId=old["CommandId"], InstanceId=second)
    assert wrong == "InvocationDoesNotExist"


def test_details_show_the_plugin(
    client: Client, launcher: Launcher, manager: CommandManager
) -> None:
    name = {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}
    manager.result = CommandResult(0, b"out", b"err", timed_out=False)
    command = send(client, launcher.launch(TagSpecifications=[name]))

    plain, detailed = (
        client.call("ListCommandInvocations", CommandId=command["CommandId"], Details=details)[
            "CommandInvocations"
        ][0]
        for details in (False, True)
    )

    assert (plain["InstanceName"], plain["CommandPlugins"]) == ("web", [])
    (plugin,) = detailed["CommandPlugins"]
    assert plugin["Output"] == "out\n----------ERROR-------\nerr"
    assert (plugin["Name"], plugin["Status"], plugin["ResponseCode"]) == (
        "aws:runShellScript",
        "Success",
        0,
    )
    assert plugin["ResponseStartDateTime"] == EPOCH


def test_commands_are_forgotten_after_thirty_days(client: Client, launcher: Launcher) -> None:
    command = send(client, launcher.launch())

    client.turn(30 * 24 * 3600 + 1)

    assert client.call("ListCommands")["Commands"] == []
    assert client.code_of("CancelCommand", CommandId=command["CommandId"]) == "InvalidCommandId"


# ---- botocore's waiter


def command_executed(client: Client, manager: CommandManager) -> Waiter:
    """Return the waiter; the script ends between its first and its second question."""
    facts = botocore.loaders.Loader().load_service_model("ssm", "waiters-2")["waiters"]

    def ask(**params: Any) -> dict[str, Any]:
        try:
            return client.call("GetCommandInvocation", **params)
        except ClientError as error:
            return dict(error.response)
        finally:
            for started in manager.started:
                if not started.ending.called:
                    started.ending.callback(manager.later)

    config = SingleWaiterConfig({**facts["CommandExecuted"], "delay": 0, "maxAttempts": 2})
    return Waiter("CommandExecuted", config, ask)


@pytest.mark.parametrize("status", [0, 1])
def test_the_waiter_for_commands_ends_with_the_command(
    client: Client, launcher: Launcher, manager: CommandManager, status: int
) -> None:
    manager.result = None
    manager.later = CommandResult(status, b"", b"", timed_out=False)
    instance = launcher.launch()
    command = send(client, instance)
    waiter = command_executed(client, manager)

    def wait() -> None:
        waiter.wait(CommandId=command["CommandId"], InstanceId=instance)

    if status == 0:
        wait()
    else:
        with pytest.raises(WaiterError, match="Failed"):
            wait()


# ---- what commands are sent to


def test_instances_are_managed_while_they_exist(client: Client, launcher: Launcher) -> None:
    tag = {"ResourceType": "instance", "Tags": [{"Key": "role", "Value": "web"}]}
    running = launcher.launch(TagSpecifications=[tag])
    stopped, ended = launcher.launch(), launcher.launch()
    launcher.stop(stopped)
    launcher.call("TerminateInstances", InstanceIds=[ended])

    listed = client.call("DescribeInstanceInformation")["InstanceInformationList"]

    status = {item["InstanceId"]: item["PingStatus"] for item in listed}
    assert status == {running: "Online", stopped: "ConnectionLost"}
    (shown,) = (item for item in listed if item["InstanceId"] == running)
    assert (shown["PlatformType"], shown["PlatformName"], shown["PlatformVersion"]) == (
        "Linux",
        "Amazon Linux",
        "2023",
    )
    assert shown["IPAddress"] == launcher.instance(running)["PrivateIpAddress"]
    assert shown["ComputerName"] == launcher.instance(running)["PrivateDnsName"]


def filters() -> Iterator[tuple[dict[str, Any], int]]:
    def old(key: str, *values: str) -> dict[str, Any]:
        return {"InstanceInformationFilterList": [{"key": key, "valueSet": list(values)}]}

    def new(key: str, *values: str) -> dict[str, Any]:
        return {"Filters": [{"Key": key, "Values": list(values)}]}

    yield old("PingStatus", "Online"), 2
    yield old("PlatformTypes", "Windows"), 0
    yield new("ResourceType", "EC2Instance"), 2
    yield new("tag:role", "web"), 1
    yield new("tag-key", "role"), 1
    yield new("InstanceIds", "i-0123456789abcdef0"), 0


@pytest.mark.parametrize(("params", "count"), filters())
def test_managed_instances_are_found_by_filters(
    client: Client, launcher: Launcher, params: dict[str, Any], count: int
) -> None:
    tag = {"ResourceType": "instance", "Tags": [{"Key": "role", "Value": "web"}]}
    launcher.launch(TagSpecifications=[tag])
    launcher.launch()

    listed = client.call("DescribeInstanceInformation", **params)["InstanceInformationList"]

    assert len(listed) == count


def test_a_filter_of_instances_that_does_not_exist_is_refused(
    client: Client, launcher: Launcher
) -> None:
    launcher.launch()
    wrong = [{"Key": "Color", "Values": ["red"]}]

    assert client.code_of("DescribeInstanceInformation", Filters=wrong) == "InvalidFilterKey"


# ---- documents


def test_documents_are_listed_described_and_shown(client: Client) -> None:
    listed = client.call("ListDocuments")["DocumentIdentifiers"]
    described = client.call("DescribeDocument", Name=SHELL)["Document"]
    shown = client.call("GetDocument", Name=f"arn:aws:ssm:us-east-1::document/{SHELL}")

    assert [item["Name"] for item in listed] == ["AWS-RunPowerShellScript", SHELL]
    assert described["PlatformTypes"] == ["Linux", "MacOS"]
    assert [item["Name"] for item in described["Parameters"]] == [
        "commands",
        "workingDirectory",
        "executionTimeout",
    ]
    assert '"aws:runShellScript"' in shown["Content"]
    assert client.code_of("GetDocument", Name="AWS-Nothing") == "InvalidDocument"
    windows = [{"Key": "PlatformTypes", "Values": ["Windows"]}]
    found = client.call("ListDocuments", Filters=windows)["DocumentIdentifiers"]
    assert [item["Name"] for item in found] == ["AWS-RunPowerShellScript"]
    wrong = [{"Key": "Color", "Values": ["red"]}]
    assert client.code_of("ListDocuments", Filters=wrong) == "InvalidFilterKey"
