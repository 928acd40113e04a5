"""Parameters of Parameter Store with their versions."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import attrs

from emulator.model.row import Row, record


@attrs.frozen
class ParameterVersion:
    """What a parameter was from one PutParameter to the next.

    Attributes:
        type: ``String``, ``StringList`` or ``SecureString``.
        value: in plain text, for secure strings too.
        key_id: the KMS key of a secure string.
        tier: ``Standard`` or ``Advanced``.
        policies: JSON, as given.
        modified_by: the caller's ARN.
    """

    number: int
    type: str
    value: str
    modified_at: datetime
    modified_by: str
    data_type: str = "text"
    tier: str = "Standard"
    description: str | None = None
    key_id: str | None = None
    allowed_pattern: str | None = None
    policies: str | None = None
    labels: tuple[str, ...] = ()


@record
class Parameter(Row):
    """A parameter; its id is its name. It has at least one version, the oldest first."""

    INDEXES: ClassVar[tuple[str, ...]] = ()

    versions: tuple[ParameterVersion, ...]

    @property
    def newest(self) -> ParameterVersion:
        """The version that a bare name means."""
        return self.versions[-1]
