"""What a VPC's router does, from requests to typed values."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from emulator.net.route_legs import Way
from emulator.net.router_plan import RouterPlan, gateway_of, router_plan
from tests.fakes.topology import Topology


class Lab(Topology):
    """A VPC with one instance in one subnet, behind an internet gateway."""

    def __init__(self) -> None:
        super().__init__()
        self.vpc_id = self.vpc("10.1.0.0/16")
        self.subnet_id = self.subnet(self.vpc_id, "10.1.1.0/24")
        self.internet = self.gateway(self.vpc_id)
        self.interface = self.instance(self.subnet_id)
        self.private_ip = IPv4Address(self.interface.private_ips[0])

    def plan(self) -> RouterPlan:
        return router_plan(self.here, self.vpc_id)


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_a_vpc_that_is_gone_has_an_idle_router(lab: Lab) -> None:
    assert router_plan(lab.here, "vpc-00000000000000000") == RouterPlan()


def test_a_router_knows_the_interfaces_of_each_subnet_and_where_they_send(lab: Lab) -> None:
    (subnet,) = lab.plan().subnets

    assert subnet.interfaces == (lab.interface.mac_address,)
    assert [(str(leg.network), leg.hop and leg.hop.way) for leg in subnet.legs] == [
        ("10.1.0.0/16", Way.LOCAL)
    ]


def test_an_elastic_address_is_a_private_one_of_an_interface(lab: Lab) -> None:
    public_ip, allocation = lab.elastic()
    free = lab.plan().public
    lab.call("AssociateAddress", AllocationId=allocation, NetworkInterfaceId=lab.interface.id)

    assert (free, lab.plan().public) == ((), ((IPv4Address(public_ip), lab.private_ip),))


def test_it_takes_the_place_of_an_automatic_one(lab: Lab) -> None:
    lab.interface.public_ip = "198.18.7.7"
    before = lab.plan().public
    public_ip, allocation = lab.elastic()
    lab.call("AssociateAddress", AllocationId=allocation, NetworkInterfaceId=lab.interface.id)

    assert before == ((IPv4Address("198.18.7.7"), lab.private_ip),)
    assert lab.plan().public == ((IPv4Address(public_ip), lab.private_ip),)


def test_an_address_of_the_machines_network_is_nobodys_public_one(lab: Lab) -> None:
    lab.interface.public_ip = "172.18.0.2"

    assert lab.plan().public == ()


def test_without_an_internet_gateway_nothing_is_public(lab: Lab) -> None:
    lab.call("DetachInternetGateway", InternetGatewayId=lab.internet, VpcId=lab.vpc_id)
    lab.interface.public_ip = "198.18.7.7"

    assert lab.plan().public == ()


def test_a_nat_gateways_addresses_are_for_answers(lab: Lab) -> None:
    public_ip, allocation = lab.elastic()
    nat = lab.nat(lab.subnet_id, AllocationId=allocation)
    plan = lab.plan()

    assert plan.gateways == (IPv4Address(public_ip),)
    assert [str(each) for each in plan.private_gateways] == [
        nat["NatGatewayAddresses"][0]["PrivateIp"]
    ]
    assert plan.public == ()


def test_peers_are_those_of_active_connections(lab: Lab) -> None:
    other = lab.vpc("10.2.0.0/16")
    peering = lab.peering(lab.vpc_id, other)
    active = lab.plan().peers
    lab.call("DeleteVpcPeeringConnection", VpcPeeringConnectionId=peering)

    assert (active, lab.plan().peers) == ((lab.key(other),), ())


def test_an_instance_sends_to_the_fourth_address_of_its_own_range(lab: Lab) -> None:
    lab.call("AssociateVpcCidrBlock", VpcId=lab.vpc_id, CidrBlock="10.5.0.0/16")
    second = lab.instance(lab.subnet(lab.vpc_id, "10.5.1.0/24"), 2)
    found = [gateway_of(lab.here, each.instance_id or "") for each in (lab.interface, second)]

    assert [each and each.address for each in found] == ["10.1.0.3", "10.5.0.3"]
    assert {each and each.mac_address for each in found} == {found[0] and found[0].mac_address}
    assert found[0] is not None
    assert [IPv4Network(each) for each in found[0].cidrs] == list(lab.plan().cidrs)
    assert gateway_of(lab.here, "i-00000000000000099") is None
