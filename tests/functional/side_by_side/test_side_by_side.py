"""Containers and virtual machines of one emulator: EC2_VM_MANAGER=docker,libvirt."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator, Mapping

import pytest
from botocore.exceptions import ClientError

from tests.absent import absent
from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import Engine, container_name
from tests.functional.docker.waiting import until
from tests.functional.side_by_side.hypervisor import BlankImage, state, virsh, volumes_of
from tests.functional.side_by_side.tags import manager_of, managers_of


@pytest.fixture(scope="module")
def blank() -> Iterator[BlankImage]:
    if shutil.which("virsh") is None or virsh("version").returncode != 0:
        absent("no libvirt that answers; tests/lab/setup says why")
    if importlib.util.find_spec("libvirt") is None:
        absent("no binding to libvirt; tests/lab/setup says why")
    image = BlankImage()
    yield image
    image.remove()


@pytest.fixture(scope="module")
def cloud(engine: Engine, blank: BlankImage) -> Iterator[Cloud]:
    """An emulator with both managers, which must leave nothing and fail at nothing."""
    started = Cloud(
        engine,
        EC2_VM_MANAGER="docker,libvirt",
        EC2_MOUNT_BLOCK_DEVICES="1",
        EC2_LIBVIRT_STOP_SECONDS="1",
    )
    yield started
    started.close()


@pytest.fixture(scope="module")
def pair(cloud: Cloud, amis: Mapping[str, str], blank: BlankImage) -> tuple[str, str]:
    """An instance of each manager, running."""
    until(lambda: managers_of(cloud), lambda found: blank.image_id in found)
    box, machine = cloud.launch(amis["debian"])[0], cloud.launch(blank.image_id)[0]
    for each in (box, machine):
        cloud.until_state(each, "running", seconds=120)
    return box, machine


def test_the_amis_of_both_are_listed_with_their_tags(
    cloud: Cloud, amis: Mapping[str, str], blank: BlankImage
) -> None:
    found = until(lambda: managers_of(cloud), lambda found: blank.image_id in found)

    assert found[amis["debian"]] == "docker"
    assert found[blank.image_id] == "libvirt"


def test_each_ami_gives_a_machine_of_its_own_kind(cloud: Cloud, pair: tuple[str, str]) -> None:
    box, machine = pair

    assert cloud.engine.container(box) is not None
    assert state(box) == ""
    assert state(machine) == "running"
    assert cloud.engine.container(machine) is None
    assert (manager_of(cloud.instance(box)), manager_of(cloud.instance(machine))) == (
        "docker",
        "libvirt",
    )


def test_the_command_instances_shows_whose_each_is(cloud: Cloud, pair: tuple[str, str]) -> None:
    listed = cloud.command("instances")

    assert listed.returncode == 0, listed.stderr
    for instance_id, manager in zip(pair, ("docker", "libvirt"), strict=True):
        (line,) = [line for line in listed.stdout.splitlines() if instance_id in line]
        assert f" {manager} " in line


def test_both_are_known_to_the_emulator(cloud: Cloud, pair: tuple[str, str]) -> None:
    info = cloud.page("/_localstack/info")

    assert info["vm_manager"]["name"] == "docker,libvirt"
    assert info["vm_managers"] == [
        {"name": "docker", "ready": True},
        {"name": "libvirt", "ready": True},
    ]
    assert "docker: " in info["network_enforcement"]["reason"]
    assert "libvirt: " in info["network_enforcement"]["reason"]


def test_what_neither_has_is_not_found(cloud: Cloud, pair: tuple[str, str]) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.launch("ami-0badc0de0badc0de0")

    assert refused.value.response["Error"]["Code"] == "InvalidAMIID.NotFound"


def test_a_volume_does_not_change_sides(cloud: Cloud, pair: tuple[str, str]) -> None:
    box, machine = pair
    zone = cloud.instance(box)["Placement"]["AvailabilityZone"]
    assert zone == cloud.instance(machine)["Placement"]["AvailabilityZone"]
    volume_id = cloud.ec2.create_volume(AvailabilityZone=zone, Size=8)["VolumeId"]
    cloud.ec2.get_waiter("volume_available").wait(VolumeIds=[volume_id])
    place = {"VolumeId": volume_id, "Device": "/dev/sdf"}
    cloud.ec2.attach_volume(InstanceId=box, **place)
    cloud.ec2.get_waiter("volume_in_use").wait(VolumeIds=[volume_id])
    until(
        lambda: cloud.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["Attachments"],
        lambda held: bool(held) and held[0]["State"] == "attached",
    )
    cloud.ec2.detach_volume(VolumeId=volume_id)
    cloud.ec2.get_waiter("volume_available").wait(VolumeIds=[volume_id])
    with pytest.raises(ClientError) as refused:
        cloud.ec2.attach_volume(InstanceId=machine, **place)
    cloud.ec2.delete_volume(VolumeId=volume_id)

    assert refused.value.response["Error"]["Code"] == "UnsupportedOperation"
    assert "docker" in refused.value.response["Error"]["Message"]


def test_a_killed_emulators_machines_are_each_known_again(
    cloud: Cloud, pair: tuple[str, str]
) -> None:
    box, machine = pair
    cloud.restart(kill=True)
    found = until(
        lambda: cloud.ec2.describe_instances()["Reservations"], lambda found: len(found) == 2
    )
    shown = {each["InstanceId"]: each for one in found for each in one["Instances"]}

    assert {each: manager_of(shown[each]) for each in shown} == {box: "docker", machine: "libvirt"}
    assert {each["State"]["Name"] for each in shown.values()} == {"running"}
    assert state(machine) == "running"


def test_the_others_work_while_one_is_away(engine: Engine, amis: Mapping[str, str]) -> None:
    alone = Cloud(
        engine,
        EC2_VM_MANAGER="libvirt,docker",
        EC2_HYPERVISOR_URI="qemu+unix:///system?socket=/nonexistent/libvirt-sock",
    )
    until(lambda: managers_of(alone), lambda found: amis["debian"] in found)
    box = alone.run(amis["debian"])
    info = alone.page("/_localstack/info")
    listed = alone.command("instances")

    assert engine.run("inspect", container_name(box)).returncode == 0
    assert info["vm_managers"] == [
        {"name": "libvirt", "ready": False},
        {"name": "docker", "ready": True},
    ]
    assert box in listed.stdout
    assert "what libvirt has is not known" in listed.stderr
    assert alone.logged("trying again")
    alone.close()


def test_terminating_ends_both_and_leaves_nothing(cloud: Cloud, pair: tuple[str, str]) -> None:
    box, machine = pair
    cloud.terminate(box, machine)

    until(lambda: cloud.engine.container(box), lambda found: found is None)
    until(lambda: state(machine), lambda found: found == "")
    assert volumes_of(machine) == []
