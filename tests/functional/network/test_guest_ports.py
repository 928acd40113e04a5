"""Guests with kernels of their own: what joins them with their VPC, by real packets.

Nothing here boots: a guest is a network namespace on the link where QEMU would be, and asks
for its address as a machine does.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.absent import absent
from tests.functional.docker.waiting import until
from tests.functional.network.place import Place

SERVER = Path(__file__).with_name("guest_server.py")
ROOT = SERVER.parents[3]
NAMESPACE = "guest-ports"
AMI = "ami-df5de72bdb3b"
CIDR, TAKEN = "10.237.0.0/16", "10.238.0.0/16"
HERE = Place()


class Emulator:
    """A process with an API, whose guests are namespaces."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begin()

    def begin(self) -> None:
        (self.folder / "api").unlink(missing_ok=True)
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, SERVER, self.folder, NAMESPACE],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while not (self.folder / "api").exists():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url=(self.folder / "api").read_text(),
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


class Net:
    """Two guests in one VPC, and what else a test makes."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.vpc_id, self.subnet_id = self.network(CIDR)

    @property
    def ec2(self) -> Any:
        return self.emulator.ec2

    def network(self, cidr: str) -> tuple[str, str]:
        vpc_id = self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        part = cidr.replace(".0.0/16", ".1.0/24")
        subnet = self.ec2.create_subnet(VpcId=vpc_id, CidrBlock=part)["Subnet"]
        return vpc_id, subnet["SubnetId"]

    def group(self, vpc_id: str | None = None, **rule: Any) -> str:
        vpc_id = vpc_id or self.vpc_id
        made = self.ec2.create_security_group(
            GroupName=f"g{time.monotonic_ns()}", Description="-", VpcId=vpc_id
        )
        if rule:
            self.ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=[rule])
        return str(made["GroupId"])

    def run(self, subnet_id: str, group_id: str | None = None, **more: Any) -> Inmate:
        groups = {} if group_id is None else {"SecurityGroupIds": [group_id]}
        answer = self.ec2.run_instances(
            ImageId=AMI, MinCount=1, MaxCount=1, SubnetId=subnet_id, **groups, **more
        )
        instance_id = answer["Instances"][0]["InstanceId"]
        state = until(lambda: self.instance(instance_id)["State"]["Name"], lambda s: s != "pending")
        assert state == "running", self.emulator.log()
        return Inmate(self.instance(instance_id))

    def instance(self, instance_id: str) -> Any:
        found = self.ec2.describe_instances(InstanceIds=[instance_id])
        return found["Reservations"][0]["Instances"][0]


class Inmate:
    """A guest."""

    def __init__(self, instance: Any) -> None:
        self.instance_id: str = instance["InstanceId"]
        self.private_ip: str = instance["PrivateIpAddress"]
        self.mac: str = instance["NetworkInterfaces"][0]["MacAddress"]
        self.name = f"guest-{self.instance_id}"
        self.place = Place(self.name)
        self.lease = self.ask_for_address("ens0")

    def ask_for_address(self, device: str, *, as_default: bool = True) -> dict[str, str]:
        """Let a DHCP client configure a device; return what it was told."""
        script = ROOT / "tests/functional/network/dhcp_script"
        told = subprocess.run(
            (
                *("ip", "netns", "exec", self.name, "busybox", "udhcpc", "-i", device),
                *("-f", "-q", "-n", "-t", "3", "-T", "1", "-s", str(script)),
                *("-O", "hostname", "-O", "domain", "-O", "ntpsrv", "-O", "mtu"),
            ),
            env={**os.environ, "AS_DEFAULT": "1" if as_default else ""},
            check=True,
            capture_output=True,
            text=True,
        )
        lines = (line.partition("=") for line in told.stdout.splitlines())
        return {name: value for name, _, value in lines}

    def devices(self) -> list[str]:
        return [name for _, name in self.place.do(socket.if_nameindex)]

    def get(
        self, path: str, method: str = "GET", place: Place | None = None, **headers: str
    ) -> tuple[int, str]:
        """Ask the metadata service."""
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        with (place or self.place).socket(socket.SOCK_STREAM) as stream:
            stream.settimeout(5)
            stream.connect(("169.254.169.254", 80))
            request = f"{method} {path} HTTP/1.1\r\nHost: -\r\nConnection: close\r\n{head}\r\n"
            stream.sendall(request.encode())
            answer = b"".join(iter(lambda: stream.recv(65536), b""))
        status, _, body = answer.partition(b"\r\n\r\n")
        return int(status.split()[1]), body.decode()

    def metadata(self, path: str) -> str:
        status, token = self.get(
            "/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60"
        )
        assert status == 200
        return self.get(f"/latest/meta-data/{path}", X_aws_ec2_metadata_token=token)[1]

    def look_up(self, name: str, server: str) -> str:
        labels = b"".join(bytes((len(each),)) + each.encode() for each in name.split("."))
        packet = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
        with self.place.socket(socket.SOCK_DGRAM) as opened:
            opened.settimeout(5)
            opened.sendto(packet, (server, 53))
            return socket.inet_ntoa(opened.recv(1000)[-4:])


def becomes(condition: Callable[[], bool]) -> None:
    until(condition, bool)


def links() -> list[str]:
    found = json.loads(subprocess.check_output(("ip", "-json", "link")))
    return [each["ifname"] for each in found if f"/{NAMESPACE}" in each.get("ifalias", "")]


def namespaces(*, mine: bool = False) -> list[str]:
    return [
        path.name
        for path in Path("/run/netns").glob("*")
        if path.name.startswith((f"ec2-emulator.{NAMESPACE}.", "guest-i-"))
        and (mine or not path.name.endswith("-1"))
    ]


def clean() -> None:
    for name in namespaces(mine=True):
        subprocess.run(("ip", "netns", "delete", name), check=False)
    for name in links():
        if shutil.which("iptables"):
            allowed = ("FORWARD", "-i", name, "-o", name, "-j", "ACCEPT")
            subprocess.run(("iptables", "-w", "-D", *allowed), check=False, capture_output=True)
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(("ip", "link", "delete", name), check=True, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nft", "busybox"))):
        absent("root, with iproute2, nftables and busybox")
    clean()
    emulator = Emulator(tmp_path_factory.mktemp("emulator"))
    yield Net(emulator)
    emulator.end()
    clean()


@pytest.fixture(scope="module")
def guests(net: Net) -> tuple[Inmate, Inmate]:
    group_id = net.group(
        IpProtocol="tcp", FromPort=8000, ToPort=8000, IpRanges=[{"CidrIp": "0.0.0.0/0"}]
    )
    return net.run(net.subnet_id, group_id), net.run(net.subnet_id, group_id)


def test_a_guest_is_told_its_address(guests: tuple[Inmate, Inmate]) -> None:
    lease = guests[0].lease

    assert lease["ip"] == guests[0].private_ip
    assert (lease["router"], lease["serverid"]) == ("10.237.1.1", "10.237.1.1")
    assert (lease["subnet"], lease["dns"]) == ("255.255.255.0", "10.237.0.2")
    assert lease["hostname"] == f"ip-{guests[0].private_ip.replace('.', '-')}"
    assert (lease["domain"], lease["lease"]) == ("ec2.internal", "3600")


def test_guests_and_this_machine_reach_what_groups_open(guests: tuple[Inmate, Inmate]) -> None:
    one, other = guests

    with other.place.serving(8000, 8001):
        assert one.place.tcp(other.private_ip)
        assert HERE.tcp(other.private_ip)
        assert not one.place.tcp(other.private_ip, 8001)
        assert not HERE.tcp(other.private_ip, 8001)
    with HERE.serving(8000):
        assert one.place.tcp("10.237.0.1")


def test_groups_are_followed_live(net: Net) -> None:
    group_id = net.group()
    guest = net.run(net.subnet_id, group_id)
    rule = {
        "IpProtocol": "tcp",
        "FromPort": 8000,
        "ToPort": 8000,
        "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
    }

    with guest.place.serving(8000):
        assert not HERE.tcp(guest.private_ip)
        net.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])
        becomes(lambda: HERE.tcp(guest.private_ip))
        net.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=[rule])
        becomes(lambda: not HERE.tcp(guest.private_ip))


def test_what_a_guest_may_send_is_what_its_groups_say(net: Net, guests: Any) -> None:
    group_id = net.group()
    guest = net.run(net.subnet_id, group_id)
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}

    with guests[1].place.serving(8000):
        assert guest.place.tcp(guests[1].private_ip)
        net.ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=[everything])
        becomes(lambda: not guest.place.tcp(guests[1].private_ip))
        assert guest.metadata("instance-id") == guest.instance_id


def test_each_guest_has_its_own_metadata(guests: tuple[Inmate, Inmate]) -> None:
    for guest in guests:
        assert guest.metadata("instance-id") == guest.instance_id
        assert guest.metadata("local-ipv4") == guest.private_ip
        assert guest.metadata("mac") == guest.mac


def a_place_behind(guest: Inmate) -> Place:
    """Return a container's place in a guest, one hop further from the metadata service."""
    name, inside = f"{guest.name}-1", f"ip netns exec {guest.name}"
    for command in (
        f"ip netns add {name}",
        f"ip -n {guest.name} link add inner0 type veth peer name eth0 netns {name}",
        f"ip -n {guest.name} address add 192.0.2.1/24 dev inner0",
        f"ip -n {guest.name} link set inner0 up",
        f"ip -n {name} address add 192.0.2.2/24 dev eth0",
        f"ip -n {name} link set eth0 up",
        f"ip -n {name} route add default via 192.0.2.1",
        f"{inside} busybox sysctl -qw net.ipv4.ip_forward=1",
        f"{inside} nft add table ip nat",
        f"{inside} nft add chain ip nat out {{ type nat hook postrouting priority 100 ; }}",
        f"{inside} nft add rule ip nat out oifname ens0 masquerade",
    ):
        subprocess.run(command.split(), check=True)
    return Place(name)


def test_metadata_reach_containers_in_a_guest_only_where_hops_are_allowed(net: Net) -> None:
    guest = net.run(net.subnet_id)
    place = a_place_behind(guest)

    def token() -> bool:
        try:
            answer = guest.get(
                "/latest/api/token", "PUT", place, X_aws_ec2_metadata_token_ttl_seconds="60"
            )
        except TimeoutError:
            return False
        return answer[0] == 200

    def allow(hops: int) -> None:
        net.ec2.modify_instance_metadata_options(
            InstanceId=guest.instance_id, HttpTokens="required", HttpPutResponseHopLimit=hops
        )

    allow(1)
    assert guest.metadata("instance-id") == guest.instance_id
    assert not token()
    allow(2)
    assert token()


@pytest.mark.parametrize("server", ["10.237.0.2", "169.254.169.253"])
def test_the_resolver_answers(guests: tuple[Inmate, Inmate], server: str) -> None:
    one, other = guests
    name = f"ip-{other.private_ip.replace('.', '-')}.ec2.internal"

    assert one.look_up(name, server) == other.private_ip


def test_software_in_a_guest_reaches_the_api(guests: tuple[Inmate, Inmate]) -> None:
    with guests[0].place.socket(socket.SOCK_STREAM) as stream:
        stream.settimeout(5)
        stream.connect(("169.254.169.254", 4566))
        stream.sendall(
            b"GET /?Action=DescribeRegions&Version=2016-11-15 HTTP/1.1\r\n"
            b"Host: ec2\r\nConnection: close\r\n\r\n"
        )
        assert stream.recv(20).startswith(b"HTTP/1.1 ")


def test_dhcp_options_reach_the_next_lease(net: Net) -> None:
    vpc_id, subnet_id = net.network("10.236.0.0/16")
    made = net.ec2.create_dhcp_options(
        DhcpConfigurations=[
            {"Key": "domain-name", "Values": ["example.org"]},
            {"Key": "domain-name-servers", "Values": ["192.0.2.53", "AmazonProvidedDNS"]},
            {"Key": "ntp-servers", "Values": ["192.0.2.123"]},
        ]
    )["DhcpOptions"]
    net.ec2.associate_dhcp_options(VpcId=vpc_id, DhcpOptionsId=made["DhcpOptionsId"])

    lease = net.run(subnet_id).lease

    assert (lease["domain"], lease["ntpsrv"]) == ("example.org", "192.0.2.123")
    assert lease["dns"] == "192.0.2.53 10.236.0.2"


def test_an_interface_is_plugged_in_and_taken_away(net: Net, guests: tuple[Inmate, Inmate]) -> None:
    guest = guests[0]
    group_id = net.group(
        IpProtocol="tcp", FromPort=8000, ToPort=8000, IpRanges=[{"CidrIp": "0.0.0.0/0"}]
    )
    made = net.ec2.create_network_interface(SubnetId=net.subnet_id, Groups=[group_id])
    interface = made["NetworkInterface"]
    address, mac = interface["PrivateIpAddress"], interface["MacAddress"]
    device = f"e{mac.replace(':', '')}"
    attached = net.ec2.attach_network_interface(
        NetworkInterfaceId=interface["NetworkInterfaceId"],
        InstanceId=guest.instance_id,
        DeviceIndex=1,
    )
    becomes(lambda: device in guest.devices())

    lease = guest.ask_for_address(device, as_default=False)

    assert lease["ip"] == address
    with guest.place.serving(8000):
        assert guests[1].place.tcp(address)
        assert HERE.tcp(address)
        net.ec2.detach_network_interface(AttachmentId=attached["AttachmentId"])
        becomes(lambda: not HERE.tcp(address))
        assert HERE.tcp(guest.private_ip)
    assert device not in guest.devices()


def test_a_secondary_address_leads_to_the_guest(net: Net, guests: tuple[Inmate, Inmate]) -> None:
    guest = guests[1]
    interface_id = net.instance(guest.instance_id)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    net.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=interface_id, PrivateIpAddresses=["10.237.1.200"]
    )
    subprocess.run(
        ("ip", "-n", guest.name, "address", "add", "10.237.1.200/24", "dev", "ens0"), check=True
    )

    with guest.place.serving(8000):
        becomes(lambda: HERE.tcp("10.237.1.200"))
        assert guests[0].place.tcp("10.237.1.200")


def test_equal_ranges_stay_apart(net: Net) -> None:
    """The second of two VPCs with one range has another one towards this machine."""
    open_8000 = {
        "IpProtocol": "tcp",
        "FromPort": 8000,
        "ToPort": 8000,
        "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
    }
    vpc_id, subnet_id = net.network(TAKEN)
    group_id = net.group(vpc_id, **open_8000)
    here, there = (net.run(subnet_id, group_id) for _ in range(2))

    with here.place.serving(8000), HERE.serving(8000):
        assert there.place.tcp(here.private_ip)
        assert not HERE.tcp(here.private_ip)
        assert here.place.tcp("10.235.1.1")
        assert HERE.tcp("10.235.1.2")
    assert here.metadata("local-ipv4") == here.private_ip


def test_nobody_is_told_that_a_guest_does_not_answer(net: Net, guests: Any) -> None:
    guest = net.run(net.subnet_id, net.group(IpProtocol="-1", IpRanges=[{"CidrIp": "0.0.0.0/0"}]))
    subprocess.run(("ip", "-n", guest.name, "link", "set", "ens0", "down"), check=True)

    with guests[0].place.socket(socket.SOCK_STREAM) as stream:
        stream.settimeout(5)
        with pytest.raises(TimeoutError):
            stream.connect((guest.private_ip, 8000))


def test_a_guest_cannot_pretend_to_be_another(net: Net, guests: tuple[Inmate, Inmate]) -> None:
    one, other = guests
    subprocess.run(
        ("ip", "-n", one.name, "address", "add", "10.237.1.99/24", "dev", "ens0"), check=True
    )
    with other.place.serving(8000), one.place.socket(socket.SOCK_STREAM) as stream:
        stream.bind(("10.237.1.99", 0))
        with pytest.raises(TimeoutError):
            stream.connect((other.private_ip, 8000))


def test_an_emulator_that_was_killed_is_followed_by_one_that_goes_on(net: Net) -> None:
    """Guests of a default VPC, which is there again: others need records that persist."""
    subnets = net.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
    subnet_id = subnets["Subnets"][0]["SubnetId"]
    kept, gone = (net.run(subnet_id) for _ in range(2))
    reached_at = net.instance(kept.instance_id)["PublicIpAddress"]
    with kept.place.serving(22, 8001):
        assert HERE.tcp(reached_at, 22)
        net.emulator.kill()
        assert HERE.tcp(reached_at, 22), "packets need no emulator"
        assert not HERE.tcp(reached_at, 8001)
        # Somebody removes a guest meanwhile.
        subprocess.run(("ip", "netns", "delete", gone.name), check=True)
        (net.emulator.folder / "mementos" / gone.instance_id).unlink()

        net.emulator.begin()

        assert net.instance(kept.instance_id)["PublicIpAddress"] == reached_at
        assert HERE.tcp(reached_at, 22)
        assert not HERE.tcp(reached_at, 8001)
    assert kept.metadata("instance-id") == kept.instance_id
    assert kept.ask_for_address("ens0")["ip"] == kept.private_ip
    assert f"ec2-emulator.{NAMESPACE}.{gone.instance_id}" not in namespaces()


def test_nothing_is_left_of_those_that_are_terminated(net: Net) -> None:
    net.run(net.network("10.234.0.0/16")[1])
    found = net.ec2.describe_instances()["Reservations"]
    ids = [each["InstanceId"] for group in found for each in group["Instances"]]
    net.ec2.terminate_instances(InstanceIds=ids)

    becomes(lambda: not namespaces())
    assert [name for name in links() if not name.startswith("ec2b")] == []
    assert "Traceback" not in net.emulator.log()
