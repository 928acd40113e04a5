"""The names that a VPC's resolver knows by itself; pure.

Sources: "DNS attributes for your VPC", "Amazon EC2 instance hostname types", "Amazon Route 53
Resolver".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

import attrs

from emulator.model.instance import Instance
from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import DhcpOptions, Vpc
from emulator.net.dns_message import (
    AAAA,
    ANY,
    NAME_ERROR,
    NO_ERROR,
    PTR,
    REFUSED,
    A,
    Record,
    encoded,
)
from emulator.net.dns_names import private_domain, private_name, public_name
from emulator.net.interfaces import interface_rows
from emulator.state.joins import has_public_names, public_address
from emulator.state.store import Region

RESOLVER = "169.254.169.253"
METADATA = "169.254.169.254"
PROVIDED = "AmazonProvidedDNS"
# Docker's own resolver in every container, for as long as the emulator is not there.
FALLBACK = ("127.0.0.11",)
_IP_NAME = re.compile(r"ip-(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})", re.ASCII)
_PUBLIC_NAME = re.compile(r"ec2-(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})\.(.*)", re.ASCII)
_REVERSE = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa", re.ASCII)
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


@attrs.frozen
class Known:
    """What is to be answered: a code, and with it the records there are."""

    code: int = NO_ERROR
    records: tuple[Record, ...] = ()


@attrs.frozen
class ResolverSettings:
    """What DHCP options say that an instance asks.

    Attributes:
        servers: addresses, in order.
        search: domains for names without dots.
        is_provided: whether the VPC's own resolver is among them, and answers.
    """

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    is_provided: bool = False


def resolver_address(vpc: Vpc) -> str:
    """Return the address of a VPC's resolver: its network's, plus two."""
    return str(ipaddress.IPv4Network(vpc.cidr).network_address + 2)


def resolver_addresses(region: Region, instance_id: str) -> tuple[str, ...]:
    """Return where an instance finds its VPC's resolver."""
    vpc = _vpc_of(region, instance_id)
    return (RESOLVER,) if vpc is None else (RESOLVER, resolver_address(vpc))


def resolver_settings(region: Region, vpc: Vpc) -> ResolverSettings:
    """Return what the instances of a VPC are told by DHCP."""
    options = region[DhcpOptions].get(vpc.dhcp_options_id)
    if options is None:
        return ResolverSettings()
    servers: list[str] = []
    given = options.configurations.get("domain-name-servers", ())
    for each in given:
        if each == PROVIDED:
            servers.append(resolver_address(vpc))
        elif _is_address(each):
            servers.append(each)
    words = " ".join(options.configurations.get("domain-name", ())).split()
    return ResolverSettings(
        tuple(servers),
        tuple(word for word in words if _DOMAIN.fullmatch(word)),
        PROVIDED in given and vpc.enable_dns_support,
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def known(region: Region, instance_id: str, name: str, kind: int) -> Known | None:
    """Return what the resolver of an instance's VPC says itself; None: others are asked.

    Args:
        region: of the instance.
        instance_id: whose question it is.
        name: in small letters.
        kind: of the records wanted.
    """
    vpc = _vpc_of(region, instance_id)
    if vpc is None or not vpc.enable_dns_support:
        return Known(REFUSED)
    domain = private_domain(region.name)
    if name == domain:
        return Known()
    if name.endswith(f".{domain}"):
        addresses = _private(region, vpc, name.removesuffix(f".{domain}"))
        return Known(NAME_ERROR) if addresses is None else _addresses(addresses, kind)
    public = _PUBLIC_NAME.fullmatch(name)
    if public is not None:
        return _public(region, vpc, name, _dotted(public), kind)
    reverse = _REVERSE.fullmatch(name)
    return _reverse(region, vpc, _dotted(reverse, backwards=True), kind) if reverse else None


def _vpc_of(region: Region, instance_id: str) -> Vpc | None:
    rows = interface_rows(region, instance_id)
    return region[Vpc].get(rows[0].vpc_id) if rows else None


def _dotted(match: re.Match[str], *, backwards: bool = False) -> str:
    parts = [str(int(part)) for part in match.groups()[:4]]
    return ".".join(reversed(parts) if backwards else parts)


def _addresses(addresses: tuple[str, ...], kind: int) -> Known:
    found = []
    for text in addresses:
        address = ipaddress.ip_address(text)
        own = A if address.version == 4 else AAAA
        if kind in {own, ANY}:
            found.append(Record(own, address.packed))
    return Known(records=tuple(found))


def _interfaces(region: Region, vpc: Vpc, address: str) -> Iterator[NetworkInterface]:
    return (
        row for row in region[NetworkInterface].where(vpc_id=vpc.id) if address in row.private_ips
    )


def _private(region: Region, vpc: Vpc, label: str) -> tuple[str, ...] | None:
    """Return the addresses of a name in the region's private domain; None: there is none."""
    if label == "instance-data":
        return (METADATA,)
    by_address = _IP_NAME.fullmatch(label)
    if by_address is not None:
        address = _dotted(by_address)
        return (address,) if any(_interfaces(region, vpc, address)) else None
    instance = region[Instance].get(label)
    rows = interface_rows(region, instance.id) if instance is not None else []
    if instance is None or not rows or rows[0].vpc_id != vpc.id:
        return None
    options = instance.options.private_dns_name
    return (
        *(rows[0].private_ips[:1] if options.get("EnableResourceNameDnsARecord") else ()),
        *(rows[0].ipv6_addresses[:1] if options.get("EnableResourceNameDnsAAAARecord") else ()),
    )


def _public(region: Region, vpc: Vpc, name: str, address: str, kind: int) -> Known | None:
    """Return the private address behind a public name of the VPC's own."""
    if name != public_name(region.name, address) or not has_public_names(region, vpc.id):
        return None
    for row in region[NetworkInterface].where(vpc_id=vpc.id):
        for private_ip in row.private_ips:
            if public_address(region, row, private_ip)[0] == address:
                return _addresses((private_ip,), kind)
    return None


def _reverse(region: Region, vpc: Vpc, address: str, kind: int) -> Known | None:
    if address == METADATA:
        found = f"instance-data.{private_domain(region.name)}"
    elif any(_interfaces(region, vpc, address)):
        found = private_name(region.name, address)
    else:
        return None
    wanted = kind in {PTR, ANY}
    return Known(records=(Record(PTR, encoded(found)),) if wanted else ())
