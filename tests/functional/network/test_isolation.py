"""VPCs apart from each other, instances with very many rules, and no right to filter."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import Engine
from tests.functional.docker.waiting import until
from tests.functional.network.place import Place
from tests.functional.network.test_security_groups import Machine, machine, new_group

CIDR = "10.242.0.0/24"
PATIENCE_SECONDS = 5
GROUPS, RULES = 5, 60


def machine_address(cloud: Cloud, instance_id: str) -> str:
    pages = cloud.page("/_localstack/ec2/instances")["instances"]
    (found,) = (each["MachineAddress"] for each in pages if each["InstanceId"] == instance_id)
    return str(found)


def new_network(cloud: Cloud, ami: str, *addresses: str) -> list[Machine]:
    """Return instances with these addresses in a VPC of their own, all open."""
    vpc_id = cloud.ec2.create_vpc(CidrBlock=CIDR)["Vpc"]["VpcId"]
    subnet_id = cloud.ec2.create_subnet(VpcId=vpc_id, CidrBlock=CIDR)["Subnet"]["SubnetId"]
    group_id = new_group(cloud, vpc_id, "open", closed=False)
    return [machine(cloud, ami, subnet_id, group_id, PrivateIpAddress=each) for each in addresses]


def test_two_vpcs_with_equal_ranges_are_apart(cloud: Cloud, amis: Mapping[str, str]) -> None:
    shared, own = "10.242.0.10", "10.242.0.20"
    one, beside = new_network(cloud, amis["busybox"], shared, own)
    other, lonely = new_network(cloud, amis["busybox"], shared, "10.242.0.30")
    with beside.place.serving(8000), other.place.serving(8000):
        within = one.place.tcp(own)
        same_address_elsewhere = other.place.tcp(own)
        foreign = lonely.place.tcp(shared), one.place.tcp("10.242.0.30")
        by_machine = [
            one.place.tcp(machine_address(cloud, other.instance_id)),
            lonely.place.tcp(machine_address(cloud, beside.instance_id)),
        ]
    cloud.terminate(*(each.instance_id for each in (one, beside, other, lonely)))

    assert within
    assert not same_address_elsewhere
    # The address of the second VPC's own neighbour is reached, the first VPC's is not.
    assert foreign == (True, False)
    assert by_machine == [False, False]


def many(group: int, address: str) -> dict[str, Any]:
    """Return sixty rules: each for a port of its own, from so many ranges."""
    return {
        "IpPermissions": [
            {
                "IpProtocol": "tcp",
                "FromPort": 10_000 + 100 * group + number,
                "ToPort": 10_000 + 100 * group + number,
                "IpRanges": [{"CidrIp": f"{address}/32"}],
                "Ipv6Ranges": [{"CidrIpv6": f"2001:db8:{group}:{number}::/64"}],
            }
            for number in range(RULES)
        ]
    }


def test_an_instance_with_twelve_hundred_rules_has_them_all(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    vpc_id = cloud.ec2.create_vpc(CidrBlock=CIDR)["Vpc"]["VpcId"]
    subnet_id = cloud.ec2.create_subnet(VpcId=vpc_id, CidrBlock=CIDR)["Subnet"]["SubnetId"]
    client = machine(
        cloud, amis["busybox"], subnet_id, new_group(cloud, vpc_id, "open", closed=False)
    )
    groups = [new_group(cloud, vpc_id, f"many {each}", closed=True) for each in range(GROUPS)]
    server = machine(cloud, amis["busybox"], subnet_id, groups[0])
    cloud.ec2.modify_instance_attribute(InstanceId=server.instance_id, Groups=groups)
    for number, group_id in enumerate(groups):
        rules = many(number, client.address)
        cloud.ec2.authorize_security_group_ingress(GroupId=group_id, **rules)
        cloud.ec2.authorize_security_group_egress(GroupId=group_id, **rules)
    ports = (10_000, 10_000 + 100 * (GROUPS - 1) + RULES - 1)
    with server.place.serving(*ports, 10_099):
        opened = [
            until(lambda port=port: client.place.tcp(server.address, port), bool, PATIENCE_SECONDS)  # type: ignore[misc]
            for port in ports
        ]
        closed = client.place.tcp(server.address, 10_099)
        begun = time.monotonic()
        cloud.ec2.revoke_security_group_ingress(
            GroupId=groups[-1], IpPermissions=many(GROUPS - 1, client.address)["IpPermissions"][-1:]
        )
        until(
            lambda: client.place.tcp(server.address, ports[1]),
            lambda seen: not seen,
            PATIENCE_SECONDS,
        )
        seconds = time.monotonic() - begun
        still = client.place.tcp(server.address, ports[0])
    cloud.terminate(client.instance_id, server.instance_id)

    assert opened == [True, True]
    assert not closed
    assert still
    # What is dropped is noticed after 0.4 s, and a busy machine takes its time.
    assert seconds < PATIENCE_SECONDS


def test_without_the_right_to_filter_instances_launch_and_that_is_said(
    engine: Engine, amis: Mapping[str, str]
) -> None:
    cloud = Cloud(engine, through=("setpriv", "--bounding-set=-net_admin"))
    reason = "root is here without CAP_NET_ADMIN"
    info = cloud.page("/_localstack/info")["network_enforcement"]
    doctor = cloud.command("doctor").stdout
    cloud.logged(f"security groups: not enforced: {reason}")
    instance_id = cloud.run(amis["busybox"])
    place = Place(cloud.container(instance_id)["State"]["Pid"])
    with place.serving(8000):
        reached = Place().tcp(machine_address(cloud, instance_id), 8000)
    cloud.close()

    assert info == {"enforced": False, "reason": reason}
    assert f"security groups: not enforced: {reason}" in doctor
    assert reached
