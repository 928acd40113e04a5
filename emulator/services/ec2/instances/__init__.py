"""Instances: launched, shown, changed and ended, over whatever machine manager there is."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.services.call import Handler
from emulator.services.ec2.instances import (
    attributes,
    console,
    describe,
    launch,
    lifecycle,
    profiles,
    settings,
    template_data,
)

OPERATIONS: Mapping[str, Handler] = {
    **attributes.OPERATIONS,
    **console.OPERATIONS,
    **describe.OPERATIONS,
    **launch.OPERATIONS,
    **lifecycle.OPERATIONS,
    **profiles.OPERATIONS,
    **settings.OPERATIONS,
    **template_data.OPERATIONS,
}
