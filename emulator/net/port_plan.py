"""What joins a guest that has a kernel of its own with its VPC, as commands; pure.

Each guest has a network namespace of its own on the hypervisor's machine, which is its first
router. To the VPC the namespace is what a container is: ``eth0`` has the interface's MAC
address and its private addresses, filters look at what passes there, and the metadata service
and the resolver listen within. But what is for a private address goes on to the guest, by a
link for each of its interfaces; a table of routes that is asked before the kernel's own says
so. On these links the namespace answers for every address, so a guest finds its subnet and its
router there.

Commands are lines for ``ip -batch``. Numbers, addresses and names made here are all that gets
into them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, ip_interface
from typing import Any

import attrs

from emulator.net.interfaces import InterfacePlan
from emulator.vm.interface import GuestKey

MTU_BYTES = 1500
_PREFIX = "ec2-emulator"
_NAMESPACE = re.compile(rf"{_PREFIX}\.([a-z0-9][a-z0-9-]*)\.(i-[0-9a-f]+)")
# A guest's link has a number of its own in the namespace, by which its packets are known.
_FIRST_LINK = 1000
_MOST_LINKS = 64
# The namespace's own end of every guest's link.
_ROUTER_MAC = "0e:ec:02:00:00:01"
# Tables and preferences of rules, of the namespace alone.
_GUEST_TABLE, _LOCAL_TABLE = 1000, 1001
_FIRST_DHCP_RULE, _GUEST_RULE, _KERNEL_RULE = 100, 200, 300
_ADDRESS_TABLE = "ip ec2_emulator_address"
_SILENT_TABLE = "inet ec2_emulator_silent"
_LONGEST_NAME = 15  # IFNAMSIZ, without its zero


@attrs.frozen
class Setting:
    """A file below /proc/sys, and what is to be in it."""

    path: str
    value: str


@attrs.frozen
class Port:
    """What is made for one guest.

    Attributes:
        key: whose it is.
        namespace: EMULATOR_NAMESPACE of the emulator that makes it.
        mac_address: the first interface's.
        private_ip: its primary address.
        vpc_id: what it is joined with.
        bridge: the link that joins the VPC's guests.
        gateway: the machine's own address there.
        reached_at: where the machine reaches the guest, with the length of the prefix; None:
            at its private address.
    """

    key: GuestKey
    namespace: str
    mac_address: str
    private_ip: str
    vpc_id: str
    bridge: str
    gateway: str
    reached_at: str | None = None

    @property
    def name(self) -> str:
        """The network namespace's name."""
        return namespace_name(self.namespace, self.key.instance_id)

    @property
    def vpc_link(self) -> str:
        """The machine's end of ``eth0``."""
        return vpc_link(self.namespace, self.key.instance_id)

    @property
    def link(self) -> str:
        """The machine's end of the first interface's link."""
        return guest_link(self.namespace, self.key.instance_id, 0)

    @property
    def address(self) -> str:
        """The address at which the machine reaches the guest."""
        return self.private_ip if self.reached_at is None else self.reached_at.partition("/")[0]


def namespace_name(namespace: str, instance_id: str) -> str:
    """Return the name of a guest's network namespace.

    Raises:
        ValueError: it would be none, and might lead to another file.
    """
    name = f"{_PREFIX}.{namespace}.{instance_id}"
    if _NAMESPACE.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a network namespace")
    return name


def owner_of(name: str) -> tuple[str, str] | None:
    """Return EMULATOR_NAMESPACE and instance of a network namespace; None: it is not ours."""
    found = _NAMESPACE.fullmatch(name)
    return None if found is None else (found[1], found[2])


def vpc_link(namespace: str, instance_id: str) -> str:
    """Return the name of the machine's end of a namespace's ``eth0``."""
    return _link_name("ec2v", namespace, instance_id)


def guest_link(namespace: str, instance_id: str, device_index: int) -> str:
    """Return the name of the link that the hypervisor puts a guest's interface on."""
    return _link_name("ec2t", namespace, f"{instance_id}/{device_index:d}")


def bridge_name(namespace: str, vpc_id: str) -> str:
    """Return the name of the bridge of a VPC."""
    return _link_name("ec2b", namespace, vpc_id)


def _link_name(prefix: str, namespace: str, owner: str) -> str:
    digest = hashlib.sha256(f"{namespace}/{owner}".encode()).hexdigest()
    return f"{prefix}{digest}"[:_LONGEST_NAME]


def link_number(device_index: int) -> int:
    """Return the kernel's number of a guest's link in its namespace."""
    return _FIRST_LINK + device_index


def device_index_of(link: int) -> int | None:
    """Return the place of the interface whose link has a number; None: it is no guest's."""
    found = link - _FIRST_LINK
    return found if 0 <= found < _MOST_LINKS else None


def inner_link(device_index: int) -> str:
    """Return the name of the namespace's end of a guest's link."""
    return f"guest{device_index:d}"


# Making


def first_settings() -> tuple[Setting, ...]:
    """Return how the kernel is to treat a namespace's links, those to come included."""
    every = ("all", "default")
    return (
        Setting("net/ipv4/ip_forward", "1"),
        *(Setting(f"net/ipv4/conf/{each}/rp_filter", "0") for each in every),
        *(Setting(f"net/ipv4/conf/{each}/send_redirects", "0") for each in every),
    )


def answer_at_once(link: str) -> Setting:
    """Return what has questions for others' addresses answered without up to a second's wait."""
    return Setting(f"net/ipv4/neigh/{link}/proxy_delay", "0")


def link_settings(device_index: int) -> tuple[Setting, ...]:
    """Return how the kernel is to treat a guest's link."""
    conf = f"net/ipv4/conf/{inner_link(device_index)}"
    return (
        answer_at_once(inner_link(device_index)),
        # The guest sends as what the kernel takes for its own.
        Setting(f"{conf}/accept_local", "1"),
        Setting(f"{conf}/proxy_arp", "1"),
    )


def vpc_commands(port: Port, inside: Inside, host: int) -> list[str]:
    """Return the commands that join a namespace with its VPC, for within.

    Args:
        port: the guest's.
        inside: what is there.
        host: a process in the machine's own network namespace.
    """
    made = []
    if "eth0" not in inside.links:
        made.append(
            f"link add eth0 address {port.mac_address} type veth "
            f"peer name {port.vpc_link} netns {host:d}"
        )
    if port.reached_at is not None:
        made.append(f"address replace {port.reached_at} dev eth0")
    return [
        *made,
        "link set lo up",
        "link set eth0 up",
        f"route replace default via {port.gateway} dev eth0 onlink",
    ]


def link_commands(
    namespace: str,
    instance_id: str,
    device_index: int,
    inside: Inside,
    host: int,
) -> list[str]:
    """Return the commands that make a guest's link as far as it is not there, for within.

    Args:
        namespace: EMULATOR_NAMESPACE.
        instance_id: the guest's.
        device_index: the place of the interface.
        inside: what is there.
        host: a process in the machine's own network namespace.
    """
    name, outside = inner_link(device_index), guest_link(namespace, instance_id, device_index)
    rule = _FIRST_DHCP_RULE + device_index
    commands = []
    if name not in inside.links:
        commands.append(
            f"link add {name} index {link_number(device_index):d} address {_ROUTER_MAC} "
            f"type veth peer name {outside} netns {host:d}"
        )
    if rule not in inside.preferences:
        # What is meant for the subnet's router; what is for everybody arrives anyway.
        commands.append(
            f"rule add pref {rule:d} iif {name} ipproto udp dport 67 lookup {_LOCAL_TABLE}"
        )
    return commands


def rule_commands(inside: Inside) -> list[str]:
    """Return the commands that have guests' routes asked before the kernel's, for within."""
    if 0 not in inside.preferences:
        return []
    wanted = {_GUEST_RULE: str(_GUEST_TABLE), _KERNEL_RULE: "local"}
    return [
        f"route replace local default dev lo table {_LOCAL_TABLE}",
        *(
            f"rule add pref {preference:d} lookup {table}"
            for preference, table in wanted.items()
            if preference not in inside.preferences
        ),
        "rule delete pref 0",
    ]


def host_commands(port: Port) -> list[str]:
    """Return the commands that join a port with its bridge, for the machine's own namespace."""
    return [
        f"link set {port.vpc_link} alias {alias(port)}",
        f"link set {port.vpc_link} master {port.bridge} up",
        *link_up_commands(port.namespace, port.key.instance_id, 0),
    ]


def link_up_commands(namespace: str, instance_id: str, device_index: int) -> list[str]:
    """Return the commands for the machine's end of a guest's link."""
    return [f"link set {guest_link(namespace, instance_id, device_index)} up"]


def silent_script() -> str:
    """Return the nft script by which a namespace says nothing of its own to the VPC.

    A router would tell that a guest does not answer, which on EC2 nobody does.
    """
    return f"""table {_SILENT_TABLE}
delete table {_SILENT_TABLE}
table {_SILENT_TABLE} {{
  chain said {{
    type filter hook output priority 0; policy drop;
    oifname "lo" accept
    oifname "guest*" accept
  }}
}}
"""


def address_script(port: Port) -> str:
    """Return the nft script by which the machine reaches a guest at an address of its own.

    It changes addresses after whatever looks at packets that arrive, and before whatever looks
    at those that leave.
    """
    table = f"table {_ADDRESS_TABLE}\ndelete table {_ADDRESS_TABLE}\n"
    if port.reached_at is None:
        return table
    outside = IPv4Address(port.address)
    network, inside = ip_interface(port.reached_at).network, IPv4Address(port.private_ip)
    gateway = IPv4Address(port.gateway)
    return f"""{table}table {_ADDRESS_TABLE} {{
  chain arriving {{
    type nat hook prerouting priority -100;
    iifname "eth0" ip daddr {outside} dnat to {inside}
  }}
  chain leaving {{
    type nat hook postrouting priority 100;
    oifname "eth0" ip saddr {inside} ip daddr {network} snat to {outside}
    oifname "eth0" ip saddr {inside} rt ip nexthop {gateway} snat to {outside}
  }}
}}
"""


# Guests' addresses


@attrs.frozen
class Leading:
    """A route to the guest, or an answer for it: an address, and the link that it is about."""

    address: str
    link: str


@attrs.frozen
class Inside:
    """What is in a namespace.

    Attributes:
        links: names of links.
        preferences: of rules.
        routes: those to the guest.
        proxies: addresses for which the namespace answers on its links to the VPC.
    """

    links: frozenset[str] = frozenset()
    preferences: frozenset[int] = frozenset()
    routes: frozenset[Leading] = frozenset()
    proxies: frozenset[Leading] = frozenset()


def guest_commands(
    interfaces: Sequence[InterfacePlan], names: Sequence[str], inside: Inside
) -> list[str]:
    """Return the commands that lead to a guest what is for its addresses, for within.

    Args:
        interfaces: the guest's.
        names: of the namespace's links to the VPC, one for each of them.
        inside: what is there.
    """
    routes: dict[Leading, None] = {}
    proxies: dict[Leading, None] = {}
    for each, outside in zip(interfaces, names, strict=True):
        for address in _ipv4(each.addresses):
            routes[Leading(address, inner_link(each.device_index))] = None
            proxies[Leading(address, outside)] = None
    kept = {each.address for each in routes}
    return [
        *(f"link set {inner_link(each.device_index)} up" for each in interfaces),
        *(
            f"route delete {each.address} dev {each.link} table {_GUEST_TABLE}"
            for each in inside.routes
            if each.address not in kept
        ),
        *(
            f"neighbour delete proxy {each.address} dev {each.link}"
            for each in inside.proxies
            if each not in proxies
        ),
        *(
            f"route replace {each.address} dev {each.link} table {_GUEST_TABLE}"
            for each in routes
            if each not in inside.routes
        ),
        *(
            f"neighbour replace proxy {each.address} dev {each.link}"
            for each in proxies
            if each not in inside.proxies
        ),
    ]


def link_removals(interfaces: Sequence[InterfacePlan], inside: Inside) -> list[str]:
    """Return the commands that remove guests' links that are no interface's any more."""
    wanted = {each.device_index for each in interfaces}
    gone = [
        place
        for place in range(1, _MOST_LINKS)
        if place not in wanted and inner_link(place) in inside.links
    ]
    rules = {_FIRST_DHCP_RULE + place for place in gone} & inside.preferences
    return [
        *(f"rule delete pref {rule:d}" for rule in sorted(rules)),
        *(f"link delete {inner_link(place)}" for place in gone),
    ]


def _ipv4(addresses: Iterable[str]) -> Iterator[str]:
    for text in addresses:
        address = ip_interface(text).ip
        if isinstance(address, IPv4Address):
            yield str(address)


# What iproute2 is asked for, and what it says


RULES = ("rule", "show")
GUEST_ROUTES = ("route", "show", "table", str(_GUEST_TABLE))
PROXIES = ("neighbour", "show", "proxy")


def inside_of(links: Collection[str], rules: Any, routes: Any, proxies: Any) -> Inside:
    """Return what is in a namespace, from names of links and what ``ip -json`` shows."""
    return Inside(
        frozenset(links),
        frozenset(each["priority"] for each in rules),
        frozenset(Leading(each["dst"], each.get("dev", "")) for each in routes),
        frozenset(Leading(each["dst"], each["dev"]) for each in proxies),
    )


# Which are there


def alias(port: Port) -> str:
    """Return what a port's link on the machine says of it: all that a later run must know."""
    key = port.key
    where = port.reached_at or "-"
    whose = f"{key.account}/{key.region}/{key.instance_id}"
    return f"{_PREFIX}/{port.namespace}/{whose}/{port.vpc_id}/{where}"


def reached_at(text: str, namespace: str) -> tuple[str, str] | None:
    """Return instance and address from a link's alias; None: it is no other port's address."""
    words = text.split("/", 6)
    if len(words) != 7 or words[:2] != [_PREFIX, namespace] or words[6] == "-":
        return None
    return words[4], words[6]


def free_address(cidr: str, gateway: str, taken: Collection[str]) -> str:
    """Return an address of a range that nobody has, with the length of its prefix.

    Raises:
        ValueError: there is none left.
    """
    network = IPv4Network(cidr)
    for address in network.hosts():
        text = f"{address}/{network.prefixlen}"
        if str(address) != gateway and text not in taken:
            return text
    raise ValueError(f"all addresses of {cidr} are taken")


def in_range(address: str, cidr: str) -> bool:
    """Tell whether an address, if it is one, belongs to a range."""
    try:
        return IPv4Address(address) in IPv4Network(cidr)
    except ValueError:
        return False
