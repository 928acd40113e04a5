"""What joins virtual machines with their VPCs, as commands and names."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.net import port_plan
from emulator.net.interfaces import InterfacePlan
from emulator.net.port_plan import Inside, Leading, Port
from emulator.vm.interface import GuestKey

INSTANCE = "i-0123456789abcdef0"
KEY = GuestKey("000000000000", "us-east-1", INSTANCE)
PORT = Port(KEY, "default", "0a:00:00:00:00:01", "10.9.1.4", "vpc-1", "ec2b00000000000", "10.9.0.1")
FIRST = InterfacePlan("0a:00:00:00:00:01", 0, ("10.9.1.4/16", "2001:db8::1/64"))
SECOND = InterfacePlan("0a:00:00:00:00:02", 1, ("10.9.1.5/16",))
# As iproute2 6.1 shows them.
RULES = [{"priority": 0, "src": "all", "table": "local"}, {"priority": 32766, "src": "all"}]


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True), st.integers(0, 15))
def test_links_have_names_that_a_kernel_takes(namespace: str, device_index: int) -> None:
    names = {
        port_plan.guest_link(namespace, INSTANCE, device_index),
        port_plan.vpc_link(namespace, INSTANCE),
        port_plan.bridge_name(namespace, "vpc-0123456789abcdef0"),
    }

    assert len(names) == 3
    assert {len(name) for name in names} == {15}


def test_links_of_different_emulators_have_different_names() -> None:
    assert port_plan.vpc_link("one", INSTANCE) != port_plan.vpc_link("other", INSTANCE)
    assert port_plan.guest_link("one", INSTANCE, 0) != port_plan.guest_link("one", INSTANCE, 1)


def test_a_namespace_says_whose_it_is() -> None:
    assert port_plan.owner_of(PORT.name) == ("default", INSTANCE)


@pytest.mark.parametrize("name", ["", "eth0", "ec2-emulator.default", "ec2-emulator.a.b.i-1"])
def test_other_namespaces_are_nobody_s(name: str) -> None:
    assert port_plan.owner_of(name) is None


@pytest.mark.parametrize("instance_id", ["../i-1", "i-1\ni-2", "i-1 up", "i-", ""])
def test_what_is_no_instance_names_nothing(instance_id: str) -> None:
    with pytest.raises(ValueError, match="no name of a network namespace"):
        port_plan.namespace_name("default", instance_id)


def test_a_new_namespace_gets_a_way_to_its_vpc() -> None:
    assert port_plan.vpc_commands(PORT, Inside(), 7) == [
        f"link add eth0 address 0a:00:00:00:00:01 type veth peer name {PORT.vpc_link} netns 7",
        "link set lo up",
        "link set eth0 up",
        "route replace default via 10.9.0.1 dev eth0 onlink",
    ]


def test_what_is_there_is_not_made_again() -> None:
    there = Inside(frozenset({"eth0", "guest0"}), frozenset({100, 200, 300}))

    assert not any("add" in each for each in port_plan.vpc_commands(PORT, there, 7))
    assert port_plan.link_commands("default", INSTANCE, 0, there, 7) == []
    assert port_plan.rule_commands(there) == []


def test_guests_routes_come_before_the_kernel_s() -> None:
    commands = port_plan.rule_commands(port_plan.inside_of([], RULES, [], []))

    assert commands[1:] == [
        "rule add pref 200 lookup 1000",
        "rule add pref 300 lookup local",
        "rule delete pref 0",
    ]


def test_rules_that_were_half_made_are_completed() -> None:
    half = Inside(preferences=frozenset({0, 200}))

    assert "rule add pref 200 lookup 1000" not in port_plan.rule_commands(half)
    assert port_plan.rule_commands(half)[-1] == "rule delete pref 0"


def test_what_is_for_a_guest_s_address_goes_to_it() -> None:
    commands = port_plan.guest_commands((FIRST, SECOND), ["eth0", "eth1"], Inside())

    assert commands == [
        "link set guest0 up",
        "link set guest1 up",
        "route replace 10.9.1.4 dev guest0 table 1000",
        "route replace 10.9.1.5 dev guest1 table 1000",
        "neighbour replace proxy 10.9.1.4 dev eth0",
        "neighbour replace proxy 10.9.1.5 dev eth1",
    ]


def test_what_is_no_guest_s_any_more_goes_nowhere() -> None:
    there = port_plan.inside_of(
        ["eth0", "guest0", "guest1"],
        [*RULES, {"priority": 100}, {"priority": 101}],
        [{"dst": "10.9.1.4", "dev": "guest0"}, {"dst": "10.9.1.5", "dev": "guest1"}],
        [{"dst": "10.9.1.4", "dev": "eth0"}, {"dst": "10.9.1.5", "dev": "eth1"}],
    )

    assert port_plan.guest_commands((FIRST,), ["eth0"], there) == [
        "link set guest0 up",
        "route delete 10.9.1.5 dev guest1 table 1000",
        "neighbour delete proxy 10.9.1.5 dev eth1",
    ]
    assert port_plan.link_removals((FIRST,), there) == [
        "rule delete pref 101",
        "link delete guest1",
    ]


def test_an_address_that_moves_to_another_interface_is_led_there() -> None:
    moved = attrs.evolve(SECOND, addresses=("10.9.1.4/16",))
    there = Inside(routes=frozenset({Leading("10.9.1.4", "guest0")}))

    commands = port_plan.guest_commands((moved,), ["eth1"], there)

    assert "route replace 10.9.1.4 dev guest1 table 1000" in commands
    assert not any(each.startswith("route delete") for each in commands)


def test_links_are_known_by_their_numbers() -> None:
    assert port_plan.device_index_of(port_plan.link_number(3)) == 3
    assert port_plan.device_index_of(2) is None


def test_a_guest_with_another_address_here_is_changed_on_the_way() -> None:
    port = attrs.evolve(PORT, gateway="172.24.0.1", reached_at="172.24.0.2/20")

    script = port_plan.address_script(port)

    assert port.address == "172.24.0.2"
    assert 'iifname "eth0" ip daddr 172.24.0.2 dnat to 10.9.1.4' in script
    assert 'iifname "eth0" ip saddr' not in script
    assert 'oifname "eth0" ip saddr 10.9.1.4 ip daddr 172.24.0.0/20 snat to 172.24.0.2' in script


def test_a_namespace_speaks_with_nobody_but_its_guest() -> None:
    script = port_plan.silent_script()

    assert "hook output priority 0; policy drop;" in script
    assert script.count("accept") == 2
    assert 'oifname "guest*" accept' in script


def test_a_link_tells_the_next_run_its_guest_s_address() -> None:
    port = attrs.evolve(PORT, reached_at="172.24.0.2/20")

    assert port_plan.reached_at(port_plan.alias(port), "default") == (INSTANCE, "172.24.0.2/20")
    assert port_plan.reached_at(port_plan.alias(port), "other") is None
    assert port_plan.reached_at(port_plan.alias(PORT), "default") is None
    assert port_plan.reached_at("somebody else's", "default") is None


def test_a_free_address_is_nobody_s() -> None:
    found = port_plan.free_address("172.24.0.0/29", "172.24.0.1", ["172.24.0.2/29"])

    assert found == "172.24.0.3/29"


def test_a_range_may_have_no_free_address() -> None:
    with pytest.raises(ValueError, match="all addresses"):
        port_plan.free_address("172.24.0.0/30", "172.24.0.1", ["172.24.0.2/30"])
