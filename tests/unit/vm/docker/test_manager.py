from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from emulator.vm.docker import names
from emulator.vm.docker.blocking import EngineError, Missing
from emulator.vm.docker.images import blocking_images
from emulator.vm.docker.manager import DefaultImage
from emulator.vm.interface import CommandResult, GuestDisk, GuestKey, LaunchSpec, VMError
from tests.contracts.vm_manager import SPEC
from tests.fakes.docker_manager import DockerHost, result_of

ID = SPEC.instance_id
NAME = f"localstack-ec2.{ID}"
AMI = "ami-00c0ffee"
SPEC_DISK = GuestDisk("vol-0123456789abcdef0", "/dev/sdf", 8)
UBUNTU = DefaultImage("ami-df5de72bdb3b", "ubuntu-22.04-jammy-jellyfish", "ubuntu:22.04")


def new_host(**options: Any) -> DockerHost:
    host = DockerHost(**options)
    host.engine.add_image(str(SPEC.image_reference), Cmd=["bash"], User="admin")
    return host


@pytest.fixture
def host() -> DockerHost:
    found = new_host()
    result_of(found.manager.launch(SPEC))
    found.engine.calls.clear()
    return found


def another(number: int) -> LaunchSpec:
    key = GuestKey("000000000000", "us-east-1", f"i-{number:017x}")
    return attrs.evolve(SPEC, key=key, private_ip="")


# Capturing


def capture(host: DockerHost, *, reboot: bool, name: str = "web server") -> str:
    return str(
        result_of(host.manager.capture(ID, AMI, name, reboot=reboot, record='{"rows":"[]"}'))
    )


def test_a_captured_image_says_what_it_is_and_boots_as_its_base_does(host: DockerHost) -> None:
    tag = capture(host, reboot=False)
    (image,) = [each for each in blocking_images(host.engine) if each.image_id == AMI]  # type: ignore[arg-type]
    config = host.engine.image(tag)["Config"]  # type: ignore[index]

    assert (image.name, image.record, image.reference) == ("web server", '{"rows":"[]"}', tag)
    assert (config["Cmd"], config["User"]) == (["bash"], "admin")


def test_a_captured_image_is_nobodys_guest(host: DockerHost) -> None:
    config = host.engine.image(capture(host, reboot=False))["Config"]  # type: ignore[index]
    left = {name for name in host.engine.box(NAME)["Config"]["Labels"] if config["Labels"][name]}

    assert left == {names.IMAGE_ID}


def test_a_capture_without_reboot_leaves_the_processes_alone(host: DockerHost) -> None:
    pid = host.engine.box(NAME)["State"]["Pid"]
    capture(host, reboot=False)

    assert host.engine.box(NAME)["State"]["Pid"] == pid
    assert "stop" not in host.engine.calls


def test_a_capture_with_reboot_takes_a_guest_that_is_down(host: DockerHost) -> None:
    states: list[str] = []
    host.engine.on["commit"] = lambda *_: states.append(host.engine.box(NAME)["State"]["Status"])
    capture(host, reboot=True)

    assert states == ["exited"]
    assert host.engine.box(NAME)["State"]["Status"] == "running"
    assert host.namespaces.prepared[-1] == (ID, host.engine.box(NAME)["State"]["Pid"])


@pytest.mark.parametrize("reboot", [True, False])
def test_a_guest_that_is_frozen_stays_so(host: DockerHost, reboot: bool) -> None:
    host.engine.pause(NAME)
    capture(host, reboot=reboot)

    assert host.engine.box(NAME)["State"]["Status"] == "paused"


def test_a_guest_runs_again_where_no_image_could_be_made(host: DockerHost) -> None:
    host.engine.failing["commit"] = [EngineError("no space left on device")]
    with pytest.raises(EngineError, match="no space left"):
        capture(host, reboot=True)

    assert host.engine.box(NAME)["State"]["Status"] == "running"


def test_an_image_that_was_made_is_there_though_the_guest_does_not_come_up(
    host: DockerHost,
) -> None:
    host.engine.dies_at_once = True
    tag = capture(host, reboot=True)

    assert host.engine.image(tag) is not None


def test_a_copy_has_labels_of_its_own(host: DockerHost) -> None:
    tag = capture(host, reboot=False)
    copy = result_of(host.manager.copy_image(tag, "ami-00000002", "copy", record="{}"))
    labels = host.engine.image(copy)["Config"]["Labels"]  # type: ignore[index]

    assert copy == "localstack-ec2/copy:ami-00000002"
    assert (labels[names.IMAGE_ID], labels[names.AMI_NAME]) == ("ami-00000002", "copy")
    assert not labels[names.NAMESPACE]
    assert host.engine.names() == [NAME]


def test_a_copy_that_fails_leaves_nothing_behind(host: DockerHost) -> None:
    host.engine.failing["commit"] = [EngineError("no space left on device")]
    with pytest.raises(EngineError, match="no space"):
        result_of(
            host.manager.copy_image(str(SPEC.image_reference), "ami-00000002", "copy", record="{}")
        )

    assert host.engine.names() == [NAME]


def test_what_is_not_there_cannot_be_copied(host: DockerHost) -> None:
    with pytest.raises(Missing, match="no image nothing"):
        result_of(host.manager.copy_image("nothing", "ami-00000002", "copy", record="{}"))


def test_every_tag_of_a_deleted_image_goes(host: DockerHost) -> None:
    host.engine.add_image(f"localstack-ec2/a:{AMI}", f"localhost/localstack-ec2/b:{AMI}", "mine:1")
    result_of(host.manager.delete_image(AMI))

    assert host.engine.image("mine:1")["RepoTags"] == ["mine:1"]  # type: ignore[index]


# Reaching in


def test_the_console_is_the_end_of_the_containers_log(host: DockerHost) -> None:
    host.engine.logs[host.engine.box(NAME)["Id"]] = b"booting\nlogin: "

    assert result_of(host.manager.console_output(ID, 7)) == b"login: "


def test_a_command_is_held_to_its_time_by_the_guest(host: DockerHost) -> None:
    ran: list[Sequence[str]] = []

    def program(arguments: Sequence[str], stdin: bytes) -> CommandResult:
        ran.append(arguments)
        return CommandResult(3, stdin.upper(), b"")

    host.engine.program = program
    result = result_of(host.manager.run_command(ID, ["cat", "-"], stdin=b"a", timeout_seconds=30))

    assert ran == [["/.ec2-emulator/busybox", "timeout", "-k", "5", "30", "cat", "-"]]
    assert (result.exit_status, result.output, result.timed_out) == (3, b"A", False)


@pytest.mark.parametrize("status", [124, 137, 143])
def test_a_command_that_was_killed_at_its_time_ran_out_of_it(host: DockerHost, status: int) -> None:
    def program(_arguments: Sequence[str], _stdin: bytes) -> CommandResult:
        host.reactor.advance(30)
        return CommandResult(status, b"so far", b"")

    host.engine.program = program
    result = result_of(host.manager.run_command(ID, ["sleep", "99"], timeout_seconds=30))

    assert (result.exit_status, result.timed_out, result.output) == (124, True, b"so far")


def test_a_command_that_was_killed_before_its_time_ended_by_itself(host: DockerHost) -> None:
    host.engine.program = lambda *_: CommandResult(143, b"", b"")
    result = result_of(host.manager.run_command(ID, ["sleep", "99"], timeout_seconds=30))

    assert (result.exit_status, result.timed_out) == (143, False)


def test_a_command_that_took_its_time_and_succeeded_did_not_run_out_of_it(
    host: DockerHost,
) -> None:
    def program(_arguments: Sequence[str], _stdin: bytes) -> CommandResult:
        host.reactor.advance(31)
        return CommandResult(0, b"", b"")

    host.engine.program = program

    assert not result_of(host.manager.run_command(ID, ["true"], timeout_seconds=30)).timed_out


@pytest.mark.parametrize("state", ["paused", "exited"])
def test_a_guest_that_is_down_runs_nothing(host: DockerHost, state: str) -> None:
    host.engine.ends(NAME) if state == "exited" else host.engine.pause(NAME)

    with pytest.raises(EngineError, match="not running"):
        result_of(host.manager.run_command(ID, ["true"], timeout_seconds=30))


def test_other_user_data_are_in_the_place_of_the_first(host: DockerHost) -> None:
    result_of(host.manager.place_user_data(ID, b"#!/bin/sh\necho other\n"))
    files = host.engine.files[host.engine.box(NAME)["Id"]]

    assert files[f"/var/lib/cloud/instances/{ID}/user-data.txt"] == b"#!/bin/sh\necho other\n"


# What an earlier run left


def left_by_another_run(host: DockerHost) -> None:
    """Leave what a kill may leave: a launch, a termination and a helper half done."""
    earlier = DockerHost(engine=host.engine, block_devices=True)
    result_of(earlier.manager.launch(another(2)))
    half_made = host.engine.box(f"localstack-ec2.{another(2).instance_id}")
    half_made["State"] = {**half_made["State"], "Status": "created", "Running": False}
    result_of(earlier.manager.launch(another(3)))
    ending = f"localstack-ec2.{another(3).instance_id}"
    host.engine.rename(ending, f"{ending}.ending")
    labels = {names.NAMESPACE: "default", names.RUN: "an earlier run"}
    host.engine.create("helper", {"Image": str(SPEC.image_reference), "Labels": labels})


def test_what_an_earlier_run_left_is_removed_and_its_guests_are_kept(host: DockerHost) -> None:
    left_by_another_run(host)
    guests = result_of(host.manager.guests())

    assert [guest.instance_id for guest in guests] == [ID]
    assert host.engine.names() == [NAME]
    assert list(host.engine.stores) == ["ec2-emulator-guest-tools-0123456789abcdef"]


def test_disks_of_a_guest_that_lives_are_kept() -> None:
    host = new_host(block_devices=True)
    result_of(host.manager.launch(SPEC))
    result_of(host.manager.guests())

    assert NAME in host.engine.stores


def test_data_of_volumes_and_snapshots_are_kept(host: DockerHost) -> None:
    labels = {names.NAMESPACE: "default", names.VOLUME_ID: "vol-1"}
    host.engine.create_volume("localstack-ec2.vol-1", labels)
    result_of(host.manager.guests())

    assert "localstack-ec2.vol-1" in host.engine.stores


@pytest.mark.parametrize("step", ["provide", "create", "put", "start"])
def test_a_launch_that_is_under_way_is_nobodys_leftover(host: DockerHost, step: str) -> None:
    other = new_host(engine=host.engine, block_devices=True)
    seen: list[Any] = []

    def reconnect(*_: Any) -> None:
        if not seen:
            seen.append(step)
            seen.extend(result_of(other.manager.guests()))

    method = {"provide": "wait"}.get(step, step)
    host.engine.on[method] = reconnect
    disks = {"disks": (SPEC_DISK,)} if step == "provide" else {}
    guest = result_of(other.manager.launch(attrs.evolve(another(4), **disks)))

    assert seen
    assert guest.running
    assert host.engine.box(f"localstack-ec2.{guest.instance_id}")["State"]["Running"]


def test_containers_of_another_namespace_are_left_alone(host: DockerHost) -> None:
    other = new_host(namespace="other", engine=host.engine)
    left_by_another_run(host)
    before = host.engine.names()
    result_of(other.manager.guests())

    assert host.engine.names() == before


# Default images


def test_default_images_are_pulled_and_tagged() -> None:
    host = DockerHost(defaults=[UBUNTU])
    host.engine.published["ubuntu:22.04"] = {}
    result_of(host.manager.guests())

    (image,) = result_of(host.manager.images())
    assert (image.image_id, image.name) == (UBUNTU.image_id, UBUNTU.name)


def test_default_images_that_are_there_are_not_pulled_again() -> None:
    host = DockerHost(defaults=[UBUNTU])
    host.engine.add_image("localstack-ec2/ubuntu-22.04-jammy-jellyfish:ami-df5de72bdb3b")
    result_of(host.manager.guests())

    assert "pull" not in host.engine.calls


def test_default_images_that_are_not_to_be_had_harm_nothing() -> None:
    host = DockerHost(defaults=[UBUNTU, attrs.evolve(UBUNTU, image_id="ami-2", reference="b")])
    host.engine.published["b"] = {}
    result_of(host.manager.guests())

    assert [image.image_id for image in result_of(host.manager.images())] == ["ami-2"]
    assert len(host.background) == 0


# The end


def test_guests_outlive_the_emulator(host: DockerHost) -> None:
    result_of(host.manager.close())

    assert host.engine.box(NAME)["State"]["Running"]
    assert len(host.engine.nets) == 1


def test_all_containers_go_with_the_emulator_where_that_is_wanted() -> None:
    host = new_host(remove_at_end=True)
    result_of(host.manager.launch(SPEC))
    result_of(host.manager.close())

    assert host.engine.boxes == {}
    assert host.engine.nets == {}


def test_a_network_without_guests_goes(host: DockerHost) -> None:
    result_of(host.manager.terminate(ID))
    result_of(host.manager.close())

    assert host.engine.nets == {}


def test_a_guest_that_is_down_keeps_its_network(host: DockerHost) -> None:
    host.engine.ends(NAME)
    result_of(host.manager.close())

    assert result_of(host.manager.start(ID)).running


def test_an_engine_that_is_away_keeps_nobody_from_ending(host: DockerHost) -> None:
    host.engine.away = True
    result_of(host.manager.close())


def test_a_failure_is_a_vm_error(host: DockerHost) -> None:
    host.engine.away = True
    for act in (host.manager.guests(), host.manager.images(), host.manager.delete_network("vpc-1")):
        with pytest.raises(VMError, match="does not answer"):
            result_of(act)
