"""Volumes that a manager keeps by themselves, root disks among them."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python, which needs libvirt-dev")

from emulator.vm.interface import GuestDisk, StillInUse, VMError
from emulator.vm.libvirt import ebs
from emulator.vm.libvirt.blocking import Hypervisor
from emulator.vm.libvirt.manager import LibvirtManager
from emulator.vm.libvirt.volume_xml import GIB
from tests.fakes.libvirt_manager import IMAGE
from tests.fakes.libvirt_world import LibvirtWorld

ZONE = "us-east-1a"


@pytest.fixture
def world(uri: str, data: dict[str, bytes]) -> LibvirtWorld:
    return LibvirtWorld(uri)


def create(world: LibvirtWorld, **params: Any) -> str:
    params = {"AvailabilityZone": ZONE, "Size": 3, **params}
    return str(world.client.call("CreateVolume", **params)["VolumeId"])


def volume(world: LibvirtWorld, volume_id: str) -> dict[str, Any]:
    (found,) = world.client.call("DescribeVolumes", VolumeIds=[volume_id])["Volumes"]
    return dict(found)


def attachment(world: LibvirtWorld, volume_id: str) -> str:
    return ",".join(each["State"] for each in volume(world, volume_id)["Attachments"])


def root_of(world: LibvirtWorld, instance_id: str) -> str:
    mappings = world.client.instance(instance_id)["BlockDeviceMappings"]
    return str(mappings[0]["Ebs"]["VolumeId"])


def launch(world: LibvirtWorld, **params: Any) -> str:
    return world.launch(Placement={"AvailabilityZone": ZONE}, **params)


def failing(error: VMError) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


# Volumes by themselves


def test_a_new_volume_is_there_before_an_instance_has_it(world: LibvirtWorld) -> None:
    volume_id = create(world)

    assert volume(world, volume_id)["State"] == "available"
    assert world.volume(volume_id).size_bytes == 3 * GIB


def test_a_volume_that_cannot_be_made_is_in_error(
    world: LibvirtWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ebs, "blocking_make", failing(VMError("full")))

    assert volume(world, create(world))["State"] == "error"


def test_a_deleted_volume_goes(world: LibvirtWorld) -> None:
    world.client.call("DeleteVolume", VolumeId=create(world))

    assert world.volumes() == set()


def test_a_volume_is_attached_and_detached(world: LibvirtWorld) -> None:
    instance_id, volume_id = launch(world), create(world)
    world.client.call("AttachVolume", VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdf")
    attached = attachment(world, volume_id), world.disks(instance_id)["vdf"]
    world.client.call("DetachVolume", VolumeId=volume_id)

    assert attached == ("attached", volume_id)
    assert volume(world, volume_id)["State"] == "available"
    assert volume_id not in world.disks(instance_id).values()
    assert volume_id in world.volumes()


def test_a_volume_that_the_guest_does_not_let_go_of_is_busy_and_may_be_forced(
    world: LibvirtWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance_id, volume_id = launch(world), create(world)
    world.client.call("AttachVolume", VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdf")
    monkeypatch.setattr(LibvirtManager, "detach_volume", failing(StillInUse("mounted")))
    world.client.call("DetachVolume", VolumeId=volume_id)
    held = attachment(world, volume_id), volume(world, volume_id)["State"]
    world.client.call("DetachVolume", VolumeId=volume_id, Force=True)

    assert held == ("busy", "in-use")
    assert volume(world, volume_id)["State"] == "available"
    assert volume_id not in world.disks(instance_id).values()


def test_a_larger_volume_is_larger_for_the_guest(world: LibvirtWorld) -> None:
    volume_id = create(world)
    world.client.call("ModifyVolume", VolumeId=volume_id, Size=7)
    world.client.turn(2.0)
    (found,) = world.client.call("DescribeVolumesModifications")["VolumesModifications"]

    assert found["ModificationState"] == "completed"
    assert volume(world, volume_id)["Size"] == 7


def test_a_volume_that_cannot_grow_keeps_its_size_and_says_so(
    world: LibvirtWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume_id = create(world)
    monkeypatch.setattr(ebs, "blocking_resize", failing(VMError("full")))
    world.client.call("ModifyVolume", VolumeId=volume_id, Size=7)
    (found,) = world.client.call("DescribeVolumesModifications")["VolumesModifications"]

    assert found["ModificationState"] == "failed"
    assert volume(world, volume_id)["Size"] == 3


def test_a_volume_of_a_snapshot_is_based_on_it(world: LibvirtWorld) -> None:
    source = create(world)
    snapshot_id = world.client.call("CreateSnapshot", VolumeId=source)["SnapshotId"]
    volume_id = create(world, SnapshotId=snapshot_id, Size=5)
    based_on = world.volume(volume_id).backing_path
    world.client.call("DeleteSnapshot", SnapshotId=snapshot_id)

    assert based_on == world.volume(snapshot_id).path
    world.client.call("DeleteVolume", VolumeId=volume_id)
    assert world.volumes() == {source}


# Root disks


def test_a_root_disk_is_as_large_as_was_asked_for(world: LibvirtWorld) -> None:
    mapping = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20}}]
    instance_id = launch(world, BlockDeviceMappings=mapping)
    root = root_of(world, instance_id)

    assert world.disks(instance_id)["vda"] == root
    assert world.volume(root).size_bytes == 20 * GIB


def test_a_terminated_instance_leaves_no_volume(world: LibvirtWorld) -> None:
    mapping = [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}}]
    instance_id = launch(world, BlockDeviceMappings=mapping)
    world.client.call("TerminateInstances", InstanceIds=[instance_id])
    world.until_quiet()

    assert world.volumes() == set()


def test_volumes_that_are_to_outlive_their_instance_do(world: LibvirtWorld) -> None:
    mapping = [{"DeviceName": "/dev/sda1", "Ebs": {"DeleteOnTermination": False}}]
    instance_id, volume_id = launch(world, BlockDeviceMappings=mapping), create(world)
    root = root_of(world, instance_id)
    world.client.call("AttachVolume", VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdf")
    world.client.call("TerminateInstances", InstanceIds=[instance_id])
    world.until_quiet()

    assert world.volumes() == {root, volume_id}
    assert {volume(world, each)["State"] for each in (root, volume_id)} == {"available"}


def test_a_stopped_instances_root_disk_can_be_mended_elsewhere_and_given_back(
    world: LibvirtWorld,
) -> None:
    broken, helper = launch(world), launch(world)
    root = root_of(world, broken)
    world.client.call("StopInstances", InstanceIds=[broken])
    world.until_quiet()
    world.client.call("DetachVolume", VolumeId=root)
    world.client.call("AttachVolume", VolumeId=root, InstanceId=helper, Device="/dev/sdf")
    lent = world.disks(helper)["vdf"], "vda" in world.disks(broken)
    world.client.call("DetachVolume", VolumeId=root)
    world.client.call("AttachVolume", VolumeId=root, InstanceId=broken, Device="/dev/sda1")
    world.client.call("StartInstances", InstanceIds=[broken])

    assert lent == (root, False)
    assert world.disks(broken)["vda"] == root
    assert world.client.state(broken) == "running"


# Images of root disks


def create_image(world: LibvirtWorld, instance_id: str) -> tuple[str, str]:
    made = world.client.call("CreateImage", InstanceId=instance_id, Name="golden", NoReboot=True)
    (image,) = world.client.call("DescribeImages", ImageIds=[made["ImageId"]])["Images"]
    assert image["State"] == "available"
    return image["ImageId"], image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]


def test_an_image_of_an_instance_boots_and_is_a_snapshot_too(world: LibvirtWorld) -> None:
    image_id, snapshot_id = create_image(world, launch(world))
    (snapshot,) = world.client.call("DescribeSnapshots", SnapshotIds=[snapshot_id])["Snapshots"]
    volume_id = create(world, SnapshotId=snapshot_id, Size=9)

    assert snapshot["State"] == "completed"
    assert world.volume(snapshot_id).backing_path == world.volume(image_id).path
    assert world.volume(volume_id).backing_path == world.volume(snapshot_id).path
    assert world.client.state(launch(world, ImageId=image_id)) == "running"


def test_a_snapshot_outlives_the_image_it_came_with(world: LibvirtWorld) -> None:
    image_id, snapshot_id = create_image(world, launch(world))
    world.client.call("DeregisterImage", ImageId=image_id)
    world.see_images()
    volume_id = create(world, SnapshotId=snapshot_id, Size=9)
    volumes = world.volumes()
    world.client.call("DeleteVolume", VolumeId=volume_id)
    world.client.call("DeleteSnapshot", SnapshotId=snapshot_id)

    assert {image_id, snapshot_id} <= volumes
    assert not {image_id, snapshot_id, f"{image_id}.note"} & world.volumes()
    assert image_id not in [
        each["ImageId"] for each in world.client.call("DescribeImages")["Images"]
    ]


def test_an_image_that_cannot_be_made_has_no_snapshot_either(
    world: LibvirtWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance_id = launch(world)
    monkeypatch.setattr(LibvirtManager, "capture", failing(VMError("full")))
    image_id = world.client.call("CreateImage", InstanceId=instance_id, Name="golden")["ImageId"]
    (image,) = world.client.call("DescribeImages", ImageIds=[image_id])["Images"]
    (snapshot,) = world.client.call("DescribeSnapshots", OwnerIds=["self"])["Snapshots"]

    assert (image["State"], snapshot["State"]) == ("failed", "error")


def test_an_image_registered_from_a_root_disks_snapshot_boots(world: LibvirtWorld) -> None:
    instance_id = launch(world)
    root = root_of(world, instance_id)
    snapshot_id = world.client.call("CreateSnapshot", VolumeId=root)["SnapshotId"]
    mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot_id}}]
    image_id = world.client.call(
        "RegisterImage", Name="mended", RootDeviceName="/dev/xvda", BlockDeviceMappings=mapping,
        Architecture="x86_64", VirtualizationType="hvm",
    )["ImageId"]  # fmt: skip
    (image,) = world.client.call("DescribeImages", ImageIds=[image_id])["Images"]

    assert image["State"] == "available"
    assert {"Key": "ec2_vm_manager", "Value": "libvirt"} in image["Tags"]
    assert world.volume(image_id).backing_path is None
    assert world.client.state(launch(world, ImageId=image_id)) == "running"


def test_an_image_of_an_instance_is_known_again_after_a_restart(
    world: LibvirtWorld, uri: str
) -> None:
    image_id, snapshot_id = create_image(world, launch(world))
    (before,) = world.client.call("DescribeImages", ImageIds=[image_id])["Images"]
    known = {image.image_id: image for image in world.host.result_of(world.host.manager.images())}

    assert set(known) == {IMAGE, image_id}
    assert known[image_id].name == before["Name"] == "golden"
    assert snapshot_id in known[image_id].record


# Another emulator, later


def restarted(world: LibvirtWorld) -> LibvirtWorld:
    """Return the next emulator, once it has heard of what there is; the first one is no more."""
    world.client.turn(1.0)
    after = LibvirtWorld("", world.host)
    after.connect()
    return after


def test_a_volume_is_known_again_with_its_tags_and_its_place(world: LibvirtWorld) -> None:
    instance_id, volume_id = launch(world), create(world)
    world.client.call("AttachVolume", VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdf")
    world.client.call(
        "CreateTags", Resources=[volume_id], Tags=[{"Key": "Name", "Value": "precious"}]
    )
    before = volume(world, volume_id)

    assert volume(restarted(world), volume_id) == before


def test_a_root_disk_that_grew_is_known_again_as_large(world: LibvirtWorld) -> None:
    instance_id = launch(world)
    root = root_of(world, instance_id)
    world.client.call("ModifyVolume", VolumeId=root, Size=40)
    after = restarted(world)

    assert volume(after, root)["Size"] == 40
    assert attachment(after, root) == "attached"
    assert after.client.state(instance_id) == "running"


def test_a_snapshot_is_known_again_and_makes_volumes(world: LibvirtWorld) -> None:
    snapshot_id = world.client.call("CreateSnapshot", VolumeId=create(world))["SnapshotId"]
    after = restarted(world)
    (snapshot,) = after.client.call("DescribeSnapshots", OwnerIds=["self"])["Snapshots"]
    made = create(after, SnapshotId=snapshot_id)

    assert (snapshot["SnapshotId"], snapshot["State"]) == (snapshot_id, "completed")
    assert after.volume(made).backing_path == after.volume(snapshot_id).path


def test_a_volume_whose_instance_went_meanwhile_is_available(world: LibvirtWorld) -> None:
    instance_id, volume_id = launch(world), create(world)
    world.client.call("AttachVolume", VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdf")
    world.client.turn(1.0)
    world.host.ask(Hypervisor.power_off, instance_id)
    world.host.ask(Hypervisor.undefine, instance_id)
    after = restarted(world)

    assert volume(after, volume_id)["State"] == "available"


def test_a_volume_that_nobody_ever_heard_of_is_removed(world: LibvirtWorld) -> None:
    orphan = GuestDisk("vol-00000000000000bad", "", 1)
    world.host.result_of(world.host.manager.create_volume(orphan))
    after = restarted(world)

    assert after.volumes() == set()


def test_a_record_that_cannot_be_read_costs_no_data(world: LibvirtWorld) -> None:
    volume_id = create(world)
    world.client.turn(1.0)
    world.host.result_of(world.host.manager.keep_record(volume_id, '{"account": 1}'))
    after = restarted(world)

    assert after.client.code_of("DescribeVolumes", VolumeIds=[volume_id]) == (
        "InvalidVolume.NotFound"
    )
    assert volume_id in after.volumes()


def test_a_reset_forgets_volumes_and_snapshots_for_good(world: LibvirtWorld) -> None:
    world.client.call("CreateSnapshot", VolumeId=create(world))
    world.client.turn(1.0)
    world.records.end_all()
    world.until_quiet()

    assert world.volumes() == set()
