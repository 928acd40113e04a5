"""What is done in the network namespaces of routers: plain data, and its doing.

A namespace lives for as long as somebody holds a descriptor of it, and that is the emulator
alone: when it ends, however it ends, the kernel takes away the routers, their links and the
engine's machine's routes to them.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from emulator.core.process import CommandFailed, run_blocking
from emulator.net.bridge_filter import bridges_of, forget

# Where an errand is done: on the engine's machine, or in a namespace by its number.
MACHINE = -1
_CLONE_NEWNET = 0x40000000
_SIOCGIFHWADDR = 0x8927  # netdevice(7)
_SETTINGS: Mapping[str, str] = {
    "ip_forward": "1",
    "conf/all/rp_filter": "0",
    "conf/default/rp_filter": "0",
    "conf/all/send_redirects": "0",
    "conf/default/send_redirects": "0",
    # The same answer to whoever asks on the VPC's network, and none about the fabric.
    "conf/all/arp_ignore": "1",
}
_SETTING = Path("/proc/sys/net/ipv4")


@attrs.frozen
class Link:
    """A cable with an end here and one elsewhere.

    Attributes:
        name: of the end here.
        peer: of the other end.
        peer_where: in which namespace that is.
        mac_address: of the end here; empty for any.
        peer_mac: of the other, likewise.
    """

    name: str
    peer: str
    peer_where: int
    mac_address: str = ""
    peer_mac: str = ""


@attrs.frozen
class Errand:
    """What is done in one namespace, in this order.

    Attributes:
        where: a number among the namespaces of the visit, or ``MACHINE``.
        links: to make.
        commands: for ``ip -batch``.
        script: for ``nft -f``.
        tolerated: for ``ip -batch``, some of which may fail: what is to go may be gone.
        bridge: on the machine: the script is told this bridge's hardware address, as
            ``$own_mac``, and packets from it may have come another way than answers go.
    """

    where: int
    links: tuple[Link, ...] = ()
    commands: tuple[str, ...] = ()
    script: str = ""
    tolerated: tuple[str, ...] = ()
    bridge: str = ""


@attrs.frozen
class RouterVisit:
    """Errands, in this order.

    Attributes:
        new_namespaces: how many are made first, and given back.
    """

    errands: tuple[Errand, ...] = ()
    new_namespaces: int = 0

    def to_json(self) -> str:
        """Return the visit as a line of text."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RouterVisit:
        """Return the visit that ``to_json`` wrote."""
        given: dict[str, Any] = json.loads(text)
        return cls(tuple(map(_errand, given["errands"])), given["new_namespaces"])


def _errand(given: Mapping[str, Any]) -> Errand:
    return Errand(
        given["where"],
        tuple(Link(**each) for each in given["links"]),
        tuple(given["commands"]),
        given["script"],
        tuple(given["tolerated"]),
        given["bridge"],
    )


def perform_errands(visit: RouterVisit, namespaces: Sequence[int]) -> list[int]:
    """Do a visit, from the namespace of the engine's machine, and return the new namespaces.

    Args:
        visit: what is done.
        namespaces: descriptors; the first one is number 0, and new ones follow the last.

    Raises:
        CommandFailed: a command failed that must not.
        OSError: a namespace could not be made or entered.
    """
    made: list[int] = []
    try:
        made.extend(_new_namespace() for _ in range(visit.new_namespaces))
        every = [*namespaces, *made]
        for errand in visit.errands:
            if errand.where == MACHINE:
                _do(errand, every)
            else:
                _inside(every[errand.where], partial(_do, errand, every))
    except BaseException:
        for each in made:
            os.close(each)
        raise
    return made


def _do(errand: Errand, namespaces: Sequence[int]) -> None:
    for link in errand.links:
        there = _path(link.peer_where, namespaces)
        address = ("address", link.mac_address) if link.mac_address else ()
        peers = ("address", link.peer_mac) if link.peer_mac else ()
        end = ("ip", "link", "add", "name", link.name, *address, "type", "veth")
        run_blocking((*end, "peer", "name", link.peer, *peers, "netns", there))
    _batch(errand.commands)
    script = errand.script
    if errand.where == MACHINE and script:
        script = _leftovers() + script
    if errand.bridge:
        script = f"define own_mac = {_hardware_address(errand.bridge)}\n{script}"
        _loosen(errand.bridge)
    if script:
        run_blocking(("nft", "-f", "-"), stdin=script.encode())
    with contextlib.suppress(CommandFailed):
        _batch(errand.tolerated, "-force")


def _batch(commands: Sequence[str], *options: str) -> None:
    if commands:
        text = "\n".join(commands).encode() + b"\n"
        run_blocking(("ip", *options, "-batch", "-"), stdin=text)


def _path(where: int, namespaces: Sequence[int]) -> str:
    """Return a path that leads another process to a namespace."""
    own = f"/proc/{os.getpid()}"
    return f"{own}/ns/net" if where == MACHINE else f"{own}/fd/{namespaces[where]}"


def _leftovers() -> str:
    """Return the script that removes tables of bridges that are no more."""
    listed = run_blocking(("nft", "--json", "list", "tables")).output
    tables = [each["table"]["name"] for each in json.loads(listed)["nftables"] if "table" in each]
    bridges = {name for _, name in socket.if_nameindex()}
    return "".join(forget(each) for each in bridges_of(tables) if each not in bridges)


def _hardware_address(link: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        answer = fcntl.ioctl(handle, _SIOCGIFHWADDR, struct.pack("256s", link.encode()))
    return answer[18:24].hex(":")


def _loosen(bridge: str) -> None:
    """Let packets from a bridge of ours have source addresses that are routed elsewhere."""
    settings = [_SETTING / "conf" / name / "rp_filter" for name in ("all", bridge)]
    if max(int(each.read_text(encoding="ascii")) for each in settings) == 1:
        settings[1].write_text("2", encoding="ascii")


# Namespaces


def _new_namespace() -> int:
    """Return a descriptor of a new network namespace that routes."""
    made: list[int] = []

    def make() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNET) != 0:
            raise _last_error()
        for name, value in _SETTINGS.items():
            (_SETTING / name).write_text(value, encoding="ascii")
        made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    _in_thread(make)
    return made[0]


def _inside(namespace: int, work: Callable[[], None]) -> None:
    """Do some work in a namespace."""

    def enter_and_work() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace, _CLONE_NEWNET) != 0:
            raise _last_error()
        work()

    _in_thread(enter_and_work)


def _in_thread(work: Callable[[], None]) -> None:
    """Do some work in a thread of its own: the namespace that it enters is nobody else's."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised again where somebody waits
            errors.append(error)

    thread = threading.Thread(target=guarded, name="in a router's namespace", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def _last_error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))
