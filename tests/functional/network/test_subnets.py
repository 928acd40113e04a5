"""Network ACLs and routes around real instances; the machine's other address is the internet."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.waiting import until
from tests.functional.network.place import Place
from tests.functional.network.test_security_groups import (
    PATIENCE_SECONDS,
    Machine,
    machine,
    new_group,
)

CIDR, FIRST, SECOND = "10.238.0.0/16", "10.238.1.0/24", "10.238.2.0/24"
HOST = Place()
PORT = 8123


@attrs.define
class Stage:
    """Instances whose groups are open: two in one subnet, one of them public, and another."""

    cloud: Cloud
    vpc_id: str
    subnets: tuple[str, str]
    public: Machine
    beside: Machine
    other: Machine
    internet: str

    def guard(self, *rules: Mapping[str, Any]) -> None:
        """Give the first subnet an ACL of its own with these rules, from 100 on."""
        made = self.cloud.ec2.create_network_acl(VpcId=self.vpc_id)["NetworkAcl"]
        for number, rule in enumerate(rules):
            self.cloud.ec2.create_network_acl_entry(
                NetworkAclId=made["NetworkAclId"],
                RuleNumber=100 + number,
                **{"CidrBlock": "0.0.0.0/0", "Protocol": "-1", "RuleAction": "allow", **rule},
            )
        self.associate(made["NetworkAclId"])

    def unguard(self) -> None:
        """Give the first subnet the VPC's own ACL again."""
        acls = self.cloud.ec2.describe_network_acls(
            Filters=[{"Name": "vpc-id", "Values": [self.vpc_id]}]
        )["NetworkAcls"]
        self.associate(next(acl["NetworkAclId"] for acl in acls if acl["IsDefault"]))

    def associate(self, acl_id: str) -> None:
        acls = self.cloud.ec2.describe_network_acls(
            Filters=[{"Name": "association.subnet-id", "Values": [self.subnets[0]]}]
        )["NetworkAcls"]
        (association,) = (
            each["NetworkAclAssociationId"]
            for each in acls[0]["Associations"]
            if each["SubnetId"] == self.subnets[0]
        )
        self.cloud.ec2.replace_network_acl_association(
            AssociationId=association, NetworkAclId=acl_id
        )


def eventually(wanted: bool, reaches: Callable[[], bool]) -> bool:
    return until(reaches, lambda seen: seen == wanted, PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def stage(cloud: Cloud, amis: Mapping[str, str]) -> Iterator[Stage]:
    shown = subprocess.run(
        ["ip", "-4", "-o", "address", "show", "docker0"], capture_output=True, text=True, check=True
    ).stdout
    internet = shown.split()[3].partition("/")[0]
    vpc_id = cloud.ec2.create_vpc(CidrBlock=CIDR)["Vpc"]["VpcId"]
    first, second = (
        cloud.ec2.create_subnet(VpcId=vpc_id, CidrBlock=cidr)["Subnet"]["SubnetId"]
        for cidr in (FIRST, SECOND)
    )
    group_id = new_group(cloud, vpc_id, "open", closed=False)
    public = {
        "NetworkInterfaces": [
            {
                "DeviceIndex": 0,
                "SubnetId": first,
                "Groups": [group_id],
                "AssociatePublicIpAddress": True,
            }
        ]
    }
    instance_id = cloud.run(amis["busybox"], **public)
    one = Machine(
        instance_id,
        cloud.instance(instance_id)["PrivateIpAddress"],
        "",
        Place(cloud.container(instance_id)["State"]["Pid"]),
        group_id,
        {},
    )
    beside, other = (
        machine(cloud, amis["busybox"], subnet_id, group_id) for subnet_id in (first, second)
    )
    with (
        one.place.serving(8000),
        beside.place.serving(8000),
        other.place.serving(8000),
        HOST.serving(PORT),
    ):
        yield Stage(cloud, vpc_id, (first, second), one, beside, other, internet)
    cloud.terminate(instance_id, beside.instance_id, other.instance_id)


def test_a_deny_of_an_acl_comes_before_what_groups_allow(stage: Stage) -> None:
    ports = {"Protocol": "6", "PortRange": {"From": 8000, "To": 8000}}
    before = stage.other.place.tcp(stage.public.address)
    stage.guard(
        {"Egress": False, "RuleAction": "deny", "CidrBlock": SECOND, **ports},
        {"Egress": False},
        {"Egress": True},
    )
    closed = eventually(False, lambda: stage.other.place.tcp(stage.public.address))
    udp = stage.other.place.udp(stage.public.address)
    outwards = stage.public.place.tcp(stage.other.address)
    beside = stage.beside.place.tcp(stage.public.address)
    stage.unguard()
    after = eventually(True, lambda: stage.other.place.tcp(stage.public.address))

    assert (before, closed, udp, outwards, beside, after) == (True, False, True, True, True, True)


def test_answers_need_rules_of_their_own(stage: Stage) -> None:
    """An ACL knows of no connections: without a rule for what comes back, nothing does."""
    http = {"Protocol": "6", "PortRange": {"From": 8000, "To": 8000}}
    answers = {"Protocol": "6", "PortRange": {"From": 1024, "To": 65535}}
    stage.guard({"Egress": True, **http})
    lost = eventually(False, lambda: stage.public.place.tcp(stage.other.address))
    stage.guard({"Egress": True, **http}, {"Egress": False, **answers})
    works = eventually(True, lambda: stage.public.place.tcp(stage.other.address))
    ssh = stage.cloud.ssh_address(stage.public.instance_id).host_keys()
    stage.unguard()

    assert (lost, works) == (False, True)
    assert ssh


def test_the_internet_is_behind_a_gateway_and_a_public_address(stage: Stage) -> None:
    ec2 = stage.cloud.ec2

    def online(one: Machine) -> bool:
        return one.place.tcp(stage.internet, PORT)

    before = online(stage.public)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=stage.vpc_id)
    (main,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [stage.vpc_id]}])[
        "RouteTables"
    ]
    everywhere = {
        "RouteTableId": main["RouteTableId"],
        "DestinationCidrBlock": "0.0.0.0/0",
    }
    ec2.create_route(**everywhere, GatewayId=gateway)
    public = eventually(True, lambda: online(stage.public))
    private = online(stage.other)

    table = ec2.create_route_table(VpcId=stage.vpc_id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=stage.subnets[1])
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=stage.subnets[0], AllocationId=address)["NatGateway"]
    ec2.create_route(
        RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat["NatGatewayId"]
    )
    behind_nat = eventually(True, lambda: online(stage.other))
    ec2.delete_nat_gateway(NatGatewayId=nat["NatGatewayId"])
    black_hole = eventually(False, lambda: online(stage.other))
    within = stage.other.place.tcp(stage.public.address)
    ec2.delete_route(**everywhere)
    after = eventually(False, lambda: online(stage.public))

    assert (before, public, private, behind_nat, black_hole, within, after) == (
        False,
        True,
        False,
        True,
        False,
        True,
        False,
    )
