from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any

import attrs
import pytest
from lxml import etree

pytest.importorskip("libvirt", reason="libvirt's binding is missing: tests/lab/parts/90-libvirt")

from emulator.vm.libvirt import blocking_storage, host, kvm
from emulator.vm.libvirt.blocking import CRASHED, OFF, PAUSED, RUNNING, DomainState, LibvirtError
from emulator.vm.libvirt.host import blocking_machine, cpu_mode, kinds_of
from emulator.vm.libvirt.names import Place

STARTING = DomainState(RUNNING, 1)


@attrs.define
class Machine:
    """Takes the place of a hypervisor that runs one guest.

    Attributes:
        states: what the guest is doing, each time somebody looks; the last for ever.
        refusal: what the hypervisor says to any guest.
    """

    states: list[DomainState | None]
    refusal: str = ""
    ran: list[str] = attrs.field(factory=list)
    ended: list[str] = attrs.field(factory=list)
    kinds: tuple[str, ...] = ("qemu", "kvm")

    def run_once(self, xml: str) -> None:
        if self.refusal:
            raise LibvirtError(self.refusal)
        self.ran.append(xml)

    def state(self, _: str) -> DomainState | None:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def power_off(self, name: str) -> None:
        self.ended.append(name)

    def memory_mib(self) -> int:
        return 4096

    def driver(self) -> str:
        return "QEMU"

    def capabilities(self) -> str:
        domains = "".join(f"<domain type='{kind}'/>" for kind in self.kinds)
        return (
            "<capabilities><host><cpu><arch>x86_64</arch></cpu></host>"
            f"<guest><arch name='x86_64'>{domains}</arch></guest></capabilities>"
        )

    def domain_capabilities(self, kind: str, architecture: str, machine: str | None) -> str:
        assert (architecture, machine) == ("x86_64", "pc")
        own = "yes" if kind == "kvm" else "no"
        modes = f"<mode name='host-passthrough' supported='{own}'/>"
        modes += "<mode name='maximum' supported='yes'/>"
        return f"<domainCapabilities><cpu>{modes}</cpu></domainCapabilities>"


@pytest.fixture(autouse=True)
def stored(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Take the place of a pool."""
    held: dict[str, bytes] = {}

    def write(_: object, pool: str, name: str, data: bytes, *, least_bytes: int = 0) -> str:
        held[name] = data
        return f"/{pool}/{name}"

    monkeypatch.setattr(blocking_storage, "write", write)
    monkeypatch.setattr(blocking_storage, "delete", lambda _, __, name: held.pop(name))
    return held


def pauses() -> Iterator[None]:
    yield from (None,) * 5


def obstacle(machine: Machine) -> str | None:
    hypervisor: Any = machine
    return kvm.obstacle(hypervisor, "default", "probe", pauses, "kvm")


def test_the_test_guest_is_one_sector_that_a_firmware_boots() -> None:
    sector = kvm.boot_sector()

    assert len(sector) == 512
    assert sector.endswith(b"\x55\xaa")


def test_the_test_guest_has_a_panic_device_and_no_network() -> None:
    root = etree.fromstring(kvm.probe_xml("probe", "kvm", "/pool/probe"))

    assert root.get("type") == "kvm"
    assert root.find("devices/panic").get("model") == "isa"  # type: ignore[union-attr]
    assert root.findtext("on_crash") == "preserve"
    assert root.find("devices/interface") is None


def test_the_test_guest_has_the_processor_that_guests_are_to_have() -> None:
    processors = {
        kind: etree.fromstring(kvm.probe_xml("probe", kind, "/pool/probe")).find("cpu")
        for kind in ("kvm", "qemu")
    }

    assert processors["kvm"] is not None
    assert processors["kvm"].get("mode") == "host-passthrough"
    assert processors["qemu"] is None


def test_hardware_virtualization_works_where_the_guest_says_so(stored: dict[str, bytes]) -> None:
    machine = Machine([STARTING, STARTING, DomainState(CRASHED, 1)])

    assert obstacle(machine) is None
    assert machine.ended == ["probe"]
    assert stored == {}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (STARTING, "starts and never runs"),
        (DomainState(PAUSED, 0), "starts and never runs"),
        (DomainState(OFF, 3), "starts and never runs"),
        (None, "ended before it ran"),
    ],
)
def test_whatever_else_the_guest_does_is_an_obstacle(
    state: DomainState | None, said: str, stored: dict[str, bytes]
) -> None:
    machine = Machine([state])

    assert said in str(obstacle(machine))
    assert machine.ended == ["probe"]
    assert stored == {}


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (
            "internal error: qemu unexpectedly closed the monitor:\nfailed to initialize kvm",
            "failed to initialize kvm",
        ),
        (
            (
                "internal error: qemu unexpectedly closed the monitor: 2026-01-01T00:00:00Z "
                "qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69\n"
                "qemu-system-x86_64: kvm.c:3183: Assertion failed."
            ),
            "error: failed to set MSR 0x10a to 0x69",
        ),
        ("out of memory", "out of memory"),
    ],
)
def test_a_hypervisor_that_refuses_says_why_in_a_line(
    refusal: str, said: str, stored: dict[str, bytes]
) -> None:
    assert obstacle(Machine([None], refusal)) == said
    assert stored == {}


def test_a_pool_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise LibvirtError("no such pool")

    monkeypatch.setattr(blocking_storage, "write", fail)

    assert "in the pool default: no such pool" in str(obstacle(Machine([None])))


# What a hypervisor makes domains with


def machine_of(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, str | None]:
    monkeypatch.setattr("emulator.vm.libvirt.host.pauses", lambda _: pauses())
    hypervisor: Any = machine
    return blocking_machine(hypervisor, Place(), Event())


def test_with_kvm_guests_have_the_machines_own_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    found, missing = machine_of(Machine([DomainState(CRASHED, 1)]), monkeypatch)

    assert missing is None
    assert (found.kind, found.cpu_mode, found.machine) == ("kvm", "host-passthrough", "pc")
    assert found.memory_mib == 4096


def test_where_kvm_runs_nothing_guests_are_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    found, missing = machine_of(Machine([STARTING]), monkeypatch)

    assert missing == "a test guest starts and never runs"
    assert (found.kind, found.cpu_mode) == ("qemu", "maximum")


def test_without_kvm_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine([None], kinds=("qemu",))
    found, missing = machine_of(machine, monkeypatch)

    assert (found.kind, machine.ran) == ("qemu", [])
    assert "/dev/kvm" in str(missing)


def test_a_hypervisor_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LibvirtError, match="runs no virtual machines"):
        machine_of(Machine([None], kinds=("lxc",)), monkeypatch)


def test_kinds_are_those_of_the_machines_own_processor() -> None:
    capabilities = etree.fromstring(
        "<c><guest><arch name='i686'><domain type='kvm'/></arch></guest>"
        "<guest><arch name='x86_64'><domain type='qemu'/></arch></guest></c>"
    )

    assert kinds_of(capabilities, "x86_64") == {"qemu"}


def test_a_processor_that_is_not_supported_is_not_asked_for() -> None:
    assert cpu_mode("kvm", etree.fromstring("<d><cpu><mode name='custom'/></cpu></d>")) == ""


def test_nobody_is_waited_for_once_the_emulator_ends() -> None:
    ending = Event()
    ending.set()

    assert list(host.pauses(ending)) == []
