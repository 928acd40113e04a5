"""libvirt with the lab's cloud image, and an emulator of virtual machines per module."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator

import pytest

from tests.absent import absent
from tests.functional.docker.conftest import with_key
from tests.functional.docker.keys import Key, make_key
from tests.functional.libvirt.cloud import VmCloud
from tests.functional.libvirt.hypervisor import IMAGE, Hypervisor, virsh


@pytest.fixture(scope="session")
def hypervisor() -> Iterator[Hypervisor]:
    """The hypervisor of this machine, with the image that tests/lab/setup builds."""
    if os.geteuid() != 0:
        absent("no root, which a storage pool needs")
    for program in ("virsh", "qemu-img", "ssh", "sshpass"):
        if shutil.which(program) is None:
            absent(f"no {program}; tests/lab/setup says why")
    if virsh("version", "--daemon").returncode != 0:
        absent("no libvirt daemon that answers; tests/lab/setup says why")
    if not IMAGE.exists():
        absent("no cloud image; tests/lab/setup says why")
    pytest.importorskip("libvirt", reason="libvirt's binding is missing; tests/lab/setup says why")
    found = Hypervisor()
    found.begin()
    yield found
    found.end()


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return make_key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def cloud(hypervisor: Hypervisor, key: Key) -> Iterator[VmCloud]:
    """An emulator with the settings a user finds, which must leave nothing and fail at nothing."""
    started = VmCloud(hypervisor)
    with_key(started, key)
    yield started
    started.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the emulators and their guests said."""
    report = yield
    if report.failed:
        for name, value in item.funcargs.items():
            if isinstance(value, VmCloud):
                report.sections.extend(value.account(name))
    return report
