"""One visit to a network namespace: what is done there, and what is brought back.

A visit is plain data. It is performed by whoever is inside the namespace: a thread of the
emulator, or a short-lived helper process, which hands the sockets over a Unix socket.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import json
import socket
import struct
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from emulator.core.process import CommandFailed, run_blocking
from emulator.net.announcing import announce
from emulator.net.bridge_filter import bridges_of, forget
from emulator.net.flow_capture import end_script
from emulator.net.interfaces import (
    InterfacePlan,
    interface_commands,
    removal_commands,
    up_commands,
)
from emulator.net.router_addresses import router_address

_BACKLOG = 64
_SIOCGIFHWADDR = 0x8927  # netdevice(7)
# Of the thread's namespace: /proc/net is that of the process.
_ROUTES = Path("/proc/thread-self/net/route")
_IP_FREEBIND = 15  # ip(7); it holds for IPv6, too
_PORTS = "inet ec2_emulator_ports"
# What is answered by way of the engine's machine: a mark, and the table of routes for it.
_ANSWERS_TABLE = "ip ec2_emulator_answers"
_ANSWERS_MARK = "0x20000000"
_ANSWERS = 4566
_ANSWERS_RULE = (
    f"rule add preference {_ANSWERS} fwmark {_ANSWERS_MARK}/{_ANSWERS_MARK} lookup {_ANSWERS}"
)
_IPV6_SWITCH = Path("/proc/sys/net/ipv6/conf/lo/disable_ipv6")


@attrs.frozen
class Listening:
    """A socket to open.

    Attributes:
        address: IPv4 or IPv6; it is given to the loopback interface first.
        port: where the guest finds it.
        behind: where it listens instead, if it can, and what is sent to ``port`` is led there;
            a server of the guest's own for all addresses may have the port then.
        is_datagram: whether it is for UDP, not TCP.
    """

    address: str
    port: int
    behind: int = 0
    is_datagram: bool = False

    @property
    def family(self) -> socket.AddressFamily:
        """The address's family."""
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET


@attrs.frozen
class Gateway:
    """Where an instance sends what is beyond its network: its VPC's router.

    Attributes:
        address: the router's, on the instance's network.
        mac_address: the router's there.
        cidrs: the VPC's ranges.
    """

    address: str
    mac_address: str
    cidrs: tuple[str, ...] = ()


@attrs.frozen
class Visit:
    """What is to be in a namespace.

    Attributes:
        interfaces: the instance's, with their addresses.
        are_arranged: whether an earlier visit made the interfaces so.
        former: the interfaces as an earlier visit made them, where that is different.
        packet_filter: a script for ``nft -f``, of ``emulator.net.nft``; empty where nothing is
            filtered.
        listening: what is opened, in this order; the last one is the sign for the guest that
            its network is ready.
        on_host: whether it is one to the engine's machine itself, whose interfaces are nobody's
            business; only the script is loaded there.
        gateway: the VPC's router; None: what goes out does so by the engine's machine.
    """

    interfaces: tuple[InterfacePlan, ...] = ()
    packet_filter: str = ""
    listening: tuple[Listening, ...] = ()
    are_arranged: bool = False
    former: tuple[InterfacePlan, ...] = ()
    on_host: bool = False
    gateway: Gateway | None = None

    def to_json(self) -> str:
        """Return the visit as a line of text."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Visit:
        """Return the visit that ``to_json`` wrote."""
        given: dict[str, Any] = json.loads(text)
        return cls(
            _plans(given["interfaces"]),
            given["packet_filter"],
            tuple(Listening(**each) for each in given["listening"]),
            given["are_arranged"],
            _plans(given["former"]),
            given["on_host"],
            _gateway(given["gateway"]),
        )


def _plans(given: Sequence[Mapping[str, Any]]) -> tuple[InterfacePlan, ...]:
    return tuple(
        InterfacePlan(each["mac_address"], each["device_index"], tuple(each["addresses"]))
        for each in given
    )


def _gateway(given: Mapping[str, Any] | None) -> Gateway | None:
    if given is None:
        return None
    return Gateway(given["address"], given["mac_address"], tuple(given["cidrs"]))


def perform(visit: Visit) -> list[socket.socket]:
    """Do everything in the namespace this thread is in, and return the listening sockets.

    The addresses of the metadata service come first of all: from then on nothing that a
    guest sends to them can leave the namespace. The packet filter is there before anything
    listens.

    Raises:
        CommandFailed: a command of iproute2 or nftables failed.
        OSError: a socket could not be opened.
    """
    if visit.on_host:
        filter_host(visit.packet_filter)
        return []
    wanted = [each for each in visit.listening if each.family == socket.AF_INET or _allow_ipv6()]
    links = _links()
    if not visit.are_arranged:
        loopback = [_loopback_command(each) for each in wanted]
        interfaces = interface_commands(visit.interfaces, links)
        commands = [*dict.fromkeys(loopback), "link set lo up", *interfaces]
        if visit.gateway is not None:
            routes = _ROUTES.read_text(encoding="ascii")
            commands += way_commands(visit.gateway, _names(_macs(visit), links)[0], routes)
        _run_batch(commands)
    script = definitions_for(_macs(visit)) + visit.packet_filter if visit.packet_filter else ""
    if script and wanted:
        # It is the first visit of this run: what an earlier one counted nobody reads any more.
        script = end_script() + script
    if visit.gateway is not None and not visit.are_arranged:
        script += answers_script(visit.gateway, _names(_macs(visit), links))
    wanted = _load(script, wanted)
    # An interface that is new works no sooner than its filter, and what is to go may be gone.
    ups = [] if visit.are_arranged else up_commands(visit.interfaces, links)
    if ups:
        _run_batch(ups)
    if removals := removal_commands(visit.former, visit.interfaces, links):
        with contextlib.suppress(CommandFailed):
            _run_batch(removals, "-force")
    if not visit.are_arranged:
        links = _links()
        for plan in visit.interfaces:
            if plan.mac_address in links:
                announce(links[plan.mac_address], plan.mac_address, plan.addresses)
    return [_listening(each) for each in wanted]


def _load(script: str, wanted: list[Listening]) -> list[Listening]:
    """Load a filter, and what leads to sockets elsewhere; return the sockets as they are to be.

    Without a filter it may be that nftables is missing, so nothing can be led anywhere.

    Raises:
        CommandFailed: there is a filter and it could not be loaded.
    """
    redirects = redirects_to(wanted)
    if not script + redirects:
        return wanted
    try:
        load_filter(script + redirects)
    except CommandFailed:
        if script:
            raise
        return [attrs.evolve(each, behind=0) for each in wanted]
    return wanted


def redirects_to(wanted: Sequence[Listening]) -> str:
    """Return the script that leads to sockets what is sent to their public ports; pure.

    It is a table of its own, made once: both what the guest sends itself and what comes from
    containers of its own meets it.
    """
    rules = []
    for each in wanted:
        address = ipaddress.ip_address(each.address)
        if each.behind:
            family, at = ("ip", address) if address.version == 4 else ("ip6", f"[{address}]")
            protocol = "udp" if each.is_datagram else "tcp"
            rules.append(
                f"{family} daddr {address} {protocol} dport {each.port:d} "
                f"dnat {family} to {at}:{each.behind:d}\n"
            )
    if not rules:
        return ""
    chains = "".join(
        f"chain {hook} {{\ntype nat hook {hook} priority -100;\n{''.join(rules)}}}\n"
        for hook in ("output", "prerouting")
    )
    return f"table {_PORTS}\ndelete table {_PORTS}\ntable {_PORTS} {{\n{chains}}}\n"


def load_filter(text: str) -> None:
    """Let nftables do a script, all of it or nothing.

    Raises:
        CommandFailed: it refuses.
    """
    run_blocking(("nft", "-f", "-"), stdin=text.encode())


def filter_host(text: str) -> None:
    """Load a script of ``bridge_filter`` on the engine's machine.

    Tables for bridges that are no more go along: whoever removed a network did not know them.

    Raises:
        CommandFailed: nftables refuses.
    """
    listed = run_blocking(("nft", "--json", "list", "tables")).output
    tables = [each["table"]["name"] for each in json.loads(listed)["nftables"] if "table" in each]
    bridges = {name for _, name in socket.if_nameindex()}
    load_filter("".join(forget(each) for each in bridges_of(tables) if each not in bridges) + text)


def way_commands(gateway: Gateway, link: str, routes: str) -> list[str]:
    """Return the commands that lead out by a VPC's router; pure.

    Whoever comes by a port that the engine's machine publishes is answered by way of that, as
    everything was before; the rule for it, which there can be but once, comes last.

    Args:
        gateway: the router.
        link: the instance's first interface.
        routes: the kernel's table.
    """
    here = ipaddress.IPv4Address(gateway.address)
    machine = [(address, name) for address, name in default_routes(routes) if address != here]
    leading = f"route replace default via {here} dev {link}"
    if not machine:
        return [leading]
    address, name = machine[0]
    answers = f"route replace default via {address} dev {name} table {_ANSWERS}"
    return [answers, leading, _ANSWERS_RULE]


def answers_script(gateway: Gateway, links: Sequence[str]) -> str:
    """Return the script that knows who came by the engine's machine; pure.

    What came by the router has its hardware address, and the VPC's own come from nowhere else.
    """
    cidrs = ", ".join(str(ipaddress.IPv4Network(cidr)) for cidr in gateway.cidrs)
    names = ", ".join(f'"{name}"' for name in links)
    return f"""table {_ANSWERS_TABLE}
delete table {_ANSWERS_TABLE}
table {_ANSWERS_TABLE} {{
chain arriving {{
type filter hook prerouting priority -145
iifname {{ {names} }} ether saddr != {gateway.mac_address} ip saddr != {{ {cidrs} }} \
ct state new ct mark set ct mark or {_ANSWERS_MARK}
iifname != {{ {names} }} ct mark and {_ANSWERS_MARK} != 0 meta mark set {_ANSWERS_MARK}
}}
chain leaving {{
type route hook output priority -150
ct mark and {_ANSWERS_MARK} != 0 meta mark set {_ANSWERS_MARK}
}}
}}
"""


def _macs(visit: Visit) -> list[str]:
    return [each.mac_address for each in visit.interfaces]


def _names(mac_addresses: Collection[str], links: Mapping[str, str]) -> list[str]:
    """Return the names of an instance's interfaces that there are, the first one first."""
    return [links[each] for each in mac_addresses if each in links] or ["eth0"]


def definitions_for(mac_addresses: Collection[str]) -> str:
    """Return what a script is to know of the namespace it is done in.

    Args:
        mac_addresses: of the instance's interfaces there.
    """
    names = _names(mac_addresses, _links())
    return definitions(
        [socket.if_nametoindex(name) for name in names],
        gateways(_ROUTES.read_text(encoding="ascii"), names),
    )


def definitions(links: Sequence[int], hosts: Sequence[ipaddress.IPv4Address]) -> str:
    """Return the definitions of a script's variables; see ``emulator.net.nft``.

    Args:
        links: indexes of the instance's interfaces; at least one.
        hosts: addresses of the engine's machine.
    """
    # There is always one, which never comes from outside.
    known = [ipaddress.IPv4Address("127.0.0.1"), *hosts]
    return (
        f"define links = {{ {', '.join(map(str, links))} }}\n"
        f"define host = {{ {', '.join(map(str, dict.fromkeys(known)))} }}\n"
    )


def gateways(routes: str, links: Collection[str]) -> list[ipaddress.IPv4Address]:
    """Return the addresses of the engine's machine in the kernel's table of routes.

    They are the gateways of default routes and, as Docker may route by another network, the
    first address of each network on these links, which is no instance's in any subnet. A VPC's
    router is none of them.
    """
    found: list[ipaddress.IPv4Address] = []
    routers: set[ipaddress.IPv4Address] = set()
    for line in routes.splitlines()[1:]:
        link, *fields = line.split()
        destination, gateway, mask = (
            int.from_bytes(bytes.fromhex(fields[place]), "little") for place in (0, 1, 6)
        )
        if destination == 0 and gateway != 0:
            found.append(ipaddress.IPv4Address(gateway))
        elif gateway == 0 and mask != 0 and link in links:
            network = ipaddress.IPv4Network((destination, mask.bit_count()))
            found.append(network.network_address + 1)
            routers.add(router_address(str(network)))
    return [each for each in dict.fromkeys(found) if each not in routers]


def default_routes(routes: str) -> list[tuple[ipaddress.IPv4Address, str]]:
    """Return gateways of default routes in the kernel's table, with their links; pure."""
    found = []
    for line in routes.splitlines()[1:]:
        link, destination, gateway, *_ = line.split()
        if int(destination, 16) == 0 and int(gateway, 16) != 0:
            address = int.from_bytes(bytes.fromhex(gateway), "little")
            found.append((ipaddress.IPv4Address(address), link))
    return found


def _links() -> dict[str, str]:
    """Return the names of the namespace's interfaces by their MAC addresses."""
    found = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        for _, name in socket.if_nameindex():
            answer = fcntl.ioctl(handle, _SIOCGIFHWADDR, struct.pack("256s", name.encode()))
            found[answer[18:24].hex(":")] = name
    return found


def _run_batch(commands: Sequence[str], *options: str) -> None:
    run_blocking(("ip", *options, "-batch", "-"), stdin="\n".join(commands).encode() + b"\n")


def _loopback_command(each: Listening) -> str:
    # Without nodad, nothing can be bound to a new IPv6 address until a worker of the kernel
    # has had its turn, on the loopback interface, too.
    suffix = "/128 dev lo nodad" if each.family == socket.AF_INET6 else "/32 dev lo"
    return f"address replace {each.address}{suffix}"


def _allow_ipv6() -> bool:
    """Allow IPv6 on the loopback interface; False where the kernel or the container has none."""
    try:
        # A helper finds it as it has to be, and may not write it.
        if _IPV6_SWITCH.read_text(encoding="ascii").strip() != "0":
            _IPV6_SWITCH.write_text("0", encoding="ascii")
    except OSError:
        return False
    return True


def _listening(each: Listening) -> socket.socket:
    kind = socket.SOCK_DGRAM if each.is_datagram else socket.SOCK_STREAM
    opened = socket.socket(each.family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The one of an emulator that was killed may still be there, held by nobody.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # The kernel may take a moment until a new IPv6 address can be bound to.
        opened.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        if each.family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((each.address, each.behind or each.port))
        if not each.is_datagram:
            opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened
