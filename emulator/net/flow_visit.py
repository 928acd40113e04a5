"""One visit to a namespace for its flows: what is counted from now on, and what was until now.

Plain data, as ``emulator.net.visit`` has it: performed by a thread inside, or by a helper.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import attrs

from emulator.core.process import run_blocking
from emulator.net.flow_capture import TABLES, begin_script, end_script
from emulator.net.visit import definitions_for, load_filter


@attrs.frozen
class FlowVisit:
    """What is done about flows.

    Attributes:
        mac_addresses: of the instance's interfaces.
        turn: which table counts from now on; None: none does, and none stays.
        is_first: whether nothing of ours has counted there before, so there is nothing to read.
    """

    mac_addresses: tuple[str, ...] = ()
    turn: int | None = None
    is_first: bool = False

    def to_json(self) -> str:
        """Return the visit as a line of text."""
        return json.dumps({"flows": attrs.asdict(self)})

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> FlowVisit:
        """Return the visit of such a line, once that is taken apart."""
        flows = given["flows"]
        return cls(tuple(flows["mac_addresses"]), flows["turn"], flows["is_first"])


def perform_flows(visit: FlowVisit) -> str:
    """Do it in the namespace this thread is in, and return nft's listing of what was counted.

    Raises:
        CommandFailed: nftables refuses.
        OSError: the namespace cannot be looked at.
    """
    if visit.turn is None:
        load_filter(end_script())
        return ""
    load_filter(definitions_for(visit.mac_addresses) + begin_script(visit.turn))
    former = 1 - visit.turn
    listed = "" if visit.is_first else _listed(TABLES[former])
    load_filter(end_script(former))
    return listed


def _listed(table: str) -> str:
    words: Sequence[str] = ("nft", "--json", "--numeric", "list", "table", *table.split())
    return run_blocking(words).output.decode()
