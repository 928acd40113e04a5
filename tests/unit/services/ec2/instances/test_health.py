"""Instance status checks that follow what a manager says of its guests."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from emulator.vm.interface import IMPAIRED, INITIALIZING, OK
from tests.fakes.client import EPOCH
from tests.fakes.guest_manager import GuestManager
from tests.fakes.side_by_side import SideBySide

AMI = "ami-11aabbcc"


@pytest.fixture
def manager() -> GuestManager:
    manager = GuestManager("libvirt")
    manager.show(AMI)
    return manager


@pytest.fixture
def world(manager: GuestManager) -> SideBySide:
    return SideBySide([manager])


@pytest.fixture
def instance_id(world: SideBySide) -> str:
    return world.client.launch(ImageId=AMI)


def now_is(world: SideBySide, manager: GuestManager, instance_id: str, health: str) -> None:
    guest = manager.guests[instance_id]
    manager.guests[instance_id] = attrs.evolve(guest, health=health)
    manager.notice(world.key(instance_id))


def status(world: SideBySide) -> Any:
    (found,) = world.client.call("DescribeInstanceStatus")["InstanceStatuses"]
    return found


def test_a_guest_that_has_not_been_heard_of_yet_initializes(
    world: SideBySide, manager: GuestManager, instance_id: str
) -> None:
    now_is(world, manager, instance_id, INITIALIZING)
    found = status(world)

    assert found["InstanceState"]["Name"] == "running"
    assert found["InstanceStatus"]["Status"] == "initializing"
    assert found["SystemStatus"]["Status"] == "initializing"
    now_is(world, manager, instance_id, OK)
    assert status(world)["InstanceStatus"]["Status"] == "ok"


def test_a_guest_in_trouble_is_impaired_on_a_machine_that_is_well(
    world: SideBySide, manager: GuestManager, instance_id: str
) -> None:
    now_is(world, manager, instance_id, IMPAIRED)
    found = status(world)

    assert found["InstanceState"]["Name"] == "running"
    assert found["InstanceStatus"] == {
        "Status": "impaired",
        "Details": [{"Name": "reachability", "Status": "failed", "ImpairedSince": EPOCH}],
    }
    assert found["SystemStatus"]["Status"] == "ok"


def test_impaired_instances_are_found_by_filters(
    world: SideBySide, manager: GuestManager, instance_id: str
) -> None:
    now_is(world, manager, instance_id, IMPAIRED)

    def found(name: str, value: str) -> list[str]:
        filters = [{"Name": name, "Values": [value]}]
        shown = world.client.call("DescribeInstanceStatus", Filters=filters)
        return [each["InstanceId"] for each in shown["InstanceStatuses"]]

    assert found("instance-status.status", "impaired") == [instance_id]
    assert found("instance-status.reachability", "failed") == [instance_id]
    assert found("system-status.status", "ok") == [instance_id]
    assert found("system-status.reachability", "failed") == []


def test_a_guest_that_recovers_is_impaired_no_more(
    world: SideBySide, manager: GuestManager, instance_id: str
) -> None:
    for health in (IMPAIRED, OK):
        now_is(world, manager, instance_id, health)

    assert status(world)["InstanceStatus"]["Details"] == [
        {"Name": "reachability", "Status": "passed"}
    ]
