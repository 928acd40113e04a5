from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.vm.docker import probe
from emulator.vm.docker.probe import obstacle, socket_path
from tests.fakes.docker_socket import DockerSocket


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DockerSocket]:
    found = DockerSocket(tmp_path / "d.sock")
    yield found
    found.close()


def at(path: Path) -> dict[str, str]:
    return {"DOCKER_HOST": f"unix://{path}"}


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("", "/var/run/docker.sock"),
        ("unix:///run/user/1000/docker.sock", "/run/user/1000/docker.sock"),
        ("unix://", "/var/run/docker.sock"),
        ("tcp://10.0.0.1:2376", None),
    ],
)
def test_a_socket_is_where_docker_host_says(host: str, path: str | None) -> None:
    assert socket_path({"DOCKER_HOST": host}) == path


def test_an_engine_that_answers_is_no_obstacle(engine: DockerSocket) -> None:
    assert obstacle(at(engine.path)) is None


def test_a_socket_that_is_not_there_is_told_with_what_may_help(tmp_path: Path) -> None:
    said = obstacle(at(tmp_path / "nothing"))

    assert said is not None
    assert f"no socket {tmp_path}/nothing" in said
    assert "docker run -v /var/run/docker.sock:/var/run/docker.sock" in said


def test_a_socket_that_nobody_listens_on_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "d.sock"))

    assert "start the Docker engine" in str(obstacle(at(tmp_path / "d.sock")))


def test_a_socket_that_may_not_be_used_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: str) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(probe, "_ping", refuse)

    assert "member of the group docker" in str(obstacle({}))


def test_an_engine_with_a_fault_is_told(engine: DockerSocket) -> None:
    engine.answers["GET /_ping"] = (500, "no")

    assert obstacle(at(engine.path)) == f"{engine.path} answers with HTTP status 500"


def test_something_that_is_no_engine_is_told(tmp_path: Path) -> None:
    path = tmp_path / "d.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()

        def greet() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example.com ESMTP\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        said = obstacle(at(path))
        thread.join()

    assert "no answer on" in str(said)


def test_a_socket_that_says_nothing_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "TIMEOUT_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "d.sock"))
        silent.listen()

        assert "timed out" in str(obstacle(at(tmp_path / "d.sock")))


def test_a_path_that_is_none_is_told() -> None:
    assert "no answer on" in str(obstacle({"DOCKER_HOST": "unix:///" + "x" * 200}))


def test_an_engine_in_the_network_is_asked_through_the_sdk() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    assert "does not answer" in str(obstacle({"DOCKER_HOST": f"tcp://127.0.0.1:{port}"}))
