"""The one error a client sees; everything else is a fault of ours."""

from __future__ import annotations

from typing import final


@final
class AwsError(Exception):
    """An answer that refuses a request, with the code that AWS gives for it.

    Handlers raise it and nobody below ``web`` catches it: each protocol has its
    own envelope for it.

    Args:
        code: AWS's error code, such as ``InvalidVpcID.NotFound``.
        message: one sentence that helps the caller.
        status: HTTP status; 4xx, because SDKs retry 5xx for minutes.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
