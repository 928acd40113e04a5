"""Every service and its operations."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.services import ec2, sts
from emulator.services.call import Handler

SERVICES: Mapping[str, Mapping[str, Handler]] = {
    "ec2": ec2.OPERATIONS,
    "sts": sts.OPERATIONS,
}
