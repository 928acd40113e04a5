from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from tests.fakes.client import Client


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def vpc_id(client: Client) -> str:
    made = client.call("CreateVpc", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)
    return str(made["Vpc"]["VpcId"])


def new_subnet(client: Client, vpc_id: str, **params: Any) -> dict[str, Any]:
    subnet: dict[str, Any] = client.call("CreateSubnet", VpcId=vpc_id, **params)["Subnet"]
    return subnet


def one(client: Client, subnet_id: str) -> dict[str, Any]:
    (subnet,) = client.call("DescribeSubnets", SubnetIds=[subnet_id])["Subnets"]
    return subnet


def ipv6_ranges(client: Client, vpc_id: str) -> list[str]:
    (vpc,) = client.call("DescribeVpcs", VpcIds=[vpc_id])["Vpcs"]
    whole = ipaddress.IPv6Network(vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"])
    return [str(network) for network in list(whole.subnets(new_prefix=64))[:4]]


def test_a_subnet_shows_every_field(client: Client, vpc_id: str) -> None:
    tags = [{"Key": "Name", "Value": "s"}]
    (ipv6, *_) = ipv6_ranges(client, vpc_id)
    subnet_id = new_subnet(
        client,
        vpc_id,
        CidrBlock="10.0.1.77/24",
        Ipv6CidrBlock=ipv6,
        AvailabilityZone="us-east-1b",
        TagSpecifications=[{"ResourceType": "subnet", "Tags": tags}],
    )["SubnetId"]
    subnet = one(client, subnet_id)
    (association,) = subnet.pop("Ipv6CidrBlockAssociationSet")

    assert association["AssociationId"].startswith("subnet-cidr-assoc-")
    assert association["Ipv6CidrBlock"] == ipv6
    assert association["Ipv6CidrBlockState"] == {"State": "associated"}
    assert subnet == {
        "SubnetId": subnet_id,
        "SubnetArn": f"arn:aws:ec2:us-east-1:000000000000:subnet/{subnet_id}",
        "VpcId": vpc_id,
        "OwnerId": "000000000000",
        "State": "available",
        "CidrBlock": "10.0.1.0/24",
        "AvailableIpAddressCount": 251,
        "AvailabilityZone": "us-east-1b",
        "AvailabilityZoneId": "use1-az1",
        "DefaultForAz": False,
        "MapPublicIpOnLaunch": False,
        "AssignIpv6AddressOnCreation": False,
        "EnableDns64": False,
        "Ipv6Native": False,
        "MapCustomerOwnedIpOnLaunch": False,
        "PrivateDnsNameOptionsOnLaunch": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
        "Tags": tags,
    }


def test_partition_and_zones_are_those_of_the_region() -> None:
    client = Client(region="cn-north-1")
    subnet = client.call("DescribeSubnets")["Subnets"][0]

    assert subnet["SubnetArn"].startswith("arn:aws-cn:ec2:cn-north-1:")


def test_a_zone_may_be_given_by_id(client: Client, vpc_id: str) -> None:
    subnet = new_subnet(client, vpc_id, CidrBlock="10.0.0.0/24", AvailabilityZoneId="use1-az2")

    assert subnet["AvailabilityZoneId"] == "use1-az2"
    assert subnet["AvailabilityZone"].startswith("us-east-1")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "MissingParameter"),
        ({"CidrBlock": "here"}, "InvalidParameterValue"),
        ({"CidrBlock": "10.1.0.0/24"}, "InvalidSubnet.Range"),
        ({"CidrBlock": "10.0.0.0/15"}, "InvalidSubnet.Range"),
        ({"CidrBlock": "10.0.0.0/29"}, "InvalidSubnet.Range"),
        ({"CidrBlock": "10.0.9.128/25"}, "InvalidSubnet.Conflict"),
        ({"CidrBlock": "10.0.8.0/21"}, "InvalidSubnet.Conflict"),
        ({"CidrBlock": "10.0.1.0/24", "AvailabilityZone": "eu-west-1a"}, "InvalidParameterValue"),
        ({"CidrBlock": "10.0.1.0/24", "AvailabilityZoneId": "no"}, "InvalidParameterValue"),
        ({"CidrBlock": "10.0.1.0/24", "Ipv6CidrBlock": "2001:db8:f::/64"}, "InvalidSubnet.Range"),
        ({"CidrBlock": "10.0.1.0/24", "Ipv6CidrBlock": "::"}, "InvalidParameterValue"),
        ({"Ipv6Native": True}, "MissingParameter"),
        ({"Ipv6Native": True, "CidrBlock": "10.0.1.0/24"}, "InvalidParameterCombination"),
        ({"CidrBlock": "10.0.1.0/24", "Ipv4IpamPoolId": "x"}, "InvalidIpamPoolId.NotFound"),
    ],
)
def test_a_refused_subnet_leaves_nothing(
    client: Client, vpc_id: str, params: dict[str, Any], code: str
) -> None:
    new_subnet(client, vpc_id, CidrBlock="10.0.9.0/24")
    before = client.call("DescribeSubnets")["Subnets"]

    assert client.code_of("CreateSubnet", VpcId=vpc_id, **params) == code
    assert client.call("DescribeSubnets")["Subnets"] == before


def test_a_subnet_needs_its_vpc(client: Client) -> None:
    code = client.code_of("CreateSubnet", VpcId="vpc-0", CidrBlock="10.0.0.0/24")

    assert code == "InvalidVpcID.NotFound"


def test_ranges_are_free_again_after_their_subnet(client: Client, vpc_id: str) -> None:
    for _ in range(2):
        subnet_id = new_subnet(client, vpc_id, CidrBlock="10.0.0.0/24")["SubnetId"]
        client.call("DeleteSubnet", SubnetId=subnet_id)

    assert client.code_of("DescribeSubnets", SubnetIds=[subnet_id]) == "InvalidSubnetID.NotFound"
    assert client.code_of("DeleteSubnet", SubnetId=subnet_id) == "InvalidSubnetID.NotFound"


def test_an_interface_takes_an_address_and_holds_its_subnet(client: Client, vpc_id: str) -> None:
    subnet_id = new_subnet(client, vpc_id, CidrBlock="10.0.0.0/28")["SubnetId"]
    assert one(client, subnet_id)["AvailableIpAddressCount"] == 11
    interface = client.call("CreateNetworkInterface", SubnetId=subnet_id)["NetworkInterface"]

    assert one(client, subnet_id)["AvailableIpAddressCount"] == 10
    assert client.code_of("DeleteSubnet", SubnetId=subnet_id) == "DependencyViolation"
    client.call("DeleteNetworkInterface", NetworkInterfaceId=interface["NetworkInterfaceId"])
    assert one(client, subnet_id)["AvailableIpAddressCount"] == 11
    client.call("DeleteSubnet", SubnetId=subnet_id)


def test_an_ipv6_only_subnet_has_no_ipv4(client: Client, vpc_id: str) -> None:
    (ipv6, *_) = ipv6_ranges(client, vpc_id)
    subnet = new_subnet(client, vpc_id, Ipv6Native=True, Ipv6CidrBlock=ipv6)

    assert "CidrBlock" not in subnet
    assert subnet["AvailableIpAddressCount"] == 0
    assert subnet["Ipv6Native"] is True
    assert subnet["AssignIpv6AddressOnCreation"] is True
    assert subnet["PrivateDnsNameOptionsOnLaunch"]["HostnameType"] == "resource-name"


def test_a_subnet_gains_and_loses_its_ipv6_range(client: Client, vpc_id: str) -> None:
    first, second, *_ = ipv6_ranges(client, vpc_id)
    new_subnet(client, vpc_id, CidrBlock="10.0.0.0/24", Ipv6CidrBlock=first)
    subnet_id = new_subnet(client, vpc_id, CidrBlock="10.0.1.0/24")["SubnetId"]
    associate = {"SubnetId": subnet_id, "Ipv6CidrBlock": first}
    assert client.code_of("AssociateSubnetCidrBlock", **associate) == "InvalidSubnet.Conflict"
    associate["Ipv6CidrBlock"] = second
    answer = client.call("AssociateSubnetCidrBlock", **associate)
    association = answer["Ipv6CidrBlockAssociation"]

    assert association["Ipv6CidrBlockState"] == {"State": "associating"}
    assert one(client, subnet_id)["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"] == second
    assert client.code_of("AssociateSubnetCidrBlock", **associate) == "CidrLimitExceeded"
    leave = {"AssociationId": association["AssociationId"]}
    client.call(
        "ModifySubnetAttribute", SubnetId=subnet_id, AssignIpv6AddressOnCreation={"Value": True}
    )
    assert client.code_of("DisassociateSubnetCidrBlock", **leave) == "InvalidCidrBlock.InUse"
    client.call(
        "ModifySubnetAttribute", SubnetId=subnet_id, AssignIpv6AddressOnCreation={"Value": False}
    )
    left = client.call("DisassociateSubnetCidrBlock", **leave)["Ipv6CidrBlockAssociation"]
    assert left["Ipv6CidrBlockState"] == {"State": "disassociating"}
    assert one(client, subnet_id)["Ipv6CidrBlockAssociationSet"] == []
    assert (
        client.code_of("DisassociateSubnetCidrBlock", **leave)
        == "InvalidSubnetCidrBlockAssociationID.NotFound"
    )


@pytest.mark.parametrize(
    ("params", "path", "value"),
    [
        ({"MapPublicIpOnLaunch": {"Value": True}}, "MapPublicIpOnLaunch", True),
        ({"AssignIpv6AddressOnCreation": {"Value": True}}, "AssignIpv6AddressOnCreation", True),
        ({"EnableDns64": {"Value": True}}, "EnableDns64", True),
        ({"EnableLniAtDeviceIndex": 1}, "EnableLniAtDeviceIndex", 1),
        (
            {"PrivateDnsHostnameTypeOnLaunch": "resource-name"},
            "PrivateDnsNameOptionsOnLaunch.HostnameType",
            "resource-name",
        ),
        (
            {"EnableResourceNameDnsARecordOnLaunch": {"Value": True}},
            "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord",
            True,
        ),
        (
            {"EnableResourceNameDnsAAAARecordOnLaunch": {"Value": True}},
            "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord",
            True,
        ),
    ],
)
def test_an_attribute_is_read_back_as_it_was_set(
    client: Client, vpc_id: str, params: dict[str, Any], path: str, value: object
) -> None:
    (ipv6, *_) = ipv6_ranges(client, vpc_id)
    subnet = new_subnet(client, vpc_id, CidrBlock="10.0.0.0/24", Ipv6CidrBlock=ipv6)
    client.call("ModifySubnetAttribute", SubnetId=subnet["SubnetId"], **params)
    found: Any = one(client, subnet["SubnetId"])
    for member in path.split("."):
        found = found[member]

    assert found == value


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "MissingParameter"),
        (
            {"MapPublicIpOnLaunch": {"Value": True}, "EnableDns64": {"Value": False}},
            "InvalidParameterCombination",
        ),
        ({"AssignIpv6AddressOnCreation": {"Value": True}}, "InvalidParameterValue"),
        ({"EnableDns64": {"Value": True}}, "InvalidParameterValue"),
        ({"PrivateDnsHostnameTypeOnLaunch": "nick-name"}, "InvalidParameterValue"),
        ({"CustomerOwnedIpv4Pool": "pool"}, "InvalidParameterCombination"),
    ],
)
def test_an_attribute_that_does_not_fit_is_refused(
    client: Client, vpc_id: str, params: dict[str, Any], code: str
) -> None:
    subnet_id = new_subnet(client, vpc_id, CidrBlock="10.0.0.0/24")["SubnetId"]
    before = one(client, subnet_id)

    assert client.code_of("ModifySubnetAttribute", SubnetId=subnet_id, **params) == code
    assert one(client, subnet_id) == before


def test_local_network_interfaces_can_be_switched_off_again(client: Client, vpc_id: str) -> None:
    subnet_id = new_subnet(client, vpc_id, CidrBlock="10.0.0.0/24")["SubnetId"]
    client.call("ModifySubnetAttribute", SubnetId=subnet_id, EnableLniAtDeviceIndex=1)
    client.call(
        "ModifySubnetAttribute", SubnetId=subnet_id, DisableLniAtDeviceIndex={"Value": True}
    )

    assert "EnableLniAtDeviceIndex" not in one(client, subnet_id)


def test_subnets_are_filtered(client: Client, vpc_id: str) -> None:
    (ipv6, *_) = ipv6_ranges(client, vpc_id)
    subnet = new_subnet(client, vpc_id, CidrBlock="10.0.0.0/24", Ipv6CidrBlock=ipv6)
    new_subnet(client, vpc_id, CidrBlock="10.0.1.0/25", AvailabilityZone="us-east-1c")
    (association,) = subnet["Ipv6CidrBlockAssociationSet"]

    def found(name: str, value: str) -> list[str]:
        wanted = [
            {"Name": "vpc-id", "Values": [vpc_id]},
            {"Name": name, "Values": [value]},
        ]
        answer = client.call("DescribeSubnets", Filters=wanted)["Subnets"]
        return [item["CidrBlock"] for item in answer]

    first = ["10.0.0.0/24"]
    for name, value in {
        "availability-zone": subnet["AvailabilityZone"],
        "availabilityZoneId": subnet["AvailabilityZoneId"],
        "available-ip-address-count": "251",
        "cidr-block": "10.0.0.0/24",
        "cidr": "10.0.0.0/24",
        "cidrBlock": "*/24",
        "subnet-id": subnet["SubnetId"],
        "subnet-arn": subnet["SubnetArn"],
        "ipv6-cidr-block-association.ipv6-cidr-block": ipv6,
        "ipv6-cidr-block-association.association-id": association["AssociationId"],
        "ipv6-cidr-block-association.state": "associated",
    }.items():
        assert found(name, value) == first, name
    both = ["10.0.0.0/24", "10.0.1.0/25"]
    for name, value in {
        "default-for-az": "false",
        "defaultForAz": "false",
        "map-public-ip-on-launch": "false",
        "enable-dns64": "false",
        "ipv6-native": "false",
        "state": "available",
        "owner-id": "000000000000",
        "private-dns-name-options-on-launch.hostname-type": "ip-name",
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record": "false",
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": "false",
        "map-customer-owned-ip-on-launch": "false",
    }.items():
        assert found(name, value) == both, name
    assert found("outpost-arn", "*") == []
    assert (
        client.code_of("DescribeSubnets", Filters=[{"Name": "size", "Values": ["24"]}])
        == "InvalidParameterValue"
    )


def test_a_deleted_subnet_leaves_its_tables_and_acl(client: Client, vpc_id: str) -> None:
    subnet_id = new_subnet(client, vpc_id, CidrBlock="10.0.0.0/24")["SubnetId"]
    table = client.call("CreateRouteTable", VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    client.call("AssociateRouteTable", RouteTableId=table, SubnetId=subnet_id)
    client.call("DeleteSubnet", SubnetId=subnet_id)
    (shown,) = client.call("DescribeRouteTables", RouteTableIds=[table])["RouteTables"]
    wanted = [{"Name": "association.subnet-id", "Values": [subnet_id]}]

    assert shown["Associations"] == []
    assert client.call("DescribeNetworkAcls", Filters=wanted)["NetworkAcls"] == []
    client.call("DeleteRouteTable", RouteTableId=table)
