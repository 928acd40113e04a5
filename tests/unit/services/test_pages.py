from __future__ import annotations

from typing import Any

import pytest

from emulator.core.errors import AwsError
from emulator.model.row import Row
from emulator.services.pages import page_of_rows
from emulator.state.store import Region


def rows(count: int) -> list[Row]:
    table = Region("000000000000", "us-east-1")[Row]
    return [table.add(Row(id=str(number))) for number in range(count)]


def pages(candidates: list[Row], size: int) -> list[list[str]]:
    found, params = [], {"MaxResults": size}
    while True:
        shown, token = page_of_rows("DescribeThings", candidates, params, (1, 100))
        found.append([row.id for row in shown])
        if token is None:
            return found
        params = {"MaxResults": size, "NextToken": token}


def test_pages_hold_every_row_once() -> None:
    assert pages(rows(5), 2) == [["0", "1"], ["2", "3"], ["4"]]


def test_the_last_full_page_has_no_token() -> None:
    assert pages(rows(4), 2) == [["0", "1"], ["2", "3"]]


def test_without_a_size_everything_comes_at_once() -> None:
    shown, token = page_of_rows("DescribeThings", rows(3), {}, None)

    assert len(shown) == 3
    assert token is None


def test_a_token_outlives_the_row_it_names() -> None:
    candidates = rows(4)
    _, token = page_of_rows("DescribeThings", candidates, {"MaxResults": 2}, (1, 100))
    del candidates[1]

    shown, _ = page_of_rows("DescribeThings", candidates, {"NextToken": token}, (1, 100))

    assert [row.id for row in shown] == ["2", "3"]


@pytest.mark.parametrize(
    "params",
    [
        {"MaxResults": 0},
        {"MaxResults": 101},
        {"NextToken": "nonsense"},
        {"NextToken": "é"},
        {"NextToken": "T3RoZXI6MQ=="},
    ],
)
def test_what_cannot_be_a_page_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(AwsError) as refused:
        page_of_rows("DescribeThings", rows(3), params, (1, 100))

    assert refused.value.code == "InvalidParameterValue"
