"""The lives of containers: launched, stopped, started, restarted and ended."""

from __future__ import annotations

import contextlib
import random
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol

import attrs
from twisted.internet.defer import DeferredSemaphore
from twisted.logger import Logger

from emulator.core.background import Background
from emulator.core.threads import Threads
from emulator.vm.docker import files, names
from emulator.vm.docker.archive import Entry, pack
from emulator.vm.docker.blocking import Conflict, Engine, EngineError, Missing, Unreachable
from emulator.vm.docker.connection import Connection
from emulator.vm.docker.flags import DockerFlags
from emulator.vm.docker.host_keys import new_host_keys
from emulator.vm.docker.images import blocking_provide
from emulator.vm.docker.networks import DockerNetwork, Networks
from emulator.vm.docker.spec import (
    SSH_PORT,
    ContainerSettings,
    Place,
    container_config,
    published_ports,
    stop_signal,
)
from emulator.vm.docker.tools import MOUNT_POINT
from emulator.vm.interface import (
    Guest,
    GuestDisk,
    GuestKey,
    GuestLink,
    HostPorts,
    LaunchSpec,
    Namespaces,
    VMError,
    VMManager,
)

log = Logger(namespace="emulator.vm.docker")

# More only share the engine's processors, and keep the emulator from its own (measured).
STARTS_AT_ONCE = 3
BUSYBOX = (f"{MOUNT_POINT}/busybox",)
# Notes in a guest's container: it is that of a terminated guest; how its systemd ended.
TERMINATED = "terminated"
ENDING = "ending"
# What a guest's first process ends with when it wants to be started again.
REBOOT_STATUS = 133
GRACE_SECONDS = 10
FREEZE_TRIES = 3
# Below what Linux gives to outgoing connections, so that nobody else has them by chance.
HOST_PORTS = range(10_240, 32_768)
_TRIES = 5
_PORT_TAKEN = ("port is already allocated", "address already in use")


class ToolsVolume(Protocol):
    """Gives the name of the volume with the guest tools."""

    @abstractmethod
    async def volume(self, engine: Engine) -> str:
        """Return the volume's name, filled first if need be."""

    @abstractmethod
    def image(self) -> str:
        """Return the image with the tools, which is there once the volume is."""

    @abstractmethod
    def forget(self) -> None:
        """Look again with the next launch: the engine may be another one."""


class Disks(Protocol):
    """Gives guests their disks, where guests have any."""

    @abstractmethod
    async def provide(self, engine: Engine, instance_id: str, disks: Sequence[GuestDisk]) -> None:
        """Make a new guest's disks."""

    @abstractmethod
    async def delete(self, engine: Engine, resource_id: str) -> None:
        """Forget the data of a guest."""


@attrs.define(eq=False)
class Containers(VMManager):
    """Launches, stops and ends containers.

    Args:
        connection: to the engine.
        threads: where its calls block.
        namespaces: makes a container's network namespace ready.
        networks: those of VPCs.
        tools: the volume with the guest tools.
        settings: what all containers have alike.
        stop_for_real: whether stopping ends the processes, or only freezes them.
        keep_terminated: whether a terminated guest's container stays, for debugging.
        random: for the ports on the host.
        epoch_seconds: the time, for files.
        background: owns what goes on beside calls.
    """

    _connection: Connection
    _threads: Threads
    _namespaces: Namespaces
    networks: Networks
    _tools: ToolsVolume
    settings: ContainerSettings
    _stop_for_real: bool
    _keep_terminated: bool
    _random: random.Random
    _epoch_seconds: Callable[[], float]
    _background: Background = attrs.field(kw_only=True)
    name: str = attrs.field(default="docker", init=False)
    disks: Disks | None = attrs.field(default=None, init=False)
    host_ports: HostPorts | None = attrs.field(default=None, init=False)
    # Read in threads, too: what is being launched is nobody's leftover.
    launching: set[str] = attrs.field(factory=set, init=False)
    _prepared: dict[str, tuple[GuestKey, int]] = attrs.field(factory=dict, init=False)
    _starts: DeferredSemaphore = attrs.field(
        factory=lambda: DeferredSemaphore(STARTS_AT_ONCE), init=False
    )

    # Launch

    async def launch(self, spec: LaunchSpec) -> Guest:
        """Create and start a container, or leave nothing behind."""
        self.launching.add(spec.instance_id)
        try:
            return await self._launch(spec)
        finally:
            self.launching.discard(spec.instance_id)

    async def _launch(self, spec: LaunchSpec) -> Guest:
        name = names.container_name(spec.instance_id)
        engine = await self._connection.engine()
        found = await self._threads.run(engine.inspect, name)
        if found is not None and _is_up(found) and names.key_of(_labels(found)) == spec.key:
            return await self._ready(spec.key, found)
        image = await self._image(engine, spec)
        spec = attrs.evolve(spec, hostname=await self._hostname(spec))
        for attempt in range(_TRIES - 1):
            try:
                return await self._launch_once(engine, spec, image)
            except EngineError as error:
                if not _may_pass(error, attempt):
                    raise
        return await self._launch_once(engine, spec, image)

    async def _hostname(self, spec: LaunchSpec) -> str:
        """Return the name a guest gets: user data may ask for one, and only Docker can give it."""
        if not spec.user_data:
            return spec.hostname
        return await self._threads.run(files.wanted_hostname, spec.user_data) or spec.hostname

    async def _image(self, engine: Engine, spec: LaunchSpec) -> Mapping[str, Any]:
        if spec.image_reference is None:
            raise VMError(f"{spec.image_id} has no Docker image")

        def progress(line: str) -> None:
            log.info("{image}: {line}", image=spec.image_reference, line=line)

        return await self._threads.run(blocking_provide, engine, spec.image_reference, progress)

    async def _launch_once(
        self, engine: Engine, spec: LaunchSpec, image: Mapping[str, Any]
    ) -> Guest:
        if spec.network is None:
            raise VMError("an instance needs a network interface")
        network = await self.networks.ensure(engine, spec.network)
        # It takes as long as the container takes, if it is the first one there.
        link = GuestLink(network.id, network.gateway)
        self._background.start(f"a router for {spec.network.vpc_id}", self._foresee(spec.key, link))
        place = self._place(spec, network, image, await self._tools.volume(engine))
        config = container_config(
            spec,
            place,
            attrs.evolve(
                self.settings,
                processors=engine.processors,
                cgroup_version=engine.cgroup_version,
            ),
        )
        plan = self._guest_plan(spec, place, image)
        archive = await self._threads.run(files.files, plan, now=self._epoch_seconds())
        name = names.container_name(spec.instance_id)
        async with AsyncExitStack() as undo:
            if self.disks is not None:
                undo.push_async_callback(_undone, self.disks.delete, engine, spec.instance_id)
                await self.disks.provide(engine, spec.instance_id, spec.disks)
            # The network or the tools may have been removed by hand: look again next time.
            undo.callback(self.networks.forget, spec.network.vpc_id)
            undo.callback(self._tools.forget)
            # An engine takes a tenth of a second to unpack anything.
            direct = self._namespaces.can_run_inside()
            async with self._starts:
                found = await self._threads.run(
                    _blocking_start,
                    engine,
                    name,
                    config,
                    None if direct else archive,
                    self.settings.flags,
                )
            undo.push_async_callback(_undone, self._undo, engine, found["Id"], spec.key)
            if direct and found["State"]["Running"]:
                unpack = (*BUSYBOX, "tar", "x", "-C", "/")
                pid = found["State"]["Pid"]
                await self._namespaces.run_inside(found["Id"], pid, unpack, archive)
            guest = await self._ready(spec.key, found)
            undo.pop_all()
        _tell(guest)
        return guest

    async def _foresee(self, key: GuestKey, link: GuestLink) -> None:
        try:
            await self._namespaces.foresee(key, link)
        except VMError as error:
            # It is tried again once the guest is up, and is the guest's failure then.
            log.debug("{instance} is not awaited: {error}", instance=key, error=str(error))

    async def _undo(self, engine: Engine, container: str, key: GuestKey) -> None:
        self._forget(key)
        await self._threads.run(engine.remove, container)

    def _place(
        self, spec: LaunchSpec, network: DockerNetwork, image: Mapping[str, Any], tools: str
    ) -> Place:
        labels = (image.get("Config") or {}).get("Labels") or {}
        ports = published_ports(spec.ports)
        chosen = self._random.sample(HOST_PORTS, len(ports))
        return Place(
            network=network.name,
            address=network.address_for(spec.private_ip),
            ports=dict(zip(ports, chosen, strict=True)),
            tools_volume=tools,
            init=labels.get(names.INIT) or None,
        )

    def _guest_plan(
        self, spec: LaunchSpec, place: Place, image: Mapping[str, Any]
    ) -> files.GuestPlan:
        labels = (image.get("Config") or {}).get("Labels") or {}
        login_user = labels.get(names.LOGIN_USER) or spec.login_user
        return files.GuestPlan(
            instance_id=spec.instance_id,
            hostname=spec.hostname,
            public_keys=() if spec.public_key is None else (spec.public_key,),
            host_keys=new_host_keys(),
            login_user=None if login_user == "root" else login_user,
            user_data=spec.user_data,
            wait_for_namespace=self._namespaces.obstacle() is None,
            stop_signal=stop_signal(place.init),
            init=place.init,
            resolv_conf=self._resolv_conf(spec),
        )

    def _resolv_conf(self, spec: LaunchSpec) -> str:
        """Return what a guest is told of DNS: nothing where nobody answers, or flags say else."""
        if self._namespaces.obstacle() is not None or self.settings.flags.host_config.get("Dns"):
            return ""
        return files.resolv_conf(spec.nameservers, spec.search_domains)

    # Life

    async def start(self, instance_id: str) -> Guest:
        """Let a stopped guest go on."""
        engine = await self._connection.engine()
        found = await self._known(engine, instance_id)
        container, state = found["Id"], found["State"]
        if state["Paused"]:
            await self._threads.run(engine.unpause, container)
        elif not state["Running"]:
            await self._threads.run(engine.start, container)
        guest = await self._ready(_key(found), await self._known(engine, instance_id))
        _tell(guest)
        return guest

    async def stop(self, instance_id: str, *, force: bool) -> None:
        """Freeze a guest, or end its processes where that is wanted."""
        engine = await self._connection.engine()
        found = await self._threads.run(engine.inspect, names.container_name(instance_id))
        if found is None or not _is_up(found):
            return
        if self._stop_for_real:
            await self._threads.run(engine.stop, found["Id"], 0 if force else GRACE_SECONDS)
            self._forget(_key(found))
            return
        await self._freeze(engine, found["Id"], instance_id)

    async def _freeze(self, engine: Engine, container: str, instance_id: str) -> None:
        # On a busy machine the kernel now and then gives up on processes that are just being
        # made; a moment later it freezes them.
        for tries_left in reversed(range(FREEZE_TRIES)):
            try:
                await self._threads.run(engine.pause, container)
            except Conflict:
                log.debug("{instance} ended while it was being stopped", instance=instance_id)
            except EngineError as error:
                if not tries_left or isinstance(error, Unreachable):
                    raise
                what = "{instance} was not frozen and is tried again: {error}"
                log.info(what, instance=instance_id, error=str(error))
                continue
            return

    async def reboot(self, instance_id: str) -> None:
        """Restart a guest's processes."""
        engine = await self._connection.engine()
        found = await self._known(engine, instance_id)
        await self._restart(engine, found)

    async def _restart(self, engine: Engine, found: Mapping[str, Any]) -> None:
        if found["State"]["Paused"]:
            await self._threads.run(engine.unpause, found["Id"])
        await self._threads.run(engine.restart, found["Id"], GRACE_SECONDS)
        key = _key(found)
        await self._ready(key, await self._known(engine, key.instance_id))

    async def terminate(self, instance_id: str) -> None:
        """End a guest's processes, and its container unless it is to stay."""
        engine = await self._connection.engine()
        name = names.container_name(instance_id)
        found = await self._threads.run(engine.inspect, name)
        if found is None:
            # An earlier attempt may have come as far as this.
            found = await self._threads.run(engine.inspect, ending_name(instance_id))
        if found is not None and names.key_of(_labels(found)) is not None:
            self._forget(_key(found))
            await self._threads.run(
                _blocking_terminate, engine, found, instance_id, keep=self._keep_terminated
            )
        if self.disks is not None and not self._keep_terminated:
            await self.disks.delete(engine, instance_id)

    async def describe(self) -> Sequence[Guest]:
        """Return every guest of this emulator, running or not."""
        engine = await self._connection.engine()
        found = await self._threads.run(self._blocking_describe, engine)
        return [self._with_host_ports(guest_of(each)) for each in found]

    def _blocking_describe(self, engine: Engine) -> list[Mapping[str, Any]]:
        ids = engine.containers(self.settings.names.filter())
        found = (engine.inspect(each) for each in ids)
        return [
            each
            for each in found
            if each is not None and is_guest(each) and not _blocking_has_ended(engine, each)
        ]

    async def look(self, instance_id: str) -> Guest | None:
        """Return a guest as it is now, made ready if it came up by itself."""
        engine = await self._connection.engine()
        found = await self._threads.run(engine.inspect, names.container_name(instance_id))
        if found is None or not is_guest(found):
            self._forget_id(instance_id)
            return None
        if await self._threads.run(_blocking_wants_restart, engine, found):
            log.info("{instance} restarts itself", instance=instance_id)
            await self._threads.run(engine.start, found["Id"])
            found = await self._known(engine, instance_id)
        if found["State"]["Running"]:
            if not await self._is_filled(instance_id, found):
                log.info("the launch of {instance} was never finished", instance=instance_id)
                return None
            return await self._ready(_key(found), found)
        self._forget_id(instance_id)
        return guest_of(found)

    async def _is_filled(self, instance_id: str, found: Mapping[str, Any]) -> bool:
        """Tell whether a guest has its files: an earlier run may have ended before."""
        state = found["State"]
        if instance_id in self._prepared or state["Paused"]:
            return True
        if not self._namespaces.can_run_inside():
            return True
        marker = f"/{files.filled_marker(instance_id)}"
        try:
            test = (*BUSYBOX, "test", "-e", marker)
            await self._namespaces.run_inside(found["Id"], state["Pid"], test, b"")
        except VMError:
            return False
        return True

    # What a guest needs

    async def _known(self, engine: Engine, instance_id: str) -> Mapping[str, Any]:
        found = await self._threads.run(engine.inspect, names.container_name(instance_id))
        if found is None or not is_guest(found):
            raise EngineError(f"there is no container {names.container_name(instance_id)}")
        return found

    async def _ready(self, key: GuestKey, found: Mapping[str, Any]) -> Guest:
        """Prepare a guest's namespace unless that was done, and return the guest.

        Raises:
            VMError: the guest is not up, or its namespace cannot be prepared.
        """
        if not found["State"]["Running"]:
            raise EngineError(f"{key} did not stay up: {_why(found['State'])}")
        pid = found["State"]["Pid"]
        is_ready = self._prepared.get(key.instance_id) == (key, pid)
        if not is_ready and self._namespaces.obstacle() is None:
            await self._namespaces.prepare(key, found["Id"], pid, link_of(found))
            self._prepared[key.instance_id] = key, pid
        guest = guest_of(found)
        if self.host_ports is not None:
            self.host_ports.follow(guest)
        return self._with_host_ports(guest)

    def _with_host_ports(self, guest: Guest) -> Guest:
        """Return a guest with the ports that were opened for it besides the engine's own."""
        if self.host_ports is None:
            return guest
        return attrs.evolve(
            guest, ports={**guest.ports, **self.host_ports.opened(guest.instance_id)}
        )

    def _forget(self, key: GuestKey) -> None:
        self._prepared.pop(key.instance_id, None)
        self._namespaces.forget(key)
        if self.host_ports is not None:
            self.host_ports.forget(key.instance_id)

    def _forget_id(self, instance_id: str) -> None:
        if self.host_ports is not None:
            self.host_ports.forget(instance_id)
        prepared = self._prepared.get(instance_id)
        if prepared is not None:
            self._forget(prepared[0])


async def _undone(undo: Callable[..., Awaitable[None]], *args: Any) -> None:
    """Take back a step of a launch that failed; what stays, a later start removes."""
    try:
        await undo(*args)
    except VMError as error:
        log.warn("a launch left something behind: {error}", error=str(error))


def _may_pass(error: EngineError, attempt: int) -> bool:
    """Tell whether a launch that failed so may do when it is tried again."""
    # A network that was removed by hand is made again, once.
    removed = isinstance(error, Missing) and attempt == 0
    return removed or any(text in str(error) for text in _PORT_TAKEN)


def _blocking_start(
    engine: Engine,
    name: str,
    config: Mapping[str, Any],
    archive: bytes | None,
    flags: DockerFlags,
) -> Mapping[str, Any]:
    """Create, fill and start a container in one go, and return it; or leave none.

    Each way from a thread to the reactor and back waits for its turn among all launches.
    """
    container = engine.create(name, config, flags.platform)
    try:
        if archive is not None:
            engine.put(container, archive)
        for network in flags.networks:
            engine.connect_network(network, container)
        engine.start(container)
        found = engine.inspect(container)
    except EngineError:
        with contextlib.suppress(EngineError):
            engine.remove(container)
        raise
    if found is None:
        raise EngineError(f"the container {name} vanished")
    return found


def _blocking_has_ended(engine: Engine, found: Mapping[str, Any]) -> bool:
    """Tell whether a container is that of a terminated guest, kept for debugging."""
    if found["State"]["Running"]:
        return False
    return _blocking_note(engine, found, TERMINATED) is not None


def _note(instance_id: str, name: str) -> str:
    """Return where a guest's container keeps a note for us."""
    return f"{files.instance_directory(instance_id)}/ec2-emulator/{name}"


def _blocking_note(engine: Engine, found: Mapping[str, Any], name: str) -> bytes | None:
    return engine.read_file(found["Id"], f"/{_note(_key(found).instance_id, name)}")


def _blocking_terminate(
    engine: Engine, found: Mapping[str, Any], instance_id: str, *, keep: bool
) -> None:
    try:
        _blocking_end(engine, found, instance_id, keep=keep)
    except Missing:
        log.debug("{instance} was removed by somebody else", instance=instance_id)


def _blocking_end(
    engine: Engine, found: Mapping[str, Any], instance_id: str, *, keep: bool
) -> None:
    container, state = found["Id"], found["State"]
    if state["Paused"]:
        engine.unpause(container)
    if keep:
        engine.put(container, pack([Entry(_note(instance_id, TERMINATED), b"")]))
    elif found["Name"] != f"/{ending_name(instance_id)}":
        # Whoever finds it by this name after a crash knows that it was to go.
        engine.rename(container, ending_name(instance_id))
    if state["Running"]:
        engine.stop(container, GRACE_SECONDS)
    if not keep:
        engine.remove(container)


def ending_name(instance_id: str) -> str:
    """Return the name of a container that is being removed."""
    return f"{names.container_name(instance_id)}.ending"


def _tell(guest: Guest) -> None:
    """Write where a guest is reached, in the words that scripts look for."""
    places = [f"127.0.0.1:{guest.ports[SSH_PORT]}"] if SSH_PORT in guest.ports else []
    if guest.public_ip:
        places.append(f"{guest.public_ip}:22")
    log.info(
        "Instance {instance} will be accessible via SSH at: {places}",
        instance=guest.instance_id,
        places=", ".join(places),
    )
    log.info(
        "Instance {instance} port mappings (container -> host): {ports}",
        instance=guest.instance_id,
        ports=dict(guest.ports),
    )


def _labels(found: Mapping[str, Any]) -> Mapping[str, str]:
    return (found.get("Config") or {}).get("Labels") or {}


def _key(found: Mapping[str, Any]) -> GuestKey:
    key = names.key_of(_labels(found))
    if key is None:
        raise EngineError(f"the container {found['Name']} is not an instance of the emulator")
    return key


def is_guest(found: Mapping[str, Any]) -> bool:
    """Tell whether a container is an instance's: its labels and its name say so."""
    key = names.key_of(_labels(found))
    return key is not None and found["Name"] == f"/{names.container_name(key.instance_id)}"


def _is_up(found: Mapping[str, Any]) -> bool:
    state = found["State"]
    return bool(state["Running"]) and not state["Paused"]


def _blocking_wants_restart(engine: Engine, found: Mapping[str, Any]) -> bool:
    """Tell whether a guest ended so that it is to be started again."""
    state = found["State"]
    if state["Running"] or state["Status"] != "exited":
        return False
    if state["ExitCode"] == REBOOT_STATUS:
        return True
    # A systemd ends with 0 whichever it was; its last hook notes which.
    return state["ExitCode"] == 0 and (_blocking_note(engine, found, ENDING) or b"").startswith(
        (b"reboot", b"kexec")
    )


def guest_of(found: Mapping[str, Any]) -> Guest:
    """Return a guest from what the engine says of its container; pure."""
    key, state = _key(found), found["State"]
    addresses = [
        endpoint["IPAddress"]
        for network, endpoint in found["NetworkSettings"]["Networks"].items()
        if endpoint.get("IPAddress") and network == found["HostConfig"]["NetworkMode"]
    ]
    return Guest(
        instance_id=key.instance_id,
        running=_is_up(found),
        public_ip=next(iter(addresses), None),
        key=key,
        ports=_host_ports(found["NetworkSettings"].get("Ports") or {}),
        memento=_labels(found).get(names.MEMENTO, ""),
        ended="" if state["Running"] else _why(state),
        ended_well=state["ExitCode"] == 0,
    )


def link_of(found: Mapping[str, Any]) -> GuestLink:
    """Return how a guest is on its VPC's network; pure."""
    name = found["HostConfig"]["NetworkMode"]
    endpoint = found["NetworkSettings"]["Networks"].get(name) or {}
    return GuestLink(endpoint.get("NetworkID") or "", endpoint.get("Gateway") or "")


def _host_ports(ports: Mapping[str, Iterable[Mapping[str, str]] | None]) -> dict[str, int]:
    return {
        port: int(binding["HostPort"])
        for port, bindings in ports.items()
        for binding in list(bindings or ())[:1]
    }


def _why(state: Mapping[str, Any]) -> str:
    if state.get("OOMKilled"):
        return "it ran out of memory"
    if state.get("Error"):
        return str(state["Error"])
    return f"its first process ended with status {state['ExitCode']}"
