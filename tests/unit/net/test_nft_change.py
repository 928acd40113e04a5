"""What differs between two filters, as a script."""

from __future__ import annotations

import attrs
import pytest

from emulator.net.cidrs import known_network
from emulator.net.nft import script
from emulator.net.nft_change import change
from emulator.net.ruleset import Allowed, InterfaceRules, Ruleset
from emulator.net.traffic import Traffic

EVERYBODY = (known_network("0.0.0.0/0"),)
HTTP = Allowed(Traffic(6, (80, 80)), EVERYBODY)
OPEN = InterfaceRules((known_network("10.0.0.4/32"),), (HTTP,), ())


def filter_of(*interfaces: InterfaceRules) -> str:
    return script(Ruleset(interfaces))


def test_a_rule_more_is_the_chains_that_it_is_in() -> None:
    more = attrs.evolve(OPEN, ingress=(HTTP, Allowed(Traffic(6, (22, 22)), EVERYBODY)))
    text = change(filter_of(OPEN), filter_of(more))

    assert text.count("flush chain") == text.count("  chain ") == 2
    assert text.startswith(
        "flush chain inet ec2_emulator in_0\nflush chain inet ec2_emulator host_0\n"
    )
    assert "tcp dport { 22, 80 } goto tracked" in text
    assert "delete table" not in text


@pytest.mark.parametrize(
    "wanted",
    [
        filter_of(OPEN, attrs.evolve(OPEN, addresses=(known_network("10.0.0.5/32"),))),
        filter_of(attrs.evolve(OPEN, source_dest_check=False)),
        filter_of(OPEN),
        filter_of(),
    ],
    ids=["an interface more", "a hook's rules", "nothing", "no interface"],
)
def test_anything_else_is_the_whole_filter(wanted: str) -> None:
    assert change(filter_of(OPEN), wanted) == wanted


def test_where_there_was_no_filter_it_is_the_whole_one() -> None:
    assert change("", filter_of(OPEN)) == filter_of(OPEN)
