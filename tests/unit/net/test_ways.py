"""An instance's way out by its VPC's router."""

from __future__ import annotations

from emulator.net.visit import Gateway, Visit, answers_script, default_routes, way_commands

GATEWAY = Gateway("10.1.0.3", "06:01:02:03:04:05", ("10.1.0.0/16", "10.5.0.0/24"))
HEAD = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
NETWORK = "eth0 0000010A 00000000 0001 0 0 0 0000FFFF 0 0 0\n"
BY_MACHINE = "eth0 00000000 0100010A 0003 0 0 0 00000000 0 0 0\n"
BY_ROUTER = "eth0 00000000 0300010A 0003 0 0 0 00000000 0 0 0\n"


def test_the_kernels_table_tells_of_default_routes() -> None:
    found = default_routes(HEAD + BY_MACHINE + NETWORK)

    assert [(str(address), link) for address, link in found] == [("10.1.0.1", "eth0")]


def test_what_went_by_the_machine_goes_by_the_router_and_answers_still_do() -> None:
    assert way_commands(GATEWAY, "eth0", HEAD + BY_MACHINE + NETWORK) == [
        "route replace default via 10.1.0.1 dev eth0 table 4566",
        "route replace default via 10.1.0.3 dev eth0",
        "rule add preference 4566 fwmark 0x20000000/0x20000000 lookup 4566",
    ]


def test_a_second_visit_makes_no_second_rule() -> None:
    assert way_commands(GATEWAY, "eth0", HEAD + BY_ROUTER + NETWORK) == [
        "route replace default via 10.1.0.3 dev eth0"
    ]


def test_who_came_by_the_machine_is_known_by_not_having_come_by_the_router() -> None:
    script = answers_script(GATEWAY, ["eth0", "eth1"])

    assert (
        'iifname { "eth0", "eth1" } ether saddr != 06:01:02:03:04:05 '
        "ip saddr != { 10.1.0.0/16, 10.5.0.0/24 }" in script
    )


def test_a_visit_keeps_its_gateway_on_the_way_to_a_helper() -> None:
    visit = Visit(gateway=GATEWAY)

    assert Visit.from_json(visit.to_json()) == visit
    assert Visit.from_json(Visit().to_json()) == Visit()
