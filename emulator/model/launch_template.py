"""Launch templates and their numbered versions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from emulator.model.row import Row, record


@record
class LaunchTemplate(Row):
    """A launch template; what it says stands in its versions.

    Attributes:
        created_by: the ARN of whoever made it.
        default_version: the version used when nobody names one.
        latest_version: the highest that there is.
        last_number: the highest ever given out; numbers are not used again.
    """

    PREFIX: ClassVar[str] = "lt"
    RESOURCE_TYPE: ClassVar[str] = "launch-template"
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    created_at: datetime
    created_by: str
    default_version: int = 1
    latest_version: int = 1
    last_number: int = 1


@record
class LaunchTemplateVersion(Row):
    """One version; its id is the template's id, a colon and the number.

    Attributes:
        data: RequestLaunchTemplateData as given, never mutated.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("template_id",)

    template_id: str
    number: int
    data: Mapping[str, Any]
    created_at: datetime
    created_by: str
    description: str | None = None
