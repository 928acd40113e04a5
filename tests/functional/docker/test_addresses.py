"""Private addresses are real: the ones asked for, in any number of VPCs, on every interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.keys import SshAddress
from tests.functional.docker.waiting import until

HTTP = "python3 -m http.server 80 --bind {address} --directory {directory} >/dev/null 2>&1 &"


@attrs.frozen
class Network:
    """A VPC with one subnet, everything of whose group is open."""

    vpc_id: str
    subnet_id: str
    group_id: str
    gateway_id: str


def make_network(cloud: Cloud, cidr: str) -> Network:
    vpc_id = cloud.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    subnet = cloud.ec2.create_subnet(VpcId=vpc_id, CidrBlock=cidr)["Subnet"]
    cloud.ec2.modify_subnet_attribute(
        SubnetId=subnet["SubnetId"], MapPublicIpOnLaunch={"Value": True}
    )
    gateway = cloud.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    cloud.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
    (table,) = cloud.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])[
        "RouteTables"
    ]
    cloud.ec2.create_route(
        RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
    )
    group = cloud.ec2.create_security_group(GroupName="all", Description="all", VpcId=vpc_id)
    cloud.ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"], IpProtocol="-1", CidrIp="0.0.0.0/0"
    )
    return Network(vpc_id, subnet["SubnetId"], group["GroupId"], gateway)


def remove(cloud: Cloud, network: Network) -> None:
    cloud.ec2.detach_internet_gateway(InternetGatewayId=network.gateway_id, VpcId=network.vpc_id)
    cloud.ec2.delete_internet_gateway(InternetGatewayId=network.gateway_id)
    cloud.ec2.delete_security_group(GroupId=network.group_id)
    cloud.ec2.delete_subnet(SubnetId=network.subnet_id)
    cloud.ec2.delete_vpc(VpcId=network.vpc_id)


def placed(network: Network, address: str | None = None) -> dict[str, Any]:
    where: dict[str, Any] = {
        "SubnetId": network.subnet_id,
        "SecurityGroupIds": [network.group_id],
    }
    return where if address is None else {**where, "PrivateIpAddress": address}


def serve(cloud: Cloud, instance_id: str, text: str) -> None:
    """Let an instance answer HTTP at its private address with a text."""
    address = cloud.instance(instance_id)["PrivateIpAddress"]
    cloud.inside(instance_id, f"mkdir /served && echo {text} >/served/index.html")
    start = HTTP.format(address=address, directory="/served")
    cloud.inside(instance_id, f"setsid {start} sleep 0.1")


def fetched(cloud: Cloud, instance_id: str, address: str) -> str:
    def fetch() -> str:
        return cloud.inside(instance_id, f"curl -sS -m 3 http://{address}/ 2>&1 || true")

    return until(fetch, lambda text: "curl:" not in text, seconds=15)


@pytest.fixture(scope="module")
def network(cloud: Cloud) -> Network:
    return make_network(cloud, "10.217.0.0/24")


def test_a_requested_address_is_the_instances(
    cloud: Cloud, amis: Mapping[str, str], network: Network
) -> None:
    instance_id = cloud.run(amis["debian"], **placed(network, "10.217.0.77"))

    assert cloud.instance(instance_id)["PrivateIpAddress"] == "10.217.0.77"
    assert "inet 10.217.0.77/24" in cloud.inside(instance_id, "ip -4 addr show eth0")
    cloud.terminate(instance_id)


def test_a_network_whose_range_is_free_on_the_host_has_that_range(
    cloud: Cloud, amis: Mapping[str, str], network: Network
) -> None:
    """Then the private address is the container's own, and the host reaches it."""
    instance_id = cloud.run(amis["busybox"], **placed(network))
    settings = cloud.container(instance_id)["NetworkSettings"]["Networks"]
    (endpoint,) = settings.values()

    assert endpoint["IPAddress"] == cloud.instance(instance_id)["PrivateIpAddress"]
    cloud.terminate(instance_id)


def test_instances_reach_each_other_at_their_private_addresses(
    cloud: Cloud, amis: Mapping[str, str], network: Network
) -> None:
    server = cloud.run(amis["debian-sshd"], **placed(network))
    caller = cloud.run(amis["debian"], **placed(network))
    serve(cloud, server, "here")

    assert fetched(cloud, caller, cloud.instance(server)["PrivateIpAddress"]) == "here"
    cloud.terminate(server, caller)


def test_two_vpcs_with_the_same_range_work_at_the_same_time(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    address, caller_address = "10.218.0.10", "10.218.0.11"
    networks = [make_network(cloud, "10.218.0.0/24") for _ in range(2)]
    servers, callers = [], []
    for number, each in enumerate(networks):
        servers.append(cloud.run(amis["debian-sshd"], **placed(each, address)))
        callers.append(cloud.run(amis["debian"], **placed(each, caller_address)))
        serve(cloud, servers[-1], f"vpc{number}")

    seen = [fetched(cloud, caller, address) for caller in callers]
    shown = [cloud.instance(server) for server in servers]
    public = [SshAddress(instance["PublicIpAddress"], 22) for instance in shown]
    keys = [each.host_keys() for each in public]

    assert seen == ["vpc0", "vpc1"]
    assert [instance["PrivateIpAddress"] for instance in shown] == [address, address]
    for server in servers:
        assert f"inet {address}/24" in cloud.inside(server, "ip -4 addr")
    # From the host each is reached at its own public address.
    assert public[0].host != public[1].host
    assert not keys[0] & keys[1]
    cloud.logged(r"10\.218\.0\.0/24")  # which of the two has another range on the host
    cloud.terminate(*servers, *callers)
    for each in networks:
        remove(cloud, each)


def test_every_interface_is_there_with_its_addresses(
    cloud: Cloud, amis: Mapping[str, str], network: Network
) -> None:
    interfaces = [
        {
            "DeviceIndex": index,
            "SubnetId": network.subnet_id,
            "Groups": [network.group_id],
            "PrivateIpAddresses": [
                {"PrivateIpAddress": f"10.217.0.{100 + 10 * index + place}", "Primary": place == 0}
                for place in range(2)
            ],
        }
        for index in range(2)
    ]
    instance_id = cloud.run(amis["debian"], NetworkInterfaces=interfaces)
    shown = cloud.instance(instance_id)["NetworkInterfaces"]
    inside = cloud.inside(instance_id, "ip addr")

    assert len(shown) == 2
    for interface in shown:
        assert f"link/ether {interface['MacAddress']}" in inside
        for address in interface["PrivateIpAddresses"]:
            assert f"inet {address['PrivateIpAddress']}/" in inside
    cloud.terminate(instance_id)


def test_a_vpc_that_is_deleted_leaves_no_network(cloud: Cloud, amis: Mapping[str, str]) -> None:
    before = set(cloud.engine.of(cloud.namespace).get("network", []))
    made = make_network(cloud, "10.219.0.0/24")
    instance_id = cloud.run(amis["busybox"], **placed(made))
    during = set(cloud.engine.of(cloud.namespace)["network"])
    cloud.terminate(instance_id)
    remove(cloud, made)

    assert len(during - before) == 1
    until(
        lambda: set(cloud.engine.of(cloud.namespace).get("network", [])),
        lambda networks: networks == before,
    )
