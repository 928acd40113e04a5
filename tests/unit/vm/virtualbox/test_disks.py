"""Volumes and snapshots as disks: made, plugged in, copied and deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from emulator.vm.interface import GuestDisk, VMError
from tests.contracts.vm_manager import SPEC
from tests.fakes.vboxmanage import slots
from tests.fakes.virtualbox_manager import AMI, VirtualBoxWorld

LAUNCH = attrs.evolve(SPEC, image_id=AMI, image_reference=AMI)
NAME = LAUNCH.instance_id
VOLUME = GuestDisk("vol-0123456789abcdef0", "/dev/sdf", 8)
SNAPSHOT = "snap-0123456789abcdef0"


@pytest.fixture
def world(tmp_path: Path) -> VirtualBoxWorld:
    world = VirtualBoxWorld(tmp_path)
    world.stand.add_machine(AMI)
    world.result_of(world.manager.launch(LAUNCH))
    return world


def medium(world: VirtualBoxWorld, resource_id: str) -> dict[str, Any] | None:
    with world.stand.changed() as state:
        media = list(state["media"].values())
    return next((each for each in media if f"/{resource_id}.vdi" in each["path"]), None)


def places(world: VirtualBoxWorld) -> dict[str, str]:
    with world.stand.changed() as state:
        return {
            place: Path(state["media"][slot["medium"]]["path"]).name
            for _, place, slot in slots(state["machines"][NAME])
        }


def attach(world: VirtualBoxWorld, disk: GuestDisk = VOLUME) -> None:
    world.result_of(world.manager.attach_volume(NAME, disk))


@pytest.mark.parametrize("running", [True, False])
def test_a_disk_is_plugged_in_and_out(world: VirtualBoxWorld, running: bool) -> None:
    if not running:
        world.result_of(world.manager.stop(NAME, force=True))
    attach(world)
    assert places(world)["2-0"] == f"{VOLUME.volume_id}.vdi"
    with world.stand.changed() as state:
        extra = state["machines"][NAME]["extra"]
        serial = extra["VBoxInternal/Devices/ahci/0/Config/Port2/SerialNumber"]
    assert serial == "vol0123456789abcdef0"
    world.result_of(world.manager.detach_volume(NAME, VOLUME))

    assert "2-0" not in places(world)
    with world.stand.changed() as state:
        assert "vol0123456789abcdef0" not in state["machines"][NAME]["extra"].values()
    made = medium(world, VOLUME.volume_id)
    assert made is not None
    assert made["capacity"] == 8 * 1024


def test_a_disk_that_was_plugged_in_at_rest_comes_out_of_a_running_guest(
    world: VirtualBoxWorld,
) -> None:
    world.result_of(world.manager.stop(NAME, force=True))
    attach(world)
    world.result_of(world.manager.start(NAME))
    world.result_of(world.manager.detach_volume(NAME, VOLUME))

    assert "2-0" not in places(world)


def test_a_volume_keeps_its_disk_from_guest_to_guest(world: VirtualBoxWorld) -> None:
    attach(world)
    before = medium(world, VOLUME.volume_id)
    world.result_of(world.manager.detach_volume(NAME, VOLUME))
    attach(world)

    assert medium(world, VOLUME.volume_id) == before


def test_a_guest_has_no_room_for_more_disks_than_ports(world: VirtualBoxWorld) -> None:
    for number in range(28):
        attach(world, attrs.evolve(VOLUME, volume_id=f"vol-{number:08x}"))

    with pytest.raises(VMError, match="no room"):
        attach(world)


@pytest.mark.parametrize("running", [True, False])
def test_a_snapshot_is_a_whole_copy(world: VirtualBoxWorld, running: bool) -> None:
    attach(world)
    if not running:
        world.result_of(world.manager.stop(NAME, force=True))
    world.result_of(world.manager.snapshot_volume(VOLUME, NAME, SNAPSHOT))
    copy = medium(world, SNAPSHOT)

    assert copy is not None
    assert copy["copy_of"].endswith(f"{VOLUME.volume_id}.vdi")
    with world.stand.changed() as state:
        assert state["machines"][NAME]["snapshots"] == []
    assert places(world)["2-0"] == f"{VOLUME.volume_id}.vdi"


def test_the_snapshot_of_a_volume_that_nobody_wrote_to_is_its_snapshots(
    world: VirtualBoxWorld,
) -> None:
    attach(world)
    world.result_of(world.manager.snapshot_volume(VOLUME, NAME, SNAPSHOT))
    fresh = GuestDisk("vol-00000000000000009", "", 8, SNAPSHOT)
    world.result_of(world.manager.snapshot_volume(fresh, None, "snap-00000000000000009"))
    copy = medium(world, "snap-00000000000000009")

    assert copy is not None
    assert copy["copy_of"].endswith(f"{SNAPSHOT}.vdi")


def test_nothing_is_kept_of_a_volume_without_data(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.snapshot_volume(VOLUME, None, SNAPSHOT))

    assert medium(world, SNAPSHOT) is None


@pytest.mark.parametrize(("size_gib", "expected_mib"), [(8, 8192), (20, 20480), (1, 8192)])
def test_a_volume_from_a_snapshot_is_never_smaller(
    world: VirtualBoxWorld, size_gib: int, expected_mib: int
) -> None:
    attach(world)
    world.result_of(world.manager.snapshot_volume(VOLUME, NAME, SNAPSHOT))
    attach(world, GuestDisk("vol-00000000000000009", "/dev/sdg", size_gib, SNAPSHOT))
    made = medium(world, "vol-00000000000000009")

    assert made is not None
    assert made["capacity"] == expected_mib


def test_a_disk_in_use_is_not_deleted(world: VirtualBoxWorld) -> None:
    attach(world)

    with pytest.raises(VMError, match="still attached"):
        world.result_of(world.manager.delete_data(VOLUME.volume_id))


def test_a_disk_is_deleted_and_may_be_deleted_again(world: VirtualBoxWorld) -> None:
    attach(world)
    world.result_of(world.manager.detach_volume(NAME, VOLUME))
    for _ in range(2):
        world.result_of(world.manager.delete_data(VOLUME.volume_id))

    assert not list(world.folder.rglob(f"{VOLUME.volume_id}*"))


@pytest.mark.parametrize("resource_id", ["../x", "vol-", "-vol-00000000", "ami-00000000", ""])
def test_what_is_no_id_is_no_file(world: VirtualBoxWorld, resource_id: str) -> None:
    with pytest.raises(VMError, match="no id"):
        world.result_of(world.manager.delete_data(resource_id))
