from __future__ import annotations

from typing import Any, ClassVar

import attrs
import pytest

from emulator.model.row import Stateful, record
from tests.fakes.client import Client


@record
class Place(Stateful):
    """Something routes may lead to that another family makes."""

    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    vpc_id: str | None = None


@record
class VpnGateway(Place):
    PREFIX: ClassVar[str] = "vgw"


@record
class VpnConnection(Place):
    PREFIX: ClassVar[str] = "vpn"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpn_gateway_id",)

    vpn_gateway_id: str
    routes: tuple[str, ...] = ()


@record
class NatGateway(Place):
    PREFIX: ClassVar[str] = "nat"


@record
class Peering(Place):
    PREFIX: ClassVar[str] = "pcx"


@record
class PrefixList(Place):
    PREFIX: ClassVar[str] = "pl"


@attrs.frozen
class Network:
    """A VPC with a subnet, a gateway and a table of its own."""

    client: Client
    vpc_id: str
    subnet_id: str
    gateway_id: str
    table_id: str

    def table(self) -> dict[str, Any]:
        (table,) = self.client.call("DescribeRouteTables", RouteTableIds=[self.table_id])[
            "RouteTables"
        ]
        return table

    def routes(self) -> list[dict[str, Any]]:
        """Return all routes but the local ones."""
        return [route for route in self.table()["Routes"] if route.get("GatewayId") != "local"]

    def add(self, kind: type[Place], state: str = "available", **fields: Any) -> Any:
        region = self.client.api.state.region("000000000000", "us-east-1")
        number = len(region[kind]) + 1
        values = {"vpc_id": self.vpc_id, **fields}
        return region[kind].add(kind(id=f"{kind.PREFIX}-{number:017x}", state=state, **values))

    def create(self, destination: str = "0.0.0.0/0", **target: str) -> None:
        self.client.call(
            "CreateRoute", RouteTableId=self.table_id, DestinationCidrBlock=destination, **target
        )

    def refusal(self, destination: str = "0.0.0.0/0", **target: str) -> str:
        return self.client.code_of(
            "CreateRoute", RouteTableId=self.table_id, DestinationCidrBlock=destination, **target
        )

    def interface(self) -> str:
        made = self.client.call("CreateNetworkInterface", SubnetId=self.subnet_id)
        return str(made["NetworkInterface"]["NetworkInterfaceId"])


@pytest.fixture
def network() -> Network:
    client = Client()
    vpc = client.call("CreateVpc", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)
    vpc_id = vpc["Vpc"]["VpcId"]
    subnet = client.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.1.0/24")["Subnet"]
    gateway = client.call("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"]
    client.call("AttachInternetGateway", InternetGatewayId=gateway, VpcId=vpc_id)
    table = client.call("CreateRouteTable", VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    return Network(client, vpc_id, subnet["SubnetId"], gateway, table)


def test_a_new_table_knows_the_vpcs_ranges_only(network: Network) -> None:
    table = network.table()
    destinations = [
        route.get("DestinationCidrBlock") or route["DestinationIpv6CidrBlock"][:9]
        for route in table["Routes"]
    ]

    assert destinations == ["10.0.0.0/16", "2001:db8:"]
    assert {route["GatewayId"] for route in table["Routes"]} == {"local"}
    assert (table["Associations"], table["PropagatingVgws"], table["Tags"]) == ([], [], [])
    assert (table["VpcId"], table["OwnerId"]) == (network.vpc_id, "000000000000")


def test_a_route_to_the_internet(network: Network) -> None:
    network.create(GatewayId=network.gateway_id)

    assert network.routes() == [
        {
            "DestinationCidrBlock": "0.0.0.0/0",
            "GatewayId": network.gateway_id,
            "Origin": "CreateRoute",
            "State": "active",
        }
    ]


def test_a_route_is_a_black_hole_while_its_gateway_is_detached(network: Network) -> None:
    place = {"InternetGatewayId": network.gateway_id, "VpcId": network.vpc_id}
    network.create(GatewayId=network.gateway_id)
    assert network.routes()[0]["State"] == "active"
    network.client.call("DetachInternetGateway", **place)
    assert network.routes()[0]["State"] == "blackhole"
    network.client.call("AttachInternetGateway", **place)
    assert network.routes()[0]["State"] == "active"
    network.client.call("DetachInternetGateway", **place)
    network.client.call("DeleteInternetGateway", InternetGatewayId=network.gateway_id)
    assert network.routes()[0]["State"] == "blackhole"


def test_a_route_to_an_interface_is_a_black_hole_until_that_works(network: Network) -> None:
    interface_id = network.interface()
    network.create(NetworkInterfaceId=interface_id)
    (route,) = network.routes()
    assert (route["NetworkInterfaceId"], route["State"]) == (interface_id, "blackhole")
    network.client.call("DeleteNetworkInterface", NetworkInterfaceId=interface_id)
    assert network.routes()[0]["State"] == "blackhole"


def test_a_route_to_an_instance_works_while_that_runs(network: Network) -> None:
    client = network.client
    image = client.call("DescribeImages", Owners=["amazon"])["Images"][0]["ImageId"]
    (instance,) = client.call(
        "RunInstances", ImageId=image, MinCount=1, MaxCount=1, SubnetId=network.subnet_id
    )["Instances"]
    instance_id = instance["InstanceId"]
    network.create(InstanceId=instance_id)
    (route,) = network.routes()

    assert route == {
        "DestinationCidrBlock": "0.0.0.0/0",
        "InstanceId": instance_id,
        "InstanceOwnerId": "000000000000",
        "NetworkInterfaceId": instance["NetworkInterfaces"][0]["NetworkInterfaceId"],
        "Origin": "CreateRoute",
        "State": "active",
    }
    client.call("StopInstances", InstanceIds=[instance_id])
    assert network.routes()[0]["State"] == "blackhole"
    client.call("StartInstances", InstanceIds=[instance_id])
    assert network.routes()[0]["State"] == "active"
    client.call("TerminateInstances", InstanceIds=[instance_id])
    (route,) = network.routes()
    assert route["State"] == "blackhole"
    assert "InstanceId" not in route


def test_other_families_targets_are_found_by_their_prefix(network: Network) -> None:
    nat = network.add(NatGateway)
    peering = network.add(Peering, state="active")
    vpn = network.add(VpnGateway)
    network.create("1.0.0.0/8", NatGatewayId=nat.id)
    network.create("2.0.0.0/8", VpcPeeringConnectionId=peering.id)
    network.create("3.0.0.0/8", GatewayId=vpn.id)
    members = ("NatGatewayId", "VpcPeeringConnectionId", "GatewayId")

    assert [route[member] for route, member in zip(network.routes(), members, strict=True)] == [
        nat.id,
        peering.id,
        vpn.id,
    ]
    assert {route["State"] for route in network.routes()} == {"active"}
    nat.state = "deleted"
    peering.state = "deleted"
    vpn.vpc_id = None
    assert {route["State"] for route in network.routes()} == {"blackhole"}


def test_a_nat_gateway_may_be_given_as_a_gateway(network: Network) -> None:
    nat = network.add(NatGateway)
    network.create(GatewayId=nat.id)

    assert network.routes()[0]["NatGatewayId"] == nat.id


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ({}, "MissingParameter"),
        ({"GatewayId": "local"}, "InvalidGatewayID.NotFound"),
        ({"GatewayId": "igw-00000000"}, "InvalidGatewayID.NotFound"),
        ({"GatewayId": "vgw-00000000"}, "InvalidGatewayID.NotFound"),
        ({"GatewayId": "x" * 500}, "InvalidGatewayID.NotFound"),
        ({"NatGatewayId": "nat-00000000"}, "InvalidNatGatewayID.NotFound"),
        ({"NatGatewayId": "igw-00000000"}, "InvalidNatGatewayID.NotFound"),
        ({"NetworkInterfaceId": "eni-00000000"}, "InvalidNetworkInterfaceID.NotFound"),
        ({"InstanceId": "i-00000000"}, "InvalidInstanceID.NotFound"),
        ({"TransitGatewayId": "tgw-00000000"}, "InvalidTransitGatewayID.NotFound"),
        ({"VpcPeeringConnectionId": "pcx-0"}, "InvalidVpcPeeringConnectionID.NotFound"),
        ({"VpcEndpointId": "vpce-00000000"}, "InvalidVpcEndpointId.NotFound"),
        ({"EgressOnlyInternetGatewayId": "eigw-0"}, "InvalidGatewayID.NotFound"),
        ({"CarrierGatewayId": "cagw-0"}, "InvalidCarrierGatewayID.NotFound"),
        ({"LocalGatewayId": "lgw-0"}, "InvalidLocalGatewayID.NotFound"),
        ({"CoreNetworkArn": "arn:aws:x"}, "InvalidCoreNetworkArn.NotFound"),
        ({"GatewayId": "igw-0", "NatGatewayId": "nat-0"}, "InvalidParameterCombination"),
    ],
)
def test_a_route_leads_to_one_thing_that_exists(
    network: Network, target: dict[str, str], code: str
) -> None:
    assert network.refusal(**target) == code
    assert network.routes() == []


def test_a_route_stays_in_its_network(network: Network) -> None:
    (default,) = network.client.call(
        "DescribeInternetGateways", Filters=[{"Name": "attachment.vpc-id", "Values": ["vpc-*"]}]
    )["InternetGateways"][:1]

    assert default["InternetGatewayId"] != network.gateway_id
    assert network.refusal(GatewayId=default["InternetGatewayId"]) == "InvalidParameterValue"


def test_destinations_are_one_of_three(network: Network) -> None:
    egress = network.client.call("CreateEgressOnlyInternetGateway", VpcId=network.vpc_id)[
        "EgressOnlyInternetGateway"
    ]["EgressOnlyInternetGatewayId"]
    prefixes = network.add(PrefixList, vpc_id=None)
    place = {"RouteTableId": network.table_id}
    network.client.call(
        "CreateRoute",
        **place,
        DestinationIpv6CidrBlock="::/0",
        EgressOnlyInternetGatewayId=egress,
    )
    network.client.call(
        "CreateRoute", **place, DestinationPrefixListId=prefixes.id, GatewayId=network.gateway_id
    )
    ipv6, listed = network.routes()

    assert ipv6["DestinationIpv6CidrBlock"] == "::/0"
    assert ipv6["EgressOnlyInternetGatewayId"] == egress
    assert listed["DestinationPrefixListId"] == prefixes.id
    for params, code in (
        ({}, "MissingParameter"),
        (
            {"DestinationCidrBlock": "1.0.0.0/8", "DestinationIpv6CidrBlock": "::/0"},
            "InvalidParameterCombination",
        ),
        ({"DestinationCidrBlock": "::/0"}, "InvalidParameterValue"),
        ({"DestinationIpv6CidrBlock": "1.0.0.0/8"}, "InvalidParameterValue"),
        ({"DestinationPrefixListId": "pl-00000000"}, "InvalidPrefixListID.NotFound"),
    ):
        refused = network.client.code_of(
            "CreateRoute", **place, **params, GatewayId=network.gateway_id
        )
        assert refused == code
    assert network.refusal(EgressOnlyInternetGatewayId=egress) == "InvalidParameterValue"
    network.client.call("DeleteRoute", **place, DestinationPrefixListId=prefixes.id)
    network.client.call("DeleteEgressOnlyInternetGateway", EgressOnlyInternetGatewayId=egress)
    assert [route["State"] for route in network.routes()] == ["blackhole"]


def test_destinations_are_unique_and_the_same_route_is_made_once(network: Network) -> None:
    network.create("8.8.8.8/8", GatewayId=network.gateway_id)
    network.create("8.0.0.0/8", GatewayId=network.gateway_id)

    assert [route["DestinationCidrBlock"] for route in network.routes()] == ["8.0.0.0/8"]
    assert (
        network.refusal("8.0.0.0/8", NetworkInterfaceId=network.interface()) == "RouteAlreadyExists"
    )


def test_inside_the_vpc_routes_lead_through_its_own_interfaces(network: Network) -> None:
    interface_id = network.interface()

    assert network.refusal("10.0.1.0/24", GatewayId=network.gateway_id) == "InvalidParameterValue"
    assert network.refusal("10.0.0.0/16", GatewayId=network.gateway_id) == "InvalidParameterValue"
    assert network.refusal("10.0.0.0/16", NetworkInterfaceId=interface_id) == "RouteAlreadyExists"
    assert (
        network.refusal("10.0.2.0/24", NetworkInterfaceId=interface_id) == "InvalidParameterValue"
    )
    network.create("10.0.1.0/24", NetworkInterfaceId=interface_id)
    network.create("10.0.0.0/8", GatewayId=network.gateway_id)
    assert len(network.routes()) == 2


def test_a_route_is_replaced_in_its_place_and_deleted(network: Network) -> None:
    where = {"RouteTableId": network.table_id, "DestinationCidrBlock": "8.0.0.0/8"}
    interface_id = network.interface()
    assert (
        network.client.code_of("ReplaceRoute", **where, GatewayId=network.gateway_id)
        == "InvalidParameterValue"
    )
    network.create("8.0.0.0/8", GatewayId=network.gateway_id)
    network.create("9.0.0.0/8", GatewayId=network.gateway_id)
    network.client.call("ReplaceRoute", **where, NetworkInterfaceId=interface_id)
    first, second = network.routes()

    assert (first["NetworkInterfaceId"], first["Origin"]) == (interface_id, "CreateRoute")
    assert "GatewayId" not in first
    assert second["DestinationCidrBlock"] == "9.0.0.0/8"
    network.client.call("DeleteRoute", **where)
    assert network.client.code_of("DeleteRoute", **where) == "InvalidRoute.NotFound"
    assert [route["DestinationCidrBlock"] for route in network.routes()] == ["9.0.0.0/8"]


def test_a_local_route_can_lead_to_an_interface_and_back(network: Network) -> None:
    where = {"RouteTableId": network.table_id, "DestinationCidrBlock": "10.0.0.0/16"}
    interface_id = network.interface()
    assert network.client.code_of("DeleteRoute", **where) == "InvalidParameterValue"
    network.client.call("ReplaceRoute", **where, NetworkInterfaceId=interface_id)
    (route,) = network.routes()

    assert route["NetworkInterfaceId"] == interface_id
    assert route["Origin"] == "CreateRouteTable"
    assert len(network.table()["Routes"]) == 2
    assert network.client.code_of("DeleteRoute", **where) == "InvalidParameterValue"
    network.client.call("ReplaceRoute", **where, LocalTarget=True)
    assert network.routes() == []
    assert len(network.table()["Routes"]) == 2
    network.create(GatewayId=network.gateway_id)
    assert (
        network.client.code_of(
            "ReplaceRoute",
            RouteTableId=network.table_id,
            DestinationCidrBlock="0.0.0.0/0",
            LocalTarget=True,
        )
        == "InvalidParameterValue"
    )


def test_a_subnet_is_associated_moved_and_given_back(network: Network) -> None:
    client, subnet_id = network.client, network.subnet_id
    join = {"RouteTableId": network.table_id, "SubnetId": subnet_id}
    answer = client.call("AssociateRouteTable", **join)
    first = answer["AssociationId"]
    other = client.call("CreateRouteTable", VpcId=network.vpc_id)["RouteTable"]["RouteTableId"]

    assert answer["AssociationState"] == {"State": "associated"}
    assert network.table()["Associations"] == [
        {
            "Main": False,
            "RouteTableAssociationId": first,
            "RouteTableId": network.table_id,
            "SubnetId": subnet_id,
            "AssociationState": {"State": "associated"},
        }
    ]
    assert client.call("AssociateRouteTable", **join)["AssociationId"] == first
    assert (
        client.code_of("AssociateRouteTable", RouteTableId=other, SubnetId=subnet_id)
        == "Resource.AlreadyAssociated"
    )
    second = client.call("ReplaceRouteTableAssociation", AssociationId=first, RouteTableId=other)[
        "NewAssociationId"
    ]
    assert second != first
    assert network.table()["Associations"] == []
    assert client.code_of("DeleteRouteTable", RouteTableId=other) == "DependencyViolation"
    missing = "InvalidAssociationID.NotFound"
    assert client.code_of("DisassociateRouteTable", AssociationId=first) == missing
    client.call("DisassociateRouteTable", AssociationId=second)
    client.call("DeleteRouteTable", RouteTableId=other)
    assert (
        client.code_of("DescribeRouteTables", RouteTableIds=[other])
        == "InvalidRouteTableID.NotFound"
    )


def test_associations_need_one_thing_of_the_same_network(network: Network) -> None:
    client = network.client
    elsewhere = client.call("DescribeSubnets")["Subnets"][0]["SubnetId"]
    for params, code in (
        ({}, "MissingParameter"),
        (
            {"SubnetId": network.subnet_id, "GatewayId": network.gateway_id},
            "InvalidParameterCombination",
        ),
        ({"SubnetId": "subnet-0"}, "InvalidSubnetID.NotFound"),
        ({"SubnetId": elsewhere}, "InvalidParameterValue"),
        ({"GatewayId": "nat-0"}, "InvalidGatewayID.NotFound"),
        ({"GatewayId": "igw-00000000"}, "InvalidGatewayID.NotFound"),
    ):
        refused = client.code_of("AssociateRouteTable", RouteTableId=network.table_id, **params)
        assert refused == code


def test_a_gateway_has_a_table_at_the_edge(network: Network) -> None:
    client = network.client
    join = {"RouteTableId": network.table_id, "GatewayId": network.gateway_id}
    association_id = client.call("AssociateRouteTable", **join)["AssociationId"]
    (association,) = network.table()["Associations"]
    other = client.call("CreateRouteTable", VpcId=network.vpc_id)["RouteTable"]["RouteTableId"]

    assert association["GatewayId"] == network.gateway_id
    assert "SubnetId" not in association
    assert client.call("AssociateRouteTable", **join)["AssociationId"] == association_id
    assert (
        client.code_of("AssociateRouteTable", RouteTableId=other, GatewayId=network.gateway_id)
        == "Resource.AlreadyAssociated"
    )
    place = {"InternetGatewayId": network.gateway_id, "VpcId": network.vpc_id}
    client.call("DetachInternetGateway", **place)
    assert network.table()["Associations"] == []


def test_another_table_becomes_the_main_one(network: Network) -> None:
    client = network.client
    main = [
        {"Name": "vpc-id", "Values": [network.vpc_id]},
        {"Name": "association.main", "Values": ["true"]},
    ]
    (born,) = client.call("DescribeRouteTables", Filters=main)["RouteTables"]
    old = born["Associations"][0]["RouteTableAssociationId"]
    assert client.code_of("DisassociateRouteTable", AssociationId=old) == "InvalidParameterValue"
    assert (
        client.code_of("DeleteRouteTable", RouteTableId=born["RouteTableId"])
        == "DependencyViolation"
    )
    new = client.call(
        "ReplaceRouteTableAssociation", AssociationId=old, RouteTableId=network.table_id
    )["NewAssociationId"]
    (now,) = client.call("DescribeRouteTables", Filters=main)["RouteTables"]

    assert new != old
    assert now["RouteTableId"] == network.table_id
    assert now["Associations"][0]["Main"] is True


def test_a_vpn_gateway_propagates_into_tables_of_its_vpc(network: Network) -> None:
    vpn = network.add(VpnGateway)
    detached = network.add(VpnGateway, vpc_id=None)
    where = {"RouteTableId": network.table_id}
    for _ in range(2):
        network.client.call("EnableVgwRoutePropagation", **where, GatewayId=vpn.id)

    assert network.table()["PropagatingVgws"] == [{"GatewayId": vpn.id}]
    assert (
        network.client.code_of("EnableVgwRoutePropagation", **where, GatewayId=detached.id)
        == "Gateway.NotAttached"
    )
    assert (
        network.client.code_of("EnableVgwRoutePropagation", **where, GatewayId="vgw-0")
        == "InvalidGatewayID.NotFound"
    )
    assert network.routes() == []
    connection = network.add(VpnConnection, vpn_gateway_id=vpn.id)
    assert network.routes() == []
    connection.routes = ("192.168.0.0/16",)
    (route,) = network.routes()
    assert route == {
        "DestinationCidrBlock": "192.168.0.0/16",
        "GatewayId": vpn.id,
        "Origin": "EnableVgwRoutePropagation",
        "State": "active",
    }
    connection.state = "deleted"
    assert network.routes() == []
    network.client.call("DisableVgwRoutePropagation", **where, GatewayId=vpn.id)
    assert network.table()["PropagatingVgws"] == []


def test_tables_are_filtered(network: Network) -> None:
    network.create(GatewayId=network.gateway_id)
    nat = network.add(NatGateway, state="pending")
    network.create("8.0.0.0/8", NatGatewayId=nat.id)
    interface_id = network.interface()
    network.create("9.0.0.0/8", NetworkInterfaceId=interface_id)
    association_id = network.client.call(
        "AssociateRouteTable", RouteTableId=network.table_id, SubnetId=network.subnet_id
    )["AssociationId"]

    def found(name: str, value: str) -> list[str]:
        wanted = [{"Name": name, "Values": [value]}]
        answer = network.client.call("DescribeRouteTables", Filters=wanted)["RouteTables"]
        return [item["RouteTableId"] for item in answer]

    for name, value in {
        "association.route-table-association-id": association_id,
        "association.route-table-id": network.table_id,
        "association.subnet-id": network.subnet_id,
        "association.main": "false",
        "route-table-id": network.table_id,
        "route.destination-cidr-block": "8.0.0.0/8",
        "route.gateway-id": network.gateway_id,
        "route.nat-gateway-id": nat.id,
        "route.state": "blackhole",
    }.items():
        assert found(name, value) == [network.table_id], name
    assert len(found("vpc-id", network.vpc_id)) == 2
    assert len(found("route.destination-ipv6-cidr-block", "2001:db8:*")) == 2
    assert len(found("owner-id", "000000000000")) == 3
    assert len(found("association.main", "true")) == 2
    assert len(found("route.origin", "CreateRouteTable")) == 3
    for name in (
        "association.gateway-id",
        "route.destination-prefix-list-id",
        "route.egress-only-internet-gateway-id",
        "route.instance-id",
        "route.transit-gateway-id",
        "route.vpc-peering-connection-id",
    ):
        assert found(name, "*") == [], name


def test_routes_need_their_table(network: Network) -> None:
    where = {"RouteTableId": "rtb-0", "DestinationCidrBlock": "8.0.0.0/8"}
    target = {"GatewayId": network.gateway_id}
    missing = "InvalidRouteTableID.NotFound"

    assert network.client.code_of("CreateRoute", **where, **target) == missing
    assert network.client.code_of("ReplaceRoute", **where, **target) == missing
    assert network.client.code_of("DeleteRoute", **where) == missing
    assert network.client.code_of("CreateRouteTable", VpcId="vpc-0") == "InvalidVpcID.NotFound"
