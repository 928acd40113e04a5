"""Where flow log records go: files below one folder, a part of it for each destination.

Names that callers chose (log groups, buckets, prefixes) become folders, each part of a name
one that cannot lead anywhere else.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs

from emulator.net.flow_records import header

CLOUD_WATCH, S3 = "cloud-watch-logs", "s3"
PARQUET = "parquet"
# What a stream of a log group may grow to before its first half goes.
MOST_BYTES = 64 * 1024 * 1024
_LONGEST_PART = 150
_BUCKET = re.compile(r"arn:[^:]*:s3:::([^/]+)/?(.*)")


class CannotDeliver(Exception):
    """Records could not be delivered; the message is for DescribeFlowLogs."""


@attrs.frozen
class Delivery:
    """Where the records of one flow log, interface and interval go.

    Attributes:
        destination: the ARN given, if one was.
        options: as AWS shows them; only for Amazon S3.
        end: of the interval.
    """

    account: str
    region: str
    flow_log_id: str
    interface_id: str
    traffic_type: str
    destination_type: str
    destination: str | None
    log_group_name: str | None
    options: Any
    end: datetime


def path_of(delivery: Delivery) -> Path:
    """Return the file that records go to, below the folder of all flow logs; pure.

    Raises:
        CannotDeliver: nothing can be delivered there.
    """
    if delivery.destination_type == CLOUD_WATCH:
        group = _parts(delivery.log_group_name or "")
        stream = f"{delivery.interface_id}-{delivery.traffic_type.lower()}"
        return Path(CLOUD_WATCH, delivery.account, delivery.region, *group, stream)
    if delivery.destination_type == S3:
        return _object(delivery)
    raise CannotDeliver(f"there is no {delivery.destination_type} to deliver to")


def _object(delivery: Delivery) -> Path:
    """Return an object's path. Source: "Publish flow logs to Amazon S3", flow log files."""
    options = delivery.options or {}
    if options.get("FileFormat") == PARQUET:
        raise CannotDeliver("files in the format parquet are not written; use plain-text")
    found = _BUCKET.fullmatch(delivery.destination or "")
    if found is None:
        raise CannotDeliver("the destination is not an S3 bucket")
    end = delivery.end.astimezone(UTC)
    names = ("aws-account-id", "aws-service", "aws-region", "year", "month", "day", "hour")
    values = (
        delivery.account,
        "vpcflowlogs",
        delivery.region,
        f"{end:%Y}",
        f"{end:%m}",
        f"{end:%d}",
        f"{end:%H}",
    )
    count = len(names) if options.get("PerHourPartition") else len(names) - 1
    folders = [
        f"{name}={value}" if options.get("HiveCompatiblePartitions") else value
        for name, value in list(zip(names, values, strict=True))[:count]
    ]
    stamp = f"{end:%Y%m%dT%H%MZ}"
    unique = hashlib.sha256(
        f"{delivery.flow_log_id} {delivery.interface_id} {end.isoformat()}".encode()
    ).hexdigest()[:8]
    name = (
        f"{delivery.account}_vpcflowlogs_{delivery.region}_{delivery.flow_log_id}_{stamp}"
        f"_{unique}.log.gz"
    )
    prefix = _parts(found[2]) if found[2] else ()
    return Path(S3, *_parts(found[1]), *prefix, "AWSLogs", *folders, name)


def _parts(name: str) -> tuple[str, ...]:
    """Return a name's parts as folders: none is empty, hidden, above or too long."""
    return tuple(_part(part) for part in name.rstrip("/").split("/"))


def _part(text: str) -> str:
    quoted = quote(text, safe="#") or "%"
    if quoted.startswith("."):
        quoted = f"%2E{quoted[1:]}"
    if len(quoted) > _LONGEST_PART:
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
        quoted = f"{quoted[:_LONGEST_PART]}-{digest}"
    return quoted


def blocking_deliver(
    folder: Path, delivery: Delivery, fields: Sequence[str], lines: Sequence[str]
) -> None:
    """Write records, one a line.

    Raises:
        CannotDeliver: nothing can be delivered there.
    """
    path = folder / path_of(delivery)
    text = "".join(f"{line}\n" for line in lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if delivery.destination_type == CLOUD_WATCH:
            _append(path, text.encode())
        else:
            _write_whole(path, gzip.compress(f"{header(fields)}\n{text}".encode(), mtime=0))
    except OSError as error:
        raise CannotDeliver(f"{error.strerror}: {path}") from error


def _append(path: Path, data: bytes) -> None:
    if path.exists() and path.stat().st_size + len(data) > MOST_BYTES // 2:
        path.replace(path.with_name(f"{path.name}.1"))
    # One write, so that a reader never sees half a line.
    with path.open("ab", buffering=0) as file:
        file.write(data)


def _write_whole(path: Path, data: bytes) -> None:
    """Let a file appear at once, whole, whenever this may end."""
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(data)
    unfinished.replace(path)
