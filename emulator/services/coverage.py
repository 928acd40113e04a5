"""Which of AWS's operations are emulated, as text for a terminal and as docs/coverage.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import groupby
from pathlib import Path
from types import ModuleType

from emulator.services.call import Handler
from emulator.services.operations import Operations
from emulator.services.registry import SERVICES as EMULATED
from emulator.wire.service import SERVICES, load

NAMES: Mapping[str, str] = {
    "ec2": "Amazon EC2",
    "sts": "AWS STS",
    "iam": "AWS IAM",
    "ssm": "AWS Systems Manager",
    "ecs": "Amazon ECS",
}

_NO_EFFECT = Path(__file__).with_name("no_effect.md")
_VERB = re.compile("[A-Z][a-z]*")

_HEAD = """\
# Coverage

Which operations are emulated, and what they do not do. This page is written by
`make coverage`; the same list, an operation a line, is `ec2-emulator coverage`. An operation
that is not emulated answers `InvalidAction`, HTTP 400.

| service | emulated | of |
|---|---|---|
"""


def listing() -> Iterator[str]:
    """Yield, for each service, how many operations are emulated, then a line for each."""
    for name in SERVICES:
        emulated, operations = EMULATED.get(name, {}), load(name).operation_names
        yield f"{name}: {len(emulated)} of {len(operations)} operations"
        for operation in operations:
            yield f"  {'yes' if operation in emulated else 'no ':3} {operation}"


def markdown() -> str:
    """Return docs/coverage.md."""
    counts = (
        f"| {NAMES[name]} | {len(EMULATED.get(name, {}))} | {len(load(name).operation_names)} |\n"
        for name in SERVICES
    )
    sections = (_section(name) for name in SERVICES if name in EMULATED)
    no_effect = _NO_EFFECT.read_text(encoding="utf-8")
    return "\n".join(
        [
            _HEAD + "".join(counts),
            f"## What is recorded but has no effect\n\n{no_effect}",
            *sections,
        ]
    )


def _section(name: str) -> str:
    emulated = EMULATED[name]
    rows = "".join(f"| {title} | {', '.join(found)} |\n" for title, found in _families(name))
    missing = [found for found in load(name).operation_names if found not in emulated]
    listed = ",\n".join(_lines_by_verb(missing))
    return (
        f"## {NAMES[name]}\n\n| family | operations |\n|---|---|\n{rows}\n"
        f"<details><summary>The {len(missing)} that are not emulated</summary>\n\n"
        f"{listed}\n\n</details>\n"
    )


def _families(name: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield a service's families of operations: what each is about, and its operations."""
    operations: Mapping[str, Handler] = EMULATED[name]
    if not isinstance(operations, Operations):
        yield _title(import_module(f"emulator.services.{name}")), sorted(operations)
        return
    families: dict[str, list[str]] = {}
    for module, names in operations.modules.items():
        families.setdefault(module.partition(".")[0], []).extend(names)
    for family, found in families.items():
        yield _title(import_module(f"{operations.package}.{family}")), sorted(found)


def _title(module: ModuleType) -> str:
    """Return what a module says of itself in its first line."""
    return (module.__doc__ or "").partition("\n")[0].removesuffix(".")


def _lines_by_verb(operations: Iterable[str]) -> Iterator[str]:
    """Yield a line for each verb, so that a new operation changes one line of the page."""
    for _, found in groupby(sorted(operations), _verb):
        yield ", ".join(found)


def _verb(operation: str) -> str:
    found = _VERB.match(operation)
    return found.group() if found else operation
