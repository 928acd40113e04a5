"""Disks and images of virtual machines that are up at once and never let go of anything."""

from __future__ import annotations

import base64
import io
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.docker.waiting import until
from tests.functional.libvirt import small_guests
from tests.functional.libvirt.cloud import VmCloud
from tests.functional.libvirt.hypervisor import Hypervisor

ZONE = "us-east-1a"
# On a machine that does other things as well.
PATIENCE_SECONDS = 120
# Enough for a copy to be under way when the emulator is killed.
LARGE_MIB = 768


@pytest.fixture(scope="module")
def idle(hypervisor: Hypervisor, tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_guests.put(hypervisor, small_guests.IDLE, tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def quick(hypervisor: Hypervisor) -> Iterator[VmCloud]:
    """An emulator that does not wait long for guests that hear nothing."""
    started = VmCloud(hypervisor, EC2_LIBVIRT_STOP_SECONDS="2")
    yield started
    started.close()


@pytest.fixture
def guest(quick: VmCloud, idle: str) -> Iterator[str]:
    instance_id = quick.run(idle, Placement={"AvailabilityZone": ZONE})
    yield instance_id
    quick.terminate(instance_id)


@pytest.fixture
def volume(quick: VmCloud) -> Iterator[str]:
    volume_id = new_volume(quick, Size=1)
    yield volume_id
    until_volume(quick, volume_id, "available")
    quick.ec2.delete_volume(VolumeId=volume_id)


def new_volume(quick: VmCloud, **params: Any) -> str:
    volume_id = quick.ec2.create_volume(AvailabilityZone=ZONE, **params)["VolumeId"]
    until_volume(quick, volume_id, "available")
    return str(volume_id)


def shown(quick: VmCloud, volume_id: str) -> tuple[str, str]:
    """Return a volume's state and its attachment's."""
    (found,) = quick.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
    return found["State"], ",".join(each["State"] for each in found["Attachments"])


def until_volume(quick: VmCloud, volume_id: str, state: str, attachment: str = "") -> None:
    wanted = state, attachment
    until(lambda: shown(quick, volume_id), lambda seen: seen == wanted, PATIENCE_SECONDS)


def attach(quick: VmCloud, guest: str, volume_id: str) -> None:
    quick.ec2.attach_volume(InstanceId=guest, VolumeId=volume_id, Device="/dev/sdf")
    until_volume(quick, volume_id, "in-use", "attached")


def until_snapshot(quick: VmCloud, snapshot_id: str, state: str = "completed") -> None:
    until(
        lambda: quick.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]["State"],
        lambda seen: seen == state,
        PATIENCE_SECONDS,
    )


def create_image(quick: VmCloud, guest: str, name: str, *, no_reboot: bool) -> Any:
    made = quick.ec2.create_image(InstanceId=guest, Name=name, NoReboot=no_reboot)["ImageId"]
    image = until(
        lambda: quick.ec2.describe_images(ImageIds=[made])["Images"][0],
        lambda seen: seen["State"] != "pending",
        PATIENCE_SECONDS,
    )
    assert image["State"] == "available", image.get("StateReason")
    return image


def discard_image(quick: VmCloud, image: Any) -> None:
    quick.ec2.deregister_image(ImageId=image["ImageId"], DeleteAssociatedSnapshots=True)


def root_of(quick: VmCloud, guest: str) -> str:
    (mapping,) = quick.instance(guest)["BlockDeviceMappings"]
    return str(mapping["Ebs"]["VolumeId"])


def fill(hypervisor: Hypervisor, volume_id: str, mebibytes: int) -> None:
    """Write to a volume that no guest has."""
    write = f"write -P 0x45 0 {mebibytes}M"
    subprocess.run(
        ["qemu-io", "-c", write, str(hypervisor.folder / volume_id)],
        check=True,
        capture_output=True,
    )


def alike(hypervisor: Hypervisor, one: str, other: str) -> bool:
    """Tell whether two volumes show the same, the larger one zeros where the other ends."""
    files = [str(hypervisor.folder / name) for name in (one, other)]
    done = subprocess.run(["qemu-img", "compare", "-U", *files], capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def domain_id(hypervisor: Hypervisor, guest: str) -> str:
    return hypervisor("domid", guest)


# Volumes


def test_a_snapshot_of_a_volume_in_use_has_its_data(
    quick: VmCloud, guest: str, hypervisor: Hypervisor, volume: str
) -> None:
    fill(hypervisor, volume, 8)
    attach(quick, guest, volume)
    snapshot_id = quick.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    until_snapshot(quick, snapshot_id)
    copy = new_volume(quick, SnapshotId=snapshot_id, Size=2)

    assert alike(hypervisor, volume, snapshot_id)
    assert alike(hypervisor, volume, copy)
    assert (hypervisor.folder / copy).stat().st_blocks * 512 < 2 << 20
    quick.ec2.delete_snapshot(SnapshotId=snapshot_id)
    assert snapshot_id in hypervisor.volumes()
    quick.ec2.delete_volume(VolumeId=copy)
    until(hypervisor.volumes, lambda names: not names & {snapshot_id, copy})
    quick.ec2.detach_volume(VolumeId=volume, Force=True)
    until_volume(quick, volume, "available")


def test_a_volume_that_the_guest_does_not_let_go_of_is_busy(
    quick: VmCloud, guest: str, hypervisor: Hypervisor, volume: str
) -> None:
    attach(quick, guest, volume)
    quick.ec2.detach_volume(VolumeId=volume)
    until_volume(quick, volume, "in-use", "busy")
    assert volume in hypervisor("domblklist", guest)
    quick.ec2.detach_volume(VolumeId=volume, Force=True)
    until_volume(quick, volume, "available")

    assert volume not in hypervisor("domblklist", guest, "--inactive")


def test_a_stopped_guest_has_its_volumes_with_the_next_start(
    quick: VmCloud, guest: str, hypervisor: Hypervisor, volume: str
) -> None:
    quick.ec2.stop_instances(InstanceIds=[guest], Force=True)
    quick.until_state(guest, "stopped")
    attach(quick, guest, volume)
    quick.ec2.modify_volume(VolumeId=volume, Size=3)
    quick.ec2.start_instances(InstanceIds=[guest])
    quick.until_state(guest, "running")

    assert volume in hypervisor("domblklist", guest)
    assert volume.replace("-", "") in hypervisor("dumpxml", guest)
    until(lambda: hypervisor("domblkinfo", guest, "vdf"), lambda text: str(3 << 30) in text)
    quick.ec2.stop_instances(InstanceIds=[guest], Force=True)
    quick.until_state(guest, "stopped")
    quick.ec2.detach_volume(VolumeId=volume)
    until_volume(quick, volume, "available")


def test_a_volume_is_known_again_by_the_next_emulator(
    quick: VmCloud, guest: str, volume: str
) -> None:
    attach(quick, guest, volume)
    quick.ec2.create_tags(Resources=[volume], Tags=[{"Key": "Name", "Value": "precious"}])
    (before,) = quick.ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    # Changes are written at once, but not in the same moment.
    until(
        (quick.hypervisor.folder / f"{volume}.note").read_bytes,
        lambda note: b"precious" in note,
    )
    quick.restart(kill=True)
    quick.until_state(guest, "running")
    (after,) = until(
        lambda: [
            each for each in quick.ec2.describe_volumes()["Volumes"] if each["VolumeId"] == volume
        ],
        bool,
    )

    assert after == before
    quick.ec2.detach_volume(VolumeId=volume, Force=True)
    until_volume(quick, volume, "available")


# Images


def test_an_image_of_a_running_guest_boots_while_the_guest_runs_on(
    quick: VmCloud, guest: str, hypervisor: Hypervisor
) -> None:
    before = domain_id(hypervisor, guest)
    image = create_image(quick, guest, "live", no_reboot=True)
    made = quick.run(image["ImageId"])

    assert domain_id(hypervisor, guest) == before
    assert alike(hypervisor, root_of(quick, guest), image["ImageId"])
    assert alike(hypervisor, root_of(quick, guest), root_of(quick, made))
    discard_image(quick, image)
    assert image["ImageId"] in hypervisor.volumes()
    quick.terminate(made)
    until(hypervisor.volumes, lambda names: image["ImageId"] not in names)


def test_a_guest_is_restarted_for_its_image(
    quick: VmCloud, guest: str, hypervisor: Hypervisor
) -> None:
    before = domain_id(hypervisor, guest)
    image = create_image(quick, guest, "restarted", no_reboot=False)

    assert quick.instance(guest)["State"]["Name"] == "running"
    assert domain_id(hypervisor, guest) not in (before, "-")
    discard_image(quick, image)


def test_an_image_registered_from_a_root_disks_snapshot_boots(
    quick: VmCloud, guest: str, hypervisor: Hypervisor
) -> None:
    snapshot_id = quick.ec2.create_snapshot(VolumeId=root_of(quick, guest))["SnapshotId"]
    until_snapshot(quick, snapshot_id)
    image_id = quick.ec2.register_image(
        Name="registered",
        Architecture="x86_64",
        VirtualizationType="hvm",
        RootDeviceName="/dev/sda1",
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snapshot_id}}],
    )["ImageId"]
    quick.until_image(image_id)
    made = quick.run(image_id)

    assert alike(hypervisor, root_of(quick, guest), root_of(quick, made))
    quick.terminate(made)
    discard_image(quick, {"ImageId": image_id})
    until(hypervisor.volumes, lambda names: not names & {image_id, snapshot_id})


def test_an_image_a_user_put_there_is_hidden_and_comes_back(
    quick: VmCloud, idle: str, hypervisor: Hypervisor
) -> None:
    quick.ec2.deregister_image(ImageId=idle)

    def is_there() -> bool:
        found = quick.ec2.describe_images(Filters=[{"Name": "image-id", "Values": [idle]}])
        return bool(found["Images"])

    until(is_there, lambda there: not there)
    assert idle in hypervisor.volumes()
    assert not is_there()
    hypervisor("vol-delete", f"{idle}.note", "--pool", hypervisor.pool)
    hypervisor("pool-refresh", hypervisor.pool)
    until(is_there, bool)


def test_what_a_killed_emulator_left_half_copied_is_removed_and_can_be_copied_again(
    quick: VmCloud, guest: str, hypervisor: Hypervisor, volume: str
) -> None:
    fill(hypervisor, volume, LARGE_MIB)
    attach(quick, guest, volume)
    half = quick.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    until(lambda: "mirror" in hypervisor("dumpxml", guest), bool)
    quick.restart(kill=True)
    quick.until_state(guest, "running")
    until(hypervisor.volumes, lambda names: not names & {half, f"{half}.note"}, PATIENCE_SECONDS)
    assert "mirror" not in hypervisor("dumpxml", guest)

    again = quick.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    until_snapshot(quick, again)
    assert alike(hypervisor, volume, again)
    quick.ec2.delete_snapshot(SnapshotId=again)
    quick.ec2.detach_volume(VolumeId=volume, Force=True)
    until_volume(quick, volume, "available")


# The display


def test_a_running_guests_display_is_shown_as_jpeg(quick: VmCloud, guest: str) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs pillow")
    data = quick.ec2.get_console_screenshot(InstanceId=guest, WakeUp=True)["ImageData"]
    with image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.format == "JPEG"
        # The firmware's words on a black screen.
        assert len(set(picture.convert("L").getdata())) > 2
