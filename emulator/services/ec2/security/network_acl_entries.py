"""Rules of network ACLs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.vpc import AclEntry, NetworkAcl
from emulator.net.cidrs import ipv4_network, ipv6_network
from emulator.services.call import Call, Handler
from emulator.services.ec2.security.network_acls import ALL_PROTOCOLS, NETWORK_ACL, PROTOCOL_NAMES

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# "Amazon VPC quotas": rules in each direction, the most that can be asked for.
MAX_RULES = 40
MAX_RULE_NUMBER = 32766
_WITH_PORTS = frozenset((PROTOCOL_NAMES["tcp"], PROTOCOL_NAMES["udp"]))
_WITH_TYPES = frozenset((PROTOCOL_NAMES["icmp"], PROTOCOL_NAMES["icmpv6"]))


def _protocol(given: str) -> str:
    protocol = PROTOCOL_NAMES.get(given.lower(), given)
    if protocol == ALL_PROTOCOLS or given.lower() == "all":
        return ALL_PROTOCOLS
    if not (protocol.isascii() and protocol.isdigit()) or len(protocol) > 3 or int(protocol) > 255:
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid value '{given[:64]}' for IP protocol. Unknown protocol.",
        )
    return str(int(protocol))


def _rule_number(params: Mapping[str, Any]) -> int:
    number: int = params["RuleNumber"]
    if not 1 <= number <= MAX_RULE_NUMBER:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({number}) for parameter ruleNumber is invalid. "
            f"Valid values are 1 to {MAX_RULE_NUMBER}.",
        )
    return number


def _ports(params: Mapping[str, Any], protocol: str) -> tuple[int, int] | None:
    given = params.get("PortRange") or {}
    first, last = given.get("From"), given.get("To")
    if protocol not in _WITH_PORTS:
        return None
    if first is None or last is None:
        raise AwsError("MissingParameter", "The request must contain the parameter portRange")
    if not 0 <= first <= last <= 65535:
        raise AwsError("InvalidParameterValue", f"Invalid TCP/UDP port range ({first}:{last})")
    return first, last


def _type_and_code(params: Mapping[str, Any], protocol: str) -> tuple[int, int] | None:
    given = params.get("IcmpTypeCode") or {}
    icmp_type, code = given.get("Type"), given.get("Code")
    if protocol not in _WITH_TYPES:
        return None
    if icmp_type is None or code is None:
        raise AwsError("MissingParameter", "The request must contain the parameter icmpTypeCode")
    if not -1 <= icmp_type <= 255 or not -1 <= code <= 255:
        raise AwsError("InvalidParameterValue", f"Invalid ICMP type and code ({icmp_type}:{code})")
    return icmp_type, code


def _entry(params: Mapping[str, Any]) -> AclEntry:
    cidr, ipv6_cidr = params.get("CidrBlock"), params.get("Ipv6CidrBlock")
    if cidr is None and ipv6_cidr is None:
        raise AwsError(
            "MissingParameter", "The request must contain a cidrBlock or an ipv6CidrBlock"
        )
    if cidr is not None and ipv6_cidr is not None:
        raise AwsError(
            "InvalidParameterCombination", "Only one of cidrBlock and ipv6CidrBlock can be given"
        )
    protocol = _protocol(params["Protocol"])
    return AclEntry(
        rule_number=_rule_number(params),
        egress=params["Egress"],
        protocol=protocol,
        rule_action=params["RuleAction"],
        cidr=str(ipv4_network(cidr, "cidrBlock")) if cidr is not None else None,
        ipv6_cidr=str(ipv6_network(ipv6_cidr, "ipv6CidrBlock")) if ipv6_cidr is not None else None,
        port_range=_ports(params, protocol),
        icmp=_type_and_code(params, protocol),
    )


def _place(acl: NetworkAcl, rule_number: int, *, egress: bool) -> int | None:
    for place, entry in enumerate(acl.entries):
        if entry.rule_number == rule_number and entry.egress == egress:
            return place
    return None


def _missing(rule_number: int) -> AwsError:
    return AwsError(
        "InvalidNetworkAclEntry.NotFound",
        f"The network acl entry identified by {rule_number} does not exist.",
    )


def create_network_acl_entry(
    call: Call, params: aws.CreateNetworkAclEntryRequestTypeDef
) -> dict[str, Any]:
    """Add a rule with a number that its direction does not have. Source: the API's page."""
    acl = NETWORK_ACL.find(call.region, params["NetworkAclId"])
    entry = _entry(params)
    if _place(acl, entry.rule_number, egress=entry.egress) is not None:
        raise AwsError(
            "NetworkAclEntryAlreadyExists",
            f"The network acl entry identified by {entry.rule_number} already exists.",
        )
    if sum(other.egress == entry.egress for other in acl.entries) >= MAX_RULES:
        raise AwsError(
            "NetworkAclEntryLimitExceeded",
            f"The maximum number of network acl entries has been reached: {MAX_RULES}",
        )
    acl.entries = (*acl.entries, entry)
    return {}


def replace_network_acl_entry(
    call: Call, params: aws.ReplaceNetworkAclEntryRequestTypeDef
) -> dict[str, Any]:
    """Put another rule in the place of the one with its number."""
    acl = NETWORK_ACL.find(call.region, params["NetworkAclId"])
    entry = _entry(params)
    place = _place(acl, entry.rule_number, egress=entry.egress)
    if place is None:
        raise _missing(entry.rule_number)
    acl.entries = (*acl.entries[:place], entry, *acl.entries[place + 1 :])
    return {}


def delete_network_acl_entry(
    call: Call, params: aws.DeleteNetworkAclEntryRequestTypeDef
) -> dict[str, Any]:
    """Remove a rule."""
    acl = NETWORK_ACL.find(call.region, params["NetworkAclId"])
    number = _rule_number(params)
    place = _place(acl, number, egress=params["Egress"])
    if place is None:
        raise _missing(number)
    acl.entries = (*acl.entries[:place], *acl.entries[place + 1 :])
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "CreateNetworkAclEntry": create_network_acl_entry,
    "DeleteNetworkAclEntry": delete_network_acl_entry,
    "ReplaceNetworkAclEntry": replace_network_acl_entry,
}
