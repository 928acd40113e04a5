"""Whether virtual machines are joined with their VPCs from here, as far as settings say."""

from __future__ import annotations

import pytest

pytest.importorskip("libvirt", reason="libvirt's binding is missing: tests/lab/parts/90-libvirt")

from emulator.app import guest_ports
from emulator.config import Config
from emulator.net.guest_way import GuestWay
from emulator.net.kernel_routes import routed

ELSEWHERE = "only the system's libvirt on this very machine lets the emulator join instances"


@pytest.fixture(autouse=True)
def _daemon_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_ports, "daemon_distance", lambda: None)


@pytest.mark.parametrize(
    "uri",
    ["qemu:///system", "qemu+unix:///system", "qemu:///system?socket=/run/libvirt/libvirt-sock"],
)
def test_the_system_s_own_libvirt_is_here(uri: str) -> None:
    assert guest_ports.distance(Config(ec2_hypervisor_uri=uri)) is None


@pytest.mark.parametrize(
    "uri",
    [
        "qemu:///session",
        "qemu+ssh://root@host/system",
        "test:///default",
        "us-east-1a=qemu:///system,us-east-1b=qemu+ssh://root@host/system",
    ],
)
def test_any_other_is_not(uri: str) -> None:
    assert guest_ports.distance(Config(ec2_hypervisor_uri=uri)) == ELSEWHERE


def test_one_hypervisor_for_all_zones_is_one() -> None:
    uri = "us-east-1a=qemu:///system,us-east-1b=qemu:///system"

    assert guest_ports.distance(Config(ec2_hypervisor_uri=uri)) is None


def test_a_network_that_the_user_chose_has_all_instances() -> None:
    found = guest_ports.distance(Config(ec2_libvirt_network="lan"))

    assert found == "EC2_LIBVIRT_NETWORK=lan: that network has all instances"


def test_what_is_not_enforced_is_said_with_where_instances_are() -> None:
    truth = guest_ports.enforcement(Config(ec2_hypervisor_uri="qemu:///session"))

    assert not truth.is_enforced
    assert truth.reason == (
        f"{ELSEWHERE}; instances are on libvirt's network default, without metadata service"
    )


@pytest.mark.parametrize(
    ("mode", "obstacle", "said"),
    [
        ("full", None, "enforced, with network ACLs and routes, by a packet filter in front of"),
        ("security-groups", None, "enforced, alone, by a packet filter in front of"),
        ("off", None, "not enforced: EC2_NETWORK_ENFORCEMENT=off"),
        ("full", "nft is missing", "not enforced: nft is missing"),
    ],
)
def test_enforcement_is_said_as_it_is(
    monkeypatch: pytest.MonkeyPatch, mode: str, obstacle: str | None, said: str
) -> None:
    monkeypatch.setattr(GuestWay, "obstacle", lambda _: None)
    monkeypatch.setattr(GuestWay, "filter_obstacle", lambda _: obstacle)

    truth = guest_ports.enforcement(Config(ec2_network_enforcement=mode))

    assert str(truth).startswith(said)


def test_routes_are_read_as_the_kernel_shows_them() -> None:
    table = (
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "br-1\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    )

    assert list(routed(table)) == [("br-1", "172.17.0.0/16")]
