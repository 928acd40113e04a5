"""Elastic IP addresses, as clients use them."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from emulator.model.instance import Instance
from emulator.model.vpc import InternetGateway
from emulator.net.public_addresses import AUTOMATIC, ELASTIC
from tests.fakes.client import Client
from tests.fakes.network import ACCOUNT, new_instance, new_subnet, new_vpc, region_of

INSTANCE = "i-11111111111111111"


class Network:
    """A running instance, and an address that is free."""

    def __init__(self, **instance: Any) -> None:
        self.client = Client()
        self.vpc_id = new_vpc(self.client)
        self.subnet_id = new_subnet(self.client, self.vpc_id)
        self.interface = new_instance(self.client, self.subnet_id, INSTANCE, **instance)
        self.allocation = self.client.call("AllocateAddress", Domain="vpc")
        self.id = str(self.allocation["AllocationId"])

    def show(self, allocation_id: str | None = None) -> dict[str, Any]:
        answer = self.client.call("DescribeAddresses", AllocationIds=[allocation_id or self.id])
        address: dict[str, Any] = answer["Addresses"][0]
        return address

    def associate(self, **params: Any) -> str:
        answer = self.client.call(
            "AssociateAddress", **{"AllocationId": self.id, "InstanceId": INSTANCE, **params}
        )
        return str(answer["AssociationId"])

    def shown_interface(self) -> dict[str, Any]:
        answer = self.client.call(
            "DescribeNetworkInterfaces", NetworkInterfaceIds=[self.interface.id]
        )
        interface: dict[str, Any] = answer["NetworkInterfaces"][0]
        return interface


@pytest.fixture
def network() -> Network:
    return Network()


def test_an_address_is_allocated_and_read_back(network: Network) -> None:
    tags = [{"Key": "Name", "Value": "a"}]
    made = network.client.call(
        "AllocateAddress", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": tags}]
    )

    assert made["AllocationId"].startswith("eipalloc-")
    assert ipaddress.ip_address(made["PublicIp"]) in ELASTIC
    assert network.show(made["AllocationId"]) == {
        "AllocationId": made["AllocationId"],
        "PublicIp": made["PublicIp"],
        "Domain": "vpc",
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": "us-east-1",
        "Tags": tags,
    }


def test_no_two_addresses_are_the_same_in_any_region(network: Network) -> None:
    other = Client(region="eu-west-1", like=network.client)
    seen = {
        client.call("AllocateAddress")["PublicIp"]
        for client in (network.client, other)
        for _ in range(200)
    }

    assert len(seen) == 400


def test_a_released_address_can_be_had_again(network: Network) -> None:
    public_ip = network.allocation["PublicIp"]

    assert network.client.code_of("AllocateAddress", Address=public_ip) == "InvalidAddress.NotFound"
    network.client.call("ReleaseAddress", AllocationId=network.id)

    assert network.client.call("AllocateAddress", Address=public_ip)["PublicIp"] == public_ip


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"Address": "8.8.8.8"}, "InvalidAddress.NotFound"),
        ({"Address": "nonsense"}, "InvalidParameterValue"),
        ({"NetworkBorderGroup": "mars-1"}, "InvalidParameterValue"),
        ({"PublicIpv4Pool": "ipv4pool-ec2-1"}, "InvalidPublicIpv4PoolID.NotFound"),
    ],
)
def test_an_impossible_address_is_refused(
    network: Network, params: dict[str, Any], code: str
) -> None:
    assert network.client.code_of("AllocateAddress", **params) == code


def test_an_association_shows_everywhere(network: Network) -> None:
    network.shown_interface()

    association = network.associate(NetworkInterfaceId="")

    address, interface = network.show(), network.shown_interface()
    assert association.startswith("eipassoc-")
    assert address["AssociationId"] == association
    assert address["InstanceId"] == INSTANCE
    assert address["NetworkInterfaceId"] == network.interface.id
    assert address["NetworkInterfaceOwnerId"] == ACCOUNT
    assert address["PrivateIpAddress"] == network.interface.private_ips[0]
    assert interface["Association"] == {
        "AllocationId": network.id,
        "AssociationId": association,
        "IpOwnerId": ACCOUNT,
        "PublicIp": address["PublicIp"],
    }
    assert interface["PrivateIpAddresses"][0]["Association"] == interface["Association"]


def test_associating_again_changes_nothing(network: Network) -> None:
    assert network.associate() == network.associate(AllowReassociation=False)


def test_an_association_moves_unless_that_is_forbidden(network: Network) -> None:
    other = new_instance(network.client, network.subnet_id, "i-22222222222222222")
    first = network.associate()
    move = {"AllocationId": network.id, "InstanceId": "i-22222222222222222"}

    assert (
        network.client.code_of("AssociateAddress", **move, AllowReassociation=False)
        == "Resource.AlreadyAssociated"
    )
    second = network.client.call("AssociateAddress", **move)["AssociationId"]

    assert second != first
    assert network.show()["NetworkInterfaceId"] == other.id
    assert "Association" not in network.shown_interface()


def test_a_second_address_takes_the_place_of_the_first(network: Network) -> None:
    network.associate()
    other = network.client.call("AllocateAddress")["AllocationId"]

    network.associate(AllocationId=other)

    assert "AssociationId" not in network.show()
    assert network.shown_interface()["Association"]["AllocationId"] == other


def test_an_address_maps_to_a_secondary_private_address(network: Network) -> None:
    client = network.client
    secondary = client.call(
        "AssignPrivateIpAddresses",
        NetworkInterfaceId=network.interface.id,
        SecondaryPrivateIpAddressCount=1,
    )["AssignedPrivateIpAddresses"][0]["PrivateIpAddress"]

    client.call(
        "AssociateAddress",
        AllocationId=network.id,
        NetworkInterfaceId=network.interface.id,
        PrivateIpAddress=secondary,
    )

    interface = network.shown_interface()
    assert "Association" not in interface
    assert interface["PrivateIpAddresses"][1]["Association"]["AllocationId"] == network.id
    client.call(
        "UnassignPrivateIpAddresses",
        NetworkInterfaceId=network.interface.id,
        PrivateIpAddresses=[secondary],
    )
    assert "AssociationId" not in network.show()


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"AllocationId": "eipalloc-99999999999999999"}, "InvalidAllocationID.NotFound"),
        ({"InstanceId": "i-99999999999999999"}, "InvalidInstanceID.NotFound"),
        ({"PrivateIpAddress": "10.9.1.250"}, "InvalidParameterValue"),
        ({"NetworkInterfaceId": "eni-99999999999999999"}, "InvalidNetworkInterfaceID.NotFound"),
        ({"PublicIp": "8.8.8.8"}, "InvalidParameterCombination"),
    ],
)
def test_a_bad_association_is_refused(network: Network, params: Any, code: str) -> None:
    asked = {"AllocationId": network.id, "InstanceId": INSTANCE, **params}

    assert network.client.code_of("AssociateAddress", **asked) == code
    assert "AssociationId" not in network.show()


def test_a_vpc_without_a_gateway_has_no_public_addresses(network: Network) -> None:
    gateways = region_of(network.client)[InternetGateway]
    for gateway in gateways.where(vpc_id=network.vpc_id):
        gateways.remove(gateway)

    code = network.client.code_of("AssociateAddress", AllocationId=network.id, InstanceId=INSTANCE)

    assert code == "Gateway.NotAttached"


def test_a_pending_instance_has_to_be_waited_for(network: Network) -> None:
    region_of(network.client)[Instance][INSTANCE].state = "pending"

    code = network.client.code_of("AssociateAddress", AllocationId=network.id, InstanceId=INSTANCE)

    assert code == "InvalidInstanceID"


def test_an_instance_with_two_interfaces_needs_one_named() -> None:
    network = Network()
    extra = network.client.call("CreateNetworkInterface", SubnetId=network.subnet_id)
    network.client.call(
        "AttachNetworkInterface",
        NetworkInterfaceId=extra["NetworkInterface"]["NetworkInterfaceId"],
        InstanceId=INSTANCE,
        DeviceIndex=1,
    )

    code = network.client.code_of("AssociateAddress", AllocationId=network.id, InstanceId=INSTANCE)

    assert code == "InvalidInstanceID"


def test_an_automatic_address_gives_way_and_comes_back() -> None:
    network = Network(public_ip=True)
    automatic = network.shown_interface()["Association"]
    association = network.associate()
    elastic = network.shown_interface()["Association"]["PublicIp"]
    network.client.call("DisassociateAddress", AssociationId=association)
    again = network.shown_interface()["Association"]

    assert automatic["IpOwnerId"] == "amazon"
    assert ipaddress.ip_address(automatic["PublicIp"]) in AUTOMATIC
    assert elastic == network.allocation["PublicIp"]
    assert ipaddress.ip_address(again["PublicIp"]) in AUTOMATIC


def test_an_address_is_freed_and_released(network: Network) -> None:
    client = network.client
    association = network.associate()

    assert client.code_of("ReleaseAddress", AllocationId=network.id) == "InvalidIPAddress.InUse"
    client.call("DisassociateAddress", AssociationId=association)
    assert (
        client.code_of("DisassociateAddress", AssociationId=association)
        == "InvalidAssociationID.NotFound"
    )
    client.call("DisassociateAddress", PublicIp=network.allocation["PublicIp"])
    client.call("ReleaseAddress", AllocationId=network.id)

    assert client.code_of("DescribeAddresses", AllocationIds=[network.id]) == (
        "InvalidAllocationID.NotFound"
    )
    assert (
        client.code_of("DescribeAddresses", PublicIps=[network.allocation["PublicIp"]])
        == "InvalidAddress.NotFound"
    )
    assert client.code_of("ReleaseAddress", AllocationId=network.id) == (
        "InvalidAllocationID.NotFound"
    )


def test_another_accounts_address_is_not_yours(network: Network) -> None:
    other = Client(access_key="111111111111", like=network.client)

    code = other.code_of("ReleaseAddress", PublicIp=network.allocation["PublicIp"])

    assert code == "AuthFailure"


def test_an_address_a_service_holds_cannot_be_taken(network: Network) -> None:
    from emulator.model.network_interface import Address

    association = network.associate()
    region_of(network.client)[Address][network.id].service_managed_by = "nat-1"

    for operation, params in (
        ("DisassociateAddress", {"AssociationId": association}),
        ("ReleaseAddress", {"AllocationId": network.id}),
    ):
        assert network.client.code_of(operation, **params) == "AuthFailure"


@pytest.mark.parametrize(
    "name",
    [
        "allocation-id",
        "association-id",
        "instance-id",
        "network-interface-id",
        "private-ip-address",
        "public-ip",
    ],
)
def test_filters_find_the_address(network: Network, name: str) -> None:
    network.client.call("AllocateAddress")
    network.associate()
    member = {
        "allocation-id": "AllocationId",
        "association-id": "AssociationId",
        "instance-id": "InstanceId",
        "network-interface-id": "NetworkInterfaceId",
        "private-ip-address": "PrivateIpAddress",
        "public-ip": "PublicIp",
    }[name]
    value = network.show()[member]

    found = network.client.call("DescribeAddresses", Filters=[{"Name": name, "Values": [value]}])[
        "Addresses"
    ]

    assert [address["AllocationId"] for address in found] == [network.id]


def test_a_reverse_name_is_set_and_reset(network: Network) -> None:
    def record() -> str | None:
        answer = network.client.call(
            "DescribeAddressesAttribute", AllocationIds=[network.id], Attribute="domain-name"
        )
        name: str | None = answer["Addresses"][0].get("PtrRecord")
        return name

    assert record() is None
    changed = network.client.call(
        "ModifyAddressAttribute", AllocationId=network.id, DomainName="mail.example.com"
    )
    assert changed["Address"]["PtrRecordUpdate"]["Status"] == "PENDING"
    assert record() == "mail.example.com."
    network.client.call("ResetAddressAttribute", AllocationId=network.id, Attribute="domain-name")
    assert record() is None
    assert (
        network.client.code_of(
            "ModifyAddressAttribute", AllocationId=network.id, DomainName="no name"
        )
        == "InvalidParameterValue"
    )
