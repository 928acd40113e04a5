"""Run Command: scripts sent to managed instances."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from emulator.core.errors import AwsError
from emulator.model.command import Command, Invocation
from emulator.model.instance import Instance
from emulator.services.call import Call, Handler
from emulator.services.ssm.command_runs import advance, cancel, share
from emulator.services.ssm.command_views import (
    command_view,
)
from emulator.services.ssm.documents import (
    DEFAULT_SECONDS,
    SECONDS_PATTERN,
    Document,
    find_document,
)
from emulator.services.ssm.managed_instances import chosen, platform, targeted
from emulator.services.ssm.parameter_names import lookup

# Of the request: the delivery's time-out, and how many instances run at once and may fail.
DEFAULT_DELIVERY_SECONDS = 3600
DEFAULT_CONCURRENCY, DEFAULT_ERRORS = "50", "0"
MAX_WORKING_DIRECTORY = 4096
# "Command history is available for 30 days."
KEPT_SECONDS = 30 * 24 * 3600
_PARAMETERS = frozenset({"commands", "workingDirectory", "executionTimeout"})
_SECONDS = re.compile(SECONDS_PATTERN)
_REFERENCE = re.compile(r"\{\{\s*ssm:([a-zA-Z0-9_./:-]+)\s*\}\}")
_REPEATED = (
    *("Comment", "OutputS3Region", "OutputS3BucketName", "OutputS3KeyPrefix"),
    *("NotificationConfig", "CloudWatchOutputConfig", "AlarmConfiguration"),
)


def send_command(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Send a script to instances. Source: API_SendCommand."""
    region = call.region
    document = find_document(params["DocumentName"], params.get("DocumentVersion"))
    values = _checked_parameters(params.get("Parameters") or {})
    instances = _instances(call, params)
    _check_platforms(call, document, instances)
    now = call.world.clock.now()
    seconds = int(values.get("executionTimeout", [DEFAULT_SECONDS])[0])
    delivery = params.get("TimeoutSeconds") or DEFAULT_DELIVERY_SECONDS
    concurrency = params.get("MaxConcurrency") or DEFAULT_CONCURRENCY
    errors = params.get("MaxErrors") or DEFAULT_ERRORS
    command = Command(
        id=call.world.ids.uuid(),
        script=_script(call, values["commands"]),
        working_directory=values.get("workingDirectory", [""])[0],
        execution_seconds=seconds,
        delivery_seconds=delivery,
        most_at_once=max(
            1, share(params.get("MaxConcurrency") or DEFAULT_CONCURRENCY, len(instances))
        ),
        most_errors=share(errors, len(instances)),
        requested_at=now,
        given={
            **{name: params[name] for name in _REPEATED if name in params},
            "DocumentName": document.name,
            "DocumentVersion": params.get("DocumentVersion") or "$DEFAULT",
            "Comment": params.get("Comment") or "",
            "ExpiresAfter": now + timedelta(seconds=delivery + seconds),
            "Parameters": params.get("Parameters") or {},
            "InstanceIds": params.get("InstanceIds") or [],
            "Targets": params.get("Targets") or [],
            "MaxConcurrency": concurrency,
            "MaxErrors": errors,
            "ServiceRole": params.get("ServiceRoleArn") or "",
            "TimeoutSeconds": delivery,
        },
    )
    region[Command].add(command)
    call.world.expire(region, command, KEPT_SECONDS)
    for instance in instances:
        invocation = Invocation(
            id=f"{command.id}/{instance.id}",
            command_id=command.id,
            instance_id=instance.id,
            state="Pending",
            details="Pending",
        )
        region[Invocation].add(invocation)
        call.world.expire(region, invocation, KEPT_SECONDS)
    call.world.later(0, f"sending {command.id}", advance, call.world, region, command)
    return {"Command": command_view(region, command)}


def _checked_parameters(given: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """Return the document's parameters.

    Raises:
        AwsError: InvalidParameters for one that is absent, unknown or of the wrong form.
    """
    unknown = sorted(given.keys() - _PARAMETERS)
    if unknown:
        raise _invalid(f"The document has no parameters {unknown}.")
    if not given.get("commands"):
        raise _invalid("The parameter commands is required and must not be empty.")
    for name in given.keys() & {"workingDirectory", "executionTimeout"}:
        if len(given[name]) != 1:
            raise _invalid(f"The parameter {name} takes one value.")
    if not _SECONDS.fullmatch(given.get("executionTimeout", [DEFAULT_SECONDS])[0]):
        raise _invalid("The parameter executionTimeout takes 1 to 172800 seconds.")
    directory = given.get("workingDirectory", [""])[0]
    if len(directory) > MAX_WORKING_DIRECTORY or "\0" in directory:
        raise _invalid("The parameter workingDirectory is not valid.")
    return given


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameters", message)


def _instances(call: Call, params: Mapping[str, Any]) -> list[Instance]:
    ids, targets = params.get("InstanceIds"), params.get("Targets")
    if bool(ids) == bool(targets):
        raise AwsError(
            "ValidationException", "Either InstanceIds or Targets must be specified, and not both."
        )
    return chosen(call, ids) if ids else targeted(call, targets or ())


def _check_platforms(call: Call, document: Document, instances: Sequence[Instance]) -> None:
    if not document.runs:
        raise AwsError(
            "UnsupportedPlatformType",
            f"The emulator runs no {document.name}: instances have no PowerShell.",
        )
    for instance in instances:
        kind = platform(call.region, instance)[0]
        if kind not in document.platforms:
            raise AwsError(
                "UnsupportedPlatformType",
                f"The document {document.name} does not support the platform {kind} of "
                f"{instance.id}.",
            )


def _script(call: Call, lines: Sequence[str]) -> str:
    """Return the script, with the values of parameters that it names as ``{{ssm:name}}``."""

    def value(match: re.Match[str]) -> str:
        try:
            version = lookup(call.region, match[1]).version
        except AwsError as error:
            raise _invalid(error.message) from None
        if version.type == "SecureString":
            raise _invalid(f"The secure string {match[1]} cannot be used in commands.")
        return version.value

    return _REFERENCE.sub(value, "\n".join(lines)) + "\n"


def find_command(call: Call, command_id: str) -> Command:
    """Return a command.

    Raises:
        AwsError: InvalidCommandId.
    """
    command = call.region[Command].get(command_id)
    if command is None:
        raise AwsError("InvalidCommandId", f"The command ID {command_id[:64]} does not exist.")
    return command


def cancel_command(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Cancel a command where it has not ended, or on some of its instances."""
    command, ids = find_command(call, params["CommandId"]), params.get("InstanceIds") or []
    if len(set(ids)) < len(ids):
        raise AwsError("DuplicateInstanceId", "An instance ID is given more than once.")
    invocations = {
        each.instance_id: each for each in call.region[Invocation].where(command_id=command.id)
    }
    for instance_id in ids:
        if instance_id not in invocations:
            raise AwsError("InvalidInstanceId", f"The command was not sent to {instance_id}.")
    for instance_id in ids or invocations:
        cancel(call.world, call.region, invocations[instance_id])
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "CancelCommand": cancel_command,
    "SendCommand": send_command,
}
