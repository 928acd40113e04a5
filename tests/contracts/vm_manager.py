"""What every VM manager promises; each manager's own test inherits it.

``VMManagerContract`` is for all of them. Each further ability that a manager has by
``vm.interface`` has a contract of its own here; inherit those of the abilities it has.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred

from emulator.vm.interface import (
    AttachesVolumes,
    CapturesImages,
    GuestDisk,
    GuestKey,
    GuestNetwork,
    HasNetworks,
    KeepsVolumes,
    LaunchSpec,
    ReadsConsole,
    RunsCommands,
    TakesUserData,
    VMError,
    VMManager,
)

SPEC = LaunchSpec(
    key=GuestKey("000000000000", "us-east-1", "i-0123456789abcdef0"),
    image_id="ami-024f768332f0",
    image_reference="localstack-ec2/contract:ami-024f768332f0",
    instance_type="t3.micro",
    vcpus=2,
    memory_mib=1024,
    private_ip="172.31.0.10",
    hostname="ip-172-31-0-10.ec2.internal",
    network=GuestNetwork("vpc-0123456789abcdef0", "172.31.0.0/16"),
    memento='{"Instance":[]}',
)
UNKNOWN = "i-0000000000000000f"
CAPTURED = "ami-00c0ffee"


class Contract:
    """What the contracts share: what is launched, and how to wait."""

    spec = SPEC
    captured = CAPTURED

    def result_of(self, work: Coroutine[Deferred[Any], Any, Any]) -> Any:
        """Return what ``work`` comes to; managers that need a reactor override it."""
        results: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(results.append)
        assert results, "the manager did not answer at once"
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]

    def running(self, manager: VMManager) -> dict[str, bool]:
        guests = self.result_of(manager.describe())
        return {guest.instance_id: guest.running for guest in guests}


class VMManagerContract(Contract):
    """Inherit it, give a ``manager`` fixture and a way to wait, and every promise is checked."""

    def test_a_launched_guest_runs(self, manager: VMManager) -> None:
        guest = self.result_of(manager.launch(self.spec))

        assert guest.instance_id == self.spec.instance_id
        assert guest.running
        assert self.running(manager) == {self.spec.instance_id: True}

    def test_launching_again_makes_no_second_guest(self, manager: VMManager) -> None:
        for _ in range(2):
            assert self.result_of(manager.launch(self.spec)).running

        assert self.running(manager) == {self.spec.instance_id: True}

    def test_a_guest_is_told_of_as_it_was_launched(self, manager: VMManager) -> None:
        self.result_of(manager.launch(self.spec))
        (guest,) = self.result_of(manager.describe())

        assert guest.key in (None, self.spec.key)
        if guest.key is not None:
            assert guest.memento == self.spec.memento

    def test_a_stopped_guest_may_be_stopped_again(self, manager: VMManager) -> None:
        self.result_of(manager.launch(self.spec))
        for force in (False, True):
            self.result_of(manager.stop(self.spec.instance_id, force=force))

        assert self.running(manager) == {self.spec.instance_id: False}

    def test_a_stopped_guest_starts_again(self, manager: VMManager) -> None:
        self.result_of(manager.launch(self.spec))
        self.result_of(manager.stop(self.spec.instance_id, force=False))
        for _ in range(2):
            assert self.result_of(manager.start(self.spec.instance_id)).running

        assert self.running(manager) == {self.spec.instance_id: True}

    def test_a_rebooted_guest_runs(self, manager: VMManager) -> None:
        self.result_of(manager.launch(self.spec))
        for _ in range(2):
            self.result_of(manager.reboot(self.spec.instance_id))

        assert self.running(manager) == {self.spec.instance_id: True}

    def test_a_terminated_guest_is_gone_and_may_be_terminated_again(
        self, manager: VMManager
    ) -> None:
        self.result_of(manager.launch(self.spec))
        for _ in range(2):
            self.result_of(manager.terminate(self.spec.instance_id))

        assert self.running(manager) == {}

    def test_a_stopped_guest_may_be_terminated(self, manager: VMManager) -> None:
        self.result_of(manager.launch(self.spec))
        self.result_of(manager.stop(self.spec.instance_id, force=False))
        self.result_of(manager.terminate(self.spec.instance_id))

        assert self.running(manager) == {}

    def test_stopping_or_ending_a_guest_that_never_was_makes_none(self, manager: VMManager) -> None:
        self.result_of(manager.stop(UNKNOWN, force=True))
        self.result_of(manager.terminate(UNKNOWN))

        assert self.running(manager) == {}


class CapturesImagesContract(Contract):
    """Inherit it for a manager that makes images of guests."""

    def test_a_captured_image_boots_and_the_guest_runs_on(self, manager: Any) -> None:
        assert isinstance(manager, CapturesImages)
        self.result_of(manager.launch(self.spec))
        reference = self.capture(manager, reboot=True)
        assert self.running(manager) == {self.spec.instance_id: True}
        self.result_of(manager.terminate(self.spec.instance_id))

        again = self.spec_of(reference)
        assert self.result_of(manager.launch(again)).running

    def test_a_stopped_guest_stays_stopped_while_it_is_captured(self, manager: Any) -> None:
        self.result_of(manager.launch(self.spec))
        self.result_of(manager.stop(self.spec.instance_id, force=False))
        self.capture(manager, reboot=True)

        assert self.running(manager) == {self.spec.instance_id: False}

    def test_a_guest_that_never_was_cannot_be_captured(self, manager: Any) -> None:
        with pytest.raises(VMError):
            self.result_of(
                manager.capture(UNKNOWN, self.captured, "none", reboot=False, record="{}")
            )

    def test_an_image_may_be_let_go_twice(self, manager: Any) -> None:
        self.result_of(manager.launch(self.spec))
        reference = self.capture(manager, reboot=False)
        for _ in range(2):
            self.result_of(manager.delete_image(self.captured))

        self.result_of(manager.terminate(self.spec.instance_id))
        with pytest.raises(VMError):
            self.result_of(manager.launch(self.spec_of(reference)))

    def capture(self, manager: Any, *, reboot: bool) -> str:
        reference = self.result_of(
            manager.capture(
                self.spec.instance_id, self.captured, "My image (1)", reboot=reboot, record="{}"
            )
        )
        return str(reference)

    def spec_of(self, reference: str) -> LaunchSpec:
        return attrs.evolve(self.spec, image_id=self.captured, image_reference=reference)


class ReadsConsoleContract(Contract):
    """Inherit it for a manager that keeps what guests write to their console."""

    def test_a_guest_that_never_was_wrote_nothing(self, manager: Any) -> None:
        assert isinstance(manager, ReadsConsole)

        assert self.result_of(manager.console_output(UNKNOWN, 100)) == b""


class RunsCommandsContract(Contract):
    """Inherit it for a manager that runs commands in guests."""

    def test_a_guest_that_never_was_runs_nothing(self, manager: Any) -> None:
        assert isinstance(manager, RunsCommands)

        with pytest.raises(VMError):
            self.result_of(manager.run_command(UNKNOWN, ["true"], timeout_seconds=5))

    def test_a_stopped_guest_runs_nothing(self, manager: Any) -> None:
        self.result_of(manager.launch(self.spec))
        self.result_of(manager.stop(self.spec.instance_id, force=False))

        with pytest.raises(VMError):
            self.result_of(manager.run_command(self.spec.instance_id, ["true"], timeout_seconds=5))


class TakesUserDataContract(Contract):
    """Inherit it for a manager that shows guests their user data as a file."""

    def test_a_guest_gets_other_user_data_also_while_it_is_stopped(self, manager: Any) -> None:
        assert isinstance(manager, TakesUserData)
        self.result_of(manager.launch(self.spec))
        self.result_of(manager.stop(self.spec.instance_id, force=False))
        for user_data in (b"#!/bin/sh\n", None):
            self.result_of(manager.place_user_data(self.spec.instance_id, user_data))

        assert self.result_of(manager.start(self.spec.instance_id)).running

    def test_a_guest_that_never_was_gets_none(self, manager: Any) -> None:
        with pytest.raises(VMError):
            self.result_of(manager.place_user_data(UNKNOWN, b""))


class AttachesVolumesContract(Contract):
    """Inherit it for a manager whose volumes hold data."""

    def test_data_that_never_was_may_be_forgotten(self, manager: Any) -> None:
        assert isinstance(manager, AttachesVolumes)

        self.result_of(manager.delete_data("vol-0000000000000000f"))

    def test_a_volume_may_be_attached_twice_and_its_data_taken_along(self, manager: Any) -> None:
        self.result_of(manager.launch(self.spec))
        disk = GuestDisk("vol-0123456789abcdef0", "/dev/sdf", 8)
        for _ in range(2):
            self.result_of(manager.attach_volume(self.spec.instance_id, disk))
        self.result_of(
            manager.snapshot_volume(disk, self.spec.instance_id, "snap-0123456789abcdef0")
        )
        self.result_of(manager.detach_volume(self.spec.instance_id, disk))
        for resource_id in (disk.volume_id, "snap-0123456789abcdef0"):
            self.result_of(manager.delete_data(resource_id))


class KeepsVolumesContract(Contract):
    """Inherit it for a manager that keeps volumes by themselves."""

    def test_a_volume_is_there_before_any_guest_has_it(self, manager: Any) -> None:
        assert isinstance(manager, KeepsVolumes)
        disk = GuestDisk("vol-0123456789abcdef0", "/dev/sdf", 8)
        for _ in range(2):
            self.result_of(manager.create_volume(disk))
        self.result_of(manager.resize_volume(attrs.evolve(disk, size=9), None))
        self.result_of(manager.launch(self.spec))
        self.result_of(manager.attach_volume(self.spec.instance_id, disk))
        self.result_of(manager.resize_volume(attrs.evolve(disk, size=10), self.spec.instance_id))
        for _ in range(2):
            self.result_of(manager.detach_by_force(self.spec.instance_id, disk))
        self.result_of(manager.delete_data(disk.volume_id))

    def test_an_image_made_of_a_snapshot_boots(self, manager: Any) -> None:
        root = GuestDisk("vol-00000000000000001", "/dev/sda1", 8)
        self.result_of(manager.launch(attrs.evolve(self.spec, root_disk=root)))
        self.result_of(
            manager.snapshot_volume(root, self.spec.instance_id, "snap-0123456789abcdef0")
        )
        reference = self.result_of(
            manager.image_of_snapshot(
                "snap-0123456789abcdef0", self.captured, "My image (1)", record="{}"
            )
        )
        self.result_of(manager.terminate(self.spec.instance_id))
        again = attrs.evolve(self.spec, image_id=self.captured, image_reference=reference)

        assert self.result_of(manager.launch(again)).running

    def test_an_image_is_a_snapshot_too(self, manager: Any) -> None:
        reference = str(self.spec.image_reference)
        self.result_of(manager.snapshot_image(reference, "snap-0123456789abcdef0"))
        again = self.result_of(
            manager.image_of_snapshot(
                "snap-0123456789abcdef0", self.captured, "My image (1)", record="{}"
            )
        )
        copy = attrs.evolve(self.spec, image_id=self.captured, image_reference=again)

        assert self.result_of(manager.launch(copy)).running

    def test_no_image_is_made_of_a_snapshot_that_never_was(self, manager: Any) -> None:
        with pytest.raises(VMError):
            self.result_of(
                manager.image_of_snapshot("snap-0f0f0f0f0f0f0f0f0", "ami-1", "none", record="{}")
            )


class HasNetworksContract(Contract):
    """Inherit it for a manager that makes a network for each VPC."""

    def test_a_network_may_be_deleted_twice(self, manager: Any) -> None:
        assert isinstance(manager, HasNetworks)
        self.result_of(manager.launch(self.spec))
        self.result_of(manager.terminate(self.spec.instance_id))
        assert self.spec.network is not None
        for _ in range(2):
            self.result_of(manager.delete_network(self.spec.network.vpc_id))

    def test_a_vpc_has_a_network_again_with_its_next_guest(self, manager: Any) -> None:
        assert self.spec.network is not None
        for _ in range(2):
            assert self.result_of(manager.launch(self.spec)).running
            self.result_of(manager.terminate(self.spec.instance_id))
            self.result_of(manager.delete_network(self.spec.network.vpc_id))
