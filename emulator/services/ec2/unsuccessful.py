"""What a batch call answers for those of its resources that it cannot do."""

from __future__ import annotations

from typing import Any

from emulator.core.errors import AwsError


def unsuccessful(resource_id: str, error: AwsError) -> dict[str, Any]:
    """Return one item of a result's ``Unsuccessful``."""
    return {"ResourceId": resource_id, "Error": {"Code": error.code, "Message": error.message}}
