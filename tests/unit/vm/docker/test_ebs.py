"""Where the data of EBS volumes are, and how they move."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from emulator.vm.docker import ebs, names
from emulator.vm.docker.blocking import EngineError
from emulator.vm.docker.ebs import file_name
from emulator.vm.interface import GuestDisk, VMError
from tests.contracts.vm_manager import SPEC
from tests.fakes.docker_manager import DockerHost, result_of

ID = SPEC.instance_id
GUEST = f"localstack-ec2.{ID}"
TOOLS = "ec2-emulator-guest-tools-0123456789abcdef:/.ec2-emulator:ro"
DISK = GuestDisk("vol-1", "/dev/sdf", 8)
FROM_SNAPSHOT = GuestDisk("vol-1", "/dev/sdf", 8, "snap-1")


class Host(DockerHost):
    """A host whose helpers note what they were to do."""

    def __init__(self) -> None:
        super().__init__(block_devices=True)
        self.work: list[tuple[list[str], list[str]]] = []
        self.engine.on["create"] = self._note
        result_of(self.tools.volume(self.engine))  # type: ignore[arg-type]

    def _note(self, _name: str, config: dict[str, Any], _platform: Any = None) -> None:
        if "sh" in config["Entrypoint"]:
            binds = [each for each in config["HostConfig"]["Binds"] if each != TOOLS]
            self.work.append((binds, list(config["Cmd"])))

    def keep(self, *resource_ids: str) -> None:
        """Have data of volumes or snapshots."""
        for each in resource_ids:
            self.engine.create_volume(f"localstack-ec2.{each}", {})

    @property
    def kept(self) -> list[str]:
        """Whose data there are."""
        found = (name.removeprefix("localstack-ec2.") for name in self.engine.stores)
        return sorted(name for name in found if not name.startswith("ec2-emulator"))


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("/dev/sdf", "sdf"),
        ("xvdh", "xvdh"),
        ("/dev/nvme1n1", "nvme1n1"),
        ("/dev/disk/a_b-c", "a_b-c"),
    ],
)
def test_a_device_is_a_file_of_its_last_name(device: str, name: str) -> None:
    assert file_name(device) == name


@pytest.mark.parametrize(
    "device", ["", "/dev/", "/dev/..", "/dev/.x", "/dev/a b", "/dev/-x", "x" * 65, "a;b", "a\n"]
)
def test_a_name_that_could_be_something_else_is_refused(device: str) -> None:
    with pytest.raises(VMError, match="cannot be a file"):
        file_name(device)


def test_an_empty_volume_is_made_in_the_guest(host: Host) -> None:
    result_of(host.manager.attach_volume(ID, DISK))

    assert host.work == [([f"{GUEST}:/to"], ["/to/sdf", "8"])]


def test_a_volumes_data_go_into_the_guest_and_are_there_only_then(host: Host) -> None:
    host.keep("vol-1", "snap-1")
    result_of(host.manager.attach_volume(ID, FROM_SNAPSHOT))

    assert host.work == [
        (
            ["localstack-ec2.vol-1:/from:ro", f"{GUEST}:/to"],
            ["/from/data", "/to/sdf", "8"],
        )
    ]
    assert host.kept == [ID, "snap-1"]


def test_a_new_volume_has_its_snapshots_data(host: Host) -> None:
    host.keep("snap-1")
    result_of(host.manager.attach_volume(ID, FROM_SNAPSHOT))

    assert host.work[0][0] == ["localstack-ec2.snap-1:/from:ro", f"{GUEST}:/to"]
    assert host.kept == [ID, "snap-1"]


def test_a_snapshot_without_data_is_all_zeros(host: Host) -> None:
    result_of(host.manager.attach_volume(ID, FROM_SNAPSHOT))

    assert host.work == [([f"{GUEST}:/to"], ["/to/sdf", "8"])]


def test_a_detached_volume_keeps_its_data_and_the_guest_has_none(host: Host) -> None:
    host.keep(ID)
    result_of(host.manager.detach_volume(ID, DISK))

    assert host.work == [
        ([f"{GUEST}:/from:ro", "localstack-ec2.vol-1:/to"], ["/from/sdf", "/to/data", "8"]),
        ([f"{GUEST}:/to"], ["/to/sdf"]),
    ]
    assert host.kept == [ID, "vol-1"]


def test_a_volume_whose_data_cannot_be_kept_stays_in_the_guest(host: Host) -> None:
    host.keep(ID)
    host.engine.exit_status = 1
    with pytest.raises(EngineError, match="could not be moved"):
        result_of(host.manager.detach_volume(ID, DISK))

    assert len(host.work) == 1


def test_a_snapshot_of_an_attached_volume_is_taken_in_its_guest(host: Host) -> None:
    host.keep(ID)
    result_of(host.manager.snapshot_volume(DISK, ID, "snap-2"))

    assert host.work == [
        ([f"{GUEST}:/from:ro", "localstack-ec2.snap-2:/to"], ["/from/sdf", "/to/data", "8"])
    ]


@pytest.mark.parametrize(
    ("kept", "source"),
    [(["vol-1", "snap-1"], "vol-1"), (["snap-1"], "snap-1")],
)
def test_a_snapshot_of_another_volume_is_taken_where_its_data_are(
    host: Host, kept: Sequence[str], source: str
) -> None:
    host.keep(*kept)
    result_of(host.manager.snapshot_volume(FROM_SNAPSHOT, None, "snap-2"))

    assert host.work[0][0] == [
        f"localstack-ec2.{source}:/from:ro",
        "localstack-ec2.snap-2:/to",
    ]


def test_a_snapshot_of_a_volume_without_data_has_none(host: Host) -> None:
    result_of(host.manager.snapshot_volume(DISK, None, "snap-2"))

    assert host.work == []
    assert host.kept == []


def test_data_say_whose_they_are(host: Host) -> None:
    host.keep(ID)
    result_of(host.manager.snapshot_volume(DISK, ID, "snap-2"))

    assert host.engine.stores["localstack-ec2.snap-2"]["Labels"] == {
        names.NAMESPACE: "default",
        names.VOLUME_ID: "snap-2",
    }


def test_a_helper_that_fails_says_what_it_wrote_and_is_removed(host: Host) -> None:
    host.engine.exit_status = 1

    def say(container: str) -> None:
        host.engine.logs[host.engine.box(container)["Id"]] = b"No space left on device\n"

    host.engine.on["wait"] = say
    with pytest.raises(EngineError, match="No space left on device"):
        result_of(host.manager.attach_volume(ID, DISK))

    assert host.engine.boxes == {}


@pytest.mark.parametrize("method", ["create", "start", "wait"])
def test_a_helper_that_does_not_even_run_is_removed(host: Host, method: str) -> None:
    host.engine.failing[method] = [EngineError("no")]
    with pytest.raises(EngineError, match="no"):
        result_of(host.manager.attach_volume(ID, DISK))

    assert host.engine.boxes == {}


def test_data_may_be_forgotten(host: Host) -> None:
    host.keep("vol-1")
    result_of(host.manager.delete_data("vol-1"))

    assert host.kept == []


def test_without_block_devices_nothing_is_done() -> None:
    host = DockerHost()
    for act in (
        host.manager.attach_volume(ID, DISK),
        host.manager.detach_volume(ID, DISK),
        host.manager.snapshot_volume(DISK, ID, "snap-2"),
        host.manager.delete_data("vol-1"),
    ):
        result_of(act)

    assert host.engine.calls == []


# The scripts themselves, as any shell runs them


def run(script: str, *arguments: str | Path) -> None:
    command = ["sh", "-ec", script, "sh", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def test_a_new_disk_is_sparse_zeros_of_its_size(tmp_path: Path) -> None:
    disk = tmp_path / "sdf"
    run(ebs._MAKE, disk, "8")

    assert disk.stat().st_size == 8 * 1024**2
    assert disk.stat().st_blocks == 0


def test_a_disk_that_is_there_keeps_its_data_and_grows(tmp_path: Path) -> None:
    disk = tmp_path / "sdf"
    disk.write_bytes(b"data")
    run(ebs._MAKE, disk, "1")

    assert disk.stat().st_size == 1024**2
    assert disk.read_bytes().startswith(b"data\0")


def test_a_copy_has_the_data_and_the_size_wanted(tmp_path: Path) -> None:
    (tmp_path / "from").write_bytes(b"data")
    run(ebs._COPY, tmp_path / "from", tmp_path / "to", "2")

    assert (tmp_path / "to").stat().st_size == 2 * 1024**2
    assert (tmp_path / "to").read_bytes().startswith(b"data\0")


def test_a_copy_of_nothing_is_zeros(tmp_path: Path) -> None:
    run(ebs._COPY, tmp_path / "from", tmp_path / "to", "2")

    assert (tmp_path / "to").read_bytes() == bytes(2 * 1024**2)


def test_a_copy_takes_the_place_of_what_was_there_whole(tmp_path: Path) -> None:
    (tmp_path / "from").write_bytes(b"new")
    (tmp_path / "to").write_bytes(b"older and longer")
    run(ebs._COPY, tmp_path / "from", tmp_path / "to", "1")

    assert (tmp_path / "to").read_bytes().startswith(b"new\0")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["from", "to"]


def test_a_volume_that_was_written_to_does_not_begin_again(tmp_path: Path) -> None:
    (tmp_path / "from").write_bytes(b"snapshot")
    run(ebs._BEGIN, tmp_path / "from", tmp_path / "to", "1")
    assert (tmp_path / "to").read_bytes().startswith(b"snapshot\0")
    (tmp_path / "to").write_bytes(b"written")
    run(ebs._BEGIN, tmp_path / "from", tmp_path / "to", "1")

    assert (tmp_path / "to").read_bytes() == b"written"


def test_a_copy_that_fails_fails(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    with pytest.raises(subprocess.CalledProcessError):
        run(ebs._COPY, tmp_path / "from", tmp_path / "to", "2")


def test_what_is_not_there_may_be_removed(tmp_path: Path) -> None:
    run(ebs._REMOVE, tmp_path / "nothing")
