"""Docker images as AMIs: found when tagged, gone when untagged, and refused when not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.clients.emulator_process import EmulatorProcess
from tests.functional.docker.cloud import Cloud
from tests.functional.docker.conftest import random_ami_id
from tests.functional.docker.engine import Engine
from tests.functional.docker.waiting import until

MANAGER_TAG = {"Key": "ec2_vm_manager", "Value": "docker"}
# As the provider, and OpenTofu's, send it.
TERRAFORM = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) "
    "terraform-provider-aws/5.80.0 (+https://registry.terraform.io/providers/hashicorp/aws) "
    "aws-sdk-go-v2/1.32.5 os/linux lang/go#1.23.3"
)


def described(cloud: Cloud, image_id: str) -> list[Any]:
    images = cloud.ec2.describe_images(Filters=[{"Name": "image-id", "Values": [image_id]}])
    return list(images["Images"])


def refusal(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**params)
    return str(refused.value.response["Error"]["Code"])


def launch_refusal(cloud: Cloud, image_id: str) -> str:
    return refusal(
        cloud.ec2.run_instances,
        ImageId=image_id,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
    )


def test_an_image_is_an_ami_once_it_is_tagged_and_none_once_it_is_not(cloud: Cloud) -> None:
    name, image_id = f"test-{uuid4().hex[:8]}-come-and-go", random_ami_id()
    assert described(cloud, image_id) == []

    cloud.tag("ec2-emulator-test/busybox", name, image_id)
    (image,) = until(lambda: described(cloud, image_id), bool, seconds=3)
    cloud.engine("image", "rm", f"localstack-ec2/{name}:{image_id}")
    until(lambda: described(cloud, image_id), lambda images: images == [], seconds=3)

    assert image["Name"] == name
    assert image["Tags"] == [MANAGER_TAG]
    assert launch_refusal(cloud, image_id) == "InvalidAMIID.NotFound"


def test_a_docker_ami_is_described_as_aws_describes_one(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    image = cloud.until_image(amis["debian-sshd"])

    assert image["Architecture"] == "x86_64"
    assert image["ImageType"] == "machine"
    assert image["RootDeviceType"] == "ebs"
    (root,) = [
        mapping
        for mapping in image["BlockDeviceMappings"]
        if mapping["DeviceName"] == image["RootDeviceName"]
    ]
    assert root["Ebs"]["VolumeSize"] >= 1
    assert root["Ebs"]["SnapshotId"].startswith("snap-")
    assert image["OwnerId"].isdigit()
    assert len(image["OwnerId"]) == 12
    created = cloud.engine(
        "image", "inspect", "--format", "{{.Created}}", "ec2-emulator-test/debian-sshd"
    )
    assert image["CreationDate"][:19] == created[:19]


def test_docker_amis_are_found_by_the_managers_tag(cloud: Cloud, amis: Mapping[str, str]) -> None:
    listed = cloud.ec2.describe_images(
        Filters=[{"Name": "tag:ec2_vm_manager", "Values": ["docker"]}]
    )["Images"]

    assert set(amis.values()) <= {image["ImageId"] for image in listed}
    assert all(MANAGER_TAG in image["Tags"] for image in listed)


@pytest.mark.parametrize("prefix", ["", "localhost/"])
def test_a_short_id_and_podmans_prefix_are_fine(cloud: Cloud, prefix: str) -> None:
    name, image_id = f"test-{uuid4().hex[:8]}", random_ami_id(digits=6)
    cloud.tag("ec2-emulator-test/busybox", name, image_id, prefix)

    until(lambda: described(cloud, image_id), bool, seconds=3)
    assert cloud.ec2.describe_images(ImageIds=[image_id])["Images"][0]["Name"] == name
    instance_id = cloud.run(image_id)

    assert cloud.instance(instance_id)["ImageId"] == image_id
    cloud.release(instance_id)


@pytest.mark.parametrize(
    "image_id",
    [
        pytest.param("ami-0123456789abcdef0", id="of nobody"),
        pytest.param("ami-00000001", id="of nobody, short"),
    ],
)
def test_an_unknown_ami_is_not_found(cloud: Cloud, image_id: str) -> None:
    assert launch_refusal(cloud, image_id) == "InvalidAMIID.NotFound"


def test_an_ami_that_is_a_record_only_is_not_found(cloud: Cloud) -> None:
    """Source: the seed documents, "Instances and AMIs": such an image is mocked."""
    volume = cloud.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    snapshot = cloud.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    root = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}
    registered = cloud.ec2.register_image(
        Name=f"record-{uuid4().hex[:8]}",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[root],
        Architecture="x86_64",
        VirtualizationType="hvm",
    )["ImageId"]

    (image,) = described(cloud, registered)
    assert MANAGER_TAG not in image.get("Tags", [])
    assert launch_refusal(cloud, registered) == "InvalidAMIID.NotFound"
    cloud.ec2.deregister_image(ImageId=registered)
    cloud.ec2.delete_snapshot(SnapshotId=snapshot)
    cloud.ec2.delete_volume(VolumeId=volume)


def test_an_emulator_that_is_ready_knows_the_images(
    engine: Engine, amis: Mapping[str, str]
) -> None:
    """A script that starts it and launches at once must not be told of no such image."""
    emulator = EmulatorProcess(
        EC2_VM_MANAGER="docker",
        EC2_DOWNLOAD_DEFAULT_IMAGES="0",
        EMULATOR_NAMESPACE="test-ready",
    )
    status, body = emulator.post(
        f"Action=DescribeImages&Version=2016-11-15&ImageId.1={amis['busybox']}",
        Content_Type="application/x-www-form-urlencoded",
    )
    emulator.stop()

    assert (status, engine.of("test-ready")) == (200, {}), body


def test_every_ami_has_an_id_of_its_own_form(cloud: Cloud) -> None:
    """A tag that is no AMI's leaves an image what it is."""
    name = f"test-{uuid4().hex[:8]}"
    tags = [f"localstack-ec2/{name}:latest", f"localstack-ec2/{name}:ami-XYZ"]
    for tag in tags:
        cloud.engine("tag", "ec2-emulator-test/busybox", tag)
    marker = random_ami_id()
    cloud.tag("ec2-emulator-test/busybox", f"{name}-marker", marker)
    until(lambda: described(cloud, marker), bool, seconds=3)

    named = cloud.ec2.describe_images(Filters=[{"Name": "name", "Values": [name]}])["Images"]
    cloud.engine("image", "rm", *tags)

    assert named == []


def test_the_managers_tag_is_kept_from_terraform(cloud: Cloud, amis: Mapping[str, str]) -> None:
    """Terraform would see a tag that it did not make as drift, and take it away."""
    instance_id = cloud.run(
        amis["busybox"],
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "mine"}]}
        ],
    )
    mine = {"Key": "Name", "Value": "mine"}
    terraform = cloud.client(Config(user_agent=TERRAFORM))
    (shown,) = terraform.describe_instances(InstanceIds=[instance_id])["Reservations"]
    listed = terraform.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance_id]}])
    tags = cloud.instance(instance_id)["Tags"]

    assert sorted(tags, key=lambda tag: tag["Key"]) == [mine, MANAGER_TAG]
    assert shown["Instances"][0]["Tags"] == [mine]
    assert [tag["Key"] for tag in listed["Tags"]] == ["Name"]
    cloud.release(instance_id)


def test_the_command_images_lists_amis(cloud: Cloud, amis: Mapping[str, str]) -> None:
    listed = cloud.command("images")

    assert listed.returncode == 0, listed.stderr
    for name, image_id in amis.items():
        (line,) = [line for line in listed.stdout.splitlines() if image_id in line]
        assert name in line


def test_the_command_doctor_says_that_docker_works(cloud: Cloud) -> None:
    doctor = cloud.command("doctor")

    assert doctor.returncode == 0, doctor.stderr
    assert "docker     can run here" in doctor.stdout


def test_the_command_doctor_says_what_is_wrong_with_the_socket(cloud: Cloud) -> None:
    cloud.environ["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
    doctor = cloud.command("doctor")
    del cloud.environ["DOCKER_HOST"]

    assert "docker     cannot run" in doctor.stdout
    assert "/nonexistent/docker.sock" in doctor.stdout
    assert "Traceback" not in doctor.stdout + doctor.stderr
