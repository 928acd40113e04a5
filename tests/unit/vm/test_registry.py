from __future__ import annotations

import pytest

from emulator.config import VM_MANAGERS
from emulator.vm import registry
from emulator.vm.docker import probe
from emulator.vm.libvirt import probe as libvirt_probe
from emulator.vm.registry import Surroundings
from emulator.vm.virtualbox import probe as virtualbox_probe


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    found: list[object] = []
    monkeypatch.setattr(probe, "obstacle", found.append)
    return found


def test_docker_is_chosen_where_an_engine_answers(asked: list[object]) -> None:
    chosen = registry.choose(None, Surroundings({"DOCKER_HOST": "tcp://x:1"}))

    assert (chosen.name, chosen.reason) == ("docker", "a Docker engine answers here")
    assert asked == [{"DOCKER_HOST": "tcp://x:1"}]


def test_mock_is_chosen_elsewhere_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "obstacle", lambda _: "there is no socket")
    chosen = registry.choose(None, Surroundings())

    assert (chosen.name, chosen.reason) == ("mock", "no Docker engine: there is no socket")


@pytest.mark.parametrize("name", registry.NAMES)
def test_what_is_wanted_is_chosen_whether_or_not_it_works_now(
    asked: list[object], name: str
) -> None:
    chosen = registry.choose((name,), Surroundings())

    assert (chosen.names, chosen.reason) == ((name,), f"EC2_VM_MANAGER={name}")
    assert asked == []


def test_several_are_chosen_in_the_order_in_which_they_are_wanted(asked: list[object]) -> None:
    chosen = registry.choose(("mock", "docker"), Surroundings())

    assert chosen.names == ("mock", "docker")
    assert (chosen.name, chosen.reason) == ("mock,docker", "EC2_VM_MANAGER=mock,docker")


def test_every_manager_says_what_keeps_it_from_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "obstacle", lambda _: "there is no socket")
    monkeypatch.setattr(libvirt_probe, "obstacle", lambda uri, _: f"{uri} does not answer")

    monkeypatch.setattr(virtualbox_probe, "obstacle", lambda program: f"there is no {program}")

    assert registry.obstacles(
        Surroundings(hypervisor_uri="qemu:///x", virtualbox_program="VBoxManage")
    ) == {
        "docker": "there is no socket",
        "libvirt": "qemu:///x does not answer",
        "virtualbox": "there is no VBoxManage",
        "mock": None,
    }


def test_every_manager_can_be_asked_for() -> None:
    assert (
        sorted(VM_MANAGERS) == sorted(registry.NAMES) == sorted(registry.obstacles(Surroundings()))
    )
