"""Flow logs that follow their records: who is counted, when, and what is delivered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from emulator.core.background import Background
from emulator.core.threads import NoThreads
from emulator.net.flow_logs import GATHER_SECONDS, INTERVAL_SECONDS, CountsFlows, FlowLogs
from emulator.net.flow_visit import FlowVisit
from emulator.vm.interface import GuestKey, VMError
from tests.fakes.client import Client
from tests.fakes.network import ACCOUNT, new_instance, new_subnet, new_vpc

INSTANCE = "i-11111111111111111"
VPC = "vpc-11111111111111111"
ROLE = "arn:aws:iam::000000000000:role/flows"


@attrs.define
class FakeWay(CountsFlows):
    """Notes the visits."""

    visits: list[FlowVisit] = attrs.field(factory=list)
    fails: bool = False
    listed: str = json.dumps({"nftables": []})

    async def visit_flows(self, container: str, pid: int, visit: FlowVisit) -> str:
        assert (container, pid) == ("box", 7)
        self.visits.append(visit)
        if self.fails:
            raise VMError("nft: no room")
        return "" if visit.is_first or visit.turn is None else self.listed


class Lab:
    """One instance in a subnet."""

    def __init__(self, folder: Path) -> None:
        self.ec2, self.way, self.folder = Client(), FakeWay(), folder
        world = self.ec2.api.world
        self.flows = FlowLogs(
            self.ec2.api.state,
            self.way,
            world.clock,
            Background(),
            NoThreads(),
            folder,
            lambda _, zone: f"id of {zone}",
        )
        self.subnet_id = new_subnet(self.ec2, new_vpc(self.ec2))
        new_instance(self.ec2, self.subnet_id, INSTANCE)
        self.key = GuestKey(ACCOUNT, self.ec2.region, INSTANCE)

    def create(self, resource_id: str, kind: str, **params: Any) -> str:
        params = params or {"LogGroupName": "group", "DeliverLogsPermissionArn": ROLE}
        answer = self.ec2.call(
            "CreateFlowLogs",
            ResourceIds=[resource_id],
            ResourceType=kind,
            TrafficType="ALL",
            **params,
        )
        return str(answer["FlowLogIds"][0])

    def turns(self, seconds: float) -> list[tuple[int | None, bool]]:
        """Return the visits until some time later."""
        self.way.visits.clear()
        self.ec2.turn(seconds)
        return [(visit.turn, visit.is_first) for visit in self.way.visits]

    def shown(self, flow_log_id: str) -> Any:
        return self.ec2.call("DescribeFlowLogs", FlowLogIds=[flow_log_id])["FlowLogs"][0]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_nobody_is_visited_where_there_is_no_flow_log(lab: Lab) -> None:
    lab.flows.begin(lab.key, "box", 7)

    assert lab.turns(3 * INTERVAL_SECONDS) == []


@pytest.mark.parametrize("kind", ["VPC", "Subnet", "NetworkInterface"])
def test_a_flow_log_is_counted_for_as_soon_as_it_is_made(lab: Lab, kind: str) -> None:
    lab.flows.begin(lab.key, "box", 7)
    (interface,) = lab.ec2.call("DescribeNetworkInterfaces")["NetworkInterfaces"]
    ids = {
        "VPC": VPC,
        "Subnet": lab.subnet_id,
        "NetworkInterface": interface["NetworkInterfaceId"],
    }
    lab.create(ids[kind], kind)

    assert lab.turns(GATHER_SECONDS) == [(0, True)]


def test_what_another_resources_flow_log_is_for_is_not_counted(lab: Lab) -> None:
    lab.flows.begin(lab.key, "box", 7)
    other = lab.ec2.call("CreateVpc", CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    lab.create(other, "VPC")

    assert lab.turns(INTERVAL_SECONDS) == []


def test_each_minute_is_delivered_by_turns_until_the_log_is_deleted(lab: Lab) -> None:
    log = lab.create(VPC, "VPC")
    lab.flows.begin(lab.key, "box", 7)
    lab.ec2.turn(GATHER_SECONDS)
    before = lab.shown(log).get("DeliverLogsStatus")
    first = lab.turns(INTERVAL_SECONDS)
    second = lab.turns(INTERVAL_SECONDS)
    (stream,) = lab.folder.glob("cloud-watch-logs/*/*/group/eni-*-all")
    lab.ec2.call("DeleteFlowLogs", FlowLogIds=[log])
    third = lab.turns(2 * INTERVAL_SECONDS)

    assert before is None
    assert (first, second, third) == ([(1, False)], [(0, False)], [(None, False)])
    assert [line.split()[-1] for line in stream.read_text().splitlines()] == ["NODATA"] * 2


def test_how_the_last_delivery_went_is_shown(lab: Lab) -> None:
    good = lab.create(VPC, "VPC")
    bad = lab.create(
        VPC,
        "VPC",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::bucket",
        DestinationOptions={"FileFormat": "parquet"},
    )
    lab.flows.begin(lab.key, "box", 7)
    lab.ec2.turn(GATHER_SECONDS)
    lab.ec2.turn(INTERVAL_SECONDS)
    failed = lab.ec2.call(
        "DescribeFlowLogs", Filter=[{"Name": "deliver-log-status", "Values": ["FAILED"]}]
    )["FlowLogs"]

    assert lab.shown(good)["DeliverLogsStatus"] == "SUCCESS"
    assert [each["FlowLogId"] for each in failed] == [bad]
    assert "parquet" in failed[0]["DeliverLogsErrorMessage"]


def test_a_visit_that_fails_is_told_and_tried_again(lab: Lab) -> None:
    log = lab.create(VPC, "VPC")
    lab.flows.begin(lab.key, "box", 7)
    lab.ec2.turn(GATHER_SECONDS)
    lab.way.fails = True
    lab.turns(INTERVAL_SECONDS)
    told = lab.shown(log)
    lab.way.fails = False
    again = lab.turns(INTERVAL_SECONDS)

    assert (told["DeliverLogsStatus"], told["DeliverLogsErrorMessage"]) == (
        "FAILED",
        "nft: no room",
    )
    assert again == [(1, False)]
    assert lab.shown(log)["DeliverLogsStatus"] == "SUCCESS"


def test_an_instance_that_ended_is_counted_no_more(lab: Lab) -> None:
    lab.create(VPC, "VPC")
    lab.flows.begin(lab.key, "box", 7)
    lab.ec2.turn(GATHER_SECONDS)
    lab.flows.forget(lab.key)

    assert lab.turns(3 * INTERVAL_SECONDS) == []


def test_a_listing_that_cannot_be_read_is_told(lab: Lab) -> None:
    log = lab.create(VPC, "VPC")
    lab.flows.begin(lab.key, "box", 7)
    lab.ec2.turn(GATHER_SECONDS)
    lab.way.listed = "half a lis"
    lab.turns(INTERVAL_SECONDS)

    assert lab.shown(log)["DeliverLogsStatus"] == "FAILED"
    assert "cannot be read" in lab.shown(log)["DeliverLogsErrorMessage"]


def test_what_cannot_be_begun_is_tried_once_a_minute(lab: Lab) -> None:
    log = lab.create(VPC, "VPC")
    lab.way.fails = True
    lab.flows.begin(lab.key, "box", 7)
    for _ in range(10):
        lab.ec2.turn(1)
    tried = len(lab.way.visits)
    status = lab.shown(log)["DeliverLogsStatus"]
    lab.way.fails = False
    lab.ec2.turn(INTERVAL_SECONDS)
    lab.ec2.turn(GATHER_SECONDS)

    assert (tried, status) == (1, "FAILED")
    assert len(lab.way.visits) == 2
