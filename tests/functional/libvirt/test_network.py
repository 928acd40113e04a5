"""A virtual machine in its VPC, as a guest with nothing but busybox sees it."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from tests.functional.docker.waiting import until
from tests.functional.libvirt import net_guest
from tests.functional.libvirt.cloud import BOOT_SECONDS, VmCloud
from tests.functional.libvirt.hypervisor import Hypervisor

RULE = {
    "IpProtocol": "tcp",
    "FromPort": 8000,
    "ToPort": 8000,
    "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
}


@pytest.fixture(scope="module")
def ami(hypervisor: Hypervisor, tmp_path_factory: pytest.TempPathFactory) -> str:
    return net_guest.put(hypervisor, tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def net_cloud(hypervisor: Hypervisor) -> Iterator[VmCloud]:
    """An emulator that does not wait long for a guest that hears no power button."""
    started = VmCloud(hypervisor, EC2_LIBVIRT_STOP_SECONDS="2")
    yield started
    started.close()


@pytest.fixture(scope="module")
def guest(net_cloud: VmCloud, ami: str) -> str:
    instance_id = net_cloud.run(ami)
    says(net_cloud, instance_id, "READY")
    return instance_id


def console(cloud: VmCloud, instance_id: str) -> list[str]:
    path = cloud.hypervisor.folder / f"{instance_id}.console"
    text = path.read_text(errors="replace") if path.exists() else ""
    return text.replace("\0", "").replace("\r", "").splitlines()


def says(cloud: VmCloud, instance_id: str, line: str) -> None:
    """Wait until a guest says something."""
    until(lambda: console(cloud, instance_id), lambda lines: line in lines, BOOT_SECONDS)


def heard(cloud: VmCloud, instance_id: str, path: str) -> str:
    """Return what a guest heard from its metadata service."""
    head = f"METADATA {path} "
    (line,) = (line for line in console(cloud, instance_id) if line.startswith(head))
    return line.removeprefix(head)


def interface(cloud: VmCloud, instance_id: str) -> Any:
    return cloud.instance(instance_id)["NetworkInterfaces"][0]


def is_open(address: str) -> bool:
    try:
        with socket.create_connection((address, 8000), timeout=3) as stream:
            stream.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return stream.recv(100).startswith(b"HTTP/1.")
    except OSError:
        return False


def test_a_guest_is_told_what_is_its_own(net_cloud: VmCloud, guest: str) -> None:
    instance = net_cloud.instance(guest)
    (subnet,) = net_cloud.ec2.describe_subnets(SubnetIds=[instance["SubnetId"]])["Subnets"]
    (vpc,) = net_cloud.ec2.describe_vpcs(VpcIds=[instance["VpcId"]])["Vpcs"]
    network = ip_network(subnet["CidrBlock"])
    name, _, domain = instance["PrivateDnsName"].partition(".")

    assert (
        f"LEASE eth0 {instance['PrivateIpAddress']}/{network.prefixlen} {network[1]} "
        f"{ip_network(vpc['CidrBlock'])[2]} {name} {domain}"
    ) in console(net_cloud, guest)


def test_a_guest_finds_its_own_metadata(net_cloud: VmCloud, guest: str) -> None:
    instance = net_cloud.instance(guest)

    assert heard(net_cloud, guest, "instance-id") == guest
    assert heard(net_cloud, guest, "local-ipv4") == instance["PrivateIpAddress"]
    assert heard(net_cloud, guest, "mac") == interface(net_cloud, guest)["MacAddress"]
    assert heard(net_cloud, guest, "local-hostname") == instance["PrivateDnsName"]


def test_the_vpc_s_resolver_knows_a_guest(net_cloud: VmCloud, guest: str) -> None:
    lines = console(net_cloud, guest)

    assert f"NAME Address: {net_cloud.instance(guest)['PrivateIpAddress']}" in lines


def test_a_guest_that_asked_for_its_address_is_well(net_cloud: VmCloud, guest: str) -> None:
    found = net_cloud.ec2.describe_instance_status(InstanceIds=[guest])["InstanceStatuses"]

    assert found[0]["InstanceStatus"]["Status"] == "ok"


def test_what_reaches_a_guest_is_what_its_groups_say(net_cloud: VmCloud, guest: str) -> None:
    instance = net_cloud.instance(guest)
    address, group_id = instance["PublicIpAddress"], instance["SecurityGroups"][0]["GroupId"]

    assert not is_open(address)
    net_cloud.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[RULE])
    until(lambda: is_open(address), bool)
    net_cloud.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=[RULE])
    until(lambda: is_open(address), lambda seen: not seen)


def test_an_interface_is_plugged_in_and_taken_away(net_cloud: VmCloud, guest: str) -> None:
    subnet_id = net_cloud.instance(guest)["SubnetId"]
    made = net_cloud.ec2.create_network_interface(SubnetId=subnet_id)["NetworkInterface"]
    attached = net_cloud.ec2.attach_network_interface(
        NetworkInterfaceId=made["NetworkInterfaceId"], InstanceId=guest, DeviceIndex=1
    )
    says(net_cloud, guest, f"LINK eth1 {made['MacAddress']}")
    lease = f"LEASE eth1 {made['PrivateIpAddress']}/"
    until(
        lambda: console(net_cloud, guest),
        lambda lines: any(line.startswith(lease) for line in lines),
    )
    net_cloud.ec2.detach_network_interface(AttachmentId=attached["AttachmentId"])
    says(net_cloud, guest, "GONE eth1")
    net_cloud.ec2.delete_network_interface(NetworkInterfaceId=made["NetworkInterfaceId"])


def test_a_guest_is_followed_by_the_next_emulator(net_cloud: VmCloud, guest: str) -> None:
    address = net_cloud.instance(guest)["PublicIpAddress"]
    group_id = net_cloud.instance(guest)["SecurityGroups"][0]["GroupId"]

    net_cloud.restart(kill=True)

    assert net_cloud.until_state(guest, "running")["PublicIpAddress"] == address
    net_cloud.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[RULE])
    until(lambda: is_open(address), bool)


def test_nothing_is_left_of_a_guest_s_network(
    net_cloud: VmCloud, guest: str, hypervisor: Hypervisor
) -> None:
    name = f"ec2-emulator.{net_cloud.namespace}.{guest}"
    assert name in subprocess.check_output(("ip", "netns", "list"), text=True)

    net_cloud.terminate(guest)

    # Hardware virtualization is tried beside the start, with a volume of its own.
    until(lambda: hypervisor.of(net_cloud.namespace), lambda left: left == {}, 60)
    assert name not in subprocess.check_output(("ip", "netns", "list"), text=True)
