"""Commands of Run Command, and their invocations on single instances."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from emulator.model.row import Row, Stateful, moves, record


@record
class Command(Row):
    """What one SendCommand asked for. How it goes is told by its invocations.

    Attributes:
        script: all lines, as they run.
        execution_seconds: how long it may run on an instance.
        delivery_seconds: how long it may take to reach one.
        most_at_once: on how many instances it runs at a time.
        most_errors: how many may fail before the rest is given up.
        given: members of the request that every answer repeats.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ()

    script: str
    working_directory: str
    execution_seconds: int
    delivery_seconds: int
    most_at_once: int
    most_errors: int
    requested_at: datetime
    given: Mapping[str, Any]


FINAL = frozenset({"Success", "Cancelled", "TimedOut", "Failed"})


@record
class Invocation(Stateful):
    """A command on one instance; its id is those of both with a slash between.

    Attributes:
        details: the state in more words, such as ``ExecutionTimedOut``.
        exit_status: -1 until there is one.
        output: what it wrote, cut to what answers show.
        errors: likewise.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("command_id", "instance_id")
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        Pending="InProgress Delayed Cancelled TimedOut Failed",
        Delayed="InProgress Cancelled TimedOut Failed",
        InProgress="Success Failed TimedOut Cancelling",
        Cancelling="Cancelled",
        Success="",
        Cancelled="",
        TimedOut="",
        Failed="",
    )

    command_id: str
    instance_id: str
    details: str
    exit_status: int = -1
    output: str = ""
    errors: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
