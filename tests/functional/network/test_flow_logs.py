"""Flow logs of real packets: what was let through, what was not, and where records go."""

from __future__ import annotations

import contextlib
import gzip
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import Engine
from tests.functional.docker.waiting import until
from tests.functional.network.place import Place
from tests.functional.network.test_security_groups import (
    EVERYBODY,
    Machine,
    machine,
    new_group,
)

CIDR = "10.241.0.0/24"
# Records come at the end of each minute.
PATIENCE_SECONDS = 100
CUSTOM = (
    "${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${action} "
    "${tcp-flags} ${flow-direction} ${type} ${vpc-id} ${subnet-id} ${instance-id} ${region} "
    "${az-id} ${traffic-path} ${log-status} ${start} ${end} ${version} ${pkt-srcaddr} ${bytes}"
)


@attrs.frozen
class Stage:
    """Two instances whose flows are logged, and what was made for that."""

    cloud: Cloud
    folder: Path
    vpc_id: str
    closed: Machine
    open: Machine
    ids: Mapping[str, str]

    def interface(self, machine: Machine) -> str:
        (shown,) = self.cloud.instance(machine.instance_id)["NetworkInterfaces"]
        return str(shown["NetworkInterfaceId"])

    def stream(self, machine: Machine, kind: str = "all") -> list[list[str]]:
        name = f"{self.interface(machine)}-{kind}"
        path = self.folder / "cloud-watch-logs/000000000000/us-east-1/%/vpc/flows" / name
        if not path.exists():
            return []
        return [line.split(" ") for line in path.read_text().splitlines()]

    def objects(self) -> list[str]:
        found: list[str] = []
        for path in sorted(self.folder.glob("s3/bucket/some/AWSLogs/000000000000/**/*.log.gz")):
            found += gzip.decompress(path.read_bytes()).decode().splitlines()
        return found


@pytest.fixture(scope="module")
def stage(
    engine: Engine, amis: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("data")
    cloud = Cloud(engine, EMULATOR_DATA_DIR=str(folder))
    vpc_id = cloud.ec2.create_vpc(CidrBlock=CIDR)["Vpc"]["VpcId"]
    subnet_id = cloud.ec2.create_subnet(VpcId=vpc_id, CidrBlock=CIDR)["Subnet"]["SubnetId"]
    groups = [
        new_group(cloud, vpc_id, name, closed=name == "closed") for name in ("closed", "open")
    ]
    cloud.ec2.authorize_security_group_ingress(
        GroupId=groups[0],
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8000, **EVERYBODY}],
    )
    closed, opened = (machine(cloud, amis["busybox"], subnet_id, each) for each in groups)
    with closed.place.serving(8000, 9000), opened.place.serving(8000, 9000):
        yield Stage(
            cloud, folder / "flow-logs", vpc_id, closed, opened, made(cloud, vpc_id, closed)
        )
    cloud.close()


def made(cloud: Cloud, vpc_id: str, closed: Machine) -> Mapping[str, str]:
    (shown,) = cloud.instance(closed.instance_id)["NetworkInterfaces"]

    def make(**params: Any) -> str:
        answer = cloud.ec2.create_flow_logs(**params)
        assert answer["Unsuccessful"] == []
        return str(answer["FlowLogIds"][0])

    bucket = "arn:aws:s3:::bucket/some/"
    interface = {
        "ResourceIds": [shown["NetworkInterfaceId"]],
        "ResourceType": "NetworkInterface",
        "LogDestinationType": "s3",
    }
    return {
        "vpc": make(
            ResourceIds=[vpc_id],
            ResourceType="VPC",
            TrafficType="ALL",
            LogGroupName="/vpc/flows",
            DeliverLogsPermissionArn="arn:aws:iam::000000000000:role/flows",
            LogFormat=CUSTOM,
        ),
        "rejected": make(**interface, TrafficType="REJECT", LogDestination=bucket),
        "parquet": make(
            **interface,
            TrafficType="ACCEPT",
            LogDestination=bucket,
            DestinationOptions={"FileFormat": "parquet"},
        ),
    }


def shown(stage: Stage, name: str) -> Any:
    (found,) = stage.cloud.ec2.describe_flow_logs(FlowLogIds=[stage.ids[name]])["FlowLogs"]
    return found


def test_flows_are_told_as_they_went(stage: Stage) -> None:
    begun = int(time.time())
    # Counting begins a moment after a flow log is made.
    time.sleep(1)
    with stage.open.place.connected(stage.closed.address) as stream:
        assert stream.recv(2) == b"hi"
        stream.sendall(b"ho")
        assert stream.recv(2) == b"ho"
        local_port = str(stream.getsockname()[1])
    assert not stage.open.place.tcp(stage.closed.address, 9000)
    assert not stage.open.place.udp(stage.closed.address, 8000)
    assert not stage.open.place.ping(stage.closed.address)
    assert not stage.closed.place.udp(stage.open.address, 8000)

    until(lambda: stage.stream(stage.open), lambda lines: len(lines) > 3, PATIENCE_SECONDS)
    until(lambda: stage.stream(stage.closed), lambda lines: len(lines) > 3, PATIENCE_SECONDS)
    names = [name.strip("${}") for name in CUSTOM.split()]
    closed, opened = (
        [dict(zip(names, line, strict=True)) for line in stage.stream(machine)]
        for machine in (stage.closed, stage.open)
    )
    client, server = stage.open.address, stage.closed.address

    def one(lines: list[dict[str, str]], **wanted: str) -> dict[str, str]:
        found = [
            line
            for line in lines
            if all(line[name.replace("_", "-")] == value for name, value in wanted.items())
        ]
        assert len(found) == 1, (wanted, lines)
        return found[0]

    request = one(closed, srcaddr=client, srcport=local_port, dstport="8000", action="ACCEPT")
    answer = one(closed, dstaddr=client, dstport=local_port, srcport="8000", action="ACCEPT")
    assert (request["flow-direction"], answer["flow-direction"]) == ("ingress", "egress")
    assert (request["tcp-flags"], answer["tcp-flags"]) == ("3", "19")
    assert (request["type"], request["protocol"], request["version"]) == ("IPv4", "6", "5")
    assert request["vpc-id"] == stage.vpc_id
    assert request["instance-id"] == stage.closed.instance_id
    assert request["region"] == "us-east-1"
    assert request["az-id"].startswith("use1-az")
    assert (request["traffic-path"], answer["traffic-path"]) == ("-", "1")
    assert begun <= int(request["start"]) <= int(request["end"]) <= time.time()
    assert int(request["packets"]) >= 4
    assert int(request["bytes"]) >= 4 * 40

    syn = one(closed, srcaddr=client, dstport="9000", protocol="6")
    assert (syn["action"], syn["tcp-flags"]) == ("REJECT", "2")
    assert one(closed, srcaddr=client, protocol="17", action="REJECT")["dstport"] == "8000"
    ping = one(closed, srcaddr=client, protocol="1", action="REJECT")
    assert (ping["srcport"], ping["dstport"]) == ("0", "0")
    # What the closed one may not send is rejected where it leaves, and nobody else hears of it.
    leaving = one(closed, srcaddr=server, protocol="17", action="REJECT")
    assert leaving["flow-direction"] == "egress"
    assert [line for line in opened if line["srcaddr"] == server and line["protocol"] == "17"] == []
    one(opened, srcaddr=client, srcport=local_port, dstport="8000", action="ACCEPT")


def test_a_bucket_gets_objects_of_what_was_asked_for(stage: Stage) -> None:
    lines = until(stage.objects, lambda found: any("REJECT" in each for each in found), 100)

    assert lines[0].split() == [
        *("version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport"),
        *("protocol", "packets", "bytes", "start", "end", "action", "log-status"),
    ]
    assert not any("ACCEPT" in each for each in lines)
    assert all(each.startswith("2 000000000000 eni-") for each in lines if "REJECT" in each)


def test_how_delivery_went_is_shown(stage: Stage) -> None:
    until(lambda: shown(stage, "vpc").get("DeliverLogsStatus"), bool, PATIENCE_SECONDS)
    failed = shown(stage, "parquet")

    assert shown(stage, "vpc")["DeliverLogsStatus"] == "SUCCESS"
    assert failed["DeliverLogsStatus"] == "FAILED"
    assert "parquet" in failed["DeliverLogsErrorMessage"]


def tables(place: Place) -> str:
    import subprocess

    words = ["nsenter", "--target", str(place.pid), "--net", "nft", "list", "tables"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_a_minute_without_packets_is_told_and_nothing_counts_once_logs_are_gone(
    stage: Stage,
) -> None:
    lines = until(
        lambda: stage.stream(stage.open),
        lambda found: any("NODATA" in line for line in found),
        2 * PATIENCE_SECONDS,
    )
    (empty, *_) = [line for line in lines if "NODATA" in line]
    stage.cloud.ec2.delete_flow_logs(FlowLogIds=list(stage.ids.values()))
    until(lambda: tables(stage.open.place), lambda seen: "flows" not in seen, PATIENCE_SECONDS)

    assert empty[1:8] == ["-"] * 7
    with contextlib.suppress(OSError), stage.open.place.connected(stage.closed.address) as stream:
        assert stream.recv(2) == b"hi"
        stream.shutdown(socket.SHUT_RDWR)
