"""The VPC's resolver, asked from real instances with their own tools."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping

import attrs
import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.waiting import until
from tests.functional.network.place import Place


@attrs.frozen
class Named:
    """An instance that asks."""

    instance_id: str
    address: str
    place: Place
    vpc_id: str


@pytest.fixture(scope="module")
def named(cloud: Cloud, amis: Mapping[str, str]) -> Iterator[Named]:
    vpc_id = cloud.ec2.create_vpc(CidrBlock="10.239.0.0/24")["Vpc"]["VpcId"]
    cloud.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    subnet = cloud.ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.239.0.0/24")["Subnet"]
    instance_id = cloud.run(amis["debian"], SubnetId=subnet["SubnetId"])
    yield Named(
        instance_id,
        cloud.instance(instance_id)["PrivateIpAddress"],
        Place(cloud.container(instance_id)["State"]["Pid"]),
        vpc_id,
    )
    cloud.terminate(instance_id)


def question(name: str) -> bytes:
    labels = b"".join(bytes((len(each),)) + each.encode() for each in name.split("."))
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


def ask(named: Named, name: str, server: str, *, stream: bool) -> bytes:
    """Return the answer to a question about an address, as it comes."""
    packet = question(name)
    with named.place.socket(socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as opened:
        opened.settimeout(5)
        opened.connect((server, 53))
        opened.sendall((struct.pack("!H", len(packet)) if stream else b"") + packet)
        return opened.recv(1000)[2 if stream else 0 :]


@pytest.mark.parametrize("server", ["169.254.169.253", "10.239.0.2"])
@pytest.mark.parametrize("stream", [False, True], ids=["udp", "tcp"])
def test_private_names_are_answered(named: Named, server: str, stream: bool) -> None:
    name = f"ip-{named.address.replace('.', '-')}.ec2.internal"
    reply = ask(named, name, server, stream=stream)

    assert reply[3] & 0x0F == 0
    assert reply.endswith(socket.inet_aton(named.address))


def test_the_instances_own_tools_find_names(cloud: Cloud, named: Named) -> None:
    label = f"ip-{named.address.replace('.', '-')}"
    conf = until(
        lambda: cloud.inside(named.instance_id, "cat /etc/resolv.conf"),
        lambda text: "10.239.0.2" in text,
    )

    assert conf.splitlines()[:2] == ["search ec2.internal", "nameserver 10.239.0.2"]
    # Its host's file knows its own name; another way to write it has to be asked for.
    for name in (f"{label}.ec2.internal", label.upper(), "instance-data"):
        assert cloud.inside(named.instance_id, f"getent ahostsv4 {name}"), name


def test_a_name_that_is_not_there_is_said_not_to_be(named: Named) -> None:
    reply = ask(named, "ip-10-239-0-99.ec2.internal", "10.239.0.2", stream=False)

    assert reply[3] & 0x0F == 3


def test_other_names_are_asked_for_outside(named: Named) -> None:
    """There may be no internet; somebody answers, if only that it failed."""
    reply = ask(named, "example.com", "169.254.169.253", stream=False)

    assert reply[:2] == b"\0\7"
    assert reply[3] & 0x0F in (0, 2, 3, 5)


def test_support_for_dns_can_be_switched_off(cloud: Cloud, named: Named) -> None:
    cloud.ec2.modify_vpc_attribute(VpcId=named.vpc_id, EnableDnsSupport={"Value": False})
    reply = ask(named, "instance-data.ec2.internal", "10.239.0.2", stream=False)
    cloud.ec2.modify_vpc_attribute(VpcId=named.vpc_id, EnableDnsSupport={"Value": True})

    assert reply[3] & 0x0F == 5
