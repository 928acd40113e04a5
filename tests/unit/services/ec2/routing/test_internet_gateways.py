from __future__ import annotations

from typing import Any

import pytest

from emulator.model.network_interface import Address
from tests.fakes.client import Client


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def vpc_id(client: Client) -> str:
    return str(client.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


def new_gateway(client: Client) -> str:
    return str(client.call("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"])


def one(client: Client, gateway_id: str) -> dict[str, Any]:
    (gateway,) = client.call("DescribeInternetGateways", InternetGatewayIds=[gateway_id])[
        "InternetGateways"
    ]
    return gateway


def test_what_terraform_does_to_a_gateway(client: Client, vpc_id: str) -> None:
    gateway_id = new_gateway(client)
    place = {"InternetGatewayId": gateway_id, "VpcId": vpc_id}
    assert one(client, gateway_id)["Attachments"] == []
    client.call("AttachInternetGateway", **place)

    assert one(client, gateway_id)["Attachments"] == [{"State": "available", "VpcId": vpc_id}]
    client.call("DetachInternetGateway", **place)
    client.call("DeleteInternetGateway", InternetGatewayId=gateway_id)
    missing = "InvalidInternetGatewayID.NotFound"
    assert client.code_of("DescribeInternetGateways", InternetGatewayIds=[gateway_id]) == missing
    assert client.code_of("DeleteInternetGateway", InternetGatewayId=gateway_id) == missing


def test_a_gateway_and_a_vpc_have_one_another_alone(client: Client, vpc_id: str) -> None:
    first, second = new_gateway(client), new_gateway(client)
    other = client.call("CreateVpc", CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    client.call("AttachInternetGateway", InternetGatewayId=first, VpcId=vpc_id)

    assert (
        client.code_of("AttachInternetGateway", InternetGatewayId=first, VpcId=other)
        == "Resource.AlreadyAssociated"
    )
    assert (
        client.code_of("AttachInternetGateway", InternetGatewayId=second, VpcId=vpc_id)
        == "InvalidParameterValue"
    )
    assert (
        client.code_of("DetachInternetGateway", InternetGatewayId=first, VpcId=other)
        == "Gateway.NotAttached"
    )
    assert (
        client.code_of("DetachInternetGateway", InternetGatewayId=second, VpcId=vpc_id)
        == "Gateway.NotAttached"
    )
    assert client.code_of("DeleteInternetGateway", InternetGatewayId=first) == "DependencyViolation"


def test_a_gateway_stays_while_public_addresses_are_mapped(client: Client, vpc_id: str) -> None:
    gateway_id = new_gateway(client)
    place = {"InternetGatewayId": gateway_id, "VpcId": vpc_id}
    client.call("AttachInternetGateway", **place)
    subnet = client.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.0.0/24")["Subnet"]
    made = client.call("CreateNetworkInterface", SubnetId=subnet["SubnetId"])
    region = client.api.state.region("000000000000", "us-east-1")
    address = region[Address].add(
        Address(
            id="eipalloc-1",
            public_ip="52.0.0.1",
            network_border_group="us-east-1",
            network_interface_id=made["NetworkInterface"]["NetworkInterfaceId"],
        )
    )

    assert client.code_of("DetachInternetGateway", **place) == "DependencyViolation"
    address.network_interface_id = None
    client.call("DetachInternetGateway", **place)


def test_gateways_are_filtered(client: Client, vpc_id: str) -> None:
    gateway_id = new_gateway(client)
    client.call("AttachInternetGateway", InternetGatewayId=gateway_id, VpcId=vpc_id)
    detached = new_gateway(client)

    def found(name: str, value: str) -> list[str]:
        wanted = [{"Name": name, "Values": [value]}]
        answer = client.call("DescribeInternetGateways", Filters=wanted)["InternetGateways"]
        return [item["InternetGatewayId"] for item in answer]

    assert found("attachment.vpc-id", vpc_id) == [gateway_id]
    assert gateway_id in found("attachment.state", "available")
    assert detached not in found("attachment.state", "available")
    assert found("internet-gateway-id", detached) == [detached]
    assert len(found("owner-id", "000000000000")) == 3


def test_an_egress_only_gateway_is_attached_while_it_exists(client: Client, vpc_id: str) -> None:
    tags = [{"Key": "Name", "Value": "e"}]
    made = client.call(
        "CreateEgressOnlyInternetGateway",
        VpcId=vpc_id,
        TagSpecifications=[{"ResourceType": "egress-only-internet-gateway", "Tags": tags}],
    )["EgressOnlyInternetGateway"]
    gateway_id = made["EgressOnlyInternetGatewayId"]
    by_id = {"EgressOnlyInternetGatewayIds": [gateway_id]}
    by_tag = {"Filters": [{"Name": "tag:Name", "Values": ["e"]}]}

    assert gateway_id.startswith("eigw-")
    assert made["Attachments"] == [{"State": "attached", "VpcId": vpc_id}]
    for params in (by_id, by_tag):
        found = client.call("DescribeEgressOnlyInternetGateways", **params)
        assert found["EgressOnlyInternetGateways"] == [made]
    answer = client.call("DeleteEgressOnlyInternetGateway", EgressOnlyInternetGatewayId=gateway_id)
    assert answer["ReturnCode"] is True
    assert (
        client.code_of("DeleteEgressOnlyInternetGateway", EgressOnlyInternetGatewayId=gateway_id)
        == "InvalidGatewayID.NotFound"
    )
