"""Packer's amazon-ebs builder: its recorded calls, and where it is installed itself.

The calls were recorded from Packer 1.6 with ``"communicator": "none"``; the empty
parameters are its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from tests.absent import absent
from tests.clients.emulator_process import EmulatorProcess

VERSION = "2016-11-15"
NAME = "packer_5f9c3a4e-0000-4000-8000-000000000000"


class Packer:
    """Sends forms as aws-sdk-go does and returns answers without their namespace."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        self._emulator = emulator

    def __call__(self, action: str, **params: str) -> ET.Element:
        form = {"Action": action, "Version": VERSION}
        form |= {name.replace("__", "."): value for name, value in params.items()}
        status, body = self._emulator.post(
            urlencode(form),
            Content_Type="application/x-www-form-urlencoded; charset=utf-8",
            User_Agent="aws-sdk-go/1.34.26 (go1.19.8; linux; amd64) APN/1.0 HashiCorp/1.0 Packer",
            Authorization=(
                "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/ec2/aws4_request, "
                "SignedHeaders=content-length;content-type;host;x-amz-date, Signature=0"
            ),
        )
        assert status == 200, (action, body)
        return ET.fromstring(body.replace(f'xmlns="http://ec2.amazonaws.com/doc/{VERSION}/"', ""))


def text(answer: ET.Element, path: str) -> str:
    found = answer.findtext(path)
    assert found, (path, ET.tostring(answer))
    return found


def state(packer: Packer, instance: str) -> str:
    shown = packer("DescribeInstances", InstanceId__1=instance)
    return text(shown, "reservationSet/item/instancesSet/item/instanceState/name")


def test_the_calls_of_a_build(emulator: EmulatorProcess) -> None:
    packer = Packer(emulator)
    before = packer("DescribeImages", Filter__1__Name="name", Filter__1__Value__1="packer-demo")
    assert before.findall("imagesSet/item") == []
    sources = packer(
        "DescribeImages",
        Filter__1__Name="root-device-type",
        Filter__1__Value__1="ebs",
        Filter__2__Name="name",
        Filter__2__Value__1="al2023-ami-2023.*-x86_64",
        Owner__1="amazon",
    ).findall("imagesSet/item")
    # most_recent sorts by this, and the builder takes no image without an EBS root.
    assert all(source.findtext("creationDate") for source in sources)
    assert {source.findtext("rootDeviceType") for source in sources} == {"ebs"}
    source = text(sources[0], "imageId")

    assert text(packer("CreateKeyPair", KeyName=NAME), "keyMaterial").startswith("-----BEGIN RSA")
    group = text(
        packer(
            "CreateSecurityGroup",
            GroupName=NAME,
            GroupDescription="Temporary group for Packer",
            VpcId="",
        ),
        "groupId",
    )
    packer("DescribeSecurityGroups", GroupId__1=group)
    packer(
        "AuthorizeSecurityGroupIngress",
        GroupId=group,
        IpPermissions__1__IpProtocol="tcp",
        IpPermissions__1__FromPort="0",
        IpPermissions__1__ToPort="0",
        IpPermissions__1__IpRanges__1__CidrIp="0.0.0.0/0",
    )
    launched = packer(
        "RunInstances",
        EbsOptimized="false",
        IamInstanceProfile__Name="",
        ImageId=source,
        InstanceInitiatedShutdownBehavior="stop",
        InstanceType="t2.micro",
        KeyName=NAME,
        MaxCount="1",
        MinCount="1",
        Placement__AvailabilityZone="",
        SecurityGroupId__1=group,
        SubnetId="",
        TagSpecification__1__ResourceType="instance",
        TagSpecification__1__Tag__1__Key="Name",
        TagSpecification__1__Tag__1__Value="Packer Builder",
        UserData="",
    )
    instance = text(launched, "instancesSet/item/instanceId")
    assert state(packer, instance) == "running"
    shown = packer("DescribeInstances", InstanceId__1=instance)
    assert text(shown, "reservationSet/item/instancesSet/item/ipAddress")
    assert text(shown, "reservationSet/item/instancesSet/item/privateIpAddress")
    packer("StopInstances", InstanceId__1=instance)
    assert state(packer, instance) == "stopped"

    image = text(packer("CreateImage", InstanceId=instance, Name="packer-demo"), "imageId")
    made = packer("DescribeImages", ImageId__1=image)
    assert text(made, "imagesSet/item/imageState") == "available"
    snapshot = text(made, "imagesSet/item/blockDeviceMapping/item/ebs/snapshotId")
    packer("ModifyImageAttribute", ImageId=image, Description__Value="made by Packer")
    packer(
        "CreateTags",
        ResourceId__1=image,
        ResourceId__2=snapshot,
        Tag__1__Key="Name",
        Tag__1__Value="x",
    )
    tagged = packer("DescribeImages", ImageId__1=image)
    assert text(tagged, "imagesSet/item/tagSet/item/value") == "x"
    assert text(tagged, "imagesSet/item/description") == "made by Packer"

    volume = text(
        packer("DescribeInstances", InstanceId__1=instance),
        "reservationSet/item/instancesSet/item/blockDeviceMapping/item/ebs/volumeId",
    )
    packer("TerminateInstances", InstanceId__1=instance)
    assert state(packer, instance) == "terminated"
    left = packer(
        "DescribeVolumes", Filter__1__Name="volume-id", Filter__1__Value__1=volume
    ).findall("volumeSet/item")
    assert left == []
    packer("DeleteSecurityGroup", GroupId=group)
    packer("DeleteKeyPair", KeyName=NAME)


def template(emulator: EmulatorProcess) -> dict[str, Any]:
    return {
        "builders": [
            {
                "type": "amazon-ebs",
                "access_key": "test",
                "secret_key": "test",
                "region": "us-east-1",
                "custom_endpoint_ec2": emulator.url,
                "skip_region_validation": True,
                "skip_metadata_api_check": True,
                "source_ami_filter": {
                    "filters": {
                        "name": "al2023-ami-2023.*-x86_64",
                        "root-device-type": "ebs",
                        "virtualization-type": "hvm",
                    },
                    "owners": ["amazon"],
                    "most_recent": True,
                },
                "instance_type": "t2.micro",
                "communicator": "none",
                "ami_name": "packer-itself",
                "ami_description": "made by Packer itself",
                "ami_users": ["111122223333"],
                "tags": {"Name": "packer"},
                "snapshot_tags": {"Of": "packer"},
            }
        ]
    }


def test_packer_itself_builds_an_image(emulator: EmulatorProcess, ec2: Any, tmp_path: Path) -> None:
    program = shutil.which("packer")
    if program is None:
        absent("no packer; on Debian: apt-get install packer")
    (tmp_path / "template.json").write_text(json.dumps(template(emulator)))

    built = subprocess.run(
        [program, "build", "-color=false", "template.json"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "CHECKPOINT_DISABLE": "1",
            "AWS_POLL_DELAY_SECONDS": "1",
            "AWS_MAX_ATTEMPTS": "10",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert built.returncode == 0, built.stdout + built.stderr
    (image,) = ec2.describe_images(Filters=[{"Name": "name", "Values": ["packer-itself"]}])[
        "Images"
    ]
    assert image["ImageId"] in built.stdout
    assert image["Description"] == "made by Packer itself"
    assert image["Tags"] == [{"Key": "Name", "Value": "packer"}]
    (snapshot,) = ec2.describe_snapshots(
        SnapshotIds=[image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]]
    )["Snapshots"]
    assert {"Key": "Of", "Value": "packer"} in snapshot["Tags"]
    shared = ec2.describe_image_attribute(ImageId=image["ImageId"], Attribute="launchPermission")
    assert shared["LaunchPermissions"] == [{"UserId": "111122223333"}]
    # Nothing of the build is left but the image and its snapshot.
    assert ec2.describe_key_pairs()["KeyPairs"] == []
    assert [group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]] == [
        "default"
    ]
    assert ec2.describe_volumes()["Volumes"] == []
