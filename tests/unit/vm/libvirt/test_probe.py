from __future__ import annotations

import importlib.util

import pytest

from emulator.vm.libvirt import probe

WITH_BINDING = pytest.mark.skipif(
    importlib.util.find_spec("libvirt") is None,
    reason="libvirt's binding is missing: tests/lab/parts/90-libvirt",
)


def test_without_the_binding_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    assert "pip install 'ec2-emulator[libvirt]'" in str(probe.obstacle("qemu:///system"))


@WITH_BINDING
def test_a_driver_that_needs_no_daemon_is_there() -> None:
    assert probe.obstacle("test:///default") is None


@WITH_BINDING
def test_without_a_socket_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SOCKETS", ("/nowhere/libvirt-sock", "/nowhere/virtqemud-sock"))
    found = probe.obstacle("qemu:///system")

    assert "no socket /nowhere/libvirt-sock" in str(found)
    assert "libvirt-daemon-system" in str(found)


@WITH_BINDING
def test_an_address_that_means_nothing_is_said() -> None:
    assert "nonsense://x" in str(probe.obstacle("nonsense://x"))
    assert "zone" in str(probe.obstacle("a=b,c"))
