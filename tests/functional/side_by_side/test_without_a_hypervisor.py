"""Containers beside virtual machines of libvirt's driver in memory, which needs no QEMU."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from tests.absent import absent
from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import Engine
from tests.functional.docker.waiting import until
from tests.functional.side_by_side.tags import manager_of, managers_of

VM_AMI = f"ami-{uuid4().hex[:17]}"
# What the driver begins with: a network, and a pool with one volume that is an AMI.
WORLD = f"""
<node>
  <network>
    <name>default</name>
    <forward mode='nat'/>
    <ip address='192.168.122.1' netmask='255.255.255.0'>
      <dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp>
    </ip>
  </network>
  <pool type='dir'>
    <name>default</name>
    <target><path>/default</path></target>
    <volume type='file'>
      <name>{VM_AMI}</name>
      <capacity unit='MiB'>64</capacity>
      <allocation>0</allocation>
      <target><path>/default/{VM_AMI}</path><format type='qcow2'/></target>
    </volume>
  </pool>
</node>
"""


@pytest.fixture(scope="module")
def cloud(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An emulator with both managers, which must leave no container and fail at nothing."""
    if importlib.util.find_spec("libvirt") is None:
        absent("no binding to libvirt; tests/lab/setup says why")
    world = Path(tmp_path_factory.mktemp("libvirt"), "world.xml")
    world.write_text(WORLD)
    started = Cloud(
        engine,
        EC2_VM_MANAGER="docker,libvirt",
        EC2_HYPERVISOR_URI=f"test://{world}",
        EC2_LIBVIRT_STOP_SECONDS="1",
    )
    yield started
    started.close()


@pytest.fixture(scope="module")
def pair(cloud: Cloud, amis: Mapping[str, str]) -> tuple[str, str]:
    """An instance of each manager, running."""
    until(lambda: managers_of(cloud), lambda found: VM_AMI in found)
    box, machine = cloud.run(amis["debian"]), cloud.run(VM_AMI)
    cloud.reads(box, "/var/log/cloud-init-output.log", "finished")
    return box, machine


def test_the_amis_of_both_are_listed_with_their_tags(cloud: Cloud, amis: Mapping[str, str]) -> None:
    found = until(lambda: managers_of(cloud), lambda found: VM_AMI in found)

    assert (found[amis["debian"]], found[VM_AMI]) == ("docker", "libvirt")


def test_each_ami_gives_a_machine_of_its_own_kind(cloud: Cloud, pair: tuple[str, str]) -> None:
    box, machine = pair
    shown = {
        each["InstanceId"]: each for each in cloud.page("/_localstack/ec2/instances")["instances"]
    }

    assert cloud.engine.container(box) is not None
    assert cloud.engine.container(machine) is None
    assert [manager_of(cloud.instance(each)) for each in pair] == ["docker", "libvirt"]
    assert [shown[each]["VmManager"] for each in pair] == ["docker", "libvirt"]
    # Only libvirt knows it: it is the lease of the domain's interface.
    assert shown[machine]["MachineAddress"].startswith("192.168.122.")


def test_stops_and_starts_reach_each_where_it_is(cloud: Cloud, pair: tuple[str, str]) -> None:
    for operation, state in (("stop_instances", "stopped"), ("start_instances", "running")):
        getattr(cloud.ec2, operation)(InstanceIds=list(pair))
        for each in pair:
            cloud.until_state(each, state)


def test_terminating_ends_both(cloud: Cloud, pair: tuple[str, str]) -> None:
    box, machine = pair
    cloud.terminate(*pair)
    shown = {
        each["InstanceId"]: each for each in cloud.page("/_localstack/ec2/instances")["instances"]
    }

    assert cloud.engine.container(box) is None
    assert shown[machine]["MachineAddress"] is None
