"""What the manager makes of instances in VirtualBox, beyond what every manager promises."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from emulator.vm.interface import GuestDisk, GuestKey, GuestNetwork, VMError
from emulator.vm.seed.iso import documents_on
from emulator.vm.virtualbox import files, networking
from emulator.vm.virtualbox.names import BASE_SNAPSHOT, COPY_SNAPSHOT, GUEST_DATA
from tests.contracts.vm_manager import SPEC
from tests.fakes.vboxmanage import slots
from tests.fakes.virtualbox_manager import AMI, VirtualBoxWorld

LAUNCH = attrs.evolve(
    SPEC,
    image_id=AMI,
    image_reference=AMI,
    mac_address="0a:ff:d0:01:02:03",
    ports=("8080/tcp", "53/udp"),
    public_key="ssh-ed25519 AAAA me",
    user_data=b"#!/bin/sh\ntrue\n",
    root_disk=GuestDisk("vol-00000000000000001", "/dev/sda1", 20),
    disks=(GuestDisk("vol-00000000000000002", "/dev/sdf", 3),),
)
NAME = LAUNCH.instance_id


@pytest.fixture
def world(tmp_path: Path) -> VirtualBoxWorld:
    world = VirtualBoxWorld(tmp_path)
    world.stand.add_machine(AMI)
    return world


def machine(world: VirtualBoxWorld, name: str = NAME) -> dict[str, Any]:
    found = world.stand.machine(name)
    assert found is not None
    return found


def change(world: VirtualBoxWorld, name: str = NAME, **values: Any) -> None:
    with world.stand.changed() as state:
        state["machines"][name].update(values)


def names(world: VirtualBoxWorld) -> set[str]:
    with world.stand.changed() as state:
        return set(state["machines"])


def test_a_guest_is_as_its_type_and_its_vpc_want_it(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    made = machine(world)

    assert (made["cpus"], made["memory"]) == (2, 1024)
    assert made["options"]["nic1"] == "nat"
    assert made["options"]["nat-localhostreachable1"] == "off"
    assert made["options"]["nic2"] == "intnet"
    assert made["options"]["intnet2"] == "ec2-emulator.test.vpc-0123456789abcdef0"
    assert made["options"]["mac-address2"] == "0AFFD0010203"
    assert made["options"]["nic3"] == "none"


def test_no_guest_has_more_processors_than_the_machine(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(attrs.evolve(LAUNCH, vcpus=96)))

    assert machine(world)["cpus"] == 4


def test_ports_lead_to_a_guest_and_those_of_its_ami_do_not(world: VirtualBoxWorld) -> None:
    guest = world.result_of(world.manager.launch(LAUNCH))

    assert set(guest.ports) == {"22/tcp", "8080/tcp", "53/udp"}
    assert len(set(guest.ports.values())) == 3
    assert set(machine(world)["forwardings"]) == {"tcp-22", "tcp-8080", "udp-53"}
    assert set(machine(world, AMI)["forwardings"]) == {"theirs"}


def test_no_port_is_promised_twice(world: VirtualBoxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one launch was given is free until its guest is up."""
    offers = iter([{"22/tcp": 40001}, {"22/tcp": 40001}, {"22/tcp": 40002}])
    monkeypatch.setattr(files, "blocking_free_ports", lambda _: next(offers))
    first = world.result_of(world.manager.launch(attrs.evolve(LAUNCH, ports=())))
    other = attrs.evolve(LAUNCH, key=GuestKey("0", "r", "i-00000002"), ports=(), disks=())
    second = world.result_of(world.manager.launch(other))

    assert (first.ports, second.ports) == ({"22/tcp": 40001}, {"22/tcp": 40002})


def test_a_guest_writes_only_what_differs_from_its_ami(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))

    base = machine(world, AMI)
    (snapshot,) = base["snapshots"]
    with world.stand.changed() as state:
        media = state["media"]
        root = media[slots(machine_in(state, NAME))[0][2]["medium"]]
        assert root["parent"] == slots(snapshot)[0][2]["medium"]
    assert snapshot["name"] == BASE_SNAPSHOT


def machine_in(state: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = state["machines"][name]
    return found


def test_the_root_disk_is_as_large_as_was_asked_for(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))

    with world.stand.changed() as state:
        sizes = {
            place: state["media"][slot["medium"]]["capacity"]
            for _, place, slot in slots(machine_in(state, NAME))
        }
    # The seed is at port 1.
    assert sizes["0-0"] == 20 * 1024
    assert sizes["2-0"] == 3 * 1024


def test_a_root_disk_that_cannot_grow_is_no_reason_not_to_launch(world: VirtualBoxWorld) -> None:
    run = world.run

    def refuse(arguments: list[str], *, timeout_seconds: float) -> Any:
        if "--resize=20480" in arguments:
            return run(["VBoxManage", "modifymedium", "disk", "/no/such"], timeout_seconds=1)
        return run(arguments, timeout_seconds=timeout_seconds)

    world.manager._command._run = refuse

    assert world.result_of(world.manager.launch(LAUNCH)).running


def test_a_guest_finds_its_seed_on_a_disc(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    found = documents_on((world.folder / "own" / "guests" / NAME / "seed.iso").read_bytes())
    network = json.loads(found["network-config"])

    assert found["user-data"] == b"#!/bin/sh\ntrue\n"
    assert json.loads(found["meta-data"])["instance-id"] == NAME
    assert network["ethernets"]["vpc"]["addresses"] == ["172.31.0.10/16"]
    assert network["ethernets"]["vpc"]["match"] == {"macaddress": "0a:ff:d0:01:02:03"}
    assert network["ethernets"]["out"]["dhcp4"]
    assert set(found) == {"meta-data", "user-data", "vendor-data", "network-config"}


def test_other_user_data_replace_those_on_the_disc_and_nothing_else(
    world: VirtualBoxWorld,
) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    seed = world.folder / "own" / "guests" / NAME / "seed.iso"
    before = documents_on(seed.read_bytes())
    world.result_of(world.manager.place_user_data(NAME, b"other"))

    assert documents_on(seed.read_bytes()) == {**before, "user-data": b"other"}


@pytest.mark.parametrize(
    ("cidr", "expected"),
    [
        ("172.31.0.0/16", "10.0.2.0/24"),
        ("10.0.0.0/16", "172.31.254.0/24"),
        ("10.0.2.0/25", "172.31.254.0/24"),
    ],
)
def test_the_way_out_is_no_part_of_the_vpc(cidr: str, expected: str) -> None:
    spec = attrs.evolve(LAUNCH, network=GuestNetwork("vpc-1", cidr))

    assert networking.way_out(spec) == expected


def test_the_console_is_what_the_serial_port_wrote(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))

    assert world.result_of(world.manager.console_output(NAME, 7)) == b"login: "
    assert b"Linux version" in world.result_of(world.manager.console_output(NAME, 1000))


def test_the_console_of_something_else_is_not_read(world: VirtualBoxWorld) -> None:
    with pytest.raises(VMError):
        world.result_of(world.manager.console_output("../../etc", 7))


def test_a_picture_of_the_screen_is_taken_and_not_kept(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    pytest.importorskip("PIL", reason="needs pillow")
    picture = world.result_of(world.manager.screenshot(NAME, wake_up=True))

    assert picture.startswith(b"\xff\xd8\xff")
    assert ["controlvm", NAME, "keyboardputscancode", "2a", "aa"] in world.stand.calls()
    assert not list(world.folder.rglob("screen.png"))


def test_a_guest_that_is_off_shows_nothing(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    world.result_of(world.manager.stop(NAME, force=True))

    with pytest.raises(VMError, match="not running"):
        world.result_of(world.manager.screenshot(NAME, wake_up=False))


def test_a_guest_that_does_not_heed_the_button_loses_its_power(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    with world.stand.changed() as state:
        machine_in(state, NAME)["extra"]["fake/deaf"] = "1"
    begun = world.reactor.seconds()
    world.result_of(world.manager.stop(NAME, force=False))

    assert world.state_of(NAME) == "poweroff"
    assert world.reactor.seconds() - begun >= 60


def test_force_does_not_wait_for_a_guest(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    begun = world.reactor.seconds()
    world.result_of(world.manager.stop(NAME, force=True))

    assert world.state_of(NAME) == "poweroff"
    assert world.reactor.seconds() - begun < 2
    assert ["controlvm", NAME, "acpipowerbutton"] not in world.stand.calls()


def test_a_guest_that_does_not_heed_the_button_is_reset(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    with world.stand.changed() as state:
        machine_in(state, NAME)["extra"]["fake/deaf"] = "1"
    world.result_of(world.manager.reboot(NAME))

    assert ["controlvm", NAME, "reset"] in world.stand.calls()
    assert world.state_of(NAME) == "running"


def test_a_frozen_guest_goes_on(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    change(world, state="paused")

    assert world.result_of(world.manager.start(NAME)).running


@pytest.mark.parametrize("state", ["gurumeditation", "aborted", "saved"])
def test_a_guest_that_went_down_by_itself_starts_again(world: VirtualBoxWorld, state: str) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    change(world, state=state)

    assert world.result_of(world.manager.start(NAME)).running


@pytest.mark.parametrize(
    ("state", "ended", "ended_well"),
    [
        ("poweroff", "the virtual machine was powered off", True),
        ("aborted", "the virtual machine's process ended unexpectedly", False),
        ("gurumeditation", "the virtual machine stopped with a fatal error", False),
        ("paused", "", False),
        ("saved", "", False),
    ],
)
def test_why_a_guest_is_down_is_told(
    world: VirtualBoxWorld, state: str, ended: str, ended_well: bool
) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    change(world, state=state)
    guest = world.result_of(world.manager.look(NAME))

    assert (guest.running, guest.ended, guest.ended_well) == (False, ended, ended_well)
    assert guest.public_ip is None


def test_ports_that_others_took_are_replaced_with_the_next_start(world: VirtualBoxWorld) -> None:
    import socket

    guest = world.result_of(world.manager.launch(LAUNCH))
    world.result_of(world.manager.stop(NAME, force=True))
    with socket.socket() as other:
        other.bind(("127.0.0.1", guest.ports["22/tcp"]))
        other.listen()
        again = world.result_of(world.manager.start(NAME))

    assert again.ports["22/tcp"] != guest.ports["22/tcp"]
    assert again.ports["8080/tcp"] == guest.ports["8080/tcp"]


def test_nothing_of_a_terminated_guest_is_left(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    world.result_of(world.manager.terminate(NAME))

    assert names(world) == {AMI}
    assert not (world.folder / "own" / "guests" / NAME).exists()
    assert not (world.folder / "own" / "machines" / NAME).exists()
    with world.stand.changed() as state:
        assert all(f"/{NAME}" not in medium["path"] for medium in state["media"].values())


def test_a_launch_that_fails_anywhere_leaves_nothing(tmp_path: Path) -> None:
    world = VirtualBoxWorld(tmp_path / "whole")
    world.stand.add_machine(AMI)
    world.result_of(world.manager.launch(LAUNCH))
    commands = world.runs
    assert commands > 15

    for number in range(1, commands + 1):
        world = VirtualBoxWorld(tmp_path / str(number))
        world.stand.add_machine(AMI)
        world.fails_at = number
        failed = True
        with contextlib.suppress(VMError):
            # A root disk that stays small is the one failure that does no harm.
            failed = not world.result_of(world.manager.launch(LAUNCH)).running

        assert (NAME in names(world)) is not failed, f"after command {number}"
        assert (world.folder / "own" / "guests" / NAME).exists() is not failed


def test_a_machine_of_the_users_is_never_touched(world: VirtualBoxWorld) -> None:
    world.stand.add_machine(NAME)

    with pytest.raises(VMError, match="not the emulator's"):
        world.result_of(world.manager.launch(LAUNCH))
    world.result_of(world.manager.guests())

    assert NAME in names(world)


def test_the_next_emulator_knows_a_guest_again(world: VirtualBoxWorld) -> None:
    launched = world.result_of(world.manager.launch(LAUNCH))
    world.result_of(world.manager.close())
    (found,) = VirtualBoxWorld(world.folder, world.stand).result_of(
        VirtualBoxWorld(world.folder, world.stand).manager.guests()
    )

    assert found == launched
    assert found.key == LAUNCH.key
    assert found.memento == LAUNCH.memento


def test_guests_of_another_namespace_are_left_alone(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    other = VirtualBoxWorld(world.folder, world.stand)
    other.manager._namespace = "other"

    assert other.result_of(other.manager.guests()) == []
    assert NAME in names(world)


def test_what_a_killed_emulator_was_making_is_removed(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    with world.stand.changed() as state:
        del machine_in(state, NAME)["extra"][GUEST_DATA]
    another = VirtualBoxWorld(world.folder, world.stand)

    assert another.result_of(another.manager.guests()) == []
    assert names(world) == {AMI}


def test_a_launch_under_way_is_no_leftover(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    with world.stand.changed() as state:
        del machine_in(state, NAME)["extra"][GUEST_DATA]
    world.manager.launching.add(NAME)
    world.result_of(world.manager.guests())

    assert NAME in names(world)


def test_a_snapshot_that_was_left_goes_with_the_next_start(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    world.stand.run(["snapshot", NAME, "take", COPY_SNAPSHOT, "--live"])
    world.result_of(world.manager.guests())

    assert machine(world)["snapshots"] == []
    assert world.state_of(NAME) == "running"


def test_an_identity_is_that_of_the_machine_itself(world: VirtualBoxWorld) -> None:
    """A clone by hand inherits extra data; it is no instance for that."""
    world.result_of(world.manager.launch(LAUNCH))
    world.result_of(world.manager.stop(NAME, force=True))
    world.stand.run(["list", "vms"])
    status, _, errors = world.stand.run(
        ["clonevm", NAME, "--name=i-00000000", "--basefolder=/tmp/x", "--register"]
    )
    while status:  # it was locked for a moment
        assert "locked" in errors
        status, _, errors = world.stand.run(
            [
                *("clonevm", NAME, "--name=i-00000000", "--register"),
                f"--basefolder={world.folder / 'theirs'}",
            ]
        )

    assert [each.key for each in world.result_of(world.manager.describe())] == [
        GuestKey("000000000000", "us-east-1", NAME)
    ]
