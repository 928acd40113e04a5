"""libvirt's own events, from the driver in memory: no daemon, no guest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from tests.absent import absent
from tests.contracts.vm_manager import SPEC as CONTRACT_SPEC
from tests.functional.docker.waiting import until

try:
    from emulator.vm.libvirt.blocking_storage import refresh
    from tests.fakes.libvirt_manager import IMAGE, POOL, LibvirtHost
except ImportError:
    absent("no binding to libvirt; tests/lab/setup says why")

SPEC = attrs.evolve(CONTRACT_SPEC, image_id=IMAGE, image_reference=IMAGE)


class Observer:
    """Notes what it hears of."""

    def __init__(self) -> None:
        self.changed: list[Any] = []
        self.images: list[list[str]] = []

    def guest_changed(self, key: Any) -> None:
        self.changed.append(key)

    def images_changed(self, images: Any) -> None:
        self.images.append([image.image_id for image in images])

    def connected(self, guests: Any) -> None: ...


@pytest.fixture
def host() -> Iterator[LibvirtHost]:
    host = LibvirtHost()
    host.add_image()
    yield host
    host.close()


@pytest.fixture
def observer(host: LibvirtHost) -> Observer:
    # Whoever wants events has to be there before the connection is made.
    observer: Any = Observer()
    host.close()
    host.manager.follow(observer)
    host.add_image()
    assert isinstance(observer, Observer)
    return observer


def hears(host: LibvirtHost, count: int, heard: list[Any]) -> None:
    """Wait until so much was heard."""

    def take() -> int:
        host.happen()
        host.time.advance(0.1)
        return len(heard)

    until(take, lambda seen: seen >= count, 10)


def test_every_end_of_a_domain_is_heard(host: LibvirtHost, observer: Observer) -> None:
    for end in ("shutdown", "destroy"):
        host.result_of(host.manager.launch(SPEC))
        hears(host, 1, observer.changed)
        observer.changed.clear()
        host.ask(lambda hypervisor, end=end: getattr(_domain(hypervisor), end)())
        hears(host, 1, observer.changed)
        assert set(observer.changed) == {SPEC.key}
        host.result_of(host.manager.terminate(SPEC.instance_id))
        host.happen()
        observer.changed.clear()


def _domain(hypervisor: Any) -> Any:
    return hypervisor.raw.lookupByName(SPEC.instance_id)


def test_a_pool_that_has_looked_is_heard(host: LibvirtHost, observer: Observer) -> None:
    hears(host, 1, observer.images)
    host.add_image("ami-22222222")
    host.ask(refresh, POOL)
    hears(host, 2, observer.images)

    assert observer.images[-1] == [IMAGE, "ami-22222222"]
