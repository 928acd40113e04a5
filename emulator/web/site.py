"""Everything on the port: the AWS APIs, and what is asked about the emulator itself."""

from __future__ import annotations

from collections.abc import Awaitable

import attrs

from emulator.web.admin import PREFIX, Admin
from emulator.web.api import Api
from emulator.wire.message import HttpRequest, HttpResponse


@attrs.frozen
class Site:
    """Sends each request to who answers it."""

    api: Api
    admin: Admin

    def answer(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer one request."""
        if request.path.startswith(PREFIX):
            return self.admin.answer(request)
        return self.api.answer(request)
