from __future__ import annotations

import pytest

from emulator.net.bridge_filter import bridge_of, bridges_of, forget, guard

NETWORK = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90"
BRIDGE = "br-a1b2c3d4e5f6"


def test_a_networks_bridge_has_the_first_digits_of_its_id() -> None:
    assert bridge_of(NETWORK) == BRIDGE


def test_nothing_from_a_bridge_gets_to_the_machines_own_metadata_service() -> None:
    script = guard(BRIDGE, None)

    assert f'iifname "{BRIDGE}" ip daddr 169.254.169.254 drop' in script
    assert "notrack" not in script
    assert script.startswith(forget(BRIDGE))


def test_what_stays_on_the_bridge_within_a_foreign_range_is_not_tracked() -> None:
    script = guard(BRIDGE, "10.0.0.0/16")

    assert f'iifname "{BRIDGE}" ip saddr 10.0.0.0/16 ip daddr 10.0.0.0/16 notrack' in script


def test_only_our_own_tables_tell_of_bridges() -> None:
    tables = ["filter", "ec2_emulator", "ec2_emulator_a1b2c3d4e5f6", "ec2_emulator_ports"]

    assert bridges_of(tables) == [BRIDGE]


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
