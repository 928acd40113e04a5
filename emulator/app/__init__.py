"""The composition root: settings to objects, started and stopped in order.

The only module that names the reactor.
"""

from __future__ import annotations

import gc
import random
import secrets
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from emulator import __version__
from emulator.app.init_stages import InitStages, program_runner
from emulator.app.keys import kept
from emulator.app.machines import (
    AllMachines,
    build_machines,
    enforcement,
    routing,
    surroundings,
)
from emulator.app.start_error import StartError as StartError
from emulator.config import Config
from emulator.core import event_loop, log
from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.ids import Ids
from emulator.core.init_scripts import InitScripts
from emulator.core.opening import Opening
from emulator.core.threads import PooledThreads, Threads
from emulator.imds.admin import pages
from emulator.imds.credentials import DEFAULT_SECONDS, Credentials
from emulator.imds.events import Events
from emulator.imds.identity import Identity
from emulator.imds.metadata import InstanceKey, Metadata
from emulator.imds.server import Listeners
from emulator.imds.tokens import KEY_BYTES, Tokens
from emulator.model.instance import Instance
from emulator.model.instance_event import InstanceEvent
from emulator.net.ports import API_PORT, DHCP_PORT, DNS_PORT, METADATA_PORT
from emulator.services.accounts import Accounts
from emulator.services.call import World
from emulator.services.dispatch import Dispatcher
from emulator.services.registry import SERVICES, imports, launch_needs, prepare_first
from emulator.state.store import Region, State
from emulator.vm import registry
from emulator.vm.docker.own_container import in_container
from emulator.vm.interface import GuestKey, KeepsVolumes
from emulator.vm.managers import Managers
from emulator.web.admin import Admin
from emulator.web.api import Api
from emulator.web.connection import Answer, OnAnswered
from emulator.web.init_pages import init_pages
from emulator.web.limits import Limits
from emulator.web.listener import HttpListener, ListenAddress, parse_addresses
from emulator.web.machines import MachinePages
from emulator.web.site import Site
from emulator.wire.message import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from emulator.imds.signing import SigningKey
    from emulator.net.dhcp_server import DhcpServers
    from emulator.net.resolver import Resolvers
    from emulator.services.ec2.images.machine_images import MachineImages
    from emulator.services.ec2.storage.kept_records import KeptRecords

logger = Logger(namespace="emulator")

_RESOLV_CONF = Path("/etc/resolv.conf")

GRACE_SECONDS = 8.0
# An engine that does not answer must not keep everybody waiting.
OPEN_AFTER_SECONDS = 3.0
# Records live long and are free of cycles once they are removed, so walking all of them, which
# takes a second for fifty thousand instances, would find nothing and keep everybody waiting.
COLLECT_AFTER_ALLOCATIONS = 50_000
OLD_GENERATION_AFTER = 1_000
# A start imports only what nearly everybody asks first. What a launch needs follows when whoever
# asks for nothing else has had an answer, or while an engine is asked for its guests; the other
# families when whoever was waiting for the start is served.
LAUNCHES_AFTER_SECONDS = 0.03
FAMILIES_AFTER_SECONDS = 2.0
WARM_UP_PAUSE_SECONDS = 0.01


# One instance asks little at a time; what is more is a mistake or worse.
INSTANCE_LIMITS = Limits(
    header_bytes=16 * 1024,
    header_fields=64,
    body_bytes=1024 * 1024,
    buffered_body_bytes=2 * 1024 * 1024,
    connections=128,
    idle_seconds=30.0,
    head_seconds=10.0,
    unread_answer_seconds=30.0,
)


def build(
    *,
    clock: Clock,
    ids: Ids,
    threads: Threads,
    machines: Managers,
    accounts: Accounts | None = None,
    tells_parameters: bool = False,
    state: State | None = None,
    background: Background | None = None,
    images: MachineImages | None = None,
    manager_tag: str = "auto",
) -> Api:
    """Return the API with everything behind it.

    Args:
        clock: the time.
        ids: names of things.
        threads: where what takes long is computed.
        machines: what is behind instances.
        accounts: whose access keys are whose.
        tells_parameters: whether each request's parameters are logged.
        state: for whoever needs it before there is an API.
        background: likewise.
        images: the managers' own images, which every region has.
        manager_tag: who sees the manager's tag on instances.
    """
    state = state or State()
    world = World(
        clock,
        ids,
        background or Background(),
        threads,
        machines,
        manager_tag=manager_tag,
        regions=partial(iter, state),
    )

    def seed(region: Region) -> None:
        from emulator.services.ec2.vpcs.defaults import seed_region  # noqa: PLC0415 - with its first use

        seed_region(world, region)
        if images is not None:
            images.seed(region)
        if keeping:
            kept_volumes().watch(region)

    keeping = any(isinstance(manager, KeepsVolumes) for manager in machines.all)

    @cache
    def kept_volumes() -> KeptRecords:
        from emulator.services.ec2.storage.kept_records import KeptRecords  # noqa: PLC0415 - likewise

        return KeptRecords(world)

    state.seed_with(seed)
    return Api(world, state, Dispatcher(SERVICES), accounts or Accounts(), tells_parameters)


def _first_settings(imds_tokens: str | None) -> Mapping[str, Any]:
    """Return the account-wide switches that every region begins with."""
    if imds_tokens is None:
        return {}
    from emulator.services.ec2.instances.options import (  # noqa: PLC0415 - where it is asked for
        METADATA_DEFAULTS_SETTING,
    )

    return {METADATA_DEFAULTS_SETTING: {"HttpTokens": imds_tokens}}


def build_metadata(
    api: Api,
    *,
    token_key: bytes,
    signing_key: Callable[[], SigningKey] | None = None,
    credentials_seconds: float = DEFAULT_SECONDS,
) -> Metadata:
    """Return the metadata service of the API's instances.

    Args:
        api: whose records it shows.
        token_key: seals session tokens; tokens outlive the process if it does.
        signing_key: returns what signs identity documents, when it is first needed; without
            it one is made.
        credentials_seconds: how long roles' credentials are good.
    """
    world, state = api.world, api.state

    def new_session(account: str, arn: str, user_id: str, seconds: float) -> Mapping[str, Any]:
        from emulator.services import sts  # noqa: PLC0415 - with its first use

        return sts.new_session(world, state, account, arn, user_id, seconds)

    def new_signing_key() -> SigningKey:
        from emulator.imds.signing import SigningKey  # noqa: PLC0415 - likewise

        return SigningKey.made(world.clock.now())

    return Metadata(
        state,
        world.clock,
        Tokens(token_key, world.clock.epoch_seconds, secrets.token_bytes),
        Credentials(new_session, credentials_seconds),
        Identity(signing_key or new_signing_key),
    )


def build_events(api: Api) -> Events:
    """Return what lets things happen to the API's instances."""
    world = api.world

    def act(region: Region, instance: Instance, action: str, kind: str) -> None:
        from emulator.services.ec2.instances import interruptions  # noqa: PLC0415 - seldom

        interruptions.act(world, region, instance, action, kind)

    def new_id() -> str:
        return world.ids.resource(InstanceEvent.PREFIX)

    return Events(api.state, world.clock, world.later, new_id, act)


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
    here = surroundings(config)
    chosen = registry.choose(config.ec2_vm_manager, here)
    yield f"VM manager: {chosen.name} ({chosen.reason})"
    for name, obstacle in registry.obstacles(here).items():
        yield f"  {name:10} {'can run here' if obstacle is None else f'cannot run: {obstacle}'}"
    yield f"security groups: {enforcement(chosen, config)}"
    yield f"routes and public addresses: {routing(chosen, config)}"


def run(config: Config, welcome: Callable[[str], str]) -> None:
    """Serve until a signal says stop.

    Args:
        config: the settings.
        welcome: makes of the endpoint's URL what is printed once the emulator answers.

    Raises:
        StartError: an address is taken, the certificate is of no use, or a setting of the VM
            manager means nothing.
    """
    turn = event_loop.install()
    from twisted.internet import reactor as installed  # noqa: PLC0415, TID251 - the one place

    reactor: Any = installed  # several interfaces at once, which its type does not say
    prepare_first()
    clock = Clock.starting_at(reactor, datetime.now(UTC))  # noqa: TID251 - where time comes in
    log.begin(sys.stdout, config.level, clock.now)
    chosen = registry.choose(config.ec2_vm_manager, surroundings(config))
    threads = PooledThreads(reactor, reactor.getThreadPool())
    state, background = State(settings=_first_settings(config.ec2_imds_tokens)), Background()
    machines = build_machines(
        chosen, config, reactor=reactor, state=state, clock=clock, background=background
    )
    api = build(
        clock=clock,
        ids=Ids(random.Random()),  # noqa: S311 - names, not secrets
        threads=threads,
        machines=machines.managers,
        accounts=Accounts(config.default_account_id),
        tells_parameters=config.level in ("debug", "trace"),
        state=state,
        background=background,
        images=machines.images,
        manager_tag=config.ec2_manager_tag,
    )
    metadata = build_metadata(
        api,
        token_key=_token_key(config),
        signing_key=_signing_key(config, clock),
        credentials_seconds=config.ec2_imds_credentials_seconds,
    )
    opening = Opening()
    stages = InitStages(
        InitScripts(config.init_directory, program_runner(reactor)), opening, clock, background
    )
    admin = Admin(
        api,
        __version__,
        (chosen.name, chosen.reason),
        clock.now(),
        {
            **pages(build_events(api), metadata.identity),
            **MachinePages(api, machines.images).pages(),
            **init_pages(stages.scripts),
        },
        (machines.enforcement.is_enforced, machines.enforcement.reason),
        in_container=in_container(),
        live_ports=(machines.live_ports.are_forwarded, machines.live_ports.reason),
        managers=machines.ready,
        facts=machines.facts,
        routed=lambda: attrs.astuple(machines.routed),
    )
    lines = log.RequestLines(sys.stdout, clock.call_later, clock.epoch_seconds)

    def answered(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        lines.add(_request_line(request, response, seconds))

    site = Site(api, admin, opening)
    listener, addresses = _listen(reactor, config, site.answer, answered, turn)

    def door_in_instance(answer: Answer) -> HttpListener:
        told = answered if config.level in ("debug", "trace") else None
        return HttpListener(reactor, answer, INSTANCE_LIMITS, told, turn=turn, speaks_tls=False)

    in_instances: dict[int, Any] = {
        METADATA_PORT: Listeners(metadata, door_in_instance, background),
        API_PORT: Listeners(_ApiInInstances(site), door_in_instance, background),
    }
    _answer_in_instances(machines, in_instances, state, reactor, background)

    async def stop() -> None:
        logger.info("stopping: requests in flight are answered first")
        begun = clock.seconds()
        await stages.end()
        await listener.stop(GRACE_SECONDS - (clock.seconds() - begun))
        await machines.close()
        for listeners in in_instances.values():
            listeners.close_all()
        background.cancel_all()
        machines.end_threads()
        lines.flush()
        logger.info("stopped")

    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(stop()))
    reactor.callWhenRunning(machines.begin, api, opening.open)
    background.start("greeting", _greet(opening, welcome(addresses[0].url)))
    reactor.callWhenRunning(stages.begin)
    clock.call_later(OPEN_AFTER_SECONDS, opening.open)
    logger.info(
        "ec2-emulator {version} listens on {addresses}",
        version=__version__,
        addresses=", ".join(map(str, addresses)),
    )
    _tell(chosen, machines)
    clock.call_later(LAUNCHES_AFTER_SECONDS, _in_turns, clock, launch_needs())
    clock.call_later(FAMILIES_AFTER_SECONDS, _in_turns, clock, imports(), _freeze)
    gc.set_threshold(COLLECT_AFTER_ALLOCATIONS, 20, OLD_GENERATION_AFTER)
    reactor.run()


def _tell(chosen: registry.Choice, machines: AllMachines) -> None:
    """Say in the log what is behind instances, and what holds for them."""
    logger.info("VM manager: {name} ({reason})", name=chosen.name, reason=chosen.reason)
    logger.info("security groups: {truth}", truth=machines.enforcement)
    if machines.namespaces:
        logger.info("ports that groups open later: {live}", live=machines.live_ports)


def _listen(
    reactor: Any, config: Config, answer: Answer, answered: OnAnswered, turn: event_loop.Turn
) -> tuple[HttpListener, tuple[ListenAddress, ...]]:
    """Open the API's door and return where it is."""
    try:
        listener = HttpListener(
            reactor,
            answer,
            Limits(connections=config.max_connections),
            answered if config.level in ("info", "debug", "trace") else None,
            config.custom_ssl_cert_path,
            turn,
        )
        return listener, listener.listen(parse_addresses(config.gateway_listen))
    except (ValueError, CannotListenError) as error:
        raise StartError(str(error)) from None


def _answer_in_instances(
    machines: AllMachines,
    listeners: dict[int, Any],
    state: State,
    reactor: Any,
    background: Background,
) -> None:
    """Give those who enter guests' networks all that is to listen there, by port."""
    if machines.namespaces:
        listeners[DNS_PORT] = _resolvers(state, reactor, background)
    for one in machines.each:
        if one.hear_dhcp is not None:
            listeners[DHCP_PORT] = _dhcp_servers(state, reactor, one.hear_dhcp)
    for namespaces in machines.namespaces:
        namespaces.listeners = listeners


def _resolvers(state: State, reactor: Any, background: Background) -> Resolvers:
    """Return who answers instances' questions for names, and asks whom this machine asks."""
    from emulator.net.resolver import Resolvers, nameservers  # noqa: PLC0415 - for instances alone

    try:
        text = _RESOLV_CONF.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return Resolvers(state, reactor, nameservers(text), background)


def _dhcp_servers(state: State, reactor: Any, hear: Callable[[GuestKey], None]) -> DhcpServers:
    """Return who gives virtual machines their addresses."""
    from emulator.net.dhcp_server import DhcpServers  # noqa: PLC0415 - for those alone

    return DhcpServers(state, reactor, hear)


def _in_turns(
    clock: Clock, steps: Iterator[Callable[[], object]], then: Callable[[], object] = lambda: None
) -> None:
    """Do one step of what a start left for later, and the next when others had their turn."""
    for step in steps:
        step()
        clock.call_later(WARM_UP_PAUSE_SECONDS, _in_turns, clock, steps, then)
        return
    then()


def _freeze() -> None:
    """Leave what is imported by now to no collector."""
    gc.collect()
    gc.freeze()


def _token_key(config: Config) -> bytes:
    """Return what seals metadata tokens: those of an earlier run are good in this one."""
    key = kept(config.emulator_data_dir, "imds-token.key", lambda: secrets.token_bytes(KEY_BYTES))
    return key if len(key) == KEY_BYTES else secrets.token_bytes(KEY_BYTES)


def _signing_key(config: Config, clock: Clock) -> Callable[[], SigningKey]:
    """Return who gives what signs identity documents, the same in every run."""

    def signing_key() -> SigningKey:
        from emulator.imds.signing import SigningKey  # noqa: PLC0415 - with its first use

        def make() -> bytes:
            return SigningKey.made(clock.now()).pem

        try:
            return SigningKey.from_pem(
                kept(config.emulator_data_dir, "instance-identity.pem", make)
            )
        except ValueError:
            return SigningKey.made(clock.now())

    return signing_key


@attrs.frozen
class _ApiInInstances:
    """AWS's APIs, the same for every instance."""

    _site: Site

    def answer(
        self, _: InstanceKey, request: HttpRequest
    ) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer one request."""
        return self._site.answer_aws(request)

    def forget(self, _: InstanceKey) -> None:
        """Do nothing: nothing is kept."""


async def _greet(opening: Opening, text: str) -> None:
    """Tell a newcomer what to type, once it will work."""
    await opening.wait()
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
