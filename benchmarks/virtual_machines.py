"""Launches of virtual machines, beside ``virsh start`` of the same domain by hand."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from benchmarks.client import Client, first
from benchmarks.machines import end
from benchmarks.servers import EMULATOR, Server

# The cloud image that the tests' lab builds; nothing waits for its boot.
IMAGE = Path(
    os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "ec2-emulator/test-cloud.qcow2"
)
AMI = "ami-be0c0002"
POOL = "ec2-emulator-bench"
FOLDER = Path("/var/lib/libvirt", POOL)
WAIT_SECONDS = 120.0
LAUNCHES = 5
LIBVIRT = attrs.evolve(
    EMULATOR,
    name="libvirt",
    environment={
        **EMULATOR.environment,
        "EC2_VM_MANAGER": "libvirt",
        "EC2_LIBVIRT_POOL": POOL,
        "EMULATOR_NAMESPACE": "bench",
    },
)


@attrs.frozen
class VirtualMachines:
    """What was measured of virtual machines.

    Attributes:
        answer_ms: RunInstances' answer, the median.
        running_seconds: RunInstances until the instance is running, the median.
        by_hand_seconds: ``virsh start`` of the same domain, the median.
        disk_mb: what the new instance's disks take up, the largest.
    """

    answer_ms: float
    running_seconds: float
    by_hand_seconds: float
    disk_mb: float


def obstacle() -> str | None:
    """What keeps this from being measured here; None: nothing."""
    if os.geteuid() != 0:
        return "only root can make a storage pool"
    if not IMAGE.exists():
        return f"there is no {IMAGE.name} (tests/lab/setup builds it)"
    try:
        virsh("version", "--daemon")
    except (OSError, subprocess.CalledProcessError):
        return "no libvirt daemon answers"
    return None


def virsh(*arguments: str) -> str:
    """Run libvirt's own client."""
    command = ("virsh", "--quiet", "--connect", "qemu:///system", *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def virtual_machines(server: Server, port: int) -> VirtualMachines:
    """Measure both ways in turn, so that whatever else the machine does is shared."""
    with pool(), server.running(port):
        client = Client(port)
        wait_for(lambda: AMI.encode() in client.call("DescribeImages", Owner_1="self"))
        launch(client)  # finds out once what the hypervisor can do
        turns = [launch(client) for _ in range(LAUNCHES)]
    return VirtualMachines(
        answer_ms=statistics.median(each.answer_seconds for each in turns) * 1000,
        running_seconds=statistics.median(each.running_seconds for each in turns),
        by_hand_seconds=statistics.median(each.by_hand_seconds for each in turns),
        disk_mb=max(each.disk_mb for each in turns),
    )


@contextmanager
def pool() -> Iterator[None]:
    """A storage pool of our own with the image in it."""
    virsh("pool-define-as", POOL, "dir", "--target", str(FOLDER))
    try:
        virsh("pool-build", POOL)
        virsh("pool-start", POOL)
        shutil.copy(IMAGE.resolve(), FOLDER / AMI)
        virsh("pool-refresh", POOL)
        yield
    finally:
        virsh("pool-destroy", POOL)
        virsh("pool-undefine", POOL)
        shutil.rmtree(FOLDER, ignore_errors=True)


@attrs.frozen
class Launch:
    """One launch, and the same domain started by hand."""

    answer_seconds: float
    running_seconds: float
    by_hand_seconds: float
    disk_mb: float


def launch(client: Client) -> Launch:
    """Launch an instance, start its domain once more by hand, and end it."""
    begun = time.perf_counter()
    answer = client.call(
        "RunInstances", ImageId=AMI, InstanceType="t2.micro", MinCount=1, MaxCount=1
    )
    answered = time.perf_counter()
    instance_id = first("instanceId", answer)
    wait_for(
        lambda: (
            b"<name>running</name>" in client.call("DescribeInstances", InstanceId_1=instance_id)
        )
    )
    running = time.perf_counter()
    disks = [each for each in FOLDER.iterdir() if not each.name.startswith("ami-")]
    disk_mb = sum(each.stat().st_blocks for each in disks) * 512 / 1e6
    client.call("StopInstances", InstanceId_1=instance_id, Force="true")
    wait_for(
        lambda: (
            b"<name>stopped</name>" in client.call("DescribeInstances", InstanceId_1=instance_id)
        )
    )
    before = time.perf_counter()
    virsh("start", instance_id)
    by_hand = time.perf_counter() - before
    end(client, [instance_id])
    return Launch(answered - begun, running - begun, by_hand, disk_mb)


def wait_for(holds: Callable[[], bool]) -> None:
    """Ask until something holds."""
    deadline = time.perf_counter() + WAIT_SECONDS
    while not holds():
        if time.perf_counter() > deadline:
            raise RuntimeError("what is waited for does not happen")
        time.sleep(0.005)
