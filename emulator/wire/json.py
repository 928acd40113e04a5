"""The JSON protocol, 1.0 and 1.1: request bodies to parameters, results to bodies.

Members the model does not know are ignored, as AWS's JSON services do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.wire import scalar
from emulator.wire.validate import Problems, length_rule, number_rule, string_rule

if TYPE_CHECKING:
    from emulator.wire.message import HttpRequest
    from emulator.wire.model import Model, Shape

Parse = Callable[[Any, str, Problems], Any]
Render = Callable[[Any], Any]
"""Turn one value of a result into what ``json.dumps`` takes."""

_DEEPEST_DOCUMENT = 64
# Beyond every limit of SSM and ECS; what is decoded takes many times its size.
_LONGEST_BODY = 2 << 20


def dumps(value: object) -> bytes:
    """Return a compact JSON document, in ASCII."""
    return json.dumps(value, separators=(",", ":")).encode()


class JsonParser:
    """Compiles one reading closure per shape of a ``json`` service."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._compiled: dict[str, Parse] = {}

    def compile(self, shape: Shape | None) -> Callable[[HttpRequest], dict[str, Any]]:
        """Return the function that reads one operation's parameters from a request."""
        service = self._model.name
        walk = self._parser(shape) if shape is not None else None

        def parse(request: HttpRequest) -> dict[str, Any]:
            document = _document(request.body)
            if walk is None:
                return {}
            problems = Problems()
            try:
                result: dict[str, Any] = walk(document, "", problems)
            except RecursionError:  # few of the model's structures contain themselves
                raise _mistyped("", "a structure: it is nested too deeply") from None
            problems.raise_any(service)
            return result

        return parse

    def _parser(self, shape: Shape) -> Parse:
        name = shape["name"]
        done = self._compiled.get(name)
        if done is None:

            def parse_later(value: Any, path: str, problems: Problems) -> Any:
                return self._compiled[name](value, path, problems)

            # A shape that contains itself finds this stand-in while it is being compiled.
            self._compiled[name] = parse_later
            done = self._compiled[name] = self._build(shape)
        return done

    def _build(self, shape: Shape) -> Parse:
        match shape["type"]:
            case "structure" if shape.get("document"):
                return _free_document
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case _:
                return _scalar(shape)

    def _structure(self, shape: Shape) -> Parse:
        fields = {}
        for name, reference in shape["members"].items():
            member = self._model.resolve(reference)
            fields[str(member.get("locationName", name))] = (name, self._parser(member))
        required = tuple(shape.get("required", ()))

        def parse(value: Any, path: str, problems: Problems) -> dict[str, Any]:
            if not isinstance(value, dict):
                raise _mistyped(path, "a structure")
            prefix = f"{path}." if path else ""
            result = {}
            for key, child in value.items():
                field = fields.get(key)
                if field is not None and child is not None:
                    result[field[0]] = field[1](child, prefix + key, problems)
            for name in required:
                if name not in result:
                    problems.missing(prefix + name)
            return result

        return parse

    def _list(self, shape: Shape) -> Parse:
        parse_item = self._parser(self._model.resolve(shape["member"]))
        rule = length_rule(shape)

        def parse(value: Any, path: str, problems: Problems) -> list[Any]:
            if not isinstance(value, list):
                raise _mistyped(path, "a list")
            clause = rule(value) if rule is not None else None
            if clause is not None:
                problems.invalid(path, f"{len(value)} items", clause)
            return [
                parse_item(item, f"{path}.{number}.member", problems)
                for number, item in enumerate(value, 1)
                if item is not None
            ]

        return parse

    def _map(self, shape: Shape) -> Parse:
        parse_key = self._parser(self._model.resolve(shape["key"]))
        parse_value = self._parser(self._model.resolve(shape["value"]))
        rule = length_rule(shape)

        def parse(value: Any, path: str, problems: Problems) -> dict[str, Any]:
            if not isinstance(value, dict):
                raise _mistyped(path, "a map")
            clause = rule(value) if rule is not None else None
            if clause is not None:
                problems.invalid(path, f"{len(value)} entries", clause)
            return {
                parse_key(key, path, problems): parse_value(item, f"{path}.member", problems)
                for key, item in value.items()
                if item is not None
            }

        return parse


class JsonWriter:
    """Compiles one rendering closure per shape of a ``json`` service."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._compiled: dict[str, Render] = {}

    def compile(self, shape: Shape) -> Render:
        """Return the function that renders values of one shape."""
        name = shape["name"]
        done = self._compiled.get(name)
        if done is None:

            def render_later(value: Any) -> Any:
                return self._compiled[name](value)

            # A shape that contains itself finds this stand-in while it is being compiled.
            self._compiled[name] = render_later
            done = self._compiled[name] = self._build(shape)
        return done

    def _build(self, shape: Shape) -> Render:
        match shape["type"]:
            case "structure" if shape.get("document"):
                return lambda value: value
            case "structure":
                return self._structure(shape)
            case "list":
                item_of = self.compile(self._model.resolve(shape["member"]))
                return lambda value: [item_of(item) for item in value if item is not None]
            case "map":
                value_of = self.compile(self._model.resolve(shape["value"]))
                return lambda value: {key: value_of(item) for key, item in value.items()}
            case "boolean":
                return bool
            case "integer" | "long":
                return int
            case "float" | "double":
                return float
            case "blob":
                return lambda value: scalar.base64_text(value).decode()
            case "timestamp":
                if shape.get("timestampFormat") == "iso8601":
                    return scalar.iso8601
                return scalar.epoch_seconds
            case _:
                return str

    def _structure(self, shape: Shape) -> Render:
        members = {}
        for name, reference in shape["members"].items():
            member = self._model.resolve(reference)
            members[name] = (str(member.get("locationName", name)), self.compile(member))

        def render(value: Mapping[str, Any]) -> dict[str, Any]:
            result = {}
            for name, item in value.items():
                if item is not None:
                    wire, render_member = members[name]
                    result[wire] = render_member(item)
            return result

        return render


def _document(body: bytes) -> Any:
    if not body.strip():
        return {}
    if len(body) > _LONGEST_BODY:
        raise AwsError("SerializationException", "The request body is too large")
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise AwsError("SerializationException", "The request body is not valid JSON") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _mistyped(path: str, wanted: str) -> AwsError:
    at = f"The value of {path}" if path else "The request body"
    return AwsError("SerializationException", f"{at} can not be converted to {wanted}")


def _free_document(value: Any, path: str, problems: Problems) -> Any:
    del problems
    level = [value]
    for _ in range(_DEEPEST_DOCUMENT):
        children: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                children += each.values()
            elif isinstance(each, list):
                children += each
        if not children:
            return value
        level = children
    raise _mistyped(path, "a document: it is nested too deeply")


def _scalar(shape: Shape) -> Parse:
    convert, rule = _conversion(shape)

    def parse(value: Any, path: str, problems: Problems) -> Any:
        converted = convert(value)
        if converted is None:
            raise _mistyped(path, f"a {shape['type']}")
        clause = rule(converted) if rule is not None else None
        if clause is not None:
            problems.invalid(path, value, clause)
        return converted

    return parse


def _conversion(shape: Shape) -> tuple[Render, Callable[[Any], str | None] | None]:
    match shape["type"]:
        case "boolean":
            return (lambda value: value if isinstance(value, bool) else None), None
        case "integer" | "long":
            return _whole, number_rule(shape)
        case "float" | "double":
            return _real, number_rule(shape)
        case "timestamp":
            return _time, None
        case "blob":
            return _blob, length_rule(shape)
        case _:
            return _text, string_rule(shape)


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which no other protocol can carry
            return None
    return value


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def _real(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def _time(value: Any) -> Any:
    try:
        if isinstance(value, str):
            return scalar.timestamp(value)
        seconds = _real(value)
        return None if seconds is None else scalar.moment(seconds)
    except ValueError:
        return None


def _blob(value: Any) -> bytes | None:
    try:
        return scalar.blob(value) if isinstance(value, str) else None
    except ValueError:
        return None
