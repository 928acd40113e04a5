"""Whatever a request says, the emulator answers it and stays whole.

Every operation that is answered is tried, so a new one is covered by being registered.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import pytest

from emulator.services.registry import SERVICES
from emulator.state.store import Region
from emulator.wire.service import load
from tests.fakes.client import Client, model
from tests.fakes.creations import CREATIONS
from tests.fakes.wild_caller import KINDS, Failures, WildCaller, count_of_rows, implemented
from tests.unit.wire.samples import full, least

# A longer run looks further: EVERY_OPERATION_ROUNDS=100 pytest tests/unit/test_every_operation.py
ROUNDS = int(os.environ.get("EVERY_OPERATION_ROUNDS", "1"))
EVERY_OPERATION = pytest.mark.parametrize(("service", "operation"), implemented())


def shape_of(service: str, operation: str) -> Any:
    return model(service).operation_model(operation).input_shape


@functools.cache
def shared_caller() -> WildCaller:
    return WildCaller("shared", Client())


@EVERY_OPERATION
def test_a_request_for_nothing_and_one_for_everything_are_answered(
    service: str, operation: str
) -> None:
    caller = shared_caller()
    shape = shape_of(service, operation)

    with Failures() as failures:
        caller.send(service, operation, {})
        caller.send(service, operation, least(shape))
        everything = full(shape)
        caller.send(service, operation, everything)
        everything.pop("DryRun", None)
        caller.send(service, operation, everything)

    assert failures.texts == []


@pytest.mark.parametrize("life", range(2 * ROUNDS))
def test_a_life_of_any_requests_leaves_the_emulator_whole(life: int) -> None:
    caller = WildCaller(f"life {life}")
    with Failures() as failures:
        for step in range(300):
            service, operation = caller.operation()
            params = caller.params(model(service).operation_model(operation))
            send = caller.send_damaged if caller.random.random() < 0.1 else caller.send
            send(service, operation, params)
            assert failures.texts == [], (step, operation, params)
            if step % 60 == 59:
                assert_whole(caller, failures)
                caller.clients["ec2"].turn(seconds=caller.random.choice((0, 1, 60, 3600)))
        assert_whole(caller, failures)


def assert_whole(caller: WildCaller, failures: Failures) -> None:
    """Every list can be shown, and what is kept is what would be shown now."""
    for service, operation in implemented():
        if operation.startswith(("Describe", "List")):
            caller.send(service, operation, {})
            assert failures.texts == [], operation
    for region in caller.clients["ec2"].api.state:
        assert_renderings(region)
        assert_indexes(region)


def assert_renderings(region: Region) -> None:
    """What is kept of a row is what would be shown of it now."""
    for kind in KINDS:
        for row in region[kind.row]:
            hidden = kind.hidden is not None and kind.hidden(row)
            if row.fragment is not None and not hidden:
                kept = row.fragment
                fresh = load("ec2").structure_writer(kind.shape)(kind.view(region, row))
                assert kept == fresh, (kind.shape, row.id)


def assert_indexes(region: Region) -> None:
    """Every index finds exactly the rows that have the value."""
    for kind, table in region.tables():
        for name in kind.INDEXES:
            for row in table:
                value = getattr(row, name)
                keys = value if isinstance(value, tuple) else (value,)
                for key in [key for key in keys if key is not None]:
                    assert row in table.where(**{name: key}), (kind, name, row.id)
            for key, entry in table._indexes[name].items():
                found = {entry.id: entry} if isinstance(entry, kind) else entry.rows
                for row_id, row in found.items():
                    value = getattr(row, name)
                    assert row_id in table, (kind, name, row_id)
                    assert key in (value if isinstance(value, tuple) else (value,))


def with_dry_run() -> list[tuple[str, str]]:
    return [
        (service, operation)
        for service, operation in implemented()
        if "DryRun" in getattr(shape_of(service, operation), "members", {})
    ]


@pytest.mark.parametrize(("service", "operation"), with_dry_run())
def test_a_dry_run_changes_nothing(service: str, operation: str) -> None:
    caller = shared_caller()
    client = caller.clients["ec2"]
    before = count_of_rows(client)

    for params in (least(shape_of(service, operation)), full(shape_of(service, operation))):
        answer = caller.send(service, operation, {**params, "DryRun": True})
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        assert (status, answer["Error"]["Code"]) == (412, "DryRunOperation")

    assert count_of_rows(client) == before


def with_filters() -> list[str]:
    return [
        operation
        for service, operation in implemented()
        if service == "ec2"
        and getattr(shape_of(service, operation), "required_members", []) == []
        and "Filters" in getattr(shape_of(service, operation), "members", {})
    ]


@pytest.mark.parametrize("operation", with_filters())
def test_a_filter_that_does_not_exist_is_refused(operation: str) -> None:
    params: dict[str, Any] = {"Filters": [{"Name": "no-such-filter", "Values": ["x"]}]}
    if operation == "DescribeLaunchTemplateVersions":  # one of several names is needed
        params["Versions"] = ["$Latest"]

    answer = shared_caller().send("ec2", operation, params)

    assert answer["Error"]["Code"] == "InvalidParameterValue"


def test_a_repeated_client_token_creates_nothing_twice() -> None:
    client = Client()
    made: dict[str, str] = {}
    for creation in CREATIONS:
        if creation.operation not in SERVICES["ec2"]:
            continue
        params = creation.params(made)
        member = load("ec2").operation(creation.operation).token_member
        if member is not None:
            params[member] = creation.name
        first = client.call(creation.operation, **params)
        made[creation.name] = creation.id_in(first)
        if member is None:
            continue
        before = count_of_rows(client)

        again = client.call(creation.operation, **params)
        other: dict[str, Any] = {"VersionDescription": "another"}
        if "TagSpecifications" in load("ec2").operation(creation.operation).members:
            other = {"TagSpecifications": [{"ResourceType": "vpc", "Tags": [{"Key": "k"}]}]}
        code = client.code_of(creation.operation, **params, **other)

        assert creation.id_in(again) == made[creation.name], creation.operation
        assert code == "IdempotentParameterMismatch", creation.operation
        assert count_of_rows(client) == before, creation.operation
