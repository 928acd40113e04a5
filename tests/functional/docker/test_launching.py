"""RunInstances starts a container: what it is called, where it is, what it may use."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import container_name
from tests.functional.docker.keys import Key
from tests.functional.docker.waiting import until

MIB = 1024**2
DOCKER_SOCKET = "/var/run/docker.sock"


@pytest.fixture(scope="module")
def web_group(cloud: Cloud) -> str:
    """Return a security group with port 8000 open, besides what is always open."""
    group = str(cloud.ec2.create_security_group(GroupName="web", Description="web")["GroupId"])
    for port in (8000, 8080):
        cloud.ec2.authorize_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="0.0.0.0/0"
        )
    return group


@pytest.fixture(scope="module")
def instance_id(cloud: Cloud, amis: Mapping[str, str], web_group: str) -> str:
    return cloud.run(
        amis["debian-sshd"], InstanceType="t3.nano", KeyName="test", SecurityGroupIds=[web_group]
    )


def test_an_answer_comes_at_once_and_says_pending(cloud: Cloud, amis: Mapping[str, str]) -> None:
    began = time.monotonic()
    launched = cloud.ec2.run_instances(
        ImageId=amis["debian-sshd"], InstanceType="t3.micro", MinCount=3, MaxCount=3
    )["Instances"]
    answered = time.monotonic() - began
    ids = [instance["InstanceId"] for instance in launched]

    assert {instance["State"]["Name"] for instance in launched} == {"pending"}
    # Docker needs longer for one container than this is for three.
    assert answered < 0.5
    for instance in ids:
        cloud.until_state(instance, "running")
    cloud.release(*ids)


def test_the_container_says_whose_it_is(
    cloud: Cloud, amis: Mapping[str, str], instance_id: str
) -> None:
    labels = cloud.container(instance_id)["Config"]["Labels"]

    assert {
        "ec2-emulator.instance-id": instance_id,
        "ec2-emulator.account": "000000000000",
        "ec2-emulator.region": "us-east-1",
        "ec2-emulator.image-id": amis["debian-sshd"],
        "ec2-emulator.namespace": cloud.namespace,
    }.items() <= labels.items()


def test_the_log_says_where_an_instance_is_reached(cloud: Cloud, instance_id: str) -> None:
    """Source: the seed documents, "Test the Python web server" and "Networking"."""
    ssh = cloud.logged(
        rf"Instance {instance_id} will be accessible via SSH at: "
        r"127\.0\.0\.1:([0-9]+), ([0-9.]+):22$"
    )
    ports = cloud.logged(
        rf"Instance {instance_id} port mappings \(container -> host\): (\{{.*\}})$"
    )

    published = ast.literal_eval(ports[1])
    assert set(published) == {"22/tcp", "8000/tcp", "8080/tcp"}
    assert published["22/tcp"] == int(ssh[1])
    (endpoint,) = cloud.container(instance_id)["NetworkSettings"]["Networks"].values()
    assert ssh[2] == endpoint["IPAddress"]
    bound = cloud.container(instance_id)["NetworkSettings"]["Ports"]
    assert {port: int(where[0]["HostPort"]) for port, where in bound.items()} == published


def test_the_ports_are_told_to_programs_too(cloud: Cloud, instance_id: str) -> None:
    page = cloud.page("/_localstack/ec2/instances")
    listed = cloud.command("instances")
    ssh_port = cloud.ssh_address(instance_id).port

    told = str(page)
    assert instance_id in told
    assert str(ssh_port) in told
    (line,) = [line for line in listed.stdout.splitlines() if instance_id in line]
    assert "running" in line
    assert str(ssh_port) in line


def test_the_command_ssh_just_connects(cloud: Cloud, instance_id: str, key: Key) -> None:
    cloud.ssh(instance_id, key, "true")  # the server is up
    connected = cloud.command("ssh", instance_id, "-i", str(key.path), "--", "hostname")

    assert connected.returncode == 0, connected.stderr
    assert connected.stdout.strip() == cloud.inside(instance_id, "hostname")


def test_the_host_reaches_an_instance_at_its_public_address(
    cloud: Cloud, instance_id: str, key: Key
) -> None:
    address = cloud.instance(instance_id)["PublicIpAddress"]
    at_port_22 = cloud.ssh_address(instance_id)
    elsewhere = type(at_port_22)(address, 22)

    assert elsewhere.run(key, "root", "hostname") == cloud.inside(instance_id, "hostname")


def test_the_name_and_the_address_inside_are_the_ones_described(
    cloud: Cloud, instance_id: str
) -> None:
    shown = cloud.instance(instance_id)

    assert shown["PrivateDnsName"] in (
        cloud.inside(instance_id, "hostname -f"),
        cloud.inside(instance_id, "cat /etc/hostname"),
    )
    assert f"inet {shown['PrivateIpAddress']}/" in cloud.inside(instance_id, "ip -4 addr show")
    (interface,) = shown["NetworkInterfaces"]
    assert interface["MacAddress"] in cloud.inside(instance_id, "ip link show eth0")


@pytest.mark.parametrize(("instance_type", "memory_mib"), [("t3.nano", 512), ("m5.4xlarge", 65536)])
def test_the_type_limits_processors_and_memory(
    cloud: Cloud, amis: Mapping[str, str], instance_type: str, memory_mib: int
) -> None:
    """A type with more processors than this machine starts too."""
    instance = cloud.run(amis["busybox"], InstanceType=instance_type)
    host = cloud.container(instance)["HostConfig"]
    processors = int(cloud.engine("info", "--format", "{{.NCPU}}"))
    vcpus = {"t3.nano": 2, "m5.4xlarge": 16}[instance_type]

    assert host["Memory"] == memory_mib * MIB
    assert host["NanoCpus"] == min(vcpus, processors) * 10**9
    cloud.release(instance)


def test_the_images_own_entrypoint_is_not_run(cloud: Cloud, amis: Mapping[str, str]) -> None:
    """The scratch image's command serves port 8080; an instance boots instead."""
    instance = cloud.run(amis["scratch"])
    processes = cloud.engine("top", container_name(instance), "-o", "pid,args")

    assert "httpd" not in processes
    cloud.release(instance)


def test_the_first_process_reaps_orphans(cloud: Cloud, instance_id: str) -> None:
    cloud.inside(instance_id, "(setsid sleep 0.2 &) ; exit 0")

    def zombies() -> list[str]:
        states = cloud.inside(instance_id, "ps -eo stat,args")
        return [line for line in states.splitlines() if line.startswith("Z")]

    time.sleep(0.5)
    until(zombies, lambda left: left == [], seconds=5)


def test_the_docker_socket_is_in_an_instance(cloud: Cloud, instance_id: str) -> None:
    """Source: the seed documents, "Docker VM Manager"."""
    answer = cloud.inside(
        instance_id, f"curl -s --unix-socket {DOCKER_SOCKET} http://docker/version"
    )

    assert cloud.engine("version", "--format", "{{.Server.Version}}") in answer


def test_the_console_shows_what_the_boot_said(cloud: Cloud, amis: Mapping[str, str]) -> None:
    instance = cloud.run(
        amis["debian"], UserData="#!/bin/sh\necho hello from the boot of $(hostname)\n"
    )

    def console() -> str:
        return str(cloud.ec2.get_console_output(InstanceId=instance).get("Output", ""))

    shown = until(console, lambda text: "hello from the boot of ip-" in text)
    assert re.search(r"hello from the boot of ip-[0-9-]+", shown)
    cloud.release(instance)


def test_an_instance_is_in_its_own_account_and_region(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    elsewhere = boto3.client(
        "ec2",
        endpoint_url=cloud.emulator.url,
        aws_access_key_id="111122223333",
        aws_secret_access_key="test",
        region_name="eu-west-1",
    )
    (launched,) = elsewhere.run_instances(
        ImageId=amis["busybox"], InstanceType="t3.micro", MinCount=1, MaxCount=1
    )["Instances"]
    instance = launched["InstanceId"]

    def state() -> Any:
        shown = elsewhere.describe_instances(InstanceIds=[instance])
        return shown["Reservations"][0]["Instances"][0]["State"]["Name"]

    until(state, lambda name: name == "running")
    labels = cloud.container(instance)["Config"]["Labels"]
    elsewhere.terminate_instances(InstanceIds=[instance])
    until(state, lambda name: name == "terminated")

    assert labels["ec2-emulator.account"] == "111122223333"
    assert labels["ec2-emulator.region"] == "eu-west-1"
    assert cloud.engine.container(instance) is None


def test_at_most_32_ports_are_published(cloud: Cloud, amis: Mapping[str, str]) -> None:
    """Source: the seed documents, "Networking"."""
    group = cloud.ec2.create_security_group(GroupName="wide", Description="wide")["GroupId"]
    cloud.ec2.authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=20000, ToPort=20100, CidrIp="0.0.0.0/0"
    )
    instance = cloud.run(amis["busybox"], SecurityGroupIds=[group])
    bound = cloud.container(instance)["NetworkSettings"]["Ports"]

    assert len(bound) == 32
    assert "22/tcp" in bound
    assert "20000/tcp" in bound
    cloud.release(instance)
