"""What a model says about a value, as rules, and what a broken rule is called on the wire.

Every problem of a request is collected first, so that the answer names unknown
parameters before bad values, and bad values before missing ones.
"""

from __future__ import annotations

import re
import string
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError

if TYPE_CHECKING:
    from emulator.wire.model import Shape

Rule = Callable[[Any], str | None]
"""Return nothing for a good value, else what the value must do, as a clause."""

# Shapes whose enumerations or patterns are not enforced.
EXEMPT = {
    "AccountAttributeName": "EC2 takes the names of all attributes, and the model lists two",
    "InstanceType": "instance types newer than the pinned model are the catalogue's business",
    **dict.fromkeys(
        ("AcceleratorManufacturer", "AcceleratorName", "AcceleratorType", "CpuManufacturer"),
        "hardware newer than the pinned model",
    ),
    "OSFamily": "Windows releases newer than the pinned model",
    "PlacementGroupArn": "the model's pattern has an anchor in its middle and matches nothing",
}

# The code of a broken rule where it is not EC2's own; AWS calls it differently per service.
CODES = {
    "sts": "ValidationError",
    "iam": "ValidationError",
    "ssm": "ValidationException",
    "ecs": "InvalidParameterException",
}

_MOST_PROBLEMS = 10
_LONGEST_ECHO = 128
_LONGEST_FOR_PATTERN = 4096
_INTEGER_BITS = {"integer": 31, "long": 63}
# A repeated group that ends in a repetition can take exponential time to refuse a value.
_NESTED_REPEAT = re.compile(r"[*+}]\)[*+{]")
_LONGEST_FOR_NESTED_REPEAT = 512
# Python knows no Unicode categories; everything outside ASCII passes as a letter.
_CATEGORIES = {
    r"\p{L}": r"a-zA-Z\u0080-\U0010ffff",
    r"\p{N}": "0-9",
    r"\p{Z}": " ",
    r"\p{M}": "",
    r"\p{P}": re.escape(string.punctuation),
}


class Problems:
    """Everything found wrong with one request, worst kind first when it is raised."""

    __slots__ = ("_invalid", "_missing", "_unknown")

    def __init__(self) -> None:
        self._unknown: list[str] = []
        self._invalid: list[tuple[str, str, str]] = []
        self._missing: list[str] = []

    def unknown(self, path: str) -> None:
        """Note a parameter the operation does not have."""
        if len(self._unknown) < _MOST_PROBLEMS:
            self._unknown.append(path[:_LONGEST_ECHO].rstrip("."))

    def invalid(self, path: str, value: object, clause: str) -> None:
        """Note a value that breaks a rule; ``clause`` continues "it must"."""
        if len(self._invalid) < _MOST_PROBLEMS:
            self._invalid.append((path, str(value)[:_LONGEST_ECHO], clause))

    def missing(self, path: str) -> None:
        """Note a required parameter that is absent."""
        if len(self._missing) < _MOST_PROBLEMS:
            self._missing.append(path)

    def raise_any(self, service: str) -> None:
        """Raise what was noted, in the words of the service; do nothing if all is well."""
        if not (self._unknown or self._invalid or self._missing):
            return
        code = CODES.get(service)
        if code is None:
            raise self._in_words_of_ec2()
        if self._unknown:
            raise AwsError(code, f"The parameter {self._unknown[0]} is not recognized")
        raise AwsError(code, self._in_words_of_others())

    def _in_words_of_ec2(self) -> AwsError:
        if self._unknown:
            message = f"The parameter {self._unknown[0]} is not recognized"
            return AwsError("UnknownParameter", message)
        if self._invalid:
            path, value, clause = self._invalid[0]
            message = f"Value ({value}) for parameter {path} is invalid. It must {clause}."
            return AwsError("InvalidParameterValue", message)
        message = f"The request must contain the parameter {self._missing[0]}"
        return AwsError("MissingParameter", message)

    def _in_words_of_others(self) -> str:
        problems = [
            f"Value '{value}' at '{_lower_first(path)}' failed to satisfy constraint: "
            f"Member must {clause}"
            for path, value, clause in self._invalid
        ]
        # A refused value is also an absent one, so these count only by themselves.
        problems = problems or [
            f"Value null at '{_lower_first(path)}' failed to satisfy constraint: "
            "Member must not be null"
            for path in self._missing
        ]
        noun = "error" if len(problems) == 1 else "errors"
        return f"{len(problems)} validation {noun} detected: {'; '.join(problems)}"


def string_rule(shape: Shape) -> Rule | None:
    """Return the rule of a string shape, or nothing when every string will do."""
    if shape["name"] in EXEMPT:
        return None
    rules = [_length_rule(shape), _enum_rule(shape), _pattern_rule(shape)]
    return _all_of([rule for rule in rules if rule is not None])


def number_rule(shape: Shape) -> Rule | None:
    """Return the rule of a number shape; whole numbers always have the range of their type."""
    lowest, highest = shape.get("min"), shape.get("max")
    bits = _INTEGER_BITS.get(shape["type"])
    if bits is not None:
        lowest = -(2**bits) if lowest is None else lowest
        highest = 2**bits - 1 if highest is None else highest
    if lowest is None and highest is None:
        return None
    too_low = f"have value greater than or equal to {lowest}"
    too_high = f"have value less than or equal to {highest}"

    def rule(value: float) -> str | None:
        if lowest is not None and value < lowest:
            return too_low
        if highest is not None and value > highest:
            return too_high
        return None

    return rule


def length_rule(shape: Shape) -> Rule | None:
    """Return the rule of how many elements a list, map or blob shape may have."""
    return _length_rule(shape)


def _length_rule(shape: Shape) -> Rule | None:
    lowest, highest = shape.get("min") or 0, shape.get("max")
    if not lowest and highest is None:
        return None
    too_short = f"have length greater than or equal to {lowest}"
    too_long = f"have length less than or equal to {highest}"

    def rule(value: Any) -> str | None:
        length = len(value)
        if length < lowest:
            return too_short
        if highest is not None and length > highest:
            return too_long
        return None

    return rule


def _enum_rule(shape: Shape) -> Rule | None:
    if "enum" not in shape:
        return None
    values = frozenset(shape["enum"])
    listed = ", ".join(shape["enum"][:40]) + (", ..." if len(values) > 40 else "")
    clause = f"satisfy enum value set: [{listed}]"
    return lambda value: None if value in values else clause


def _pattern_rule(shape: Shape) -> Rule | None:
    source = shape.get("pattern")
    pattern = compile_pattern(source) if source else None
    if pattern is None:
        return None
    # An anchored pattern says itself how much of the value it is about.
    matches = pattern.match if pattern.pattern.startswith("^") else pattern.fullmatch
    nested = _NESTED_REPEAT.search(pattern.pattern) is not None
    longest = _LONGEST_FOR_NESTED_REPEAT if nested else _LONGEST_FOR_PATTERN
    clause = f"satisfy regular expression pattern: {source}"

    def rule(value: str) -> str | None:
        if len(value) > longest or matches(value):
            return None
        return clause

    return rule


def compile_pattern(source: str) -> re.Pattern[str] | None:
    """Return a model's pattern for Python, or nothing where Python cannot say the same."""
    for category, characters in _CATEGORIES.items():
        source = source.replace(category, characters)
    try:
        with warnings.catch_warnings():
            # A class that means something else in Java is announced by a warning.
            warnings.simplefilter("error")
            return re.compile(source, re.ASCII)
    except (re.error, Warning):
        return None


def _all_of(rules: list[Rule]) -> Rule | None:
    if len(rules) <= 1:
        return rules[0] if rules else None

    def rule(value: Any) -> str | None:
        for each in rules:
            clause = each(value)
            if clause is not None:
                return clause
        return None

    return rule


def _lower_first(path: str) -> str:
    return path[:1].lower() + path[1:]
