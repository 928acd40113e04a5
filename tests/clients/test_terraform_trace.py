"""What a real Terraform sent, sent again: same answers, and nothing to change afterwards.

The requests were recorded from Terraform 0.13.7 with the AWS provider 2.68.0 applying
``terraform/main.tf``. They name resources of the recording; each such id is replaced by
the emulator's own, in the order in which both were created.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest

from tests.clients.emulator_process import EmulatorProcess

TRACES = Path(__file__).parent / "terraform"
ID = re.compile(r"\b(vpc|sg|igw|subnet|rtb|i|vol|eipalloc|eipassoc|rtbassoc)-[0-9a-f]{8,17}\b")
USER_AGENT = (
    "aws-sdk-go/1.32.3 (go1.21.13; linux; amd64) APN/1.0 HashiCorp/1.0 Terraform/0.13.7 "
    "(+https://www.terraform.io)"
)
STS = {"GetCallerIdentity"}


class Replay:
    """Sends recorded requests with the recording's ids replaced by ours."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        self._emulator = emulator
        self._ours: dict[str, str] = {}
        self._created: dict[str, list[str]] = {}
        self.answers: dict[str, list[ET.Element]] = {}

    def _our_id(self, found: re.Match[str]) -> str:
        recorded, prefix = found[0], found[1]
        if recorded not in self._ours:
            self._ours[recorded] = self._created[prefix].pop(0)
        return self._ours[recorded]

    def _note_created(self, action: str, body: str) -> None:
        makes = action.startswith(("Create", "Run", "Allocate", "Associate"))
        if not makes and action != "DescribeVolumes":
            return
        for found in ID.finditer(body):
            ids = self._created.setdefault(found[1], [])
            if found[0] not in ids and found[0] not in self._ours.values():
                ids.append(found[0])

    def send(self, action: str, params: dict[str, str]) -> tuple[int, str]:
        ours = {name: ID.sub(self._our_id, value) for name, value in params.items()}
        service, version = ("sts", "2011-06-15") if action in STS else ("ec2", "2016-11-15")
        status, body = self._emulator.post(
            urlencode({"Action": action, "Version": version, **ours}),
            Content_Type="application/x-www-form-urlencoded; charset=utf-8",
            User_Agent=USER_AGENT,
            Authorization=(
                f"AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/{service}/aws4_request, "
                "SignedHeaders=content-length;content-type;host;x-amz-date, Signature=0"
            ),
        )
        self._note_created(action, body)
        return status, re.sub(r' xmlns="[^"]*"', "", body)

    def run(self, name: str) -> Iterator[tuple[int, str, int, int, str]]:
        """Send one recording; yield line, action, wanted status, status and body."""
        self.answers = {}
        for number, line in enumerate((TRACES / f"{name}.jsonl").read_text().splitlines()):
            recorded = json.loads(line)
            status, body = self.send(recorded["action"], recorded["params"])
            self.answers.setdefault(recorded["action"], []).append(ET.fromstring(body))
            yield number, recorded["action"], recorded["status"], status, body

    def check(self, name: str) -> None:
        for number, action, wanted, status, body in self.run(name):
            assert status == wanted, f"{name} line {number + 1}, {action}: {body}"

    def ours(self, recorded: str) -> str:
        return self._ours[recorded]


VPC = "vpc-6173132d11e69038f"
WEB = "sg-68681d6248f1b7612"
OTHER = "sg-040a81ac0e0012e37"
SUBNET = "subnet-4c7998f717a1015e5"
GATEWAY = "igw-0adcb9d17c23edfc3"
TABLE = "rtb-e80e09e49b35f30bc"
INSTANCE = "i-77b020e3fd6767e7f"
ROOT = "vol-79f9d8f0168071583"
VOLUME = "vol-1c67abc1a7b5da907"
ADDRESS = "eipalloc-87a7ce452342057bd"


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    process = EmulatorProcess()
    yield process
    assert process.stop() == 0
    assert not [line for line in process.lines if "Traceback" in line]


@pytest.fixture(scope="module")
def replay(emulator: EmulatorProcess) -> Replay:
    replay = Replay(emulator)
    replay.check("start")
    replay.check("apply")
    return replay


def texts(element: ET.Element, path: str) -> list[str]:
    return [found.text or "" for found in element.findall(path)]


def shown(replay: Replay, action: str, path: str) -> list[ET.Element]:
    return [found for answer in replay.answers[action] for found in answer.findall(path)]


def one(replay: Replay, action: str, path: str, **having: str) -> ET.Element:
    ((name, value),) = having.items()
    return next(e for e in shown(replay, action, path) if e.findtext(name) == value)


def rules(group: ET.Element, direction: str) -> list[tuple[str, str, str, list[str]]]:
    return [
        (
            rule.findtext("ipProtocol", ""),
            rule.findtext("fromPort", ""),
            rule.findtext("toPort", ""),
            texts(rule, "ipRanges/item/cidrIp"),
        )
        for rule in group.findall(f"{direction}/item")
    ]


def test_plan_reads_back_what_apply_wrote(replay: Replay) -> None:
    replay.check("plan")

    vpc = one(replay, "DescribeVpcs", "vpcSet/item", vpcId=replay.ours(VPC))
    assert vpc.findtext("cidrBlock") == "10.0.0.0/16"
    assert texts(vpc, "tagSet/item/value") == ["v"]
    subnet = one(replay, "DescribeSubnets", "subnetSet/item", subnetId=replay.ours(SUBNET))
    assert subnet.findtext("cidrBlock") == "10.0.1.0/24"
    assert subnet.findtext("availabilityZone") == "us-east-1a"
    gateway = shown(replay, "DescribeInternetGateways", "internetGatewaySet/item")[0]
    assert texts(gateway, "attachmentSet/item/state") == ["available"]
    assert texts(gateway, "attachmentSet/item/vpcId") == [replay.ours(VPC)]

    table = one(
        replay, "DescribeRouteTables", "routeTableSet/item", routeTableId=replay.ours(TABLE)
    )
    routes = [
        (r.findtext("destinationCidrBlock"), r.findtext("gatewayId"), r.findtext("state"))
        for r in table.findall("routeSet/item")
    ]
    assert sorted(routes, key=str) == [
        ("0.0.0.0/0", replay.ours(GATEWAY), "active"),
        ("10.0.0.0/16", "local", "active"),
    ]
    assert texts(table, "associationSet/item/subnetId") == [replay.ours(SUBNET)]

    groups = "securityGroupInfo/item"
    web = one(replay, "DescribeSecurityGroups", groups, groupId=replay.ours(WEB))
    assert web.findtext("groupName") == "web"
    assert rules(web, "ipPermissions") == [("tcp", "22", "22", ["0.0.0.0/0"])]
    assert rules(web, "ipPermissionsEgress") == [("-1", "", "", ["0.0.0.0/0"])]
    other = one(replay, "DescribeSecurityGroups", groups, groupId=replay.ours(OTHER))
    assert rules(other, "ipPermissions") == [("tcp", "80", "80", ["10.0.0.0/8"])]
    assert rules(other, "ipPermissionsEgress") == []


def test_plan_reads_back_the_instance_with_its_disks_and_address(replay: Replay) -> None:
    replay.check("plan")

    instance = shown(replay, "DescribeInstances", "reservationSet/item/instancesSet/item")[0]
    assert instance.findtext("instanceId") == replay.ours(INSTANCE)
    assert instance.findtext("instanceState/name") == "running"
    assert instance.findtext("instanceType") == "t2.micro"
    assert instance.findtext("keyName") == "k"
    assert texts(instance, "groupSet/item/groupId") == [replay.ours(WEB)]
    assert texts(instance, "tagSet/item/value") == ["i"]
    devices = {
        item.findtext("deviceName"): item.findtext("ebs/volumeId")
        for item in instance.findall("blockDeviceMapping/item")
    }
    assert devices == {"/dev/xvda": replay.ours(ROOT), "/dev/sdf": replay.ours(VOLUME)}
    address = shown(replay, "DescribeAddresses", "addressesSet/item")[0]
    assert address.findtext("instanceId") == replay.ours(INSTANCE)
    assert instance.findtext("ipAddress") == address.findtext("publicIp")
    root = one(replay, "DescribeVolumes", "volumeSet/item", volumeId=replay.ours(ROOT))
    assert root.findtext("size") == "10"
    assert texts(root, "attachmentSet/item/deleteOnTermination") == ["true"]
    data = shown(replay, "DescribeInstanceAttribute", "userData/value")[0]
    assert data.text == "IyEvYmluL3NoCmVjaG8gaGk="


def test_a_second_plan_finds_nothing_changed(replay: Replay) -> None:
    def bodies() -> list[str]:
        return [
            re.sub(r"<requestId>[^<]*</requestId>", "", body) for *_, body in replay.run("plan")
        ]

    assert bodies() == bodies()


def test_destroy_leaves_nothing(replay: Replay) -> None:
    replay.check("destroy")

    status, _ = replay.send("DescribeVpcs", {"VpcId.1": VPC})
    assert status == 400
    _, body = replay.send(
        "DescribeNetworkInterfaces",
        {"Filter.1.Name": "vpc-id", "Filter.1.Value.1": VPC},
    )
    assert not ET.fromstring(body).findall("networkInterfaceSet/item")
    _, body = replay.send("DescribeVolumes", {})
    assert not ET.fromstring(body).findall("volumeSet/item")
