from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred

from emulator.core.threads import NoThreads

pytest.importorskip("libvirt", reason="libvirt's binding is missing: tests/lab/parts/90-libvirt")

import libvirt

from emulator.vm.libvirt.blocking import (
    Conflict,
    LibvirtError,
    Missing,
    Unreachable,
    Unsupported,
    connect,
    error_of,
)
from emulator.vm.libvirt.connection import Connection


@attrs.define(eq=False)
class Link:
    """Takes the place of a connection to a hypervisor."""

    number: int
    alive: bool = True
    closed: bool = False

    def is_alive(self) -> bool:
        return self.alive

    def close(self) -> None:
        self.closed = True


@attrs.define
class Exchange:
    """Makes connections, or does not."""

    made: list[Link] = attrs.field(factory=list)
    away: bool = False

    def connect(self, uri: str) -> Any:
        if self.away:
            raise Unreachable(f"{uri} does not answer")
        self.made.append(Link(len(self.made)))
        return self.made[-1]


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def connection(exchange: Exchange) -> Connection:
    return Connection("qemu:///system", NoThreads(), NoThreads(), exchange.connect)


def result_of(work: Coroutine[Any, Any, Any]) -> Any:
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    if hasattr(results[0], "raiseException"):
        results[0].raiseException()
    return results[0]


def number(hypervisor: Any) -> int:
    return int(hypervisor.number)


def test_a_connection_is_made_when_it_is_needed_and_kept(
    connection: Connection, exchange: Exchange
) -> None:
    assert exchange.made == []
    assert [result_of(connection.run(number)) for _ in range(2)] == [0, 0]
    assert result_of(connection.run_slowly(number)) == 0


def test_a_connection_that_broke_is_made_again(connection: Connection, exchange: Exchange) -> None:
    result_of(connection.run(number))
    exchange.made[0].alive = False

    assert result_of(connection.run(number)) == 1
    assert exchange.made[0].closed


def test_a_hypervisor_that_is_away_is_asked_again_the_next_time(
    connection: Connection, exchange: Exchange
) -> None:
    exchange.away = True
    with pytest.raises(Unreachable):
        result_of(connection.run(number))
    exchange.away = False

    assert result_of(connection.run(number)) == 0


def test_whoever_wants_to_know_sees_every_new_connection_first(
    connection: Connection, exchange: Exchange
) -> None:
    seen: list[int] = []
    connection.on_open(lambda hypervisor: seen.append(number(hypervisor)))
    result_of(connection.run(number))
    exchange.made[0].alive = False
    result_of(connection.run(number))

    assert seen == [0, 1]


def test_a_connection_that_nobody_can_listen_to_is_none(
    connection: Connection, exchange: Exchange
) -> None:
    def fail(_: object) -> None:
        raise Unreachable("it broke again")

    connection.on_open(fail)
    with pytest.raises(Unreachable):
        result_of(connection.run(number))
    assert exchange.made[0].closed


def test_a_closed_connection_may_be_closed_again(connection: Connection) -> None:
    result_of(connection.run(number))
    for _ in range(2):
        result_of(connection.close())

    assert result_of(connection.run(number)) == 1


# Errors


@attrs.define
class Refusal(Exception):
    """What the binding raises, as far as anybody looks at it."""

    message: str
    code: int
    domain: int = 0

    def __str__(self) -> str:
        return self.message

    def get_error_code(self) -> int:
        return self.code

    def get_error_domain(self) -> int:
        return self.domain


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("VIR_ERR_NO_DOMAIN", Missing),
        ("VIR_ERR_NO_STORAGE_POOL", Missing),
        ("VIR_ERR_OPERATION_INVALID", Conflict),
        ("VIR_ERR_STORAGE_VOL_EXIST", Conflict),
        ("VIR_ERR_NO_SUPPORT", Unsupported),
        ("VIR_ERR_RPC", Unreachable),
        ("VIR_ERR_INTERNAL_ERROR", LibvirtError),
    ],
)
def test_an_error_is_of_the_kind_that_its_code_says(code: str, kind: type[Exception]) -> None:
    found = error_of(Refusal("it says so", getattr(libvirt, code)))

    assert type(found) is kind
    assert "it says so" in str(found)


def test_a_connection_that_breaks_in_the_middle_is_one_that_does_not_answer() -> None:
    broken = Refusal("closed", libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_RPC)

    assert isinstance(error_of(broken), Unreachable)


def test_whoever_may_not_connect_is_told_what_helps() -> None:
    said = "Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied"
    found = error_of(Refusal(said, libvirt.VIR_ERR_SYSTEM_ERROR))

    assert isinstance(found, Unreachable)
    assert "usermod --append --groups libvirt" in str(found)
    assert "unix_sock_group" in str(found)


def test_a_disk_that_may_not_be_opened_is_told_apart() -> None:
    said = "Could not open '/root/x.qcow2': Permission denied"
    found = error_of(Refusal(said, libvirt.VIR_ERR_INTERNAL_ERROR))

    assert type(found) is LibvirtError
    assert "searchable" in str(found)


def test_nothing_answers_where_there_is_no_hypervisor() -> None:
    with pytest.raises(Unreachable, match="nonsense:///x"):
        connect("nonsense:///x")
