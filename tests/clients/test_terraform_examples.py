"""terraform-examples/, resource by resource, with the provider's calls on the mock manager."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

from tests.clients.conftest import KEYS
from tests.clients.emulator_process import EmulatorProcess
from tests.clients.terraform_examples import (
    CHECKS,
    EXAMPLES,
    RESOURCES,
    Made,
    apply,
    check,
    destroy,
    type_of,
)
from tests.clients.terraform_provider import TYPES, Aws, exists

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAmtwMGzO81NUWXBCYuZ7CIpcpE8XV59YcQGtBCLUihz"


@pytest.fixture
def made(emulator: EmulatorProcess) -> Made:
    return Made(Aws(emulator.url, **KEYS), "ami-df5de72bdb3b", PUBLIC_KEY)


def differences(given: dict[str, Any], read: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a plan would show: arguments whose attribute has another value."""
    assert read is not None
    return {
        name: (value, read[name])
        for name, value in given.items()
        if name in read and read[name] != value
    }


@pytest.mark.parametrize("example", RESOURCES)
def test_an_example_applies_plans_empty_changes_and_destroys(example: str, made: Made) -> None:
    resources = RESOURCES[example]
    apply(resources, made)

    first = {each.address: made.read(each.address) for each in resources}
    for each in resources:
        assert differences(each.arguments(made), first[each.address]) == {}, each.address
    assert {each.address: made.read(each.address) for each in resources} == first

    for each in resources:
        kind = TYPES[type_of(each.address)]
        if not each.changes:
            continue
        assert kind.update is not None, each.address
        assert differences(dict(each.changes), first[each.address]) != {}, each.address
        kind.update(made.aws, made.ids[each.address], dict(each.changes))
        assert differences(dict(each.changes), made.read(each.address)) == {}, each.address
    assert all(
        exists(TYPES[type_of(each.address)], made.aws, made.ids[each.address]) for each in resources
    )

    destroy(resources, made)


@pytest.mark.parametrize(("example", "address"), CHECKS.items())
def test_a_check_passes_on_an_applied_example_and_fails_on_a_destroyed_one(
    example: str, address: str | None, made: Made, emulator: EmulatorProcess
) -> None:
    resources = RESOURCES[example]
    apply(resources, made)
    applied = check(example, emulator.url, *([made.ids[address]] if address else []))
    destroy(resources, made)
    destroyed = check(example, emulator.url, *([made.ids[address]] if address else []))

    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert f"{example}: " in applied.stdout
    assert destroyed.returncode != 0


# What is written down


def text_of(example: str, file: str = "main.tf") -> str:
    return (EXAMPLES / example / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("example", RESOURCES)
def test_the_resources_of_an_example_are_the_ones_driven_here(example: str) -> None:
    declared = re.findall(r'^resource "(\w+)" "(\w+)"', text_of(example), re.MULTILINE)

    assert [f"{kind}.{name}" for kind, name in declared] == [
        each.address for each in RESOURCES[example]
    ]


def test_every_example_is_driven_and_listed() -> None:
    folders = sorted(path.parent.name for path in EXAMPLES.glob("*/main.tf"))

    assert folders == list(RESOURCES)
    listed = re.findall(r"^\| \[(\S+)\]", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert listed == folders


@pytest.mark.parametrize("example", RESOURCES)
def test_an_example_has_the_same_provider_outputs_and_a_check(example: str) -> None:
    first = next(iter(RESOURCES))

    assert text_of(example, "provider.tf") == text_of(first, "provider.tf")
    outputs = re.findall(r'^output "(\w+)"', text_of(example), re.MULTILINE)
    assert outputs
    readme = text_of(example, "README.md")
    assert all(f"`{name}`" in readme for name in outputs)
    assert os.access(EXAMPLES / example / "check.sh", os.X_OK)


def test_the_providers_block_is_the_one_to_copy() -> None:
    (block,) = re.findall(
        r'^provider "aws" \{.*?^\}',
        text_of(next(iter(RESOURCES)), "provider.tf"),
        re.MULTILINE | re.DOTALL,
    )

    assert block in (EXAMPLES / "README.md").read_text()
