"""Requests of the ``ec2`` and ``query`` protocols: form parameters to botocore's parameters.

A parameter's dots make a tree; one closure per shape walks it. An empty string is
an absent parameter, as SDKs send one for every field left alone; ``_keeps_empty``
says where AWS gives the empty string a meaning of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from emulator.core.errors import AwsError
from emulator.wire import scalar
from emulator.wire.validate import Problems, Rule, length_rule, number_rule, string_rule

if TYPE_CHECKING:
    from emulator.wire.message import HttpRequest
    from emulator.wire.model import Model, Shape

Node = str | dict[str, Any]
Parse = Callable[[Node, str, Problems], Any]
"""Read a node of the tree found at a path; None means absent."""

_MOST_PARAMETERS = 50_000
# Ten times the largest policy; decoding takes a second and many times its size beyond this.
_LONGEST_FORM = 2 << 20
# RequestSpotFleet's deepest parameter has 11 names.
_DEEPEST = 16
_LONGEST_INDEX = 9

# What every request may carry besides its parameters: dispatch and signatures of all ages.
_ENVELOPE = frozenset(
    {
        "Action",
        "Version",
        "AWSAccessKeyId",
        "Expires",
        "SecurityToken",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "Timestamp",
    }
)

# API reference: BlockDeviceMapping.NoDevice, ModifyInstancePlacement.GroupName.
_EMPTY_HAS_MEANING = {
    ("ModifyInstancePlacementRequest", "GroupName"),
}


def parameters(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the decoded parameters of a request, those of the query string first.

    Raises:
        AwsError: ``MalformedQueryString`` when they are not UTF-8 or too many.
    """
    try:
        body = request.body.decode() if request.body else ""
        encoded = f"{request.query}&{body}" if request.query else body
        if len(encoded) > _LONGEST_FORM or encoded.count("&") > _MOST_PARAMETERS:
            raise AwsError("MalformedQueryString", "The request is too large")
        found = []
        for pair in encoded.split("&"):
            if pair:
                key, _, value = pair.partition("=")
                found.append((_decode(key), _decode(value)))
    except UnicodeError:
        message = "The query string contains characters that are not UTF-8"
        raise AwsError("MalformedQueryString", message) from None
    return found


def _decode(text: str) -> str:
    if "%" in text or "+" in text:
        return unquote_plus(text, errors="strict")
    return text


class FormParser:
    """Compiles one closure per shape of an ``ec2`` or ``query`` service."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._is_ec2 = model.metadata["protocol"] == "ec2"
        self._compiled: dict[tuple[Any, ...], Parse] = {}

    def compile(self, shape: Shape | None) -> Callable[[HttpRequest], dict[str, Any]]:
        """Return the function that reads one operation's parameters from a request."""
        service = self._model.name
        walk = self._structure(shape) if shape is not None else None
        names = frozenset(self._fields(shape)) if shape is not None else frozenset()

        def parse(request: HttpRequest) -> dict[str, Any]:
            problems = Problems()
            tree = _tree(parameters(request), names, problems)
            result = walk(tree, "", problems) if walk is not None else None
            problems.raise_any(service)
            return result or {}

        return parse

    def _parser(self, shape: Shape, keep_empty: bool) -> Parse:
        key = (shape["name"], keep_empty, self._is_flat(shape), shape.get("timestampFormat"))
        done = self._compiled.get(key)
        if done is None:

            def parse_later(node: Node, path: str, problems: Problems) -> Any:
                return self._compiled[key](node, path, problems)

            # A shape that contains itself finds this stand-in while it is being compiled.
            self._compiled[key] = parse_later
            done = self._compiled[key] = self._build(shape, keep_empty)
        return done

    def _build(self, shape: Shape, keep_empty: bool) -> Parse:
        match shape["type"]:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape, keep_empty)
            case "map":
                return self._map(shape)
            case "string" | "character":
                return _string(shape, keep_empty)
            case "blob":
                return _converted(scalar.blob, length_rule(shape), keep_empty)
            case "boolean":
                return _converted(scalar.boolean, None)
            case "integer" | "long":
                return _converted(scalar.whole, number_rule(shape))
            case "float" | "double":
                return _converted(scalar.real, number_rule(shape))
            case "timestamp":
                if shape.get("timestampFormat") == "unixTimestamp":
                    return _converted(lambda text: scalar.moment(scalar.real(text)), None)
                return _converted(scalar.timestamp, None)
            case other:
                raise NotImplementedError(f"shapes of type {other}")

    def _is_flat(self, shape: Shape) -> bool:
        return self._is_ec2 or bool(shape.get("flattened"))

    def _wire_name(self, shape: Shape, name: str) -> str:
        if self._is_ec2:
            if "queryName" in shape:
                return str(shape["queryName"])
            wire = str(shape.get("locationName", name))
            return wire[0].upper() + wire[1:]
        if shape["type"] == "list" and shape.get("flattened"):
            # A flattened list goes by the name of its elements.
            return str(shape["member"].get("locationName") or shape.get("locationName", name))
        return str(shape.get("locationName", name))

    def _fields(self, shape: Shape) -> dict[str, tuple[str, Parse]]:
        fields = {}
        for name, reference in shape["members"].items():
            member = self._model.resolve(reference)
            keep = self._keeps_empty(shape, name, member)
            fields[self._wire_name(member, name)] = (name, self._parser(member, keep))
        return fields

    def _keeps_empty(self, shape: Shape, name: str, member: Shape) -> bool:
        """Say whether an empty string is a value here: a tag's, a filter's, an attribute's."""
        if name in {"Value", "Values", "NoDevice"} or (shape["name"], name) in _EMPTY_HAS_MEANING:
            return True
        # IAM takes an empty description, say, for a description that is empty.
        required = name in shape.get("required", ())
        return not self._is_ec2 and required and not member.get("min")

    def _structure(self, shape: Shape) -> Parse:
        fields = self._fields(shape)
        wire_names = {name: wire for wire, (name, _) in fields.items()}
        required = [(name, wire_names[name]) for name in shape.get("required", ())]

        def parse(node: Node, path: str, problems: Problems) -> dict[str, Any] | None:
            if isinstance(node, str):
                if node:
                    problems.unknown(path)
                return None
            prefix = f"{path}." if path else ""
            result: dict[str, Any] = {}
            for key, child in node.items():
                field = fields.get(key)
                if field is None:
                    problems.unknown(prefix + key)
                    continue
                value = field[1](child, prefix + key, problems)
                if value is not None:
                    result[field[0]] = value
            if not result and path:
                return None
            for name, wire in required:
                if name not in result:
                    problems.missing(prefix + wire)
            return result

        return parse

    def _list(self, shape: Shape, keep_empty: bool) -> Parse:
        member = self._model.resolve(shape["member"])
        parse_item = self._parser(member, keep_empty)
        rule = length_rule(shape)
        wrapper = None if self._is_flat(shape) else str(member.get("locationName", "member"))

        def parse(node: Node, path: str, problems: Problems) -> list[Any] | None:
            items, path = _unwrap(node, path, wrapper, problems)
            if items is None:
                return None if wrapper is None else []
            result = []
            for key in _in_order(items, path, problems):
                value = parse_item(items[key], f"{path}.{key}", problems)
                if value is not None:
                    result.append(value)
            if not result:
                return None
            clause = rule(result) if rule is not None else None
            if clause is not None:
                problems.invalid(path, f"{len(result)} items", clause)
            return result

        return parse

    def _map(self, shape: Shape) -> Parse:
        key_shape = self._model.resolve(shape["key"])
        value_shape = self._model.resolve(shape["value"])
        key_name = str(key_shape.get("locationName", "key"))
        value_name = str(value_shape.get("locationName", "value"))
        parse_key = self._parser(key_shape, keep_empty=False)
        parse_value = self._parser(value_shape, keep_empty=True)
        wrapper = None if self._is_flat(shape) else "entry"

        def parse(node: Node, path: str, problems: Problems) -> dict[str, Any] | None:
            entries, path = _unwrap(node, path, wrapper, problems)
            if entries is None:
                return None
            result = {}
            for index in _in_order(entries, path, problems):
                entry, here = entries[index], f"{path}.{index}"
                if isinstance(entry, str) or not entry.keys() <= {key_name, value_name}:
                    problems.unknown(here)
                    continue
                key = parse_key(entry.get(key_name, ""), f"{here}.{key_name}", problems)
                if key is None:
                    problems.missing(f"{here}.{key_name}")
                    continue
                at = f"{here}.{value_name}"
                result[key] = parse_value(entry.get(value_name, ""), at, problems)
            return result

        return parse


def _tree(
    found: list[tuple[str, str]], names: frozenset[str], problems: Problems
) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in found:
        if "." not in key:
            if key in names:
                _put(tree, key, value)
            elif key not in _ENVELOPE and not key.lower().startswith("x-amz-"):
                problems.unknown(key)
            continue
        first, *parts = key.split(".", _DEEPEST)
        if first not in names:
            problems.unknown(key)
            continue
        node = _branch(tree, first)
        for part in parts[:-1]:
            node = _branch(node, part)
        _put(node, parts[-1], value)
    return tree


def _branch(node: dict[str, Any], key: str) -> dict[str, Any]:
    child = node.get(key)
    if not isinstance(child, dict):
        # A value here as well is refused below, unless it is the mark of an empty list.
        child = node[key] = {"": child} if child else {}
    return child


def _put(node: dict[str, Any], key: str, value: str) -> None:
    child = node.get(key)
    if not isinstance(child, dict):
        node[key] = value
    elif value:
        child[""] = value


def _unwrap(
    node: Node, path: str, wrapper: str | None, problems: Problems
) -> tuple[dict[str, Any] | None, str]:
    if isinstance(node, dict) and wrapper is not None:
        for key in node:
            if key != wrapper:
                problems.unknown(f"{path}.{key}")
        node, path = node.get(wrapper, ""), f"{path}.{wrapper}"
    if isinstance(node, str):
        if node:
            problems.unknown(path)
        return None, path
    return node, path


def _in_order(items: dict[str, Any], path: str, problems: Problems) -> list[str]:
    keys = []
    for key in items:
        if key.isascii() and key.isdigit() and len(key) <= _LONGEST_INDEX:
            keys.append(key)
        else:
            problems.unknown(f"{path}.{key}")
    keys.sort(key=int)
    return keys


def _string(shape: Shape, keep_empty: bool) -> Parse:
    rule = string_rule(shape)

    def parse(node: Node, path: str, problems: Problems) -> str | None:
        if isinstance(node, dict):
            problems.unknown(f"{path}.{next(iter(node), '')}")
            return None
        if not node:
            return node if keep_empty else None
        clause = rule(node) if rule is not None else None
        if clause is not None:
            problems.invalid(path, node, clause)
        return node

    return parse


def _converted(convert: Callable[[str], Any], rule: Rule | None, keep_empty: bool = False) -> Parse:
    def parse(node: Node, path: str, problems: Problems) -> Any:
        if isinstance(node, dict):
            problems.unknown(f"{path}.{next(iter(node), '')}")
            return None
        if not node and not keep_empty:
            return None
        try:
            value = convert(node)
        except ValueError as error:
            problems.invalid(path, node, str(error))
            return None
        clause = rule(value) if rule is not None else None
        if clause is not None:
            problems.invalid(path, node, clause)
        return value

    return parse
