"""What DHCP tells an instance, from records to options, and to whom it says so; pure.

There is one lease on a link: that of the interface whose link it is. Sources: "DHCP option
sets in Amazon VPC", RFC 2131 section 4.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network

import attrs

from emulator.model.instance import Instance
from emulator.model.vpc import DhcpOptions, Subnet, Vpc
from emulator.net import dhcp_message as dhcp
from emulator.net.dhcp_message import Reply, Request
from emulator.net.dns_names import instance_name
from emulator.net.dns_zone import resolver_settings
from emulator.net.interfaces import interface_rows
from emulator.state.store import Region

# As AWS gives them.
LEASE_SECONDS = 3600
# As long as a name may be, with and without a dot (RFC 1035).
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NODE_TYPES = frozenset({"1", "2", "4", "8"})
_UNSPECIFIED = IPv4Address(0)
# What is said whether or not the client asks for it: otherwise there is no lease.
_ALWAYS = frozenset({dhcp.SERVER, dhcp.LEASE_SECONDS, dhcp.SUBNET_MASK, dhcp.ROUTER})


@attrs.frozen
class Lease:
    """What one interface is told.

    Attributes:
        mac_address: the interface's; nobody else is answered.
        address: its primary private address.
        server: who says so: the subnet's router.
        options: besides server and time, in the order in which they matter.
    """

    mac_address: str
    address: IPv4Address
    server: IPv4Address
    options: Mapping[int, bytes]


@attrs.frozen
class Answer:
    """A message to send, and where: an address of the guest's, or everybody's."""

    message: bytes
    to: IPv4Address
    server: IPv4Address


EVERYBODY = IPv4Address("255.255.255.255")


def lease_of(region: Region, instance_id: str, device_index: int, mtu: int) -> Lease | None:
    """Return the lease of an instance's interface at this moment; None: it has none.

    Args:
        region: of the instance.
        instance_id: whose interface it is.
        device_index: the interface's place.
        mtu: the largest packet in bytes that its link takes.
    """
    rows = interface_rows(region, instance_id)
    found = [row for row in rows if row.attachment and row.attachment.device_index == device_index]
    if not found or not found[0].private_ips:
        return None
    row = found[0]
    subnet, vpc = region[Subnet].get(row.subnet_id), region[Vpc].get(row.vpc_id)
    if subnet is None or vpc is None:
        return None
    network = IPv4Network(subnet.cidr)
    router = network.network_address + 1
    resolver = resolver_settings(region, vpc)
    given = region[DhcpOptions].get(vpc.dhcp_options_id)
    configured = {} if given is None else given.configurations
    options = {
        dhcp.SUBNET_MASK: network.netmask.packed,
        dhcp.ROUTER: router.packed,
        dhcp.BROADCAST: network.broadcast_address.packed,
        dhcp.MTU: mtu.to_bytes(2, "big"),
        dhcp.DNS_SERVERS: dhcp.addresses(resolver.servers),
        dhcp.HOST_NAME: _host_name(region, instance_id, row.private_ips[0]),
        # One domain or several, as the set has them: clients that know how, search them all.
        dhcp.DOMAIN_NAME: " ".join(resolver.search).encode("ascii"),
        dhcp.NTP_SERVERS: dhcp.addresses(configured.get("ntp-servers", ())),
        dhcp.NETBIOS_SERVERS: dhcp.addresses(configured.get("netbios-name-servers", ())),
        dhcp.NETBIOS_NODE_TYPE: _node_type(configured),
    }
    return Lease(
        row.mac_address.lower(),
        IPv4Address(row.private_ips[0]),
        router,
        {code: value for code, value in options.items() if value},
    )


def _host_name(region: Region, instance_id: str, private_ip: str) -> bytes:
    instance = region[Instance].get(instance_id)
    if instance is None:
        return b""
    label = instance_name(region.name, instance, private_ip).partition(".")[0]
    return label.encode("ascii") if _NAME.fullmatch(label) else b""


def _node_type(configured: Mapping[str, tuple[str, ...]]) -> bytes:
    found = configured.get("netbios-node-type", ())
    return bytes((int(found[0]),)) if found and found[0] in _NODE_TYPES else b""


def respond(lease: Lease, request: Request) -> Answer | None:
    """Return what a client is answered; None: nothing."""
    if request.mac_address != lease.mac_address or request.relay != _UNSPECIFIED:
        return None
    if request.server not in {None, lease.server}:
        return None
    reply = _reply(lease, request)
    if reply is None:
        return None
    direct = reply.kind == dhcp.ACK and request.client_address == lease.address
    return Answer(
        dhcp.write_reply(request, reply),
        # One without an address yet cannot be asked where it is.
        lease.address if direct else EVERYBODY,
        lease.server,
    )


def _reply(lease: Lease, request: Request) -> Reply | None:
    if request.kind == dhcp.DISCOVER:
        return Reply(dhcp.OFFER, lease.address, _options(lease, request))
    if request.kind == dhcp.INFORM:
        options = _options(lease, request)
        return Reply(
            dhcp.ACK,
            options={key: value for key, value in options.items() if key != dhcp.LEASE_SECONDS},
        )
    if request.kind != dhcp.REQUEST:
        return None  # it lets go of an address, which stays its own
    wanted = request.requested_address or request.client_address
    if wanted != lease.address:
        return Reply(dhcp.NAK, options={dhcp.SERVER: lease.server.packed})
    return Reply(dhcp.ACK, lease.address, _options(lease, request))


def _options(lease: Lease, request: Request) -> dict[int, bytes]:
    wanted = request.wanted
    said = {
        dhcp.SERVER: lease.server.packed,
        dhcp.LEASE_SECONDS: LEASE_SECONDS.to_bytes(4, "big"),
        **lease.options,
    }
    return {
        code: value
        for code, value in said.items()
        if wanted is None or code in wanted or code in _ALWAYS
    }
