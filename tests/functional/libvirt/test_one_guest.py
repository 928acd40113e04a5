"""One virtual machine through its whole life: a boot takes long, so it serves many tests.

The tests stand in the order in which things happen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

import pytest

from tests.functional.docker.keys import Key
from tests.functional.docker.waiting import until
from tests.functional.libvirt.cloud import BOOT_SECONDS, VmCloud
from tests.functional.libvirt.hypervisor import Hypervisor

# Software emulation on a machine that does other things as well.
COPY_SECONDS = 300
USER_DATA = "#!/bin/sh\necho user data of $(hostname) ran as $(id -un) >/root/ran\n"


@pytest.fixture(scope="module")
def guest(cloud: VmCloud) -> str:
    return cloud.run(KeyName="test", UserData=USER_DATA)


def boot_id(cloud: VmCloud, guest: str, key: Key) -> str:
    return cloud.ssh(guest, key, "cat /proc/sys/kernel/random/boot_id")


def another_boot(cloud: VmCloud, guest: str, key: Key, before: str) -> None:
    """Wait until a guest is up that has booted again."""

    def read() -> str:
        done = cloud.ssh_address(guest).attempt(
            key, "localstack", "cat /proc/sys/kernel/random/boot_id"
        )
        return done.stdout.strip()

    until(read, lambda seen: seen not in ("", before), BOOT_SECONDS)


def test_the_image_is_an_ami_that_says_whose_it_is(cloud: VmCloud) -> None:
    image = cloud.until_image(cloud.hypervisor.ami)

    assert {"Key": "ec2_vm_manager", "Value": "libvirt"} in image["Tags"]


def test_an_instance_is_a_domain_of_its_name_with_what_its_type_has(
    cloud: VmCloud, guest: str, hypervisor: Hypervisor
) -> None:
    info = dict(
        line.split(":", 1) for line in hypervisor("dominfo", guest).splitlines() if ":" in line
    )

    assert hypervisor.state(guest).startswith("running")
    assert (info["CPU(s)"].strip(), info["Max memory"].split()[0]) == ("1", str(1024 * 1024))


def test_the_log_says_where_the_instance_and_its_display_are(
    cloud: VmCloud, guest: str, hypervisor: Hypervisor
) -> None:
    address = cloud.instance(guest)["PublicIpAddress"]
    display = hypervisor("vncdisplay", guest)

    cloud.logged(f"Instance {guest} will be accessible via SSH at: {address}:22")
    cloud.logged(f"Instance {guest} has its VNC display at: {display}")


def test_the_root_disk_is_a_sparse_overlay_and_no_copy(
    cloud: VmCloud, guest: str, hypervisor: Hypervisor
) -> None:
    (mapping,) = cloud.instance(guest)["BlockDeviceMappings"]
    volume = hypervisor.folder / mapping["Ebs"]["VolumeId"]
    image = hypervisor.folder / hypervisor.ami

    assert volume.stat().st_blocks < image.stat().st_blocks / 2
    assert str(image) in hypervisor("vol-dumpxml", volume.name, "--pool", hypervisor.pool)


def test_one_logs_in_with_the_key_pair(cloud: VmCloud, guest: str, key: Key) -> None:
    assert cloud.ssh(guest, key, "id -un") == "localstack"


def test_one_logs_in_with_the_password(cloud: VmCloud, guest: str) -> None:
    assert cloud.ssh_by_password(guest, "localstack", "localstack", "sudo id -un") == "root"


def test_user_data_ran_as_root_at_the_first_boot(cloud: VmCloud, guest: str, key: Key) -> None:
    finished = "test -e /var/lib/cloud/instance/boot-finished && echo yes || echo no"
    until(lambda: cloud.ssh(guest, key, finished), lambda said: said == "yes", BOOT_SECONDS)
    name = cloud.instance(guest)["PrivateDnsName"]

    assert cloud.ssh(guest, key, "sudo cat /root/ran") == (
        f"user data of {name.partition('.')[0]} ran as root"
    )


def test_the_guest_has_a_root_file_system_as_large_as_its_volume(
    cloud: VmCloud, guest: str, key: Key
) -> None:
    gib = int(cloud.ssh(guest, key, "df --output=size -BM / | tail -n 1 | tr -dc 0-9")) / 1024

    assert 7 < gib <= 8


def test_the_guest_finds_itself_on_ec2(cloud: VmCloud, guest: str, key: Key) -> None:
    read = "cd /sys/class/dmi/id && sudo cat sys_vendor product_name board_asset_tag product_uuid"
    vendor, product, asset, uuid = cloud.ssh(guest, key, read).splitlines()

    assert (vendor, product, asset) == ("Amazon EC2", "t2.micro", guest)
    assert uuid.startswith("ec2")


def test_the_console_shows_the_kernel(cloud: VmCloud, guest: str) -> None:
    assert "Linux version" in cloud.console(guest)


# Volumes


@pytest.fixture(scope="module")
def volume(cloud: VmCloud, guest: str) -> str:
    """A volume that the guest gets while it runs."""
    return new_volume(cloud, guest, Size=1)


def new_volume(cloud: VmCloud, guest: str, **params: Any) -> str:
    zone = cloud.instance(guest)["Placement"]["AvailabilityZone"]
    volume_id = cloud.ec2.create_volume(AvailabilityZone=zone, **params)["VolumeId"]
    until_volume(cloud, volume_id, "available")
    return str(volume_id)


def until_volume(cloud: VmCloud, volume_id: str, state: str) -> None:
    until(
        lambda: cloud.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0],
        lambda seen: (
            seen["State"] == state
            and all(each["State"] == "attached" for each in seen["Attachments"])
        ),
        COPY_SECONDS,
    )


def attach(cloud: VmCloud, guest: str, key: Key, volume_id: str, device: str) -> str:
    """Attach a volume, and return how the guest finds it, once it does."""
    cloud.ec2.attach_volume(InstanceId=guest, VolumeId=volume_id, Device=device)
    until_volume(cloud, volume_id, "in-use")
    disk = f"/dev/disk/by-id/virtio-{volume_id.replace('-', '')}"
    there = f"[ -e {disk} ] && echo yes || echo no"
    until(lambda: cloud.ssh(guest, key, there), lambda said: said == "yes", COPY_SECONDS)
    return disk


def test_a_volume_attached_while_the_guest_runs_grows_and_has_snapshots_with_its_data(
    cloud: VmCloud, guest: str, key: Key, volume: str
) -> None:
    disk = attach(cloud, guest, key, volume, "/dev/sdf")
    cloud.ec2.modify_volume(VolumeId=volume, Size=2)
    size = f"sudo blockdev --getsize64 {disk}"
    until(lambda: cloud.ssh(guest, key, size), lambda said: int(said) == 2 << 30, COPY_SECONDS)
    make = f"sudo mkfs.ext4 -q {disk} && sudo mount {disk} /mnt"
    cloud.ssh(guest, key, f"{make} && echo precious | sudo tee /mnt/file && sync")
    snapshot_id = cloud.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    until(
        lambda: cloud.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]["State"],
        lambda state: state == "completed",
        COPY_SECONDS,
    )
    cloud.ssh(guest, key, "echo changed | sudo tee /mnt/file && sync")
    copy = new_volume(cloud, guest, SnapshotId=snapshot_id, Size=3)
    cloud.ec2.delete_snapshot(SnapshotId=snapshot_id)
    other = attach(cloud, guest, key, copy, "/dev/sdg")
    read = f"sudo mkdir -p /copy && sudo mount {other} /copy && cat /copy/file && sudo umount /copy"

    assert cloud.ssh(guest, key, read) == "precious"
    cloud.ec2.detach_volume(VolumeId=copy)
    until_volume(cloud, copy, "available")
    cloud.ec2.delete_volume(VolumeId=copy)


def test_a_volume_is_detached_while_the_guest_runs(
    cloud: VmCloud, guest: str, key: Key, volume: str, hypervisor: Hypervisor
) -> None:
    cloud.ssh(guest, key, "sudo umount /mnt")
    cloud.ec2.detach_volume(VolumeId=volume)
    until_volume(cloud, volume, "available")

    assert cloud.ssh(guest, key, "ls /dev/disk/by-id | grep -c virtio-vol") == "2"
    assert volume not in hypervisor("domblklist", guest)
    cloud.ec2.delete_volume(VolumeId=volume)


# An image of it


@pytest.fixture
def second(cloud: VmCloud, guest: str, key: Key) -> Iterator[str]:
    """A guest of an image of the first one, which ran on meanwhile.

    Its user data are of several kinds, and their list of users leaves the login user out.
    """
    cloud.ssh(guest, key, "echo kept | sudo tee /kept && sync")
    boots = cloud.boots(guest)
    made = cloud.ec2.create_image(InstanceId=guest, Name="Golden (1)", NoReboot=True)["ImageId"]
    until(
        lambda: cloud.ec2.describe_images(ImageIds=[made])["Images"][0]["State"],
        lambda state: state == "available",
        COPY_SECONDS,
    )
    assert cloud.boots(guest) == boots
    data = MIMEMultipart()
    config = {"users": [{"name": "carol"}], "write_files": [{"path": "/config", "content": "x"}]}
    data.attach(MIMEText(f"#cloud-config\n{json.dumps(config)}", "cloud-config"))
    data.attach(MIMEText("#!/bin/sh\necho script >/script\n", "x-shellscript"))
    root = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 10}}
    instance_id = cloud.run(
        made, KeyName="test", UserData=data.as_string(), BlockDeviceMappings=[root]
    )
    yield instance_id
    cloud.ec2.deregister_image(ImageId=made, DeleteAssociatedSnapshots=True)
    cloud.terminate(instance_id)


def test_a_guest_of_its_image_has_its_data_and_is_a_new_machine(
    cloud: VmCloud, guest: str, second: str, key: Key
) -> None:
    finished = "[ -e /script ] && echo yes || echo no"
    until(lambda: cloud.ssh(second, key, finished), lambda said: said == "yes", BOOT_SECONDS)
    name = cloud.instance(second)["PrivateDnsName"].partition(".")[0]

    assert cloud.ssh(second, key, "cat /kept; cat /config /script; hostname") == (
        f"kept\nxscript\n{name}"
    )
    assert cloud.ssh(second, key, "id -un carol && sudo id -un") == "carol\nroot"
    assert cloud.ssh(second, key, "basename $(readlink -f /var/lib/cloud/instance)") == second
    gib = int(cloud.ssh(second, key, "df --output=size -BM / | tail -n 1 | tr -dc 0-9")) / 1024
    assert 9 < gib <= 10


# Restarts


def test_an_instance_that_restarts_itself_runs_on(cloud: VmCloud, guest: str, key: Key) -> None:
    before = boot_id(cloud, guest, key)
    boots = cloud.boots(guest)
    cloud.ssh_address(guest).attempt(key, "localstack", "sudo systemctl reboot")
    until(lambda: cloud.boots(guest), lambda count: count > boots, BOOT_SECONDS)

    assert cloud.instance(guest)["State"]["Name"] == "running"
    # While it boots the emulator is killed, and knows it again afterwards.
    address = cloud.instance(guest)["PublicIpAddress"]
    cloud.restart(kill=True)
    again = cloud.until_state(guest, "running")
    assert again["PublicIpAddress"] == address
    another_boot(cloud, guest, key, before)


def test_an_instance_is_rebooted_in_good_order(cloud: VmCloud, guest: str, key: Key) -> None:
    before = boot_id(cloud, guest, key)
    cloud.ssh(guest, key, "sudo touch /root/before && sync")
    cloud.ec2.reboot_instances(InstanceIds=[guest])
    another_boot(cloud, guest, key, before)

    assert cloud.instance(guest)["State"]["Name"] == "running"
    assert cloud.ssh(guest, key, "sudo last -x shutdown | grep -c system") != "0"


def test_a_stopped_instance_shuts_down_and_starts_again(
    cloud: VmCloud, guest: str, key: Key, hypervisor: Hypervisor
) -> None:
    boots = cloud.boots(guest)
    cloud.ec2.stop_instances(InstanceIds=[guest])
    cloud.until_state(guest, "stopped", 600)
    assert hypervisor.state(guest) == "shut off (shutdown)"
    cloud.ec2.start_instances(InstanceIds=[guest])
    cloud.until_state(guest, "running")
    until(lambda: cloud.boots(guest), lambda count: count > boots, BOOT_SECONDS)


def test_a_terminated_instance_leaves_no_domain_and_no_volume(
    cloud: VmCloud, guest: str, hypervisor: Hypervisor
) -> None:
    cloud.terminate(guest)

    assert hypervisor.of(cloud.namespace) == {}
