"""Every service and its operations."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module

from emulator.services import ec2, iam, sts
from emulator.services.call import Handler
from emulator.services.operations import Operations

_LEAVES = ("emulator.model", "emulator.net", "emulator.catalog")

SERVICES: Mapping[str, Mapping[str, Handler]] = {
    "ec2": ec2.OPERATIONS,
    "iam": iam.OPERATIONS,
    "sts": sts.OPERATIONS,
}


def imports() -> Iterator[Callable[[], object]]:
    """Return the imports that a start leaves for later, what others import first.

    Each takes some milliseconds; together they take longer than a client should wait.
    """
    for package in _LEAVES:
        for found in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
            yield partial(import_module, found.name)
    for operations in SERVICES.values():
        if isinstance(operations, Operations):
            for module in operations.modules:
                yield partial(operations.load, module)
