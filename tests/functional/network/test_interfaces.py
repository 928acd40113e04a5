"""Addresses and interfaces that instances get and lose while they run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.waiting import until
from tests.functional.network.test_security_groups import Machine, machine, new_group

CIDR = "10.235.0.0/24"


@pytest.fixture(scope="module")
def network(cloud: Cloud) -> tuple[str, str]:
    vpc_id = cloud.ec2.create_vpc(CidrBlock=CIDR)["Vpc"]["VpcId"]
    subnet = cloud.ec2.create_subnet(VpcId=vpc_id, CidrBlock=CIDR)["Subnet"]
    return vpc_id, subnet["SubnetId"]


@pytest.fixture(scope="module")
def pair(
    cloud: Cloud, amis: Mapping[str, str], network: tuple[str, str]
) -> Iterator[tuple[Machine, Machine]]:
    vpc_id, subnet_id = network
    group_id = new_group(cloud, vpc_id, "open", closed=False)
    one, other = (machine(cloud, amis["busybox"], subnet_id, group_id) for _ in range(2))
    with one.place.serving(8000):
        yield one, other
    cloud.terminate(one.instance_id, other.instance_id)


def test_a_secondary_address_comes_and_goes(cloud: Cloud, pair: tuple[Machine, Machine]) -> None:
    one, other = pair
    (interface,) = cloud.instance(one.instance_id)["NetworkInterfaces"]
    address = {
        "NetworkInterfaceId": interface["NetworkInterfaceId"],
        "PrivateIpAddresses": ["10.235.0.200"],
    }
    before = other.place.tcp("10.235.0.200")
    cloud.ec2.assign_private_ip_addresses(**address)
    during = until(lambda: other.place.tcp("10.235.0.200"), bool, 5)
    cloud.ec2.unassign_private_ip_addresses(**address)
    after = until(lambda: other.place.tcp("10.235.0.200"), lambda seen: not seen, 5)

    assert (before, during, after) == (False, True, False)
    assert other.place.tcp(one.address)


def test_an_interface_is_attached_with_groups_of_its_own(
    cloud: Cloud, pair: tuple[Machine, Machine], network: tuple[str, str]
) -> None:
    one, other = pair
    vpc_id, subnet_id = network
    closed = new_group(cloud, vpc_id, "closed", closed=True)
    made = cloud.ec2.create_network_interface(SubnetId=subnet_id, Groups=[closed])
    interface = made["NetworkInterface"]
    interface_id, address = interface["NetworkInterfaceId"], interface["PrivateIpAddress"]
    attachment = cloud.ec2.attach_network_interface(
        InstanceId=one.instance_id, NetworkInterfaceId=interface_id, DeviceIndex=1
    )["AttachmentId"]
    until(lambda: cloud.inside(one.instance_id, "ip addr"), lambda text: address in text, 5)
    shut = other.place.tcp(address), other.place.tcp(one.address)
    cloud.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=interface_id, Groups=[one.group_id]
    )
    opened = until(lambda: other.place.tcp(address), bool, 5)
    cloud.ec2.detach_network_interface(AttachmentId=attachment, Force=True)
    until(lambda: cloud.inside(one.instance_id, "ip addr"), lambda text: address not in text, 5)

    assert (shut, opened) == ((False, True), True)
    assert not other.place.tcp(address)
