from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from emulator.core.init_scripts import InitScripts, ScriptState, Stage
from emulator.web.init_pages import init_pages
from emulator.wire.message import HttpRequest


class Runner:
    """Notes what is run, and ends it when told to."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.running: Deferred[int] = Deferred()

    def __call__(self, command: Sequence[str]) -> Deferred[int]:
        self.started.append(Path(command[-1]).name)
        self.running = Deferred()
        return self.running

    def end(self, status: int = 0) -> None:
        self.running.callback(status)


def made(directory: Path, *names: str) -> tuple[InitScripts, Runner]:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    runner = Runner()
    return InitScripts(directory, runner), runner


def states(scripts: InitScripts, stage: Stage) -> list[tuple[str, ScriptState]]:
    return [(script.path.name, script.state) for script in scripts.of(stage)]


def page(scripts: InitScripts, path: str) -> Any:
    answer: Any = init_pages(scripts)[path]["GET"](HttpRequest("GET", f"/_localstack/{path}"))
    return json.loads(b"".join(answer.body))


def test_a_directorys_own_scripts_come_before_those_below_it(tmp_path: Path) -> None:
    scripts, _ = made(
        tmp_path,
        "ready.d/b/2.sh",
        "ready.d/b/c/3.py",
        "ready.d/b/1.sh",
        "ready.d/z.sh",
        "ready.d/a.py",
        "ready.d/a/0.sh",
    )

    assert [name for name, _ in states(scripts, Stage.READY)] == [
        "a.py",
        "z.sh",
        "0.sh",
        "1.sh",
        "2.sh",
        "3.py",
    ]


def test_only_scripts_that_are_shown_are_scripts(tmp_path: Path) -> None:
    scripts, _ = made(
        tmp_path, "ready.d/notes.txt", "ready.d/.hidden.sh", "ready.d/..data/a.sh", "other.d/a.sh"
    )

    assert scripts.scripts == []


def test_scripts_run_one_after_the_other(tmp_path: Path) -> None:
    scripts, runner = made(tmp_path, "ready.d/1.sh", "ready.d/2.py")
    stage = Deferred.fromCoroutine(scripts.run_stage(Stage.READY))

    assert runner.started == ["1.sh"]
    assert states(scripts, Stage.READY) == [
        ("1.sh", ScriptState.RUNNING),
        ("2.py", ScriptState.UNKNOWN),
    ]
    runner.end()
    assert runner.started == ["1.sh", "2.py"]
    assert scripts.completed[Stage.READY] is False
    runner.end()
    assert stage.called
    assert scripts.completed[Stage.READY] is True
    assert {state for _, state in states(scripts, Stage.READY)} == {ScriptState.SUCCESSFUL}


def test_a_failing_script_does_not_stop_the_rest(tmp_path: Path) -> None:
    scripts, runner = made(tmp_path, "start.d/1.sh", "start.d/2.sh")
    Deferred.fromCoroutine(scripts.run_stage(Stage.START))
    runner.end(3)
    runner.end()

    assert states(scripts, Stage.START) == [
        ("1.sh", ScriptState.ERROR),
        ("2.sh", ScriptState.SUCCESSFUL),
    ]
    assert scripts.completed[Stage.START] is True


def test_a_script_that_is_cancelled_has_failed(tmp_path: Path) -> None:
    scripts, _ = made(tmp_path, "shutdown.d/1.sh", "shutdown.d/2.sh")
    stage = Deferred.fromCoroutine(scripts.run_stage(Stage.SHUTDOWN))
    stage.addErrback(lambda failure: failure.trap(CancelledError))
    stage.cancel()

    assert states(scripts, Stage.SHUTDOWN) == [
        ("1.sh", ScriptState.ERROR),
        ("2.sh", ScriptState.UNKNOWN),
    ]
    assert scripts.completed[Stage.SHUTDOWN] is False


def test_the_page_lists_every_stage_in_localstacks_form(tmp_path: Path) -> None:
    scripts, runner = made(tmp_path, "boot.d/0.sh", "ready.d/1.sh")
    Deferred.fromCoroutine(scripts.run_stage(Stage.START))
    Deferred.fromCoroutine(scripts.run_stage(Stage.READY))
    runner.end(1)

    assert page(scripts, "init") == {
        "completed": {"BOOT": True, "START": True, "READY": True, "SHUTDOWN": False},
        "scripts": [
            {"stage": "BOOT", "name": "0.sh", "state": "UNKNOWN"},
            {"stage": "READY", "name": "1.sh", "state": "ERROR"},
        ],
    }


@pytest.mark.parametrize("path", ["init/ready", "init/READY"])
def test_a_stage_has_a_page_of_its_own(tmp_path: Path, path: str) -> None:
    scripts, _ = made(tmp_path, "boot.d/0.sh", "ready.d/1.sh")

    assert page(scripts, path) == {
        "completed": False,
        "scripts": [{"stage": "READY", "name": "1.sh", "state": "UNKNOWN"}],
    }
