"""The way into the network namespaces of guests that have kernels of their own.

A namespace is found by its name and outlives whoever made it. A visit does there what it does
in a container's, and besides leads to the guest what is for its addresses.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs

from emulator.core.process import CommandFailed, run_blocking
from emulator.core.threads import Threads
from emulator.net import port_plan
from emulator.net.dhcp_server import open_socket
from emulator.net.flow_logs import CountsFlows
from emulator.net.flow_visit import FlowVisit, perform_flows
from emulator.net.namespace import DirectWay, Way, apart
from emulator.net.port_plan import Inside, Port, Setting
from emulator.net.router_visit import RouterVisit
from emulator.net.visit import Visit, load_filter, perform
from emulator.vm.interface import Plugs, VMError

T = TypeVar("T")

_NAMED = Path("/run/netns")
_SETTINGS = Path("/proc/sys")
_CLONE_NEWNET = 0x40000000


@attrs.define(eq=False)
class GuestWay(Way, CountsFlows):
    """Enters by ``setns``, as root on the hypervisor's own machine.

    What other ways call a container is a network namespace's name here.

    Args:
        threads: where entering blocks.
        distance: why this is not the hypervisor's machine; None: it is.

    Attributes:
        plugs: gives guests their further interfaces; given once it is there.
    """

    _threads: Threads
    _distance: str | None = None
    plugs: Plugs | None = attrs.field(default=None, init=False)
    _direct: DirectWay = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._direct = DirectWay(self._threads)

    def obstacle(self) -> str | None:
        """Return what is missing: links are tried in a namespace made for this alone."""
        if self._distance is None and os.geteuid() != 0:
            return "only root may join instances with their VPCs"
        return self._distance or self._direct.obstacle() or blocking_link_trial()

    def filter_obstacle(self) -> str | None:
        """Return what is missing."""
        return self._distance or self._direct.filter_obstacle()

    async def visit(self, container: str, pid: int, visit: Visit) -> list[socket.socket]:  # noqa: ARG002 - the name is enough
        """Visit in a thread, and give the guest the interfaces that this takes."""
        owner = port_plan.owner_of(container)
        if owner is None:
            raise VMError(f"{container!r} is no network namespace of a guest")
        namespace, instance_id = owner
        if self.plugs is not None and not visit.are_arranged:
            wanted = {each.mac_address.lower() for each in visit.interfaces}
            had = [each.mac_address.lower() for each in visit.former]
            if visit.listening:
                # The first visit of a run, which may have begun after a change.
                had += await self.plugs.plugged(instance_id)
            for mac_address in had:
                if mac_address not in wanted:
                    await self.plugs.unplug(instance_id, mac_address)
        opened = await self._threads.run(_blocking_visit, container, visit)
        if self.plugs is not None and not visit.are_arranged:
            for each in visit.interfaces:
                if each.device_index:
                    link = port_plan.guest_link(namespace, instance_id, each.device_index)
                    try:
                        await self.plugs.plug(instance_id, link, each.mac_address)
                    except BaseException:
                        _close(opened)
                        raise
        return opened

    async def visit_flows(self, container: str, pid: int, visit: FlowVisit) -> str:  # noqa: ARG002 - as above
        """Visit in a thread, likewise."""
        return await self._threads.run(_blocking_flows, container, visit)

    def can_run_inside(self) -> bool:
        """Say no: a guest's files are its own."""
        return False

    async def run_inside(
        self,
        container: str,
        pid: int,  # noqa: ARG002 - as is the rest
        arguments: Sequence[str],  # noqa: ARG002
        stdin: bytes,  # noqa: ARG002
    ) -> None:
        """Refuse."""
        raise VMError(f"the files of {container} are a virtual machine's own")

    async def filter_host(self, script: str) -> None:
        """Load a script here."""
        await self._direct.filter_host(script)

    async def route(self, visit: RouterVisit, namespaces: Sequence[int]) -> list[int]:
        """Do errands from here."""
        return await self._direct.route(visit, namespaces)

    # Making and removing

    async def arrange(self, port: Port) -> None:
        """Make a guest's namespace and join it with its VPC; what is there stays.

        Raises:
            VMError: something could not be made.
        """
        await self._threads.run(_blocking_arrange, port)

    async def remove(self, names: Iterable[str], links: Iterable[str]) -> None:
        """Remove namespaces, and links on the machine; those that are gone are no error."""
        await self._threads.run(_blocking_remove, tuple(names), tuple(links))

    async def found(self, namespace: str) -> Found:
        """Return what emulators of a namespace have made here."""
        return await self._threads.run(_blocking_found, namespace)


@attrs.frozen
class Found:
    """What is there on the machine.

    Attributes:
        instances: those that have a network namespace.
        reached_at: addresses of their own for some of them; see ``Port``.
    """

    instances: frozenset[str] = frozenset()
    reached_at: dict[str, str] = attrs.field(factory=dict)


def _translated(work: Callable[[], T], what: str) -> T:
    try:
        return work()
    except (OSError, CommandFailed, ValueError) as error:
        raise VMError(f"{what}: {error}") from error


def blocking_link_trial() -> str | None:
    """Return what the kernel says to a guest's links, or None if it can have them."""
    commands = [
        "link add guest0 type veth peer name outside0",
        "link add link outside0 name tap0 type macvtap mode private",
        "rule add pref 100 iif guest0 ipproto udp dport 67 lookup 1000",
    ]
    libc = ctypes.CDLL(None, use_errno=True)

    def leave() -> None:
        if libc.unshare(_CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "no new network namespace")

    try:
        apart(leave, lambda: _run_batch(commands))
    except (OSError, CommandFailed) as error:
        return str(error)
    return None


def _blocking_visit(name: str, visit: Visit) -> list[socket.socket]:
    return _translated(lambda: _visit(name, visit), f"the network namespace {name}")


def _blocking_flows(name: str, visit: FlowVisit) -> str:
    return _translated(
        lambda: apart(lambda: enter_named(name), lambda: perform_flows(visit)),
        f"the network namespace {name}",
    )


def _visit(name: str, visit: Visit) -> list[socket.socket]:
    owner = port_plan.owner_of(name)
    assert owner is not None, name
    opened = apart(lambda: enter_named(name), lambda: _perform(*owner, visit))
    try:
        for each in visit.interfaces:
            if each.device_index and not visit.are_arranged:
                _own_link(port_plan.guest_link(*owner, each.device_index))
                _run_batch(port_plan.link_up_commands(*owner, each.device_index))
    except (OSError, CommandFailed):
        _close(opened)
        raise
    return opened


def _perform(namespace: str, instance_id: str, visit: Visit) -> list[socket.socket]:
    """Do a visit in the namespace this thread is in; the guest gets through at its end."""
    inside = _inside()
    if not visit.are_arranged:
        _make_links(
            namespace, instance_id, [each.device_index for each in visit.interfaces], inside
        )
    opened = perform(visit)
    try:
        if not visit.are_arranged:
            links = _links()
            names = [links.get(each.mac_address, "eth0") for each in visit.interfaces]
            inside = _inside()
            _set(port_plan.answer_at_once(name) for name in names)
            _run_batch(port_plan.guest_commands(visit.interfaces, names, inside))
            _run_batch(port_plan.link_removals(visit.interfaces, inside))
        if visit.listening:
            opened.append(open_socket())
    except (OSError, CommandFailed):
        _close(opened)
        raise
    return opened


def _make_links(
    namespace: str, instance_id: str, device_indexes: Collection[int], inside: Inside
) -> None:
    host = os.getpid()
    for device_index in device_indexes:
        _run_batch(port_plan.link_commands(namespace, instance_id, device_index, inside, host))
        _set(port_plan.link_settings(device_index))


def _blocking_arrange(port: Port) -> None:
    _translated(lambda: _arrange(port), f"the network of {port.key}")


def _arrange(port: Port) -> None:
    if not (_NAMED / port.name).exists():
        run_blocking(("ip", "netns", "add", port.name))
    apart(lambda: enter_named(port.name), lambda: _arrange_within(port))
    for link in (port.vpc_link, port.link):
        _own_link(link)
    _run_batch(port_plan.host_commands(port))


def _arrange_within(port: Port) -> None:
    _set(port_plan.first_settings())
    inside = _inside()
    # A link whose other end is gone, such as after somebody removed that, is gone itself.
    _run_batch(port_plan.rule_commands(inside))
    _run_batch(port_plan.vpc_commands(port, inside, os.getpid()))
    _make_links(port.namespace, port.key.instance_id, (0,), inside)
    try:
        load_filter(port_plan.silent_script() + port_plan.address_script(port))
    except CommandFailed:
        # Where nftables is missing, nothing is filtered either; but addresses have to be right.
        if port.reached_at is not None:
            raise


def _own_link(link: str) -> None:
    """Keep the machine's own IPv6 off a link: what is behind it is the guest's alone."""
    with contextlib.suppress(OSError):  # a machine without IPv6
        _set((Setting(f"net/ipv6/conf/{link}/disable_ipv6", "1"),))


def _blocking_remove(names: Sequence[str], links: Sequence[str]) -> None:
    """Remove what can be removed; what cannot stays for the next start, which tries again."""
    # The links first: a namespace lives on for as long as a socket in it is open.
    for link in links:
        with contextlib.suppress(CommandFailed):
            run_blocking(("ip", "link", "delete", link))
    for name in names:
        if port_plan.owner_of(name) is not None and (_NAMED / name).exists():
            with contextlib.suppress(CommandFailed):
                run_blocking(("ip", "netns", "delete", name))


def _blocking_found(namespace: str) -> Found:
    names = [each.name for each in _NAMED.iterdir()] if _NAMED.exists() else []
    owners = [owner for name in names if (owner := port_plan.owner_of(name)) is not None]
    links = _translated(lambda: _ip("link", "show"), "the links of this machine")
    told = [port_plan.reached_at(link.get("ifalias", ""), namespace) for link in links]
    return Found(
        frozenset(instance_id for own, instance_id in owners if own == namespace),
        dict(each for each in told if each is not None),
    )


def enter_named(name: str) -> None:
    """Enter a named network namespace with this thread.

    Raises:
        OSError: there is none.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with (_NAMED / name).open("rb") as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


def _inside() -> Inside:
    return port_plan.inside_of(
        [each["ifname"] for each in _ip("link", "show")],
        _ip(*port_plan.RULES),
        # There is no table before its first route.
        _ip(*port_plan.GUEST_ROUTES, may_fail=True),
        _ip(*port_plan.PROXIES, may_fail=True),
    )


def _links() -> dict[str, str]:
    """Return names of links by MAC addresses."""
    return {each.get("address", ""): each["ifname"] for each in _ip("link", "show")}


def _ip(*arguments: str, may_fail: bool = False) -> Any:
    try:
        text = run_blocking(("ip", "-json", *arguments)).output
    except CommandFailed:
        if may_fail:
            return []
        raise
    return json.loads(text or b"[]")


def _run_batch(commands: Sequence[str]) -> None:
    if commands:
        run_blocking(("ip", "-batch", "-"), stdin="\n".join(commands).encode() + b"\n")


def _set(settings: Iterable[Setting]) -> None:
    for each in settings:
        (_SETTINGS / each.path).write_text(each.value, encoding="ascii")


def _close(opened: Iterable[socket.socket]) -> None:
    for each in opened:
        each.close()
