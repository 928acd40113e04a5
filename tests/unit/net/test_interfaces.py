"""An instance's interfaces, from records to commands."""

from __future__ import annotations

import pytest

from emulator.net.interfaces import (
    InterfacePlan,
    interface_commands,
    interfaces_of,
    removal_commands,
    up_commands,
)
from emulator.net.publish import MAX_PORTS, open_ports
from tests.fakes.launcher import Launcher
from tests.fakes.network import region_of

FIRST = InterfacePlan("02:00:00:00:00:01", 0, ("172.31.0.10/16",))
SECOND = InterfacePlan("02:00:00:00:00:02", 1, ("172.31.0.11/16",))


@pytest.fixture
def client() -> Launcher:
    return Launcher()


def test_an_interfaces_addresses_have_the_prefix_of_their_block(client: Launcher) -> None:
    instance_id = client.launch()
    shown = client.instance(instance_id)
    (plan,) = interfaces_of(region_of(client), instance_id)

    assert plan == InterfacePlan(
        shown["NetworkInterfaces"][0]["MacAddress"], 0, (f"{shown['PrivateIpAddress']}/16",)
    )


def test_every_address_of_every_interface_is_there_and_the_first_one_first(
    client: Launcher,
) -> None:
    subnet = client.default_subnets()[0]["SubnetId"]
    instance_id = client.launch(
        NetworkInterfaces=[
            {"DeviceIndex": 1, "SubnetId": subnet},
            {"DeviceIndex": 0, "SubnetId": subnet, "SecondaryPrivateIpAddressCount": 1},
        ]
    )
    first, second = interfaces_of(region_of(client), instance_id)

    assert (first.device_index, len(first.addresses)) == (0, 2)
    assert (second.device_index, len(second.addresses)) == (1, 1)


def test_an_address_of_the_second_protocol_has_its_blocks_prefix_too(client: Launcher) -> None:
    vpc = client.call("CreateVpc", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)
    vpc_id = vpc["Vpc"]["VpcId"]
    shown = client.call("DescribeVpcs", VpcIds=[vpc_id])["Vpcs"][0]
    block = shown["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    subnet = client.call(
        "CreateSubnet",
        VpcId=vpc_id,
        CidrBlock="10.0.1.0/24",
        Ipv6CidrBlock=block.replace("/56", "/64"),
    )["Subnet"]["SubnetId"]
    instance_id = client.launch(SubnetId=subnet, Ipv6AddressCount=1)
    (plan,) = interfaces_of(region_of(client), instance_id)

    assert [each.rpartition("/")[2] for each in plan.addresses] == ["16", "56"]


def test_an_instance_that_is_not_there_has_none(client: Launcher) -> None:
    assert interfaces_of(region_of(client), "i-0123456789abcdef0") == ()


# Commands


def test_the_first_interface_is_found_by_its_mac() -> None:
    links = {"00:00:00:00:00:00": "lo", "02:00:00:00:00:01": "eth7"}

    assert interface_commands([FIRST], links) == ["address replace 172.31.0.10/16 dev eth7"]


@pytest.mark.parametrize("links", [{}, {"02:ff:00:00:00:00": "eth0"}])
def test_a_first_interface_with_another_mac_is_eth0(links: dict[str, str]) -> None:
    assert interface_commands([FIRST], links) == ["address replace 172.31.0.10/16 dev eth0"]


def test_a_further_interface_is_made_on_the_first_ones_wire() -> None:
    assert interface_commands([FIRST, SECOND], {"02:00:00:00:00:01": "eth0"}) == [
        "address replace 172.31.0.10/16 dev eth0",
        "link add link eth0 name eth1 address 02:00:00:00:00:02 type macvlan mode bridge",
        "address replace 172.31.0.11/16 dev eth1",
    ]


def test_a_further_interface_that_is_there_only_gets_its_addresses() -> None:
    links = {"02:00:00:00:00:01": "eth0", "02:00:00:00:00:02": "eth1"}

    assert interface_commands([FIRST, SECOND], links) == [
        "address replace 172.31.0.10/16 dev eth0",
        "address replace 172.31.0.11/16 dev eth1",
    ]


def test_a_name_that_another_network_has_is_left_to_it() -> None:
    links = {"02:00:00:00:00:01": "eth0", "02:42:00:00:00:09": "eth1"}

    assert "link add link eth0 name ens1 " in interface_commands([FIRST, SECOND], links)[1]


def test_every_address_is_given() -> None:
    plan = InterfacePlan("02:00:00:00:00:01", 0, ("10.0.0.4/16", "10.0.0.5/16", "2001:db8::4/56"))

    assert interface_commands([plan], {}) == [
        "address replace 10.0.0.4/16 dev eth0",
        "address replace 10.0.0.5/16 dev eth0",
        "address replace 2001:db8::4/56 dev eth0",
    ]


def test_no_interface_is_no_command() -> None:
    assert interface_commands([], {"02:00:00:00:00:01": "eth0"}) == []


# Ports that groups open


def ports(client: Launcher, *rules: tuple[str, int, int], egress: bool = False) -> tuple[str, ...]:
    vpc = client.default_subnets()[0]["VpcId"]
    group = client.call("CreateSecurityGroup", GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    operation = f"AuthorizeSecurityGroup{'Egress' if egress else 'Ingress'}"
    for protocol, first, last in rules:
        permission = {"IpProtocol": protocol, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        if protocol != "-1":
            permission |= {"FromPort": first, "ToPort": last}
        client.call(operation, GroupId=group, IpPermissions=[permission])
    return open_ports(region_of(client), [group])


@pytest.mark.parametrize(
    ("rules", "opened"),
    [
        ([], ()),
        ([("tcp", 80, 80)], ("80/tcp",)),
        ([("udp", 53, 53), ("tcp", 22, 22)], ("53/udp", "22/tcp")),
        ([("tcp", 8000, 8001), ("tcp", 80, 80)], ("80/tcp", "8000/tcp", "8001/tcp")),
        ([("tcp", 8000, 8002)], ("8000/tcp", "8001/tcp", "8002/tcp")),
        ([("tcp", 80, 80), ("tcp", 79, 80)], ("80/tcp", "79/tcp")),
        ([("tcp", 0, 65535)], ()),
        ([("tcp", 1, 65535)], ()),
        ([("tcp", 0, 10)], tuple(f"{port}/tcp" for port in range(1, 11))),
        ([("tcp", 65535, 65535)], ("65535/tcp",)),
        ([("icmp", -1, -1)], ()),
        ([("-1", -1, -1)], ()),
    ],
)
def test_the_ports_that_ingress_rules_name_are_open(
    client: Launcher, rules: list[tuple[str, int, int]], opened: tuple[str, ...]
) -> None:
    assert ports(client, *rules) == opened


def test_egress_opens_nothing(client: Launcher) -> None:
    assert ports(client, ("tcp", 80, 80), egress=True) == ()


def test_no_more_than_32_ports_are_named(client: Launcher) -> None:
    assert len(ports(client, ("tcp", 1000, 60000))) == MAX_PORTS


def test_a_wide_range_leaves_room_for_ports_that_are_named(client: Launcher) -> None:
    opened = ports(client, ("tcp", 30000, 32767), ("tcp", 80, 80), ("tcp", 443, 443))

    assert {"80/tcp", "443/tcp"} <= set(opened)
    assert len(opened) == MAX_PORTS


def test_groups_that_are_not_there_open_nothing(client: Launcher) -> None:
    assert open_ports(region_of(client), ["sg-0123456789abcdef0"]) == ()


def test_a_new_interface_works_when_all_else_is_ready() -> None:
    links = {"02:00:00:00:00:01": "eth0"}

    assert not any(" up" in line for line in interface_commands([FIRST, SECOND], links))
    assert up_commands([FIRST, SECOND], links) == ["link set eth1 up"]
    assert up_commands([FIRST, SECOND], {**links, SECOND.mac_address: "eth1"}) == []


def test_what_is_not_to_be_any_more_is_taken_away() -> None:
    links = {FIRST.mac_address: "eth0", SECOND.mac_address: "eth1"}
    poorer = InterfacePlan(FIRST.mac_address, 0, ())

    assert removal_commands([FIRST, SECOND], [poorer], links) == [
        *(f"address delete {address} dev eth0" for address in FIRST.addresses),
        "link delete eth1",
    ]
    assert removal_commands([FIRST, SECOND], [FIRST, SECOND], links) == []
