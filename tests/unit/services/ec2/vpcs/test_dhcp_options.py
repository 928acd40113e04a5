from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.client import Client

OPTIONS: list[dict[str, Any]] = [
    {"Key": "domain-name", "Values": ["example.com"]},
    {"Key": "domain-name-servers", "Values": ["10.0.0.2", "AmazonProvidedDNS"]},
    {"Key": "netbios-node-type", "Values": ["2"]},
]


@pytest.fixture
def client() -> Client:
    return Client()


def new_options(client: Client) -> dict[str, Any]:
    made: dict[str, Any] = client.call("CreateDhcpOptions", DhcpConfigurations=OPTIONS)
    return made["DhcpOptions"]  # type: ignore[no-any-return]


def test_a_set_is_read_back_with_its_values_in_order(client: Client) -> None:
    made = new_options(client)
    (found,) = client.call("DescribeDhcpOptions", DhcpOptionsIds=[made["DhcpOptionsId"]])[
        "DhcpOptions"
    ]

    assert found == made
    assert found["OwnerId"] == "000000000000"
    assert found["DhcpConfigurations"] == [
        {"Key": item["Key"], "Values": [{"Value": value} for value in item["Values"]]}
        for item in OPTIONS
    ]


@pytest.mark.parametrize(
    "configuration",
    [
        {"Key": "colour", "Values": ["red"]},
        {"Key": "domain-name", "Values": []},
        {"Key": "domain-name", "Values": ["a", "b"]},
        {"Key": "ntp-servers", "Values": ["1", "2", "3", "4", "5"]},
        {"Key": "netbios-node-type", "Values": ["3"]},
    ],
)
def test_an_option_that_dhcp_does_not_have_is_refused(
    client: Client, configuration: dict[str, Any]
) -> None:
    code = client.code_of("CreateDhcpOptions", DhcpConfigurations=[configuration])

    assert code == "InvalidParameterValue"


def test_a_set_in_use_stays(client: Client) -> None:
    options_id = new_options(client)["DhcpOptionsId"]
    vpc_id = client.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    client.call("AssociateDhcpOptions", DhcpOptionsId=options_id, VpcId=vpc_id)

    def shown() -> str:
        (vpc,) = client.call("DescribeVpcs", VpcIds=[vpc_id])["Vpcs"]
        return str(vpc["DhcpOptionsId"])

    assert shown() == options_id
    assert client.code_of("DeleteDhcpOptions", DhcpOptionsId=options_id) == "DependencyViolation"
    client.call("AssociateDhcpOptions", DhcpOptionsId="default", VpcId=vpc_id)
    assert shown() == "default"
    client.call("DeleteDhcpOptions", DhcpOptionsId=options_id)
    missing = "InvalidDhcpOptionID.NotFound"
    assert client.code_of("DescribeDhcpOptions", DhcpOptionsIds=[options_id]) == missing
    assert client.code_of("DeleteDhcpOptions", DhcpOptionsId=options_id) == missing
    associate = {"DhcpOptionsId": options_id, "VpcId": vpc_id}
    assert client.code_of("AssociateDhcpOptions", **associate) == missing
    associate = {"DhcpOptionsId": "default", "VpcId": "vpc-0"}
    assert client.code_of("AssociateDhcpOptions", **associate) == "InvalidVpcID.NotFound"


def test_the_default_set_comes_back_when_a_vpc_needs_it(client: Client) -> None:
    (default,) = client.call("DescribeDhcpOptions")["DhcpOptions"]
    (vpc,) = client.call("DescribeVpcs")["Vpcs"]
    client.call("AssociateDhcpOptions", DhcpOptionsId="default", VpcId=vpc["VpcId"])
    client.call("DeleteDhcpOptions", DhcpOptionsId=default["DhcpOptionsId"])
    assert client.call("DescribeDhcpOptions")["DhcpOptions"] == []
    client.call("CreateVpc", CidrBlock="10.0.0.0/16")

    assert client.call("DescribeDhcpOptions")["DhcpOptions"] == [default]


def test_sets_are_filtered(client: Client) -> None:
    options_id = new_options(client)["DhcpOptionsId"]

    def found(**filters: str) -> list[str]:
        wanted = [
            {"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()
        ]
        answer = client.call("DescribeDhcpOptions", Filters=wanted)["DhcpOptions"]
        return [item["DhcpOptionsId"] for item in answer]

    assert found(key="netbios-node-type") == [options_id]
    assert found(value="example.com") == [options_id]
    assert found(dhcp_options_id=options_id) == [options_id]
    assert len(found(owner_id="000000000000")) == 2
    default = found(key="domain-name", value="ec2.internal")
    assert len(default) == 1
    assert default != [options_id]
