from __future__ import annotations

import pytest

from emulator.net.bridge_filter import bridge_of, bridges_of, forget, guard, routed

NETWORK = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90"
BRIDGE = "br-a1b2c3d4e5f6"


def test_a_networks_bridge_has_the_first_digits_of_its_id() -> None:
    assert bridge_of(NETWORK) == BRIDGE


def test_nothing_from_a_bridge_gets_to_the_machines_own_metadata_service() -> None:
    script = guard(BRIDGE, None)

    assert f'iifname "{BRIDGE}" ip daddr 169.254.169.254 drop' in script
    assert "notrack" not in script
    assert script.startswith("add table ip ec2_emulator_a1b2c3d4e5f6\ndelete table ip ")


def test_what_stays_on_the_bridge_within_a_foreign_range_is_not_tracked() -> None:
    script = guard(BRIDGE, "10.0.0.0/16")

    assert f'iifname "{BRIDGE}" ip saddr 10.0.0.0/16 ip daddr 10.0.0.0/16 notrack' in script


def test_only_our_own_tables_tell_of_bridges() -> None:
    tables = [
        "filter",
        "ec2_emulator",
        "ec2_emulator_a1b2c3d4e5f6",
        "ec2_emulator_ports",
        "ec2_emulator_routed_a1b2c3d4e5f6",
        "ec2_emulator_routed_b1b2c3d4e5f6",
    ]

    assert bridges_of(tables) == [BRIDGE, "br-b1b2c3d4e5f6"]


def test_a_bridge_that_is_gone_leaves_neither_of_its_tables() -> None:
    gone = [line for line in forget(BRIDGE).splitlines() if line.startswith("delete")]

    assert gone == [
        "delete table ip ec2_emulator_a1b2c3d4e5f6",
        "delete table ip ec2_emulator_routed_a1b2c3d4e5f6",
    ]


def test_what_a_router_sends_and_gets_only_crosses_the_bridge() -> None:
    script = routed(BRIDGE, "06:01:02:03:04:05")

    assert f'iifname "{BRIDGE}" ether daddr 06:01:02:03:04:05 notrack' in script
    assert f'iifname "{BRIDGE}" oifname != "{BRIDGE}" ip saddr 198.18.0.0/15 masquerade' in script


@pytest.mark.parametrize("mac", ["", "06:01:02:03:04:05 accept", "06:01:02:03:04"])
def test_a_routers_address_is_one(mac: str) -> None:
    with pytest.raises(ValueError, match="hardware address"):
        routed(BRIDGE, mac)


@pytest.mark.parametrize(
    ("bridge", "cidr"),
    [
        (f'{BRIDGE}" accept', "10.0.0.0/16"),
        ("docker0", "10.0.0.0/16"),
        (BRIDGE, "10.0.0.0/16 accept"),
        (BRIDGE, "10.0.0.1/16"),
    ],
)
def test_nothing_but_a_bridge_and_a_range_gets_into_a_script(bridge: str, cidr: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        guard(bridge, cidr)
