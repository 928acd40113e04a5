"""Counting scripts, and what nft lists of them, read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.net.flow_capture import (
    TABLES,
    TIMEOUT_SECONDS,
    Capture,
    Flow,
    Unreadable,
    begin_script,
    end_script,
    read_capture,
)

NOW = 1_700_000_060


def element(*concat: Any, packets: int = 1, octets: int = 60, age: int = 0) -> dict[str, Any]:
    return {
        "elem": {
            "val": {"concat": list(concat)},
            "expires": TIMEOUT_SECONDS - age,
            "counter": {"packets": packets, "bytes": octets},
        }
    }


def listing(counted: int, **sets: list[dict[str, Any]]) -> str:
    shown: list[dict[str, Any]] = [{"metainfo": {}}, {"table": {"name": "x"}}]
    shown.append({"counter": {"name": "in_all", "packets": counted, "bytes": 0}})
    shown += [{"set": {"name": name, "elem": found}} for name, found in sets.items()]
    shown.append({"set": {"name": "kept_out_tcp6"}})
    return json.dumps({"nftables": shown})


ENDS = ("10.0.0.9", "10.0.0.4", 40000, 80)


def test_what_was_seen_and_came_through_is_accepted() -> None:
    text = listing(
        5,
        seen_in_syn4=[element(*ENDS, age=50)],
        seen_in_tcp4=[element(*ENDS, packets=3, octets=300, age=49)],
        seen_in_fin4=[element(*ENDS, age=40)],
        kept_in_syn4=[element(*ENDS, age=50)],
        kept_in_tcp4=[element(*ENDS, packets=3, octets=300, age=42)],
        kept_in_fin4=[element(*ENDS, age=40)],
    )

    assert read_capture(text, NOW) == Capture(
        (Flow(True, *ENDS[:2], 6, *ENDS[2:], True, 5, 420, 3, NOW - 50, NOW - 40),)
    )


def test_what_did_not_come_through_is_rejected() -> None:
    ends = ("10.0.0.4", "10.0.0.9")
    text = listing(
        4,
        seen_out_ports4=[element(*ends, 17, 5000, 53, packets=3, octets=90, age=9)],
        kept_out_ports4=[element(*ends, 17, 5000, 53, packets=1, octets=30, age=8)],
        seen_out_other4=[element(*ends, 1, age=5)],
    )
    accepted, rejected, ping = read_capture(text, NOW).flows

    assert accepted == Flow(False, *ends, 17, 5000, 53, True, 1, 30, 0, NOW - 9, NOW - 8)
    assert rejected == Flow(False, *ends, 17, 5000, 53, False, 2, 60, 0, NOW - 9, NOW)
    assert ping == Flow(False, *ends, 1, 0, 0, False, 1, 60, 0, NOW - 5, NOW)


@pytest.mark.parametrize(
    ("kind", "flags"), [("syn", 2), ("synack", 18), ("rst", 4), ("fin", 1), ("tcp", 0)]
)
def test_flags_are_those_of_the_set(kind: str, flags: int) -> None:
    text = listing(1, **{f"seen_in_{kind}6": [element("2001:db8::9", "2001:db8::4", 1, 2)]})
    (flow,) = read_capture(text, NOW).flows

    assert (flow.protocol, flow.tcp_flags, flow.accepted) == (6, flags, False)


def test_more_packets_than_sets_have_room_for_make_a_count_that_is_not_whole() -> None:
    found = {"seen_in_other4": [element("10.0.0.9", "10.0.0.4", 47)]}

    assert read_capture(listing(1, **found), NOW).is_whole
    assert not read_capture(listing(2, **found), NOW).is_whole


def test_a_flow_that_only_came_through_was_seen_all_the_same() -> None:
    text = listing(2, kept_in_other4=[element("10.0.0.9", "10.0.0.4", 47, packets=2)])
    (flow,) = read_capture(text, NOW).flows

    assert (flow.accepted, flow.packets) == (True, 2)


def test_nothing_listed_is_nothing_counted() -> None:
    assert read_capture("", NOW) == Capture()


def test_the_tables_take_turns() -> None:
    first, second = begin_script(0), begin_script(1)

    assert f"flush chain {TABLES[1]} before_in" in first
    assert f"flush chain {TABLES[0]} before_out" in second
    assert first.count("type filter hook") == second.count("type filter hook") == 4
    assert "meta mark or 0x10000000" in first
    assert "meta mark and 0x20000000 == 0 return" in second


def test_no_packet_meets_a_verdict_but_to_go_on() -> None:
    words = begin_script(0).split()

    assert "drop" not in words
    assert "reject" not in words
    assert "policy drop" not in begin_script(0)


def test_the_end_leaves_no_table() -> None:
    for table in TABLES:
        assert f"table {table}\ndelete table {table}\n" in end_script()


@pytest.mark.parametrize("text", ["nonsense", "{}", '{"nftables": [{"set": {"name": "x"}}]}'])
def test_anything_else_cannot_be_read(text: str) -> None:
    with pytest.raises(Unreadable):
        read_capture(text, NOW)
