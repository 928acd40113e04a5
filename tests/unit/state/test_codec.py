from __future__ import annotations

import functools
import importlib
import json
import pkgutil
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import emulator.model
from emulator.model.instance import Instance, Reservation
from emulator.model.network_interface import NetworkInterface
from emulator.model.row import Row
from emulator.state.codec import CodecError, dump, load

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)


def kinds() -> Iterator[type[Row]]:
    for module in pkgutil.iter_modules(emulator.model.__path__, "emulator.model."):
        for value in vars(importlib.import_module(module.name)).values():
            if (
                isinstance(value, type)
                and issubclass(value, Row)
                and value.__module__ == module.name
            ):
                yield value


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for a field's type."""
    plain = {
        str: st.text(max_size=5),
        int: st.integers(),
        bool: st.booleans(),
        float: st.floats(allow_nan=False),
        bytes: st.binary(max_size=5),
        datetime: st.datetimes(timezones=st.just(UTC)),
        Any: JSON,
        type(None): st.none(),
    }
    if kind in plain:
        return plain[kind]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values, inner))
    if origin is tuple and inner[-1:] == (Ellipsis,):
        return st.lists(values(inner[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, inner))
    if origin in (set, frozenset):
        return st.builds(origin, st.lists(values(inner[0]), max_size=2))
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=2)
    if origin is not None and issubclass(origin, Sequence):
        return st.lists(values(inner[0]), max_size=2)
    assert attrs.has(kind), kind
    return built(kind)


@functools.cache
def built(kind: type[Any]) -> st.SearchStrategy[Any]:
    attrs.resolve_types(kind)
    fields = [each for each in attrs.fields(kind) if each.init]
    return st.builds(kind, **{(each.alias or each.name): values(each.type) for each in fields})


def shown(value: Any) -> Any:
    """Return a record as plain values, its machinery left out, to be compared."""
    if attrs.has(type(value)):
        fields = [each.name for each in attrs.fields(type(value)) if each.init]
        return {name: shown(getattr(value, name)) for name in fields}
    if isinstance(value, Mapping):
        return {key: shown(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [shown(each) for each in value]
    return value


def test_there_are_kinds_to_be_tried() -> None:
    assert len(list(kinds())) > 40


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
@settings(
    max_examples=5, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(data=st.data())
def test_a_record_of_any_kind_comes_back_as_it_was(kind: type[Row], data: Any) -> None:
    row = data.draw(built(kind))
    (again,) = load(dump([row]), [kind])

    assert shown(again) == shown(row)
    assert type(again) is kind


def reservation(number: int = 1, **fields: Any) -> Reservation:
    return Reservation(**{"id": f"r-{number}", "size": number, **fields})


def test_rows_come_in_the_order_of_the_kinds_and_of_their_writing() -> None:
    text = dump([reservation(1), reservation(2, tags={"a": "b"})])
    first, second = load(text, [Instance, Reservation])

    assert (first.id, second.id, dict(second.tags)) == ("r-1", "r-2", {"a": "b"})


def test_what_was_not_asked_for_is_left_out() -> None:
    assert load(dump([reservation()]), [NetworkInterface]) == []


def test_the_text_is_one_line_of_json_with_nothing_of_the_tables() -> None:
    row = reservation()
    row.fragment, row.sequence = b"<item/>", 7

    assert dump([row]) == '{"Reservation":[{"id":"r-1","size":1}]}'


def test_nothing_is_something() -> None:
    assert load(dump([]), [Instance]) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "[]",
        "7",
        "null",
        '{"Reservation":7}',
        '{"Reservation":{}}',
        '{"Reservation":null}',
        '{"Reservation":[7]}',
        '{"Reservation":["r-1"]}',
        '{"Reservation":[null]}',
        '{"Reservation":[{"id":"r-1"}]}',
        '{"Reservation":[{"id":"r-1","size":"many"}]}',
        '{"Reservation":[{"id":"r-1","size":1,"tags":7}]}',
        '{"Reservation":[{"id":"r-1","size":1,"of_a_later_version":1}]}',
        '{"Reservation":[{"id":"r-1","size":1,"watcher":1}]}',
        '{"Reservation":[{"id":"r-1","size":1}',
        "[" * 100_000,
    ],
)
def test_another_text_is_an_error(text: str) -> None:
    with pytest.raises(CodecError):
        load(text, [Reservation])


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        load(text, [Reservation])
    except CodecError as error:
        assert str(error)  # noqa: PT017 - both ends are right


@given(JSON)
def test_any_json_is_read_or_refused(value: Any) -> None:
    try:
        load(json.dumps({"Reservation": value, "Instance": [value]}), [Reservation, Instance])
    except CodecError as error:
        assert str(error)  # noqa: PT017 - both ends are right
