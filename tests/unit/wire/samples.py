"""Values for every shape of a model, such as a thorough client would send or get."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

from emulator.wire.validate import EXEMPT, compile_pattern

# Everything a form, an XML document or a JSON string could stumble over.
TEXT = "a b+c&d=é%20<e>\"f'/漢😀,;\n"
# Patterns with references to their own groups, which the generator below does not follow.
KNOWN = {"StringDateTime": "2026-01-02T03:04:05Z"}
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@cache
def service_model(name: str) -> ServiceModel:
    session = botocore.session.Session()
    return ServiceModel(
        session.get_component("data_loader").load_service_model(name, "service-2"), name
    )


def operation_model(service: str, operation: str) -> OperationModel:
    return service_model(service).operation_model(operation)


def full(shape: Shape | None) -> dict[str, Any]:
    """Return a structure with every member set, two elements a list, recursion cut."""
    return {} if shape is None else _value(shape, (), required_only=False)


def least(shape: Shape | None) -> dict[str, Any]:
    """Return a structure with only what it requires."""
    return {} if shape is None else _value(shape, (), required_only=True)


def _value(shape: Shape, above: tuple[str, ...], required_only: bool) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, (*above, shape.name), required_only)
    if kind == "list":
        low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 2)
        count = max(low, min(2, high))
        return [_value(shape.member, (*above, shape.name), required_only) for _ in range(count)]
    if kind == "map":
        key = _value(shape.key, above, required_only)
        return {key: _value(shape.value, (*above, shape.name), required_only)}
    if kind == "string":
        return _string(shape)
    if kind == "blob":
        return b"\x00\xffblob"
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return MOMENT
    low, high = shape.metadata.get("min", 1), shape.metadata.get("max", 10**9)
    return float(low) + 0.5 if kind in {"float", "double"} else max(low, min(7, high))


def _structure(shape: Shape, above: tuple[str, ...], required_only: bool) -> Any:
    if shape.is_document_type:
        return {"free": [1, "form", None, {"deep": True}]}
    names = list(shape.members)
    if shape.is_tagged_union:
        names = names[:1]
    elif required_only:
        required = [name for name in names if name in shape.required_members]
        # A form cannot carry a structure without members, except as the absent one.
        names = required or (names[:1] if len(above) > 1 else [])
    return {
        name: _value(shape.members[name], above, required_only)
        for name in names
        if not _returns_to(shape.members[name], above)
    }


def _returns_to(shape: Shape, above: tuple[str, ...]) -> bool:
    return shape.name in above or (shape.type_name == "list" and shape.member.name in above)


def _string(shape: Shape) -> str:
    if shape.enum:
        return str(shape.enum[-1])
    if shape.name in KNOWN:
        return KNOWN[shape.name]
    low, high = shape.metadata.get("min") or 0, shape.metadata.get("max")
    pattern = shape.metadata.get("pattern")
    if pattern is not None and shape.name not in EXEMPT:
        return matching(pattern, low)
    text = TEXT
    while len(text) < low:
        text += TEXT
    return text[:high]


@cache
def matching(pattern: str, shortest: int = 0) -> str:
    """Return a string that a pattern takes."""
    compiled = compile_pattern(pattern)
    if compiled is None:
        return "a" * max(shortest, 1)
    tree = parser.parse(compiled.pattern, re.ASCII)
    for repeat in range(1, 200):
        text = "".join(_generate(item, repeat) for item in tree)
        if len(text) >= shortest and compiled.match(text):
            return text
    raise AssertionError(f"no sample of {pattern}")


def _generate(item: tuple[Any, Any], repeat: int) -> str:
    code, argument = item
    if code is codes.LITERAL:
        return chr(argument)
    if code is codes.NOT_LITERAL or code is codes.ANY:
        return "a"
    if code is codes.IN:
        return _from_class(argument)
    if code in {codes.MAX_REPEAT, codes.MIN_REPEAT}:
        low, high, inner = argument
        return "".join(_generate(each, 1) for each in inner) * max(low, min(repeat, high))
    if code is codes.SUBPATTERN:
        return "".join(_generate(each, repeat) for each in argument[3])
    if code is codes.BRANCH:
        return "".join(_generate(each, repeat) for each in argument[1][-1])
    return ""  # anchors and look-aheads take no characters


def _from_class(items: list[tuple[Any, Any]]) -> str:
    code, argument = items[-1] if items[-1][0] is not codes.NEGATE else items[0]
    for code, argument in items:
        if code is codes.NEGATE:
            return "a"
        if code is codes.CATEGORY:
            if argument is codes.CATEGORY_DIGIT:
                return "1"
            return " " if argument is codes.CATEGORY_SPACE else "a"
        if code is codes.RANGE and chr(argument[0]) in "aA01":
            return chr(argument[0])
    code, argument = items[0]
    return chr(argument[1] if code is codes.RANGE else argument)
