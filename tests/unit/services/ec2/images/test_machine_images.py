"""Images that the VM manager has, as AMIs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.catalog.images import stock_images
from emulator.model.image import Image
from emulator.vm.docker.names import AMI_NAME, IMAGE_ID, LOGIN_USER, RECORD
from tests.fakes.docker_world import AMI, TAG, DockerWorld
from tests.fakes.launcher import Launcher

MANAGER_TAG = [{"Key": "ec2_vm_manager", "Value": "docker"}]
STOCK = next(each for each in stock_images("us-east-1") if each.docker_image is not None)


@pytest.fixture
def world() -> DockerWorld:
    return DockerWorld()


def image(client: Launcher, image_id: str = AMI) -> dict[str, Any]:
    (found,) = client.call("DescribeImages", ImageIds=[image_id])["Images"]
    return dict(found)


def is_known(client: Launcher, image_id: str = AMI) -> bool:
    found = client.call("DescribeImages", Filters=[{"Name": "image-id", "Values": [image_id]}])[
        "Images"
    ]
    return bool(found)


def test_a_tagged_image_is_an_ami_with_all_that_an_ami_has(world: DockerWorld) -> None:
    found = image(world.client)

    assert (found["Name"], found["State"], found["OwnerId"]) == ("web", "available", "000000000000")
    assert (found["Architecture"], found["RootDeviceName"]) == ("x86_64", "/dev/sda1")
    assert found["CreationDate"] == "2026-01-02T03:04:05.000Z"
    assert found["Tags"] == MANAGER_TAG
    (root,) = found["BlockDeviceMappings"]
    assert (root["DeviceName"], root["Ebs"]["VolumeSize"]) == ("/dev/sda1", 8)


def test_it_is_an_ami_of_every_account_and_region_each_its_own(world: DockerWorld) -> None:
    other = Launcher(like=world.client, region="eu-west-1", access_key="111122223333")

    assert image(other)["OwnerId"] == "111122223333"
    assert image(other)["BlockDeviceMappings"] == image(world.client)["BlockDeviceMappings"]


def test_an_image_that_appears_is_an_ami_at_once_everywhere(world: DockerWorld) -> None:
    other = Launcher(like=world.client, region="eu-west-1")
    assert not is_known(other, "ami-000002")
    world.engine.add_image("localstack-ec2/new:ami-000002")
    world.see_images()

    assert image(other, "ami-000002")["Name"] == "new"
    assert world.client.state(world.launch(ImageId="ami-000002")) == "running"


def test_an_image_that_vanishes_is_an_ami_no_more(world: DockerWorld) -> None:
    other = Launcher(like=world.client, region="eu-west-1")
    assert is_known(other)
    world.engine.untag(TAG)
    world.see_images()

    assert not is_known(other)
    assert not is_known(world.client)
    assert (
        world.client.code_of("RunInstances", **world.client.request(ImageId=AMI))
        == "InvalidAMIID.NotFound"
    )


def test_an_image_that_gets_another_tag_is_launched_from_that(world: DockerWorld) -> None:
    world.engine.untag(TAG)
    world.engine.add_image(f"localstack-ec2/renamed:{AMI}")
    world.see_images()

    assert world.region[Image][AMI].reference == f"localstack-ec2/renamed:{AMI}"
    assert world.client.state(world.launch()) == "running"


def test_hearing_the_same_again_changes_nothing(world: DockerWorld) -> None:
    before = image(world.client)
    world.client.call("CreateTags", Resources=[AMI], Tags=[{"Key": "a", "Value": "b"}])
    world.see_images()

    assert image(world.client) == {**before, "Tags": [*MANAGER_TAG, {"Key": "a", "Value": "b"}]}


def test_a_reset_leaves_the_managers_images(world: DockerWorld) -> None:
    world.api.reset()

    assert is_known(world.client)


# Images of the catalogue


def test_a_stock_image_can_be_launched_from_what_it_is_published_as(world: DockerWorld) -> None:
    assert STOCK.docker_image is not None
    world.engine.published[STOCK.docker_image] = {}
    found = image(world.client, STOCK.image_id)

    assert found["Tags"] == MANAGER_TAG
    assert world.client.state(world.launch(ImageId=STOCK.image_id)) == "running"


def test_a_stock_image_that_is_there_is_launched_from_there_until_it_goes(
    world: DockerWorld,
) -> None:
    tag = f"localstack-ec2/mine:{STOCK.image_id}"
    world.engine.add_image(tag)
    world.see_images()
    assert world.region[Image][STOCK.image_id].reference == tag
    assert image(world.client, STOCK.image_id)["Name"] == STOCK.name
    world.engine.untag(tag)
    world.see_images()

    assert world.region[Image][STOCK.image_id].reference == STOCK.docker_image
    assert is_known(world.client, STOCK.image_id)


def test_a_stock_image_that_docker_has_nothing_for_loses_what_a_tag_gave_it(
    world: DockerWorld,
) -> None:
    windows = next(each for each in stock_images("us-east-1") if each.docker_image is None)
    tag = f"localstack-ec2/mine:{windows.image_id}"
    world.engine.add_image(tag)
    world.see_images()
    assert image(world.client, windows.image_id)["Tags"] == MANAGER_TAG
    world.engine.untag(tag)
    world.see_images()

    assert image(world.client, windows.image_id)["Tags"] == []
    assert (
        world.client.code_of("RunInstances", **world.client.request(ImageId=windows.image_id))
        == "InvalidAMIID.NotFound"
    )


# Images that were captured


def captured(world: DockerWorld, **params: Any) -> str:
    """Make an image of an instance and return its id."""
    made = world.client.call(
        "CreateImage", **{"InstanceId": world.launch(), "Name": "golden (1)", **params}
    )
    world.client.turn()
    return str(made["ImageId"])


def next_run(world: DockerWorld) -> DockerWorld:
    return DockerWorld(world.engine)


def test_a_captured_image_is_known_again_as_it_was(world: DockerWorld) -> None:
    image_id = captured(
        world,
        Description="the golden one",
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    before = image(world.client, image_id)
    snapshots = world.client.call("DescribeSnapshots", OwnerIds=["self"])["Snapshots"]
    after = next_run(world)

    assert image(after.client, image_id) == before
    assert after.client.call("DescribeSnapshots", OwnerIds=["self"])["Snapshots"] == snapshots
    assert after.client.state(after.launch(ImageId=image_id)) == "running"


@pytest.mark.parametrize(
    ("region", "access_key"), [("eu-west-1", "test"), ("us-east-1", "111122223333")]
)
def test_it_is_nobody_elses(world: DockerWorld, region: str, access_key: str) -> None:
    image_id = captured(world)
    after = next_run(world)
    other = Launcher(like=after.client, region=region, access_key=access_key)

    assert not is_known(other, image_id)


def test_it_is_there_once_in_the_run_that_made_it(world: DockerWorld) -> None:
    image_id = captured(world)
    before = image(world.client, image_id)
    world.see_images()

    assert image(world.client, image_id) == before


def test_one_that_is_removed_by_hand_is_an_ami_no_more(world: DockerWorld) -> None:
    image_id = captured(world)
    world.see_images()
    world.engine.untag(str(world.region[Image][image_id].reference))
    world.see_images()

    assert not is_known(world.client, image_id)


@pytest.mark.parametrize(
    "record",
    [
        "garbage",
        "[]",
        "7",
        "{}",
        json.dumps({"account": "000000000000", "region": "us-east-1"}),
        json.dumps({"account": "000000000000", "region": "us-east-1", "rows": 7}),
        json.dumps({"account": "000000000000", "region": "us-east-1", "rows": '{"Image":[]}'}),
        json.dumps(
            {
                "account": "000000000000",
                "region": "us-east-1",
                "rows": '{"Image":[{"id":"ami-000007"}]}',
            }
        ),
    ],
)
def test_a_record_that_cannot_be_read_harms_nobody(world: DockerWorld, record: str) -> None:
    labels = {IMAGE_ID: "ami-000007", AMI_NAME: "odd", RECORD: record}
    world.engine.add_image("localstack-ec2/odd:ami-000007", Labels=labels)
    world.see_images()

    assert not is_known(world.client, "ami-000007")
    assert is_known(world.client)


def test_a_record_of_another_image_makes_none(world: DockerWorld) -> None:
    image_id = captured(world)
    found = world.engine.image(str(world.region[Image][image_id].reference))
    assert found is not None
    labels = {**found["Config"]["Labels"], IMAGE_ID: "ami-000007"}
    world.engine.add_image("localstack-ec2/odd:ami-000007", Labels=labels)
    after = next_run(world)

    assert is_known(after.client, image_id)
    assert not is_known(after.client, "ami-000007")


def test_an_image_says_who_logs_in(world: DockerWorld) -> None:
    world.engine.add_image("localstack-ec2/deb:ami-000008", Labels={LOGIN_USER: "admin"})
    world.see_images()

    assert world.region[Image]["ami-000008"].login_user == "admin"
