"""CreateImage and its kin: an AMI of what is in an instance, with any name EC2 allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.keys import Key, make_key
from tests.functional.docker.waiting import until

MANAGER_TAG = {"Key": "ec2_vm_manager", "Value": "docker"}


@pytest.fixture(scope="module")
def source(cloud: Cloud, amis: Mapping[str, str]) -> str:
    """Return an instance that has something which its image has not."""
    instance_id = cloud.run(
        amis["debian-sshd"], KeyName="test", UserData="#!/bin/sh\necho ran >>/runs\n"
    )
    cloud.reads(instance_id, "/runs", "ran")
    return instance_id


def create(cloud: Cloud, instance_id: str, name: str, **params: Any) -> str:
    made = cloud.ec2.create_image(InstanceId=instance_id, Name=name, **params)
    image_id = cloud.owns_image(str(made["ImageId"]))
    cloud.until_image(image_id)
    return image_id


def test_an_image_of_a_running_instance_has_what_was_written(
    cloud: Cloud, source: str, key: Key
) -> None:
    cloud.inside(source, "echo written >/opt/file")
    cloud.ssh(source, key, "nohup sleep 1000 >/dev/null 2>&1 &")
    name = f"made-{uuid4().hex[:8]}"
    image_id = create(cloud, source, name, NoReboot=True, Description="of a running instance")

    assert "sleep 1000" in cloud.inside(source, "ps -eo args")  # not rebooted
    (tag,) = cloud.engine.tags_of(image_id)
    assert tag == f"localstack-ec2/{name}:{image_id}"
    (image,) = cloud.ec2.describe_images(ImageIds=[image_id])["Images"]
    assert (image["Name"], image["Description"]) == (name, "of a running instance")
    assert MANAGER_TAG in image["Tags"]
    launched = cloud.run(image_id, KeyName="test")
    assert cloud.inside(launched, "cat /opt/file") == "written"
    assert cloud.ssh(launched, key, "hostname") == cloud.inside(launched, "hostname")
    assert cloud.inside(launched, "hostname") != cloud.inside(source, "hostname")
    cloud.release(launched)


def test_an_instance_is_rebooted_for_its_image_unless_told_not_to(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    instance_id = cloud.run(amis["debian"])
    cloud.inside(instance_id, "setsid sleep 1000 >/dev/null 2>&1 & sleep 0.1")
    create(cloud, instance_id, f"made-{uuid4().hex[:8]}")
    until(
        lambda: cloud.container(instance_id)["State"]["Status"], lambda status: status == "running"
    )

    assert "sleep 1000" not in cloud.inside(instance_id, "ps -eo args")
    assert cloud.instance(instance_id)["State"]["Name"] == "running"
    cloud.release(instance_id)


def test_an_image_of_a_stopped_instance(cloud: Cloud, amis: Mapping[str, str]) -> None:
    instance_id = cloud.run(amis["busybox"])
    cloud.inside(instance_id, "echo stopped >/file")
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.until_state(instance_id, "stopped")
    image_id = create(cloud, instance_id, f"made-{uuid4().hex[:8]}")

    assert cloud.instance(instance_id)["State"]["Name"] == "stopped"
    launched = cloud.run(image_id)
    assert cloud.inside(launched, "cat /file") == "stopped"
    cloud.release(instance_id, launched)


def test_a_launch_from_a_made_image_is_a_first_boot_with_keys_of_its_own(
    cloud: Cloud, source: str
) -> None:
    image_id = create(cloud, source, f"made-{uuid4().hex[:8]}", NoReboot=True)
    launched = cloud.run(image_id, UserData="#!/bin/sh\necho again >>/runs\n")
    plain = cloud.run(image_id)
    cloud.reads(launched, "/runs", "again")
    keys = [cloud.ssh_address(each).host_keys() for each in (source, launched, plain)]

    assert cloud.inside(launched, "cat /runs").split() == ["ran", "again"]
    assert cloud.inside(plain, "cat /runs").split() == ["ran"]
    assert not keys[0] & keys[1]
    assert not keys[0] & keys[2]
    assert not keys[1] & keys[2]
    cloud.release(launched, plain)


def test_the_old_key_pair_does_not_open_a_launch_with_another(
    cloud: Cloud, source: str, key: Key, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """AWS: an image keeps authorized_keys, and cloud-init adds the new pair to them."""
    another = make_key(tmp_path_factory.mktemp("another"))
    name = f"another-{uuid4().hex[:8]}"
    cloud.ec2.import_key_pair(KeyName=name, PublicKeyMaterial=another.public.encode())
    image_id = create(cloud, source, f"made-{uuid4().hex[:8]}", NoReboot=True)
    launched = cloud.run(image_id, KeyName=name)

    assert cloud.ssh(launched, another, "id -un") == "root"
    cloud.release(launched)


@pytest.mark.parametrize(
    "name",
    [
        "packer 2024-01-01 00.00 (test)",
        "UPPER/Case_Name.v1",
        "[it's] @home - ok",
        "a" * 128,
        "...",
    ],
)
def test_a_name_that_is_no_repository_is_kept_all_the_same(
    cloud: Cloud, source: str, name: str
) -> None:
    image_id = create(cloud, source, name, NoReboot=True)
    (tag,) = cloud.engine.tags_of(image_id)

    assert tag.startswith("localstack-ec2/")
    (image,) = cloud.ec2.describe_images(Filters=[{"Name": "name", "Values": [name]}])["Images"]
    assert image["ImageId"] == image_id
    cloud.ec2.deregister_image(ImageId=image_id)


def test_an_image_outlives_the_emulator(cloud: Cloud, source: str) -> None:
    """What an image is called and tagged is kept with it."""
    name = "Kept (over a restart)"
    image_id = create(
        cloud,
        source,
        name,
        NoReboot=True,
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "kept", "Value": "yes"}]}],
    )
    cloud.restart()
    image = cloud.until_image(image_id)

    assert image["Name"] == name
    assert {"Key": "kept", "Value": "yes"} in image["Tags"]
    assert cloud.instance(source)["State"]["Name"] == "running"


def test_a_deregistered_image_is_gone_and_what_runs_from_it_is_not(
    cloud: Cloud, source: str
) -> None:
    image_id = create(cloud, source, f"made-{uuid4().hex[:8]}", NoReboot=True)
    launched = cloud.run(image_id)
    cloud.ec2.deregister_image(ImageId=image_id)

    until(lambda: cloud.engine.tags_of(image_id), lambda tags: tags == [])
    with pytest.raises(ClientError) as refused:
        cloud.ec2.describe_images(ImageIds=[image_id])
    assert refused.value.response["Error"]["Code"] in (
        "InvalidAMIID.NotFound",
        "InvalidAMIID.Unavailable",
    )
    assert cloud.instance(launched)["State"]["Name"] == "running"
    cloud.release(launched)


def test_a_copied_image_launches_without_its_source(cloud: Cloud, source: str) -> None:
    cloud.inside(source, "echo copied >/opt/copied")
    image_id = create(cloud, source, f"made-{uuid4().hex[:8]}", NoReboot=True)
    name = f"copy-{uuid4().hex[:8]}"
    copied = cloud.ec2.copy_image(Name=name, SourceImageId=image_id, SourceRegion="us-east-1")
    copy_id = cloud.owns_image(copied["ImageId"])
    cloud.until_image(copy_id)
    cloud.ec2.deregister_image(ImageId=image_id)
    until(lambda: cloud.engine.tags_of(image_id), lambda tags: tags == [])
    launched = cloud.run(copy_id)

    assert cloud.engine.tags_of(copy_id) == [f"localstack-ec2/{name}:{copy_id}"]
    assert cloud.inside(launched, "cat /opt/copied") == "copied"
    cloud.terminate(launched)
    cloud.ec2.deregister_image(ImageId=copy_id)


def test_an_image_registered_from_a_made_images_snapshot_launches(
    cloud: Cloud, source: str
) -> None:
    """RegisterImage's usual use: the root snapshot of another image."""
    cloud.inside(source, "echo registered >/opt/registered")
    image_id = create(cloud, source, f"made-{uuid4().hex[:8]}", NoReboot=True)
    (image,) = cloud.ec2.describe_images(ImageIds=[image_id])["Images"]
    snapshot = image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    registered = cloud.ec2.register_image(
        Name=f"registered-{uuid4().hex[:8]}",
        Architecture="x86_64",
        RootDeviceName=image["RootDeviceName"],
        BlockDeviceMappings=[
            {"DeviceName": image["RootDeviceName"], "Ebs": {"SnapshotId": snapshot}}
        ],
        VirtualizationType="hvm",
    )["ImageId"]
    cloud.owns_image(registered)
    cloud.until_image(registered)
    launched = cloud.run(registered)

    assert cloud.inside(launched, "cat /opt/registered") == "registered"
    cloud.terminate(launched)
    cloud.ec2.deregister_image(ImageId=registered)


def test_an_unknown_instance_makes_no_image(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.ec2.create_image(InstanceId="i-0123456789abcdef0", Name="of nobody")
    assert refused.value.response["Error"]["Code"] == "InvalidInstanceID.NotFound"
