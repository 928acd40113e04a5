"""NAT gateways and their addresses, as Terraform makes and unmakes them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.client import Client

HOUR_SECONDS = 3600.0


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def subnet_id(client: Client) -> str:
    """A subnet of a VPC that has an internet gateway."""
    vpc_id = client.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    gateway = client.call("CreateInternetGateway")["InternetGateway"]
    client.call(
        "AttachInternetGateway", VpcId=vpc_id, InternetGatewayId=gateway["InternetGatewayId"]
    )
    return _subnet(client, vpc_id, "10.0.1.0/24")


def _subnet(client: Client, vpc_id: str, cidr: str) -> str:
    found: str = client.call("CreateSubnet", VpcId=vpc_id, CidrBlock=cidr)["Subnet"]["SubnetId"]
    return found


def _address(client: Client) -> str:
    found: str = client.call("AllocateAddress", Domain="vpc")["AllocationId"]
    return found


def _create(client: Client, subnet_id: str, **params: Any) -> str:
    answer = client.call("CreateNatGateway", SubnetId=subnet_id, **params)
    found: str = answer["NatGateway"]["NatGatewayId"]
    return found


def _shown(client: Client, gateway_id: str) -> dict[str, Any]:
    (shown,) = client.call("DescribeNatGateways", NatGatewayIds=[gateway_id])["NatGateways"]
    assert isinstance(shown, dict)
    return shown


def _interfaces(client: Client, subnet_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.call(
        "DescribeNetworkInterfaces", Filters=[{"Name": "subnet-id", "Values": [subnet_id]}]
    )["NetworkInterfaces"]
    return found


def _elastic(client: Client, allocation_id: str) -> dict[str, Any]:
    (found,) = client.call("DescribeAddresses", AllocationIds=[allocation_id])["Addresses"]
    assert isinstance(found, dict)
    return found


def test_a_public_gateway_has_an_interface_and_the_elastic_address(
    client: Client, subnet_id: str
) -> None:
    allocation_id = _address(client)
    created = client.call(
        "CreateNatGateway",
        SubnetId=subnet_id,
        AllocationId=allocation_id,
        TagSpecifications=[{"ResourceType": "natgateway", "Tags": [{"Key": "a", "Value": "b"}]}],
    )["NatGateway"]
    shown = _shown(client, created["NatGatewayId"])
    (interface,) = _interfaces(client, subnet_id)
    elastic = _elastic(client, allocation_id)

    assert created["State"] == "pending"
    assert shown["State"] == "available"
    assert shown["ConnectivityType"] == "public"
    assert shown["Tags"] == [{"Key": "a", "Value": "b"}]
    assert shown["NatGatewayAddresses"] == [
        {
            "AllocationId": allocation_id,
            "AssociationId": elastic["AssociationId"],
            "NetworkInterfaceId": interface["NetworkInterfaceId"],
            "PrivateIp": interface["PrivateIpAddress"],
            "PublicIp": elastic["PublicIp"],
            "IsPrimary": True,
            "Status": "succeeded",
        }
    ]
    assert interface["InterfaceType"] == "nat_gateway"
    assert interface["RequesterManaged"] is True
    assert interface["Status"] == "in-use"
    assert interface["SourceDestCheck"] is False
    assert elastic["NetworkInterfaceId"] == interface["NetworkInterfaceId"]


def test_a_deleted_gateway_gives_everything_back_and_stays_visible_for_an_hour(
    client: Client, subnet_id: str
) -> None:
    allocation_id = _address(client)
    gateway_id = _create(client, subnet_id, AllocationId=allocation_id)

    held = client.code_of("DeleteSubnet", SubnetId=subnet_id)
    client.call("DeleteNatGateway", NatGatewayId=gateway_id)
    deleted = _shown(client, gateway_id)
    again = client.code_of("DeleteNatGateway", NatGatewayId=gateway_id)
    elastic = _elastic(client, allocation_id)
    client.call("ReleaseAddress", AllocationId=allocation_id)
    client.call("DeleteSubnet", SubnetId=subnet_id)
    client.turn(HOUR_SECONDS)

    assert held == "DependencyViolation"
    assert deleted["State"] == "deleted"
    assert deleted["DeleteTime"] is not None
    assert again == "NatGatewayNotFound"
    assert "AssociationId" not in elastic
    assert client.code_of("DescribeNatGateways", NatGatewayIds=[gateway_id]) == again


def test_a_private_gateway_has_private_addresses_only(client: Client, subnet_id: str) -> None:
    gateway_id = _create(
        client,
        subnet_id,
        ConnectivityType="private",
        PrivateIpAddress="10.0.1.10",
        SecondaryPrivateIpAddresses=["10.0.1.11"],
    )

    addresses = _shown(client, gateway_id)["NatGatewayAddresses"]

    assert [address["PrivateIp"] for address in addresses] == ["10.0.1.10", "10.0.1.11"]
    assert [address["IsPrimary"] for address in addresses] == [True, False]
    assert all("AllocationId" not in address for address in addresses)


def test_a_gateway_without_an_internet_gateway_fails(client: Client) -> None:
    vpc_id = client.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet_id = _subnet(client, vpc_id, "10.0.0.0/24")
    allocation_id = _address(client)

    gateway_id = _create(client, subnet_id, AllocationId=allocation_id)
    shown = _shown(client, gateway_id)

    assert shown["State"] == "failed"
    assert shown["FailureCode"] == "Gateway.NotAttached"
    assert vpc_id in shown["FailureMessage"]
    assert _interfaces(client, subnet_id) == []
    assert "AssociationId" not in _elastic(client, allocation_id)


def test_an_address_that_is_in_use_lets_the_gateway_fail(client: Client, subnet_id: str) -> None:
    allocation_id = _address(client)
    first = _create(client, subnet_id, AllocationId=allocation_id)

    second = _create(client, subnet_id, AllocationId=allocation_id)

    assert _shown(client, second)["FailureCode"] == "Resource.AlreadyAssociated"
    assert _shown(client, first)["State"] == "available"
    assert len(_interfaces(client, subnet_id)) == 1
    client.call("DeleteNatGateway", NatGatewayId=second)
    assert _shown(client, second)["State"] == "deleted"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "MissingParameter"),
        ({"AllocationId": "eipalloc-none"}, "InvalidAllocationID.NotFound"),
        ({"ConnectivityType": "private", "AllocationId": "x"}, "InvalidParameterCombination"),
        (
            {"AllocationId": "x", "SecondaryPrivateIpAddressCount": 1},
            "InvalidParameterCombination",
        ),
        (
            {"ConnectivityType": "private", "SecondaryPrivateIpAddressCount": 8},
            "InvalidParameterValue",
        ),
        (
            {"ConnectivityType": "private", "PrivateIpAddress": "192.0.2.1"},
            "InvalidParameterValue",
        ),
        ({"AvailabilityMode": "regional"}, "UnsupportedOperation"),
    ],
)
def test_what_cannot_be_made_is_refused(
    client: Client, subnet_id: str, params: dict[str, Any], code: str
) -> None:
    assert client.code_of("CreateNatGateway", SubnetId=subnet_id, **params) == code
    assert client.call("DescribeNatGateways")["NatGateways"] == []
    assert _interfaces(client, subnet_id) == []


def test_a_subnet_has_to_be(client: Client) -> None:
    create = "CreateNatGateway"

    assert client.code_of(create, ConnectivityType="private") == "MissingParameter"
    assert (
        client.code_of(create, ConnectivityType="private", SubnetId="subnet-none")
        == "InvalidSubnetID.NotFound"
    )


def test_secondary_elastic_addresses_come_and_go(client: Client, subnet_id: str) -> None:
    gateway_id = _create(client, subnet_id, AllocationId=_address(client))
    allocation_id = _address(client)

    (added,) = client.call(
        "AssociateNatGatewayAddress", NatGatewayId=gateway_id, AllocationIds=[allocation_id]
    )["NatGatewayAddresses"]
    primary, secondary = _shown(client, gateway_id)["NatGatewayAddresses"]
    refused = client.code_of(
        "DisassociateNatGatewayAddress",
        NatGatewayId=gateway_id,
        AssociationIds=[primary["AssociationId"]],
    )
    (going,) = client.call(
        "DisassociateNatGatewayAddress",
        NatGatewayId=gateway_id,
        AssociationIds=[secondary["AssociationId"]],
        MaxDrainDurationSeconds=60,
    )["NatGatewayAddresses"]

    assert added["Status"] == "associating"
    assert secondary == {**added, "Status": "succeeded"}
    assert refused == "InvalidParameter"
    assert going["Status"] == "disassociating"
    assert _shown(client, gateway_id)["NatGatewayAddresses"] == [primary]
    assert "AssociationId" not in _elastic(client, allocation_id)
    (interface,) = _interfaces(client, subnet_id)
    assert len(interface["PrivateIpAddresses"]) == 1


def test_secondary_private_addresses_come_and_go(client: Client, subnet_id: str) -> None:
    gateway_id = _create(client, subnet_id, ConnectivityType="private")

    added = client.call(
        "AssignPrivateNatGatewayAddress", NatGatewayId=gateway_id, PrivateIpAddressCount=2
    )["NatGatewayAddresses"]
    private_ips = [address["PrivateIp"] for address in added]
    settled = _shown(client, gateway_id)["NatGatewayAddresses"]
    client.call(
        "UnassignPrivateNatGatewayAddress",
        NatGatewayId=gateway_id,
        PrivateIpAddresses=private_ips,
    )

    assert {address["Status"] for address in added} == {"assigning"}
    assert {address["Status"] for address in settled} == {"succeeded"}
    assert len(settled) == 3
    assert len(_shown(client, gateway_id)["NatGatewayAddresses"]) == 1


def test_addresses_of_the_wrong_kind_are_refused(client: Client, subnet_id: str) -> None:
    gateway_id = _create(client, subnet_id, ConnectivityType="private")
    allocation_id = _address(client)

    associate = client.code_of(
        "AssociateNatGatewayAddress", NatGatewayId=gateway_id, AllocationIds=[allocation_id]
    )
    too_many = client.code_of(
        "AssignPrivateNatGatewayAddress", NatGatewayId=gateway_id, PrivateIpAddressCount=8
    )
    unknown = client.code_of(
        "UnassignPrivateNatGatewayAddress",
        NatGatewayId=gateway_id,
        PrivateIpAddresses=["10.0.1.99"],
    )

    assert associate == "InvalidParameter"
    assert too_many == "PrivateIpAddressLimitExceeded"
    assert unknown == "InvalidParameterValue"
    assert "AssociationId" not in _elastic(client, allocation_id)


def test_gateways_are_found_by_filters(client: Client, subnet_id: str) -> None:
    one = _create(client, subnet_id, ConnectivityType="private")
    other = _create(client, subnet_id, ConnectivityType="private")
    client.call("DeleteNatGateway", NatGatewayId=other)
    vpc_id = _shown(client, one)["VpcId"]

    def matching(name: str, value: str) -> list[str]:
        answer = client.call("DescribeNatGateways", Filter=[{"Name": name, "Values": [value]}])
        return [gateway["NatGatewayId"] for gateway in answer["NatGateways"]]

    assert matching("state", "available") == [one]
    assert matching("state", "deleted") == [other]
    assert matching("subnet-id", subnet_id) == [one, other]
    assert matching("vpc-id", vpc_id) == [one, other]
    assert matching("nat-gateway-id", one) == [one]


def test_a_gateway_s_interface_is_found_by_the_gateway(client: Client, subnet_id: str) -> None:
    gateway_id = _create(client, subnet_id, ConnectivityType="private")
    _create(client, subnet_id, ConnectivityType="private")

    found = client.call(
        "DescribeNetworkInterfaces",
        Filters=[{"Name": "attachment.nat-gateway-id", "Values": [gateway_id]}],
    )["NetworkInterfaces"]

    assert [interface["Description"] for interface in found] == [
        f"Interface for NAT Gateway {gateway_id}"
    ]
