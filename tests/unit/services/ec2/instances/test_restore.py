"""An instance's records made again from what its machine carries."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from emulator.model.instance import Reservation
from emulator.model.network_interface import NetworkInterface
from emulator.model.volume import Volume
from emulator.model.vpc import Subnet
from emulator.services.ec2.instances.restore import restore
from emulator.vm.interface import Guest
from tests.fakes.docker_manager import result_of
from tests.fakes.docker_world import DockerWorld


@pytest.fixture
def world() -> DockerWorld:
    return DockerWorld()


def guests(world: DockerWorld) -> list[Guest]:
    return list(result_of(world.host.manager.describe()))


def following(world: DockerWorld) -> DockerWorld:
    """Return the emulator that is started after this one and has heard of no guest yet."""
    return DockerWorld(world.engine)


def test_everything_of_a_launch_is_there_again(world: DockerWorld) -> None:
    instance_id = world.launch(
        TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "a", "Value": "b"}]}],
        MetadataOptions={"HttpTokens": "required"},
        InstanceInitiatedShutdownBehavior="terminate",
        UserData="aGVsbG8=",
    )
    shown = world.client.instance(instance_id)
    (volume,) = world.client.call("DescribeVolumes")["Volumes"]
    (interface,) = world.client.call("DescribeNetworkInterfaces")["NetworkInterfaces"]
    after = following(world)
    (guest,) = guests(after)
    restored = restore(after.api.world, after.state, guest, "docker")

    assert restored is not None
    assert restored[1].id == instance_id
    assert after.client.instance(instance_id) == shown
    assert after.client.call("DescribeVolumes")["Volumes"] == [volume]
    assert after.client.call("DescribeNetworkInterfaces")["NetworkInterfaces"] == [interface]
    attribute = after.client.call(
        "DescribeInstanceAttribute", InstanceId=instance_id, Attribute="userData"
    )
    assert attribute["UserData"] == {"Value": "aGVsbG8="}


@pytest.mark.parametrize(
    "params",
    [
        {
            "InstanceMarketOptions": {
                "MarketType": "spot",
                "SpotOptions": {
                    "SpotInstanceType": "persistent",
                    "InstanceInterruptionBehavior": "stop",
                    "ValidUntil": datetime(2030, 1, 1, tzinfo=UTC),
                },
            }
        },
        {"CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 1}},
        {"CreditSpecification": {"CpuCredits": "standard"}, "Monitoring": {"Enabled": True}},
        {"LicenseSpecifications": []},
        {"PrivateDnsNameOptions": {"HostnameType": "resource-name"}},
        {"Ipv6AddressCount": 0, "EbsOptimized": True},
        {"CapacityReservationSpecification": {"CapacityReservationPreference": "none"}},
        {
            "BlockDeviceMappings": [
                {
                    "DeviceName": "/dev/sdf",
                    "Ebs": {"VolumeSize": 4, "VolumeType": "io2", "Iops": 100},
                }
            ]
        },
    ],
    ids=lambda params: next(iter(params)),
)
def test_any_launch_can_be_made_again(world: DockerWorld, params: dict[str, Any]) -> None:
    instance_id = world.launch(**params)
    before = world.client.instance(instance_id)
    after = following(world)
    (guest,) = guests(after)

    assert restore(after.api.world, after.state, guest, "docker") is not None
    shown = after.client.instance(instance_id)
    assert {**before, "SpotInstanceRequestId": 0} == {**shown, "SpotInstanceRequestId": 0}


def test_instances_of_one_launch_share_their_reservation_again(world: DockerWorld) -> None:
    world.client.run(ImageId="ami-000001", MinCount=2, MaxCount=2)
    after = following(world)
    for guest in guests(after):
        assert restore(after.api.world, after.state, guest, "docker") is not None
    (reservation,) = after.client.call("DescribeInstances")["Reservations"]

    assert len(reservation["Instances"]) == 2
    assert len(list(after.region[Reservation])) == 1


def test_addresses_are_taken_again(world: DockerWorld) -> None:
    world.launch()
    after = following(world)
    free = sum(each["AvailableIpAddressCount"] for each in after.client.default_subnets())
    (guest,) = guests(after)
    restore(after.api.world, after.state, guest, "docker")

    assert (
        sum(each["AvailableIpAddressCount"] for each in after.client.default_subnets()) == free - 1
    )


def test_an_instance_is_in_the_state_that_its_machine_is_in(world: DockerWorld) -> None:
    world.launch()
    (guest,) = guests(world)
    after = following(world)
    restored = restore(after.api.world, after.state, attrs.evolve(guest, running=False), "docker")

    assert restored is not None
    assert restored[1].state == "stopped"
    assert restored[1].vm_manager == "docker"
    (interface,) = after.region[NetworkInterface]
    assert interface.public_ip is None


def test_groups_that_are_gone_become_the_vpcs_default(world: DockerWorld) -> None:
    group = world.client.call("CreateSecurityGroup", GroupName="web", Description="web")
    instance_id = world.launch(SecurityGroupIds=[group["GroupId"]])
    after = following(world)
    (guest,) = guests(after)
    restore(after.api.world, after.state, guest, "docker")

    (shown,) = after.client.instance(instance_id)["SecurityGroups"]
    assert shown["GroupName"] == "default"


def test_a_profile_that_is_gone_is_none(world: DockerWorld) -> None:
    arn = world.client.profile("web")
    instance_id = world.launch(IamInstanceProfile={"Arn": arn})
    after = following(world)
    (guest,) = guests(after)
    restore(after.api.world, after.state, guest, "docker")

    assert "IamInstanceProfile" not in after.client.instance(instance_id)


def test_an_instance_that_is_known_is_not_made_again(world: DockerWorld) -> None:
    world.launch()
    (guest,) = guests(world)

    assert restore(world.api.world, world.state, guest, "docker") is None


def test_one_whose_subnet_is_gone_cannot_be_made_again(world: DockerWorld) -> None:
    _, subnet = world.client.private_network()
    world.launch(SubnetId=subnet)
    after = following(world)
    (guest,) = guests(after)

    assert restore(after.api.world, after.state, guest, "docker") is None
    assert list(after.region[NetworkInterface]) == list(after.region[Volume]) == []


def test_one_whose_address_somebody_else_has_cannot_be_made_again(world: DockerWorld) -> None:
    address = world.client.instance(world.launch())["PrivateIpAddress"]
    after = following(world)
    (guest,) = guests(after)
    subnet = world.client.default_subnets()[0]["SubnetId"]
    holder = world.client.call("DescribeInstances")["Reservations"][0]["Instances"][0]["SubnetId"]
    assert subnet or holder
    after.client.call("CreateNetworkInterface", SubnetId=holder, PrivateIpAddress=address)

    assert restore(after.api.world, after.state, guest, "docker") is None


def test_places_that_were_taken_in_vain_are_free_again(world: DockerWorld) -> None:
    first, second = world.client.default_subnets()[:2]
    zone = {"AvailabilityZone": first["AvailabilityZone"]}
    extra = world.client.call(
        "CreateSubnet", VpcId=first["VpcId"], CidrBlock="172.31.200.0/24", **zone
    )
    world.launch(
        NetworkInterfaces=[
            {"DeviceIndex": 0, "SubnetId": first["SubnetId"]},
            {"DeviceIndex": 1, "SubnetId": extra["Subnet"]["SubnetId"]},
        ]
    )
    after = following(world)
    (guest,) = guests(after)
    assert restore(after.api.world, after.state, guest, "docker") is None

    assert [each["AvailableIpAddressCount"] for each in after.client.default_subnets()] == [
        each["AvailableIpAddressCount"] for each in DockerWorld().client.default_subnets()
    ]
    assert second


@pytest.mark.parametrize(
    "memento",
    ["", "garbage", "{}", "[]", "null", '{"Instance":[]}', '{"Instance":[{"id":"i-1"}]}'],
)
def test_another_text_makes_nothing(world: DockerWorld, memento: str) -> None:
    world.launch()
    (guest,) = guests(world)
    after = following(world)

    assert (
        restore(after.api.world, after.state, attrs.evolve(guest, memento=memento), "docker")
        is None
    )
    assert list(after.region[Reservation]) == []


def test_a_text_of_another_instance_makes_nothing(world: DockerWorld) -> None:
    world.launch()
    (guest,) = guests(world)
    assert guest.key is not None
    other = attrs.evolve(guest.key, instance_id="i-0123456789abcdef0")

    after = following(world)

    assert restore(after.api.world, after.state, attrs.evolve(guest, key=other), "docker") is None


def test_a_machine_without_an_identity_makes_nothing(world: DockerWorld) -> None:
    assert restore(world.api.world, world.state, Guest("i-1", running=True), "docker") is None


def test_a_machine_carries_a_line_that_says_nothing_of_other_machines(world: DockerWorld) -> None:
    first, second = world.launch(), world.launch()
    carried = {guest.instance_id: guest.memento for guest in guests(world)}

    assert "\n" not in carried[first]
    assert second not in carried[first]
    assert {"Instance", "NetworkInterface", "Reservation", "Volume"} == set(
        json.loads(carried[first])
    )
    assert list(world.region[Subnet])


def test_a_public_address_of_its_own_is_there_again_unless_somebody_has_it(
    world: DockerWorld,
) -> None:
    world.host.namespaces.public = True
    ids = [world.launch(), world.launch()]
    addresses = [world.client.instance(each)["PublicIpAddress"] for each in ids]
    after = following(world)
    after.host.namespaces.public = True
    taken = after.client.call("DescribeSubnets")["Subnets"][0]["SubnetId"]
    made = after.client.call("CreateNetworkInterface", SubnetId=taken)["NetworkInterface"]
    region = after.state.region("000000000000", "us-east-1")
    region[NetworkInterface][made["NetworkInterfaceId"]].public_ip = addresses[1]
    for guest in guests(after):
        restore(after.api.world, after.state, guest, "docker")
    now = [after.client.instance(each)["PublicIpAddress"] for each in ids]

    assert all(each.startswith("198.18.") for each in addresses)
    assert now[0] == addresses[0]
    assert now[1].startswith("198.18.")
    assert now[1] not in addresses
