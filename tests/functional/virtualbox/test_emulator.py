"""Instances as VirtualBox machines from outside: boto3, an emulator process, and VBoxManage.

VBoxManage is the stand-in, which takes nothing that the manual does not have; the real one is
in ``test_real_virtualbox.py``.
"""

from __future__ import annotations

import base64
import tarfile
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from tests.fakes.vboxmanage import slots
from tests.fakes.virtualbox_manager import AMI
from tests.functional.virtualbox.conftest import Stage, until


@pytest.fixture(scope="module")
def ec2(stage: Stage) -> Any:
    client = stage.start()
    until("the AMI is known", lambda: images(client))
    return client


def images(ec2: Any, *ids: str) -> list[dict[str, Any]]:
    wanted = [{"Name": "tag:ec2_vm_manager", "Values": ["virtualbox"]}]
    found: list[dict[str, Any]] = ec2.describe_images(Filters=wanted)["Images"]
    return [each for each in found if not ids or each["ImageId"] in ids]


def described(ec2: Any, instance_id: str) -> dict[str, Any]:
    answer = ec2.describe_instances(InstanceIds=[instance_id])
    found: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
    return found


def known(ec2: Any) -> set[str]:
    reservations = ec2.describe_instances()["Reservations"]
    return {each["InstanceId"] for one in reservations for each in one["Instances"]}


def until_state(ec2: Any, instance_id: str, state: str) -> dict[str, Any]:
    found: dict[str, Any] = until(
        f"{instance_id} is {state}",
        lambda: one if (one := described(ec2, instance_id))["State"]["Name"] == state else None,
    )
    return found


def launch(ec2: Any, image_id: str = AMI, **more: Any) -> str:
    answer = ec2.run_instances(
        ImageId=image_id, MinCount=1, MaxCount=1, InstanceType="t3.small", **more
    )
    instance_id = str(answer["Instances"][0]["InstanceId"])
    until_state(ec2, instance_id, "running")
    return instance_id


def state_of(stage: Stage, name: str) -> str | None:
    machine = stage.machine(name)
    return None if machine is None else str(machine["state"])


def test_a_registered_machine_is_an_ami(ec2: Any) -> None:
    (image,) = images(ec2)

    assert (image["ImageId"], image["State"]) == (AMI, "available")
    assert {"Key": "ec2_vm_manager", "Value": "virtualbox"} in image["Tags"]


def test_an_ami_that_virtualbox_does_not_have_is_not_found(ec2: Any) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        ec2.run_instances(ImageId="ami-df5de72bdb3b", MinCount=1, MaxCount=1)

    assert caught.value.response["Error"]["Code"] == "InvalidAMIID.NotFound"


def test_a_disk_that_appears_is_an_ami_and_boots(ec2: Any, stage: Stage) -> None:
    (stage.images / "ami-00d15c00.vdi").write_text('{"capacity": 9000}')
    (image,) = until("the disk is an AMI", lambda: images(ec2, "ami-00d15c00"))
    instance_id = launch(ec2, "ami-00d15c00")
    ec2.terminate_instances(InstanceIds=[instance_id])
    until_state(ec2, instance_id, "terminated")

    # 9000 MiB are nearly nine GiB.
    assert image["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 9


def test_an_appliance_is_an_ami_and_boots(ec2: Any, stage: Stage) -> None:
    part = stage.images / "appliance.part"
    with tarfile.open(part, "w"):
        pass
    part.rename(stage.images / "ami-000000a1.ova")
    until("the appliance is an AMI", lambda: images(ec2, "ami-000000a1"))
    instance_id = launch(ec2, "ami-000000a1")
    ec2.terminate_instances(InstanceIds=[instance_id])
    until_state(ec2, instance_id, "terminated")

    assert state_of(stage, "ami-000000a1") == "poweroff"


def test_an_instance_lives_as_on_aws(ec2: Any, stage: Stage) -> None:
    instance_id = launch(ec2, UserData="#!/bin/sh\ntrue\n")
    machine = stage.machine(instance_id)
    assert machine is not None
    assert (machine["state"], machine["cpus"], machine["memory"]) == (
        "running",
        min(2, machine["cpus"]),
        2048,
    )
    assert described(ec2, instance_id)["PublicIpAddress"] == "127.0.0.1"
    assert f"Instance {instance_id} will be accessible via SSH at: 127.0.0.1:" in stage.log()

    console = ec2.get_console_output(InstanceId=instance_id)["Output"]
    assert "Linux version" in (console if " " in console else base64.b64decode(console).decode())

    screen = base64.b64decode(ec2.get_console_screenshot(InstanceId=instance_id)["ImageData"])
    assert screen.startswith(b"\xff\xd8\xff")

    ec2.stop_instances(InstanceIds=[instance_id])
    until_state(ec2, instance_id, "stopped")
    assert state_of(stage, instance_id) == "poweroff"

    ec2.start_instances(InstanceIds=[instance_id])
    until_state(ec2, instance_id, "running")
    assert state_of(stage, instance_id) == "running"

    starts = ["startvm", instance_id, "--type=headless"]
    before = stage.stand.calls().count(starts)
    ec2.reboot_instances(InstanceIds=[instance_id])
    until("it booted again", lambda: stage.stand.calls().count(starts) > before)
    assert described(ec2, instance_id)["State"]["Name"] == "running"

    ec2.terminate_instances(InstanceIds=[instance_id])
    until_state(ec2, instance_id, "terminated")
    assert stage.machine(instance_id) is None


def test_a_guest_that_powers_itself_off_is_followed(ec2: Any, stage: Stage) -> None:
    instance_id = launch(ec2)
    with stage.stand.changed() as state:
        state["machines"][instance_id]["state"] = "poweroff"
    stopped = until_state(ec2, instance_id, "stopped")
    assert stopped["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"

    stage.stand.run(["startvm", instance_id, "--type=headless"])
    until_state(ec2, instance_id, "running")

    with stage.stand.changed() as state:
        state["machines"][instance_id]["state"] = "aborted"
    crashed = until_state(ec2, instance_id, "stopped")
    assert "process ended unexpectedly" in crashed["StateReason"]["Message"]

    stage.stand.run(["unregistervm", instance_id, "--delete"])
    until_state(ec2, instance_id, "terminated")


def test_volumes_are_plugged_in_and_keep_what_they_hold(ec2: Any, stage: Stage) -> None:
    instance_id = launch(ec2)
    zone = described(ec2, instance_id)["Placement"]["AvailabilityZone"]
    volume_id = ec2.create_volume(AvailabilityZone=zone, Size=4)["VolumeId"]
    ec2.attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdf")
    until("it is attached", lambda: attachment_state(ec2, volume_id) == "attached")
    machine = stage.machine(instance_id)
    assert machine is not None
    assert volume_id.replace("-", "") in machine["extra"].values()
    assert files(stage, instance_id).count(f"{volume_id}.vdi") == 1

    snapshot_id = ec2.create_snapshot(VolumeId=volume_id)["SnapshotId"]
    until("it is taken", lambda: snapshot_state(ec2, snapshot_id) == "completed")
    assert state_of(stage, instance_id) == "running"
    assert stage.machine(instance_id)["snapshots"] == []  # type: ignore[index]

    ec2.detach_volume(VolumeId=volume_id)
    until("it is detached", lambda: volume_state(ec2, volume_id) == "available")
    assert f"{volume_id}.vdi" not in files(stage, instance_id)

    copy_id = ec2.create_volume(AvailabilityZone=zone, Size=6, SnapshotId=snapshot_id)["VolumeId"]
    ec2.attach_volume(VolumeId=copy_id, InstanceId=instance_id, Device="/dev/sdg")
    until("the copy is attached", lambda: attachment_state(ec2, copy_id) == "attached")
    with stage.stand.changed() as state:
        (medium,) = [each for each in state["media"].values() if copy_id in each["path"]]
        assert medium["copy_of"].endswith(f"{snapshot_id}.vdi")
        assert medium["capacity"] == 6 * 1024

    ec2.terminate_instances(InstanceIds=[instance_id])
    until_state(ec2, instance_id, "terminated")
    until("the copy is free", lambda: volume_state(ec2, copy_id) == "available")
    ec2.delete_volume(VolumeId=copy_id)
    ec2.delete_volume(VolumeId=volume_id)
    ec2.delete_snapshot(SnapshotId=snapshot_id)
    ids = (copy_id, volume_id, snapshot_id)
    until("all disks are gone", lambda: not any(on_disk(stage, each) for each in ids))


def volume_state(ec2: Any, volume_id: str) -> str:
    (volume,) = ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
    return str(volume["State"])


def attachment_state(ec2: Any, volume_id: str) -> str | None:
    (volume,) = ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
    return next((str(each["State"]) for each in volume["Attachments"]), None)


def snapshot_state(ec2: Any, snapshot_id: str) -> str:
    (snapshot,) = ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
    return str(snapshot["State"])


def on_disk(stage: Stage, resource_id: str) -> bool:
    return bool(list(stage.images.parent.rglob(f"{resource_id}*")))


def files(stage: Stage, name: str) -> list[str]:
    with stage.stand.changed() as state:
        machine = state["machines"][name]
        paths = [state["media"][slot["medium"]]["path"] for _, _, slot in slots(machine)]
    return [path.rpartition("/")[2] for path in paths]


@pytest.mark.parametrize("no_reboot", [False, True])
def test_an_image_of_an_instance_boots(ec2: Any, stage: Stage, no_reboot: bool) -> None:
    instance_id = launch(ec2)
    image_id = ec2.create_image(
        InstanceId=instance_id, Name=f"made {no_reboot}", NoReboot=no_reboot
    )["ImageId"]
    until("it is available", lambda: image_state(ec2, image_id) == "available")
    pressed = ["controlvm", instance_id, "acpipowerbutton"]
    assert (pressed in stage.stand.calls()) is not no_reboot
    assert state_of(stage, instance_id) == "running"
    assert state_of(stage, image_id) == "poweroff"
    # Its instance's seed and volumes are no part of it.
    assert len(files(stage, image_id)) == 1

    ec2.terminate_instances(InstanceIds=[instance_id])
    until_state(ec2, instance_id, "terminated")
    again = launch(ec2, image_id)
    ec2.deregister_image(ImageId=image_id)
    until("it is no AMI any more", lambda: not images(ec2, image_id))
    # The instance is linked to it still.
    assert state_of(stage, image_id) == "poweroff"
    ec2.terminate_instances(InstanceIds=[again])
    until_state(ec2, again, "terminated")
    until("its machine is gone", lambda: stage.machine(image_id) is None)


def image_state(ec2: Any, image_id: str) -> str:
    (image,) = ec2.describe_images(ImageIds=[image_id])["Images"]
    return str(image["State"])


def test_a_launch_that_virtualbox_refuses_says_why(ec2: Any, stage: Stage) -> None:
    stage.stand.add_machine("ami-0000dead")
    until("it is an AMI", lambda: images(ec2, "ami-0000dead"))
    with stage.stand.changed() as state:
        state["machines"]["ami-0000dead"]["state"] = "running"
    answer = ec2.run_instances(ImageId="ami-0000dead", MinCount=1, MaxCount=1)
    instance_id = answer["Instances"][0]["InstanceId"]
    ended = until_state(ec2, instance_id, "terminated")

    assert "can be an AMI once it is powered off" in ended["StateReason"]["Message"]
    assert stage.machine(instance_id) is None
    assert "Traceback" not in stage.log()


def test_an_emulator_that_was_killed_knows_its_instances_again(ec2: Any, stage: Stage) -> None:
    running, stopped = launch(ec2), launch(ec2)
    ec2.stop_instances(InstanceIds=[stopped])
    until_state(ec2, stopped, "stopped")
    image_id = ec2.create_image(InstanceId=running, Name="kept", NoReboot=True)["ImageId"]
    until("it is available", lambda: image_state(ec2, image_id) == "available")
    assert stage.emulator is not None
    stage.emulator.kill()
    # What it was making when it was killed.
    machines = str(Path(stage.machine(running)["settings"]).parents[1])  # type: ignore[index]
    status, _, errors = stage.stand.run(
        [
            *("clonevm", AMI, "--snapshot=ec2-emulator", "--mode=machine", "--options=Link"),
            *("--name=i-0badc0de0badc0de0", f"--basefolder={machines}", "--register"),
        ]
    )
    assert status == 0, errors
    again = stage.start()
    until("both are known", lambda: known(again) >= {running, stopped})

    assert described(again, running)["State"]["Name"] == "running"
    assert described(again, stopped)["State"]["Name"] == "stopped"
    (kept,) = until("the image is known", lambda: images(again, image_id))
    assert kept["Name"] == "kept"
    until("what was half made is gone", lambda: stage.machine("i-0badc0de0badc0de0") is None)
    again.terminate_instances(InstanceIds=[running, stopped])
    for instance_id in (running, stopped):
        until_state(again, instance_id, "terminated")
        assert stage.machine(instance_id) is None
    assert "Traceback" not in stage.log()
