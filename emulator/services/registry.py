"""Every service and its operations."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.services import ec2, iam, sts
from emulator.services.call import Handler

SERVICES: Mapping[str, Mapping[str, Handler]] = {
    "ec2": ec2.OPERATIONS,
    "iam": iam.OPERATIONS,
    "sts": sts.OPERATIONS,
}
