from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import pytest

from tests.fakes.client import Client


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def vpc(client: Client) -> dict[str, Any]:
    vpc_id = client.call("CreateVpc", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)[
        "Vpc"
    ]["VpcId"]
    (found,) = client.call("DescribeVpcs", VpcIds=[vpc_id])["Vpcs"]
    return dict(found)


@pytest.fixture
def ipv6(vpc: dict[str, Any]) -> str:
    (association,) = vpc["Ipv6CidrBlockAssociationSet"]
    return str(next(IPv6Network(association["Ipv6CidrBlock"]).subnets(new_prefix=64)))


@pytest.fixture
def subnet_id(client: Client, vpc: dict[str, Any], ipv6: str) -> str:
    made = client.call(
        "CreateSubnet", VpcId=vpc["VpcId"], CidrBlock="10.0.0.0/26", Ipv6CidrBlock=ipv6
    )
    return str(made["Subnet"]["SubnetId"])


def reserve(client: Client, subnet_id: str, cidr: str, kind: str, **more: Any) -> dict[str, Any]:
    made = client.call(
        "CreateSubnetCidrReservation", SubnetId=subnet_id, Cidr=cidr, ReservationType=kind, **more
    )
    return dict(made["SubnetCidrReservation"])


def interface(client: Client, subnet_id: str, **more: Any) -> dict[str, Any]:
    made = client.call("CreateNetworkInterface", SubnetId=subnet_id, **more)
    return dict(made["NetworkInterface"])


def test_a_reservation_is_read_back(client: Client, subnet_id: str, ipv6: str) -> None:
    tags = [{"Key": "Name", "Value": "kept"}]
    of_ipv4 = reserve(
        client,
        subnet_id,
        "10.0.0.32/28",
        "prefix",
        Description="pods",
        TagSpecifications=[{"ResourceType": "subnet-cidr-reservation", "Tags": tags}],
    )
    of_ipv6 = reserve(client, subnet_id, f"{IPv6Network(ipv6)[0]}/80", "explicit")
    found = client.call("GetSubnetCidrReservations", SubnetId=subnet_id)

    assert found["SubnetIpv4CidrReservations"] == [of_ipv4]
    assert found["SubnetIpv6CidrReservations"] == [of_ipv6]
    assert of_ipv4 == {
        "SubnetCidrReservationId": of_ipv4["SubnetCidrReservationId"],
        "SubnetId": subnet_id,
        "Cidr": "10.0.0.32/28",
        "ReservationType": "prefix",
        "OwnerId": "000000000000",
        "Description": "pods",
        "Tags": tags,
    }


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [("reservationType", "prefix", 1), ("subnet-id", "subnet-1", 0), ("tag-key", "Name", 0)],
)
def test_reservations_are_filtered(
    client: Client, subnet_id: str, name: str, value: str, count: int
) -> None:
    reserve(client, subnet_id, "10.0.0.32/28", "prefix")
    reserve(client, subnet_id, "10.0.0.48/28", "explicit")
    found = client.call(
        "GetSubnetCidrReservations",
        SubnetId=subnet_id,
        Filters=[{"Name": name, "Values": [value]}],
    )

    assert len(found["SubnetIpv4CidrReservations"]) == count


@pytest.mark.parametrize("cidr", ["10.0.0.0/25", "10.1.0.0/28", "2001:db8::/80", "10.0.0.0", "x"])
def test_a_range_that_is_not_the_subnets_is_refused(
    client: Client, subnet_id: str, cidr: str
) -> None:
    code = client.code_of(
        "CreateSubnetCidrReservation", SubnetId=subnet_id, Cidr=cidr, ReservationType="prefix"
    )

    assert code == "InvalidParameterValue"
    found = client.call("GetSubnetCidrReservations", SubnetId=subnet_id)
    assert found["SubnetIpv4CidrReservations"] == []


def test_reservations_do_not_overlap(client: Client, subnet_id: str) -> None:
    reserve(client, subnet_id, "10.0.0.32/28", "prefix")
    code = client.code_of(
        "CreateSubnetCidrReservation",
        SubnetId=subnet_id,
        Cidr="10.0.0.40/29",
        ReservationType="explicit",
    )

    assert code == "InvalidParameterValue"


@pytest.mark.parametrize("kind", ["prefix", "explicit"])
def test_a_reserved_address_goes_only_to_who_asks_for_it(
    client: Client, subnet_id: str, kind: str
) -> None:
    reserve(client, subnet_id, "10.0.0.0/27", kind)
    reserve(client, subnet_id, "10.0.0.48/28", kind)
    # What is left is 10.0.0.32 to 10.0.0.47.
    given = {interface(client, subnet_id)["PrivateIpAddress"] for _ in range(16)}
    asked = interface(client, subnet_id, PrivateIpAddress="10.0.0.50")

    assert given == {str(address) for address in IPv4Network("10.0.0.32/28")}
    assert client.code_of("CreateNetworkInterface", SubnetId=subnet_id) == (
        "InsufficientFreeAddressesInSubnet"
    )
    assert asked["PrivateIpAddress"] == "10.0.0.50"


def test_a_reserved_ipv6_address_goes_only_to_who_asks_for_it(
    client: Client, subnet_id: str, ipv6: str
) -> None:
    lower, upper = IPv6Network(ipv6).subnets(prefixlen_diff=1)
    reserve(client, subnet_id, str(lower), "explicit")
    given = [interface(client, subnet_id, Ipv6AddressCount=1) for _ in range(8)]
    addresses = [IPv6Address(each["Ipv6Addresses"][0]["Ipv6Address"]) for each in given]
    reserve(client, subnet_id, str(upper), "explicit")

    assert all(address in upper for address in addresses)
    assert client.code_of("CreateNetworkInterface", SubnetId=subnet_id, Ipv6AddressCount=1) == (
        "InsufficientFreeAddressesInSubnet"
    )


def test_prefixes_come_out_of_what_is_reserved_for_them_first(
    client: Client, subnet_id: str, ipv6: str
) -> None:
    reserve(client, subnet_id, "10.0.0.16/28", "prefix")
    reserve(client, subnet_id, f"{IPv6Network(ipv6)[1 << 60]}/80", "prefix")
    first = interface(client, subnet_id, Ipv4PrefixCount=1, Ipv6PrefixCount=1)

    assert first["Ipv4Prefixes"] == [{"Ipv4Prefix": "10.0.0.16/28"}]
    assert first["Ipv6Prefixes"] == [{"Ipv6Prefix": f"{IPv6Network(ipv6)[1 << 60]}/80"}]


def test_prefixes_never_come_out_of_what_is_reserved_for_addresses(
    client: Client, subnet_id: str, ipv6: str
) -> None:
    reserve(client, subnet_id, "10.0.0.16/30", "explicit")
    reserve(client, subnet_id, "10.0.0.32/28", "explicit")
    reserve(client, subnet_id, ipv6, "explicit")

    for parameter in ("Ipv4PrefixCount", "Ipv6PrefixCount"):
        code = client.code_of("CreateNetworkInterface", SubnetId=subnet_id, **{parameter: 1})
        assert code == "InsufficientCidrBlocks"


def test_a_deleted_reservation_is_the_subnets_again(client: Client, subnet_id: str) -> None:
    made = reserve(client, subnet_id, "10.0.0.0/26", "explicit")
    reservation_id = made["SubnetCidrReservationId"]
    deleted = client.call("DeleteSubnetCidrReservation", SubnetCidrReservationId=reservation_id)
    address = IPv4Address(interface(client, subnet_id)["PrivateIpAddress"])

    assert deleted["DeletedSubnetCidrReservation"] == made
    assert address in IPv4Network("10.0.0.0/26")
    assert client.code_of(
        "DeleteSubnetCidrReservation", SubnetCidrReservationId=reservation_id
    ) == ("InvalidSubnetCidrReservationID.NotFound")


def test_reservations_go_with_their_subnet(client: Client, subnet_id: str) -> None:
    made = reserve(client, subnet_id, "10.0.0.32/28", "prefix")
    client.call("DeleteSubnet", SubnetId=subnet_id)

    assert client.code_of(
        "DeleteSubnetCidrReservation",
        SubnetCidrReservationId=made["SubnetCidrReservationId"],
    ) == ("InvalidSubnetCidrReservationID.NotFound")
