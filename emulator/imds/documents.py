"""How the service writes JSON and moments."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any


def readable_json(value: Any) -> str:
    """Return JSON indented, with a space on both sides of colons."""
    return json.dumps(value, indent=2, separators=(",", " : "))


def moment(value: datetime) -> str:
    """Return a moment in UTC to the second, such as ``2026-01-02T03:04:05Z``."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")
