"""Ports of the machine that follow groups: which are open, when, and what is told of them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from emulator.net.forwarders import PortTaken, Target
from emulator.net.host_ports import GATHER_SECONDS, LiveHostPorts, leads_to
from emulator.vm.interface import Guest, GuestKey
from tests.fakes.client import Client
from tests.fakes.network import ACCOUNT, new_instance, new_subnet, new_vpc

INSTANCE = "i-11111111111111111"
VPC = "vpc-11111111111111111"
RANGE = range(20_000, 20_100)


@attrs.define
class FakeForwarder:
    """Notes what became of it."""

    host_port: int
    target: Target
    fate: str = "open"

    def close(self) -> None:
        self.fate = "closed"

    def end(self) -> None:
        self.fate = "ended"


class Lab:
    """One instance whose group changes."""

    def __init__(self) -> None:
        self.ec2 = Client()
        self.made: list[FakeForwarder] = []
        self.taken: set[int] = set()
        self.ports = self.begin()
        new_instance(self.ec2, new_subnet(self.ec2, new_vpc(self.ec2)), INSTANCE)
        made = self.ec2.call("CreateSecurityGroup", GroupName="g", Description="g", VpcId=VPC)
        self.group_id = str(made["GroupId"])
        self.ec2.call("ModifyInstanceAttribute", InstanceId=INSTANCE, Groups=[self.group_id])

    def begin(self) -> LiveHostPorts:
        ports: Any = LiveHostPorts(
            self.ec2.api.state,
            self.ec2.api.world.clock,
            self.open,  # type: ignore[arg-type]
            RANGE,
            lambda address: address.startswith("10."),
        )
        return ports  # type: ignore[no-any-return]

    def open(self, host_port: int, target: Target) -> FakeForwarder:
        if host_port in self.taken:
            raise PortTaken(str(host_port))
        self.made.append(FakeForwarder(host_port, target))
        return self.made[-1]

    def guest(self, address: str | None = "10.0.0.5", **ports: int) -> Guest:
        key = GuestKey(ACCOUNT, self.ec2.region, INSTANCE)
        return Guest(INSTANCE, True, address, key, {"22/tcp": 12_000, **ports})

    def change(self, verb: str, port: int, protocol: str = "tcp") -> None:
        permission = {
            "IpProtocol": protocol,
            "FromPort": port,
            "ToPort": port,
            "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
        }
        self.ec2.call(
            f"{verb}SecurityGroupIngress", GroupId=self.group_id, IpPermissions=[permission]
        )
        self.ec2.turn(GATHER_SECONDS)


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_a_port_that_a_group_opens_is_opened_and_closed_with_it(lab: Lab) -> None:
    lab.ports.follow(lab.guest())
    before = dict(lab.ports.opened(INSTANCE))
    lab.change("Authorize", 8080)
    (made,) = lab.made
    during = dict(lab.ports.opened(INSTANCE))
    lab.change("Revoke", 8080)

    assert (before, during) == ({}, {"8080/tcp": made.host_port})
    assert made.host_port in RANGE
    assert made.target == Target("10.0.0.5", 8080)
    assert made.fate == "closed"
    assert lab.ports.opened(INSTANCE) == {}


def test_udp_is_forwarded_as_udp(lab: Lab) -> None:
    lab.ports.follow(lab.guest())
    lab.change("Authorize", 5353, "udp")

    assert list(lab.ports.opened(INSTANCE)) == ["5353/udp"]
    assert lab.made[0].target.is_datagram


def test_what_the_engine_publishes_is_not_forwarded_as_well(lab: Lab) -> None:
    lab.change("Authorize", 8080)
    lab.change("Authorize", 22)
    lab.ports.follow(lab.guest(**{"8080/tcp": 13_000}))

    assert lab.made == []


def test_other_groups_are_other_ports(lab: Lab) -> None:
    lab.ports.follow(lab.guest())
    other = lab.ec2.call("CreateSecurityGroup", GroupName="h", Description="h", VpcId=VPC)
    lab.change("Authorize", 8080)
    lab.ec2.call("ModifyInstanceAttribute", InstanceId=INSTANCE, Groups=[other["GroupId"]])
    lab.ec2.turn(GATHER_SECONDS)

    assert lab.ports.opened(INSTANCE) == {}
    assert [each.fate for each in lab.made] == ["closed"]


def test_a_guest_that_ends_has_nothing_open_and_is_followed_no_more(lab: Lab) -> None:
    lab.change("Authorize", 8080)
    lab.ports.follow(lab.guest())
    lab.ports.forget(INSTANCE)
    lab.change("Authorize", 8081)

    assert [each.fate for each in lab.made] == ["ended"]
    assert lab.ports.opened(INSTANCE) == {}


def test_a_port_of_the_machine_that_is_taken_is_left_to_whoever_has_it(lab: Lab) -> None:
    lab.change("Authorize", 8080)
    lab.ports.follow(lab.guest())
    first = lab.ports.opened(INSTANCE)["8080/tcp"]
    lab.ports.forget(INSTANCE)
    lab.taken = {first}
    lab.ports.follow(lab.guest())
    second = lab.ports.opened(INSTANCE)["8080/tcp"]
    lab.taken = set(RANGE)
    lab.change("Authorize", 8081)

    assert second != first
    assert list(lab.ports.opened(INSTANCE)) == ["8080/tcp"]


def test_a_port_is_the_same_one_after_a_restart(lab: Lab) -> None:
    lab.change("Authorize", 8080)
    lab.ports.follow(lab.guest())
    again = lab.begin()
    again.follow(lab.guest())

    assert again.opened(INSTANCE) == lab.ports.opened(INSTANCE)


def test_following_again_changes_nothing_unless_the_guest_did(lab: Lab) -> None:
    lab.change("Authorize", 8080)
    for address in ("10.0.0.5", "10.0.0.5", "10.0.0.6"):
        lab.ports.follow(lab.guest(address))

    assert [each.fate for each in lab.made] == ["ended", "open"]
    assert lab.made[1].target.address == "10.0.0.6"


@pytest.mark.parametrize("address", [None, "192.0.2.1"])
def test_a_guest_that_cannot_be_reached_from_here_has_no_ports_here(
    lab: Lab, address: str | None
) -> None:
    lab.change("Authorize", 8080)
    lab.ports.follow(lab.guest(address))

    assert lab.made == []


def test_no_more_than_32_ports_are_opened_whatever_a_group_says(lab: Lab) -> None:
    lab.ports.follow(lab.guest())
    lab.ec2.call(
        "AuthorizeSecurityGroupIngress",
        GroupId=lab.group_id,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 1000,
                "ToPort": 60000,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            }
        ],
    )
    lab.ec2.turn(GATHER_SECONDS)

    assert len(lab.ports.opened(INSTANCE)) == 32


ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
br-1\t0000EC0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t0000630A\t010011AC\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


@pytest.mark.parametrize(
    ("address", "here"), [("10.236.0.9", True), ("10.99.0.9", False), ("192.0.2.9", False)]
)
def test_an_address_on_a_network_of_this_machines_own_is_reached(address: str, here: bool) -> None:
    assert leads_to(ROUTES, address) is here
