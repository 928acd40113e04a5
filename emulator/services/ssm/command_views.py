"""Commands and invocations as answers show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from emulator.model.command import FINAL, Command, Invocation
from emulator.model.instance import Instance
from emulator.services.ssm.command_runs import counts_as_error
from emulator.services.ssm.documents import SHELL
from emulator.state.store import Region
from emulator.wire.scalar import iso8601

PLUGIN = SHELL.plugin
# ListCommandInvocations shows less than GetCommandInvocation.
MAX_PLUGIN_OUTPUT = 2_500
_ERRORS_FOLLOW = "\n----------ERROR-------\n"
# Members of the request that single invocations repeat.
_OF_INVOCATION = ("Comment", "ServiceRole", "NotificationConfig", "CloudWatchOutputConfig")


def status(command: Command, invocations: Sequence[Invocation]) -> tuple[str, str]:
    """Return a command's status and its details. Source: "Understanding command statuses"."""
    states = [invocation.state for invocation in invocations]
    if not states:
        return "Failed", "NoInstancesInTag"
    if not FINAL.issuperset(states):
        if "Cancelling" in states:
            return "Cancelling", "Cancelling"
        started = any(state not in ("Pending", "Delayed") for state in states)
        return ("InProgress", "InProgress") if started else ("Pending", "Pending")
    details = [invocation.details for invocation in invocations]
    if "Cancelled" in details:
        return "Cancelled", "Cancelled"
    if len(states) == states.count("Success"):
        return "Success", "Success"
    errors = sum(map(counts_as_error, invocations))
    if errors > command.most_errors:
        only_late = "Failed" not in details
        return ("TimedOut", "ExecutionTimedOut") if only_late else ("Failed", "Failed")
    if len(states) == details.count("DeliveryTimedOut"):
        return "TimedOut", "DeliveryTimedOut"
    return "Failed", "Incomplete"


def command_view(region: Region, command: Command) -> dict[str, Any]:
    """Return a command in AWS's shape."""
    invocations = region[Invocation].where(command_id=command.id)
    state, details = status(command, invocations)
    return {
        **command.given,
        "CommandId": command.id,
        "RequestedDateTime": command.requested_at,
        "Status": state,
        "StatusDetails": details,
        "TargetCount": len(invocations),
        "CompletedCount": sum(each.state in FINAL for each in invocations),
        "ErrorCount": sum(map(counts_as_error, invocations)),
        "DeliveryTimedOutCount": sum(each.details == "DeliveryTimedOut" for each in invocations),
    }


def invocation_view(region: Region, invocation: Invocation, *, details: bool) -> dict[str, Any]:
    """Return an invocation as lists show it, with its plugin where details are wanted."""
    command = region[Command][invocation.command_id]
    instance = region[Instance].get(invocation.instance_id)
    shown = {
        **{name: command.given.get(name) for name in _OF_INVOCATION},
        "CommandId": command.id,
        "InstanceId": invocation.instance_id,
        "InstanceName": instance.tags.get("Name", "") if instance else "",
        "DocumentName": command.given["DocumentName"],
        "DocumentVersion": command.given["DocumentVersion"],
        "RequestedDateTime": command.requested_at,
        "Status": invocation.state,
        "StatusDetails": invocation.details,
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "CommandPlugins": [],
    }
    if details:
        shown["CommandPlugins"] = [_plugin(command, invocation)]
    return shown


# What a plugin's status can be; an invocation's can be more.
_PLUGIN_STATES = {"Delayed": "Pending", "Cancelling": "InProgress"}


def _plugin(command: Command, invocation: Invocation) -> dict[str, Any]:
    output = invocation.output
    if invocation.errors:
        output += _ERRORS_FOLLOW + invocation.errors
    return {
        "Name": PLUGIN,
        "Status": _PLUGIN_STATES.get(invocation.state, invocation.state),
        "StatusDetails": invocation.details,
        "ResponseCode": invocation.exit_status,
        "ResponseStartDateTime": invocation.started_at,
        "ResponseFinishDateTime": invocation.ended_at,
        "Output": output[:MAX_PLUGIN_OUTPUT],
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "OutputS3Region": command.given.get("OutputS3Region"),
        "OutputS3BucketName": command.given.get("OutputS3BucketName") or "",
        "OutputS3KeyPrefix": command.given.get("OutputS3KeyPrefix") or "",
    }


def one_invocation_view(region: Region, invocation: Invocation) -> dict[str, Any]:
    """Return an invocation as GetCommandInvocation shows it."""
    command = region[Command][invocation.command_id]
    started, ended = invocation.started_at, invocation.ended_at
    return {
        "CommandId": command.id,
        "InstanceId": invocation.instance_id,
        "Comment": command.given.get("Comment", ""),
        "DocumentName": command.given["DocumentName"],
        "DocumentVersion": command.given["DocumentVersion"],
        "PluginName": PLUGIN,
        "ResponseCode": invocation.exit_status,
        "ExecutionStartDateTime": iso8601(started) if started else "",
        "ExecutionElapsedTime": _elapsed(started, ended),
        "ExecutionEndDateTime": iso8601(ended) if ended else "",
        "Status": invocation.state,
        "StatusDetails": invocation.details,
        "StandardOutputContent": invocation.output,
        "StandardOutputUrl": "",
        "StandardErrorContent": invocation.errors,
        "StandardErrorUrl": "",
        "CloudWatchOutputConfig": command.given.get("CloudWatchOutputConfig")
        or {"CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": False},
    }


def _elapsed(started: datetime | None, ended: datetime | None) -> str:
    if started is None or ended is None:
        return ""
    return f"PT{(ended - started).total_seconds():.3f}S"
