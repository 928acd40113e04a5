"""How a new container gets its files where the emulator may enter containers itself."""

from __future__ import annotations

import io
import tarfile

import pytest

from emulator.vm.docker.files import filled_marker
from emulator.vm.interface import VMError
from tests.contracts.vm_manager import SPEC
from tests.fakes.docker_manager import DockerHost, result_of

UNPACK = ("/.ec2-emulator/busybox", "tar", "x", "-C", "/")


@pytest.fixture
def host() -> DockerHost:
    host = DockerHost()
    host.engine.add_image(SPEC.image_reference or "")
    host.namespaces.enters = True
    return host


def test_files_come_once_the_container_runs_and_the_last_says_so(host: DockerHost) -> None:
    result_of(host.manager.launch(SPEC))

    ((arguments, archive),) = host.namespaces.ran
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        names = opened.getnames()
    assert arguments == UNPACK
    assert names[-1] == filled_marker(SPEC.instance_id)
    assert "put" not in host.engine.calls


def test_a_container_that_takes_no_files_is_removed(host: DockerHost) -> None:
    host.namespaces.fails_inside = True

    with pytest.raises(VMError, match="no such file"):
        result_of(host.manager.launch(SPEC))

    assert result_of(host.manager.describe()) == []
    assert "remove" in host.engine.calls


def test_a_guest_that_an_earlier_run_never_filled_is_no_guest(host: DockerHost) -> None:
    result_of(host.manager.launch(SPEC))
    host.manager._prepared.clear()  # as a new run begins
    host.namespaces.fails_inside = True

    assert result_of(host.manager.look(SPEC.instance_id)) is None
