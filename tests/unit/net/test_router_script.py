"""Routers as commands and scripts."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import attrs
import pytest

from emulator.net.route_legs import Hop, Leg, VpcKey, Way
from emulator.net.router_addresses import fabric_address, fabric_mac, router_address, router_mac
from emulator.net.router_plan import RouterPlan, SubnetRoutes
from emulator.net.router_script import (
    Hops,
    address_commands,
    core_errands,
    forgetting_commands,
    former_address_commands,
    hops_of,
    public_errands,
    router_errands,
    router_script,
    rule_command,
    table_commands,
)
from emulator.net.router_visit import MACHINE, RouterVisit

PEER = VpcKey("000000000000", "us-east-1", "vpc-2")
PEERS = {PEER: 7}
MAC = "0a:00:00:00:00:01"
ANYWHERE = IPv4Network("0.0.0.0/0")
OUT = Hop(Way.INTERNET)
NAT = Hop(Way.INTERNET, source=IPv4Address("198.19.0.9"))
TO_PEER = Hop(Way.PEER, peer=PEER)
VIA = Hop(Way.INTERFACE, via=IPv4Address("10.1.0.7"))
MACHINES = IPv4Address("10.1.0.1")
PLAN = RouterPlan(
    cidrs=(IPv4Network("10.1.0.0/16"),),
    subnets=(
        SubnetRoutes((MAC,), (Leg(IPv4Network("10.1.0.0/16"), Hop(Way.LOCAL)), Leg(ANYWHERE, OUT))),
    ),
    public=((IPv4Address("198.18.0.5"), IPv4Address("10.1.0.9")),),
)


def with_legs(*legs: Leg, mac: str = MAC) -> RouterPlan:
    return attrs.evolve(PLAN, subnets=(SubnetRoutes((mac,), legs),))


def lines(plan: RouterPlan, hops: Hops | None = None) -> list[str]:
    return [line.strip() for line in router_script(plan, hops or Hops(), PEERS).splitlines()]


def test_a_script_replaces_the_table_in_one_transaction() -> None:
    assert lines(PLAN)[:3] == [
        "table ip ec2_emulator",
        "delete table ip ec2_emulator",
        "table ip ec2_emulator {",
    ]


def test_where_a_packet_goes_is_decided_by_whose_interface_sent_it() -> None:
    script = lines(PLAN)

    assert f'iifname "vpc" ether saddr vmap {{ {MAC} : goto subnet_0 }}' in script
    assert script[script.index("chain subnet_0 {") + 1 :][:3] == [
        "ip daddr 10.1.0.0/16 meta mark set 1 notrack return",
        "ip daddr 0.0.0.0/0 meta mark set 2 return",
        "drop",
    ]


def test_nothing_but_a_hardware_address_gets_into_a_script() -> None:
    hostile = f'{MAC} }}; }} }} table ip evil {{ # "'

    assert "evil" not in "".join(lines(with_legs(Leg(ANYWHERE, OUT), mac=hostile)))


def test_a_route_to_nowhere_or_to_a_peer_without_a_router_drops() -> None:
    stranger = VpcKey("000000000000", "us-east-1", "vpc-3")
    script = lines(
        with_legs(
            Leg(IPv4Network("10.9.0.0/16"), Hop(Way.PEER, peer=stranger)),
            Leg(IPv4Network("10.8.0.0/16"), None),
        )
    )

    assert "ip daddr 10.9.0.0/16 drop" in script
    assert "ip daddr 10.8.0.0/16 drop" in script


def test_only_what_gets_another_address_is_tracked() -> None:
    script = lines(
        with_legs(
            Leg(IPv4Network("10.2.0.0/16"), TO_PEER),
            Leg(IPv4Network("10.3.0.0/16"), VIA),
            Leg(IPv4Network("10.4.0.0/16"), NAT),
        )
    )

    assert "ip daddr 10.2.0.0/16 meta mark set 2 notrack return" in script
    assert "ip daddr 10.3.0.0/16 meta mark set 3 notrack return" in script
    assert "ip daddr 10.4.0.0/16 meta mark set 4 return" in script


def test_public_and_private_addresses_are_one_for_the_other_in_both_directions() -> None:
    script = lines(PLAN)

    assert "dnat ip to ip daddr map { 198.18.0.5 : 10.1.0.9 }" in script
    assert "meta mark 2 snat ip to ip saddr map { 10.1.0.9 : 198.18.0.5 }" in script


def test_a_connection_ends_with_the_address_it_was_made_with() -> None:
    script = lines(PLAN)
    without = lines(attrs.evolve(PLAN, public=()))

    assert (
        "ct status dnat ct original ip daddr . ct reply ip saddr != { 198.18.0.5 . 10.1.0.9 } drop"
        in script
    )
    assert (
        "ct status snat ct original ip saddr . ct reply ip daddr != { 10.1.0.9 . 198.18.0.5 } drop"
        in script
    )
    assert {"ct status dnat drop", "ct status snat drop"} <= set(without)


def test_without_a_public_address_nothing_gets_into_the_internet() -> None:
    assert "meta mark 2 ct direction original ip saddr != { 10.1.0.9 } drop" in lines(PLAN)
    assert "meta mark 2 ct direction original drop" in lines(attrs.evolve(PLAN, public=()))


def test_a_nat_gateway_gives_its_own_address() -> None:
    script = lines(with_legs(Leg(ANYWHERE, NAT)))

    assert "meta mark 2 snat ip to 198.19.0.9" in script
    assert any(
        line.startswith("ct status snat ct reply ip daddr != { 198.19.0.9 }") for line in script
    )


def test_peers_get_in_by_their_routers_and_only_to_the_vpc() -> None:
    plan = attrs.evolve(PLAN, peers=(PEER,), private_gateways=(IPv4Address("10.1.0.50"),))
    script = lines(plan)

    assert (
        f'iifname "fabric" ether saddr {{ {fabric_mac(7)} }} ip daddr != {{ 10.1.0.50 }} '
        "ip daddr { 10.1.0.0/16 } accept" in script
    )
    assert (
        f'iifname "fabric" ether saddr {{ {fabric_mac(7)} }} ip daddr != {{ 10.1.0.50 }} notrack'
        in (script)
    )
    assert not any(fabric_mac(7) in line for line in lines(PLAN))


# Hops


def test_a_hop_keeps_its_number_and_no_other_ever_gets_it() -> None:
    hops = Hops()
    numbers = [hops.number(each) for each in (OUT, NAT, OUT)]
    gone = hops.beside([NAT])

    assert (numbers, gone) == ([2, 3, 2], [2])
    assert (hops.number(NAT), hops.number(VIA), hops.number(OUT)) == (3, 4, 5)


def test_a_plans_hops_are_those_that_lead_out_of_the_vpc_to_somebody() -> None:
    plan = with_legs(
        Leg(IPv4Network("10.1.0.0/16"), Hop(Way.LOCAL)),
        Leg(IPv4Network("10.2.0.0/16"), TO_PEER),
        Leg(IPv4Network("10.3.0.0/16"), None),
        Leg(ANYWHERE, OUT),
    )

    assert hops_of(plan, PEERS) == [TO_PEER, OUT]
    assert hops_of(plan, {}) == [OUT]


@pytest.mark.parametrize(
    ("hop", "commands"),
    [
        (TO_PEER, [f"route replace default via {fabric_address(7)} dev fabric onlink table 9"]),
        (VIA, ["route replace default via 10.1.0.7 dev vpc onlink table 9"]),
        (
            OUT,
            [
                "route replace 10.1.0.0/16 dev vpc table 9",
                f"route replace 198.18.0.0/15 via {fabric_address(1)} dev fabric onlink table 9",
                "route replace default via 10.1.0.1 dev vpc onlink table 9",
            ],
        ),
    ],
)
def test_each_hop_has_a_table(hop: Hop, commands: list[str]) -> None:
    assert table_commands(PLAN, hop, 9, PEERS, MACHINES) == commands


def test_packets_with_a_hops_mark_use_its_table() -> None:
    assert rule_command(9) == "rule add preference 1009 fwmark 9 lookup 9"
    assert forgetting_commands(9) == ["rule delete preference 1009", "route flush table 9"]


def test_a_router_has_the_fourth_address_of_each_range_and_gives_it_back() -> None:
    more = attrs.evolve(PLAN, cidrs=(*PLAN.cidrs, IPv4Network("10.5.0.0/24")))

    assert address_commands(more) == [
        "address replace 10.1.0.3/16 dev vpc",
        "address replace 10.5.0.3/24 dev vpc",
    ]
    assert former_address_commands(more, PLAN) == ["address delete 10.5.0.3/24 dev vpc"]


# The core


def test_public_addresses_lead_to_routers_and_are_taken_back() -> None:
    at, gone = IPv4Address("198.18.0.5"), IPv4Address("198.19.0.6")
    core, machine = public_errands(0, "ec2u1", {gone: 3}, {at: 4})

    assert core.commands == (f"route replace {at}/32 via {fabric_address(4)} dev fabric onlink",)
    assert core.tolerated == ("route delete 198.19.0.6/32 dev fabric",)
    assert machine.where == MACHINE
    assert machine.tolerated == (
        "route delete 198.19.0.6/32 dev ec2u1",
        "route add 198.18.0.5/32 via 198.19.0.0 dev ec2u1 onlink src 198.18.255.255",
    )


def test_an_address_that_moves_keeps_its_way_on_the_machine() -> None:
    at = IPv4Address("198.18.0.5")
    _, machine = public_errands(0, "ec2u1", {at: 3}, {at: 4})

    assert machine.tolerated == ()
    assert public_errands(0, "ec2u1", {at: 3}, {at: 3}) == ()


def test_errands_survive_the_way_to_a_helper() -> None:
    bridge = "br-a1b2c3d4e5f6"
    errands = (*core_errands(0, "ec2u1"), *router_errands(1, 0, "vpc-1", 2, "ec2r1", bridge))
    visit = RouterVisit(errands, 2)

    assert RouterVisit.from_json(visit.to_json()) == visit
    assert "\n" not in visit.to_json()


def test_a_bridge_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no bridge"):
        router_errands(1, 0, "vpc-1", 2, "ec2r1", 'br-1"; evil')


def test_addresses_follow_from_numbers_and_ids() -> None:
    assert str(router_address("10.1.0.0/16")) == "10.1.0.3"
    assert (str(fabric_address(258)), fabric_mac(258)) == ("169.254.1.2", "06:ec:00:00:01:02")
    assert router_mac("vpc-1") == router_mac("vpc-1") != router_mac("vpc-2")
