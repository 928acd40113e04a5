"""Security groups between real instances and from the machine: closed, opened, closed again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.keys import Key
from tests.functional.docker.waiting import until
from tests.functional.network.place import Place

# A change is to be everywhere by then.
CHANGED_SECONDS = 0.2
# A busy machine may take longer; that it is closed or open in the end is what counts here.
PATIENCE_SECONDS = 5
HOST = Place()
EVERYBODY = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}


@attrs.frozen
class Machine:
    """An instance with its namespace."""

    instance_id: str
    address: str
    address_v6: str
    place: Place
    group_id: str
    ports: Mapping[str, int]


@attrs.define
class Stage:
    """Two instances: one whose group is closed in both directions, one that is all open."""

    cloud: Cloud
    vpc_id: str
    subnet_id: str
    guarded: Machine
    open: Machine

    def change(self, verb: str, egress: bool, **permission: Any) -> None:
        """Authorise or revoke a rule of the guarded instance's group."""
        side = "egress" if egress else "ingress"
        getattr(self.cloud.ec2, f"{verb}_security_group_{side}")(
            GroupId=self.guarded.group_id, IpPermissions=[permission]
        )


def new_group(cloud: Cloud, vpc_id: str, name: str, *, closed: bool) -> str:
    group_id = cloud.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc_id)[
        "GroupId"
    ]
    if closed:
        born = cloud.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
        cloud.ec2.revoke_security_group_egress(
            GroupId=group_id, IpPermissions=born["IpPermissionsEgress"]
        )
    else:
        cloud.ec2.authorize_security_group_ingress(
            GroupId=group_id, IpPermissions=[{"IpProtocol": "-1", **EVERYBODY}]
        )
    return str(group_id)


def machine(cloud: Cloud, ami: str, subnet_id: str, group_id: str, **params: Any) -> Machine:
    instance_id = cloud.run(ami, SubnetId=subnet_id, SecurityGroupIds=[group_id], **params)
    shown, container = cloud.instance(instance_id), cloud.container(instance_id)
    bound = container["NetworkSettings"]["Ports"]
    return Machine(
        instance_id,
        shown["PrivateIpAddress"],
        shown.get("Ipv6Address", ""),
        Place(container["State"]["Pid"]),
        group_id,
        {port: int(at[0]["HostPort"]) for port, at in bound.items() if at},
    )


@pytest.fixture(scope="module")
def stage(cloud: Cloud, amis: Mapping[str, str]) -> Iterator[Stage]:
    cidr = "10.236.0.0/24"
    vpc = cloud.ec2.create_vpc(CidrBlock=cidr, AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    (block,) = cloud.ec2.describe_vpcs(VpcIds=[vpc["VpcId"]])["Vpcs"][0][
        "Ipv6CidrBlockAssociationSet"
    ]
    subnet = cloud.ec2.create_subnet(
        VpcId=vpc["VpcId"],
        CidrBlock=cidr,
        Ipv6CidrBlock=block["Ipv6CidrBlock"].replace("/56", "/64"),
    )["Subnet"]
    groups = [
        new_group(cloud, vpc["VpcId"], name, closed=closed)
        for name, closed in (("guarded", True), ("open", False))
    ]
    port = {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8000}
    # A port that is open at launch is published.
    cloud.ec2.authorize_security_group_ingress(
        GroupId=groups[0], IpPermissions=[{**port, **EVERYBODY}]
    )
    guarded, opened = (
        machine(cloud, amis["busybox"], subnet["SubnetId"], group_id, Ipv6AddressCount=1)
        for group_id in groups
    )
    cloud.ec2.revoke_security_group_ingress(
        GroupId=groups[0], IpPermissions=[{**port, **EVERYBODY}]
    )
    with guarded.place.serving(8000, 9000), opened.place.serving(8000, 9000):
        # IPv6 addresses are of use once nobody has objected to them.
        until(lambda: HOST.tcp("127.0.0.1", guarded.ports["8000/tcp"]), lambda seen: not seen)
        yield Stage(cloud, vpc["VpcId"], subnet["SubnetId"], guarded, opened)
    cloud.terminate(guarded.instance_id, opened.instance_id)


Try = Callable[[Machine, Machine], bool]

PROTOCOLS: Mapping[str, tuple[Mapping[str, Any], Try]] = {
    "tcp": (
        {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8000},
        lambda one, other: one.place.tcp(other.address) and not one.place.tcp(other.address, 9000),
    ),
    "all of tcp": (
        {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535},
        lambda one, other: one.place.tcp(other.address, 9000),
    ),
    "udp": (
        {"IpProtocol": "udp", "FromPort": 7000, "ToPort": 8000},
        lambda one, other: one.place.udp(other.address) and not one.place.tcp(other.address),
    ),
    "echo": (
        {"IpProtocol": "icmp", "FromPort": 8, "ToPort": 0},
        lambda one, other: one.place.ping(other.address),
    ),
    "all of icmp": (
        {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1},
        lambda one, other: one.place.ping(other.address),
    ),
    "everything": (
        {"IpProtocol": "-1"},
        lambda one, other: one.place.udp(other.address) and one.place.ping(other.address),
    ),
}
PEERS = ("address", "range", "group", "prefix list")
# A kind of source is the same for every protocol once it is an address.
MATRIX = [
    (protocol, kind)
    for protocol in PROTOCOLS
    for kind in PEERS
    if protocol in ("tcp", "echo") or kind in ("address", "group")
]


def peer(stage: Stage, kind: str) -> dict[str, Any]:
    """Return the open instance as one kind of source or destination."""
    if kind == "address":
        return {"IpRanges": [{"CidrIp": f"{stage.open.address}/32"}]}
    if kind == "range":
        return {"IpRanges": [{"CidrIp": "10.236.0.0/24"}]}
    if kind == "group":
        return {"UserIdGroupPairs": [{"GroupId": stage.open.group_id}]}
    made = stage.cloud.ec2.create_managed_prefix_list(
        PrefixListName="open",
        AddressFamily="IPv4",
        MaxEntries=2,
        Entries=[{"Cidr": f"{stage.open.address}/32"}],
    )
    return {"PrefixListIds": [{"PrefixListId": made["PrefixList"]["PrefixListId"]}]}


@pytest.mark.parametrize("egress", [False, True], ids=["ingress", "egress"])
@pytest.mark.parametrize(("protocol", "kind"), MATRIX)
def test_a_rule_opens_and_its_end_closes(
    stage: Stage, protocol: str, kind: str, egress: bool
) -> None:
    permission, reaches = PROTOCOLS[protocol]
    rule = {**permission, **peer(stage, kind)}
    ends = (stage.guarded, stage.open) if egress else (stage.open, stage.guarded)
    before = reaches(*ends)
    stage.change("authorize", egress, **rule)
    time.sleep(CHANGED_SECONDS)
    during = until(lambda: reaches(*ends), bool, PATIENCE_SECONDS)
    backwards = reaches(*reversed(ends))
    stage.change("revoke", egress, **rule)
    time.sleep(CHANGED_SECONDS)
    after = until(lambda: reaches(*ends), lambda seen: not seen, PATIENCE_SECONDS)

    assert (before, during, backwards, after) == (False, True, False, False)


IPV6_PROTOCOLS: Mapping[str, tuple[Mapping[str, Any], Try]] = {
    "tcp": (
        {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8000},
        lambda one, other: one.place.tcp(other.address_v6),
    ),
    "udp": (
        {"IpProtocol": "udp", "FromPort": 8000, "ToPort": 8000},
        lambda one, other: one.place.udp(other.address_v6),
    ),
    "icmpv6": (
        {"IpProtocol": "icmpv6", "FromPort": -1, "ToPort": -1},
        lambda one, other: one.place.ping(other.address_v6),
    ),
}


def ipv6_peer(stage: Stage, kind: str) -> dict[str, Any]:
    """Return the open instance's IPv6 address as one kind of source or destination."""
    cidr = f"{stage.open.address_v6}/128"
    if kind == "range":
        return {"Ipv6Ranges": [{"CidrIpv6": cidr}]}
    if kind == "group":
        return {"UserIdGroupPairs": [{"GroupId": stage.open.group_id}]}
    made = stage.cloud.ec2.create_managed_prefix_list(
        PrefixListName="open6", AddressFamily="IPv6", MaxEntries=2, Entries=[{"Cidr": cidr}]
    )
    return {"PrefixListIds": [{"PrefixListId": made["PrefixList"]["PrefixListId"]}]}


@pytest.mark.parametrize("egress", [False, True], ids=["ingress", "egress"])
@pytest.mark.parametrize("protocol", IPV6_PROTOCOLS)
@pytest.mark.parametrize("kind", ["range", "group", "prefix list"])
def test_ipv6_has_rules_of_its_own(stage: Stage, protocol: str, kind: str, egress: bool) -> None:
    permission, reaches = IPV6_PROTOCOLS[protocol]
    rule = {**permission, **ipv6_peer(stage, kind)}
    ends = (stage.guarded, stage.open) if egress else (stage.open, stage.guarded)
    before = reaches(*ends)
    stage.change("authorize", egress, **rule)
    during = until(lambda: reaches(*ends), bool, PATIENCE_SECONDS)
    backwards = reaches(*reversed(ends))
    stage.change("revoke", egress, **rule)
    after = until(lambda: reaches(*ends), lambda seen: not seen, PATIENCE_SECONDS)

    assert (before, during, backwards, after) == (False, True, False, False)


def test_rules_for_ipv4_say_nothing_of_ipv6(stage: Stage) -> None:
    everybody = {"IpProtocol": "-1", "IpRanges": EVERYBODY["IpRanges"]}
    stage.change("authorize", egress=False, **everybody)
    until(lambda: stage.open.place.tcp(stage.guarded.address), bool, PATIENCE_SECONDS)
    reached = stage.open.place.tcp(stage.guarded.address_v6)
    stage.change("revoke", egress=False, **everybody)

    assert not reached


def test_a_connection_outlives_the_rule_that_let_it_in(stage: Stage) -> None:
    rule = {
        "IpProtocol": "tcp",
        "FromPort": 8000,
        "ToPort": 8000,
        "UserIdGroupPairs": [{"GroupId": stage.open.group_id}],
    }
    stage.change("authorize", egress=False, **rule)
    until(lambda: stage.open.place.tcp(stage.guarded.address), bool, PATIENCE_SECONDS)
    with stage.open.place.connected(stage.guarded.address) as stream:
        assert stream.recv(2) == b"hi"
        stage.change("revoke", egress=False, **rule)
        until(lambda: stage.open.place.tcp(stage.guarded.address), lambda seen: not seen)
        stream.sendall(b"still there")

        assert stream.recv(100) == b"still there"


def test_a_connection_that_is_not_tracked_ends_with_its_rule(stage: Stage) -> None:
    """Everybody may come, and everything may go back: AWS does not track that."""
    everything = {"IpProtocol": "-1", "IpRanges": EVERYBODY["IpRanges"]}
    http = {**everything, "IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8000}
    stage.change("authorize", egress=True, **everything)
    stage.change("authorize", egress=False, **http)
    until(lambda: stage.open.place.tcp(stage.guarded.address), bool, PATIENCE_SECONDS)
    with stage.open.place.connected(stage.guarded.address) as stream:
        assert stream.recv(2) == b"hi"
        stream.sendall(b"there")
        assert stream.recv(100) == b"there"
        stage.change("revoke", egress=False, **http)
        until(lambda: stage.open.place.tcp(stage.guarded.address), lambda seen: not seen)
        stream.sendall(b"still there")

        with pytest.raises(TimeoutError):
            stream.recv(100)
    stage.change("revoke", egress=True, **everything)


def test_the_machine_is_a_stranger_but_for_ssh(stage: Stage, key: Key) -> None:
    port = stage.guarded.ports["8000/tcp"]
    http = {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8000}
    vpc_only = {**http, "IpRanges": [{"CidrIp": "10.236.0.0/24"}]}
    closed = HOST.tcp("127.0.0.1", port), HOST.tcp(stage.guarded.address)
    stage.change("authorize", egress=False, **vpc_only)
    until(lambda: stage.open.place.tcp(stage.guarded.address), bool, PATIENCE_SECONDS)
    for_the_vpc = HOST.tcp("127.0.0.1", port), HOST.tcp(stage.guarded.address)
    stage.change("revoke", egress=False, **vpc_only)
    stage.change("authorize", egress=False, **http, **EVERYBODY)
    until(lambda: HOST.tcp("127.0.0.1", port), bool, PATIENCE_SECONDS)
    for_all = HOST.tcp("127.0.0.1", port), HOST.tcp(stage.guarded.address)
    stage.change("revoke", egress=False, **http, **EVERYBODY)

    assert (closed, for_the_vpc, for_all) == ((False,) * 2, (False,) * 2, (True,) * 2)
    assert stage.cloud.ssh_address(stage.guarded.instance_id).host_keys()


def test_members_of_a_group_come_and_go(stage: Stage, amis: Mapping[str, str]) -> None:
    members = new_group(stage.cloud, stage.vpc_id, "members", closed=False)
    rule = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": members}]}
    stage.change("authorize", egress=False, **rule)
    joined = machine(stage.cloud, amis["busybox"], stage.subnet_id, members)
    at_once = joined.place.ping(stage.guarded.address)
    instance = {"InstanceId": joined.instance_id}
    stage.cloud.ec2.modify_instance_attribute(**instance, Groups=[stage.open.group_id])
    time.sleep(CHANGED_SECONDS)
    left = until(
        lambda: joined.place.ping(stage.guarded.address), lambda seen: not seen, PATIENCE_SECONDS
    )
    stage.cloud.ec2.modify_instance_attribute(**instance, Groups=[stage.open.group_id, members])
    time.sleep(CHANGED_SECONDS)
    back = until(lambda: joined.place.ping(stage.guarded.address), bool, PATIENCE_SECONDS)
    stage.cloud.terminate(joined.instance_id)
    stage.change("revoke", egress=False, **rule)

    assert (at_once, left, back) == (True, False, True)


@pytest.mark.parametrize(("protocol", "egress"), [(47, False), (200, True)])
def test_every_other_protocol_is_a_number(stage: Stage, protocol: int, egress: bool) -> None:
    """Packets of one protocol between two addresses are one flow, so each is tried but once."""
    rule = {"IpProtocol": str(protocol), **peer(stage, "group")}
    one, other = (stage.guarded, stage.open) if egress else (stage.open, stage.guarded)

    def reaches() -> bool:
        return one.place.raw(other.address, other.place, protocol)

    before = reaches()
    stage.change("authorize", egress, **rule)
    during = until(reaches, bool, PATIENCE_SECONDS)
    stage.change("revoke", egress, **rule)
    after = until(reaches, lambda seen: not seen, PATIENCE_SECONDS)

    assert (before, during, after) == (False, True, False)


def test_the_emulator_says_that_groups_are_enforced(stage: Stage) -> None:
    info = stage.cloud.page("/_localstack/info")["network_enforcement"]
    doctor = stage.cloud.command("doctor").stdout

    assert info["enforced"] is True
    assert "security groups: enforced" in doctor
    stage.cloud.logged("security groups: enforced")
