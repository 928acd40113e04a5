"""The VM manager of a run, put together from settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock as FakeReactor

from emulator.app import docker_machines as machines
from emulator.app.docker_machines import host_ranges
from emulator.app.machines import DEFAULT_IMAGES, AllMachines, build_machines
from emulator.app.start_error import StartError
from emulator.config import Config
from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.state.store import State
from emulator.vm.docker.manager import DockerManager
from emulator.vm.docker.spec import DOCKER_SOCKET
from emulator.vm.mock.manager import MockManager
from emulator.vm.registry import Choice
from tests.fakes.client import EPOCH, new_api


class Reactor(FakeReactor):
    """A clock that runs what threads hand over at once."""

    def callFromThread(self, function: Any, *args: Any) -> None:  # noqa: N802 - Twisted's name
        function(*args)


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what this machine is like out of the tests."""
    monkeypatch.setattr(machines, "own_container_id", lambda: None)
    monkeypatch.setattr(machines, "nft_obstacle", lambda: "the command nft is missing")
    monkeypatch.setattr(
        machines.DirectWay, "filter_obstacle", lambda _: "the command nft is missing"
    )


def built(name: str = "docker", **environ: str) -> AllMachines:
    reactor = Reactor()
    return build_machines(
        Choice(tuple(name.split(",")), "a test wants it"),
        Config.from_environ(environ, in_container=False),
        reactor=reactor,
        state=State(),
        clock=Clock.starting_at(reactor, EPOCH),
        background=Background(),
    )


def manager(**environ: str) -> DockerManager:
    found = built(**environ).managers.only
    assert isinstance(found, DockerManager)
    return found


def test_the_mock_needs_nothing() -> None:
    found = built("mock")

    assert isinstance(found.managers.only, MockManager)
    assert found.images is None
    assert found.namespaces == []
    assert [one.pool for one in found.each] == [None]


def test_docker_is_put_together_without_asking_an_engine() -> None:
    found = built(DOCKER_HOST="unix:///nowhere/at/all")

    assert isinstance(found.managers.only, DockerManager)
    assert found.images is not None
    assert len(found.namespaces) == 1
    assert [one.pool is None for one in found.each] == [False]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ("--nonsense", "unknown flag --nonsense"),
        ("-p x", "--publish x"),
        ("-e 'A", "quotation"),
    ],
)
def test_flags_that_are_not_understood_end_the_start_by_name(flags: str, named: str) -> None:
    with pytest.raises(StartError) as caught:
        built(EC2_DOCKER_FLAGS=flags)

    assert str(caught.value).startswith("EC2_DOCKER_FLAGS=")
    assert named in str(caught.value)


def test_managers_are_put_together_side_by_side_in_the_users_order() -> None:
    found = built("mock,docker", DOCKER_HOST="unix:///nowhere/at/all")

    assert [each.name for each in found.managers.all] == ["mock", "docker"]
    assert found.images is not None
    assert len(found.namespaces) == 1
    assert found.ready() == {"mock": True, "docker": True}


def test_flags_mean_nothing_to_the_mock() -> None:
    assert isinstance(built("mock", EC2_DOCKER_FLAGS="--nonsense").managers.only, MockManager)


def test_settings_reach_what_they_are_for() -> None:
    found = manager(
        EC2_DOCKER_FLAGS="--privileged",
        EC2_DOCKER_INIT="0",
        EC2_DOCKER_LIMITS="0",
        EC2_MOUNT_DOCKER_SOCKET="0",
        EC2_MOUNT_BLOCK_DEVICES="1",
        EC2_EBS_MAX_VOLUME_SIZE="7",
        EMULATOR_NAMESPACE="ci",
    )
    settings = found.settings

    assert settings.flags.host_config == {"Privileged": True}
    assert (settings.init, settings.limit_resources, settings.docker_socket) == (False, False, None)
    assert (settings.block_devices, found.largest_disk) == (True, 7)
    assert settings.names.namespace == "ci"


def test_without_block_devices_there_are_no_disks() -> None:
    found = manager()

    assert (found.disks, found.ebs, found.largest_disk) == (None, None, 0)


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({}, DOCKER_SOCKET),
        ({"DOCKER_HOST": "unix:///run/user/1000/docker.sock"}, "/run/user/1000/docker.sock"),
        ({"DOCKER_HOST": "tcp://10.0.0.1:2375"}, DOCKER_SOCKET),
        ({"DOCKER_HOST": "tcp://10.0.0.1:2375", "DOCKER_SOCK": "/x.sock"}, "/x.sock"),
    ],
)
def test_guests_get_the_socket_that_the_engines_machine_has(
    environ: dict[str, str], path: str
) -> None:
    assert manager(**environ).settings.docker_socket == path


@pytest.mark.parametrize(
    ("text", "keeps", "removes"), [("", False, False), ("0", True, False), ("1", False, True)]
)
def test_containers_are_kept_removed_or_gone_with_the_emulator(
    text: str, keeps: bool, removes: bool
) -> None:
    found = manager(EC2_REMOVE_CONTAINERS=text)

    assert (found._keep_terminated, found._remove_at_end) == (keeps, removes)


def test_the_default_images_are_those_of_the_contract() -> None:
    wanted = manager()._defaults

    assert {each.image_id: each.name for each in wanted} == DEFAULT_IMAGES
    assert all(each.reference for each in wanted)


def test_the_default_images_can_be_switched_off() -> None:
    assert manager(EC2_DOWNLOAD_DEFAULT_IMAGES="0")._defaults == ()


def test_records_only_are_known_at_once() -> None:
    api, _ = new_api()
    known: list[bool] = []
    found = built("mock")
    found.begin(api, lambda: known.append(True))
    found.end_threads()

    assert known == [True]


# The ranges of this machine

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010AA8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000AA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
br-0123456789ab\t00001FAC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
tun0\t0100000A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
"""


@pytest.fixture
def routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "route"
    path.write_text(ROUTES, encoding="ascii")
    monkeypatch.setattr(machines, "_ROUTES", path)
    return path


def test_the_ranges_of_this_machine_are_those_it_routes_to_but_for_dockers(routes: Path) -> None:
    assert list(host_ranges()) == ["192.168.10.0/24", "10.0.0.1/32"]


def test_a_machine_that_does_not_tell_has_none(routes: Path) -> None:
    routes.unlink()

    assert list(host_ranges()) == []
