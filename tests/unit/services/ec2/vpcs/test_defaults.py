from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.client import Client


@pytest.fixture
def client() -> Client:
    return Client()


def default_vpc(client: Client) -> dict[str, Any]:
    wanted = [{"Name": "is-default", "Values": ["true"]}]
    (vpc,) = client.call("DescribeVpcs", Filters=wanted)["Vpcs"]
    return vpc


def subnets(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.call("DescribeSubnets")["Subnets"]
    return found


def empty(client: Client) -> None:
    """Delete the default VPC, as one does by hand."""
    vpc_id = default_vpc(client)["VpcId"]
    for subnet in subnets(client):
        client.call("DeleteSubnet", SubnetId=subnet["SubnetId"])
    (gateway,) = client.call("DescribeInternetGateways")["InternetGateways"]
    gateway_id = gateway["InternetGatewayId"]
    client.call("DetachInternetGateway", InternetGatewayId=gateway_id, VpcId=vpc_id)
    client.call("DeleteInternetGateway", InternetGatewayId=gateway_id)
    client.call("DeleteVpc", VpcId=vpc_id)


def ids(client: Client) -> list[str]:
    return [
        default_vpc(client)["VpcId"],
        *(subnet["SubnetId"] for subnet in subnets(client)),
        *(table["RouteTableId"] for table in client.call("DescribeRouteTables")["RouteTables"]),
        *(acl["NetworkAclId"] for acl in client.call("DescribeNetworkAcls")["NetworkAcls"]),
        *(group["GroupId"] for group in client.call("DescribeSecurityGroups")["SecurityGroups"]),
    ]


@pytest.mark.parametrize(
    ("region", "domain"),
    [("us-east-1", "ec2.internal"), ("eu-central-1", "eu-central-1.compute.internal")],
)
def test_every_region_has_a_default_vpc_that_reaches_the_internet(region: str, domain: str) -> None:
    client = Client(region=region)
    vpc = default_vpc(client)
    (gateway,) = client.call("DescribeInternetGateways")["InternetGateways"]
    (table,) = client.call("DescribeRouteTables")["RouteTables"]
    (options,) = client.call("DescribeDhcpOptions")["DhcpOptions"]
    attribute = client.call(
        "DescribeVpcAttribute", VpcId=vpc["VpcId"], Attribute="enableDnsHostnames"
    )

    assert (vpc["CidrBlock"], vpc["State"]) == ("172.31.0.0/16", "available")
    assert gateway["Attachments"] == [{"State": "available", "VpcId": vpc["VpcId"]}]
    assert [(r["DestinationCidrBlock"], r["GatewayId"], r["State"]) for r in table["Routes"]] == [
        ("172.31.0.0/16", "local", "active"),
        ("0.0.0.0/0", gateway["InternetGatewayId"], "active"),
    ]
    assert options["DhcpOptionsId"] == vpc["DhcpOptionsId"]
    assert options["DhcpConfigurations"] == [
        {"Key": "domain-name", "Values": [{"Value": domain}]},
        {"Key": "domain-name-servers", "Values": [{"Value": "AmazonProvidedDNS"}]},
    ]
    assert attribute["EnableDnsHostnames"] == {"Value": True}


def test_every_zone_has_a_default_subnet(client: Client) -> None:
    found = subnets(client)

    assert [subnet["AvailabilityZone"] for subnet in found] == [
        f"us-east-1{letter}" for letter in "abcdef"
    ]
    assert [subnet["CidrBlock"] for subnet in found] == [
        f"172.31.{third}.0/20" for third in range(0, 96, 16)
    ]
    assert {subnet["DefaultForAz"] for subnet in found} == {True}
    assert {subnet["MapPublicIpOnLaunch"] for subnet in found} == {True}
    assert {subnet["AvailableIpAddressCount"] for subnet in found} == {4091}


def test_ids_are_the_same_after_a_reset_and_differ_between_places(client: Client) -> None:
    again = Client()
    elsewhere = Client(region="us-west-2")
    other_account = Client(access_key="111122223333")

    assert ids(client) == ids(again)
    assert not set(ids(client)) & set(ids(elsewhere))
    assert not set(ids(client)) & set(ids(other_account))
    assert len({text.rpartition("-")[2] for text in ids(client)}) == len(ids(client))


def test_there_is_one_default_vpc_at_a_time(client: Client) -> None:
    assert client.code_of("CreateDefaultVpc") == "DefaultVpcAlreadyExists"


def test_a_deleted_default_vpc_can_be_made_again(client: Client) -> None:
    before = default_vpc(client)
    empty(client)
    assert client.call("DescribeVpcs")["Vpcs"] == []
    assert (
        client.code_of("CreateDefaultSubnet", AvailabilityZone="us-east-1a")
        == "DefaultVpcDoesNotExist"
    )

    made = client.call("CreateDefaultVpc")["Vpc"]

    assert (made["State"], made["IsDefault"]) == ("pending", True)
    assert made["VpcId"] != before["VpcId"]
    assert default_vpc(client)["State"] == "available"
    assert len(subnets(client)) == 6
    (table,) = client.call("DescribeRouteTables")["RouteTables"]
    assert table["Routes"][1]["DestinationCidrBlock"] == "0.0.0.0/0"
    empty(client)


def test_a_default_subnet_can_be_made_again(client: Client) -> None:
    assert (
        client.code_of("CreateDefaultSubnet", AvailabilityZone="us-east-1b")
        == "DefaultSubnetAlreadyExistsInAvailabilityZone"
    )
    gone = subnets(client)[1]
    client.call("DeleteSubnet", SubnetId=gone["SubnetId"])
    made = client.call("CreateDefaultSubnet", AvailabilityZoneId=gone["AvailabilityZoneId"])[
        "Subnet"
    ]

    assert made["CidrBlock"] == "172.31.16.0/20"
    assert made["AvailabilityZone"] == "us-east-1b"
    assert (made["DefaultForAz"], made["MapPublicIpOnLaunch"]) == (True, True)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "MissingParameter"),
        ({"AvailabilityZone": "us-east-1z"}, "InvalidParameterValue"),
        ({"AvailabilityZoneId": "use1-az99"}, "InvalidParameterValue"),
        (
            {"AvailabilityZone": "us-east-1a", "AvailabilityZoneId": "use1-az1"},
            "InvalidParameterCombination",
        ),
    ],
)
def test_a_default_subnet_needs_one_known_zone(
    client: Client, params: dict[str, str], code: str
) -> None:
    assert client.code_of("CreateDefaultSubnet", **params) == code


def test_an_ipv6_only_default_subnet_takes_its_range_from_the_default_vpc(client: Client) -> None:
    gone = subnets(client)[0]
    client.call("DeleteSubnet", SubnetId=gone["SubnetId"])
    assert (
        client.code_of("CreateDefaultSubnet", AvailabilityZone="us-east-1a", Ipv6Native=True)
        == "InvalidParameterValue"
    )
    vpc_id = default_vpc(client)["VpcId"]
    client.call("AssociateVpcCidrBlock", VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
    made = client.call("CreateDefaultSubnet", AvailabilityZone="us-east-1a", Ipv6Native=True)[
        "Subnet"
    ]

    assert made["Ipv6Native"] is True
    assert "CidrBlock" not in made
    assert made["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].endswith("/64")
