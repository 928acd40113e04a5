from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from emulator.vm.interface import IMPAIRED, INITIALIZING, OK, GuestKey
from tests.contracts.vm_manager import SPEC as CONTRACT_SPEC

pytest.importorskip("libvirt", reason="libvirt's binding is missing: tests/lab/parts/90-libvirt")

from emulator.vm.libvirt import blocking_leases
from emulator.vm.libvirt.blocking import LibvirtError
from emulator.vm.libvirt.boot_watch import PATIENCE_SECONDS
from tests.fakes.libvirt_manager import IMAGE, LibvirtHost

SPEC = attrs.evolve(CONTRACT_SPEC, image_id=IMAGE, image_reference=IMAGE)
ID = SPEC.instance_id


@attrs.define
class Lease:
    """Takes the place of a DHCP server's knowledge, which the driver in memory has not."""

    ends: int | None = 0

    def until(self, *_: object) -> int | None:
        return self.ends


@pytest.fixture
def lease(monkeypatch: pytest.MonkeyPatch) -> Lease:
    lease = Lease()
    monkeypatch.setattr(blocking_leases, "leased_until", lease.until)
    return lease


@pytest.fixture
def told() -> list[GuestKey]:
    return []


@pytest.fixture
def host(lease: Lease, told: list[GuestKey]) -> Iterator[LibvirtHost]:
    host = LibvirtHost()
    host.manager._boots.tell = told.append
    host.add_image()
    yield host
    host.close()


def health(host: LibvirtHost) -> str:
    return str(host.result_of(host.manager.look(ID)).health)


def test_a_guest_initializes_until_it_is_heard_of(
    host: LibvirtHost, lease: Lease, told: list[GuestKey]
) -> None:
    assert host.result_of(host.manager.launch(SPEC)).health == INITIALIZING
    host.time.advance(5)
    assert health(host) == INITIALIZING
    lease.ends = 3600
    host.time.advance(1)

    assert health(host) == OK
    assert told == [SPEC.key]
    assert len(host.background) == 0


def test_a_lease_of_an_earlier_boot_does_not_count(host: LibvirtHost, lease: Lease) -> None:
    lease.ends = 3600
    host.result_of(host.manager.launch(SPEC))
    host.time.advance(5)
    assert health(host) == INITIALIZING
    lease.ends = 3700
    host.time.advance(1)

    assert health(host) == OK


def test_a_guest_that_is_not_heard_of_in_time_is_impaired_until_it_is(
    host: LibvirtHost, lease: Lease, told: list[GuestKey]
) -> None:
    host.result_of(host.manager.launch(SPEC))
    host.time.pump([1] * int(PATIENCE_SECONDS + 2))
    assert health(host) == IMPAIRED
    assert told == [SPEC.key]
    lease.ends = 3600
    host.time.advance(1)

    assert health(host) == OK
    assert told == [SPEC.key] * 2


def test_where_there_is_no_knowing_a_guest_is_well(host: LibvirtHost, lease: Lease) -> None:
    lease.ends = None

    assert host.result_of(host.manager.launch(SPEC)).health == OK
    assert len(host.background) == 0


def test_a_hypervisor_that_does_not_answer_is_asked_again(
    host: LibvirtHost, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.result_of(host.manager.launch(SPEC))

    def fail(*_: object) -> None:
        raise LibvirtError("it is away")

    monkeypatch.setattr(blocking_leases, "leased_until", fail)
    host.time.advance(1)
    assert health(host) == INITIALIZING
    lease.ends = 3600
    monkeypatch.setattr(blocking_leases, "leased_until", lease.until)
    host.time.advance(1)

    assert health(host) == OK


@pytest.mark.parametrize("end", ["stop", "terminate"])
def test_a_guest_that_goes_down_is_looked_after_no_more(host: LibvirtHost, end: str) -> None:
    host.result_of(host.manager.launch(SPEC))
    if end == "stop":
        host.result_of(host.manager.stop(ID, force=True))
        host.result_of(host.manager.look(ID))
    else:
        host.result_of(host.manager.terminate(ID))
    host.time.advance(1)

    assert len(host.background) == 0
