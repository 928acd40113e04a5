from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.core.errors import AwsError
from emulator.model.row import Row
from emulator.services.filters import select, wildcard
from emulator.state.store import Region

REGION = Region("000000000000", "us-east-1")


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("web", "web", True),
        ("web", "Web", False),
        ("web", "web1", False),
        ("*", "", True),
        ("w*", "web", True),
        ("*b", "web", True),
        ("w?b", "web", True),
        ("w?b", "wb", False),
        ("?", "", False),
        ("a*b*c", "a-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("a*b*b", "ab", False),
        ("*ab*", "xxabyy", True),
        ("**x**", "x", True),
        (r"\*", "*", True),
        (r"\*", "x", False),
        (r"a\?*", "a?b", True),
        (r"a\?*", "axb", False),
        ("[a]", "[a]", True),
        ("[a]*", "a", False),
        ("a\n*", "a\nb", True),
        ("amzn-ami-hvm-2017.09*x86_64-gp2", "amzn-ami-hvm-2017.09.1.2-x86_64-gp2", True),
        ("amzn-ami-hvm-2017.09*x86_64-gp2", "amzn-ami-hvm-2017x09.1.2-x86_64-ebs", False),
    ],
)
def test_wildcards_match_whole_values(pattern: str, value: str, expected: bool) -> None:
    assert wildcard(pattern)(value) is expected


def _reference(pattern: str, value: str) -> bool:
    """Match by trying everything, the slow and obvious way."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(_reference(pattern[1:], value[i:]) for i in range(len(value) + 1))
    return bool(value) and pattern[0] in ("?", value[0]) and _reference(pattern[1:], value[1:])


@given(st.text("ab*?", max_size=7), st.text("ab", max_size=8))
def test_wildcards_agree_with_trying_everything(pattern: str, value: str) -> None:
    assert wildcard(pattern)(value) is _reference(pattern, value)


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not wildcard("a*" * 200 + "b")("a" * 5000)


def rows(**tags_of: dict[str, str]) -> list[Row]:
    return [Row(id=name, tags=tags) for name, tags in tags_of.items()]


def chosen(filters: list[dict[str, Any]], candidates: list[Row]) -> list[str]:
    fields = {
        "id": lambda _, row: row.id,
        "tagged": lambda _, row: bool(row.tags),
        "count": lambda _, row: len(row.tags),
        "nothing": lambda _, _row: None,
    }
    return [row.id for row in select(REGION, candidates, filters, fields, taggable=True)]


CANDIDATES = rows(a={}, b={"Name": "web", "Env": "prod"}, c={"Name": "db"})


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], ["a", "b", "c"]),
        ([{"Name": "id", "Values": ["a", "c"]}], ["a", "c"]),
        ([{"Name": "tag:Name", "Values": ["w*"]}], ["b"]),
        ([{"Name": "tag:name", "Values": ["web"]}], []),
        ([{"Name": "tag-key", "Values": ["Env"]}], ["b"]),
        ([{"Name": "tag-value", "Values": ["db"]}], ["c"]),
        ([{"Name": "tagged", "Values": ["false"]}], ["a"]),
        ([{"Name": "count", "Values": ["2"]}], ["b"]),
        ([{"Name": "nothing", "Values": ["*"]}], []),
        (
            [{"Name": "tagged", "Values": ["true"]}, {"Name": "id", "Values": ["a", "b"]}],
            ["b"],
        ),
    ],
)
def test_every_filter_must_match_by_one_of_its_values(
    filters: list[dict[str, Any]], expected: list[str]
) -> None:
    assert chosen(filters, CANDIDATES) == expected


@pytest.mark.parametrize(
    "bad",
    [
        {"Name": "colour", "Values": ["red"]},
        {"Values": ["red"]},
        {"Name": "id"},
        {"Name": "id", "Values": []},
    ],
)
def test_a_filter_that_means_nothing_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(AwsError) as refused:
        chosen([bad], CANDIDATES)

    assert refused.value.code == "InvalidParameterValue"
