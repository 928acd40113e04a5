from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from emulator.core.threads import NoThreads, Threads
from emulator.vm.docker import connection
from emulator.vm.docker.blocking import EngineAddress, Unreachable
from emulator.vm.docker.connection import Connection
from tests.fakes.docker_engine import FakeEngine
from tests.fakes.docker_manager import result_of


class Doors:
    """Where connections are made; the first ones fail."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.opened = failures, 0

    def __call__(self, _address: EngineAddress) -> FakeEngine:
        self.opened += 1
        if self.opened <= self.failures:
            raise Unreachable("there is no socket")
        return FakeEngine()


class SlowThreads(Threads):
    """Does what it is given when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Deferred[Any], Any, Any]] = []

    def run(self, function: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.waiting.append((done, function, args))
        return done

    def do(self) -> None:
        done, function, args = self.waiting.pop(0)
        done.callback(function(*args))


def test_the_engine_is_connected_to_once(monkeypatch: pytest.MonkeyPatch) -> None:
    doors = Doors()
    monkeypatch.setattr(connection, "connect", doors)
    found = Connection(EngineAddress(), NoThreads())
    first, second = result_of(found.engine()), result_of(found.engine())

    assert first is second
    assert doors.opened == 1


def test_a_failure_is_told_and_the_next_call_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "connect", Doors(failures=1))
    found = Connection(EngineAddress(), NoThreads())
    with pytest.raises(Unreachable, match="no socket"):
        result_of(found.engine())

    assert isinstance(result_of(found.engine()), FakeEngine)


def test_those_who_ask_meanwhile_wait_for_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    doors, threads = Doors(), SlowThreads()
    monkeypatch.setattr(connection, "connect", doors)
    found = Connection(EngineAddress(), threads)
    got: list[Any] = []
    for _ in range(3):
        Deferred.fromCoroutine(found.engine()).addCallback(got.append)
    threads.do()

    assert len(got) == 3
    assert doors.opened == 1
