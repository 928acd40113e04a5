"""Filters as AWS has them: a known name, values with ``*`` and ``?``, all must match.

Source: "Filter your resources" in the Amazon EC2 user guide: names and values are case
sensitive, values of one filter are alternatives, a backslash takes a wildcard literally.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from emulator.core.errors import AwsError
from emulator.model.row import Row
from emulator.state.store import Region

R = TypeVar("R", bound=Row)

Value: TypeAlias = str | bool | int | Iterable[str | None] | None
Field: TypeAlias = Callable[[Region, R], Value]
Test: TypeAlias = Callable[[str], bool]

MAX_VALUES = 200
_SPECIAL = re.compile(r"[*?\\]")


def wildcard(pattern: str) -> Test:
    """Return a test of whole values against one pattern."""
    if _SPECIAL.search(pattern) is None:
        return pattern.__eq__
    expression: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            # Runs of stars mean one star; many would make the match explode.
            if not expression or expression[-1] != ".*":
                expression.append(".*")
        elif character == "?":
            expression.append(".")
        elif character == "\\":
            expression.append(re.escape(next(characters, "\\")))
        else:
            expression.append(re.escape(character))
    if expression.count(".*") > 1:
        return _segments(pattern)
    match = re.compile("".join(expression), re.DOTALL).fullmatch
    return lambda value: match(value) is not None


def _segments(pattern: str) -> Test:
    """Match patterns of several stars piece by piece, in time linear in the value."""
    pieces: list[list[str | None]] = [[]]
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            pieces.append([])
        elif character == "?":
            pieces[-1].append(None)
        elif character == "\\":
            pieces[-1].append(next(characters, "\\"))
        else:
            pieces[-1].append(character)
    compiled = [
        re.compile("".join("." if c is None else re.escape(c) for c in piece), re.DOTALL)
        for piece in pieces
    ]
    first, *middle, last = compiled
    last_length = len(pieces[-1])

    def test(value: str) -> bool:
        found = first.match(value)
        if found is None:
            return False
        position = found.end()
        for piece in middle:
            found = piece.search(value, position)
            if found is None:
                return False
            position = found.end()
        start = len(value) - last_length
        return start >= position and last.fullmatch(value, start) is not None

    return test


def _any_of(values: Sequence[str]) -> Test:
    exact = {value for value in values if _SPECIAL.search(value) is None}
    if len(exact) == len(values):
        return exact.__contains__
    tests = [wildcard(value) for value in values if value not in exact]
    return lambda value: value in exact or any(test(value) for test in tests)


def _text(value: str | bool | int) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    return str(value)


def _matches(value: Value, test: Test) -> bool:
    if value is None:
        return False
    if isinstance(value, str | bool | int):
        return test(_text(value))
    return any(item is not None and test(item) for item in value)


def _tag_field(name: str) -> Field[Any] | None:
    if name == "tag-key":
        return lambda _, row: tuple(row.tags)
    if name == "tag-value":
        return lambda _, row: tuple(row.tags.values())
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda _, row: row.tags.get(key)
    return None


def select(
    region: Region,
    rows: Iterable[R],
    filters: Sequence[Mapping[str, Any]] | None,
    fields: Mapping[str, Field[R]],
    *,
    taggable: bool,
) -> list[R]:
    """Return the rows that pass every filter.

    Args:
        region: where the fields look related rows up.
        rows: the candidates, in order.
        filters: as in a request: maps with ``Name`` and ``Values``.
        fields: for each filter name AWS documents for this call, the row's value or values.
        taggable: whether ``tag:<key>``, ``tag-key`` and ``tag-value`` work too.

    Raises:
        AwsError: InvalidParameterValue for an unknown name, no values or too many.
    """
    chosen = list(rows)
    for item in filters or ():
        name, values = item.get("Name"), item.get("Values")
        if not name:
            raise AwsError("InvalidParameterValue", "The filter 'null' is invalid")
        field = fields.get(name) or (_tag_field(name) if taggable else None)
        if field is None:
            raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
        if not values:
            raise AwsError(
                "InvalidParameterValue", f"The filter '{name}' has no values; give at least one"
            )
        if len(values) > MAX_VALUES:
            raise AwsError(
                "FilterLimitExceeded",
                f"The filter '{name}' has {len(values)} values; at most {MAX_VALUES} are allowed",
            )
        test = _any_of(values)
        chosen = [row for row in chosen if _matches(field(region, row), test)]
    return chosen
