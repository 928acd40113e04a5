"""Network ACLs and routes, from requests to typed rules."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.net.ruleset import ruleset_of
from emulator.net.subnet_rules import SubnetRules
from emulator.net.traffic import Traffic
from tests.fakes.client import Client
from tests.fakes.network import new_instance, region_of

INSTANCE = "i-11111111111111111"


class Lab(Client):
    """An instance in a subnet of its own."""

    def __init__(self, *, public: bool = True) -> None:
        super().__init__()
        self.vpc_id = self.call("CreateVpc", CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        self.subnet_id = self.subnet("10.1.1.0/24")
        self.interface = new_instance(self, self.subnet_id, INSTANCE, public_ip=public)
        self.table_id = self.table(self.subnet_id)

    def subnet(self, cidr: str) -> str:
        made = self.call("CreateSubnet", VpcId=self.vpc_id, CidrBlock=cidr)
        return str(made["Subnet"]["SubnetId"])

    def table(self, subnet_id: str) -> str:
        made = self.call("CreateRouteTable", VpcId=self.vpc_id)["RouteTable"]["RouteTableId"]
        self.call("AssociateRouteTable", RouteTableId=made, SubnetId=subnet_id)
        return str(made)

    def gateway(self) -> str:
        made = self.call("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"]
        self.call("AttachInternetGateway", InternetGatewayId=made, VpcId=self.vpc_id)
        return str(made)

    def route(self, cidr: str = "0.0.0.0/0", table_id: str = "", **target: str) -> None:
        self.call(
            "CreateRoute",
            RouteTableId=table_id or self.table_id,
            DestinationCidrBlock=cidr,
            **target,
        )

    def rules(self) -> SubnetRules:
        (found,) = ruleset_of(region_of(self), INSTANCE, {}).interfaces
        assert found.subnet is not None
        return found.subnet

    def routes(self) -> list[tuple[str, bool]]:
        return [(str(each.network), each.leads_there) for each in self.rules().routes]


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_a_subnet_begins_with_an_acl_that_lets_everything_through(lab: Lab) -> None:
    rules = lab.rules()

    assert [str(each) for each in rules.own] == ["10.1.1.0/24"]
    for side in (rules.ingress, rules.egress):
        assert [(each.traffic, str(each.network), each.allows) for each in side] == [
            (Traffic(None), "0.0.0.0/0", True)
        ]


def test_entries_come_by_number_each_for_one_direction(lab: Lab) -> None:
    acl = lab.call("DescribeNetworkAcls", Filters=[{"Name": "vpc-id", "Values": [lab.vpc_id]}])
    acl_id = acl["NetworkAcls"][0]["NetworkAclId"]
    entry: dict[str, Any] = {"NetworkAclId": acl_id, "CidrBlock": "192.0.2.0/24"}
    ports = {"Protocol": "6", "PortRange": {"From": 80, "To": 81}}
    lab.call(
        "CreateNetworkAclEntry", **entry, **ports, RuleNumber=90, RuleAction="deny", Egress=False
    )
    lab.call(
        "CreateNetworkAclEntry",
        **entry,
        Protocol="1",
        IcmpTypeCode={"Type": 8, "Code": -1},
        RuleNumber=50,
        RuleAction="allow",
        Egress=True,
    )
    rules = lab.rules()

    assert [(each.traffic, each.allows) for each in rules.ingress] == [
        (Traffic(6, (80, 81)), False),
        (Traffic(None), True),
    ]
    assert rules.egress[0].traffic == Traffic(1, icmp=(8, None))


def test_without_a_route_there_is_no_way_but_to_the_vpc(lab: Lab) -> None:
    assert lab.routes() == [("10.1.0.0/16", True)]


def test_an_internet_gateway_is_a_way_for_public_addresses() -> None:
    for public in (True, False):
        lab = Lab(public=public)
        lab.route(GatewayId=lab.gateway())

        assert lab.routes() == [("10.1.0.0/16", True), ("0.0.0.0/0", public)]


def test_an_elastic_address_is_public_as_well() -> None:
    lab = Lab(public=False)
    lab.route(GatewayId=lab.gateway())
    address = lab.call("AllocateAddress", Domain="vpc")["AllocationId"]
    lab.call("AssociateAddress", AllocationId=address, NetworkInterfaceId=lab.interface.id)

    assert lab.routes()[-1] == ("0.0.0.0/0", True)


def test_a_detached_gateway_is_a_black_hole(lab: Lab) -> None:
    gateway = lab.gateway()
    lab.route(GatewayId=gateway)
    address = lab.interface.public_ip
    lab.interface.public_ip = None  # nobody may detach it from under a public address
    lab.call("DetachInternetGateway", InternetGatewayId=gateway, VpcId=lab.vpc_id)
    lab.interface.public_ip = address

    assert lab.routes()[-1] == ("0.0.0.0/0", False)


def test_a_nat_gateway_leads_out_where_its_own_subnet_does() -> None:
    lab = Lab(public=False)
    outside = lab.subnet("10.1.2.0/24")
    outside_table = lab.table(outside)
    gateway = lab.gateway()
    address = lab.call("AllocateAddress", Domain="vpc")["AllocationId"]
    nat = lab.call("CreateNatGateway", SubnetId=outside, AllocationId=address)["NatGateway"]
    lab.route(NatGatewayId=nat["NatGatewayId"])
    before = lab.routes()[-1]
    lab.route(table_id=outside_table, GatewayId=gateway)
    after = lab.routes()[-1]
    lab.call("DeleteNatGateway", NatGatewayId=nat["NatGatewayId"])

    assert (before, after) == (("0.0.0.0/0", False), ("0.0.0.0/0", True))
    assert lab.routes()[-1] == ("0.0.0.0/0", False)


def test_the_longest_prefix_decides(lab: Lab) -> None:
    lab.route(GatewayId=lab.gateway())
    other = lab.call("CreateVpc", CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    pending = lab.call("CreateVpcPeeringConnection", VpcId=lab.vpc_id, PeerVpcId=other)
    peering = pending["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    lab.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=peering)
    lab.route("10.2.0.0/16", VpcPeeringConnectionId=peering)
    active = lab.routes()
    lab.call("DeleteVpcPeeringConnection", VpcPeeringConnectionId=peering)

    assert active == [("10.1.0.0/16", True), ("10.2.0.0/16", True), ("0.0.0.0/0", True)]
    assert lab.routes()[1] == ("10.2.0.0/16", False)


def test_a_subnet_without_a_table_of_its_own_has_the_main_one() -> None:
    lab = Lab()
    lab.subnet_id = lab.subnet("10.1.9.0/24")
    new_instance(lab, lab.subnet_id, "i-22222222222222222")
    (found,) = ruleset_of(region_of(lab), "i-22222222222222222", {}).interfaces

    assert found.subnet is not None
    assert [str(each.network) for each in found.subnet.routes] == ["10.1.0.0/16"]


def test_groups_alone_may_be_asked_for(lab: Lab) -> None:
    (found,) = ruleset_of(region_of(lab), INSTANCE, {}, subnets=False).interfaces

    assert found.subnet is None
