"""What every VM manager promises; each manager's own test inherits it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from emulator.vm.interface import GuestKey, GuestNetwork, LaunchSpec, VMManager

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
)


class VMManagerContract:
    """Inherit it, give a ``manager`` fixture and a way to wait, and every promise is checked."""

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

    def test_a_launched_guest_runs(self, manager: VMManager) -> None:
        guest = self.result_of(manager.launch(SPEC))

        assert guest.instance_id == SPEC.instance_id
        assert guest.running
        assert self.running(manager) == {SPEC.instance_id: True}

    def test_launching_again_makes_no_second_guest(self, manager: VMManager) -> None:
        for _ in range(2):
            self.result_of(manager.launch(SPEC))

        assert self.running(manager) == {SPEC.instance_id: True}

    def test_a_stopped_guest_may_be_stopped_again(self, manager: VMManager) -> None:
        self.result_of(manager.launch(SPEC))
        for force in (False, True):
            self.result_of(manager.stop(SPEC.instance_id, force=force))

        assert self.running(manager) == {SPEC.instance_id: False}

    def test_a_stopped_guest_starts_again(self, manager: VMManager) -> None:
        self.result_of(manager.launch(SPEC))
        self.result_of(manager.stop(SPEC.instance_id, force=False))
        for _ in range(2):
            assert self.result_of(manager.start(SPEC.instance_id)).running

        assert self.running(manager) == {SPEC.instance_id: True}

    def test_a_rebooted_guest_runs(self, manager: VMManager) -> None:
        self.result_of(manager.launch(SPEC))
        self.result_of(manager.reboot(SPEC.instance_id))

        assert self.running(manager) == {SPEC.instance_id: True}

    def test_a_terminated_guest_is_gone_and_may_be_terminated_again(
        self, manager: VMManager
    ) -> None:
        self.result_of(manager.launch(SPEC))
        for _ in range(2):
            self.result_of(manager.terminate(SPEC.instance_id))

        assert self.running(manager) == {}

    def test_stopping_a_guest_that_never_was_makes_none(self, manager: VMManager) -> None:
        self.result_of(manager.stop("i-0000000000000000f", force=True))

        assert self.running(manager) == {}
