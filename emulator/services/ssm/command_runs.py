"""What happens to a command once it is sent: it reaches its instances, runs, and ends.

Nothing but records says how far a command is: ``advance`` looks at them and begins what may
begin, after every change.
"""

from __future__ import annotations

import math

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from emulator.model.command import Command, Invocation
from emulator.model.instance import Instance
from emulator.services.call import World
from emulator.state.store import Region
from emulator.vm.interface import CommandResult, RunsCommands, VMError

log = Logger()

# GetCommandInvocation shows no more.
MAX_OUTPUT = 24_000
MAX_ERRORS = 8_000
_CUT = "\n---Output truncated---"
# How the agent reports a script that it had to end.
STOPPED_STATUS = 137
RETRY_SECONDS = 5.0
_COMES_BACK = frozenset({"pending", "stopping", "stopped"})

# The agent's own directory, in which it puts the script before it runs it. Nothing of the
# caller's is in these texts: the script comes by standard input, the directory as $1.
_DIRECTORY = "/var/lib/amazon/ssm/{instance}/document/orchestration/{command}/awsrunShellScript"
START = """
(umask 077; mkdir -p "$1" && cat >"$1/_script.sh" && chmod 700 "$1/_script.sh") || exit
{ read -r _ _ _ _ group _ </proc/$$/stat; } 2>/dev/null
if [ "$group" = $$ ]; then echo -$$; else echo $$; fi >"$1/pid"
exec "$1/_script.sh" </dev/null
"""
# Ends the script, and all it has started where it leads a group of processes; docker's do.
STOP = """
pid=$(cat "$1/pid") && kill -s TERM -- "$pid" && sleep 2 && kill -s KILL -- "$pid"
exit 0
"""
# How long ending a script may take, and how much later than asked a time-out may be noticed.
_STOP_SECONDS = 20.0
_LATE_SECONDS = 2.0


def task_name(invocation: Invocation) -> str:
    """Return the name of an invocation's background work."""
    return f"running command {invocation.id}"


def advance(world: World, region: Region, command: Command) -> None:
    """Begin, delay or give up the invocations that wait."""
    invocations = region[Invocation].where(command_id=command.id)
    running = sum(each.state in ("InProgress", "Cancelling") for each in invocations)
    errors = sum(counts_as_error(each) for each in invocations)
    delayed = False
    for invocation in invocations:
        if invocation.state not in ("Pending", "Delayed"):
            continue
        if errors > command.most_errors:
            _end(world, invocation, "Failed", "Terminated")
            continue
        instance = region[Instance].get(invocation.instance_id)
        if instance is None or instance.state in ("shutting-down", "terminated"):
            _end(world, invocation, "Failed", "Undeliverable")
        elif _waited_seconds(world, command) >= command.delivery_seconds:
            _end(world, invocation, "TimedOut", "DeliveryTimedOut")
        elif instance.state in _COMES_BACK:
            delayed = True
            if invocation.state == "Pending":
                invocation.details = "Delayed"
                invocation.move("Delayed")
        elif running < command.most_at_once:
            running += 1
            _begin(world, region, command, invocation)
    if delayed:
        world.later(RETRY_SECONDS, f"delivering {command.id}", advance, world, region, command)


def counts_as_error(invocation: Invocation) -> bool:
    """Tell whether an invocation counts against MaxErrors. Source: "Command statuses"."""
    return invocation.details in ("Failed", "ExecutionTimedOut")


def _waited_seconds(world: World, command: Command) -> float:
    return (world.clock.now() - command.requested_at).total_seconds()


def _end(world: World, invocation: Invocation, state: str, details: str) -> None:
    invocation.details = details
    if invocation.started_at is not None:
        invocation.ended_at = world.clock.now()
    invocation.move(state)


def _begin(world: World, region: Region, command: Command, invocation: Invocation) -> None:
    invocation.started_at = world.clock.now()
    invocation.details = "InProgress"
    invocation.move("InProgress")
    world.background.start(task_name(invocation), _run(world, region, command, invocation))
    world.later(
        command.execution_seconds + _LATE_SECONDS,
        f"ending {invocation.id}",
        _overdue,
        world,
        region,
        invocation,
    )


def _overdue(world: World, region: Region, invocation: Invocation) -> None:
    """End a script whose time is up where the manager did not, or could not end all of it."""
    if invocation.state == "InProgress":
        invocation.details = "ExecutionTimedOut"
        _stop(world, region, invocation)


def _stop(world: World, region: Region, invocation: Invocation) -> None:
    """End a script in its guest; then, if the manager still waits for it, the waiting."""
    _stop_in_background(world, region, invocation)
    world.later(
        _STOP_SECONDS, f"ending {invocation.id}", world.background.cancel, task_name(invocation)
    )


def _stop_in_background(world: World, region: Region, invocation: Invocation) -> None:
    world.background.start(
        f"stopping command {invocation.id}", _stop_script(world, region, invocation)
    )


async def _stop_script(world: World, region: Region, invocation: Invocation) -> None:
    manager = _manager(world, region, invocation)
    if manager is None:
        return
    try:
        await manager.run_command(
            invocation.instance_id,
            ("sh", "-c", STOP, "sh", _directory(invocation)),
            timeout_seconds=_STOP_SECONDS,
        )
    except VMError as error:
        log.info("{what} is not stopped: {error}", what=task_name(invocation), error=str(error))


def _manager(world: World, region: Region, invocation: Invocation) -> RunsCommands | None:
    """Return who runs commands in an invocation's instance, if anybody does."""
    instance = region[Instance].get(invocation.instance_id)
    if instance is None:
        return None
    manager = world.machines.of(instance)
    return manager if isinstance(manager, RunsCommands) else None


def _directory(invocation: Invocation) -> str:
    directory = _DIRECTORY.format(instance=invocation.instance_id, command=invocation.command_id)
    return f"{directory}/0.awsrunShellScript"


async def _run(world: World, region: Region, command: Command, invocation: Invocation) -> None:
    manager = _manager(world, region, invocation)
    if manager is None:
        _fail(world, invocation, "the VM manager cannot run commands")
        return
    try:
        result = await manager.run_command(
            invocation.instance_id,
            ("sh", "-c", START, "sh", _directory(invocation)),
            stdin=command.script.encode(),
            environment={
                "AWS_SSM_INSTANCE_ID": invocation.instance_id,
                "AWS_SSM_REGION_NAME": region.name,
            },
            timeout_seconds=command.execution_seconds,
            working_directory=command.working_directory,
        )
    except CancelledError:
        if invocation.state != "Cancelling" and not _is_overdue(invocation):
            raise  # the program ends
        _finish(world, region, invocation, CommandResult(STOPPED_STATUS, b"", b""))
    except VMError as error:
        log.info("{what}: {error}", what=task_name(invocation), error=str(error))
        _fail(world, invocation, str(error))
    else:
        _finish(world, region, invocation, result)
    world.later(0, f"advancing {command.id}", advance, world, region, command)


def _fail(world: World, invocation: Invocation, reason: str) -> None:
    invocation.errors = _cut(f"failed to run commands: {reason}", MAX_ERRORS)
    _end_or_cancel(world, invocation, "Failed", "Failed")


def _finish(world: World, region: Region, invocation: Invocation, result: CommandResult) -> None:
    errors = result.errors.decode(errors="replace")
    timed_out = result.timed_out or _is_overdue(invocation)
    status = STOPPED_STATUS if timed_out else result.exit_status
    if status != 0:
        gap = "\n" if errors and not errors.endswith("\n") else ""
        errors = f"{errors}{gap}failed to run commands: exit status {status}"
    invocation.exit_status = status
    invocation.output = _cut(result.output.decode(errors="replace"), MAX_OUTPUT)
    invocation.errors = _cut(errors, MAX_ERRORS)
    if result.timed_out:
        # The manager ended the script, but perhaps not what the script had started.
        _stop_in_background(world, region, invocation)
    if timed_out:
        _end_or_cancel(world, invocation, "TimedOut", "ExecutionTimedOut")
    elif status != 0:
        _end_or_cancel(world, invocation, "Failed", "Failed")
    else:
        _end_or_cancel(world, invocation, "Success", "Success")


def _is_overdue(invocation: Invocation) -> bool:
    return invocation.details == "ExecutionTimedOut"


def _end_or_cancel(world: World, invocation: Invocation, state: str, details: str) -> None:
    """End an invocation as it ended by itself, unless somebody was cancelling it."""
    if invocation.state == "Cancelling":
        _end(world, invocation, "Cancelled", "Cancelled")
    else:
        _end(world, invocation, state, details)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(_CUT)] + _CUT


def cancel(world: World, region: Region, invocation: Invocation) -> None:
    """End an invocation that waits or runs; one that has ended stays as it is."""
    if invocation.state in ("Pending", "Delayed"):
        _end(world, invocation, "Cancelled", "Cancelled")
    elif invocation.state == "InProgress":
        invocation.details = "Cancelling"
        invocation.move("Cancelling")
        _stop(world, region, invocation)


def share(text: str, whole: int) -> int:
    """Return a number that is given itself or as percents of ``whole``, rounded up."""
    if text.endswith("%"):
        return math.ceil(int(text[:-1]) * whole / 100)
    return int(text)
