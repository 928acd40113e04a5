"""The manager over the real VBoxManage, where there is one.

VirtualBox is in no Debian release and needs a kernel driver of its own, so no lab can have it:
unlike Docker's and libvirt's, these tests are skipped with ``CI=true``, too. An empty disk is
enough for them; nothing boots from it, and what is tried is what VirtualBox itself takes and
tells. What a guest does inside is tried with an image of the user's: ``VIRTUALBOX_TEST_IMAGE``
names an OVA file or a disk with cloud-init.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as FakeReactor

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import NoThreads
from emulator.vm.interface import GuestDisk, GuestKey, VMError
from emulator.vm.virtualbox.assembly import VirtualBoxOptions, virtualbox_manager
from emulator.vm.virtualbox.manager import VirtualBoxManager
from emulator.vm.virtualbox.probe import obstacle
from tests.contracts.vm_manager import SPEC
from tests.fakes.client import EPOCH

PROGRAM = os.environ.get("EC2_VIRTUALBOX_MANAGE", "VBoxManage")
IMAGE = os.environ.get("VIRTUALBOX_TEST_IMAGE", "")
MISSING = obstacle(PROGRAM)

pytestmark = pytest.mark.skipif(MISSING is not None, reason=f"needs VirtualBox: {MISSING}")


def run(*arguments: str) -> str:
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


class Bench:
    """A manager with a folder of its own, and real time."""

    def __init__(self, folder: Path) -> None:
        self.reactor = FakeReactor()
        self.folder = folder
        self.image_id = f"ami-{secrets.token_hex(8)}"
        self.instance_id = f"i-{secrets.token_hex(8)}"
        self.spec = attrs.evolve(
            SPEC,
            key=GuestKey("000000000000", "us-east-1", self.instance_id),
            image_id=self.image_id,
            image_reference=self.image_id,
            vcpus=1,
            memory_mib=512,
            mac_address="0a:ff:d0:01:02:03",
            ports=("8080/tcp",),
        )
        self.manager: VirtualBoxManager = virtualbox_manager(
            VirtualBoxOptions(
                program=PROGRAM,
                root=folder / "own",
                images=folder / "images",
                look_every_seconds=3,
                stop_seconds=2,
                namespace="real",
                processors=os.cpu_count() or 1,
                architecture="x86_64",
            ),
            threads=NoThreads(),
            clock=Clock.starting_at(self.reactor, EPOCH),
            background=Background(),
        )

    def result_of(self, work: Coroutine[Deferred[Any], Any, Any]) -> Any:
        results: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(results.append)
        while not results:
            time.sleep(0.2)
            self.reactor.advance(0.2)
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]

    def clean(self) -> None:
        """Remove every machine of this bench, whatever became of the test."""
        for instance_id in (self.instance_id,):
            self.result_of(self.manager.terminate(instance_id))
        for line in run("list", "vms").splitlines():
            name = line.split('"')[1]
            settings = run("showvminfo", name, "--machinereadable")
            if str(self.folder) in settings:
                run("unregistervm", name, "--delete")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    (tmp_path / "images").mkdir()
    disk = tmp_path / "images" / f"{bench.image_id}.vdi"
    run("createmedium", "disk", f"--filename={disk}", "--size=64", "--format=VDI")
    # As a file that nobody has registered.
    run("closemedium", "disk", str(disk))
    yield bench
    bench.clean()


def test_a_disk_is_an_ami_that_guests_are_linked_to(bench: Bench) -> None:
    (image,) = [
        each for each in bench.result_of(bench.manager.images()) if each.image_id == bench.image_id
    ]
    guest = bench.result_of(bench.manager.launch(bench.spec))

    assert image.size_gib == 1
    assert guest.running
    assert set(guest.ports) == {"22/tcp", "8080/tcp"}
    assert [each.key for each in bench.result_of(bench.manager.describe())] == [bench.spec.key]


def test_a_guest_stops_starts_reboots_and_ends(bench: Bench) -> None:
    manager = bench.manager
    bench.result_of(manager.launch(bench.spec))
    # Nothing runs in it that would heed the power button.
    bench.result_of(manager.stop(bench.instance_id, force=False))
    assert not bench.result_of(manager.look(bench.instance_id)).running
    assert bench.result_of(manager.start(bench.instance_id)).running
    bench.result_of(manager.reboot(bench.instance_id))
    assert bench.result_of(manager.look(bench.instance_id)).running
    bench.result_of(manager.terminate(bench.instance_id))

    assert bench.result_of(manager.look(bench.instance_id)) is None
    assert bench.instance_id not in run("list", "vms")


def test_a_volume_is_plugged_into_a_guest_that_runs(bench: Bench) -> None:
    manager, volume = bench.manager, GuestDisk(f"vol-{secrets.token_hex(8)}", "/dev/sdf", 1)
    snapshot_id = f"snap-{secrets.token_hex(8)}"
    bench.result_of(manager.launch(bench.spec))
    bench.result_of(manager.attach_volume(bench.instance_id, volume))
    assert volume.volume_id in run("showvminfo", bench.instance_id, "--machinereadable")
    bench.result_of(manager.snapshot_volume(volume, bench.instance_id, snapshot_id))
    bench.result_of(manager.detach_volume(bench.instance_id, volume))
    assert volume.volume_id not in run("showvminfo", bench.instance_id, "--machinereadable")
    for each in (volume.volume_id, snapshot_id):
        bench.result_of(manager.delete_data(each))

    assert not list(bench.folder.rglob(f"{volume.volume_id}*"))


@pytest.mark.parametrize("reboot", [True, False])
def test_an_image_of_a_guest_boots(bench: Bench, reboot: bool) -> None:
    manager, image_id = bench.manager, f"ami-{secrets.token_hex(8)}"
    bench.result_of(manager.launch(bench.spec))
    reference = bench.result_of(
        manager.capture(bench.instance_id, image_id, "made", reboot=reboot, record="{}")
    )
    assert bench.result_of(manager.look(bench.instance_id)).running
    bench.result_of(manager.terminate(bench.instance_id))

    again = attrs.evolve(bench.spec, image_id=image_id, image_reference=reference)
    assert bench.result_of(manager.launch(again)).running


def test_a_screen_is_shown(bench: Bench) -> None:
    bench.result_of(bench.manager.launch(bench.spec))

    shown = bench.result_of(bench.manager.screenshot(bench.instance_id, wake_up=True))
    assert shown.startswith(b"\xff\xd8\xff")


def test_an_image_that_is_not_there_is_refused(bench: Bench) -> None:
    absent = attrs.evolve(bench.spec, image_id="ami-00000000", image_reference="ami-00000000")

    with pytest.raises(VMError, match="no machine and no file"):
        bench.result_of(bench.manager.launch(absent))


@pytest.mark.skipif(not IMAGE, reason="needs VIRTUALBOX_TEST_IMAGE, an image with cloud-init")
def test_a_guest_answers_by_ssh_and_writes_to_its_console(bench: Bench) -> None:
    source = Path(IMAGE)
    bench.image_id = "ami-0c10d1417"
    shutil.copy(source, bench.folder / "images" / f"{bench.image_id}{source.suffix}")
    spec = attrs.evolve(
        bench.spec, image_id=bench.image_id, image_reference=bench.image_id, memory_mib=1024
    )
    guest = bench.result_of(bench.manager.launch(spec))

    until("it answers by SSH", lambda: _banner(guest.ports["22/tcp"]).startswith(b"SSH-2.0"))
    assert bench.result_of(bench.manager.console_output(bench.instance_id, 65536))


def _banner(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as stream:
            return stream.recv(64)
    except OSError:
        return b""


def until(what: str, look: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, f"{what}: not within {seconds} seconds"
        time.sleep(1)
