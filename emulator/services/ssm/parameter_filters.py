"""Filters of parameters: by name, type, path, tags and the rest.

Source: "ParameterStringFilter": each key has its options, the first of them where a filter
names none; values are alternatives, and all filters must match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.parameter import Parameter, ParameterVersion

_TEXT = ("Equals", "BeginsWith")
OF_DESCRIBE: Mapping[str, Sequence[str]] = {
    "Name": (*_TEXT, "Contains"),
    "Type": _TEXT,
    "KeyId": _TEXT,
    "Path": ("OneLevel", "Recursive"),
    "Tier": _TEXT,
    "DataType": _TEXT,
}
OF_PATH: Mapping[str, Sequence[str]] = {"Type": _TEXT, "KeyId": _TEXT, "Label": ("Equals",)}

_OPTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "Equals": str.__eq__,
    "BeginsWith": str.startswith,
    "Contains": str.__contains__,
    "OneLevel": lambda name, path: is_below(name, path, recursive=False),
    "Recursive": lambda name, path: is_below(name, path, recursive=True),
}


@attrs.frozen
class Filter:
    """One filter, checked.

    Attributes:
        values: None where any value will do.
    """

    key: str
    option: str
    values: Sequence[str] | None

    def matches(self, parameter: Parameter, version: ParameterVersion) -> bool:
        """Tell whether a parameter's version has one of the values."""
        test = _OPTIONS[self.option]
        found = list(_texts(self.key, parameter, version))
        if self.values is None:
            return bool(found)
        return any(test(text, value) for text in found for value in self.values)


def _texts(key: str, parameter: Parameter, version: ParameterVersion) -> Iterable[str]:
    match key:
        case "Name" | "Path":
            yield parameter.id
        case "Type":
            yield version.type
        case "KeyId":
            yield from filter(None, (version.key_id,))
        case "Tier":
            yield version.tier
        case "DataType":
            yield version.data_type
        case "Label":
            yield from version.labels
        case _:
            yield from filter(None.__ne__, (parameter.tags.get(key.removeprefix("tag:")),))


def is_below(name: str, path: str, *, recursive: bool) -> bool:
    """Tell whether a name lies under a path: directly, or at any depth."""
    path = path.rstrip("/") + "/"
    if path == "/" and not name.startswith("/"):
        # Names without a slash are at the root.
        return True
    if not name.startswith(path):
        return False
    return recursive or "/" not in name[len(path) :]


def checked(
    given: Iterable[Mapping[str, Any]] | None, allowed: Mapping[str, Sequence[str]]
) -> list[Filter]:
    """Return a request's ParameterFilters.

    Args:
        given: as in the request.
        allowed: the operation's keys with their options. Tags are allowed where paths are.

    Raises:
        AwsError: InvalidFilterKey, InvalidFilterOption or InvalidFilterValue.
    """
    filters: list[Filter] = []
    for item in given or ():
        key, values = item["Key"], item.get("Values") or None
        options = ("Equals",) if _is_tag(key) and "Path" in allowed else allowed.get(key)
        if options is None:
            raise AwsError(
                "InvalidFilterKey",
                f"The following filter key is not valid: {key}. Valid filter keys include: "
                f"[{', '.join(allowed)}].",
            )
        if any(other.key == key for other in filters):
            raise AwsError(
                "InvalidFilterKey",
                f"The following filter is duplicated in the request: {key}. A request can "
                "contain only one occurrence of a specific filter.",
            )
        option = item.get("Option") or options[0]
        if option not in options:
            raise AwsError(
                "InvalidFilterOption",
                f"The following filter option is not valid: {option}. Valid options include: "
                f"[{', '.join(options)}].",
            )
        _check_values(key, values)
        filters.append(Filter(key, option, values))
    return filters


def _is_tag(key: str) -> bool:
    return key.startswith("tag:")


def _check_values(key: str, values: Sequence[str] | None) -> None:
    if values is None and not _is_tag(key):
        raise AwsError(
            "InvalidFilterValue",
            f"The following filter values are missing : null for filter key {key}",
        )
    for value in values or ():
        if key == "Path" and not value.startswith("/"):
            raise AwsError("InvalidFilterValue", f"A path must begin with a slash: {value[:128]}")
