"""Several VM managers in one emulator: whose is what."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.app.machines import LivePorts, Machines, joined
from emulator.catalog.images import stock_images
from emulator.model.image import Image
from emulator.net.truth import Truth
from emulator.vm.mock.manager import MockManager
from emulator.web.machines import MachinePages
from emulator.wire.message import HttpRequest
from tests.fakes.client import Client
from tests.fakes.docker_manager import result_of
from tests.fakes.guest_manager import GuestManager
from tests.fakes.launcher import Launcher
from tests.fakes.side_by_side import SideBySide

BOX_AMI, VM_AMI = "ami-00000b0c", "ami-000000f0"
STOCK = next(each.image_id for each in stock_images("us-east-1") if each.docker_image is not None)
# No container image stands for it.
NOBODYS = next(each.image_id for each in stock_images("us-east-1") if each.docker_image is None)
DEVICE = "/dev/sdf"


@pytest.fixture
def docker() -> GuestManager:
    manager = GuestManager("docker")
    manager.show(BOX_AMI)
    return manager


@pytest.fixture
def libvirt() -> GuestManager:
    manager = GuestManager("libvirt")
    manager.show(VM_AMI)
    return manager


@pytest.fixture
def world(docker: GuestManager, libvirt: GuestManager) -> SideBySide:
    return SideBySide([docker, libvirt])


def tags(found: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}


def image(world: SideBySide, image_id: str) -> dict[str, Any]:
    (found,) = world.client.call("DescribeImages", ImageIds=[image_id])["Images"]
    return dict(found)


def ask(world: SideBySide, path: str, body: Any = None) -> tuple[int, Any]:
    page, _, query = path.partition("?")
    method = "GET" if body is None else "POST"
    answer = MachinePages(world.api, world.machines.images).pages()[page][method](
        HttpRequest(method, f"/{page}", query, body=json.dumps(body).encode())
    )
    answer = answer if hasattr(answer, "status") else result_of(answer)  # type: ignore[arg-type]
    return answer.status, json.loads(b"".join(answer.body))  # type: ignore[union-attr]


# Images


def test_the_amis_of_both_are_there_each_with_its_managers_tag(world: SideBySide) -> None:
    assert tags(image(world, BOX_AMI)) == {"ec2_vm_manager": "docker"}
    assert tags(image(world, VM_AMI)) == {"ec2_vm_manager": "libvirt"}


@pytest.mark.parametrize(("name", "image_id"), [("docker", BOX_AMI), ("libvirt", VM_AMI)])
def test_amis_are_found_by_the_tag(world: SideBySide, name: str, image_id: str) -> None:
    only = [
        {"Name": "tag:ec2_vm_manager", "Values": [name]},
        {"Name": "name", "Values": ["of-*"]},
    ]
    found = world.client.call("DescribeImages", Filters=only)["Images"]

    assert [each["ImageId"] for each in found] == [image_id]


def test_an_ami_id_that_both_have_is_the_first_ones(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    libvirt.show(BOX_AMI)

    assert tags(image(world, BOX_AMI)) == {"ec2_vm_manager": "docker"}
    docker.show()
    assert tags(image(world, BOX_AMI)) == {"ec2_vm_manager": "libvirt"}
    assert world.region[Image][BOX_AMI].reference == f"libvirt:{BOX_AMI}"
    docker.show(BOX_AMI)
    assert tags(image(world, BOX_AMI)) == {"ec2_vm_manager": "docker"}
    docker.show()
    libvirt.show()
    code = world.client.code_of("DescribeImages", ImageIds=[BOX_AMI])
    assert code == "InvalidAMIID.NotFound"


def test_images_of_one_stay_when_the_others_change(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    docker.show("ami-00000bbb")

    assert tags(image(world, VM_AMI)) == {"ec2_vm_manager": "libvirt"}
    assert tags(image(world, "ami-00000bbb")) == {"ec2_vm_manager": "docker"}


def test_a_stock_image_that_a_manager_really_has_is_that_managers_for_as_long(
    world: SideBySide, libvirt: GuestManager
) -> None:
    assert tags(image(world, STOCK)) == {"ec2_vm_manager": "docker"}
    libvirt.show(VM_AMI, STOCK)
    assert tags(image(world, STOCK)) == {"ec2_vm_manager": "libvirt"}
    libvirt.show(VM_AMI)
    assert tags(image(world, STOCK)) == {"ec2_vm_manager": "docker"}


def test_a_stock_image_is_nothing_to_boot_where_docker_is_not(libvirt: GuestManager) -> None:
    world = SideBySide([libvirt])
    libvirt.show(STOCK)
    libvirt.show()

    assert tags(image(world, STOCK)) == {}
    assert world.region[Image][STOCK].reference is None


# Instances


def test_the_ami_decides_who_boots_an_instance(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    box, machine = (world.client.launch(ImageId=each) for each in (BOX_AMI, VM_AMI))

    assert (list(docker.guests), list(libvirt.guests)) == ([box], [machine])
    assert tags(world.client.instance(box)) == {"ec2_vm_manager": "docker"}
    assert tags(world.client.instance(machine)) == {"ec2_vm_manager": "libvirt"}
    assert world.client.described(**{"tag:ec2_vm_manager": "libvirt"}) == [machine]


def test_tools_that_compare_tags_see_neither_ones(world: SideBySide) -> None:
    terraform = Launcher(like=world.client, user_agent="terraform-provider-aws/5.80")
    launched = [terraform.launch(ImageId=each) for each in (BOX_AMI, VM_AMI)]

    assert [tags(terraform.instance(each)) for each in launched] == [{}, {}]


def test_an_ami_that_neither_has_is_not_found(world: SideBySide) -> None:
    code = world.client.code_of(
        "RunInstances", **world.client.request(ImageId="ami-0badc0de0badc0de0")
    )
    windows = world.client.call(
        "DescribeImages", Filters=[{"Name": "platform", "Values": ["windows"]}]
    )["Images"][0]["ImageId"]

    assert code == "InvalidAMIID.NotFound"
    assert world.client.code_of("RunInstances", **world.client.request(ImageId=windows)) == code


@pytest.mark.parametrize(
    ("operation", "did"),
    [
        ("StopInstances", "stop"),
        ("RebootInstances", "reboot"),
        ("TerminateInstances", "terminate"),
    ],
)
def test_what_becomes_of_an_instance_is_asked_of_its_own_manager(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager, operation: str, did: str
) -> None:
    box, machine = (world.client.launch(ImageId=each) for each in (BOX_AMI, VM_AMI))
    world.client.call(operation, InstanceIds=[machine])
    world.client.call(operation, InstanceIds=[box])

    assert (docker.did(did), libvirt.did(did)) == ([box], [machine])


def test_a_stopped_instance_is_started_by_its_own(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    machine = world.client.launch(ImageId=VM_AMI)
    world.client.stop(machine)
    world.client.call("StartInstances", InstanceIds=[machine])

    assert (docker.did("start"), libvirt.did("start")) == ([], [machine])
    assert world.client.state(machine) == "running"


def test_the_tag_may_be_deleted_and_nothing_else_changes(
    world: SideBySide, libvirt: GuestManager
) -> None:
    machine = world.client.launch(ImageId=VM_AMI)
    world.client.call("DeleteTags", Resources=[machine, VM_AMI], Tags=[{"Key": "ec2_vm_manager"}])
    world.client.call("TerminateInstances", InstanceIds=[machine])
    world.client.launch(ImageId=VM_AMI)

    assert libvirt.did("terminate") == [machine]
    assert len(libvirt.did("launch")) == 2


def test_consoles_user_data_and_commands_are_asked_of_the_right_one(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    box, machine = (world.client.launch(ImageId=each) for each in (BOX_AMI, VM_AMI))
    shown = world.client.call("GetConsoleOutput", InstanceId=machine)["Output"]
    world.client.stop(machine)
    world.client.call(
        "ModifyInstanceAttribute", InstanceId=machine, UserData={"Value": b"#!/bin/sh\n"}
    )
    ssm = Client("ssm", like=world.client)
    sent = ssm.call(
        "SendCommand",
        InstanceIds=[box],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": ["true"]},
    )["Command"]["CommandId"]
    ended = ssm.call("GetCommandInvocation", CommandId=sent, InstanceId=box)

    assert base64.b64decode(shown).decode() == f"libvirt booted {machine}"
    assert (docker.did("place_user_data"), libvirt.did("place_user_data")) == ([], [machine])
    assert ended["StandardOutputContent"] == "docker"
    assert libvirt.did("run_command") == []


def test_only_those_in_which_commands_run_are_managed_instances(docker: GuestManager) -> None:
    world = SideBySide([docker, MockManager()])
    box = world.client.launch(ImageId=BOX_AMI)
    world.client.launch(ImageId=NOBODYS)
    found = Client("ssm", like=world.client).call("DescribeInstanceInformation")

    assert [each["InstanceId"] for each in found["InstanceInformationList"]] == [box]


def test_the_network_of_a_vpc_goes_from_all(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    vpc_id = world.client.call("CreateVpc", CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    world.client.call("DeleteVpc", VpcId=vpc_id)

    assert docker.did("delete_network") == libvirt.did("delete_network") == [vpc_id]


# Beside records only


def test_what_nobody_has_an_image_for_is_a_record_where_records_are_wanted_too(
    docker: GuestManager,
) -> None:
    mock = MockManager()
    world = SideBySide([docker, mock])
    box = world.client.launch(ImageId=BOX_AMI)
    bare = world.client.launch(ImageId=NOBODYS)

    assert list(docker.guests) == [box]
    assert [guest.instance_id for guest in result_of(mock.describe())] == [bare]
    assert tags(world.client.instance(bare)) == {}
    assert world.client.state(bare) == "running"


# What managers tell of


def test_all_is_known_once_every_manager_has_told(
    docker: GuestManager, libvirt: GuestManager
) -> None:
    libvirt.away = "libvirtd is down"
    world = SideBySide([docker, libvirt])
    assert (world.known, world.machines.ready()) == (0, {"docker": True, "libvirt": False})

    libvirt.away = ""
    libvirt.connect()
    assert (world.known, world.machines.ready()) == (1, {"docker": True, "libvirt": True})


def test_a_manager_that_is_away_keeps_the_others_from_nothing(
    docker: GuestManager, libvirt: GuestManager
) -> None:
    libvirt.away = "libvirtd is down"
    world = SideBySide([docker, libvirt])
    box = world.client.launch(ImageId=BOX_AMI)

    assert world.client.state(box) == "running"
    assert world.client.code_of("RunInstances", **world.client.request(ImageId=VM_AMI)) == (
        "InvalidAMIID.NotFound"
    )
    libvirt.away = ""
    libvirt.connect()
    assert world.client.state(world.client.launch(ImageId=VM_AMI)) == "running"


def test_guests_of_one_are_not_missed_among_the_others(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    box, machine = (world.client.launch(ImageId=each) for each in (BOX_AMI, VM_AMI))
    docker.connect()
    libvirt.connect()
    docker.notice(world.key(machine))
    world.client.turn()

    assert [world.client.state(each) for each in (box, machine)] == ["running", "running"]
    assert machine not in docker.did("look")


def test_a_guest_that_vanishes_ends_its_instance_alone(
    world: SideBySide, libvirt: GuestManager
) -> None:
    box, machine = (world.client.launch(ImageId=each) for each in (BOX_AMI, VM_AMI))
    del libvirt.guests[machine]
    libvirt.notice(world.key(machine))
    world.client.turn()

    assert [world.client.state(each) for each in (box, machine)] == ["running", "terminated"]


def test_the_next_emulator_knows_whose_each_is(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    box, machine = (world.client.launch(ImageId=each) for each in (BOX_AMI, VM_AMI))
    after = SideBySide([libvirt, docker])

    assert [after.client.state(each) for each in (box, machine)] == ["running", "running"]
    assert after.record(box).vm_manager == "docker"
    after.client.call("TerminateInstances", InstanceIds=[box])
    assert (list(docker.guests), list(libvirt.guests)) == ([], [machine])


def test_a_reset_ends_the_guests_of_all(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    for each in (BOX_AMI, VM_AMI):
        world.client.launch(ImageId=each)
    world.api.reset()
    world.client.turn()

    assert (docker.guests, libvirt.guests) == ({}, {})


def test_one_that_does_not_end_in_good_order_keeps_no_other_from_it(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    docker.away = "the engine is gone"
    result_of(world.machines.close())

    assert (docker.is_closed, libvirt.is_closed) == (False, True)


# Images made of instances


def test_an_image_of_an_instance_is_its_managers(world: SideBySide, libvirt: GuestManager) -> None:
    machine = world.client.launch(ImageId=VM_AMI)
    made = world.client.call("CreateImage", InstanceId=machine, Name="golden")["ImageId"]

    assert libvirt.did("capture") == [machine]
    assert tags(image(world, made)) == {"ec2_vm_manager": "libvirt"}
    world.client.launch(ImageId=made)
    assert len(libvirt.guests) == 2


def test_a_copy_is_with_the_manager_of_what_it_was_copied_from(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    copy = world.client.call(
        "CopyImage", SourceImageId=VM_AMI, SourceRegion="us-east-1", Name="copy"
    )["ImageId"]
    assert tags(image(world, copy)) == {"ec2_vm_manager": "libvirt"}
    world.client.call("DeregisterImage", ImageId=copy)

    assert libvirt.did("copy_image") == [f"libvirt:{VM_AMI}"]
    assert libvirt.did("delete_image") == [copy]
    assert docker.calls == []


def test_an_image_of_a_snapshot_is_with_the_manager_of_its_ancestor(
    world: SideBySide, libvirt: GuestManager
) -> None:
    machine = world.client.launch(ImageId=VM_AMI)
    golden = world.client.call("CreateImage", InstanceId=machine, Name="golden")["ImageId"]
    (root,) = image(world, golden)["BlockDeviceMappings"]
    root = {"DeviceName": root["DeviceName"], "Ebs": {"SnapshotId": root["Ebs"]["SnapshotId"]}}
    made = world.client.call(
        "RegisterImage",
        Name="registered",
        Architecture="x86_64",
        VirtualizationType="hvm",
        RootDeviceName="/dev/sda1",
        BlockDeviceMappings=[root],
    )["ImageId"]

    assert libvirt.did("copy_image") == [f"libvirt:{golden}"]
    assert tags(image(world, made)) == {"ec2_vm_manager": "libvirt"}


# Volumes


def volume(world: SideBySide, **params: Any) -> str:
    request = {"AvailabilityZone": "us-east-1a", "Size": 1, **params}
    return str(world.client.call("CreateVolume", **request)["VolumeId"])


def launched(world: SideBySide, image_id: str) -> str:
    return world.client.launch(ImageId=image_id, Placement={"AvailabilityZone": "us-east-1a"})


def attach(world: SideBySide, volume_id: str, instance_id: str) -> None:
    world.client.call("AttachVolume", VolumeId=volume_id, InstanceId=instance_id, Device=DEVICE)


def moved(world: SideBySide, volume_id: str, instance_id: str) -> str:
    """Try to give an instance a volume, and return the error's code."""
    return world.client.code_of(
        "AttachVolume", VolumeId=volume_id, InstanceId=instance_id, Device=DEVICE
    )


def test_a_volume_is_with_whoever_it_is_first_attached_by(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    machine, volume_id = launched(world, VM_AMI), volume(world)
    attach(world, volume_id, machine)
    world.client.call("DetachVolume", VolumeId=volume_id)
    world.client.call("DeleteVolume", VolumeId=volume_id)

    for did in ("attach_volume", "detach_volume", "delete_data"):
        assert (docker.did(did), libvirt.did(did)) == ([], [volume_id])


def test_a_volume_without_data_is_nobodys(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    volume_id = volume(world)
    snapshot = world.client.call("CreateSnapshot", VolumeId=volume_id)
    world.client.call("DeleteSnapshot", SnapshotId=snapshot["SnapshotId"])
    world.client.call("DeleteVolume", VolumeId=volume_id)

    assert docker.calls == libvirt.calls == []


def test_data_of_one_manager_are_refused_to_an_instance_of_another(
    world: SideBySide, docker: GuestManager
) -> None:
    box, machine, volume_id = launched(world, BOX_AMI), launched(world, VM_AMI), volume(world)
    attach(world, volume_id, machine)
    world.client.call("DetachVolume", VolumeId=volume_id)

    assert moved(world, volume_id, box) == "UnsupportedOperation"
    assert docker.did("attach_volume") == []
    attach(world, volume_id, machine)


def test_the_refusal_says_who_has_what(world: SideBySide) -> None:
    box, machine, volume_id = launched(world, BOX_AMI), launched(world, VM_AMI), volume(world)
    attach(world, volume_id, machine)
    world.client.call("DetachVolume", VolumeId=volume_id)
    with pytest.raises(ClientError) as refused:
        attach(world, volume_id, box)

    assert refused.value.response["Error"]["Message"] == (
        f"The data of '{volume_id}' is kept by the VM manager libvirt, and '{box}' is with docker"
    )


def test_a_volume_whose_first_attachment_fails_is_still_nobodys(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    box, machine, volume_id = launched(world, BOX_AMI), launched(world, VM_AMI), volume(world)
    libvirt.away = "libvirtd is down"
    attach(world, volume_id, machine)
    attach(world, volume_id, box)

    assert docker.data == {volume_id}


def test_a_volume_of_a_snapshot_is_with_the_snapshots_manager(
    world: SideBySide, libvirt: GuestManager
) -> None:
    box, machine, volume_id = launched(world, BOX_AMI), launched(world, VM_AMI), volume(world)
    attach(world, volume_id, machine)
    snapshot_id = world.client.call("CreateSnapshot", VolumeId=volume_id)["SnapshotId"]
    copy = world.client.call(
        "CopySnapshot", SourceSnapshotId=snapshot_id, SourceRegion="us-east-1"
    )["SnapshotId"]
    restored = volume(world, SnapshotId=copy)

    assert libvirt.did("snapshot_volume") == [volume_id, snapshot_id]
    assert moved(world, restored, box) == "UnsupportedOperation"


def test_a_launch_with_a_snapshot_that_another_manager_has_is_refused(world: SideBySide) -> None:
    machine, volume_id = launched(world, VM_AMI), volume(world)
    attach(world, volume_id, machine)
    snapshot_id = world.client.call("CreateSnapshot", VolumeId=volume_id)["SnapshotId"]
    disk = {"DeviceName": DEVICE, "Ebs": {"SnapshotId": snapshot_id}}

    def request(image_id: str) -> dict[str, Any]:
        return world.client.request(ImageId=image_id, BlockDeviceMappings=[disk])

    assert world.client.code_of("RunInstances", **request(BOX_AMI)) == "UnsupportedOperation"
    world.client.call("RunInstances", **request(VM_AMI))


def test_a_disk_from_a_launch_is_with_the_instances_manager(
    world: SideBySide, docker: GuestManager
) -> None:
    disk = {"DeviceName": DEVICE, "Ebs": {"VolumeSize": 1, "DeleteOnTermination": False}}
    box = world.client.launch(
        ImageId=BOX_AMI,
        BlockDeviceMappings=[disk],
        Placement={"AvailabilityZone": "us-east-1a"},
    )
    machine = launched(world, VM_AMI)
    world.client.call("TerminateInstances", InstanceIds=[box])
    found = world.client.call(
        "DescribeVolumes", Filters=[{"Name": "status", "Values": ["available"]}]
    )["Volumes"]
    (volume_id,) = (each["VolumeId"] for each in found)

    assert docker.did("detach_volume") == [volume_id]
    assert moved(world, volume_id, machine) == "UnsupportedOperation"


def test_a_manager_that_keeps_no_data_takes_none_of_anybody_elses(
    world: SideBySide, docker: GuestManager
) -> None:
    docker.largest_disk = 0
    box, machine, volume_id = launched(world, BOX_AMI), launched(world, VM_AMI), volume(world)
    attach(world, volume_id, box)
    world.client.call("DetachVolume", VolumeId=volume_id)
    attach(world, volume_id, machine)
    world.client.call("DetachVolume", VolumeId=volume_id)

    assert docker.did("attach_volume") == []
    assert moved(world, volume_id, box) == "UnsupportedOperation"


# What is told


def test_each_instance_and_image_is_listed_with_its_manager(world: SideBySide) -> None:
    box, machine = (world.client.launch(ImageId=each) for each in (BOX_AMI, VM_AMI))
    _, instances = ask(world, "ec2/instances")
    _, images = ask(world, "ec2/images")

    assert {each["InstanceId"]: each["VmManager"] for each in instances["instances"]} == {
        box: "docker",
        machine: "libvirt",
    }
    assert {each["ImageId"]: each["VmManager"] for each in images["images"]} == {
        BOX_AMI: "docker",
        VM_AMI: "libvirt",
    }


def test_a_list_says_whose_machines_it_could_not_look_at(
    world: SideBySide, docker: GuestManager, libvirt: GuestManager
) -> None:
    box = world.client.launch(ImageId=BOX_AMI)
    libvirt.away = "libvirtd is down"
    status, found = ask(world, "ec2/instances")
    assert (status, found["errors"]) == (200, {"libvirt": "libvirtd is down"})
    assert [each["InstanceId"] for each in found["instances"]] == [box]

    docker.away = "the engine is gone"
    assert ask(world, "ec2/instances") == (503, {"error": "the engine is gone; libvirtd is down"})


def test_a_console_is_read_by_the_right_one(world: SideBySide) -> None:
    machine = world.client.launch(ImageId=VM_AMI)

    assert ask(world, f"ec2/console?id={machine}") == (
        200,
        {"output": f"libvirt booted {machine}"},
    )


FILTERED = Truth(is_enforced=True, reason="by a filter")
OPEN = Truth(is_enforced=False, reason="there is none")


@pytest.mark.parametrize(
    ("docker_has", "mock_has", "told"),
    [
        (FILTERED, FILTERED, "enforced, docker: by a filter; mock: by a filter"),
        (OPEN, OPEN, "not enforced: docker: there is none; mock: there is none"),
        (
            FILTERED,
            OPEN,
            "enforced in part: docker: enforced, by a filter; mock: not enforced: there is none",
        ),
    ],
)
def test_it_is_told_whose_instances_have_filters(
    docker_has: Truth, mock_has: Truth, told: str
) -> None:
    found = joined(
        [Machines(GuestManager("docker"), docker_has), Machines(MockManager(), mock_has)]
    )

    assert str(found.enforcement) == told
    assert found.enforcement.is_enforced == (docker_has.is_enforced and mock_has.is_enforced)


def test_it_is_told_whose_ports_are_forwarded_to_this_machine() -> None:
    forwarded = LivePorts(are_forwarded=True, reason="by the emulator")
    found = joined(
        [
            Machines(GuestManager("docker"), OPEN, live_ports=forwarded),
            Machines(MockManager(), OPEN),
        ]
    ).live_ports

    assert found.are_forwarded
    assert found.reason == (
        "docker: forwarded: by the emulator; mock: not forwarded: instances have no machines"
    )
