"""Where packets really go: the internet, NAT, peering and instances that forward."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.waiting import until
from tests.functional.network.place import Place
from tests.functional.network.test_security_groups import Machine, machine, new_group
from tests.functional.network.test_subnets import PATIENCE_SECONDS

HOST = Place()
HOST_ADDRESS = "198.18.255.255"
EVERYWHERE = "0.0.0.0/0"
TELLS, SERVES = 8200, 8000


@attrs.define
class Vpc:
    """A VPC with an internet gateway, a public subnet and a private one."""

    cloud: Cloud
    ami: str
    cidr: str
    vpc_id: str
    public: str
    private: str
    table: str
    group: str
    made: list[str] = attrs.field(factory=list)

    def launch(self, subnet_id: str, *, public: bool = False) -> Machine:
        """Launch an instance whose group lets everything through."""
        if not public:
            one = machine(self.cloud, self.ami, subnet_id, self.group)
        else:
            interface = {
                "DeviceIndex": 0,
                "SubnetId": subnet_id,
                "Groups": [self.group],
                "AssociatePublicIpAddress": True,
            }
            instance_id = self.cloud.run(self.ami, NetworkInterfaces=[interface])
            shown = self.cloud.instance(instance_id)
            place = Place(self.cloud.container(instance_id)["State"]["Pid"])
            one = Machine(instance_id, shown["PrivateIpAddress"], "", place, self.group, {})
        self.made.append(one.instance_id)
        return one

    def route(self, destination: str, **target: str) -> None:
        """Let the private subnet's table lead somewhere."""
        self.cloud.ec2.create_route(
            RouteTableId=self.table, DestinationCidrBlock=destination, **target
        )

    def unroute(self, destination: str) -> None:
        self.cloud.ec2.delete_route(RouteTableId=self.table, DestinationCidrBlock=destination)

    def public_address(self, one: Machine) -> str:
        return str(self.cloud.instance(one.instance_id)["PublicIpAddress"])

    def interface(self, one: Machine) -> str:
        (only,) = self.cloud.instance(one.instance_id)["NetworkInterfaces"]
        return str(only["NetworkInterfaceId"])


def new_vpc(cloud: Cloud, ami: str, first: str) -> Vpc:
    """Make a VPC of two subnets of 256 addresses; ``first`` is such as ``10.239.0``."""
    ec2, (a, b, c) = cloud.ec2, first.split(".")
    cidr = f"{first}.0/23"
    vpc_id = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
    (main,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])[
        "RouteTables"
    ]
    ec2.create_route(
        RouteTableId=main["RouteTableId"], DestinationCidrBlock=EVERYWHERE, GatewayId=gateway
    )
    public, private = (
        ec2.create_subnet(VpcId=vpc_id, CidrBlock=each)["Subnet"]["SubnetId"]
        for each in (f"{first}.0/24", f"{a}.{b}.{int(c) + 1}.0/24")
    )
    table = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=private)
    group = new_group(cloud, vpc_id, "open", closed=False)
    return Vpc(cloud, ami, cidr, vpc_id, public, private, table, group)


@attrs.define
class Stage:
    """Two VPCs with the same range and one with another, each with two instances."""

    cloud: Cloud
    one: Vpc
    twin: Vpc
    other: Vpc
    machines: Mapping[str, Machine]

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]


@pytest.fixture(scope="module")
def stage(cloud: Cloud, amis: Mapping[str, str]) -> Iterator[Stage]:
    one, twin, other = (
        new_vpc(cloud, amis["busybox"], first) for first in ("10.241.0", "10.241.0", "10.242.0")
    )
    machines = {
        "public": one.launch(one.public, public=True),
        "private": one.launch(one.private),
        "twin public": twin.launch(twin.public, public=True),
        "twin private": twin.launch(twin.private),
        "other public": other.launch(other.public, public=True),
        "other private": other.launch(other.private),
    }
    with ExitStack() as stack:
        for each in machines.values():
            stack.enter_context(each.place.serving(SERVES))
            stack.enter_context(each.place.telling(TELLS))
        stack.enter_context(HOST.telling(TELLS))
        yield Stage(cloud, one, twin, other, machines)
    cloud.terminate(*one.made, *twin.made, *other.made)


def finally_told(wanted: str, ask: Callable[[], str]) -> str:
    """Return who is seen, once that is as wanted."""
    return until(ask, lambda seen: seen == wanted, PATIENCE_SECONDS)


def test_public_addresses_are_how_instances_see_each_other_and_the_machine(stage: Stage) -> None:
    mine = stage.one.public_address(stage["public"])
    theirs = stage.other.public_address(stage["other public"])

    assert {mine.split(".")[0], theirs.split(".")[0]} == {"198"}
    assert finally_told(mine, lambda: stage["public"].place.told(theirs, TELLS)) == mine
    assert finally_told(theirs, lambda: stage["other public"].place.told(mine, TELLS)) == theirs
    assert HOST.told(mine, TELLS) == HOST_ADDRESS
    assert stage["public"].place.told(HOST_ADDRESS, TELLS) == mine
    assert stage["public"].place.ping(theirs)
    # As on AWS, by one's own public address, too.
    assert stage["public"].place.told(mine, TELLS) == mine


def test_nobody_gets_to_an_instance_without_a_public_address(stage: Stage) -> None:
    private = stage["other private"]

    assert not stage["public"].place.tcp(private.address)
    assert not private.place.told(stage.one.public_address(stage["public"]), TELLS)


def test_vpcs_with_the_same_range_are_apart_and_both_work(stage: Stage) -> None:
    for vpc, public, private in (
        (stage.one, stage["public"], stage["private"]),
        (stage.twin, stage["twin public"], stage["twin private"]),
    ):
        theirs = vpc.public_address(public)
        assert public.place.told(private.address, TELLS) == public.address
        assert private.place.told(public.address, TELLS) == private.address
        assert HOST.told(theirs, TELLS) == HOST_ADDRESS
        assert public.place.told(stage.other.public_address(stage["other public"]), TELLS) == theirs
    twin = stage.twin.public_address(stage["twin public"])
    assert stage["public"].place.told(twin, TELLS) == stage.one.public_address(stage["public"])


@pytest.mark.parametrize("name", ["one", "twin"])
def test_a_nat_gateway_is_who_the_outside_sees(stage: Stage, name: str) -> None:
    vpc: Vpc = getattr(stage, name)
    private = stage["private" if name == "one" else "twin private"]
    outside = stage.other.public_address(stage["other public"])
    ec2 = stage.cloud.ec2
    address = ec2.allocate_address(Domain="vpc")
    nat = ec2.create_nat_gateway(SubnetId=vpc.public, AllocationId=address["AllocationId"])
    gateway = nat["NatGateway"]["NatGatewayId"]
    before = private.place.told(outside, TELLS)
    vpc.route(EVERYWHERE, NatGatewayId=gateway)
    out = finally_told(address["PublicIp"], lambda: private.place.told(outside, TELLS))
    to_machine = private.place.told(HOST_ADDRESS, TELLS)
    inwards = stage["other public"].place.tcp(address["PublicIp"])
    from_machine = HOST.tcp(address["PublicIp"])
    within = private.place.told(stage["public" if name == "one" else "twin public"].address, TELLS)
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    black_hole = finally_told("", lambda: private.place.told(outside, TELLS))
    vpc.unroute(EVERYWHERE)

    assert (before, out, to_machine) == ("", address["PublicIp"], address["PublicIp"])
    assert (inwards, from_machine, within, black_hole) == (False, False, private.address, "")


def peer(stage: Stage, one: Vpc, other: Vpc) -> str:
    ec2 = stage.cloud.ec2
    made = ec2.create_vpc_peering_connection(VpcId=one.vpc_id, PeerVpcId=other.vpc_id)
    peering = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    until(
        lambda: ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])[
            "VpcPeeringConnections"
        ][0]["Status"]["Code"],
        lambda code: code == "pending-acceptance",
    )
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    return str(peering)


def test_peering_carries_packets_once_both_sides_route_them(stage: Stage) -> None:
    mine, theirs = stage["private"], stage["other private"]
    peering = peer(stage, stage.one, stage.other)

    def there() -> str:
        return mine.place.told(theirs.address, TELLS)

    def back() -> str:
        return theirs.place.told(mine.address, TELLS)

    unrouted = there(), back()
    stage.one.route(stage.other.cidr, VpcPeeringConnectionId=peering)
    one_side = there(), back()
    stage.other.route(stage.one.cidr, VpcPeeringConnectionId=peering)
    both = finally_told(mine.address, there), finally_told(theirs.address, back)
    # The public subnet's table has no such route.
    beside = stage["public"].place.told(theirs.address, TELLS)
    twin = stage["twin private"].place.told(theirs.address, TELLS)
    stage.cloud.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    deleted = finally_told("", there), finally_told("", back)
    stage.one.unroute(stage.other.cidr)
    stage.other.unroute(stage.one.cidr)

    assert (unrouted, one_side) == (("", ""), ("", ""))
    assert both == (mine.address, theirs.address)
    assert (beside, twin, deleted) == ("", "", ("", ""))


def test_a_transit_gateway_connects_what_is_attached_to_it(stage: Stage) -> None:
    ec2, mine, theirs = stage.cloud.ec2, stage["private"], stage["other private"]
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    attachments = [
        ec2.create_transit_gateway_vpc_attachment(
            TransitGatewayId=gateway, VpcId=vpc.vpc_id, SubnetIds=[vpc.private]
        )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
        for vpc in (stage.one, stage.other)
    ]
    stage.one.route("10.0.0.0/8", TransitGatewayId=gateway)
    one_side = mine.place.told(theirs.address, TELLS)
    stage.other.route("10.0.0.0/8", TransitGatewayId=gateway)
    both = finally_told(mine.address, lambda: mine.place.told(theirs.address, TELLS))
    stage.one.unroute("10.0.0.0/8")
    stage.other.unroute("10.0.0.0/8")
    for each in attachments:
        ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=each)

    over = finally_told("", lambda: mine.place.told(theirs.address, TELLS))

    assert (one_side, both, over) == ("", mine.address, "")


def test_an_elastic_address_moves_while_instances_run(stage: Stage) -> None:
    ec2 = stage.cloud.ec2
    address = ec2.allocate_address(Domain="vpc")
    public_ip, allocation = address["PublicIp"], address["AllocationId"]
    first, second = stage["public"], stage.one.launch(stage.one.public)
    third = stage["other public"]

    def associate(vpc: Vpc, one: Machine, **params: Any) -> None:
        ec2.associate_address(
            AllocationId=allocation, NetworkInterfaceId=vpc.interface(one), **params
        )

    def answers() -> str:
        for name, one in (("first", first), ("second", second), ("third", third)):
            with one.place.telling(8300):
                if HOST.told(public_ip, 8300):
                    return name
        return ""

    free = answers()
    associate(stage.one, first)
    at_first = finally_told("first", answers)
    seen = first.place.told(stage.twin.public_address(stage["twin public"]), TELLS)
    associate(stage.one, second)
    at_second = finally_told("second", answers)
    associate(stage.other, third)
    at_third = finally_told("third", answers)
    assert third.place.told(HOST_ADDRESS, TELLS) == public_ip
    ec2.assign_private_ip_addresses(
        NetworkInterfaceId=stage.one.interface(second), PrivateIpAddresses=["10.241.0.77"]
    )
    associate(stage.one, second, PrivateIpAddress="10.241.0.77")
    at_secondary = finally_told("second", answers)
    (shown,) = ec2.describe_addresses(AllocationIds=[allocation])["Addresses"]
    with second.place.serving(8301), HOST.connected(public_ip, 8301) as stream:
        greeting = stream.recv(2)
        ec2.disassociate_address(AssociationId=shown["AssociationId"])
        over = finally_told("", answers)
        stream.sendall(b"still there?")
        with pytest.raises(TimeoutError):
            stream.recv(100)

    assert greeting == b"hi"
    assert (free, at_first, seen, at_second, at_third, at_secondary, over) == (
        "",
        "first",
        public_ip,
        "second",
        "third",
        "second",
        "",
    )


def test_an_instance_forwards_where_its_source_and_destination_are_not_checked(
    stage: Stage,
) -> None:
    ec2, nat, private = stage.cloud.ec2, stage["public"], stage["private"]
    outside = stage.other.public_address(stage["other public"])
    mine = stage.one.public_address(nat)
    nat.place.do(lambda: Path("/proc/sys/net/ipv4/ip_forward").write_text("1"))
    nat.place.do(lambda: masquerade(stage.one.cidr))
    stage.one.route(EVERYWHERE, NetworkInterfaceId=stage.one.interface(nat))

    def check(value: bool) -> None:
        ec2.modify_instance_attribute(InstanceId=nat.instance_id, SourceDestCheck={"Value": value})

    checked = private.place.told(outside, TELLS)
    check(False)
    unchecked = finally_told(mine, lambda: private.place.told(outside, TELLS))
    check(True)
    again = finally_told("", lambda: private.place.told(outside, TELLS))
    stage.one.unroute(EVERYWHERE)

    assert (checked, unchecked, again) == ("", mine, "")


def masquerade(cidr: str) -> None:
    script = f"""table ip test_nat {{
chain post {{
type nat hook postrouting priority 100
ip saddr {cidr} ip daddr != {cidr} masquerade
}}
}}
"""
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)


def test_an_interface_may_lead_into_a_black_hole(stage: Stage) -> None:
    """What a route leads to is gone with the instance behind it."""
    ec2, outside = stage.cloud.ec2, stage.other.public_address(stage["other public"])
    nat, private = stage.one.launch(stage.one.public, public=True), stage["private"]
    mine = stage.one.public_address(nat)
    nat.place.do(lambda: Path("/proc/sys/net/ipv4/ip_forward").write_text("1"))
    nat.place.do(lambda: masquerade(stage.one.cidr))
    ec2.modify_instance_attribute(InstanceId=nat.instance_id, SourceDestCheck={"Value": False})
    stage.one.route(EVERYWHERE, NetworkInterfaceId=stage.one.interface(nat))
    works = finally_told(mine, lambda: private.place.told(outside, TELLS))
    stage.cloud.terminate(nat.instance_id)
    (table,) = ec2.describe_route_tables(RouteTableIds=[stage.one.table])["RouteTables"]
    states = {route["DestinationCidrBlock"]: route["State"] for route in table["Routes"]}
    lost = finally_told("", lambda: private.place.told(outside, TELLS))
    stage.one.unroute(EVERYWHERE)

    assert (works, states[EVERYWHERE], lost) == (mine, "blackhole", "")


def test_a_private_nat_gateway_hides_who_asks_a_peer(stage: Stage) -> None:
    ec2, mine, theirs = stage.cloud.ec2, stage["private"], stage["other private"]
    peering = peer(stage, stage.one, stage.other)
    nat = ec2.create_nat_gateway(SubnetId=stage.one.public, ConnectivityType="private")
    gateway = nat["NatGateway"]["NatGatewayId"]
    (shown,) = ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]
    address = shown["NatGatewayAddresses"][0]["PrivateIp"]
    (main,) = ec2.describe_route_tables(
        Filters=[
            {"Name": "vpc-id", "Values": [stage.one.vpc_id]},
            {"Name": "association.main", "Values": ["true"]},
        ]
    )["RouteTables"]
    there = {"RouteTableId": main["RouteTableId"], "DestinationCidrBlock": stage.other.cidr}
    ec2.create_route(**there, VpcPeeringConnectionId=peering)
    stage.other.route(stage.one.cidr, VpcPeeringConnectionId=peering)
    stage.one.route(stage.other.cidr, NatGatewayId=gateway)
    seen = finally_told(address, lambda: mine.place.told(theirs.address, TELLS))
    inwards = theirs.place.tcp(address)
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    stage.one.unroute(stage.other.cidr)
    stage.other.unroute(stage.one.cidr)
    ec2.delete_route(**there)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)

    assert (seen, inwards) == (address, False)


def test_groups_of_a_peer_are_let_in_by_name(stage: Stage) -> None:
    ec2, mine, theirs = stage.cloud.ec2, stage["private"], stage["other private"]
    peering = peer(stage, stage.one, stage.other)
    stage.one.route(stage.other.cidr, VpcPeeringConnectionId=peering)
    stage.other.route(stage.one.cidr, VpcPeeringConnectionId=peering)
    finally_told(mine.address, lambda: mine.place.told(theirs.address, TELLS))
    closed = new_group(stage.cloud, stage.other.vpc_id, "closed", closed=True)
    ec2.modify_instance_attribute(InstanceId=theirs.instance_id, Groups=[closed])
    shut = finally_told("", lambda: mine.place.told(theirs.address, TELLS))
    ec2.authorize_security_group_ingress(
        GroupId=closed,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": TELLS, "ToPort": TELLS}
            | {"UserIdGroupPairs": [{"GroupId": stage.one.group}]}
        ],
    )
    let_in = finally_told(mine.address, lambda: mine.place.told(theirs.address, TELLS))
    ec2.modify_instance_attribute(InstanceId=theirs.instance_id, Groups=[stage.other.group])
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    stage.one.unroute(stage.other.cidr)
    stage.other.unroute(stage.one.cidr)

    assert (shut, let_in) == ("", mine.address)


def test_changes_reach_the_data_plane_within_a_fifth_of_a_second(stage: Stage) -> None:
    """The time until the first packet goes another way, as the client sees it."""
    ec2 = stage.cloud.ec2
    address = ec2.allocate_address(Domain="vpc")
    public_ip, took = address["PublicIp"], []
    for _ in range(3):
        association = ec2.associate_address(
            AllocationId=address["AllocationId"],
            NetworkInterfaceId=stage.one.interface(stage["private"]),
        )["AssociationId"]
        begun = time.monotonic()
        while not led(public_ip):
            assert time.monotonic() - begun < PATIENCE_SECONDS
        took.append(time.monotonic() - begun)
        ec2.disassociate_address(AssociationId=association)
        until(lambda: led(public_ip), lambda there: not there, PATIENCE_SECONDS)

    assert min(took) < 0.2


def led(public_ip: str) -> bool:
    """Tell whether this machine has a way to a public address."""
    return subprocess.run(
        ["ip", "route", "show", f"{public_ip}/32"], capture_output=True, check=True
    ).stdout.startswith(public_ip.encode())


@pytest.fixture
def other_machine() -> Iterator[Place]:
    """A namespace with a cable to this machine, as another machine on its network would be."""
    process = subprocess.Popen(["unshare", "--net", "sleep", "60"])
    until(lambda: namespace_of(process.pid), lambda at: at != namespace_of("self"))
    cable = ["link", "add", "test-cable", "type", "veth", "peer", "name", "eth0"]
    ip(*cable, "netns", str(process.pid))
    try:
        ip("address", "add", f"{THIS_MACHINE}/24", "dev", "test-cable")
        ip("link", "set", "test-cable", "up")
        place = Place(process.pid)
        place.do(lambda: ip("address", "add", "203.0.113.2/24", "dev", "eth0"))
        place.do(lambda: ip("link", "set", "eth0", "up"))
        yield place
    finally:
        process.kill()
        process.wait()
        subprocess.run(["ip", "link", "delete", "test-cable"], capture_output=True, check=False)


THIS_MACHINE = "203.0.113.1"


def namespace_of(pid: int | str) -> int:
    return Path(f"/proc/{pid}/ns/net").stat().st_ino


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def test_another_machine_is_answered_the_way_it_came(stage: Stage, other_machine: Place) -> None:
    """It comes by a port that Docker publishes, and knows nothing of public addresses."""
    bound = stage.cloud.container(stage["public"].instance_id)["NetworkSettings"]["Ports"]
    port = int(bound["22/tcp"][0]["HostPort"])

    with other_machine.connected(THIS_MACHINE, port) as stream:
        assert stream.recv(4) == b"SSH-"
