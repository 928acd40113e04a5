"""IpPermissions: AWS's nested shape of rules, taken apart, checked and put together again.

Source: API_IpPermission and "Security group rules". Groups that rules name are looked up by
the caller.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from emulator.core.errors import AwsError
from emulator.model.security_group import SecurityGroupRule
from emulator.model.vpc_peering_connection import VpcPeeringConnection
from emulator.state.store import Region

ALL = "-1"
ANY_PORT = -1
MAX_PORT = 65535
MAX_ICMP = 255
MAX_PROTOCOL = 255
MAX_DESCRIPTION = 255

_NAMES = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "all": ALL}
_KNOWN = frozenset({"tcp", "udp", "icmp", "icmpv6", ALL})
_DESCRIPTION_SIGNS = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/()#,@[]+=&;{}!$*"
)

Key: TypeAlias = tuple[str, int, int, str]


@attrs.frozen
class Traffic:
    """A protocol and its ports, or types and codes; -1 stands for all."""

    protocol: str
    from_port: int
    to_port: int

    def words(self) -> str:
        """Return the words of AWS's message for a duplicate rule."""
        if self.protocol == ALL:
            return "ALL"
        name = self.protocol.upper()
        if self.protocol in {"tcp", "udp"}:
            return f"{name}, from port: {self.from_port}, to port: {self.to_port}"
        if self.protocol in {"icmp", "icmpv6"}:
            kind = "ALL" if self.from_port == ANY_PORT else self.from_port
            code = "ALL" if self.to_port == ANY_PORT else self.to_port
            return f"{name}, type: {kind}, code: {code}"
        return name


@attrs.frozen
class Peer:
    """The other side of a rule: exactly one of range, prefix list and group.

    Attributes:
        group_vpc_id: the group's VPC, where it is another than the rule's.
        peering_connection_id: the connection to that VPC.
    """

    cidr_ipv4: str | None = None
    cidr_ipv6: str | None = None
    prefix_list_id: str | None = None
    group_id: str | None = None
    group_owner_id: str | None = None
    group_vpc_id: str | None = None
    peering_connection_id: str | None = None

    @property
    def name(self) -> str:
        """The range or id, which tells peers apart."""
        return self.cidr_ipv4 or self.cidr_ipv6 or self.prefix_list_id or self.group_id or ""


def key_of(rule: SecurityGroupRule) -> Key:
    """Return what no two rules of one group and direction have in common."""
    peer = rule.cidr_ipv4 or rule.cidr_ipv6 or rule.prefix_list_id or rule.peer_group_id or ""
    return rule.protocol, rule.from_port, rule.to_port, peer


def key(traffic: Traffic, peer: Peer) -> Key:
    """Return the key that a rule of this traffic and peer would have."""
    return traffic.protocol, traffic.from_port, traffic.to_port, peer.name


def protocol_name(given: str | None) -> str:
    """Return a protocol as AWS shows it: a known name, ``-1``, or a number.

    Raises:
        AwsError: MissingParameter, or InvalidParameterValue for what is no protocol.
    """
    if given is None:
        raise AwsError("MissingParameter", "The request must contain the parameter ipProtocol")
    name = given.strip().lower()
    name = _NAMES.get(name, name)
    if name in _KNOWN:
        return name
    if len(name) <= 3 and name.isascii() and name.isdecimal() and int(name) <= MAX_PROTOCOL:
        number = str(int(name))
        return _NAMES.get(number, number)
    raise AwsError(
        "InvalidParameterValue",
        f"Invalid value '{given[:64]}' for IP protocol. Unknown protocol.",
    )


def traffic(protocol: str | None, from_port: int | None, to_port: int | None) -> Traffic:
    """Return checked traffic.

    Raises:
        AwsError: InvalidParameterValue or InvalidPermission.Malformed for ports that the
            protocol cannot have.
    """
    name = protocol_name(protocol)
    if name in {"tcp", "udp"}:
        return _ports(name, from_port, to_port)
    if name in {"icmp", "icmpv6"}:
        return _icmp(name, from_port, to_port)
    # Every other protocol is allowed on all ports, whatever range is given.
    return Traffic(name, ANY_PORT, ANY_PORT)


def _ports(name: str, from_port: int | None, to_port: int | None) -> Traffic:
    if from_port is None or to_port is None:
        raise AwsError(
            "InvalidParameterValue",
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
        )
    for port in (from_port, to_port):
        if not 0 <= port <= MAX_PORT:
            raise AwsError("InvalidPermission.Malformed", f"TCP/UDP port ({port}) out of range")
    if from_port > to_port:
        raise AwsError(
            "InvalidParameterValue", f"Invalid TCP/UDP port range ({from_port}:{to_port})"
        )
    return Traffic(name, from_port, to_port)


def _icmp(name: str, kind: int | None, code: int | None) -> Traffic:
    kind = ANY_PORT if kind is None else kind
    code = ANY_PORT if code is None else code
    for value in (kind, code):
        if not ANY_PORT <= value <= MAX_ICMP:
            raise AwsError(
                "InvalidPermission.Malformed", f"ICMP type or code ({value}) out of range"
            )
    if kind == ANY_PORT and code != ANY_PORT:
        raise AwsError(
            "InvalidParameterValue",
            "Invalid value 'ICMP code must be -1 when the type is -1.' for portRange.",
        )
    return Traffic(name, kind, code)


def ipv4_cidr(given: str | None) -> str:
    """Return an IPv4 range in its canonical spelling.

    Raises:
        AwsError: InvalidParameterValue.
    """
    return _cidr(given, ipaddress.IPv4Network)


def ipv6_cidr(given: str | None) -> str:
    """Return an IPv6 range in its canonical spelling.

    Raises:
        AwsError: InvalidParameterValue.
    """
    return _cidr(given, ipaddress.IPv6Network)


def _cidr(given: str | None, kind: type[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> str:
    text = given or ""
    address, slash, length = text.partition("/")
    if slash and address and length.isascii() and length.isdecimal() and len(length) <= 3:
        try:
            return str(kind(text, strict=False))
        except ValueError:
            pass
    raise AwsError("InvalidParameterValue", f"CIDR block {text[:64]} is malformed")


def description(given: str | None) -> str | None:
    """Return a rule's description.

    Raises:
        AwsError: InvalidParameterValue for too long a text or signs AWS does not take.
    """
    if given is None:
        return None
    if len(given) > MAX_DESCRIPTION or not _DESCRIPTION_SIGNS.issuperset(given):
        raise AwsError(
            "InvalidParameterValue",
            "Invalid rule description. Valid descriptions are strings less than 256 "
            "characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        )
    return given


def _ranges(item: Mapping[str, Any]) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    for member, field in (
        ("UserIdGroupPairs", "group"),
        ("IpRanges", "cidr_ipv4"),
        ("Ipv6Ranges", "cidr_ipv6"),
        ("PrefixListIds", "prefix_list_id"),
    ):
        for given in item.get(member) or ():
            yield member, field, given


def peers(item: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], Peer | None]]:
    """Return the peers of one IpPermission in order.

    Returns:
        For each, its list's name, the peer as given, and the checked peer; None for a
        group, which only the caller can look up.

    Raises:
        AwsError: for malformed ranges, or none at all.
    """
    found: list[tuple[str, Mapping[str, Any], Peer | None]] = []
    for member, field, given in _ranges(item):
        if field == "cidr_ipv4":
            found.append((member, given, Peer(cidr_ipv4=ipv4_cidr(given.get("CidrIp")))))
        elif field == "cidr_ipv6":
            found.append((member, given, Peer(cidr_ipv6=ipv6_cidr(given.get("CidrIpv6")))))
        elif field == "prefix_list_id":
            found.append((member, given, Peer(prefix_list_id=given.get("PrefixListId") or "")))
        else:
            found.append((member, given, None))
    if not found:
        raise AwsError(
            "MissingParameter",
            "The request must contain at least one of ipRanges, ipv6Ranges, prefixListIds "
            "and groups",
        )
    return found


def permissions(region: Region, rules: Iterable[SecurityGroupRule]) -> list[dict[str, Any]]:
    """Return rules in AWS's shape: one item for each protocol and port range."""
    items: dict[tuple[str, int, int], dict[str, Any]] = {}
    for rule in rules:
        traffic_key = (rule.protocol, rule.from_port, rule.to_port)
        item = items.get(traffic_key)
        if item is None:
            item = items[traffic_key] = _empty(*traffic_key)
        _place(region, item, rule)
    return list(items.values())


def _empty(protocol: str, from_port: int, to_port: int) -> dict[str, Any]:
    item: dict[str, Any] = {"IpProtocol": protocol}
    if protocol in {"tcp", "udp", "icmp", "icmpv6"}:
        item["FromPort"] = from_port
        item["ToPort"] = to_port
    item.update(UserIdGroupPairs=[], IpRanges=[], Ipv6Ranges=[], PrefixListIds=[])
    return item


def _place(region: Region, item: dict[str, Any], rule: SecurityGroupRule) -> None:
    """Add a rule's peer to the item of its traffic."""
    described = {"Description": rule.description} if rule.description is not None else {}
    if rule.cidr_ipv4 is not None:
        item["IpRanges"].append({"CidrIp": rule.cidr_ipv4, **described})
    elif rule.cidr_ipv6 is not None:
        item["Ipv6Ranges"].append({"CidrIpv6": rule.cidr_ipv6, **described})
    elif rule.prefix_list_id is not None:
        item["PrefixListIds"].append({"PrefixListId": rule.prefix_list_id, **described})
    else:
        item["UserIdGroupPairs"].append({**group_pair(region, rule), **described})


def group_pair(region: Region, rule: SecurityGroupRule) -> dict[str, Any]:
    """Return a rule's peer group, as both UserIdGroupPairs and rules show it."""
    pair: dict[str, Any] = {"GroupId": rule.peer_group_id, "UserId": rule.peer_owner_id}
    if rule.peer_vpc_id is not None:
        pair["VpcId"] = rule.peer_vpc_id
    if rule.peering_connection_id is not None:
        pair["VpcPeeringConnectionId"] = rule.peering_connection_id
        connection = region[VpcPeeringConnection].get(rule.peering_connection_id)
        pair["PeeringStatus"] = connection.state if connection is not None else "deleted"
    return pair
