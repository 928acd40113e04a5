"""What can befall an instance: it is told through its metadata, and at the time it happens.

Events are asked for, as AWS Fault Injection Service and Amazon EC2 Metadata Mock have them;
here they end in something done to a real machine. Sources: "Spot Instance interruption
notices", "EC2 instance rebalance recommendations", "Scheduled events for Amazon EC2
instances", "Retrieve the target lifecycle state through instance metadata".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Final

import attrs

from emulator.core.clock import Clock
from emulator.model.instance import Instance
from emulator.model.instance_event import (
    LIFECYCLE_STATE,
    MAINTENANCE,
    REBALANCE,
    SPOT_INTERRUPTION,
    InstanceEvent,
)
from emulator.model.spot import SpotRequest
from emulator.state.store import Region, State

NOTICE_SECONDS: Final = 120.0
"""How long before an interruption AWS tells the instance of it."""

MAX_SECONDS: Final = 30 * 24 * 3600.0
INTERRUPTIONS: Final = ("terminate", "stop", "hibernate")
# A scheduled event's code → what is done, and how the event describes itself.
CODES: Mapping[str, tuple[str | None, str]] = {
    "instance-reboot": ("reboot", "The instance is scheduled for a reboot"),
    "system-reboot": ("reboot", "The host of the instance is scheduled for a reboot"),
    "system-maintenance": (None, "The host of the instance is scheduled for maintenance"),
    "instance-retirement": ("retire", "The instance is scheduled for retirement"),
    "instance-stop": ("stop", "The instance is scheduled to be stopped"),
}
DEFAULT_CODE: Final = "system-reboot"
LIFECYCLE_STATES: Final = (
    "Detached",
    "InService",
    "Standby",
    "Terminated",
    "Warmed:Hibernated",
    "Warmed:Running",
    "Warmed:Stopped",
    "Warmed:Terminated",
)
_WINDOW_SECONDS: Final = 2 * 3600.0
_MARKED: Mapping[str, tuple[str, str]] = {
    "terminate": (
        "marked-for-termination",
        "Your Spot Instance is marked for termination because it is about to be interrupted.",
    ),
    "stop": (
        "marked-for-stop",
        "Your Spot Instance is marked for stopping because it is about to be interrupted.",
    ),
    "hibernate": (
        "marked-for-hibernation",
        "Your Spot Instance is marked for hibernation because it is about to be interrupted.",
    ),
}

Act = Callable[[Region, Instance, str, str], None]
"""Do something to an instance: terminate, stop, hibernate, reboot or retire; and the event's
kind, which is why."""

Later = Callable[..., None]
"""``World.later``: seconds, what it is, a function and its arguments."""


class EventError(ValueError):
    """An event that cannot be; the message says why."""


@attrs.define(eq=False)
class Events:
    """Makes events, and lets them happen.

    Args:
        state: every account's records.
        clock: the time.
        later: runs a function after some seconds.
        new_id: returns an id for the record of an event.
        act: does to the instance what the event is about.
    """

    _state: State
    _clock: Clock
    _later: Later
    _new_id: Callable[[], str]
    _act: Act

    def interrupt_spot(
        self, instance_id: str, in_seconds: float, action: str | None = None
    ) -> InstanceEvent:
        """Interrupt an instance as EC2 interrupts Spot Instances.

        A rebalance recommendation comes at once, the notice NOTICE_SECONDS before.

        Args:
            instance_id: any that lives, whether or not it is a Spot Instance.
            in_seconds: when.
            action: one of INTERRUPTIONS; None for what its Spot request says.

        Raises:
            EventError: it cannot be done.
        """
        region, instance = self._living(instance_id)
        request = region[SpotRequest].get(instance.spot_request_id)
        if action is None:
            action = request.interruption_behavior if request is not None else INTERRUPTIONS[0]
        if action not in INTERRUPTIONS:
            raise EventError(f"an interruption is one of {', '.join(INTERRUPTIONS)}")
        seconds = _checked(in_seconds)
        self.recommend_rebalance(instance_id)
        notice_in = max(0.0, seconds - NOTICE_SECONDS)
        event = self._add(
            region, instance, SPOT_INTERRUPTION, action, in_seconds=seconds, notice_in=notice_in
        )
        self._later(notice_in, f"noticing {event.id}", self._mark, region, event)
        return event

    def recommend_rebalance(self, instance_id: str, in_seconds: float = 0.0) -> InstanceEvent:
        """Recommend that the instance's work moves elsewhere, which may mean nothing.

        Raises:
            EventError: it cannot be done.
        """
        region, instance = self._living(instance_id)
        seconds = _checked(in_seconds)
        return self._add(region, instance, REBALANCE, "", in_seconds=seconds, notice_in=seconds)

    def schedule(
        self,
        instance_id: str,
        in_seconds: float,
        code: str = DEFAULT_CODE,
        description: str | None = None,
    ) -> InstanceEvent:
        """Schedule maintenance; the instance is told at once.

        Raises:
            EventError: it cannot be done.
        """
        region, instance = self._living(instance_id)
        if code not in CODES:
            raise EventError(f"a scheduled event's code is one of {', '.join(CODES)}")
        return self._add(
            region,
            instance,
            MAINTENANCE,
            code,
            in_seconds=_checked(in_seconds),
            description=description or CODES[code][1],
        )

    def set_lifecycle_state(
        self, instance_id: str, target: str, in_seconds: float = 0.0
    ) -> InstanceEvent:
        """Tell an instance to which state its Auto Scaling group takes it; nothing is done.

        Raises:
            EventError: it cannot be done.
        """
        region, instance = self._living(instance_id)
        if target not in LIFECYCLE_STATES:
            raise EventError(f"a target lifecycle state is one of {', '.join(LIFECYCLE_STATES)}")
        seconds = _checked(in_seconds)
        return self._add(
            region, instance, LIFECYCLE_STATE, target, in_seconds=seconds, notice_in=seconds
        )

    def cancel(self, event_id: str) -> InstanceEvent:
        """Let an event not happen.

        Raises:
            EventError: there is none of that id, or it is over.
        """
        for region, event in self._all():
            if event.id == event_id and event.may("canceled"):
                event.move("canceled")
                self._unmark(region, event)
                return event
        raise EventError(f"there is no event {event_id} that could be cancelled")

    def listed(self) -> list[InstanceEvent]:
        """Return every event of instances that live, the oldest first."""
        return [event for _, event in self._all()]

    def resume(self) -> None:
        """Wait again for what records of an earlier run say is still to happen."""
        now = self._clock.now()
        for region, event in self._all():
            if event.state == "active" and event.kind in (SPOT_INTERRUPTION, MAINTENANCE):
                self._wait(region, event, max(0.0, (event.not_before - now).total_seconds()))

    def _all(self) -> Iterator[tuple[Region, InstanceEvent]]:
        for region in self._state:
            for event in region[InstanceEvent]:
                yield region, event

    def _living(self, instance_id: str) -> tuple[Region, Instance]:
        for region in self._state:
            instance = region[Instance].get(instance_id)
            if instance is not None and instance.may("shutting-down"):
                return region, instance
        raise EventError(f"there is no instance {instance_id[:64]}, or it is terminated")

    def _add(
        self,
        region: Region,
        instance: Instance,
        kind: str,
        value: str,
        *,
        in_seconds: float,
        notice_in: float = 0.0,
        description: str = "",
    ) -> InstanceEvent:
        now = self._clock.now()
        not_before = now + timedelta(seconds=in_seconds)
        is_scheduled = kind == MAINTENANCE
        event = region[InstanceEvent].add(
            InstanceEvent(
                id=self._new_id(),
                state="active",
                instance_id=instance.id,
                kind=kind,
                value=value,
                noticed_at=now + timedelta(seconds=notice_in),
                not_before=not_before,
                not_after=not_before + timedelta(seconds=_WINDOW_SECONDS) if is_scheduled else None,
                description=description,
            )
        )
        if kind in (SPOT_INTERRUPTION, MAINTENANCE):
            self._wait(region, event, in_seconds)
        return event

    def _wait(self, region: Region, event: InstanceEvent, seconds: float) -> None:
        self._later(seconds, f"{event.kind} of {event.instance_id}", self._happen, region, event)

    def _is_current(self, region: Region, event: InstanceEvent) -> bool:
        """Tell whether an event still is to happen; a reset takes all away."""
        return (
            event.state == "active"
            and event.watcher is not None
            and self._state.region(region.account, region.name) is region
        )

    def _happen(self, region: Region, event: InstanceEvent) -> None:
        if not self._is_current(region, event):
            return
        event.move("completed")
        instance = region[Instance].get(event.instance_id)
        if instance is None:
            return
        action = event.value if event.kind == SPOT_INTERRUPTION else CODES[event.value][0]
        if event.kind == SPOT_INTERRUPTION:
            for other in region[InstanceEvent].where(instance_id=instance.id):
                if other.kind == REBALANCE and other.may("completed"):
                    other.move("completed")
        if action is not None:
            self._act(region, instance, action, event.kind)

    def _mark(self, region: Region, event: InstanceEvent) -> None:
        request = self._spot_request(region, event)
        if self._is_current(region, event) and request is not None:
            request.status, request.status_at = _MARKED[event.value], self._clock.now()

    def _unmark(self, region: Region, event: InstanceEvent) -> None:
        request = self._spot_request(region, event)
        is_marked = request is not None and request.status in _MARKED.values()
        if event.kind == SPOT_INTERRUPTION and request is not None and is_marked:
            request.status = ("fulfilled", "Your spot request is fulfilled.")
            request.status_at = self._clock.now()

    @staticmethod
    def _spot_request(region: Region, event: InstanceEvent) -> SpotRequest | None:
        instance = region[Instance].get(event.instance_id)
        request = region[SpotRequest].get(instance.spot_request_id) if instance else None
        return request if request is not None and request.state == "active" else None


def _checked(seconds: float) -> float:
    if not 0 <= seconds <= MAX_SECONDS:
        raise EventError(f"events lie between 0 and {MAX_SECONDS:.0f} seconds ahead")
    return float(seconds)
