"""The benchmark's verdicts; its measuring is not tested."""

from __future__ import annotations

from benchmarks.container import Container
from benchmarks.measures import Memory
from benchmarks.report import Results, demands, table


def test_a_ratio_under_its_minimum_is_not_met() -> None:
    found = demands(Results(regions={"emulator": 100, "echo": 200, "moto": 3}))

    assert [(each.unit, each.is_met) for each in found] == [("× echo", True), ("× moto", False)]


def test_memory_over_its_maximum_is_not_met() -> None:
    (found,) = demands(Results(memory=Memory(80, 12.5, 13)))

    assert found.cells()[1:] == ("12.5 KiB", "≤ 12 KiB", "**NO**")


def test_nothing_is_claimed_without_a_measurement_of_the_emulator() -> None:
    assert demands(Results(regions={"echo": 200, "moto": 3}, launches={"moto": 1})) == []


def test_metadata_is_held_against_the_echo() -> None:
    found = demands(Results(regions={"echo": 200}, metadata={"emulator": 90}))

    assert [(each.unit, each.is_met) for each in found] == [("× echo", True)]


def test_a_container_that_starts_slowly_is_not_met() -> None:
    found = demands(Results(container=Container(added_mb=142, start_seconds=1.6, idle_mib=70)))

    assert [(each.unit, each.is_met) for each in found] == [
        ("MB", True),
        ("s", False),
        ("MiB", True),
    ]


def test_columns_line_up() -> None:
    expected = "| a   | b |\n|-----|---|\n| 1   | 2 |\n| 333 | 4 |"

    assert expected == table(("a", "b"), [("1", "2"), ("333", "4")])
