"""The front door of the AWS APIs: one request in, one answer out.

The only place that turns an error into an answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
from twisted.logger import Logger

from emulator.core.errors import AwsError
from emulator.services.access_keys import note_use
from emulator.services.accounts import Accounts, known_region
from emulator.services.call import Call, World
from emulator.services.dispatch import Dispatcher
from emulator.state.store import State
from emulator.wire.fault import fault
from emulator.wire.message import HttpRequest, HttpResponse
from emulator.wire.route import Target, route
from emulator.wire.service import Operation, Service, load

log = Logger()


def _nothing() -> None: ...


@attrs.define(eq=False)
class Api:
    """Answers requests of every service.

    Attributes:
        tells_parameters: whether the log gets what each request asked for, too.
        on_reset: is called once every record is forgotten.
    """

    world: World
    state: State
    dispatcher: Dispatcher
    accounts: Accounts = attrs.field(factory=Accounts)
    tells_parameters: bool = False
    on_reset: Callable[[], None] = _nothing

    def reset(self) -> None:
        """Forget every record and every client token."""
        self.state.reset()
        self.dispatcher.tokens.clear()
        self.on_reset()

    def answer(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer one request; an awaitable comes back only where a handler needs time."""
        request_id = self.world.ids.request()
        service: Service | None = None
        target: Target | None = None
        try:
            target = route(request)
            service = load(target.service)
            operation = service.operation(target.operation)
            handler = self.dispatcher.handler(target.service, target.operation)
            call = Call(
                operation,
                operation.parse(request),
                self.state.region(self.accounts.of(target.access_key), known_region(target.region)),
                self.state,
                self.world,
                target.access_key,
                request.headers.get("user-agent", ""),
                request_id,
            )
            note_use(call, target.service)
            if self.tells_parameters:
                _tell(target, call)
            result = self.dispatcher.run(target.service, handler, call)
            if result.__class__ is dict or isinstance(result, Mapping):
                return operation.reply(result, request_id)
        except AwsError as error:
            return _refused(request, service, target, error, request_id)
        except Exception:  # noqa: BLE001 - a fault of ours, told to the log and not to the client
            return _crashed(request, service, target, request_id)
        return _answer_later(request, service, target, operation, result, request_id)


def _tell(target: Target, call: Call) -> None:
    log.debug(
        "{service}.{operation} {account} {region} {agent} {params}",
        service=target.service,
        operation=target.operation,
        account=call.account,
        region=call.region.name,
        agent=ascii(call.user_agent),
        params=ascii(call.params),
    )


async def _answer_later(
    request: HttpRequest,
    service: Service,
    target: Target,
    operation: Operation,
    work: Awaitable[Mapping[str, Any]],
    request_id: str,
) -> HttpResponse:
    try:
        return operation.reply(await work, request_id)
    except AwsError as error:
        return _refused(request, service, target, error, request_id)
    except Exception:  # noqa: BLE001 - as above
        return _crashed(request, service, target, request_id)


def _refused(
    request: HttpRequest,
    service: Service | None,
    target: Target | None,
    error: AwsError,
    request_id: str,
) -> HttpResponse:
    name = f"{target.service}.{target.operation} " if target is not None else ""
    return attrs.evolve(fault(service, error, request_id, request), log_name=f"{name}{error.code}")


def _crashed(
    request: HttpRequest, service: Service | None, target: Target | None, request_id: str
) -> HttpResponse:
    log.failure("request {request_id} crashed", request_id=request_id)
    error = AwsError("InternalError", "An internal error has occurred", 500)
    return _refused(request, service, target, error, request_id)
