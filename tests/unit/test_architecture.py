"""Holds the import arrows of docs/architecture.md, and who may touch the outside world."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Every part of the program, and the parts it may import besides itself. A module belongs
# to the longest name here that it begins with. Imports for type checkers count too: an
# arrow that exists only in annotations still couples two parts.
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    part: frozenset(others.split())
    for part, others in {
        "core": "",
        "config": "",
        "model": "core",
        "catalog": "core",
        "wire": "core",
        "state": "model core",
        "vm.interface": "model core",
        "vm.seed": "vm.interface model core",
        "vm.disks": "vm.interface model core",
        "vm.mock": "vm.interface vm.seed vm.disks model core",
        "vm.telling": "vm.interface model core",
        "vm.docker": "vm.interface vm.seed vm.disks vm.telling model core",
        "vm.libvirt": "vm.interface vm.seed vm.disks vm.telling model core",
        "vm.virtualbox": "vm.interface vm.seed vm.disks model core",
        "vm.reconcile": "vm.interface model core",
        "vm.managers": "vm.interface model core",
        "vm.registry": "vm.interface vm.mock vm.docker vm.libvirt vm.virtualbox model core",
        "net": "vm.interface state model core",
        "services": "wire state model catalog net vm.interface vm.managers vm.reconcile core",
        "imds": "net wire state model catalog core",
        "web": "services wire state vm.interface vm.managers model core",
        "app": (
            "web services imds net wire state model catalog core config vm.interface"
            " vm.registry vm.managers vm.reconcile vm.mock vm.docker vm.libvirt vm.virtualbox"
        ),
        "cli": "app services wire catalog config core",
        "__main__": "cli",
    }.items()
}

# What reaches outside the program, and the only modules that may.
ONLY_IN: Mapping[str, frozenset[str]] = {
    name: frozenset(modules.split())
    for name, modules in {
        "twisted.internet.reactor": "emulator.app",
        "os.environ": "emulator.config",
        "os.getenv": "emulator.config",
        "subprocess": "emulator.core.process",
        "docker": "emulator.vm.docker.blocking",
        # Calls that block are in modules of such names; a star stands for the rest of one.
        "libvirt": "emulator.vm.libvirt.blocking*",
    }.items()
}

MODULES: Mapping[str, str] = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): (
        path.read_text(encoding="utf-8")
    )
    for path in sorted((ROOT / "emulator").rglob("*.py"))
}


def names_in(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """What a module imports, and what it spells out as ``os.environ``, all dotted.

    ``from a import b`` is both ``a`` and ``a.b``.
    """
    imported: set[str] = set()
    spelled: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            imported.add(node.module or "")
            imported.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            spelled.add(f"{node.value.id}.{node.attr}")
    return frozenset(imported), frozenset(spelled)


def part_of(module: str) -> str | None:
    """The part a dotted name belongs to, or None for the bare packages above the parts."""
    own = module.removeprefix("emulator.")
    fitting = [part for part in MAY_IMPORT if own == part or own.startswith(f"{part}.")]
    return max(fitting, key=len, default=None)


def violations(module: str, source: str) -> list[str]:
    """Every arrow that a module draws and may not, and every outside thing it may not use."""
    imported, spelled = names_in(source)
    part = part_of(module)
    allowed = MAY_IMPORT[part] | {part} if part else frozenset[str]()
    found = [
        f"{module} imports {name}"
        for name in sorted(imported)
        if name.startswith("emulator.") and (target := part_of(name)) and target not in allowed
    ]
    return found + [
        f"{module} uses {name}"
        for name, modules in ONLY_IN.items()
        if not any(fnmatchcase(module, pattern) for pattern in modules)
        and (name in spelled or any(f"{used}.".startswith(f"{name}.") for used in imported))
    ]


def test_every_module_imports_only_what_its_part_may() -> None:
    found = [fault for name, source in MODULES.items() for fault in violations(name, source)]

    assert found == []


def test_every_module_belongs_to_a_part() -> None:
    below = [name for name in MODULES if name.count(".") > 0 and name != "emulator.vm"]

    without = [name for name in below if part_of(name) is None]
    assert without == [], "they need rows here and in docs/architecture.md"


def test_the_parts_form_no_circle() -> None:
    settled: set[str] = set()
    while ready := {part for part, others in MAY_IMPORT.items() if others <= settled} - settled:
        settled |= ready

    assert settled == set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        (
            "emulator.core.ids",
            "import emulator.model.row",
            ["emulator.core.ids imports emulator.model.row"],
        ),
        (
            "emulator.services.ec2.vpc",
            "from emulator.vm.mock import manager",
            [
                "emulator.services.ec2.vpc imports emulator.vm.mock",
                "emulator.services.ec2.vpc imports emulator.vm.mock.manager",
            ],
        ),
        (
            "emulator.services.ec2.vpc",
            "from emulator import web",
            ["emulator.services.ec2.vpc imports emulator.web"],
        ),
        (
            "emulator.vm.docker.manager",
            "from emulator.vm import mock",
            ["emulator.vm.docker.manager imports emulator.vm.mock"],
        ),
        (
            "emulator.model.vpc",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import emulator.state",
            ["emulator.model.vpc imports emulator.state"],
        ),
        (
            "emulator.services.ec2.vpc",
            "def late():\n    import emulator.app",
            ["emulator.services.ec2.vpc imports emulator.app"],
        ),
        (
            "emulator.web.server",
            "from twisted.internet import reactor",
            ["emulator.web.server uses twisted.internet.reactor"],
        ),
        (
            "emulator.core.clock",
            "import os\nhome = os.environ['HOME']",
            ["emulator.core.clock uses os.environ"],
        ),
        (
            "emulator.core.clock",
            "from os import getenv",
            ["emulator.core.clock uses os.getenv"],
        ),
        (
            "emulator.vm.libvirt.manager",
            "from subprocess import run",
            ["emulator.vm.libvirt.manager uses subprocess"],
        ),
        (
            "emulator.vm.libvirt.manager",
            "import libvirt",
            ["emulator.vm.libvirt.manager uses libvirt"],
        ),
        (
            "emulator.vm.docker.manager",
            "import docker.errors",
            ["emulator.vm.docker.manager uses docker"],
        ),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str, found: list[str]) -> None:
    assert found == violations(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("emulator.services.ec2.vpc", "from emulator.services.ec2 import subnet"),
        ("emulator.services.ec2.vpc", "from emulator.vm.interface import VMManager"),
        ("emulator.app", "from twisted.internet import reactor\nimport emulator.vm.docker"),
        ("emulator.config", "import os\nenv = os.environ"),
        ("emulator.vm.docker.manager", "from emulator.vm.docker import blocking"),
        ("emulator.core.process", "import subprocess"),
        ("emulator.vm.libvirt.blocking_disks", "import libvirt"),
        ("emulator.vm.docker.manager", "def stop(docker):\n    docker.stop()"),
    ],
)
def test_an_allowed_import_passes(module: str, source: str) -> None:
    assert violations(module, source) == []
