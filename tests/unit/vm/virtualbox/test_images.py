"""AMIs of VirtualBox: registered machines and files, and what becomes of them."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import attrs
import pytest

from emulator.vm.interface import GuestDisk, MachineImage, VMError
from emulator.vm.virtualbox.names import DEREGISTERED, MAKING
from tests.contracts.vm_manager import SPEC
from tests.fakes.vboxmanage import slots
from tests.fakes.virtualbox_manager import AMI, VirtualBoxWorld

DISK = "ami-00d15c00"
LAUNCH = attrs.evolve(SPEC, image_id=AMI, image_reference=AMI)
NAME = LAUNCH.instance_id
MADE = "ami-00000ade"


@pytest.fixture
def world(tmp_path: Path) -> VirtualBoxWorld:
    world = VirtualBoxWorld(tmp_path)
    (tmp_path / "images").mkdir()
    return world


def images(world: VirtualBoxWorld) -> dict[str, MachineImage]:
    return {each.image_id: each for each in world.result_of(world.manager.images())}


def names(world: VirtualBoxWorld) -> set[str]:
    with world.stand.changed() as state:
        return set(state["machines"])


def disks(world: VirtualBoxWorld, name: str) -> list[dict[str, Any]]:
    with world.stand.changed() as state:
        found = slots(state["machines"][name])
        return [state["media"][slot["medium"]] for _, _, slot in found]


def add_disk(world: VirtualBoxWorld, name: str = f"{DISK}.vdi", capacity: int = 4096) -> Path:
    file = world.folder / "images" / name
    file.write_text(f'{{"capacity": {capacity}}}')
    return file


def test_what_is_called_an_ami_is_one(world: VirtualBoxWorld) -> None:
    for name in (AMI, "ami-short", "my machine", "i-0123456789abcdef0"):
        world.stand.add_machine(name)
    add_disk(world)
    add_disk(world, "ami-00000001.txt")
    add_disk(world, "other.vdi")
    (world.folder / "images" / "ami-000000a1.ova").touch()

    found = images(world)
    assert set(found) == {AMI, DISK, "ami-000000a1"}
    assert (found[AMI].size_gib, found[DISK].size_gib, found["ami-000000a1"].size_gib) == (2, 4, 0)
    assert {each.reference for each in found.values()} == set(found)
    assert {each.login_user for each in found.values()} == {"localstack"}


def test_what_was_seen_before_is_not_looked_at_again(world: VirtualBoxWorld) -> None:
    world.stand.add_machine(AMI)
    add_disk(world)
    images(world)
    before = world.stand.calls().count(["showvminfo", AMI, "--machinereadable"])
    images(world)

    assert world.stand.calls().count(["showvminfo", AMI, "--machinereadable"]) == before


@pytest.mark.parametrize("suffix", [".vdi", ".vmdk", ".vhd"])
def test_a_disk_becomes_a_machine_with_a_copy_of_it(world: VirtualBoxWorld, suffix: str) -> None:
    file = add_disk(world, f"{DISK}{suffix}")
    spec = attrs.evolve(LAUNCH, image_id=DISK, image_reference=DISK)
    world.result_of(world.manager.launch(spec))

    with world.stand.changed() as state:
        copies = [each for each in state["media"].values() if each.get("copy_of") == str(file)]
        assert len(copies) == 1
        assert all(each["path"] != str(file) for each in state["media"].values())
    assert file.exists()


def test_an_appliance_becomes_a_machine_once(world: VirtualBoxWorld) -> None:
    with tarfile.open(world.folder / "images" / "ami-000000a1.ova", "w"):
        pass
    spec = attrs.evolve(LAUNCH, image_id="ami-000000a1", image_reference="ami-000000a1")
    for _ in range(2):
        world.result_of(world.manager.launch(spec))
        world.result_of(world.manager.terminate(NAME))

    assert [each[0] for each in world.stand.calls()].count("import") == 1
    assert set(images(world)) == {"ami-000000a1"}


def test_a_file_that_is_no_appliance_leaves_nothing_behind(world: VirtualBoxWorld) -> None:
    (world.folder / "images" / "ami-000000a1.ova").write_text("no archive")
    spec = attrs.evolve(LAUNCH, image_id="ami-000000a1", image_reference="ami-000000a1")

    with pytest.raises(VMError, match="Appliance read failed"):
        world.result_of(world.manager.launch(spec))
    assert names(world) == set()


def test_a_machine_that_is_up_is_no_ami_to_link_to(world: VirtualBoxWorld) -> None:
    world.stand.add_machine(AMI)
    with world.stand.changed() as state:
        state["machines"][AMI]["state"] = "running"

    with pytest.raises(VMError, match="once it is powered off"):
        world.result_of(world.manager.launch(LAUNCH))


def test_an_image_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    def prepared(number: int) -> VirtualBoxWorld:
        world = VirtualBoxWorld(tmp_path / str(number))
        world.stand.add_machine(AMI)
        world.result_of(world.manager.launch(LAUNCH))
        world.runs = 0
        return world

    def capture(world: VirtualBoxWorld) -> None:
        world.result_of(world.manager.capture(NAME, MADE, "made", reboot=False, record="r"))

    world = prepared(0)
    capture(world)
    commands = world.runs
    assert commands > 8
    for number in range(1, commands + 1):
        world = prepared(number)
        world.fails_at = number
        try:
            capture(world)
            made = {MADE}
        except VMError:
            made = set()
        assert names(world) == {AMI, NAME, *made}, f"command {number}"
        # What one start leaves the next one removes.
        world.result_of(world.manager.guests())
        with world.stand.changed() as state:
            assert state["machines"][NAME]["snapshots"] == []
        assert world.state_of(NAME) == "running"


def test_an_image_has_its_name_and_its_record_and_only_the_first_disk(
    world: VirtualBoxWorld,
) -> None:
    world.stand.add_machine(AMI)
    volume = GuestDisk("vol-00000000000000002", "/dev/sdf", 3)
    world.result_of(world.manager.launch(attrs.evolve(LAUNCH, disks=(volume,))))
    world.result_of(world.manager.capture(NAME, MADE, "My (1)", reboot=True, record="r"))
    made = images(world)[MADE]

    assert (made.name, made.record) == ("My (1)", "r")
    assert len(disks(world, MADE)) == 1
    assert world.state_of(MADE) == "poweroff"
    assert len(disks(world, NAME)) == 3


def test_a_copy_is_an_image_of_its_own(world: VirtualBoxWorld) -> None:
    world.stand.add_machine(AMI)
    reference = world.result_of(world.manager.copy_image(AMI, MADE, "copy", record="r"))
    (disk,) = disks(world, MADE)

    assert (reference, disk["parent"]) == (MADE, None)
    assert images(world)[MADE].name == "copy"


def test_the_users_own_are_kept_and_are_no_amis_any_more(world: VirtualBoxWorld) -> None:
    world.stand.add_machine(AMI)
    file = add_disk(world)
    for image_id in (AMI, DISK):
        world.result_of(world.manager.delete_image(image_id))

    assert images(world) == {}
    assert names(world) == {AMI}
    assert not file.exists()
    assert file.with_name(f"{DISK}.vdi.deregistered").exists()


def test_a_file_that_comes_back_is_an_ami_again(world: VirtualBoxWorld) -> None:
    file = add_disk(world)
    spec = attrs.evolve(LAUNCH, image_id=DISK, image_reference=DISK)
    world.result_of(world.manager.launch(spec))
    world.result_of(world.manager.delete_image(DISK))
    file.with_name(f"{file.name}.deregistered").rename(file)
    world.result_of(world.manager.terminate(NAME))

    assert set(images(world)) == {DISK}
    assert world.result_of(world.manager.launch(spec)).running


def test_an_image_goes_with_the_last_guest_that_needs_it(world: VirtualBoxWorld) -> None:
    world.stand.add_machine(AMI)
    world.result_of(world.manager.copy_image(AMI, MADE, "copy", record=""))
    world.result_of(world.manager.launch(attrs.evolve(LAUNCH, image_id=MADE, image_reference=MADE)))
    world.result_of(world.manager.delete_image(MADE))
    assert MADE in names(world)
    world.result_of(world.manager.terminate(NAME))

    assert names(world) == {AMI}


def test_what_a_killed_emulator_was_making_is_removed(world: VirtualBoxWorld) -> None:
    world.stand.add_machine(AMI)
    for image_id in (MADE, DISK):
        world.result_of(world.manager.copy_image(AMI, image_id, "copy", record=""))
    for command in (
        ["modifyvm", MADE, f"--name={MAKING}{MADE}"],
        ["setextradata", DISK, DEREGISTERED, "1"],
    ):
        assert world.stand.run(command)[0] == 0
    world.stand.add_machine(f"{MAKING}ami-00000001")
    half = world.folder / "own" / "volumes" / "vol-00000001.making.vdi"
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_text('{"capacity": 1}')
    world.result_of(world.manager.guests())

    # The user's own machine only looks like one.
    assert names(world) == {AMI, f"{MAKING}ami-00000001"}
    assert not half.exists()


@pytest.mark.parametrize("image_id", ["../../x", "-n", "ami-", "", "ami-0000000g"])
def test_an_id_that_is_none_names_no_machine(world: VirtualBoxWorld, image_id: str) -> None:
    spec = attrs.evolve(LAUNCH, image_id=image_id, image_reference=image_id)

    with pytest.raises(VMError):
        world.result_of(world.manager.launch(spec))
    assert all(image_id not in call for call in world.stand.calls())
