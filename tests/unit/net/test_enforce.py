"""Filters that follow the records: who is told, when, and what happens if that fails."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred

from emulator.core.background import Background
from emulator.net.enforce import GATHER_SECONDS, MOST_VISITS, RETRY_SECONDS, Enforcement
from emulator.net.namespace import Way, visit_of
from emulator.net.router_visit import RouterVisit
from emulator.net.visit import Visit
from emulator.vm.interface import GuestKey, VMError
from tests.fakes.client import Client
from tests.fakes.network import ACCOUNT, new_instance, new_subnet, new_vpc, region_of

VPC = "vpc-11111111111111111"


@attrs.define
class FakeWay(Way):
    """Notes the visits; those of ``waits`` last until they are let go."""

    visits: list[tuple[str, Visit]] = attrs.field(factory=list)
    fails: bool = False
    waiting: list[Deferred[None]] | None = None

    def obstacle(self) -> str | None:
        return None

    def filter_obstacle(self) -> str | None:
        return None

    async def visit(self, container: str, pid: int, visit: Visit) -> list[socket.socket]:
        self.visits.append((container, visit))
        if self.waiting is not None:
            self.waiting.append(Deferred())
            await self.waiting[-1]
        if self.fails:
            raise VMError("no such process")
        return []

    def can_run_inside(self) -> bool:
        return False

    async def run_inside(
        self, container: str, pid: int, arguments: Sequence[str], stdin: bytes
    ) -> None:
        raise AssertionError("nobody runs anything here")

    async def route(self, visit: RouterVisit, namespaces: Sequence[int]) -> list[int]:
        raise AssertionError("nobody routes here")

    async def filter_host(self, script: str) -> None:
        raise AssertionError("nobody filters the host here")

    def let_go(self) -> None:
        waiting, self.waiting = self.waiting or [], []
        for each in waiting:
            each.callback(None)


class Lab:
    """Instances with filters, over a client's records."""

    def __init__(self, instances: int = 2) -> None:
        self.ec2, self.way = Client(), FakeWay()
        self.region = region_of(self.ec2)
        world = self.ec2.api.world
        self.enforcement = Enforcement(self.ec2.api.state, self.way, world.clock, Background())
        self.subnet_id = new_subnet(self.ec2, new_vpc(self.ec2))
        self.ids = [f"i-{number:017x}" for number in range(1, instances + 1)]
        for instance_id in self.ids:
            new_instance(self.ec2, self.subnet_id, instance_id)
        self.groups = [self.group(f"group {number}") for number in range(instances)]
        for instance_id, group_id in zip(self.ids, self.groups, strict=True):
            self.use(instance_id, group_id)
            self.begin(instance_id)
        self.way.visits.clear()

    def begin(self, instance_id: str) -> None:
        done: list[Any] = []
        work = self.enforcement.begin(
            self.key(instance_id), instance_id, 1, visit_of(self.region, instance_id)
        )
        Deferred.fromCoroutine(work).addBoth(done.append)

    def key(self, instance_id: str) -> GuestKey:
        return GuestKey(ACCOUNT, self.ec2.region, instance_id)

    def group(self, name: str) -> str:
        made = self.ec2.call("CreateSecurityGroup", GroupName=name, Description=name, VpcId=VPC)
        return str(made["GroupId"])

    def use(self, instance_id: str, *group_ids: str) -> None:
        self.ec2.call("ModifyInstanceAttribute", InstanceId=instance_id, Groups=list(group_ids))

    def allow(self, group_id: str, port: int = 80, **peer: Any) -> None:
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}
        if not peer:
            permission["IpRanges"] = [{"CidrIp": "192.0.2.0/24"}]
        self.ec2.call("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[permission])

    def visited(self, seconds: float = GATHER_SECONDS) -> list[str]:
        """Return whose filters changed until some time later."""
        self.ec2.turn(seconds)
        visited = [container for container, _ in self.way.visits]
        self.way.visits.clear()
        return visited


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_a_first_visit_brings_the_filter_with_all_else(lab: Lab) -> None:
    lab.begin(lab.ids[0])
    (_, visit) = lab.way.visits[0]

    assert "table inet ec2_emulator" in visit.packet_filter
    assert visit.listening == visit_of(lab.region, lab.ids[0]).listening
    assert not visit.are_arranged


def test_a_rule_reaches_the_instances_of_its_group_alone(lab: Lab) -> None:
    lab.allow(lab.groups[1])
    ((container, visit),) = lab.ec2.turn(GATHER_SECONDS) or lab.way.visits

    assert container == lab.ids[1]
    assert "tcp dport { 80 } goto tracked" in visit.packet_filter
    assert visit.listening == ()
    assert visit.are_arranged


def test_changes_that_come_together_are_one_visit(lab: Lab) -> None:
    for port in range(80, 90):
        lab.allow(lab.groups[0], port)
    lab.use(lab.ids[0], *lab.groups)

    assert lab.visited() == [lab.ids[0]]
    assert lab.visited(60) == []


def test_each_change_reaches_an_instance_within_a_fifth_of_a_second(lab: Lab) -> None:
    for port in range(80, 85):
        lab.allow(lab.groups[0], port)

        assert lab.visited(0.2) == [lab.ids[0]]


def test_who_joins_and_leaves_a_group_is_told_to_those_that_name_it(lab: Lab) -> None:
    lab.allow(lab.groups[0], UserIdGroupPairs=[{"GroupId": lab.groups[1]}])
    lab.visited()
    new_instance(lab.ec2, lab.subnet_id, "i-99999999999999999")
    unrelated = lab.visited()
    lab.use("i-99999999999999999", lab.groups[1])
    joined = lab.visited()
    lab.ec2.call("TerminateInstances", InstanceIds=["i-99999999999999999"])
    left = lab.visited()

    assert (unrelated, joined, left) == ([], [lab.ids[0]], [lab.ids[0]])


def test_a_new_version_of_a_prefix_list_is_told(lab: Lab) -> None:
    made = lab.ec2.call(
        "CreateManagedPrefixList",
        PrefixListName="list",
        AddressFamily="IPv4",
        MaxEntries=5,
        Entries=[{"Cidr": "198.51.100.0/24"}],
    )
    list_id = made["PrefixList"]["PrefixListId"]
    lab.allow(lab.groups[0], PrefixListIds=[{"PrefixListId": list_id}])
    lab.visited()
    lab.ec2.call(
        "ModifyManagedPrefixList",
        PrefixListId=list_id,
        CurrentVersion=1,
        AddEntries=[{"Cidr": "203.0.113.0/24"}],
    )

    assert lab.visited() == [lab.ids[0]]


def test_changes_that_make_no_difference_cause_no_visit(lab: Lab) -> None:
    rules = lab.ec2.call("DescribeSecurityGroupRules")["SecurityGroupRules"]
    lab.ec2.call(
        "CreateTags",
        Resources=[each["SecurityGroupRuleId"] for each in rules],
        Tags=[{"Key": "a", "Value": "b"}],
    )

    assert lab.visited() == []


def test_a_group_of_a_peered_account_is_followed_there(lab: Lab) -> None:
    other = Client(like=lab.ec2, access_key="111122223333")
    vpc_id = other.call("CreateVpc", CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    subnet = other.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.77.1.0/24")["Subnet"]
    peers = other.call("CreateSecurityGroup", GroupName="a", Description="a", VpcId=vpc_id)
    connection = lab.ec2.call(
        "CreateVpcPeeringConnection", VpcId=VPC, PeerVpcId=vpc_id, PeerOwnerId=other.access_key
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    other.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=connection)
    pair = {"GroupId": peers["GroupId"], "UserId": other.access_key}
    lab.allow(lab.groups[0], UserIdGroupPairs=[pair])
    lab.visited()
    other.call("CreateNetworkInterface", SubnetId=subnet["SubnetId"], Groups=[peers["GroupId"]])

    assert lab.visited() == [lab.ids[0]]


def test_an_instance_that_ended_is_followed_no_more(lab: Lab) -> None:
    lab.enforcement.forget(lab.key(lab.ids[0]))
    lab.allow(lab.groups[0])

    assert lab.visited() == []
    assert len(lab.enforcement) == 1


def test_a_change_during_a_visit_has_a_visit_of_its_own(lab: Lab) -> None:
    lab.way.waiting = []
    lab.allow(lab.groups[0], 80)
    first = lab.visited()
    lab.allow(lab.groups[0], 81)
    meanwhile = lab.visited(1)
    lab.way.let_go()
    then = lab.visited()

    assert (first, meanwhile, then) == ([lab.ids[0]], [], [lab.ids[0]])


def test_a_change_during_a_launch_is_not_lost(lab: Lab) -> None:
    lab.way.waiting = []
    lab.begin(lab.ids[0])
    lab.allow(lab.groups[0], 80)
    before = lab.visited(1)
    lab.way.let_go()

    assert (before, lab.visited()) == ([lab.ids[0]], [lab.ids[0]])


def test_a_launch_that_fails_is_not_followed(lab: Lab) -> None:
    lab.way.fails = True
    lab.begin(lab.ids[0])
    lab.visited()
    lab.way.fails = False
    lab.allow(lab.groups[0])

    assert lab.visited() == []


def test_a_visit_that_fails_is_tried_again(lab: Lab) -> None:
    lab.way.fails = True
    lab.allow(lab.groups[0])
    failed = lab.visited()
    lab.way.fails = False
    at_once, soon = lab.visited(RETRY_SECONDS[0]), lab.visited()

    assert (failed, at_once, soon) == ([lab.ids[0]], [], [lab.ids[0]])
    assert lab.visited(60) == []


def test_a_burst_of_changes_leaves_threads_for_launches() -> None:
    lab = Lab(instances=20)
    shared = lab.group("shared")
    for instance_id in lab.ids:
        lab.use(instance_id, shared)
    lab.visited()
    lab.way.waiting = []
    lab.allow(shared)
    at_once = lab.visited()
    seen = list(at_once)
    for _ in range(20):
        lab.way.let_go()
        seen += lab.visited(0.0)

    assert len(at_once) == MOST_VISITS
    assert sorted(seen) == sorted(lab.ids)


def test_a_change_replaces_chains_and_after_a_failure_the_whole_table(lab: Lab) -> None:
    lab.way.fails = True
    lab.allow(lab.groups[0])
    lab.ec2.turn(GATHER_SECONDS)
    lab.way.fails = False
    lab.ec2.turn(RETRY_SECONDS[0])
    lab.ec2.turn(GATHER_SECONDS)
    first, second = (visit.packet_filter for _, visit in lab.way.visits)

    assert "delete table" not in first
    assert first.startswith("flush chain inet ec2_emulator ")
    assert "delete table" in second
    assert "tcp dport { 80 } goto tracked" in second
