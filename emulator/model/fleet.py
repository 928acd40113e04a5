"""EC2 Fleets: a target capacity and the instances launched for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs

from emulator.model.row import Row, record


@attrs.frozen
class FleetLaunch:
    """What one launch gave a fleet, or why it failed.

    Attributes:
        template: LaunchTemplateAndOverrides, in AWS's shape.
        lifecycle: ``spot`` or ``on-demand``.
        weight: how much of the target each instance fulfils.
        error: code and message of a launch that failed.
    """

    template: Mapping[str, Any]
    lifecycle: str
    weight: float = 1.0
    instance_type: str | None = None
    platform: str | None = None
    instance_ids: tuple[str, ...] = ()
    error: tuple[str, str] | None = None


@record
class Fleet(Row):
    """An EC2 Fleet.

    Attributes:
        state: ``submitted``, ``active``, ``deleted_running`` or ``deleted_terminating``; the
            last is shown as ``deleted`` once no instance is left.
        request: what describes the fleet as it was asked for, in AWS's shape.
        target: TargetCapacitySpecification.
    """

    PREFIX: ClassVar[str] = "fleet"
    RESOURCE_TYPE: ClassVar[str] = "fleet"

    state: str
    type: str
    created_at: datetime
    request: Mapping[str, Any]
    target: Mapping[str, Any]
    launches: tuple[FleetLaunch, ...] = ()
