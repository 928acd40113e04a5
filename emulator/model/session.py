"""Temporary credentials that STS gave out."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from emulator.model.row import Row, record


@record
class Session(Row):
    """One set of temporary credentials; its id is the access key id.

    Attributes:
        arn: who the bearer is, such as an assumed role's session.
        user_id: that identity's unique id, as GetCallerIdentity shows it.
        expires_at: when the credentials end.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ()

    arn: str
    user_id: str
    expires_at: datetime
