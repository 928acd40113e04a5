from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

from emulator.services import ec2, iam, ssm
from emulator.services.operations import Operations
from emulator.wire.service import load

SERVICES = (("ec2", ec2.OPERATIONS), ("iam", iam.OPERATIONS), ("ssm", ssm.OPERATIONS))


@pytest.mark.parametrize("operations", dict(SERVICES).values(), ids=dict(SERVICES))
def test_the_index_names_what_the_modules_have(operations: Operations) -> None:
    package = import_module(operations.package)
    has = {}
    for found in pkgutil.walk_packages(package.__path__, f"{operations.package}."):
        module = import_module(found.name)
        own = getattr(module, "OPERATIONS", None)
        name = found.name.removeprefix(f"{operations.package}.")
        if own:
            has[name] = sorted(own)

    assert {name: sorted(names) for name, names in operations.modules.items()} == has


@pytest.mark.parametrize(("service", "operations"), SERVICES)
def test_every_operation_is_one_of_the_model(service: str, operations: Operations) -> None:
    assert set(operations) <= set(load(service).operation_names)


def test_an_operation_belongs_to_one_module() -> None:
    with pytest.raises(ValueError, match="both have CreateVpc"):
        Operations("emulator.services.ec2", {"vpcs": "CreateVpc", "subnets": "CreateVpc"})


def test_what_is_not_there_is_a_key_error() -> None:
    assert "Nonsense" not in ec2.OPERATIONS
    with pytest.raises(KeyError):
        ec2.OPERATIONS["Nonsense"]


def test_starting_imports_no_family() -> None:
    script = (
        "import sys, emulator.app\n"
        "print([name for name in sys.modules if name.startswith('emulator.services.ec2.')"
        " and 'OPERATIONS' in vars(sys.modules[name])])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
