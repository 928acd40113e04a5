from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from emulator.vm.docker import names
from emulator.vm.docker.blocking import Conflict, EngineError, Missing, Unreachable
from emulator.vm.docker.flags import parse_flags
from emulator.vm.interface import Guest, GuestDisk, VMError
from tests.contracts.vm_manager import SPEC
from tests.fakes.docker_engine import FakeEngine
from tests.fakes.docker_manager import DockerHost, result_of

IMAGE = str(SPEC.image_reference)
ID = SPEC.instance_id
NAME = f"localstack-ec2.{ID}"
FULL = attrs.evolve(
    SPEC,
    ports=("80/tcp", "8080/tcp"),
    user_data=b"#!/bin/sh\necho hello\n",
    disks=(GuestDisk("vol-0123456789abcdef0", "/dev/sdf", 8),),
)


def new_host(**options: Any) -> DockerHost:
    host = DockerHost(**options)
    host.engine.add_image(IMAGE)
    return host


@pytest.fixture
def host() -> DockerHost:
    return new_host()


def launched(host: DockerHost, spec: Any = SPEC) -> Guest:
    guest: Guest = result_of(host.manager.launch(spec))
    return guest


# Launch


def test_a_launch_makes_one_container_that_says_whose_it_is(host: DockerHost) -> None:
    launched(host)
    box = host.engine.box(NAME)

    assert host.engine.names() == [NAME]
    assert names.key_of(box["Config"]["Labels"]) == SPEC.key
    assert box["Config"]["Labels"][names.IMAGE_ID] == SPEC.image_id


def test_a_guest_has_the_private_address_that_it_was_promised(host: DockerHost) -> None:
    assert launched(host).public_ip == "172.31.0.10"


def test_an_address_outside_the_networks_range_is_left_to_docker() -> None:
    host = new_host(host_ranges=["172.31.0.0/20"])

    assert launched(host).public_ip == "172.18.0.3"


def test_ssh_and_the_open_ports_are_published(host: DockerHost) -> None:
    guest = launched(host, FULL)

    assert sorted(guest.ports) == ["22/tcp", "80/tcp", "8080/tcp"]
    assert len(set(guest.ports.values())) == 3


def test_the_guests_files_are_there_before_its_first_process(host: DockerHost) -> None:
    seen: list[dict[str, bytes]] = []

    def look(container: str) -> None:
        seen.append(dict(host.engine.files[container]))

    host.engine.on["start"] = look
    launched(host, FULL)

    assert seen[0][f"/var/lib/cloud/instances/{ID}/user-data.txt"] == FULL.user_data


def test_the_namespace_is_ready_when_the_launch_is_done(host: DockerHost) -> None:
    launched(host)

    assert host.namespaces.prepared == [(ID, host.engine.box(NAME)["State"]["Pid"])]


def test_what_its_network_needs_is_made_while_the_container_is(host: DockerHost) -> None:
    seen: list[int] = []
    host.engine.on["start"] = lambda _: seen.append(len(host.namespaces.foreseen))
    launched(host)
    ((instance_id, link),) = host.namespaces.foreseen

    assert (instance_id, seen) == (ID, [1])
    assert link.network_id
    assert link.gateway == "172.31.0.1"


def test_where_no_namespace_can_be_entered_guests_run_without(host: DockerHost) -> None:
    host.namespaces.reason = "only root may"

    assert launched(host).running
    assert host.namespaces.prepared == []


def test_an_amis_image_says_whom_to_log_in_and_what_its_init_is() -> None:
    host = DockerHost()
    host.engine.add_image(
        IMAGE, Labels={names.INIT: "/sbin/init", names.LOGIN_USER: "admin"}, Cmd=["bash"]
    )
    launched(host)
    plan = host.engine.files[host.engine.box(NAME)["Id"]][
        f"/var/lib/cloud/instances/{ID}/ec2-emulator/plan"
    ].decode()

    assert "login_user=admin\n" in plan
    assert "init=/sbin/init\n" in plan
    assert host.engine.box(NAME)["HostConfig"]["Tmpfs"] == {"/run": "", "/run/lock": ""}
    assert "Init" not in host.engine.box(NAME)["HostConfig"]


def test_an_image_that_is_not_there_is_pulled(host: DockerHost) -> None:
    host.engine.published["debian:12"] = {}

    assert launched(host, attrs.evolve(SPEC, image_reference="debian:12")).running


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image_reference": None}, "has no Docker image"),
        ({"image_reference": "localstack-ec2/gone:ami-1"}, "No such image"),
        ({"image_reference": "nobody/nothing"}, "pull access denied"),
        ({"network": None}, "network interface"),
    ],
)
def test_what_cannot_be_launched_says_why(
    host: DockerHost, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(VMError, match=reason):
        launched(host, attrs.evolve(SPEC, **changes))

    assert host.engine.boxes == {}


def test_the_flags_networks_are_connected_too() -> None:
    host = new_host(settings={"flags": parse_flags("--network extra --platform linux/arm64")})
    host.engine.create_network("extra", {}, "10.99.0.0/24")
    launched(host)

    assert "extra" in host.engine.box(NAME)["NetworkSettings"]["Networks"]
    assert host.engine.box(NAME)["Platform"] == "linux/arm64"
    assert launched(host).public_ip == "172.31.0.10"


# A launch that fails


def launch_steps() -> Iterator[Any]:
    host = failing_host()
    launched(host, FULL)
    for number, name in enumerate(host.engine.calls):
        yield pytest.param(number, id=f"{number}-{name}")


def failing_host() -> DockerHost:
    """Return a host where a launch needs all there is; its tools are there already."""
    host = DockerHost(
        block_devices=True, settings={"flags": parse_flags("--network extra")}, engine=FakeEngine()
    )
    host.engine.published["debian:12"] = {}
    host.engine.add_image(IMAGE)
    host.engine.create_network("extra", {}, "10.99.0.0/24")
    result_of(host.tools.volume(host.engine))  # type: ignore[arg-type]
    host.engine.calls.clear()
    return host


@pytest.mark.parametrize("number", launch_steps())
def test_a_launch_that_fails_at_any_step_leaves_nothing_behind(number: int) -> None:
    host = failing_host()
    before = set(host.engine.stores)
    host.engine.fail_at = number
    try:
        launched(host, FULL)
    except VMError as error:
        assert "no space left" in str(error)  # noqa: PT017 - some steps may fail unnoticed
        if host.engine.calls[number] == "remove":
            # Not even the helper could be removed: the next start does it.
            result_of(DockerHost(engine=host.engine, run="the next").manager.guests())
        assert host.engine.boxes == {}
        assert set(host.engine.stores) == before
    else:
        assert host.engine.box(NAME)["State"]["Running"]

    host.engine.fail_at = None
    assert launched(host, FULL).running


def test_a_launch_whose_namespace_cannot_be_set_up_leaves_nothing_behind(host: DockerHost) -> None:
    host.namespaces.fails = True
    with pytest.raises(VMError, match="namespace"):
        launched(host)

    assert host.engine.boxes == {}
    assert host.namespaces.forgotten == [ID]


def test_a_guest_that_ends_at_once_did_not_launch_and_says_how_it_ended(host: DockerHost) -> None:
    host.engine.dies_at_once = True
    with pytest.raises(VMError, match="status 127"):
        launched(host)

    assert host.engine.boxes == {}


def test_it_ended_at_once_is_noticed_without_a_namespace_too(host: DockerHost) -> None:
    host.namespaces.reason = "only root may"
    host.engine.dies_at_once = True

    with pytest.raises(VMError, match="status 127"):
        launched(host)


@pytest.mark.parametrize("said", ["port is already allocated", "bind: address already in use"])
def test_a_port_that_is_taken_is_tried_again_with_another(host: DockerHost, said: str) -> None:
    tried: list[dict[str, Any]] = []

    def look(container: str) -> None:
        tried.append(host.engine.box(container)["HostConfig"]["PortBindings"])
        if len(tried) == 1:
            raise EngineError(f"driver failed programming external connectivity: {said}")

    host.engine.on["start"] = look

    assert launched(host).running
    assert host.engine.names() == [NAME]
    assert tried[0] != tried[1]


def test_ports_that_are_always_taken_end_the_launch(host: DockerHost) -> None:
    def refuse(_container: str) -> None:
        raise EngineError("port is already allocated")

    host.engine.on["start"] = refuse
    with pytest.raises(EngineError, match="allocated"):
        launched(host)

    assert host.engine.boxes == {}
    assert host.engine.calls.count("start") == 5


def test_another_failure_is_not_tried_again(host: DockerHost) -> None:
    host.engine.failing["start"] = [EngineError("out of disk")]
    with pytest.raises(EngineError, match="out of disk"):
        launched(host)

    assert host.engine.calls.count("start") == 1


def test_a_network_that_was_removed_by_hand_is_made_again(host: DockerHost) -> None:
    launched(host)
    result_of(host.manager.terminate(ID))
    host.engine.nets.clear()

    assert launched(host).running


def test_tools_that_were_removed_by_hand_are_filled_in_again(host: DockerHost) -> None:
    launched(host)
    result_of(host.manager.terminate(ID))
    host.engine.stores.clear()
    filled = "ec2-emulator-guest-tools-0123456789abcdef"

    def boot(container: str) -> None:
        if not host.engine.stores[filled].get("filled"):
            raise EngineError("OCI runtime create failed: /.ec2-emulator/busybox: no such file")

    def fill(_name: str, config: dict[str, Any], _platform: Any = None) -> None:
        if config["Image"].startswith("ec2-emulator-guest-tools"):
            host.engine.stores[filled] = {"Name": filled, "filled": True}

    host.engine.on |= {"start": boot, "create": fill}
    with pytest.raises(EngineError, match="busybox"):
        launched(host)

    assert launched(host).running


def test_a_name_that_somebody_else_has_ends_the_launch_and_leaves_them_alone(
    host: DockerHost,
) -> None:
    host.engine.create(NAME, {"Image": IMAGE, "Labels": {}})
    with pytest.raises(Conflict, match="already in use"):
        launched(host)

    assert host.engine.names() == [NAME]


# The lives of guests


def test_a_launch_repeated_leaves_the_guest_as_it_is(host: DockerHost) -> None:
    first = launched(host)
    pid = host.engine.box(NAME)["State"]["Pid"]

    assert launched(host) == first
    assert host.engine.box(NAME)["State"]["Pid"] == pid


def test_stopping_freezes_and_starting_lets_go_on(host: DockerHost) -> None:
    launched(host)
    pid = host.engine.box(NAME)["State"]["Pid"]
    result_of(host.manager.stop(ID, force=False))
    assert host.engine.box(NAME)["State"]["Paused"]
    result_of(host.manager.start(ID))

    assert host.engine.box(NAME)["State"]["Pid"] == pid
    assert host.namespaces.prepared == [(ID, pid)]


@pytest.mark.parametrize(("force", "exit_code"), [(False, 143), (True, 137)])
def test_a_real_stop_ends_the_processes(force: bool, exit_code: int) -> None:
    host = new_host(stop_for_real=True)
    launched(host)
    result_of(host.manager.stop(ID, force=force))

    assert host.engine.box(NAME)["State"]["ExitCode"] == exit_code
    assert host.namespaces.forgotten == [ID]


def test_a_guest_that_was_really_stopped_has_its_namespace_made_ready_again() -> None:
    host = new_host(stop_for_real=True)
    launched(host)
    result_of(host.manager.stop(ID, force=False))
    result_of(host.manager.start(ID))

    assert len({pid for _, pid in host.namespaces.prepared}) == 2


def test_a_guest_that_ends_while_it_is_being_stopped_is_stopped(host: DockerHost) -> None:
    launched(host)
    host.engine.on["pause"] = lambda _: host.engine.ends(NAME)
    result_of(host.manager.stop(ID, force=False))

    assert host.engine.box(NAME)["State"]["Status"] == "exited"


def test_a_guest_that_is_not_frozen_at_once_is_tried_again(host: DockerHost) -> None:
    launched(host)
    host.engine.failing["pause"] = [EngineError("unable to freeze"), EngineError("again")]
    result_of(host.manager.stop(ID, force=False))

    assert host.engine.box(NAME)["State"]["Status"] == "paused"


def test_a_guest_that_cannot_be_frozen_is_not_stopped(host: DockerHost) -> None:
    launched(host)
    host.engine.failing["pause"] = [EngineError("unable to freeze")] * 9

    with pytest.raises(EngineError, match="unable to freeze"):
        result_of(host.manager.stop(ID, force=False))
    assert host.engine.box(NAME)["State"]["Status"] == "running"


def test_a_guest_that_does_not_come_up_again_did_not_start() -> None:
    host = new_host(stop_for_real=True)
    launched(host)
    result_of(host.manager.stop(ID, force=False))
    host.engine.dies_at_once = True

    with pytest.raises(VMError, match="status 127"):
        result_of(host.manager.start(ID))


@pytest.mark.parametrize("state", ["running", "paused", "exited"])
def test_a_reboot_makes_new_processes_and_a_new_namespace(host: DockerHost, state: str) -> None:
    launched(host)
    before = host.engine.box(NAME)["State"]["Pid"]
    if state == "paused":
        host.engine.pause(NAME)
    elif state == "exited":
        host.engine.ends(NAME)
    result_of(host.manager.reboot(ID))
    after = host.engine.box(NAME)["State"]

    assert after["Status"] == "running"
    assert after["Pid"] != before
    assert host.namespaces.prepared[-1] == (ID, after["Pid"])


def test_a_reboot_that_does_not_come_up_says_so(host: DockerHost) -> None:
    launched(host)
    host.engine.dies_at_once = True

    with pytest.raises(VMError, match="status 127"):
        result_of(host.manager.reboot(ID))


@pytest.mark.parametrize("act", ["start", "reboot"])
def test_a_guest_that_never_was_cannot_be_started(host: DockerHost, act: str) -> None:
    with pytest.raises(EngineError, match="no container"):
        result_of(getattr(host.manager, act)(ID))


@pytest.mark.parametrize("state", ["running", "paused", "exited"])
def test_a_terminated_guest_is_removed_in_any_state(host: DockerHost, state: str) -> None:
    launched(host)
    if state == "paused":
        host.engine.pause(NAME)
    elif state == "exited":
        host.engine.ends(NAME)
    result_of(host.manager.terminate(ID))

    assert host.engine.boxes == {}
    assert host.namespaces.forgotten == [ID]


@pytest.mark.parametrize("method", ["unpause", "rename", "stop"])
def test_a_guest_removed_by_somebody_else_meanwhile_is_terminated(
    host: DockerHost, method: str
) -> None:
    launched(host)
    host.engine.pause(NAME)
    host.engine.on[method] = lambda container, *_: host.engine.remove(container)
    result_of(host.manager.terminate(ID))

    assert host.engine.boxes == {}


def test_what_is_killed_while_it_terminates_is_found_by_its_name(host: DockerHost) -> None:
    launched(host)
    host.engine.failing["stop"] = [Unreachable("the engine went away")]
    with pytest.raises(Unreachable):
        result_of(host.manager.terminate(ID))

    assert host.engine.names() == [f"{NAME}.ending"]
    assert result_of(host.manager.describe()) == []
    result_of(host.manager.terminate(ID))
    assert host.engine.names() == []


def test_a_container_of_that_name_that_is_no_instance_is_left_alone(host: DockerHost) -> None:
    host.engine.create(NAME, {"Image": IMAGE, "Labels": {}})
    result_of(host.manager.terminate(ID))

    assert host.engine.names() == [NAME]


def test_a_terminated_guest_may_stay_for_debugging_and_is_no_guest_any_more() -> None:
    host = new_host(keep_terminated=True)
    launched(host)
    for _ in range(2):
        result_of(host.manager.terminate(ID))

    assert host.engine.names() == [NAME]
    assert not host.engine.box(NAME)["State"]["Running"]
    assert result_of(host.manager.describe()) == []


def test_a_guests_disks_go_with_it() -> None:
    host = new_host(block_devices=True)
    launched(host, FULL)
    assert f"localstack-ec2.{ID}" in host.engine.stores
    result_of(host.manager.terminate(ID))

    assert list(host.engine.stores) == ["ec2-emulator-guest-tools-0123456789abcdef"]


def test_describing_tells_of_this_emulators_guests_only(host: DockerHost) -> None:
    other = new_host(namespace="other", engine=host.engine)
    launched(host)
    launched(
        other, attrs.evolve(SPEC, key=attrs.evolve(SPEC.key, instance_id="i-0ddddddddddddddd0"))
    )
    host.engine.create("by-hand", {"Image": IMAGE, "Labels": {}})

    assert [guest.instance_id for guest in result_of(host.manager.describe())] == [ID]


# A look


def test_a_look_at_a_guest_that_is_not_there_is_nothing(host: DockerHost) -> None:
    assert result_of(host.manager.look(ID)) is None


def test_a_look_prepares_a_guest_that_came_up_by_itself(host: DockerHost) -> None:
    launched(host)
    host.engine.restart(NAME, 10)
    guest = result_of(host.manager.look(ID))

    assert guest.running
    assert host.namespaces.prepared[-1] == (ID, host.engine.box(NAME)["State"]["Pid"])


def test_a_look_at_a_guest_that_was_prepared_prepares_nothing(host: DockerHost) -> None:
    launched(host)
    result_of(host.manager.look(ID))

    assert len(host.namespaces.prepared) == 1


def test_a_guest_that_wants_to_be_restarted_is(host: DockerHost) -> None:
    launched(host)
    host.engine.ends(NAME, 133)

    assert result_of(host.manager.look(ID)).running


@pytest.mark.parametrize(
    ("exit_code", "state", "ended", "well"),
    [
        (0, {}, "its first process ended with status 0", True),
        (1, {}, "its first process ended with status 1", False),
        (137, {"OOMKilled": True}, "it ran out of memory", False),
        (128, {"Error": "no such device"}, "no such device", False),
    ],
)
def test_a_guest_that_went_down_says_why(
    host: DockerHost, exit_code: int, state: dict[str, Any], ended: str, well: bool
) -> None:
    launched(host)
    host.engine.ends(NAME, exit_code, **state)
    guest = result_of(host.manager.look(ID))

    assert (guest.running, guest.ended, guest.ended_well) == (False, ended, well)


def test_a_guest_that_is_frozen_did_not_end(host: DockerHost) -> None:
    launched(host)
    host.engine.pause(NAME)
    guest = result_of(host.manager.look(ID))

    assert (guest.running, guest.ended) == (False, "")


def test_an_engine_that_is_away_is_a_vm_error(host: DockerHost) -> None:
    host.engine.away = True
    for act in (host.manager.describe(), host.manager.look(ID), host.manager.launch(SPEC)):
        with pytest.raises(VMError, match="does not answer"):
            result_of(act)


def test_missing_is_an_engine_error() -> None:
    assert issubclass(Missing, EngineError)
    assert issubclass(EngineError, VMError)


@pytest.mark.parametrize(("note", "running"), [(b"reboot\n", True), (b"poweroff\n", False)])
def test_a_systemd_notes_whether_it_is_to_be_restarted(
    host: DockerHost, note: bytes, running: bool
) -> None:
    launched(host)
    directory = f"/var/lib/cloud/instances/{ID}/ec2-emulator"
    host.engine.files[host.engine.box(NAME)["Id"]][f"{directory}/ending"] = note
    host.engine.ends(NAME, 0)

    assert result_of(host.manager.look(ID)).running is running
