"""Instance types, each as DescribeInstanceTypes describes it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from emulator.catalog import files

InstanceTypeInfo = dict[str, Any]


class _Catalogue(Mapping[str, InstanceTypeInfo]):
    """Builds a type's description when it is first looked at.

    The file holds, for each column, its distinct values, and for each type the number of its
    value in every column (-1: none). Types therefore share their sub-objects.
    """

    def __init__(self, packed: Mapping[str, Any]) -> None:
        self._columns: list[str] = packed["columns"]
        self._values: list[list[Any]] = packed["values"]
        self._rows: dict[str, list[int]] = packed["rows"]
        self._built: dict[str, InstanceTypeInfo] = {}

    def __getitem__(self, name: str) -> InstanceTypeInfo:
        if name in self._built:
            return self._built[name]
        cells = zip(self._columns, self._values, self._rows[name], strict=True)
        built = {column: values[number] for column, values, number in cells if number >= 0}
        built["InstanceType"] = name
        self._built[name] = built
        return built

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


@functools.cache
def instance_types() -> Mapping[str, InstanceTypeInfo]:
    """Return every instance type by name, in the order of the names.

    Descriptions are shared: whoever wants one changed copies it first. They hold everything but
    `SupportedInRegion`, which `emulator.catalog.offerings` knows.
    """
    return _Catalogue(files.read("instance_types.json.gz"))


def instance_type(name: str) -> InstanceTypeInfo | None:
    """Return the InstanceTypeInfo of one type, or None if AWS never had it."""
    return instance_types().get(name)


def burstable(name: str) -> bool:
    """Say whether a type earns CPU credits (the T families)."""
    info = instance_type(name)
    return info is not None and info["BurstablePerformanceSupported"] is True
