"""What is measured of each server; every function takes a fresh server unless it says more."""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from benchmarks.client import Client, Load, every, few, first, form, wrk, wrk_get
from benchmarks.servers import stop

if TYPE_CHECKING:
    from benchmarks.servers import Server

REGIONS = form("DescribeRegions")
INSTANCES = form("DescribeInstances")
FILTERED = form("DescribeInstances", Filter_1_Name="tag:Number", Filter_1_Value_1="7")


@attrs.frozen
class Plan:
    """How much work a run does.

    Attributes:
        seconds: length of one load phase.
        repeats: phases of which the median counts.
        alternations: pairs of change and describe.
        starts: process starts of which the median counts.
        mock_instances: how many instances memory is measured with.
    """

    port: int
    seconds: float = 4
    repeats: int = 3
    alternations: int = 60
    starts: int = 9
    mock_instances: int = 50_000


def regions(server: Server, plan: Plan) -> float:
    """DescribeRegions a second over 16 kept connections."""
    with server.running(plan.port):
        wrk(plan.port, REGIONS, 16, 1)
        return statistics.median(
            wrk(plan.port, REGIONS, 16, plan.seconds).per_second for _ in range(plan.repeats)
        )


def metadata(server: Server, plan: Plan) -> float:
    """GETs of an instance's metadata a second, with a token, over 16 kept connections."""
    path = "/latest/meta-data/instance-id"
    process = server.spawn(plan.port)
    try:
        token = metadata_token(process, plan.port)
        wrk_get(plan.port, path, token, 16, 1)
        return statistics.median(
            wrk_get(plan.port, path, token, 16, plan.seconds).per_second
            for _ in range(plan.repeats)
        )
    finally:
        stop(process)


def metadata_token(process: subprocess.Popen[bytes], port: int, seconds: float = 60) -> str:
    """Return a session token as soon as the service gives one."""
    deadline = time.perf_counter() + seconds
    while True:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            headers = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
            client.request("PUT", "/latest/api/token", headers=headers)
            return client.getresponse().read().decode()
        except OSError as refused:
            if process.poll() is not None or time.perf_counter() > deadline:
                raise RuntimeError("the metadata service did not start") from refused
            time.sleep(0.01)
        finally:
            client.close()


def run_thousand(server: Server, client: Client) -> tuple[float, list[str]]:
    """Launch 1,000 instances in 10 calls; the seconds that took, and the instances' ids."""
    body = form(
        "RunInstances",
        ImageId=server.image_id,
        InstanceType="t3.micro",
        MinCount=100,
        MaxCount=100,
    )
    before = time.perf_counter()
    answers = [client.post(body) for _ in range(10)]
    elapsed = time.perf_counter() - before
    ids = sorted({found for answer in answers for found in every("instanceId", answer)})
    assert len(ids) == 1000, f"{server.name} launched {len(ids)} of 1000 instances"
    return elapsed, ids


def launches(server: Server, plan: Plan) -> float:
    """Instances a second, 1,000 of them in 10 calls, on a fresh server each time."""
    rates = []
    for _ in range(plan.repeats):
        with server.running(plan.port):
            rates.append(1000 / run_thousand(server, Client(plan.port))[0])
    return statistics.median(rates)


@attrs.frozen
class Describes:
    """What 1,000 instances cost a server.

    Attributes:
        all_per_second: DescribeInstances of all, 4 connections.
        unchanged_ms: the same on one connection, each after a DescribeRegions.
        changed_ms: the same, each after a tag of one instance changed.
        filtered_per_second: DescribeInstances with a tag filter that one instance meets.
        tags_per_second: CreateTags on one instance, 16 connections.
        launches_per_second: RunInstances of a single instance, one after the other.
        answer_bytes: length of the answer with all instances.
    """

    all_per_second: float
    unchanged_ms: float | None
    changed_ms: float | None
    filtered_per_second: float
    tags_per_second: float
    launches_per_second: float
    answer_bytes: int


def describes(server: Server, plan: Plan) -> Describes:
    """Everything that is measured with 1,000 instances present."""
    with server.running(plan.port):
        client = Client(plan.port)
        _, ids = run_thousand(server, client)
        client.call("CreateTags", ResourceId_1=ids[0], Tag_1_Key="Number", Tag_1_Value=7)
        answer = client.post(INSTANCES)
        present = len(set(every("instanceId", answer)))
        assert present == 1000, f"{server.name} describes {present} of 1000 instances"
        is_slow = client.seconds(INSTANCES) > 0.5
        unchanged, changed = (None, None) if is_slow else alternate(client, ids, plan)
        return Describes(
            all_per_second=under_load(plan, INSTANCES, 4),
            unchanged_ms=unchanged,
            changed_ms=changed,
            filtered_per_second=under_load(plan, FILTERED, 4),
            tags_per_second=under_load(plan, tagging(ids[1], 1), 16),
            launches_per_second=single_launches(server, client),
            answer_bytes=len(answer),
        )


def under_load(plan: Plan, body: str, connections: int) -> float:
    """Requests a second; a server that needs over half a second for one gets only a few."""
    client = Client(plan.port)
    probe = client.seconds(body)
    client.close()
    if probe > 0.5:
        return few(plan.port, body, connections).per_second

    def phase() -> Load:
        return wrk(plan.port, body, connections, plan.seconds)

    return statistics.median(phase().per_second for _ in range(plan.repeats))


def tagging(instance_id: str, value: int) -> str:
    """A request that changes a tag of one instance."""
    return form("CreateTags", ResourceId_1=instance_id, Tag_1_Key="Turn", Tag_1_Value=value)


def alternate(client: Client, ids: list[str], plan: Plan) -> tuple[float, float]:
    """Median milliseconds of a describe after no change, and after a change.

    The change is a tag of one instance, each time another; both kinds take turns.
    """
    unchanged, changed = [], []
    for turn in range(plan.alternations):
        client.post(REGIONS)
        unchanged.append(client.seconds(INSTANCES))
        client.post(tagging(ids[turn * 37 % len(ids)], turn))
        changed.append(client.seconds(INSTANCES))
    return statistics.median(unchanged) * 1e3, statistics.median(changed) * 1e3


def single_launches(server: Server, client: Client, count: int = 50) -> float:
    """RunInstances of one instance a second, one call after the other."""
    body = form(
        "RunInstances",
        ImageId=server.image_id,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
    )
    return count / sum(client.seconds(body) for _ in range(count))


@attrs.frozen
class Memory:
    """Resident memory of one process.

    Attributes:
        empty_mib: after the first request, with a VPC and its subnet.
        per_instance_kib: growth for each mock instance.
        per_described_kib: the same once every instance has been described.
    """

    empty_mib: float
    per_instance_kib: float
    per_described_kib: float


def memory(server: Server, plan: Plan) -> Memory:
    """Memory for many instances in a VPC of their own, whose one subnet is a /16."""
    with server.running(plan.port) as process:
        client = Client(plan.port)
        vpc_id = first("vpcId", client.call("CreateVpc", CidrBlock="10.0.0.0/16"))
        subnet = client.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.0.0/16")
        subnet_id = first("subnetId", subnet)
        empty = resident_kib(process.pid)
        body = form(
            "RunInstances",
            ImageId=server.image_id,
            InstanceType="t3.micro",
            SubnetId=subnet_id,
            MinCount=1000,
            MaxCount=1000,
        )
        for _ in range(plan.mock_instances // 1000):
            client.post(body)
        wait_until_running(client)
        full = resident_kib(process.pid)
        described = describe_in_pages(client)
        assert described == plan.mock_instances, f"{described} instances described"
        read = resident_kib(process.pid)
        return Memory(
            empty / 1024,
            (full - empty) / plan.mock_instances,
            (read - empty) / plan.mock_instances,
        )


def wait_until_running(client: Client, seconds: float = 60) -> None:
    """Return when no instance is pending any more."""
    pending = form(
        "DescribeInstances",
        Filter_1_Name="instance-state-name",
        Filter_1_Value_1="pending",
        MaxResults=5,
    )
    deadline = time.perf_counter() + seconds
    while b"<instanceId>" in client.post(pending):
        assert time.perf_counter() < deadline, "instances stay pending"
        time.sleep(0.2)


def describe_in_pages(client: Client) -> int:
    """Describe all instances, 1,000 a page; returns how many there are."""
    count = 0
    token: dict[str, str] = {}
    while True:
        answer = client.call("DescribeInstances", MaxResults=1000, **token)
        count += len(set(every("instanceId", answer)))
        following = every("nextToken", answer)
        if not following:
            return count
        token = {"NextToken": following[0]}


def resident_kib(pid: int) -> int:
    """Resident memory of a process, as Linux accounts for it."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1])


def start_seconds(server: Server, plan: Plan) -> float:
    """Median time from process start to the first answer; the first start warms the cache."""
    return median_after_warming(lambda: server.seconds_to_first_answer(plan.port), plan.starts)


def import_seconds(plan: Plan) -> float:
    """Median time of ``python -c "import twisted.web.server"`` in the emulator's environment."""

    def once() -> float:
        before = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import twisted.web.server"], check=True)
        return time.perf_counter() - before

    return median_after_warming(once, plan.starts)


def median_after_warming(measure: Callable[[], float], count: int) -> float:
    """The median of some measurements, after one that does not count."""
    measure()
    return statistics.median(measure() for _ in range(count))
