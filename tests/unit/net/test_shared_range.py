from __future__ import annotations

import pytest

from emulator.net.shared_range import bridge_of, bridges_of, forget, keep_apart

NETWORK = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90"


def test_a_networks_bridge_has_the_first_digits_of_its_id() -> None:
    assert bridge_of(NETWORK) == "br-a1b2c3d4e5f6"


def test_what_stays_on_the_bridge_within_the_range_is_not_tracked() -> None:
    script = keep_apart(bridge_of(NETWORK), "10.0.0.0/16")

    rule = 'iifname "br-a1b2c3d4e5f6" ip saddr 10.0.0.0/16 ip daddr 10.0.0.0/16 notrack'
    assert rule in script
    assert script.startswith(forget(bridge_of(NETWORK)))


def test_only_our_own_tables_tell_of_bridges() -> None:
    tables = ["filter", "ec2_emulator", "ec2_emulator_a1b2c3d4e5f6", "ec2_emulator_ports"]

    assert bridges_of(tables) == ["br-a1b2c3d4e5f6"]


@pytest.mark.parametrize(
    ("bridge", "cidr"),
    [
        ('br-a1b2c3d4e5f6" accept', "10.0.0.0/16"),
        ("docker0", "10.0.0.0/16"),
        ("br-a1b2c3d4e5f6", "10.0.0.0/16 accept"),
        ("br-a1b2c3d4e5f6", "10.0.0.1/16"),
    ],
)
def test_nothing_but_a_bridge_and_a_range_gets_into_a_script(bridge: str, cidr: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        keep_apart(bridge, cidr)
