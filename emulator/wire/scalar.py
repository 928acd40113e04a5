"""Scalars as text: what a parameter's characters mean, and how a value is written."""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from datetime import UTC, datetime
from math import isfinite

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_LONGEST_NUMBER = 64
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_SPACE = re.compile(rb"[ \t\r\n]+")


def boolean(text: str) -> bool:
    """Read a boolean, or raise ValueError."""
    value = _BOOLEANS.get(text.lower()) if len(text) < 6 else None
    if value is None:
        raise ValueError("be true or false")
    return value


def whole(text: str) -> int:
    """Read an integer, or raise ValueError."""
    if _WHOLE.fullmatch(text) is None:
        raise ValueError("be an integer")
    return int(text)


def real(text: str) -> float:
    """Read a finite number, or raise ValueError."""
    try:
        value = float(text) if len(text) <= _LONGEST_NUMBER else float("nan")
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise ValueError("be a number")
    return value


def timestamp(text: str) -> datetime:
    """Read an ISO 8601 time, UTC unless it says otherwise, or raise ValueError."""
    try:
        value = datetime.fromisoformat(text) if len(text) <= _LONGEST_NUMBER else None
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        if value is not None:
            return value.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("be an ISO 8601 timestamp")


def moment(seconds: float) -> datetime:
    """Read seconds since the epoch, or raise ValueError."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError("be a timestamp") from None


def blob(text: str) -> bytes:
    """Read base64, or raise ValueError."""
    try:
        return binascii.a2b_base64(_SPACE.sub(b"", text.encode("ascii")), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("be base64 encoded") from None


def base64_text(value: bytes | str) -> bytes:
    """Write a blob; text is taken as UTF-8."""
    return b64encode(value.encode() if isinstance(value, str) else value)


def iso8601(value: datetime) -> str:
    """Write a time as AWS does: UTC, milliseconds, Z."""
    utc = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


def epoch_seconds(value: datetime) -> float:
    """Write a time as seconds since the epoch, a whole number where it is one."""
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    seconds = round(aware.timestamp(), 3)
    return int(seconds) if seconds.is_integer() else seconds
