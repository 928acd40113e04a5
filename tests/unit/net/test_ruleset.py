"""What groups allow, from requests to typed rules."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

import pytest

from emulator.net.cidrs import Network, known_network
from emulator.net.ruleset import Ruleset, ruleset_of
from emulator.net.traffic import Traffic
from tests.fakes.client import Client
from tests.fakes.network import new_instance, new_subnet, new_vpc, region_of

INSTANCE, OTHER = "i-11111111111111111", "i-22222222222222222"
ALL = "0.0.0.0/0"


@pytest.fixture
def ec2() -> Client:
    return Client()


@pytest.fixture
def subnet_id(ec2: Client) -> str:
    return new_subnet(ec2, new_vpc(ec2))


def new_group(ec2: Client, vpc_id: str, name: str = "own") -> str:
    group = ec2.call("CreateSecurityGroup", GroupName=name, Description=name, VpcId=vpc_id)
    return str(group["GroupId"])


def use(ec2: Client, instance_id: str, *group_ids: str) -> None:
    ec2.call("ModifyInstanceAttribute", InstanceId=instance_id, Groups=list(group_ids))


def allow(ec2: Client, group_id: str, egress: bool = False, **permission: Any) -> None:
    name = "AuthorizeSecurityGroup" + ("Egress" if egress else "Ingress")
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, **permission}
    ec2.call(name, GroupId=group_id, IpPermissions=[permission])


def ruleset(ec2: Client, instance_id: str = INSTANCE, **neighbours: Client) -> Ruleset:
    others = {
        client.access_key: client.api.state.region(client.access_key, client.region)
        for client in neighbours.values()
    }
    return ruleset_of(region_of(ec2), instance_id, others)


def ingress(found: Ruleset, interface: int = 0) -> Mapping[Traffic, list[str]]:
    return {
        each.traffic: [str(network) for network in each.networks]
        for each in found.interfaces[interface].ingress
    }


@pytest.mark.parametrize(
    ("permission", "traffic"),
    [
        ({"IpProtocol": "tcp", "FromPort": 80, "ToPort": 90}, Traffic(6, (80, 90))),
        ({"IpProtocol": "6", "FromPort": 0, "ToPort": 65535}, Traffic(6, (0, 65535))),
        ({"IpProtocol": "udp", "FromPort": 53, "ToPort": 53}, Traffic(17, (53, 53))),
        ({"IpProtocol": "icmp", "FromPort": 8, "ToPort": 0}, Traffic(1, icmp=(8, 0))),
        ({"IpProtocol": "icmp", "FromPort": 3, "ToPort": -1}, Traffic(1, icmp=(3, None))),
        ({"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1}, Traffic(1)),
        ({"IpProtocol": "icmpv6", "FromPort": 128, "ToPort": 0}, Traffic(58, icmp=(128, 0))),
        ({"IpProtocol": "50", "FromPort": -1, "ToPort": -1}, Traffic(50)),
        ({"IpProtocol": "-1", "FromPort": 1, "ToPort": 2}, Traffic(None)),
    ],
)
def test_every_protocol_is_typed(
    ec2: Client, subnet_id: str, permission: dict[str, Any], traffic: Traffic
) -> None:
    new_instance(ec2, subnet_id)
    group_id = new_group(ec2, "vpc-11111111111111111")
    allow(ec2, group_id, **permission, IpRanges=[{"CidrIp": "192.0.2.7/24"}])
    use(ec2, INSTANCE, group_id)

    assert ingress(ruleset(ec2)) == {traffic: ["192.0.2.0/24"]}


def test_directions_have_nothing_to_do_with_each_other(ec2: Client, subnet_id: str) -> None:
    new_instance(ec2, subnet_id)
    group_id = new_group(ec2, "vpc-11111111111111111")
    allow(ec2, group_id, IpRanges=[{"CidrIp": "192.0.2.0/24"}])
    allow(ec2, group_id, egress=True, FromPort=443, ToPort=443, Ipv6Ranges=[{"CidrIpv6": "::/0"}])
    use(ec2, INSTANCE, group_id)
    (interface,) = ruleset(ec2).interfaces

    assert [each.traffic for each in interface.ingress] == [Traffic(6, (80, 80))]
    assert [(each.traffic, list(map(str, each.networks))) for each in interface.egress] == [
        (Traffic(None), [ALL]),
        (Traffic(6, (443, 443)), ["::/0"]),
    ]


def test_all_groups_of_an_interface_count_together(ec2: Client, subnet_id: str) -> None:
    new_instance(ec2, subnet_id)
    first, second = (new_group(ec2, "vpc-11111111111111111", name) for name in ("one", "two"))
    allow(ec2, first, IpRanges=[{"CidrIp": "192.0.2.0/25"}])
    allow(ec2, second, IpRanges=[{"CidrIp": "192.0.2.128/25"}])
    allow(ec2, second, FromPort=22, ToPort=22, IpRanges=[{"CidrIp": ALL}])
    use(ec2, INSTANCE, first, second)

    assert ingress(ruleset(ec2)) == {
        Traffic(6, (80, 80)): ["192.0.2.0/24"],
        Traffic(6, (22, 22)): [ALL],
    }


def test_a_group_as_a_source_is_the_addresses_of_its_members(ec2: Client, subnet_id: str) -> None:
    new_instance(ec2, subnet_id)
    member = new_instance(ec2, subnet_id, OTHER)
    group_id, members = (
        new_group(ec2, "vpc-11111111111111111", name) for name in ("own", "members")
    )
    allow(ec2, group_id, UserIdGroupPairs=[{"GroupId": members}])
    use(ec2, INSTANCE, group_id)
    before = ingress(ruleset(ec2))
    use(ec2, OTHER, members)
    ec2.call(
        "AssignPrivateIpAddresses", NetworkInterfaceId=member.id, SecondaryPrivateIpAddressCount=1
    )
    ec2.call("AssignIpv6Addresses", NetworkInterfaceId=member.id, Ipv6AddressCount=1)
    (networks,) = ingress(ruleset(ec2)).values()

    assert before == {}
    assert set(networks) == set(_as_networks(*member.private_ips, *member.ipv6_addresses))
    assert len(member.private_ips) + len(member.ipv6_addresses) == 3


def _as_networks(*addresses: str) -> list[str]:
    collapsed: list[Network] = [
        *ipaddress.collapse_addresses(
            ipaddress.IPv4Network(each) for each in addresses if ":" not in each
        ),
        *ipaddress.collapse_addresses(
            ipaddress.IPv6Network(each) for each in addresses if ":" in each
        ),
    ]
    return [str(each) for each in collapsed]


def test_a_prefix_list_is_the_ranges_of_its_present_version(ec2: Client, subnet_id: str) -> None:
    new_instance(ec2, subnet_id)
    made = ec2.call(
        "CreateManagedPrefixList",
        PrefixListName="offices",
        AddressFamily="IPv4",
        MaxEntries=5,
        Entries=[{"Cidr": "198.51.100.0/24"}],
    )["PrefixList"]
    group_id = new_group(ec2, "vpc-11111111111111111")
    allow(ec2, group_id, PrefixListIds=[{"PrefixListId": made["PrefixListId"]}])
    use(ec2, INSTANCE, group_id)
    before = ingress(ruleset(ec2))
    ec2.call(
        "ModifyManagedPrefixList",
        PrefixListId=made["PrefixListId"],
        CurrentVersion=1,
        AddEntries=[{"Cidr": "203.0.113.0/24"}],
    )

    assert list(before.values()) == [["198.51.100.0/24"]]
    assert list(ingress(ruleset(ec2)).values()) == [["198.51.100.0/24", "203.0.113.0/24"]]


def test_a_group_of_a_peered_vpc_counts_while_the_connection_is_active(ec2: Client) -> None:
    other = Client(like=ec2, access_key="111122223333")
    vpcs, groups = {}, {}
    for client, cidr in ((ec2, "10.1.0.0/16"), (other, "10.2.0.0/16")):
        vpcs[client] = client.call("CreateVpc", CidrBlock=cidr)["Vpc"]["VpcId"]
        groups[client] = new_group(client, vpcs[client])
    connection = ec2.call(
        "CreateVpcPeeringConnection",
        VpcId=vpcs[ec2],
        PeerVpcId=vpcs[other],
        PeerOwnerId=other.access_key,
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    other.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=connection)
    subnet = ec2.call("CreateSubnet", VpcId=vpcs[ec2], CidrBlock="10.1.1.0/24")["Subnet"]
    peer = other.call("CreateSubnet", VpcId=vpcs[other], CidrBlock="10.2.1.0/24")["Subnet"]
    new_instance(ec2, subnet["SubnetId"])
    use(ec2, INSTANCE, groups[ec2])
    other.call(
        "CreateNetworkInterface",
        SubnetId=peer["SubnetId"],
        Groups=[groups[other]],
        PrivateIpAddress="10.2.1.9",
    )
    allow(
        ec2, groups[ec2], UserIdGroupPairs=[{"GroupId": groups[other], "UserId": other.access_key}]
    )

    assert list(ingress(ruleset(ec2, other=other)).values()) == [["10.2.1.9/32"]]
    ec2.call("DeleteVpcPeeringConnection", VpcPeeringConnectionId=connection)
    assert ingress(ruleset(ec2, other=other)) == {}


def test_each_interface_has_its_own_rules(ec2: Client, subnet_id: str) -> None:
    first = new_instance(ec2, subnet_id)
    group_id = new_group(ec2, "vpc-11111111111111111")
    allow(ec2, group_id, IpRanges=[{"CidrIp": ALL}])
    added = ec2.call("CreateNetworkInterface", SubnetId=subnet_id, Groups=[group_id])
    second = added["NetworkInterface"]
    ec2.call(
        "AttachNetworkInterface",
        InstanceId=INSTANCE,
        NetworkInterfaceId=second["NetworkInterfaceId"],
        DeviceIndex=1,
    )
    found = ruleset(ec2)

    assert [list(map(str, each.addresses)) for each in found.interfaces] == [
        [f"{first.private_ips[0]}/32"],
        [f"{second['PrivateIpAddress']}/32"],
    ]
    assert ingress(found, 1) == {Traffic(6, (80, 80)): [ALL]}


def test_an_instance_without_records_gets_nothing(ec2: Client) -> None:
    assert ruleset(ec2, "i-0").interfaces == ()


def test_networks_within_others_are_not_named_twice() -> None:
    from emulator.net.ruleset import collapsed

    given = ["10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "::/0", "2001:db8::1/128"]

    assert [str(each) for each in collapsed(map(known_network, given))] == ["10.0.0.0/7", "::/0"]
