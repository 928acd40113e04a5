"""What the VM manager makes for an AMI."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.model.image import Image
from emulator.vm.docker.blocking import EngineError
from tests.fakes.docker_world import AMI, TAG, DockerWorld
from tests.fakes.launcher import Launcher


@pytest.fixture
def world() -> DockerWorld:
    return DockerWorld()


def image(client: Launcher, image_id: str) -> dict[str, Any]:
    (found,) = client.call("DescribeImages", ImageIds=[image_id])["Images"]
    return dict(found)


def create(world: DockerWorld, **params: Any) -> str:
    request = {"Name": "golden", **params}
    request.setdefault("InstanceId", None)
    if request["InstanceId"] is None:
        request["InstanceId"] = world.launch()
    return str(world.client.call("CreateImage", **request)["ImageId"])


def tags(world: DockerWorld) -> set[str]:
    found = {tag for each in world.engine.pictures.values() for tag in each["RepoTags"]}
    return {tag for tag in found if tag.startswith("localstack-ec2/")}


def test_an_image_of_an_instance_is_pending_and_then_available(world: DockerWorld) -> None:
    image_id = create(world)
    found = image(world.client, image_id)

    assert found["State"] == "available"
    assert {"Key": "ec2_vm_manager", "Value": "docker"} in found["Tags"]
    assert tags(world) == {TAG, f"localstack-ec2/golden:{image_id}"}
    assert world.region[Image][image_id].reference == f"localstack-ec2/golden:{image_id}"


@pytest.mark.parametrize(("no_reboot", "stops"), [(True, 0), (False, 1)])
def test_an_instance_is_rebooted_unless_that_is_not_wanted(
    world: DockerWorld, no_reboot: bool, stops: int
) -> None:
    instance_id = world.launch()
    create(world, InstanceId=instance_id, NoReboot=no_reboot)

    assert world.engine.calls.count("stop") == stops
    assert world.client.state(instance_id) == "running"


def test_a_capture_that_fails_shows_why(world: DockerWorld) -> None:
    world.engine.failing["commit"] = [EngineError("no space left on device")]
    image_id = create(world)
    found = image(world.client, image_id)

    assert found["State"] == "failed"
    assert found["StateReason"] == {
        "Code": "Server.InternalError",
        "Message": "Server.InternalError: no space left on device",
    }
    assert tags(world) == {TAG}


def test_a_reason_is_no_longer_than_others(world: DockerWorld) -> None:
    world.engine.failing["commit"] = [EngineError("x" * 100_000)]
    message = image(world.client, create(world))["StateReason"]["Message"]

    assert len(message) < 600


def test_an_image_that_is_not_ready_cannot_be_launched(world: DockerWorld) -> None:
    world.engine.failing["commit"] = [EngineError("no space left on device")]
    image_id = create(world)

    assert (
        world.client.code_of("RunInstances", **world.client.request(ImageId=image_id))
        == "InvalidAMIID.Unavailable"
    )


def test_a_copy_is_an_image_of_its_own(world: DockerWorld) -> None:
    made = world.client.call("CopyImage", SourceImageId=AMI, SourceRegion="us-east-1", Name="copy")
    image_id = made["ImageId"]

    assert image(world.client, image_id)["State"] == "available"
    assert f"localstack-ec2/copy:{image_id}" in tags(world)
    assert world.client.state(world.launch(ImageId=image_id)) == "running"


def test_a_copy_to_another_region_can_be_launched_there(world: DockerWorld) -> None:
    there = Launcher(like=world.client, region="eu-west-1")
    made = there.call("CopyImage", SourceImageId=AMI, SourceRegion="us-east-1", Name="copy")

    assert there.state(there.launch(ImageId=made["ImageId"])) == "running"


def test_a_copy_that_fails_shows_why(world: DockerWorld) -> None:
    world.engine.failing["commit"] = [EngineError("no space left on device")]
    made = world.client.call("CopyImage", SourceImageId=AMI, SourceRegion="us-east-1", Name="copy")
    found = image(world.client, made["ImageId"])

    assert (found["State"], found["StateReason"]["Code"]) == ("failed", "Server.InternalError")


def test_a_deregistered_image_goes_from_the_engine(world: DockerWorld) -> None:
    image_id = create(world)
    world.client.call("DeregisterImage", ImageId=image_id)

    assert tags(world) == {TAG}
    world.see_images()
    assert image_id not in [
        each["ImageId"] for each in world.client.call("DescribeImages", Owners=["self"])["Images"]
    ]


def test_a_deregistration_in_vain_is_one_all_the_same(world: DockerWorld) -> None:
    image_id = create(world)
    world.engine.away = True
    world.client.call("DeregisterImage", ImageId=image_id)
    world.engine.away = False

    assert f"localstack-ec2/golden:{image_id}" in tags(world)
    world.see_images()
    assert image_id not in [
        each["ImageId"] for each in world.client.call("DescribeImages", Owners=["self"])["Images"]
    ]


def test_an_image_deregistered_while_it_is_made_is_let_go(world: DockerWorld) -> None:
    def deregister(*_: Any) -> None:
        (pending,) = [row for row in world.region[Image] if row.state == "pending"]
        pending.move("deregistered")

    world.engine.on["commit"] = deregister
    create(world)
    world.client.turn()

    assert tags(world) == {TAG}


def test_a_terminated_instance_makes_no_image_that_was_asked_for_before(
    world: DockerWorld,
) -> None:
    instance_id = world.launch()
    world.engine.remove(world.box(instance_id)["Id"])
    image_id = create(world, InstanceId=instance_id)

    assert image(world.client, image_id)["State"] == "failed"


def test_with_records_only_an_image_is_a_record() -> None:
    client = Launcher()
    made = client.call("CreateImage", InstanceId=client.launch(), Name="golden")
    found = image(client, made["ImageId"])

    assert found["State"] == "available"
    assert found["Tags"] == []
    client.call("DeregisterImage", ImageId=made["ImageId"])
