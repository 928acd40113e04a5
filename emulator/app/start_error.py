"""Why the emulator cannot start."""

from __future__ import annotations

import attrs


@attrs.frozen
class StartError(Exception):
    """The emulator cannot start; the message says why and what to do."""

    message: str

    def __str__(self) -> str:
        return self.message
