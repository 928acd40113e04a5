"""What happens to virtual machines, with guests that are up at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.absent import absent
from tests.functional.docker.waiting import until
from tests.functional.libvirt import small_guests
from tests.functional.libvirt.cloud import VmCloud
from tests.functional.libvirt.hypervisor import Hypervisor


@pytest.fixture(scope="module")
def amis(hypervisor: Hypervisor, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("images")
    codes = {
        "idle": small_guests.IDLE,
        "off": small_guests.OFF,
        "panic": small_guests.PANIC,
        "talk": small_guests.TALK,
    }
    return {name: small_guests.put(hypervisor, code, folder) for name, code in codes.items()}


@pytest.fixture(scope="module")
def quick(hypervisor: Hypervisor) -> Iterator[VmCloud]:
    """An emulator that does not wait long for guests that hear nothing."""
    started = VmCloud(hypervisor, EC2_LIBVIRT_STOP_SECONDS="2")
    yield started
    started.close()


def status(cloud: VmCloud, instance_id: str) -> Any:
    (found,) = cloud.ec2.describe_instance_status(InstanceIds=[instance_id])["InstanceStatuses"]
    return found["InstanceStatus"]


def reason(cloud: VmCloud, instance_id: str) -> str:
    return str(cloud.instance(instance_id)["StateReason"]["Code"])


def test_it_is_told_how_guests_run(quick: VmCloud) -> None:
    def told() -> Any:
        return quick.page("/_localstack/info")["hypervisors"]

    (fact,) = until(told, lambda facts: facts[0]["acceleration"] != "not known yet")

    assert (fact["uri"], fact["zone"]) == ("qemu:///system", "all")
    assert "KVM" in fact["acceleration"]


# What guests do


def test_a_guest_that_shuts_down_stops_its_instance(
    quick: VmCloud, amis: Mapping[str, str], hypervisor: Hypervisor
) -> None:
    (instance_id,) = quick.launch(amis["off"])
    quick.until_state(instance_id, "stopped")

    assert reason(quick, instance_id) == "Client.InstanceInitiatedShutdown"
    assert hypervisor.state(instance_id) == "shut off (shutdown)"
    quick.release(instance_id)


def test_a_guest_that_shuts_down_ends_its_instance_where_that_is_wanted(
    quick: VmCloud, amis: Mapping[str, str], hypervisor: Hypervisor
) -> None:
    (instance_id,) = quick.launch(amis["off"], InstanceInitiatedShutdownBehavior="terminate")
    quick.until_state(instance_id, "terminated")

    assert instance_id not in hypervisor.domains(quick.namespace)
    assert not any(name.startswith(instance_id) for name in hypervisor.volumes())


def test_a_guest_that_panics_is_impaired_and_can_be_rebooted(
    quick: VmCloud, amis: Mapping[str, str], hypervisor: Hypervisor
) -> None:
    instance_id = quick.run(amis["panic"])
    until(lambda: status(quick, instance_id)["Status"], lambda seen: seen == "impaired")
    assert hypervisor.state(instance_id) == "crashed (panicked)"
    assert quick.instance(instance_id)["State"]["Name"] == "running"

    quick.ec2.reboot_instances(InstanceIds=[instance_id])
    until(lambda: hypervisor.state(instance_id), lambda seen: seen.startswith("running"))
    quick.release(instance_id)


def test_a_guest_that_is_not_heard_of_initializes(quick: VmCloud, amis: Mapping[str, str]) -> None:
    instance_id = quick.run(amis["idle"])

    assert status(quick, instance_id)["Status"] == "initializing"
    quick.release(instance_id)


def test_what_a_guest_says_on_its_console_is_kept(quick: VmCloud, amis: Mapping[str, str]) -> None:
    instance_id = quick.run(amis["talk"])

    assert "here" in until(lambda: quick.console(instance_id), lambda text: "here" in text)
    quick.release(instance_id)


# What happens to domains outside


def test_a_domain_that_is_powered_off_outside_stops_its_instance(
    quick: VmCloud, amis: Mapping[str, str], hypervisor: Hypervisor
) -> None:
    instance_id = quick.run(amis["idle"])
    hypervisor("destroy", instance_id)
    quick.until_state(instance_id, "stopped")
    assert reason(quick, instance_id) == "Server.InternalError"

    hypervisor("start", instance_id)
    quick.until_state(instance_id, "running")
    quick.release(instance_id)


def test_a_domain_that_is_removed_outside_ends_its_instance_and_its_disks(
    quick: VmCloud, amis: Mapping[str, str], hypervisor: Hypervisor
) -> None:
    instance_id = quick.run(amis["idle"])
    (mapping,) = quick.instance(instance_id)["BlockDeviceMappings"]
    hypervisor("destroy", instance_id)
    quick.until_state(instance_id, "stopped")
    hypervisor("undefine", instance_id)
    quick.until_state(instance_id, "terminated")

    gone = {mapping["Ebs"]["VolumeId"], f"{instance_id}.seed"}
    until(hypervisor.volumes, lambda names: not names & gone)


def test_an_image_is_an_ami_as_soon_as_the_pool_has_looked_and_none_when_it_is_gone(
    quick: VmCloud, hypervisor: Hypervisor, tmp_path: Path
) -> None:
    image_id = small_guests.put(hypervisor, small_guests.IDLE, tmp_path)
    quick.until_image(image_id)
    hypervisor("vol-delete", image_id, "--pool", hypervisor.pool)
    hypervisor("pool-refresh", hypervisor.pool)

    def shown() -> list[Any]:
        filters = [{"Name": "image-id", "Values": [image_id]}]
        return list(quick.ec2.describe_images(Filters=filters)["Images"])

    until(shown, lambda images: not images)


# Stopping and ending


def test_a_guest_that_hears_nothing_is_powered_off_in_the_end(
    quick: VmCloud, amis: Mapping[str, str], hypervisor: Hypervisor
) -> None:
    instance_id = quick.run(amis["idle"])
    quick.ec2.stop_instances(InstanceIds=[instance_id])
    quick.until_state(instance_id, "stopped")

    assert hypervisor.state(instance_id) == "shut off (destroyed)"
    quick.logged(f"{instance_id} did not shut down in 2 seconds and is powered off")
    quick.release(instance_id)


def test_the_emulator_shuts_its_guests_down_with_itself_and_knows_them_afterwards(
    quick: VmCloud, amis: Mapping[str, str], hypervisor: Hypervisor
) -> None:
    instance_id = quick.run(amis["idle"])
    before = quick.instance(instance_id)
    quick.restart()
    assert hypervisor.state(instance_id).startswith("shut off")
    after = quick.until_state(instance_id, "stopped")
    same = ("PrivateIpAddress", "ImageId", "LaunchTime", "BlockDeviceMappings")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}

    quick.ec2.start_instances(InstanceIds=[instance_id])
    quick.until_state(instance_id, "running")
    quick.terminate(instance_id)


def test_an_emulator_that_is_killed_leaves_nothing_that_the_next_does_not_know_or_remove(
    quick: VmCloud, amis: Mapping[str, str], hypervisor: Hypervisor
) -> None:
    for delay_seconds in (0.05, 0.2, 0.5, 1.0, 2.0):
        quick.launch(amis["idle"], 2)
        time.sleep(delay_seconds)
        quick.restart(kill=True)

        def known() -> set[str]:
            pages = quick.ec2.get_paginator("describe_instances").paginate()
            return {
                instance["InstanceId"]
                for page in pages
                for reservation in page["Reservations"]
                for instance in reservation["Instances"]
                if instance["State"]["Name"] != "terminated"
            }

        until(
            lambda: (set(hypervisor.domains(quick.namespace)), known()),
            lambda both: both[0] == both[1],
        )
    quick.terminate_all()
    until(lambda: hypervisor.of(quick.namespace), lambda left: left == {})


def test_two_emulators_leave_each_others_guests_alone(
    quick: VmCloud, amis: Mapping[str, str], hypervisor: Hypervisor
) -> None:
    instance_id = quick.run(amis["idle"])
    other = VmCloud(hypervisor, EC2_LIBVIRT_STOP_SECONDS="1")
    try:
        assert other.ec2.describe_instances()["Reservations"] == []
        other.emulator.stop()
        assert hypervisor.state(instance_id).startswith("running")
    finally:
        other.discard()
    quick.release(instance_id)


# Settings


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Hypervisor, str]]:
    """A pool of a test's own with an AMI whose guests do nothing."""
    hypervisor = Hypervisor()
    hypervisor.begin()
    yield hypervisor, small_guests.put(hypervisor, small_guests.IDLE, tmp_path)
    hypervisor.end()


def test_guests_on_a_network_of_libvirts_have_an_address_and_no_metadata_service(
    own: tuple[Hypervisor, str],
) -> None:
    hypervisor, image_id = own
    cloud = VmCloud(hypervisor, EC2_LIBVIRT_NETWORK="default", EC2_LIBVIRT_STOP_SECONDS="1")
    try:
        instance_id = cloud.run(image_id)
        address = cloud.instance(instance_id)["PublicIpAddress"]
        cloud.logged(f"Instance {instance_id} will be accessible via SSH at: {address}:22")
        assert f"ip='{address}'" in hypervisor("net-dumpxml", "default")
        assert "ec2-emulator-no-metadata" in hypervisor("dumpxml", instance_id)
        info = cloud.page("/_localstack/info")
        assert info["network_enforcement"]["enforced"] is False
        assert "EC2_LIBVIRT_NETWORK=default" in info["network_enforcement"]["reason"]
        cloud.close()
        assert f"ip='{address}'" not in hypervisor("net-dumpxml", "default")
    finally:
        cloud.discard()


def test_a_domain_is_made_like_another_one(own: tuple[Hypervisor, str], tmp_path: Path) -> None:
    hypervisor, image_id = own
    name = f"{hypervisor.pool}-golden"
    xml = tmp_path / "golden.xml"
    xml.write_text(
        f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory>"
        "<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>"
        "<cpu mode='custom'><model>Nehalem</model></cpu>"
        "<devices><watchdog model='i6300esb'/></devices></domain>"
    )
    hypervisor("define", str(xml))
    cloud = VmCloud(hypervisor, EC2_REFERENCE_DOMAIN=name, EC2_LIBVIRT_STOP_SECONDS="1")
    try:
        instance_id = cloud.run(image_id)
        made = hypervisor("dumpxml", instance_id)
        assert "i6300esb" in made
        assert "Nehalem" in made
        assert "q35" in made
        assert "<memory unit='KiB'>1048576</memory>" in made
        cloud.close()
    finally:
        cloud.discard()
        hypervisor("undefine", name)


def test_whoever_may_not_ask_the_hypervisor_is_told_what_helps(quick: VmCloud) -> None:
    if shutil.which("setpriv") is None:
        absent("no setpriv, to be somebody else")
    command = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    told = subprocess.run(
        [*command, sys.executable, "-m", "emulator", "doctor"],
        env={**os.environ, **quick.environ, "HOME": "/nowhere"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    line = next(line for line in told.stdout.splitlines() if line.lstrip().startswith("libvirt "))
    assert "cannot run" in line
    assert "usermod" in line
    assert "unix_sock_group" in line
