"""Records that follow what really happens to machines."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.model.network_interface import NetworkInterface
from emulator.services.ec2.instances import machines
from emulator.vm.docker.blocking import EngineError
from emulator.vm.interface import GuestKey
from tests.fakes.docker_manager import result_of
from tests.fakes.docker_world import AMI, DockerWorld


@pytest.fixture
def world() -> DockerWorld:
    return DockerWorld()


def reason(world: DockerWorld, instance_id: str) -> tuple[str, str]:
    found = world.client.instance(instance_id)["StateReason"]
    return found["Code"], found["Message"]


# Launches


def test_a_launch_is_pending_until_its_machine_is_up(world: DockerWorld) -> None:
    (instance,) = world.client.run(ImageId=AMI)["Instances"]
    assert instance["State"]["Name"] == "pending"

    shown = world.client.instance(instance["InstanceId"])
    assert shown["State"]["Name"] == "running"
    assert shown["PrivateIpAddress"] == shown["PublicIpAddress"]


def test_a_launch_that_fails_is_terminated_with_what_docker_said(world: DockerWorld) -> None:
    world.engine.failing["start"] = [EngineError("no space left on device")]
    instance_id = world.launch()

    assert world.client.state(instance_id) == "terminated"
    code, message = reason(world, instance_id)
    assert code == "Server.InternalError"
    assert message == "Server.InternalError: no space left on device"
    assert world.engine.boxes == {}


def test_an_engine_that_is_away_fails_launches_and_nothing_else(world: DockerWorld) -> None:
    world.engine.away = True
    instance_id = world.launch()

    assert world.client.state(instance_id) == "terminated"
    assert "does not answer" in reason(world, instance_id)[1]


def test_an_ami_that_the_manager_has_nothing_for_is_not_found(world: DockerWorld) -> None:
    assert (
        world.client.code_of(
            "RunInstances", ImageId="ami-000002", MinCount=1, MaxCount=1, InstanceType="t3.micro"
        )
        == "InvalidAMIID.NotFound"
    )


# What happens to machines


def test_a_machine_that_vanishes_ends_its_instance_with_a_reason(world: DockerWorld) -> None:
    instance_id = world.launch()
    world.engine.remove(world.box(instance_id)["Id"])
    world.notice(instance_id)

    assert world.client.state(instance_id) == "terminated"
    assert reason(world, instance_id) == (
        "Server.InternalError",
        "Server.InternalError: the instance's machine was removed outside the emulator",
    )
    interfaces = world.client.call("DescribeNetworkInterfaces")["NetworkInterfaces"]
    assert interfaces == []


def test_a_stopped_machine_that_vanishes_ends_its_instance_too(world: DockerWorld) -> None:
    instance_id = world.launch()
    world.client.stop(instance_id)
    world.engine.remove(world.box(instance_id)["Id"])
    world.notice(instance_id)

    assert world.client.state(instance_id) == "terminated"


def test_a_shutdown_from_inside_stops_an_instance(world: DockerWorld) -> None:
    instance_id = world.launch()
    world.ends(instance_id, 0)
    shown = world.client.instance(instance_id)

    assert shown["State"]["Name"] == "stopped"
    assert shown["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert "PublicIpAddress" not in shown


def test_a_shutdown_from_inside_terminates_where_that_is_wanted(world: DockerWorld) -> None:
    instance_id = world.launch(InstanceInitiatedShutdownBehavior="terminate")
    world.ends(instance_id, 0)

    assert world.client.state(instance_id) == "terminated"
    assert reason(world, instance_id)[0] == "Client.InstanceInitiatedShutdown"
    assert world.engine.boxes == {}


@pytest.mark.parametrize("behavior", ["stop", "terminate"])
@pytest.mark.parametrize(
    ("exit_code", "state", "said"),
    [
        (1, {}, "its first process ended with status 1"),
        (137, {"OOMKilled": True}, "it ran out of memory"),
    ],
)
def test_a_crash_stops_an_instance_and_says_why(
    world: DockerWorld, behavior: str, exit_code: int, state: dict[str, Any], said: str
) -> None:
    instance_id = world.launch(InstanceInitiatedShutdownBehavior=behavior)
    world.ends(instance_id, exit_code, **state)

    assert world.client.state(instance_id) == "stopped"
    assert reason(world, instance_id) == ("Server.InternalError", f"Server.InternalError: {said}")


@pytest.mark.parametrize("behavior", ["stop", "terminate"])
def test_a_machine_frozen_by_hand_is_stopped_and_never_terminated(
    world: DockerWorld, behavior: str
) -> None:
    instance_id = world.launch(InstanceInitiatedShutdownBehavior=behavior)
    world.engine.pause(world.box(instance_id)["Id"])
    world.notice(instance_id)

    assert world.client.state(instance_id) == "stopped"
    assert reason(world, instance_id) == (
        "Server.InternalError",
        "Server.InternalError: the instance's machine was paused outside the emulator",
    )
    world.client.call("StartInstances", InstanceIds=[instance_id])
    assert world.client.state(instance_id) == "running"


def test_a_machine_started_by_hand_runs_with_a_public_address(world: DockerWorld) -> None:
    instance_id = world.launch()
    world.client.stop(instance_id)
    world.engine.unpause(world.box(instance_id)["Id"])
    world.notice(instance_id)
    shown = world.client.instance(instance_id)

    assert shown["State"]["Name"] == "running"
    assert shown["PublicIpAddress"] == shown["PrivateIpAddress"]
    assert "StateReason" not in shown


def test_a_machine_that_restarted_with_another_address_shows_it(world: DockerWorld) -> None:
    instance_id = world.launch()
    box = world.box(instance_id)
    world.engine.restart(box["Id"], 10)
    (network,) = box["NetworkSettings"]["Networks"].values()
    network["IPAddress"] = "172.18.0.77"
    world.notice(instance_id)

    assert world.client.instance(instance_id)["PublicIpAddress"] == "172.18.0.77"


def test_a_machine_that_wants_to_be_restarted_is_and_its_instance_runs_on(
    world: DockerWorld,
) -> None:
    instance_id = world.launch()
    world.ends(instance_id, 133)

    assert world.client.state(instance_id) == "running"
    assert world.box(instance_id)["State"]["Running"]


def test_an_engine_that_is_away_ends_nothing(world: DockerWorld) -> None:
    instance_id = world.launch()
    world.engine.away = True
    world.notice(instance_id)

    assert world.client.state(instance_id) == "running"


@pytest.mark.parametrize("instance_id", ["i-0123456789abcdef0", ""])
def test_a_machine_that_no_record_tells_of_is_left_alone(
    world: DockerWorld, instance_id: str
) -> None:
    world.notice(instance_id)

    assert world.client.described() == []


# What the emulator itself does


@pytest.mark.parametrize("mode", ["pause", "stop"])
def test_events_of_the_emulators_own_doing_change_nothing(mode: str) -> None:
    world = DockerWorld(stop_for_real=mode == "stop")
    instance_id = world.launch()
    ids = [instance_id]
    for operation, state in [
        ("StopInstances", "stopped"),
        ("StartInstances", "running"),
        ("RebootInstances", "running"),
        ("TerminateInstances", "terminated"),
    ]:
        world.client.call(operation, InstanceIds=ids)
        before = world.client.instance(instance_id)
        world.notice(instance_id)

        assert world.client.instance(instance_id) == before
        assert before["State"]["Name"] == state


@pytest.mark.parametrize("method", ["stop", "restart", "start"])
def test_an_event_in_the_middle_of_an_operation_waits_for_its_end(method: str) -> None:
    world = DockerWorld(stop_for_real=True)
    instance_id = world.launch()

    def hear(*_: Any) -> None:
        world.records.guest_changed(GuestKey("000000000000", "us-east-1", instance_id))

    world.engine.on[method] = hear
    ids = [instance_id]
    world.client.call("RebootInstances", InstanceIds=ids)
    world.client.call("StopInstances", InstanceIds=ids)
    assert world.client.state(instance_id) == "stopped"
    world.client.call("StartInstances", InstanceIds=ids)
    assert world.client.state(instance_id) == "running"


def test_terminating_in_vain_ends_the_record_without_a_traceback(
    world: DockerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes: list[str] = []
    monkeypatch.setattr(machines.log, "failure", lambda text, **_: crashes.append(text))
    instance_id = world.launch()
    world.engine.away = True
    world.client.call("TerminateInstances", InstanceIds=[instance_id])

    assert world.client.state(instance_id) == "terminated"
    assert crashes == []


# After a restart of the emulator


def again(world: DockerWorld, **options: Any) -> DockerWorld:
    """Return the emulator that is started after this one, over the same engine."""
    following = DockerWorld(world.engine, run="the next run", **options)
    following.connect()
    return following


def test_a_running_machine_is_known_again(world: DockerWorld) -> None:
    instance_id = world.launch(
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}]
    )
    before = world.client.instance(instance_id)
    following = again(world)

    assert following.client.instance(instance_id) == before
    assert following.host.namespaces.prepared == [
        (instance_id, world.box(instance_id)["State"]["Pid"])
    ]


def test_a_stopped_machine_is_known_again_and_starts(world: DockerWorld) -> None:
    instance_id = world.launch()
    world.client.stop(instance_id)
    following = again(world)
    assert following.client.state(instance_id) == "stopped"
    following.client.call("StartInstances", InstanceIds=[instance_id])

    assert following.client.state(instance_id) == "running"


def test_a_machine_that_ended_meanwhile_is_stopped(world: DockerWorld) -> None:
    instance_id = world.launch()
    world.engine.ends(f"localstack-ec2.{instance_id}", 1)

    assert again(world).client.state(instance_id) == "stopped"


def test_a_machine_whose_records_cannot_be_made_again_is_ended(world: DockerWorld) -> None:
    instance_id = world.launch()
    world.box(instance_id)["Config"]["Labels"]["ec2-emulator.memento"] = "garbage"
    following = again(world)

    assert following.client.described() == []
    assert world.engine.boxes == {}


def test_a_machine_of_a_terminated_record_is_ended(world: DockerWorld) -> None:
    instance_id = world.launch()
    world.engine.away = True
    world.client.call("TerminateInstances", InstanceIds=[instance_id])
    world.engine.away = False
    world.connect()

    assert world.engine.boxes == {}
    assert world.client.state(instance_id) == "terminated"


def test_a_terminated_machine_that_was_kept_stays_as_it_is() -> None:
    world = DockerWorld(keep_terminated=True)
    instance_id = world.launch()
    world.client.call("TerminateInstances", InstanceIds=[instance_id])
    following = again(world, keep_terminated=True)

    assert following.client.described() == []
    assert following.engine.names() == [f"localstack-ec2.{instance_id}"]


def test_an_instance_whose_machine_went_while_the_engine_was_away_is_ended(
    world: DockerWorld,
) -> None:
    instance_id = world.launch()
    world.engine.remove(world.box(instance_id)["Id"])
    world.connect()

    assert world.client.state(instance_id) == "terminated"


def test_hearing_of_all_guests_changes_nothing_that_is_right(world: DockerWorld) -> None:
    running, stopped = world.launch(), world.launch()
    world.client.stop(stopped)
    before = world.client.call("DescribeInstances")["Reservations"]
    world.connect()

    assert world.client.call("DescribeInstances")["Reservations"] == before
    assert len(world.engine.boxes) == 2
    assert world.client.state(running) == "running"


def test_a_machine_that_is_being_launched_is_neither_adopted_nor_ended(world: DockerWorld) -> None:
    def reconnect(*_: Any) -> None:
        del world.engine.on["start"]
        guests = result_of(world.host.manager.guests())  # type: ignore[arg-type]
        world.records.connected(guests)

    world.engine.on["start"] = reconnect
    result_of(world.host.tools.volume(world.engine))  # type: ignore[arg-type]
    instance_id = world.launch()

    assert world.client.state(instance_id) == "running"


# Reset


def test_a_reset_ends_every_machine(world: DockerWorld) -> None:
    for _ in range(2):
        world.launch()
    world.api.on_reset = world.records.end_all
    world.api.reset()
    world.client.turn()

    assert world.engine.boxes == {}
    assert world.client.described() == []


def test_a_reset_while_the_engine_is_away_is_a_reset(world: DockerWorld) -> None:
    world.launch()
    world.engine.away = True
    world.records.end_all()
    world.client.turn()

    assert len(world.engine.boxes) == 1
    assert len(world.host.background) == 0


# Public addresses


def test_a_machine_has_its_public_address_before_it_is_launched(world: DockerWorld) -> None:
    """So it is there when the guest boots, as on AWS."""
    world.host.namespaces.public = True
    seen: list[Any] = []
    region = world.state.region("000000000000", "us-east-1")
    world.engine.on["start"] = lambda _: seen.extend(
        row.public_ip for row in region[NetworkInterface]
    )
    shown = world.client.instance(world.launch())

    assert seen == [shown["PublicIpAddress"]]
    assert shown["PublicIpAddress"].startswith("198.18.")
    assert shown["PublicIpAddress"] != shown["PrivateIpAddress"]


def test_a_machine_that_starts_again_gets_another_public_address() -> None:
    world = DockerWorld(stop_for_real=True)
    world.host.namespaces.public = True
    instance_id = world.launch()
    before = world.client.instance(instance_id)["PublicIpAddress"]
    world.client.call("StopInstances", InstanceIds=[instance_id])
    stopped = world.client.instance(instance_id)
    world.client.call("StartInstances", InstanceIds=[instance_id])
    after = world.client.instance(instance_id)["PublicIpAddress"]

    assert "PublicIpAddress" not in stopped
    assert after.startswith("198.18.")
    assert after != before
