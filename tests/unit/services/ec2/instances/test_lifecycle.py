"""Starting, stopping, rebooting and ending instances."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.model.instance import Instance, Reservation
from emulator.services.ec2.instances.machines import shut_down_by_guest
from emulator.vm.interface import Guest, LaunchSpec, VMError
from emulator.vm.managers import Managers
from emulator.vm.mock.manager import MockManager
from tests.fakes.launcher import Launcher


def only(answer: dict[str, Any], member: str) -> tuple[str, str]:
    (change,) = answer[member]
    return change["PreviousState"]["Name"], change["CurrentState"]["Name"]


def test_the_answers_tell_where_an_instance_comes_from_and_goes_to() -> None:
    client = Launcher()
    instance_id = client.launch()
    ids = [instance_id]
    stopped = client.call("StopInstances", InstanceIds=ids)
    assert only(stopped, "StoppingInstances") == ("running", "stopping")
    assert client.state(instance_id) == "stopped"
    again = client.call("StopInstances", InstanceIds=ids)
    assert only(again, "StoppingInstances") == ("stopped", "stopped")
    started = client.call("StartInstances", InstanceIds=ids)
    assert only(started, "StartingInstances") == ("stopped", "pending")
    assert client.state(instance_id) == "running"
    again = client.call("StartInstances", InstanceIds=ids)
    assert only(again, "StartingInstances") == ("running", "running")
    client.call("RebootInstances", InstanceIds=ids)
    assert client.state(instance_id) == "running"
    ended = client.call("TerminateInstances", InstanceIds=ids)
    assert only(ended, "TerminatingInstances") == ("running", "shutting-down")
    assert client.state(instance_id) == "terminated"
    again = client.call("TerminateInstances", InstanceIds=ids)
    assert only(again, "TerminatingInstances") == ("terminated", "terminated")


def test_reasons_say_who_stopped_an_instance_and_go_when_it_starts() -> None:
    client = Launcher()
    instance_id = client.launch()
    client.stop(instance_id)
    shown = client.instance(instance_id)
    assert shown["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert shown["StateTransitionReason"] == "User initiated (2026-01-02 03:04:05 GMT)"
    client.turn(60)
    client.call("StartInstances", InstanceIds=[instance_id])
    shown = client.instance(instance_id)
    assert "StateReason" not in shown
    assert shown["StateTransitionReason"] == ""
    assert shown["LaunchTime"].isoformat() == "2026-01-02T03:05:05+00:00"


def test_the_private_address_stays_and_the_public_one_changes_over_a_stop() -> None:
    client = Launcher()
    instance_id = client.launch()
    before = client.instance(instance_id)
    client.stop(instance_id)
    stopped = client.instance(instance_id)
    assert stopped["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert "PublicIpAddress" not in stopped
    assert stopped["PublicDnsName"] == ""
    client.call("StartInstances", InstanceIds=[instance_id])
    after = client.instance(instance_id)
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert after["PublicIpAddress"] != before["PublicIpAddress"]


def test_a_terminated_instance_is_seen_for_an_hour_with_nothing_left() -> None:
    client = Launcher()
    before = client.resources()
    instance_id = client.launch()
    client.call("TerminateInstances", InstanceIds=[instance_id])
    shown = client.instance(instance_id)
    assert shown["State"]["Name"] == "terminated"
    assert shown["NetworkInterfaces"] == shown["BlockDeviceMappings"] == []
    assert not {"PrivateIpAddress", "SubnetId", "VpcId"} & shown.keys()
    client.turn(3599)
    assert client.state(instance_id) == "terminated"
    client.turn(2)
    assert client.code_of("DescribeInstances", InstanceIds=[instance_id]) == (
        "InvalidInstanceID.NotFound"
    )
    assert client.resources() == before
    region = client.api.state.region("000000000000", "us-east-1")
    assert len(region[Reservation]) == 0


def test_one_missing_id_spares_all_the_others() -> None:
    client = Launcher()
    instance_id = client.launch()
    ids = [instance_id, "i-0123456789abcdef0"]
    for operation in ("StopInstances", "RebootInstances", "TerminateInstances", "StartInstances"):
        assert client.code_of(operation, InstanceIds=ids) == "InvalidInstanceID.NotFound"
    assert client.state(instance_id) == "running"
    malformed = client.code_of("TerminateInstances", InstanceIds=["i-nonsense"])
    assert malformed == "InvalidInstanceID.Malformed"


def test_protected_instances_neither_stop_nor_end() -> None:
    client = Launcher()
    first = client.launch(DisableApiTermination=True, DisableApiStop=True)
    second = client.launch()
    ids = [second, first]
    assert client.code_of("TerminateInstances", InstanceIds=ids) == "OperationNotPermitted"
    assert client.code_of("StopInstances", InstanceIds=ids) == "OperationNotPermitted"
    assert client.state(second) == "running"
    for attribute in ("DisableApiTermination", "DisableApiStop"):
        client.call("ModifyInstanceAttribute", InstanceId=first, **{attribute: {"Value": False}})
    client.call("TerminateInstances", InstanceIds=ids)
    assert client.state(first) == "terminated"


@pytest.mark.parametrize(
    "operation",
    [
        "StartInstances",
        "StopInstances",
        "RebootInstances",
        "MonitorInstances",
    ],
)
def test_nothing_moves_a_terminated_instance(operation: str) -> None:
    client = Launcher()
    instance_id = client.launch()
    client.call("TerminateInstances", InstanceIds=[instance_id])
    assert client.code_of(operation, InstanceIds=[instance_id]) == "IncorrectInstanceState"


def test_a_stopped_instance_is_not_rebooted_but_may_end() -> None:
    client = Launcher()
    instance_id = client.launch()
    client.stop(instance_id)
    assert client.code_of("RebootInstances", InstanceIds=[instance_id]) == "IncorrectInstanceState"
    client.call("TerminateInstances", InstanceIds=[instance_id])
    assert client.state(instance_id) == "terminated"


def test_hibernation_wants_to_be_set_up_at_launch() -> None:
    client = Launcher()
    instance_id = client.launch()
    code = client.code_of("StopInstances", InstanceIds=[instance_id], Hibernate=True)
    assert code == "UnsupportedHibernationConfiguration"


def test_monitoring_is_turned_on_and_off() -> None:
    client = Launcher()
    ids = [client.launch()]
    (on,) = client.call("MonitorInstances", InstanceIds=ids)["InstanceMonitorings"]
    assert on["Monitoring"]["State"] == "pending"
    assert client.instance(ids[0])["Monitoring"]["State"] == "enabled"
    (off,) = client.call("UnmonitorInstances", InstanceIds=ids)["InstanceMonitorings"]
    assert off["Monitoring"]["State"] == "disabling"
    assert client.instance(ids[0])["Monitoring"]["State"] == "disabled"


class Stubborn(MockManager):
    """A manager that fails at what it is told to fail at."""

    fails: frozenset[str] = frozenset()
    launch_now = None  # it has to be waited for

    async def launch(self, spec: LaunchSpec) -> Guest:
        if "launch" in self.fails:
            raise VMError("no room")
        return await super().launch(spec)

    async def start(self, instance_id: str) -> Guest:
        if "start" in self.fails:
            raise VMError("no room")
        return await super().start(instance_id)

    async def stop(self, instance_id: str, *, force: bool) -> None:
        if "stop" in self.fails:
            raise VMError("it hangs")
        await super().stop(instance_id, force=force)

    async def terminate(self, instance_id: str) -> None:
        if "terminate" in self.fails:
            raise VMError("it hangs")
        await super().terminate(instance_id)


def stubborn(*fails: str) -> Launcher:
    client = Launcher()
    manager = Stubborn()
    manager.fails = frozenset(fails)
    object.__setattr__(client.api.world, "machines", Managers([manager]))
    return client


def test_a_failed_launch_ends_the_instance_and_releases_everything() -> None:
    client = stubborn("launch")
    client.profile("p")
    before = client.resources()
    instance_id = client.launch(IamInstanceProfile={"Name": "p"})
    shown = client.instance(instance_id)
    assert shown["State"]["Name"] == "terminated"
    assert shown["StateReason"]["Code"] == "Server.InternalError"
    client.turn(3601)
    assert client.resources() == before


def test_an_instance_that_cannot_start_is_stopped_again() -> None:
    client = stubborn("start")
    instance_id = client.launch()
    client.stop(instance_id)
    client.call("StartInstances", InstanceIds=[instance_id])
    shown = client.instance(instance_id)
    assert shown["State"]["Name"] == "stopped"
    assert shown["StateReason"]["Code"] == "Server.InternalError"


def test_an_instance_that_cannot_stop_runs_on() -> None:
    client = stubborn("stop")
    instance_id = client.launch()
    client.stop(instance_id)
    assert client.state(instance_id) == "running"


def test_termination_always_ends_the_record() -> None:
    client = stubborn("terminate")
    instance_id = client.launch()
    client.call("TerminateInstances", InstanceIds=[instance_id])
    assert client.state(instance_id) == "terminated"


@pytest.mark.parametrize(("behavior", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_a_guest_that_powers_off_follows_its_shutdown_behavior(behavior: str, state: str) -> None:
    client = Launcher()
    instance_id = client.launch(InstanceInitiatedShutdownBehavior=behavior)
    region = client.api.state.region("000000000000", "us-east-1")
    shut_down_by_guest(client.api.world, region, region[Instance][instance_id])
    client.turn()
    shown = client.instance(instance_id)
    assert shown["State"]["Name"] == state
    assert shown["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_an_instance_ended_before_it_ran_never_gets_a_machine() -> None:
    client = Launcher()
    turn, client.turn = client.turn, lambda seconds=0.0: None  # type: ignore[method-assign]
    instance_id = client.launch()
    client.call("TerminateInstances", InstanceIds=[instance_id])
    client.turn = turn  # type: ignore[method-assign]
    client.turn()
    assert client.state(instance_id) == "terminated"
    manager = client.api.world.machines.only
    assert isinstance(manager, MockManager)
    assert instance_id not in manager._running
