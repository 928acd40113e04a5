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

    assert "pip install 'ec2-emulator[libvirt]'" in str(probe.obstacle("qemu:///system", "default"))


@WITH_BINDING
def test_a_driver_that_needs_no_daemon_is_there() -> None:
    assert probe.obstacle("test:///default", "default-pool") is None


@WITH_BINDING
def test_without_a_socket_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SOCKETS", ("/nowhere/libvirt-sock", "/nowhere/virtqemud-sock"))
    found = probe.obstacle("qemu:///system", "default")

    assert "no socket /nowhere/libvirt-sock" in str(found)
    assert "libvirt-daemon-system" in str(found)


@WITH_BINDING
def test_an_address_that_means_nothing_is_said() -> None:
    assert "nonsense://x" in str(probe.obstacle("nonsense://x", "default"))
    assert "zone" in str(probe.obstacle("a=b,c", "default"))


@WITH_BINDING
def test_a_pool_that_nobody_made_is_said_with_what_makes_it() -> None:
    found = probe.obstacle("test:///default", "images")

    assert "'images'" in str(found)
    assert "virsh pool-define-as" in str(found)


@WITH_BINDING
def test_a_pool_that_nobody_started_is_said() -> None:
    import libvirt

    held = libvirt.open("test:///default")
    held.storagePoolLookupByName("default-pool").destroy()
    found = probe.obstacle("test:///default", "default-pool")
    held.close()

    assert "virsh pool-start default-pool" in str(found)
