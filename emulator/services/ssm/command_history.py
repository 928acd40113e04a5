"""How commands went: on one instance, on all of them, and altogether."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from emulator.core.errors import AwsError
from emulator.model.command import Command, Invocation
from emulator.services.call import Call, Handler
from emulator.services.pages import page
from emulator.services.ssm.command_views import (
    PLUGIN,
    command_view,
    invocation_view,
    one_invocation_view,
)
from emulator.services.ssm.commands import find_command
from emulator.wire.scalar import timestamp

_PAGE_SIZE = 50
_PAGE_LIMITS = (1, 50)


def get_command_invocation(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show how a command went on one instance."""
    invocation = call.region[Invocation].get(f"{params['CommandId']}/{params['InstanceId']}")
    if invocation is None:
        raise AwsError(
            "InvocationDoesNotExist",
            "The command ID and instance ID you specified did not match any invocations.",
        )
    if params.get("PluginName", PLUGIN).lower() != PLUGIN.lower():
        raise AwsError("InvalidPluginName", f"The document has no plugin {params['PluginName']}.")
    return one_invocation_view(call.region, invocation)


def _selected(
    params: Mapping[str, Any], shown: Sequence[tuple[Any, Mapping[str, Any]]]
) -> list[Any]:
    """Return the rows whose views fit the request's filters, the newest first."""
    for item in params.get("Filters") or ():
        key, wanted = item["key"], item["value"]
        if key == "ExecutionStage":
            raise AwsError("InvalidFilterKey", "The filter ExecutionStage is not supported.")
        if key in ("InvokedAfter", "InvokedBefore"):
            moment = _moment(wanted)
            after = key == "InvokedAfter"
            shown = [
                pair
                for pair in shown
                if pair[1]["RequestedDateTime"] != moment
                and (pair[1]["RequestedDateTime"] > moment) == after
            ]
        elif key == "Status":
            shown = [
                pair for pair in shown if wanted in (pair[1]["Status"], pair[1]["StatusDetails"])
            ]
        else:
            shown = [pair for pair in shown if pair[1]["DocumentName"] == wanted]
    rows = [row for row, _ in shown]
    return sorted(rows, key=lambda row: -row.sequence)


def _moment(text: str) -> datetime:
    try:
        return timestamp(text)
    except ValueError:
        raise AwsError("ValidationException", f"{text[:64]} is not a moment.") from None


def _page(
    call: Call, rows: Sequence[Any], params: Mapping[str, Any]
) -> tuple[Sequence[Any], str | None]:
    """Return one page, the newest first."""
    return page(
        call.operation.name,
        rows,
        {**params, "MaxResults": params.get("MaxResults") or _PAGE_SIZE},
        _PAGE_LIMITS,
        lambda row: -row.sequence,
        "InvalidNextToken",
    )


def list_commands(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List commands, the newest first."""
    region = call.region
    rows = [find_command(call, params["CommandId"])] if params.get("CommandId") else region[Command]
    instance_id = params.get("InstanceId")
    if instance_id:
        sent = {each.command_id for each in region[Invocation].where(instance_id=instance_id)}
        rows = [command for command in rows if command.id in sent]
    chosen_rows = _selected(params, [(row, command_view(region, row)) for row in rows])
    shown, token = _page(call, chosen_rows, params)
    return {"Commands": [command_view(region, command) for command in shown], "NextToken": token}


def list_command_invocations(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List invocations, the newest first; with Details, what each wrote."""
    region, details = call.region, bool(params.get("Details"))
    if params.get("CommandId"):
        rows = region[Invocation].where(command_id=find_command(call, params["CommandId"]).id)
    else:
        rows = list(region[Invocation])
    if params.get("InstanceId"):
        rows = [row for row in rows if row.instance_id == params["InstanceId"]]
    views = [(row, invocation_view(region, row, details=False)) for row in rows]
    shown, token = _page(call, _selected(params, views), params)
    return {
        "CommandInvocations": [invocation_view(region, row, details=details) for row in shown],
        "NextToken": token,
    }


OPERATIONS: Mapping[str, Handler] = {
    "GetCommandInvocation": get_command_invocation,
    "ListCommandInvocations": list_command_invocations,
    "ListCommands": list_commands,
}
