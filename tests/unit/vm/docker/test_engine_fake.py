"""The engine that the other tests use has the real one's methods."""

from __future__ import annotations

import inspect

import pytest

from emulator.vm.docker.blocking import Engine
from tests.fakes.docker_engine import FakeEngine

METHODS = sorted(
    name for name, _ in inspect.getmembers(Engine, inspect.isfunction) if not name.startswith("_")
)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_signature_of_the_real_one(name: str) -> None:
    assert inspect.signature(getattr(FakeEngine, name)) == inspect.signature(getattr(Engine, name))


def test_it_answers_nothing_that_the_real_one_would_not() -> None:
    steps = [name for name, method in vars(FakeEngine).items() if hasattr(method, "is_step")]

    assert sorted(steps) == METHODS
