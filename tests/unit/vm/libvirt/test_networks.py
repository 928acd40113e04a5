"""Networks of VPCs: their XML, and what libvirt's driver in memory makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from twisted.internet.defer import gatherResults

from emulator.vm.interface import GuestNetwork, Wire

pytest.importorskip("libvirt", reason="libvirt's binding is missing: tests/lab/parts/90-libvirt")

from emulator.vm.libvirt.blocking import Hypervisor
from emulator.vm.libvirt.domain import LinkPort
from emulator.vm.libvirt.domain_xml import parse, port_element, ports_of, write
from emulator.vm.libvirt.network_xml import (
    Network,
    is_of,
    network_name,
    network_of,
    network_xml,
    overlapping,
    ranges_of,
    spare_range,
)
from emulator.vm.libvirt.networks import Networks
from tests.fakes.libvirt_manager import LibvirtHost

VPC, OTHER_VPC = "vpc-11111111111111111", "vpc-22222222222222222"
NETWORK = Network(network_name("default", VPC), "ec2b00000000001", "10.9.0.0/16")


def bridge_name(vpc_id: str) -> str:
    return f"ec2b{vpc_id[-8:]}"


class Lab:
    """Networks on a driver in memory, of a machine that routes to some ranges."""

    def __init__(self, *routed: str) -> None:
        self.host = LibvirtHost()
        self.routed = list(routed)
        self.networks = Networks(
            self.host.manager.hosts.all[0], bridge_name, lambda: iter(self.routed)
        )
        self.host.manager.networks = self.networks

    def ensure(self, vpc_id: str = VPC, cidr: str = "10.9.0.0/16") -> Wire:
        found: Wire = self.host.result_of(self.networks.ensure(GuestNetwork(vpc_id, cidr)))
        return found

    def names(self) -> set[str]:
        """Return the networks there are, but for the driver's own."""

        def names(hypervisor: Hypervisor) -> set[str]:
            return {each.name() for each in hypervisor.raw.listAllNetworks(0)}

        return set(self.host.ask(names)) - {"default"}


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab()
    yield lab
    lab.host.close()


def test_a_network_survives_its_xml() -> None:
    assert network_of(network_xml(NETWORK)) == NETWORK
    assert [str(each) for each in ranges_of(network_xml(NETWORK))] == ["10.9.0.0/16"]


def test_libvirt_answers_neither_for_addresses_nor_for_names() -> None:
    root = parse(network_xml(NETWORK))

    assert root.find("dns[@enable='no']") is not None
    assert root.find("ip/dhcp") is None
    assert root.find("forward[@mode='nat']") is not None


def test_networks_of_others_are_nobody_s() -> None:
    assert network_of("<network><name>default</name><bridge name='virbr0'/></network>") is None
    assert is_of(network_name("default", VPC), "default")
    assert not is_of(network_name("default", VPC), "other")
    assert not is_of("default", "default")


@pytest.mark.parametrize("wild", ["", "vpc-", "vpc-1/../2", "vpc-1<x>", "vpc-1\n"])
def test_what_is_no_vpc_has_no_network(wild: str) -> None:
    with pytest.raises(ValueError, match="no name of a VPC's network"):
        network_name("default", wild)


def test_ranges_are_read_as_libvirt_may_write_them() -> None:
    text = """<network><name>x</name>
        <ip address='192.168.122.1' netmask='255.255.255.0'/>
        <ip family='ipv6' address='fd00::1' prefix='64'/><ip address='10.0.0.1' prefix='8'/>
    </network>"""

    assert [str(each) for each in ranges_of(text)] == ["192.168.122.0/24", "10.0.0.0/8"]


def test_a_spare_range_is_one_that_nothing_else_has() -> None:
    found = spare_range(["172.24.0.0/16", "10.0.0.0/8"])

    assert found == "172.25.0.0/20"
    assert overlapping(found, ["172.24.0.0/16"]) is None
    assert overlapping(found, ["172.16.0.0/12"]) == "172.16.0.0/12"
    assert spare_range(["172.16.0.0/12"]) is None


def test_a_link_survives_its_xml() -> None:
    port = LinkPort("ec2t00000000000", "0a:00:00:00:00:01")

    domain = parse(f"<domain><devices>{write(port_element(port))}</devices></domain>")

    assert list(ports_of(domain)) == [port]


def test_a_vpc_s_network_has_the_vpc_s_range(lab: Lab) -> None:
    wire = lab.ensure()

    assert wire == Wire(bridge_name(VPC), "10.9.0.0/16", "10.9.0.1")
    assert lab.ensure() == wire
    assert lab.names() == {network_name("default", VPC)}


def test_a_range_that_the_machine_uses_is_left_to_it(lab: Lab) -> None:
    lab.routed.append("10.9.8.0/24")

    assert lab.ensure().cidr == "172.24.0.0/20"


def test_of_two_vpcs_with_one_range_the_second_has_another(lab: Lab) -> None:
    first, second = lab.ensure(), lab.ensure(OTHER_VPC)

    assert (first.cidr, second.cidr) == ("10.9.0.0/16", "172.24.0.0/20")
    assert lab.ensure(OTHER_VPC) == second


def test_launches_at_once_make_one_network(lab: Lab) -> None:
    from twisted.internet.defer import Deferred

    network = GuestNetwork(VPC, "10.9.0.0/16")

    async def both() -> Any:
        work = [Deferred.fromCoroutine(lab.networks.ensure(network)) for _ in range(3)]
        return await gatherResults(work)

    assert len(set(lab.host.result_of(both()))) == 1
    assert len(lab.names()) == 1


def test_a_network_goes_with_its_vpc(lab: Lab) -> None:
    lab.ensure()
    lab.ensure(OTHER_VPC, "10.10.0.0/16")

    for _ in range(2):
        lab.host.result_of(lab.host.manager.delete_network(VPC))

    assert lab.names() == {network_name("default", OTHER_VPC)}


def test_networks_that_nobody_is_on_are_removed(lab: Lab) -> None:
    """Those of another emulator, and one that a launch is about to use, stay."""
    foreign = Network(network_name("other", VPC), "ec2b00000000009", "10.11.0.0/16")
    left = Network(network_name("default", OTHER_VPC), "ec2b00000000008", "10.10.0.0/16")
    for each in (foreign, left):
        lab.host.ask(partial(_create, network_xml(each)))
    lab.ensure()

    lab.host.result_of(lab.networks.delete_idle())

    assert lab.names() == {foreign.name, network_name("default", VPC)}

    lab.host.result_of(lab.networks.delete_idle(at_end=True))

    assert lab.names() == {foreign.name}


def _create(xml: str, hypervisor: Hypervisor) -> None:
    hypervisor.raw.networkCreateXML(xml)
