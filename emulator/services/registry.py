"""Every service and its operations."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module

from emulator.catalog.images import stock_images
from emulator.catalog.instance_types import instance_types
from emulator.catalog.regions import DEFAULT_REGION
from emulator.services import ec2, iam, ssm, sts
from emulator.services.call import Handler
from emulator.services.operations import Operations
from emulator.wire.service import load

_LEAVES = ("emulator.model", "emulator.net", "emulator.catalog")

SERVICES: Mapping[str, Mapping[str, Handler]] = {
    "ec2": ec2.OPERATIONS,
    "iam": iam.OPERATIONS,
    "ssm": ssm.OPERATIONS,
    "sts": sts.OPERATIONS,
}


# What nearly everybody asks first; it is ready before the first request comes.
_FIRST = ("DescribeRegions", "DescribeInstances")


def prepare_first() -> None:
    """Make ready what must not keep the first request waiting."""
    for name in _FIRST:
        _prepare(name)


def launch_needs() -> Iterator[Callable[[], object]]:
    """Return what makes the first launch ready: the operation, and facts."""
    yield partial(_prepare, "RunInstances")
    yield partial(import_module, "emulator.services.ec2.vpcs.defaults")
    yield instance_types
    yield partial(stock_images, DEFAULT_REGION)


def _prepare(name: str) -> None:
    _ = ec2.OPERATIONS[name]
    load("ec2").operation(name)


def imports() -> Iterator[Callable[[], object]]:
    """Return the imports that a start leaves for later, what others import first.

    Each takes some milliseconds; together they take longer than a client should wait.
    """
    for package in _LEAVES:
        for found in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
            yield partial(import_module, found.name)
    yield partial(import_module, "emulator.state.codec")
    for operations in SERVICES.values():
        if isinstance(operations, Operations):
            for module in operations.modules:
                yield partial(operations.load, module)
