"""Routers that follow the records: made, changed, and what happens if that fails."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

import attrs
import pytest

from emulator.core.background import Background
from emulator.net.namespace import Way
from emulator.net.router_visit import MACHINE, Errand, RouterVisit
from emulator.net.routers import GATHER_SECONDS, RETRY_SECONDS, VpcRouters
from emulator.net.visit import Visit
from emulator.vm.interface import GuestKey, GuestLink, VMError
from tests.fakes.docker_manager import result_of
from tests.fakes.network import ACCOUNT
from tests.fakes.topology import Topology


@attrs.define
class FakeWay(Way):
    """Notes the visits, and gives descriptors of nothing for namespaces."""

    visits: list[RouterVisit] = attrs.field(factory=list)
    given: list[tuple[int, ...]] = attrs.field(factory=list)
    fails: bool = False

    def obstacle(self) -> str | None:
        return None

    def filter_obstacle(self) -> str | None:
        return None

    async def visit(self, container: str, pid: int, visit: Visit) -> list[socket.socket]:
        raise AssertionError("nobody visits guests here")

    def can_run_inside(self) -> bool:
        return False

    async def run_inside(
        self, container: str, pid: int, arguments: Sequence[str], stdin: bytes
    ) -> None:
        raise AssertionError("nobody runs anything here")

    async def filter_host(self, script: str) -> None:
        raise AssertionError("nobody filters the host here")

    async def route(self, visit: RouterVisit, namespaces: Sequence[int]) -> list[int]:
        self.visits.append(visit)
        self.given.append(tuple(namespaces))
        if self.fails:
            raise VMError("no such device")
        return [os.open(os.devnull, os.O_RDONLY) for _ in range(visit.new_namespaces)]


class Lab(Topology):
    """Two VPCs, each with an instance, over a client's records."""

    def __init__(self, obstacle: str | None = None) -> None:
        super().__init__()
        self.way, world = FakeWay(), self.api.world
        names = iter(range(1000))
        self.routers = VpcRouters(
            self.api.state,
            self.way,
            world.clock,
            Background(),
            lambda: f"{next(names):08x}",
            obstacle,
        )
        self.vpcs = [self.vpc("10.1.0.0/16"), self.vpc("10.2.0.0/16")]
        self.subnets = [
            self.subnet(self.vpcs[0], "10.1.1.0/24"),
            self.subnet(self.vpcs[1], "10.2.1.0/24"),
        ]
        self.interfaces = [
            self.instance(subnet, number) for number, subnet in enumerate(self.subnets, 1)
        ]

    def begin(self, obstacle: str | None = None) -> None:
        result_of(self.routers.begin(obstacle))

    def ensure(self, number: int, network: str = "a1b2c3d4e5f6") -> None:
        instance_id = self.interfaces[number].instance_id or ""
        key = GuestKey(ACCOUNT, self.region, instance_id)
        network_id = f"{number}{network[1:]}"
        result_of(self.routers.ensure(key, GuestLink(network_id, f"10.{number + 1}.0.1")))

    def changes(self, seconds: float = GATHER_SECONDS) -> list[Errand]:
        """Return what is done until some time later."""
        self.way.visits.clear()
        self.way.given.clear()
        self.turn(seconds)
        return [errand for visit in self.way.visits for errand in visit.errands]


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    lab.begin()
    lab.ensure(0)
    lab.ensure(1)
    lab.changes()
    return lab


def test_before_an_engine_is_seen_nothing_is_real() -> None:
    lab = Lab()
    lab.ensure(0)

    assert not lab.routers.routed.is_real
    assert lab.way.visits == []


@pytest.mark.parametrize("late", [True, False])
def test_an_obstacle_is_said_and_nothing_is_made(late: bool) -> None:
    lab = Lab(None if late else "the engine is on another machine")
    lab.begin("Docker Desktop runs containers in a machine of its own" if late else None)
    lab.ensure(0)

    assert str(lab.routers.routed).startswith(
        "not real: Docker" if late else "not real: the engine"
    )
    assert lab.way.visits == []


def test_a_kernel_that_refuses_is_said() -> None:
    lab = Lab()
    lab.way.fails = True
    lab.begin()

    assert str(lab.routers.routed) == "not real: no such device"


def test_a_vpcs_first_guest_brings_its_router(lab: Lab) -> None:
    assert lab.routers.routed.is_real
    assert len(lab.routers) == 2
    lab.ensure(0)

    assert lab.changes() == []


def test_a_router_that_cannot_be_made_fails_the_launch_and_is_forgotten() -> None:
    lab = Lab()
    lab.begin()
    lab.way.fails = True
    with pytest.raises(VMError):
        lab.ensure(0)

    assert len(lab.routers) == 0


def test_a_change_reaches_its_router_alone(lab: Lab) -> None:
    table = lab.table(lab.vpcs[0], lab.subnets[0])
    lab.changes()
    lab.route(table, GatewayId=lab.gateway(lab.vpcs[0]))
    (errand,) = lab.changes()

    assert "ip daddr 0.0.0.0/0 meta mark set" in errand.script
    assert errand.where == 1
    assert len(lab.way.given[0]) == 2


def test_what_changes_nothing_for_routers_disturbs_none(lab: Lab) -> None:
    lab.call("CreateTags", Resources=[lab.vpcs[0]], Tags=[{"Key": "a", "Value": "b"}])
    lab.call("CreateSecurityGroup", GroupName="g", Description="d", VpcId=lab.vpcs[0])

    assert lab.changes() == []


def test_an_elastic_address_moves_in_one_visit(lab: Lab) -> None:
    for vpc_id in lab.vpcs:
        lab.gateway(vpc_id)
    public_ip, allocation = lab.elastic()
    associate = {"AllocationId": allocation, "AllowReassociation": True}
    lab.call("AssociateAddress", NetworkInterfaceId=lab.interfaces[0].id, **associate)
    first = lab.changes()
    lab.call("AssociateAddress", NetworkInterfaceId=lab.interfaces[1].id, **associate)
    second = lab.changes()

    assert any(f"route add {public_ip}/32" in line for line in first[-1].tolerated)
    assert len(lab.way.visits) == 1
    assert [public_ip in errand.script for errand in second[:2]] == [False, True]
    assert second[2].commands[0].startswith(f"route replace {public_ip}/32 via 169.254.0.3")


def test_peers_learn_of_each_others_routers() -> None:
    lab = Lab()
    peering = lab.peering(*lab.vpcs)
    table = lab.table(lab.vpcs[0], lab.subnets[0])
    lab.route(table, "10.2.0.0/16", VpcPeeringConnectionId=peering)
    lab.begin()
    lab.ensure(0)
    alone = lab.way.visits[-1].errands
    lab.ensure(1)
    (errand,) = lab.changes()

    assert any("ip daddr 10.2.0.0/16 drop" in each.script for each in alone)
    assert "ip daddr 10.2.0.0/16 meta mark set 2 notrack" in errand.script
    assert any("via 169.254.0.3 dev fabric" in command for command in errand.commands)


def test_what_failed_is_tried_again_from_the_beginning(lab: Lab) -> None:
    table = lab.table(lab.vpcs[0], lab.subnets[0])
    lab.changes()
    lab.way.fails = True
    lab.route(table, GatewayId=lab.gateway(lab.vpcs[0]))
    (first,) = lab.changes()
    lab.way.fails = False
    again = lab.changes(RETRY_SECONDS[0])

    assert again[0].tolerated[0] == "rule delete preference 1002"
    assert again[1].script == first.script
    assert set(first.commands) <= set(again[1].commands)
    assert lab.changes(RETRY_SECONDS[-1]) == []


def test_the_router_of_a_network_that_is_gone_is_let_go(lab: Lab) -> None:
    lab.gateway(lab.vpcs[0])
    public_ip, allocation = lab.elastic()
    lab.call("AssociateAddress", AllocationId=allocation, NetworkInterfaceId=lab.interfaces[0].id)
    lab.changes()
    lab.routers.forget_network("01b2c3d4e5f6")
    done = lab.changes()

    assert len(lab.routers) == 1
    assert [each.where for each in done[-2:]] == [0, MACHINE]
    assert any(f"route delete {public_ip}/32" in line for line in done[-1].tolerated)


def test_a_network_that_was_made_anew_gets_another_router(lab: Lab) -> None:
    lab.way.visits.clear()
    lab.ensure(0, "affffffffff6")

    assert len(lab.routers) == 2
    assert any(errand.bridge == "br-0ffffffffff6" for errand in lab.way.visits[0].errands)


def test_for_an_engine_that_is_back_every_cable_is_plugged_in_again(lab: Lab) -> None:
    lab.way.visits.clear()
    lab.begin()
    plugged = [errand.commands[0] for visit in lab.way.visits for errand in visit.errands]

    assert len(plugged) == 2
    assert all(" master br-" in command for command in plugged)


def test_records_that_come_again_with_the_same_names_are_followed(lab: Lab) -> None:
    """A region's default VPC has the same id after everything was forgotten."""
    scripts = []
    for number in (8, 9):
        found = lab.call(
            "DescribeSubnets", Filters=[{"Name": "default-for-az", "Values": ["true"]}]
        )
        interface = lab.instance(found["Subnets"][0]["SubnetId"], number)
        lab.interfaces[0] = interface
        lab.way.visits.clear()
        lab.ensure(0, "dddddddddddd")
        lab.turn(GATHER_SECONDS)
        scripts.append((interface.mac_address, lab.way.visits[-1].errands))
        lab.api.state.reset()

    assert all(any(mac in each.script for each in errands) for mac, errands in scripts)
