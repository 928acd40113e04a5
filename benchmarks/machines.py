"""Launches of real machines, beside the same images run by hand with ``docker run``."""

from __future__ import annotations

import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import attrs

from benchmarks.client import Client, every, first
from benchmarks.servers import EMULATOR, Server

# An image with sshd that the tests' lab builds; any other with one would do.
IMAGE = "ec2-emulator-test/debian-sshd"
AMI = "ami-be0c0001"
TAG = f"localstack-ec2/bench-sshd:{AMI}"
KIND = {"ImageId": AMI, "InstanceType": "t3.micro"}
NETWORK = "ec2-emulator-bench-by-hand"
RANGE = "10.203.117.0/24"
VPC_RANGE = "10.203.118.0/24"
WAIT_SECONDS = 120.0
# What is sent to an address that nobody has yet is lost, and sent again only after a second.
TRY_SECONDS = 0.02
DOCKER = attrs.evolve(
    EMULATOR,
    name="docker",
    environment={
        **EMULATOR.environment,
        "EC2_VM_MANAGER": "docker",
        "EC2_DOWNLOAD_DEFAULT_IMAGES": "0",
        "EMULATOR_NAMESPACE": "bench",
    },
)


@attrs.frozen
class Machines:
    """What was measured of machines.

    Attributes:
        answer_ms: RunInstances' answer, the median.
        banner_seconds: RunInstances to the first bytes of SSH, the median.
        by_hand_seconds: ``docker run`` to the same, the median.
        twenty_seconds: one call for 20 instances to the last of their banners.
        twenty_by_hand_seconds: 20 ``docker run`` at once to the same.
        describe_p99_ms: DescribeInstances while those 20 launch, the 99th percentile.
    """

    answer_ms: float
    banner_seconds: float
    by_hand_seconds: float
    twenty_seconds: float
    twenty_by_hand_seconds: float
    describe_p99_ms: float


def obstacle() -> str | None:
    """What keeps this from being measured here; None: nothing."""
    try:
        docker("image", "inspect", IMAGE)
    except (OSError, subprocess.CalledProcessError):
        return f"there is no Docker engine, or no image {IMAGE} (tests/lab/setup builds it)"
    return None


def docker(*arguments: str) -> str:
    """Run Docker's own client."""
    return subprocess.run(
        ("docker", *arguments), check=True, capture_output=True, text=True
    ).stdout.strip()


def machines(server: Server, port: int, repeats: int) -> Machines:
    """Measure both ways in turn, so that whatever else the machine does is shared."""
    docker("tag", IMAGE, TAG)
    try:
        with by_hand_network(), server.running(port):
            client = Client(port)
            where = subnet(client)
            launch_one(
                client, where
            )  # makes the VPC's network, as the one by hand is there already
            turns = []
            for _ in range(repeats):
                turns.append((launch_one(client, where), run_one()))
                remove(10)
            twenty, p99_ms = launch_many(client, port, where, 20)
            return Machines(
                answer_ms=statistics.median(each.answer_seconds for each, _ in turns) * 1000,
                banner_seconds=statistics.median(each.banner_seconds for each, _ in turns),
                by_hand_seconds=statistics.median(by_hand for _, by_hand in turns),
                twenty_seconds=twenty,
                twenty_by_hand_seconds=run_many(20),
                describe_p99_ms=p99_ms,
            )
    finally:
        docker("rmi", TAG)


@attrs.frozen
class Launch:
    """How long one launch took."""

    answer_seconds: float
    banner_seconds: float


def subnet(client: Client) -> str:
    """Make a VPC with a range that the machine has free, and return its subnet."""
    vpc_id = first("vpcId", client.call("CreateVpc", CidrBlock=VPC_RANGE))
    return first("subnetId", client.call("CreateSubnet", VpcId=vpc_id, CidrBlock=VPC_RANGE))


def launch_one(client: Client, where: str) -> Launch:
    """Launch an instance, wait for SSH, end it and wait until it is gone."""
    begun = time.perf_counter()
    answer = client.call("RunInstances", MinCount=1, MaxCount=1, SubnetId=where, **KIND)
    answered = time.perf_counter()
    wait_for_banner(first("privateIpAddress", answer))
    seen = time.perf_counter()
    end(client, [first("instanceId", answer)])
    return Launch(answered - begun, seen - begun)


def launch_many(client: Client, port: int, where: str, count: int) -> tuple[float, float]:
    """Launch several at once, asking for all instances all the while.

    Returns:
        Seconds until all had SSH, and the 99th percentile of the describes in milliseconds.
    """
    describes: list[float] = []
    done = threading.Event()

    def describe() -> None:
        own = Client(port)
        while not done.is_set():
            before = time.perf_counter()
            own.call("DescribeInstances")
            describes.append(time.perf_counter() - before)
            time.sleep(0.005)

    begun = time.perf_counter()
    answer = client.call("RunInstances", MinCount=count, MaxCount=count, SubnetId=where, **KIND)
    watcher = threading.Thread(target=describe)
    watcher.start()
    together([lambda each=each: wait_for_banner(each) for each in addresses(answer)])
    seconds = time.perf_counter() - begun
    done.set()
    watcher.join()
    end(client, sorted(set(every("instanceId", answer))))
    return seconds, statistics.quantiles(describes, n=100)[98] * 1000


def addresses(answer: bytes) -> Sequence[str]:
    """The private addresses in an answer, each once."""
    return sorted(set(every("privateIpAddress", answer)))


def end(client: Client, ids: Sequence[str]) -> None:
    """Terminate instances and wait until they are gone."""
    named = {f"InstanceId_{number}": each for number, each in enumerate(ids, 1)}
    client.call("TerminateInstances", **named)
    deadline = time.perf_counter() + WAIT_SECONDS
    while time.perf_counter() < deadline:
        answer = client.call("DescribeInstances", **named)
        if answer.count(b"<name>terminated</name>") == len(ids):
            return
        time.sleep(0.05)
    raise RuntimeError("the instances did not end")


@contextmanager
def by_hand_network() -> Iterator[None]:
    """A network of our own, so that addresses are known before a container is."""
    docker("network", "create", "--subnet", RANGE, NETWORK)
    try:
        yield
    finally:
        docker("network", "rm", NETWORK)


def run_one(number: int = 10) -> float:
    """Run the image by hand and return the seconds until it says what SSH says."""
    address, name = f"{RANGE.rpartition('.')[0]}.{number}", f"{NETWORK}-{number}"
    begun = time.perf_counter()
    docker(
        *("run", "--detach", "--name", name, "--network", NETWORK, "--ip", address),
        *("--publish", "22", "--init", IMAGE, "/bin/sh", "-c"),
        "mkdir -p /run/sshd && exec /usr/sbin/sshd -D",
    )
    wait_for_banner(address)
    return time.perf_counter() - begun


def remove(*numbers: int) -> None:
    """Remove what was run by hand."""
    docker("rm", "--force", "--volumes", *(f"{NETWORK}-{number}" for number in numbers))


def run_many(count: int) -> float:
    """Run the image several times at once, and return the seconds until all say it."""
    numbers, begun = range(10, 10 + count), time.perf_counter()
    together([lambda number=number: run_one(number) for number in numbers])
    seconds = time.perf_counter() - begun
    remove(*numbers)
    return seconds


def together(work: Sequence[Callable[[], object]]) -> None:
    """Run every piece of work in a thread of its own, and wait for all."""
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def wait_for_banner(address: str) -> None:
    """Wait for the first bytes of an SSH server."""
    deadline = time.perf_counter() + WAIT_SECONDS
    while time.perf_counter() < deadline:
        try:
            with socket.create_connection((address, 22), timeout=TRY_SECONDS) as stream:
                stream.settimeout(1)
                if stream.recv(4) == b"SSH-":
                    return
        except OSError:
            time.sleep(0.002)
    raise RuntimeError(f"no SSH at {address}")
