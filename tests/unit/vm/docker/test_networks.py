from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from emulator.core.threads import NoThreads
from emulator.vm.docker.blocking import Conflict, EngineError
from emulator.vm.docker.names import VPC_ID, Names
from emulator.vm.docker.networks import DockerNetwork, Networks, described, overlaps
from emulator.vm.interface import GuestNetwork
from tests.fakes.docker_engine import FakeEngine
from tests.fakes.docker_manager import result_of

VPC = GuestNetwork("vpc-1", "10.1.0.0/16")
NAME = "localstack-ec2.vpc-1"


def new_networks(host_ranges: Iterable[str] = ()) -> Networks:
    return Networks(Names(), NoThreads(), lambda: host_ranges)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def ensured(networks: Networks, engine: Any, vpc: GuestNetwork = VPC) -> DockerNetwork:
    network: DockerNetwork = result_of(networks.ensure(engine, vpc))
    return network


def test_a_vpcs_network_has_the_vpcs_range(engine: FakeEngine) -> None:
    assert ensured(new_networks(), engine) == DockerNetwork(NAME, "10.1.0.0/16")
    assert engine.nets[NAME]["Labels"] == {"ec2-emulator.namespace": "default", VPC_ID: "vpc-1"}


def test_it_is_made_once(engine: FakeEngine) -> None:
    networks = new_networks()
    for _ in range(2):
        ensured(networks, engine)

    assert engine.calls.count("create_network") == 1
    assert engine.calls.count("network") == 2


def test_one_that_an_earlier_run_made_is_used_with_its_range(engine: FakeEngine) -> None:
    engine.create_network(NAME, {}, "192.168.7.0/24")

    assert ensured(new_networks(), engine) == DockerNetwork(NAME, "192.168.7.0/24")


def test_a_range_that_another_network_has_is_left_to_docker(engine: FakeEngine) -> None:
    engine.create_network("theirs", {}, "10.1.128.0/24")

    assert ensured(new_networks(), engine).cidr == "172.18.0.0/16"


def test_a_range_that_the_host_uses_is_left_to_docker(engine: FakeEngine) -> None:
    networks = new_networks(["192.168.0.0/24", "10.1.2.0/24"])

    assert ensured(networks, engine).cidr == "172.18.0.0/16"
    assert engine.calls.count("create_network") == 1


def test_two_vpcs_may_have_one_range(engine: FakeEngine) -> None:
    networks = new_networks()
    first = ensured(networks, engine)
    second = ensured(networks, engine, GuestNetwork("vpc-2", VPC.cidr))

    assert (first.cidr, second.cidr) == ("10.1.0.0/16", "172.18.0.0/16")


def test_somebody_who_was_faster_made_the_same_network(engine: FakeEngine) -> None:
    def hurry(*_: Any) -> None:
        del engine.on["create_network"]
        engine.create_network(NAME, {}, VPC.cidr)

    engine.on["create_network"] = hurry

    assert ensured(new_networks(), engine).cidr == "10.1.0.0/16"


def test_somebody_may_be_faster_with_a_range_of_dockers_too(engine: FakeEngine) -> None:
    def hurry(*_: Any) -> None:
        del engine.on["create_network"]
        engine.create_network(NAME, {}, None)

    engine.on["create_network"] = hurry

    assert ensured(new_networks(["10.1.0.0/16"]), engine).cidr == "172.18.0.0/16"


def test_a_network_that_cannot_be_made_is_an_error_and_tried_again(engine: FakeEngine) -> None:
    networks = new_networks()
    refused = EngineError("all predefined address pools have been fully subnetted")
    engine.failing["create_network"] = [refused, refused]
    with pytest.raises(EngineError, match="fully subnetted"):
        ensured(networks, engine)

    assert ensured(networks, engine).cidr == "10.1.0.0/16"


def test_a_network_that_vanishes_at_once_is_an_error(engine: FakeEngine) -> None:
    engine.failing["create_network"] = [Conflict("already exists")]
    with pytest.raises(EngineError, match="vanished"):
        ensured(new_networks(), engine)


def test_a_deleted_network_is_made_again_with_the_next_launch(engine: FakeEngine) -> None:
    networks = new_networks()
    ensured(networks, engine)
    result_of(networks.delete(engine, "vpc-1"))  # type: ignore[arg-type]
    assert engine.nets == {}

    assert ensured(networks, engine).name == NAME


def test_a_network_in_use_stays_and_that_is_an_error(engine: FakeEngine) -> None:
    networks = new_networks()
    ensured(networks, engine)
    engine.add_image("a")
    box = engine.create("x", {"Image": "a", "HostConfig": {"NetworkMode": NAME}})
    engine.start(box)

    with pytest.raises(EngineError, match="active endpoints"):
        result_of(networks.delete(engine, "vpc-1"))  # type: ignore[arg-type]


@pytest.mark.parametrize("forget", ["forget", "forget_all"])
def test_what_is_forgotten_is_looked_for_again(engine: FakeEngine, forget: str) -> None:
    networks = new_networks()
    ensured(networks, engine)
    engine.nets.clear()
    networks.forget("vpc-1") if forget == "forget" else networks.forget_all()

    assert ensured(networks, engine).name in engine.nets


def test_an_address_is_asked_for_where_the_range_holds_it() -> None:
    network = DockerNetwork(NAME, "10.1.0.0/16")

    assert network.address_for("10.1.0.9") == "10.1.0.9"
    assert network.address_for("10.2.0.9") is None
    assert network.address_for("") is None


def test_a_network_without_an_ipv4_range_holds_no_address() -> None:
    network = described({"Name": "six", "IPAM": {"Config": [{"Subnet": "fd00::/64"}]}})

    assert network.address_for("10.1.0.9") is None


@pytest.mark.parametrize("configured", [None, [], [{"Gateway": "10.0.0.1"}]])
def test_a_network_that_says_no_range_holds_no_address(configured: Any) -> None:
    assert described({"Name": "x", "IPAM": {"Config": configured}}).address_for("10.0.0.9") is None


def test_ranges_overlap_where_one_holds_the_other() -> None:
    assert overlaps("10.1.0.0/16", ["10.0.0.0/8"]) == "10.0.0.0/8"
    assert overlaps("10.1.0.0/16", ["192.168.0.0/16", "10.1.9.9/32"]) == "10.1.9.9/32"
    assert overlaps("10.1.0.0/16", ["10.2.0.0/16"]) is None
