"""What instances' namespaces get, whoever enters them."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from emulator.net.namespace import InstanceNamespaces, Way, missing_capabilities, visit_of
from emulator.net.ports import API_PORT, DNS_PORT
from emulator.net.router_visit import RouterVisit
from emulator.net.visit import Visit
from emulator.vm.interface import GuestKey, GuestLink, VMError
from tests.fakes.docker_manager import result_of
from tests.fakes.launcher import Launcher
from tests.fakes.network import region_of


class FakeSocket:
    """A listening socket without a kernel."""

    def __init__(self, port: int) -> None:
        self.port, self.closed = port, False

    def getsockname(self) -> tuple[str, int]:
        return "169.254.169.254", self.port

    def close(self) -> None:
        self.closed = True


class FakeWay(Way):
    """Opens what a visit wants, or fails."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.fails = False
        self.visits: list[tuple[str, int, Visit]] = []
        self.sockets: list[FakeSocket] = []

    def obstacle(self) -> str | None:
        return self.reason

    def filter_obstacle(self) -> str | None:
        return self.reason

    async def visit(self, container: str, pid: int, visit: Visit) -> list[socket.socket]:
        if self.fails:
            raise VMError("the process is gone")
        self.visits.append((container, pid, visit))
        self.sockets = [FakeSocket(each.behind or each.port) for each in visit.listening]
        return list(self.sockets)  # type: ignore[arg-type]

    def can_run_inside(self) -> bool:
        return False

    async def run_inside(
        self, container: str, pid: int, arguments: Sequence[str], stdin: bytes
    ) -> None:
        raise AssertionError("nobody runs anything here")

    async def route(self, visit: RouterVisit, namespaces: Sequence[int]) -> list[int]:
        raise AssertionError("nobody routes here")

    async def filter_host(self, script: str) -> None:
        raise NotImplementedError


class FakeListeners:
    """Notes whose sockets it got."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.adopted: dict[tuple[str, str, str], Sequence[socket.socket]] = {}
        self.closed: list[tuple[str, str, str]] = []

    def adopt(self, key: tuple[str, str, str], sockets: Sequence[socket.socket]) -> None:
        if self.fails:
            raise OSError(24, "Too many open files")
        self.adopted[key] = sockets

    def close(self, key: tuple[str, str, str]) -> None:
        self.closed.append(key)


class Entered:
    """One running instance and what enters its namespace."""

    def __init__(self) -> None:
        self.client = Launcher()
        instance_id = self.client.launch()
        self.key = GuestKey("000000000000", "us-east-1", instance_id)
        self.identity = ("000000000000", "us-east-1", instance_id)
        self.way = FakeWay()
        self.namespaces = InstanceNamespaces(self.client.api.state, self.way)


LINK = GuestLink("a1b2c3d4e5f6", "172.31.0.1")


@pytest.fixture
def entered() -> Entered:
    return Entered()


def prepare(entered: Entered) -> None:
    result_of(entered.namespaces.prepare(entered.key, "c", 77, LINK))


def test_a_namespace_gets_the_instances_addresses_and_the_metadata_service(
    entered: Entered,
) -> None:
    visit = visit_of(region_of(entered.client), entered.key.instance_id)

    assert visit.interfaces
    assert {each.port for each in visit.listening} == {80, API_PORT, DNS_PORT}
    # The guest waits for this one, so it comes when all the others are there.
    assert (visit.listening[-1].address, visit.listening[-1].port) == ("169.254.169.254", 80)


def test_each_port_has_its_listeners(entered: Entered) -> None:
    metadata, api, dns = FakeListeners(), FakeListeners(), FakeListeners()
    entered.namespaces.listeners = {80: metadata, API_PORT: api, DNS_PORT: dns}
    prepare(entered)

    assert [each.getsockname()[1] for each in metadata.adopted[entered.identity]] == [61080] * 2
    assert {each.getsockname()[1] for each in api.adopted[entered.identity]} == {61566}
    assert not any(each.closed for each in entered.way.sockets)


def test_sockets_that_nobody_serves_are_closed(entered: Entered) -> None:
    prepare(entered)

    assert entered.way.sockets
    assert all(each.closed for each in entered.way.sockets)


def test_a_visit_that_fails_is_told(entered: Entered) -> None:
    entered.way.fails = True
    with pytest.raises(VMError, match="the process is gone"):
        prepare(entered)


def test_listeners_that_cannot_serve_are_told_and_no_other_socket_stays_open(
    entered: Entered,
) -> None:
    entered.namespaces.listeners = {80: FakeListeners(fails=True), API_PORT: FakeListeners()}
    with pytest.raises(VMError, match="Too many open files"):
        prepare(entered)

    # Those that were handed over are the listeners' own.
    assert all(each.closed for each in entered.way.sockets if each.port == API_PORT)


def test_a_guest_that_is_forgotten_is_served_no_longer(entered: Entered) -> None:
    metadata, api = FakeListeners(), FakeListeners()
    entered.namespaces.listeners = {80: metadata, API_PORT: api}
    prepare(entered)
    entered.namespaces.forget(entered.key)

    assert metadata.closed == api.closed == [entered.identity]


def test_what_keeps_namespaces_from_being_entered_is_the_ways(entered: Entered) -> None:
    assert entered.namespaces.obstacle() is None
    entered.way.reason = "only root may"
    assert entered.namespaces.obstacle() == "only root may"


@pytest.mark.parametrize(
    ("value", "missing"),
    [
        ("000001ffffffffff", []),
        ("000001fffeffefff", ["CAP_NET_ADMIN"]),
        ("0000000000000000", ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_ADMIN"]),
    ],
)
def test_what_a_root_may_not_do_is_found(value: str, missing: list[str]) -> None:
    assert missing_capabilities(f"Name:\tx\nCapEff:\t{value}\nCapBnd:\t0\n") == missing
    assert missing_capabilities("") == []
