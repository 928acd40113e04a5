"""Everything on the port: the AWS APIs, and what is asked about the emulator itself."""

from __future__ import annotations

from collections.abc import Awaitable

import attrs

from emulator.core.opening import Opening
from emulator.web.admin import PREFIX, Admin
from emulator.web.api import Api
from emulator.wire.message import HttpRequest, HttpResponse


@attrs.frozen
class Site:
    """Sends each request to who answers it.

    Args:
        api: answers AWS's requests.
        admin: answers what is asked about the emulator.
        opening: AWS's requests wait for it: until it is open, records may not tell of all the
            machines and images that there are.
    """

    api: Api
    admin: Admin
    opening: Opening = attrs.field(factory=Opening.opened)

    def answer(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer one request."""
        if request.path.startswith(PREFIX):
            return self.admin.answer(request)
        return self.answer_aws(request)

    def answer_aws(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer one request that is meant for AWS."""
        if self.opening.is_open:
            return self.api.answer(request)
        return self._answer_later(request)

    async def _answer_later(self, request: HttpRequest) -> HttpResponse:
        await self.opening.wait()
        answer = self.api.answer(request)
        return await answer if isinstance(answer, Awaitable) else answer
