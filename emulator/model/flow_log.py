"""Flow logs: where records of a resource's traffic are to go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from emulator.model.row import Row, record


@record
class FlowLog(Row):
    """A flow log.

    Attributes:
        resource_id: the VPC, subnet, interface or transit gateway that it watches.
        destination: the ARN given, if one was.
        destination_options: as AWS shows them; only for Amazon S3.
        deliver_status: ``SUCCESS`` or ``FAILED``: how the last delivery went; None before it.
        deliver_error: why it failed.
        tag_fields: for each resource type, the keys of tags added to records.
    """

    PREFIX: ClassVar[str] = "fl"
    RESOURCE_TYPE: ClassVar[str] = "vpc-flow-log"
    INDEXES: ClassVar[tuple[str, ...]] = ("resource_id",)

    resource_id: str
    created_at: datetime
    destination_type: str
    log_format: str
    max_aggregation_interval_seconds: int
    traffic_type: str | None = None
    destination: str | None = None
    log_group_name: str | None = None
    permission_arn: str | None = None
    cross_account_role: str | None = None
    destination_options: Mapping[str, Any] | None = None
    deliver_status: str | None = None
    deliver_error: str | None = None
    tag_fields: tuple[tuple[str, tuple[str, ...]], ...] = ()
