"""Routes followed to where they end."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from emulator.net.route_legs import Hop, Way, legs_of
from emulator.net.router_plan import router_plan
from tests.fakes.topology import Topology

ANYWHERE = "0.0.0.0/0"


class Lab(Topology):
    """A VPC with a private subnet that the tests route for, and a public one."""

    def __init__(self) -> None:
        super().__init__()
        self.vpc_id = self.vpc("10.1.0.0/16")
        self.private, self.public = (
            self.subnet(self.vpc_id, f"10.1.{number}.0/24") for number in (1, 2)
        )
        self.private_table, self.public_table = (
            self.table(self.vpc_id, each) for each in (self.private, self.public)
        )

    def legs(self) -> dict[str, Hop | None]:
        found = legs_of(self.here, self.vpc_id, self.private)
        return {str(leg.network): leg.hop for leg in found}

    def peer(self, cidr: str = "10.2.0.0/16") -> tuple[str, Hop]:
        other = self.vpc(cidr)
        return self.peering(self.vpc_id, other), Hop(Way.PEER, peer=self.key(other))


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_what_is_in_the_vpc_stays_there(lab: Lab) -> None:
    assert lab.legs() == {"10.1.0.0/16": Hop(Way.LOCAL)}


def test_longer_prefixes_come_first(lab: Lab) -> None:
    lab.route(lab.private_table, GatewayId=lab.gateway(lab.vpc_id))
    peering, _ = lab.peer()
    lab.route(lab.private_table, "10.2.3.0/24", VpcPeeringConnectionId=peering)

    assert list(lab.legs()) == ["10.2.3.0/24", "10.1.0.0/16", ANYWHERE]


def test_a_nat_gateway_goes_on_by_its_own_subnets_table_under_its_address(lab: Lab) -> None:
    lab.route(lab.public_table, GatewayId=lab.gateway(lab.vpc_id))
    peering, hop = lab.peer()
    lab.route(lab.public_table, "10.2.0.0/16", VpcPeeringConnectionId=peering)
    public_ip, allocation = lab.elastic()
    nat = lab.nat(lab.public, AllocationId=allocation)
    lab.route(lab.private_table, NatGatewayId=nat["NatGatewayId"])
    private_ip = IPv4Address(nat["NatGatewayAddresses"][0]["PrivateIp"])

    assert lab.legs() == {
        "10.1.0.0/16": Hop(Way.LOCAL),
        "10.2.0.0/16": Hop(Way.PEER, peer=hop.peer, source=private_ip),
        ANYWHERE: Hop(Way.INTERNET, source=IPv4Address(public_ip)),
    }


def test_a_longer_route_of_ones_own_wins_over_those_of_a_nat_gateway(lab: Lab) -> None:
    """Packets that never get to the gateway do not go where its table leads."""
    lab.route(lab.public_table, GatewayId=lab.gateway(lab.vpc_id))
    peering, hop = lab.peer()
    lab.route(lab.public_table, "10.2.3.0/24", VpcPeeringConnectionId=peering)
    nat = lab.nat(lab.public, AllocationId=lab.elastic()[1])
    lab.route(lab.private_table, NatGatewayId=nat["NatGatewayId"])
    lab.route(lab.private_table, "10.2.0.0/16", VpcPeeringConnectionId=peering)

    assert "10.2.3.0/24" not in lab.legs()
    assert lab.legs()["10.2.0.0/16"] == hop


def test_a_route_to_a_nat_gateway_takes_the_longest_of_its_routes_around(lab: Lab) -> None:
    lab.route(lab.public_table, GatewayId=lab.gateway(lab.vpc_id))
    peering, hop = lab.peer()
    lab.route(lab.public_table, "10.2.0.0/16", VpcPeeringConnectionId=peering)
    nat = lab.nat(lab.public, ConnectivityType="private")
    lab.route(lab.private_table, "10.2.3.0/24", NatGatewayId=nat["NatGatewayId"])
    found = lab.legs()["10.2.3.0/24"]

    assert found is not None
    assert (found.way, found.peer) == (Way.PEER, hop.peer)
    assert str(found.source) == nat["NatGatewayAddresses"][0]["PrivateIp"]
    assert set(lab.legs()) == {"10.2.3.0/24", "10.1.0.0/16"}


def test_a_private_nat_gateway_does_not_lead_into_the_internet(lab: Lab) -> None:
    lab.route(lab.public_table, GatewayId=lab.gateway(lab.vpc_id))
    nat = lab.nat(lab.public, ConnectivityType="private")
    lab.route(lab.private_table, NatGatewayId=nat["NatGatewayId"])

    assert lab.legs()[ANYWHERE] is None


def test_nat_gateways_that_lead_to_each_other_lead_nowhere(lab: Lab) -> None:
    one, other = (lab.nat(each, ConnectivityType="private") for each in (lab.private, lab.public))
    lab.route(lab.private_table, NatGatewayId=other["NatGatewayId"])
    lab.route(lab.public_table, NatGatewayId=one["NatGatewayId"])

    assert lab.legs()[ANYWHERE] is None


def test_behind_two_nat_gateways_the_last_one_is_seen(lab: Lab) -> None:
    lab.route(lab.public_table, GatewayId=lab.gateway(lab.vpc_id))
    public_ip, allocation = lab.elastic()
    outer = lab.nat(lab.public, AllocationId=allocation)
    middle = lab.subnet(lab.vpc_id, "10.1.3.0/24")
    lab.route(lab.table(lab.vpc_id, middle), NatGatewayId=outer["NatGatewayId"])
    inner = lab.nat(middle, ConnectivityType="private")
    lab.route(lab.private_table, NatGatewayId=inner["NatGatewayId"])

    assert lab.legs()[ANYWHERE] == Hop(Way.INTERNET, source=IPv4Address(public_ip))


def test_a_nat_gateway_that_is_deleted_is_a_black_hole(lab: Lab) -> None:
    lab.route(lab.public_table, GatewayId=lab.gateway(lab.vpc_id))
    nat = lab.nat(lab.public, AllocationId=lab.elastic()[1])
    lab.route(lab.private_table, NatGatewayId=nat["NatGatewayId"])
    lab.call("DeleteNatGateway", NatGatewayId=nat["NatGatewayId"])

    assert lab.legs()[ANYWHERE] is None


def test_an_interface_forwards_where_nobody_checks_it(lab: Lab) -> None:
    interface = lab.instance(lab.public)
    lab.route(lab.private_table, NetworkInterfaceId=interface.id)
    checked = lab.legs()[ANYWHERE]
    interface.source_dest_check = False

    assert checked is None
    assert lab.legs()[ANYWHERE] == Hop(Way.INTERFACE, via=IPv4Address(interface.private_ips[0]))


def test_a_peering_connection_leads_nowhere_once_it_is_deleted(lab: Lab) -> None:
    peering, hop = lab.peer()
    lab.route(lab.private_table, "10.2.0.0/16", VpcPeeringConnectionId=peering)
    active = lab.legs()["10.2.0.0/16"]
    lab.call("DeleteVpcPeeringConnection", VpcPeeringConnectionId=peering)

    assert (active, lab.legs()["10.2.0.0/16"]) == (hop, None)


# Transit gateways


def attached(lab: Lab, gateway_id: str, vpc_id: str, subnet_id: str) -> str:
    made = lab.call(
        "CreateTransitGatewayVpcAttachment",
        TransitGatewayId=gateway_id,
        VpcId=vpc_id,
        SubnetIds=[subnet_id],
    )
    lab.turn()
    return str(made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"])


def test_a_transit_gateway_leads_by_its_own_table(lab: Lab) -> None:
    gateway = lab.call("CreateTransitGateway")["TransitGateway"]["TransitGatewayId"]
    lab.turn()
    other = lab.vpc("10.2.0.0/16")
    attached(lab, gateway, lab.vpc_id, lab.private)
    attachment = attached(lab, gateway, other, lab.subnet(other, "10.2.1.0/24"))
    lab.route(lab.private_table, "10.0.0.0/8", TransitGatewayId=gateway)
    propagated = lab.legs()
    (table,) = lab.call("DescribeTransitGatewayRouteTables")["TransitGatewayRouteTables"]
    table_id = table["TransitGatewayRouteTableId"]
    route = {"TransitGatewayRouteTableId": table_id, "DestinationCidrBlock": "10.2.7.0/24"}
    lab.call("CreateTransitGatewayRoute", **route, Blackhole=True)
    static = lab.legs()
    lab.call("DeleteTransitGatewayVpcAttachment", TransitGatewayAttachmentId=attachment)
    lab.turn()
    hop = Hop(Way.PEER, peer=lab.key(other))

    assert propagated == {
        "10.1.0.0/16": Hop(Way.LOCAL),
        "10.2.0.0/16": hop,
        "10.0.0.0/8": None,
    }
    assert static == {**propagated, "10.2.7.0/24": None}
    assert "10.2.0.0/16" not in lab.legs()


def test_what_is_attached_to_the_same_transit_gateway_may_send(lab: Lab) -> None:
    gateway = lab.call("CreateTransitGateway")["TransitGateway"]["TransitGatewayId"]
    lab.turn()
    other = lab.vpc("10.2.0.0/16")
    attached(lab, gateway, lab.vpc_id, lab.private)
    alone = router_plan(lab.here, lab.vpc_id).peers
    attached(lab, gateway, other, lab.subnet(other, "10.2.1.0/24"))

    assert (alone, router_plan(lab.here, lab.vpc_id).peers) == ((), (lab.key(other),))
