"""The composition root: settings to objects, started and stopped in order.

The only module that names the reactor.
"""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from emulator.config import Config
from emulator.core import event_loop, log
from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.ids import Ids
from emulator.core.threads import PooledThreads, Threads
from emulator.services.accounts import Accounts
from emulator.services.call import World
from emulator.services.dispatch import Dispatcher
from emulator.services.registry import SERVICES, imports, prepare_common
from emulator.state.store import Region, State
from emulator.vm import registry
from emulator.vm.interface import VMManager
from emulator.web.admin import Admin
from emulator.web.api import Api
from emulator.web.limits import Limits
from emulator.web.listener import HttpListener, parse_addresses
from emulator.web.site import Site
from emulator.wire.message import HttpRequest, HttpResponse

logger = Logger(namespace="emulator")

GRACE_SECONDS = 8.0
# Records live long and are free of cycles once they are removed, so walking all of them, which
# takes a second for fifty thousand instances, would find nothing and keep everybody waiting.
COLLECT_AFTER_ALLOCATIONS = 50_000
OLD_GENERATION_AFTER = 1_000
# A start imports only what nearly everybody asks first; the other families follow when
# whoever was waiting for the start has had an answer.
FAMILIES_AFTER_SECONDS = 2.0
WARM_UP_PAUSE_SECONDS = 0.01


def build(
    *,
    clock: Clock,
    ids: Ids,
    threads: Threads,
    machines: VMManager,
    accounts: Accounts | None = None,
    tells_parameters: bool = False,
) -> Api:
    """Return the API with everything behind it."""
    world = World(clock, ids, Background(), threads, machines)

    def seed(region: Region) -> None:
        from emulator.services.ec2.vpcs.defaults import seed_region  # noqa: PLC0415 - with its first use

        seed_region(world, region)

    return Api(world, State(seed), Dispatcher(SERVICES), accounts or Accounts(), tells_parameters)


@attrs.frozen
class StartError(Exception):
    """The emulator cannot start; the message says why and what to do."""

    message: str

    def __str__(self) -> str:
        return self.message


def endpoint(config: Config) -> str:
    """Return the address at which clients on this machine reach the emulator.

    Raises:
        StartError: GATEWAY_LISTEN cannot be understood.
    """
    try:
        return parse_addresses(config.gateway_listen)[0].url
    except ValueError as error:
        raise StartError(f"GATEWAY_LISTEN: {error}") from None


def examine(config: Config) -> Iterator[str]:
    """Say what can run here, and why not, a line at a time."""
    chosen = registry.choose(config.ec2_vm_manager)
    yield f"VM manager: {chosen.manager.name} ({chosen.reason})"
    for name, obstacle in registry.obstacles().items():
        yield f"  {name:8} {'can run here' if obstacle is None else f'cannot run: {obstacle}'}"
    yield f"security groups and networks: not enforced, the {chosen.manager.name} manager has none"


def run(config: Config, welcome: Callable[[str], str]) -> None:
    """Serve until a signal says stop.

    Args:
        config: the settings.
        welcome: makes of the endpoint's URL what is printed once the emulator answers.

    Raises:
        StartError: an address is taken, or the certificate is of no use.
    """
    turn = event_loop.install()
    from twisted.internet import reactor as installed  # noqa: PLC0415, TID251 - the one place

    reactor: Any = installed  # several interfaces at once, which its type does not say
    prepare_common()
    clock = Clock.starting_at(reactor, datetime.now(UTC))  # noqa: TID251 - where time comes in
    log.begin(sys.stdout, config.level, clock.now)
    chosen = registry.choose(config.ec2_vm_manager)
    threads = PooledThreads(reactor, reactor.getThreadPool())
    api = build(
        clock=clock,
        ids=Ids(random.Random()),  # noqa: S311 - names, not secrets
        threads=threads,
        machines=chosen.manager,
        accounts=Accounts(config.default_account_id),
        tells_parameters=config.level in ("debug", "trace"),
    )
    program_version = version("ec2-emulator")
    admin = Admin(api, program_version, (chosen.manager.name, chosen.reason), clock.now())
    lines = log.RequestLines(sys.stdout, clock.call_later, clock.epoch_seconds)

    def answered(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        lines.add(_request_line(request, response, seconds))

    try:
        listener = HttpListener(
            reactor,
            Site(api, admin).answer,
            Limits(connections=config.max_connections),
            answered if config.level in ("info", "debug", "trace") else None,
            config.custom_ssl_cert_path,
            turn,
        )
        addresses = listener.listen(parse_addresses(config.gateway_listen))
    except (ValueError, CannotListenError) as error:
        raise StartError(str(error)) from None

    def stop() -> Deferred[None]:
        logger.info("stopping: requests in flight are answered first")
        return Deferred.fromCoroutine(listener.stop(GRACE_SECONDS)).addCallback(stopped)

    def stopped(_: None) -> None:
        api.world.background.cancel_all()
        lines.flush()
        logger.info("stopped")

    reactor.addSystemEventTrigger("before", "shutdown", stop)
    logger.info(
        "ec2-emulator {version} listens on {addresses}",
        version=program_version,
        addresses=", ".join(map(str, addresses)),
    )
    logger.info("VM manager: {name} ({reason})", name=chosen.manager.name, reason=chosen.reason)
    reactor.callWhenRunning(_greet, welcome(addresses[0].url))
    clock.call_later(FAMILIES_AFTER_SECONDS, _warm_up, clock, imports())
    gc.set_threshold(COLLECT_AFTER_ALLOCATIONS, 20, OLD_GENERATION_AFTER)
    reactor.run()


def _warm_up(clock: Clock, steps: Iterator[Callable[[], object]]) -> None:
    """Do one step of what a start left for later, and the next when others had their turn."""
    for step in steps:
        step()
        clock.call_later(WARM_UP_PAUSE_SECONDS, _warm_up, clock, steps)
        return
    gc.collect()
    gc.freeze()


def _greet(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _request_line(request: HttpRequest, response: HttpResponse, seconds: float) -> str:
    name = response.log_name
    head = _line_head(name, response.status) if name else _unnamed(request, response)
    return f"{head}{seconds * 1000:.1f} ms"


@lru_cache(maxsize=2048)
def _line_head(name: str, status: int) -> str:
    # A client's text must not begin a line of its own.
    return f"{name if name.isprintable() else ascii(name)} {status} "


def _unnamed(request: HttpRequest, response: HttpResponse) -> str:
    return _line_head(f"{request.method} {request.path[:200]}", response.status)
