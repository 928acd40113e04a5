"""EBS volumes as files in an instance, with EC2_MOUNT_BLOCK_DEVICES=1.

Source: the seed documents, "Elastic Block Store": sizes are in MiB there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from botocore.exceptions import ClientError

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import Engine
from tests.functional.docker.waiting import until

MIB = 1024**2
# Word for word the seed's, whose `set -eo` prints the shell's options into the log.
INIT = """\
#!/bin/bash
set -eo
mkdir -p /ebs-mounted
mkfs -t ext3 /ebs-dev/sda1
mount -o loop /ebs-dev/sda1 /ebs-mounted
touch /ebs-mounted/my-test-file
"""


@pytest.fixture(scope="module")
def disks(engine: Engine) -> Iterator[Cloud]:
    """An emulator with block devices, whose instances may mount them."""
    started = Cloud(engine, EC2_MOUNT_BLOCK_DEVICES="1", EC2_EBS_MAX_VOLUME_SIZE="64")
    yield started
    started.close()


@pytest.fixture(scope="module")
def instance_id(disks: Cloud, amis: Mapping[str, str]) -> str:
    return disks.run(amis["debian"])


def volume(disks: Cloud, **params: object) -> str:
    made = disks.ec2.create_volume(
        AvailabilityZone=disks.ec2.describe_availability_zones()["AvailabilityZones"][0][
            "ZoneName"
        ],
        **params,
    )["VolumeId"]
    until_volume(disks, made, "available")
    return str(made)


def until_volume(disks: Cloud, volume_id: str, state: str) -> None:
    until(
        lambda: disks.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["State"],
        lambda seen: seen == state,
    )


def attach(disks: Cloud, volume_id: str, instance_id: str, device: str) -> None:
    disks.ec2.attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device=device)
    until_volume(disks, volume_id, "in-use")
    until(lambda: exists(disks, instance_id, device), bool)


def detach(disks: Cloud, volume_id: str) -> None:
    disks.ec2.detach_volume(VolumeId=volume_id)
    until_volume(disks, volume_id, "available")


def exists(disks: Cloud, instance_id: str, device: str) -> bool:
    path = f"/ebs-dev/{device.removeprefix('/dev/')}"
    return disks.inside(instance_id, f"test -e {path} && echo yes || true") == "yes"


def test_the_seeds_walkthrough(disks: Cloud, amis: Mapping[str, str]) -> None:
    instance_id = disks.run(
        amis["debian"],
        InstanceType="t3.nano",
        BlockDeviceMappings=[{"DeviceName": "/ebs-dev/sda1", "Ebs": {"VolumeSize": 10}}],
        UserData=INIT,
    )

    def listed() -> str:
        return disks.inside(instance_id, "ls /ebs-mounted 2>&1 || true")

    assert "my-test-file" in until(listed, lambda names: "my-test-file" in names)
    assert disks.inside(instance_id, "stat -c %s /ebs-dev/sda1") == str(10 * MIB)
    disks.release(instance_id)


def test_a_volume_is_a_sparse_file_of_as_many_mib(disks: Cloud, instance_id: str) -> None:
    volume_id = volume(disks, Size=50)
    attach(disks, volume_id, instance_id, "/dev/sdf")

    assert disks.inside(instance_id, "stat -c %s /ebs-dev/sdf") == str(50 * MIB)
    assert int(disks.inside(instance_id, "stat -c %b /ebs-dev/sdf")) * 512 < MIB
    detach(disks, volume_id)
    assert not exists(disks, instance_id, "/dev/sdf")
    disks.ec2.delete_volume(VolumeId=volume_id)


def test_a_volume_keeps_its_data_from_one_instance_to_another(
    disks: Cloud, amis: Mapping[str, str], instance_id: str
) -> None:
    volume_id = volume(disks, Size=10)
    attach(disks, volume_id, instance_id, "/dev/sdg")
    disks.inside(
        instance_id,
        "mkfs -q -t ext3 /ebs-dev/sdg && mkdir /g && mount -o loop /ebs-dev/sdg /g "
        "&& echo kept >/g/file && umount /g",
    )
    detach(disks, volume_id)
    other = disks.run(amis["debian"])
    attach(disks, volume_id, other, "/dev/xvdb")

    assert (
        disks.inside(
            other, "mkdir /b && mount -o loop /ebs-dev/xvdb /b && cat /b/file && umount /b"
        )
        == "kept"
    )
    disks.terminate(other)
    until_volume(disks, volume_id, "available")
    disks.ec2.delete_volume(VolumeId=volume_id)


def test_a_volume_from_a_snapshot_has_its_data(disks: Cloud, instance_id: str) -> None:
    volume_id = volume(disks, Size=4)
    attach(disks, volume_id, instance_id, "/dev/sdh")
    disks.inside(instance_id, "echo before | dd of=/ebs-dev/sdh conv=notrunc status=none")
    snapshot_id = disks.ec2.create_snapshot(VolumeId=volume_id)["SnapshotId"]
    until(
        lambda: disks.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]["State"],
        lambda state: state == "completed",
    )
    disks.inside(instance_id, "echo after! | dd of=/ebs-dev/sdh conv=notrunc status=none")
    copy = volume(disks, SnapshotId=snapshot_id)
    attach(disks, copy, instance_id, "/dev/sdi")

    assert disks.inside(instance_id, "head -n 1 /ebs-dev/sdi") == "before"
    assert disks.inside(instance_id, "head -n 1 /ebs-dev/sdh") == "after!"
    for each in (volume_id, copy):
        detach(disks, each)
        disks.ec2.delete_volume(VolumeId=each)
    disks.ec2.delete_snapshot(SnapshotId=snapshot_id)


def test_volumes_stay_with_an_instance_over_a_stop(disks: Cloud, amis: Mapping[str, str]) -> None:
    instance_id = disks.run(
        amis["debian"],
        BlockDeviceMappings=[
            {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 4, "DeleteOnTermination": False}}
        ],
    )
    disks.inside(instance_id, "echo here | dd of=/ebs-dev/sdb conv=notrunc status=none")
    disks.ec2.stop_instances(InstanceIds=[instance_id])
    disks.until_state(instance_id, "stopped")
    disks.ec2.start_instances(InstanceIds=[instance_id])
    disks.until_state(instance_id, "running")
    (mapping,) = [
        each
        for each in disks.instance(instance_id)["BlockDeviceMappings"]
        if each["DeviceName"] == "/dev/sdb"
    ]

    assert disks.inside(instance_id, "head -n 1 /ebs-dev/sdb") == "here"
    disks.terminate(instance_id)
    volume_id = mapping["Ebs"]["VolumeId"]
    until_volume(disks, volume_id, "available")
    disks.ec2.delete_volume(VolumeId=volume_id)


def test_a_volume_may_not_be_larger_than_the_setting_says(
    disks: Cloud, amis: Mapping[str, str], instance_id: str
) -> None:
    volume_id = volume(disks, Size=65)
    with pytest.raises(ClientError) as refused:
        disks.ec2.attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdj")
    with pytest.raises(ClientError) as refused_launch:
        disks.launch(
            amis["debian"],
            BlockDeviceMappings=[{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 65}}],
        )
    disks.ec2.delete_volume(VolumeId=volume_id)

    for each in (refused, refused_launch):
        assert each.value.response["Error"]["Code"] == "InvalidParameterValue"
        assert "EC2_EBS_MAX_VOLUME_SIZE" in each.value.response["Error"]["Message"]


def test_nothing_is_mounted_unless_asked_for(cloud: Cloud, amis: Mapping[str, str]) -> None:
    instance_id = cloud.run(
        amis["debian"],
        BlockDeviceMappings=[{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 10}}],
    )

    assert cloud.inside(instance_id, "ls /ebs-dev 2>/dev/null || true") == ""
    assert not cloud.container(instance_id)["HostConfig"]["Privileged"]
    cloud.release(instance_id)
