"""The one module that knows the SDK, against a socket that answers as engines do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.vm.docker import blocking
from emulator.vm.docker.blocking import (
    Conflict,
    Engine,
    EngineAddress,
    EngineError,
    EventStream,
    Missing,
    Unreachable,
    connect,
)
from tests.fakes.docker_socket import DockerSocket, chunks, reply


@pytest.fixture
def engine_socket(tmp_path: Path) -> Iterator[DockerSocket]:
    found = DockerSocket(tmp_path / "d.sock")
    yield found
    found.close()


def address(host: str) -> EngineAddress:
    return EngineAddress({"DOCKER_HOST": host})


@pytest.fixture
def engine(engine_socket: DockerSocket) -> Engine:
    return connect(address(engine_socket.host))


def test_an_engine_says_what_its_machine_is(engine: Engine) -> None:
    assert (engine.processors, engine.architecture, engine.cgroup_version) == (3, "aarch64", 2)


def test_where_nothing_is_nothing_answers(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        connect(address(f"unix://{tmp_path}/nothing"))


@pytest.mark.parametrize("host", ["nonsense://x", "tcp://", "http://[::1", "tcp://h:x"])
def test_an_address_that_means_nothing_is_told(host: str) -> None:
    with pytest.raises(Unreachable):
        connect(address(host))


def test_an_engine_that_says_nothing_is_not_waited_for_long(
    engine_socket: DockerSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_again = threading.Event()
    engine_socket.answers["GET /version"] = lambda _: asked_again.wait(10) and None
    monkeypatch.setattr(blocking, "CONNECT_SECONDS", 0.05)
    try:
        with pytest.raises(Unreachable, match="timed out"):
            connect(address(engine_socket.host))
    finally:
        asked_again.set()


def test_an_engine_that_answers_has_time_for_its_work(engine: Engine) -> None:
    assert engine._client.timeout == blocking.TIMEOUT_SECONDS


def test_certificates_that_are_not_there_are_told(tmp_path: Path) -> None:
    environment = {
        "DOCKER_HOST": "tcp://127.0.0.1:1",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(tmp_path),
    }
    with pytest.raises(Unreachable, match="does not answer"):
        connect(EngineAddress(environment))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, Missing), (409, Conflict), (400, EngineError), (403, EngineError), (500, EngineError)],
)
def test_a_refusal_is_told_in_the_engines_words(
    engine_socket: DockerSocket, engine: Engine, status: int, kind: type[EngineError]
) -> None:
    engine_socket.answers["POST /containers/x/start"] = (status, {"message": "port is taken"})
    with pytest.raises(EngineError) as caught:
        engine.start("x")

    assert type(caught.value) is kind
    assert str(caught.value) == "port is taken"


def test_an_engine_that_goes_away_is_unreachable(
    engine_socket: DockerSocket, engine: Engine
) -> None:
    engine_socket.close()

    with pytest.raises(Unreachable, match="does not answer"):
        engine.start("x")


# Where an answer may break off: between two pieces, and in the middle of one.
BREAKS = pytest.mark.parametrize("end", [b"", b"ff\r\n{"], ids=["between", "within"])


@BREAKS
def test_an_engine_that_breaks_off_in_the_middle_of_a_pull_is_unreachable(
    engine_socket: DockerSocket, engine: Engine, end: bytes
) -> None:
    engine_socket.answers["POST /images/create"] = chunks({"status": "Pulling"}, end=end)

    with pytest.raises(Unreachable, match="does not answer"):
        engine.pull("debian:12", lambda _: None)


def test_a_pull_tells_its_steps_and_not_its_progress(
    engine_socket: DockerSocket, engine: Engine
) -> None:
    engine_socket.answers["POST /images/create"] = chunks(
        {"status": "Pulling from library/debian", "id": "12"},
        {"status": "Downloading", "progressDetail": {"current": 1, "total": 9}, "id": "a"},
        {"status": "Status: Downloaded newer image"},
    )
    said: list[str] = []
    engine.pull("registry.example:5000/debian:12", said.append)

    assert said == ["Pulling from library/debian", "Status: Downloaded newer image"]
    assert "fromImage=registry.example%3A5000%2Fdebian" in engine_socket.asked[-1][0]
    assert "tag=12" in engine_socket.asked[-1][0]


@pytest.mark.parametrize(
    ("reference", "repository", "tag"),
    [
        ("debian", "debian", "latest"),
        ("localhost:5000/debian", "localhost%3A5000%2Fdebian", "latest"),
        ("a/b:1.2", "a%2Fb", "1.2"),
        ("debian@sha256:abcd", "debian", "sha256%3Aabcd"),
    ],
)
def test_what_is_pulled_is_named_in_two_parts(
    engine_socket: DockerSocket, engine: Engine, reference: str, repository: str, tag: str
) -> None:
    engine_socket.answers["POST /images/create"] = chunks()
    engine.pull(reference, lambda _: None)

    asked = engine_socket.asked[-1][0]
    assert f"fromImage={repository}" in asked
    assert f"tag={tag}" in asked


def test_a_pull_that_fails_says_why(engine_socket: DockerSocket, engine: Engine) -> None:
    engine_socket.answers["POST /images/create"] = chunks(
        {"status": "Pulling"}, {"error": "no space left on device", "errorDetail": {}}
    )
    with pytest.raises(EngineError, match="no space left"):
        engine.pull("debian:12", lambda _: None)


@pytest.mark.parametrize(
    ("call", "key"),
    [
        (lambda engine: engine.inspect("x"), "GET /containers/x/json"),
        (lambda engine: engine.image("x"), "GET /images/x/json"),
        (lambda engine: engine.network("x"), "GET /networks/x"),
        (lambda engine: engine.read_file("x", "/etc/y"), "GET /containers/x/archive"),
    ],
)
def test_what_is_not_there_is_none(
    engine_socket: DockerSocket, engine: Engine, call: Callable[[Engine], Any], key: str
) -> None:
    engine_socket.answers[key] = (404, {"message": "No such thing"})

    assert call(engine) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda engine: engine.remove("x"),
        lambda engine: engine.untag("x"),
        lambda engine: engine.remove_network("x"),
        lambda engine: engine.remove_volume("x"),
    ],
)
def test_what_is_not_there_may_be_removed(engine: Engine, call: Callable[[Engine], None]) -> None:
    call(engine)


def test_a_container_that_somebody_else_removes_already_is_removed(
    engine_socket: DockerSocket, engine: Engine
) -> None:
    engine_socket.answers["DELETE /containers/x"] = (409, {"message": "removal is in progress"})
    engine.remove("x")


def test_an_image_that_a_container_runs_from_loses_its_name(
    engine_socket: DockerSocket, engine: Engine
) -> None:
    def answer(handler: Any) -> None:
        forced = "force=1" in handler.path or "force=True" in handler.path
        reply(handler, 200 if forced else 409, [] if forced else {"message": "must force"})

    engine_socket.answers["DELETE /images/x"] = answer
    engine.untag("x")

    assert len([asked for asked, _ in engine_socket.asked if asked.startswith("DELETE")]) == 2


def read(stream: EventStream) -> list[Any]:
    return list(stream.read())


def test_events_begin_with_an_empty_one(engine_socket: DockerSocket) -> None:
    engine_socket.answers["GET /events"] = chunks({"Type": "container", "Action": "die"})

    assert read(EventStream(address(engine_socket.host))) == [
        {},
        {"Type": "container", "Action": "die"},
    ]


@BREAKS
def test_events_end_where_the_engine_breaks_off(engine_socket: DockerSocket, end: bytes) -> None:
    engine_socket.answers["GET /events"] = chunks({"Action": "die"}, end=end)

    assert read(EventStream(address(engine_socket.host))) == [{}, {"Action": "die"}]


def test_events_of_an_engine_that_is_away_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        read(EventStream(address(f"unix://{tmp_path}/nothing")))


def test_a_stream_may_be_closed_before_and_after_it_is_read(engine_socket: DockerSocket) -> None:
    engine_socket.answers["GET /events"] = chunks()
    stream = EventStream(address(engine_socket.host))
    stream.close_connection()
    read(stream)
    stream.close_connection()


@pytest.mark.parametrize(
    ("info", "obstacle"),
    [
        ({"OperatingSystem": "Debian GNU/Linux 12"}, None),
        ({"OperatingSystem": "Docker Desktop"}, "Docker Desktop runs containers in a machine"),
        ({"SecurityOptions": ["name=seccomp", "name=rootless"]}, "a rootless engine has networks"),
        ({"OperatingSystem": None, "SecurityOptions": None}, None),
    ],
)
def test_an_engine_tells_whether_its_machine_is_the_users(
    info: dict[str, Any], obstacle: str | None
) -> None:
    said = blocking.machine_obstacle(info)

    assert said is None if obstacle is None else (said or "").startswith(obstacle)
