"""Instances of an emulator that is itself in a container."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.clients.terraform_examples import CHECKS, RESOURCES, Made, apply, check, destroy
from tests.clients.terraform_provider import Attributes, Aws
from tests.functional.docker.cloud import CREDENTIALS, Cloud
from tests.functional.docker.conftest import random_ami_id
from tests.functional.docker.keys import Key
from tests.functional.docker.packer import build, built_ami

METADATA = """
token=$(curl -s -f -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {url}/api/token)
curl -s -f -H "X-aws-ec2-metadata-token: $token" {url}/meta-data/instance-id
"""


def test_ssh_user_data_and_both_metadata_addresses(
    cloud: Cloud, amis: Mapping[str, str], key: Key
) -> None:
    user_data = "#!/bin/sh\necho done >/user-data-ran\n"
    instance_id = cloud.run(
        amis["debian-sshd"],
        KeyName="test",
        UserData=user_data,
        MetadataOptions={"HttpProtocolIpv6": "enabled"},
    )
    instance = cloud.instance(instance_id)

    assert cloud.ssh(instance_id, key, "id -un") == "root"
    assert cloud.reads(instance_id, "/user-data-ran", "done").strip() == "done"
    for host in ("169.254.169.254", "[fd00:ec2::254]"):
        script = METADATA.format(url=f"http://{host}/latest")
        assert cloud.inside(instance_id, script) == instance_id
    assert instance["PrivateIpAddress"] in cloud.inside(instance_id, "ip -4 -o address")
    cloud.terminate(instance_id)


def test_stop_start_and_reboot(cloud: Cloud, amis: Mapping[str, str], key: Key) -> None:
    instance_id = cloud.run(amis["busybox"], KeyName="test")
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.until_state(instance_id, "stopped")
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.until_state(instance_id, "running")
    assert cloud.ssh(instance_id, key, "echo there") == "there"
    cloud.ec2.reboot_instances(InstanceIds=[instance_id])

    assert cloud.ssh(instance_id, key, "echo again") == "again"
    cloud.terminate(instance_id)


def test_create_image_keeps_what_an_instance_wrote(cloud: Cloud, amis: Mapping[str, str]) -> None:
    source = cloud.run(amis["debian"])
    cloud.inside(source, "echo kept >/kept")
    image_id = cloud.ec2.create_image(InstanceId=source, Name="from-a-container")["ImageId"]
    cloud.until_image(cloud.owns_image(image_id))
    copy = cloud.run(image_id)

    assert cloud.inside(copy, "cat /kept") == "kept"
    cloud.terminate(source, copy)


def test_packer_tags_an_ami(cloud: Cloud, tmp_path: Path) -> None:
    image_id = cloud.owns_image(random_ami_id())
    variables = {
        "base": "ec2-emulator-test/debian",
        "pull": "false",
        "ami_name": "packer-image",
        "ami_id": image_id,
    }
    build("docker/docker.json", tmp_path, variables, cloud.engine.environ)
    cloud.until_image(image_id)
    instance_id = cloud.run(image_id)

    assert cloud.inside(instance_id, "cat /etc/packer-built") == "built by Packer for admin"
    cloud.terminate(instance_id)


def test_packer_builds_as_on_ec2(cloud: Cloud, amis: Mapping[str, str], tmp_path: Path) -> None:
    variables = {
        "endpoint": cloud.emulator.url,
        "source_ami": amis["debian-sshd"],
        "ssh_username": "admin",
        "ami_name": "packer-ebs-image",
    }
    build("amazon-ebs/amazon-ebs.json", tmp_path, variables, cloud.engine.environ)
    image_id = cloud.owns_image(built_ami(tmp_path))
    instance_id = cloud.run(image_id)

    assert cloud.inside(instance_id, "cat /etc/packer-built") == "built by Packer for admin"
    cloud.terminate(instance_id)


@pytest.mark.parametrize("example", RESOURCES)
def test_a_terraform_example_and_its_check(
    cloud: Cloud, amis: Mapping[str, str], key: Key, example: str
) -> None:
    resources = RESOURCES[example]
    made = Made(Aws(cloud.emulator.url, **CREDENTIALS), amis["debian-sshd"], key.public)
    apply(resources, made)
    first = {each.address: made.read(each.address) for each in resources}
    assert {each.address: made.read(each.address) for each in resources} == first
    checked = check(example, cloud.emulator.url, *words_of(example, first, made, key))
    destroy(resources, made)

    # Volumes are in instances only where the emulator is told to have them there.
    assert checked.returncode == (1 if example == "04-ebs" else 0), checked.stderr
    if checked.returncode == 0:
        assert f"{example}: " in checked.stdout


def words_of(
    example: str, read: Mapping[str, Attributes | None], made: Made, key: Key
) -> list[str]:
    """Return what an example's check is told."""
    if example in CHECKS:
        address = CHECKS[example]
        return [made.ids[address]] if address else []
    (instance,) = [found for address, found in read.items() if address.startswith("aws_instance.")]
    assert instance is not None
    return [instance["public_ip"], str(key.path)]
