"""The tag that says with which VM manager an instance's machine is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.docker_world import DockerWorld
from tests.fakes.launcher import Launcher

TAG = {"Key": "ec2_vm_manager", "Value": "docker"}
BROWSERS = ["aws-cli/2.17", "Boto3/1.34", "", "curl/8.0"]
COMPARING = [
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 terraform-provider-aws/5.60",
    "APN/1.0 OpenTofu/1.8 terraform-provider-aws/5.60",
    "Pulumi/3.0",
]


def tags_seen_by(world: DockerWorld, agent: str, instance_id: str) -> list[dict[str, Any]]:
    caller = Launcher(like=world.client, user_agent=agent)
    found: list[dict[str, Any]] = caller.instance(instance_id).get("Tags", [])
    return found


@pytest.mark.parametrize("agent", BROWSERS)
def test_an_instance_shows_its_manager(agent: str) -> None:
    world = DockerWorld()

    assert tags_seen_by(world, agent, world.launch()) == [TAG]


@pytest.mark.parametrize("agent", COMPARING)
def test_tools_that_compare_tags_do_not_see_it(agent: str) -> None:
    world = DockerWorld()

    assert tags_seen_by(world, agent, world.launch()) == []


@pytest.mark.parametrize("agent", [BROWSERS[0], COMPARING[0]])
@pytest.mark.parametrize(("mode", "seen"), [("always", [TAG]), ("never", [])])
def test_a_setting_shows_it_to_all_or_none(
    mode: str, seen: list[dict[str, Any]], agent: str
) -> None:
    world = DockerWorld(manager_tag=mode)

    assert tags_seen_by(world, agent, world.launch()) == seen


def test_the_answer_to_a_launch_shows_it_as_a_description_does() -> None:
    world = DockerWorld()
    terraform = Launcher(like=world.client, user_agent=COMPARING[0])
    launch = {"ImageId": "ami-000001"}

    assert world.client.run(**launch)["Instances"][0]["Tags"] == [TAG]
    assert terraform.run(**launch)["Instances"][0]["Tags"] == []


def test_the_answer_to_a_repeated_launch_does_too() -> None:
    world = DockerWorld()
    terraform = Launcher(like=world.client, user_agent=COMPARING[0])
    for _ in range(2):
        (instance,) = terraform.run(ImageId="ami-000001", ClientToken="once")["Instances"]

        assert instance["Tags"] == []


def test_it_can_be_asked_for_like_any_tag() -> None:
    world = DockerWorld()
    instance_id = world.launch()

    assert world.client.described(**{"tag:ec2_vm_manager": "docker"}) == [instance_id]
    assert {**TAG, "ResourceId": instance_id, "ResourceType": "instance"} in (
        world.client.call("DescribeTags")["Tags"]
    )
    terraform = Launcher(like=world.client, user_agent=COMPARING[0])
    assert instance_id not in [
        each["ResourceId"] for each in terraform.call("DescribeTags")["Tags"]
    ]


def test_the_callers_own_tags_stay() -> None:
    world = DockerWorld()
    own = {"Key": "Name", "Value": "web"}
    instance_id = world.launch(TagSpecifications=[{"ResourceType": "instance", "Tags": [own]}])

    assert tags_seen_by(world, BROWSERS[0], instance_id) == [own, TAG]
    assert tags_seen_by(world, COMPARING[0], instance_id) == [own]


def test_with_records_only_there_is_no_such_tag() -> None:
    client = Launcher()

    assert client.instance(client.launch())["Tags"] == []


def test_an_image_shows_it_to_everybody() -> None:
    world = DockerWorld()
    for agent in (BROWSERS[0], COMPARING[0]):
        caller = Launcher(like=world.client, user_agent=agent)
        (image,) = caller.call("DescribeImages", ImageIds=["ami-000001"])["Images"]

        assert image["Tags"] == [TAG]
