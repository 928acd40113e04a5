"""Network ACLs and which of them guards a subnet. Their rules: ``network_acl_entries``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.vpc import AclEntry, NetworkAcl, NetworkAclAssociation, Subnet, Vpc
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.vpcs.vpcs import VPC
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

ALL_PROTOCOLS = "-1"
# "Network ACL rules": the rule with an asterisk, which nobody can change.
LAST_RULE = 32767
LAST_IPV6_RULE = 32768
PROTOCOL_NAMES = {"icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}
_NAMES_OF_PROTOCOLS = {number: name for name, number in PROTOCOL_NAMES.items()}


def first_entries(*, with_ipv6: bool) -> tuple[AclEntry, ...]:
    """Return what a default network ACL allows: everything."""
    entries = [
        AclEntry(100, egress, ALL_PROTOCOLS, "allow", cidr="0.0.0.0/0") for egress in (True, False)
    ]
    return (*entries, *first_ipv6_entries()) if with_ipv6 else tuple(entries)


def first_ipv6_entries() -> tuple[AclEntry, ...]:
    """Return what a default network ACL gets when its VPC gets IPv6 addresses."""
    return tuple(
        AclEntry(101, egress, ALL_PROTOCOLS, "allow", ipv6_cidr="::/0") for egress in (True, False)
    )


def entries_of(region: Region, acl: NetworkAcl) -> list[AclEntry]:
    """Return an ACL's entries with the last ones, outgoing first, by number."""
    vpc = region[Vpc].get(acl.vpc_id)
    last = [
        AclEntry(LAST_RULE, egress, ALL_PROTOCOLS, "deny", cidr="0.0.0.0/0")
        for egress in (True, False)
    ]
    if vpc is not None and vpc.ipv6_associations:
        last += [
            AclEntry(LAST_IPV6_RULE, egress, ALL_PROTOCOLS, "deny", ipv6_cidr="::/0")
            for egress in (True, False)
        ]
    return sorted((*acl.entries, *last), key=lambda entry: (not entry.egress, entry.rule_number))


def _entry_view(entry: AclEntry) -> dict[str, Any]:
    return {
        "CidrBlock": entry.cidr,
        "Ipv6CidrBlock": entry.ipv6_cidr,
        "Egress": entry.egress,
        "Protocol": entry.protocol,
        "RuleAction": entry.rule_action,
        "RuleNumber": entry.rule_number,
        "PortRange": (
            {"From": entry.port_range[0], "To": entry.port_range[1]} if entry.port_range else None
        ),
        "IcmpTypeCode": {"Type": entry.icmp[0], "Code": entry.icmp[1]} if entry.icmp else None,
    }


def _view(region: Region, acl: NetworkAcl) -> Mapping[str, Any]:
    return {
        "NetworkAclId": acl.id,
        "VpcId": acl.vpc_id,
        "OwnerId": region.account,
        "IsDefault": acl.is_default,
        "Entries": [_entry_view(entry) for entry in entries_of(region, acl)],
        "Associations": [
            {
                "NetworkAclAssociationId": association.id,
                "NetworkAclId": acl.id,
                "SubnetId": association.subnet_id,
            }
            for association in associations_of(region, acl)
        ],
        "Tags": tag_set(acl.tags),
    }


def associations_of(region: Region, acl: NetworkAcl) -> list[NetworkAclAssociation]:
    """Return which subnets an ACL guards."""
    return region[NetworkAclAssociation].where(network_acl_id=acl.id)


def _protocols(region: Region, acl: NetworkAcl) -> Iterator[str | None]:
    for entry in entries_of(region, acl):
        yield entry.protocol
        yield _NAMES_OF_PROTOCOLS.get(entry.protocol)


def _numbers(region: Region, acl: NetworkAcl, field: str, place: int) -> Iterable[str]:
    for entry in entries_of(region, acl):
        pair = getattr(entry, field)
        if pair is not None:
            yield str(pair[place])


NETWORK_ACL = Kind(
    row=NetworkAcl,
    shape="NetworkAcl",
    view=_view,
    filters={
        "association.association-id": lambda region, acl: (
            item.id for item in associations_of(region, acl)
        ),
        "association.network-acl-id": lambda region, acl: (
            item.network_acl_id for item in associations_of(region, acl)
        ),
        "association.subnet-id": lambda region, acl: (
            item.subnet_id for item in associations_of(region, acl)
        ),
        "default": lambda _, acl: acl.is_default,
        "entry.cidr": lambda region, acl: (item.cidr for item in entries_of(region, acl)),
        "entry.egress": lambda region, acl: (
            str(item.egress).lower() for item in entries_of(region, acl)
        ),
        "entry.icmp.code": lambda region, acl: _numbers(region, acl, "icmp", 1),
        "entry.icmp.type": lambda region, acl: _numbers(region, acl, "icmp", 0),
        "entry.ipv6-cidr": lambda region, acl: (item.ipv6_cidr for item in entries_of(region, acl)),
        "entry.port-range.from": lambda region, acl: _numbers(region, acl, "port_range", 0),
        "entry.port-range.to": lambda region, acl: _numbers(region, acl, "port_range", 1),
        "entry.protocol": _protocols,
        "entry.rule-action": lambda region, acl: (
            item.rule_action for item in entries_of(region, acl)
        ),
        "entry.rule-number": lambda region, acl: (
            str(item.rule_number) for item in entries_of(region, acl)
        ),
        "network-acl-id": lambda _, acl: acl.id,
        "owner-id": lambda region, _: region.account,
        "vpc-id": lambda _, acl: acl.vpc_id,
    },
)


def default_acl(region: Region, vpc_id: str) -> NetworkAcl:
    """Return the ACL that guards new subnets of a VPC."""
    return next(acl for acl in region[NetworkAcl].where(vpc_id=vpc_id) if acl.is_default)


def create_network_acl(call: Call, params: aws.CreateNetworkAclRequestTypeDef) -> dict[str, Any]:
    """Create an ACL that lets nothing through. Source: API_CreateNetworkAcl."""
    vpc = VPC.find(call.region, params["VpcId"])
    acl = NetworkAcl(
        id=call.new_id(NetworkAcl), vpc_id=vpc.id, tags=tags_on_create(params, "network-acl")
    )
    call.region[NetworkAcl].add(acl)
    return {
        "NetworkAcl": NETWORK_ACL.show(call.region, acl),
        "ClientToken": params.get("ClientToken"),
    }


def describe_network_acls(
    call: Call, params: aws.DescribeNetworkAclsRequestTypeDef
) -> dict[str, Any]:
    """List ACLs."""
    return NETWORK_ACL.describe(call, params, ids="NetworkAclIds", result="NetworkAcls")


def delete_network_acl(call: Call, params: aws.DeleteNetworkAclRequestTypeDef) -> dict[str, Any]:
    """Delete an ACL that guards no subnet and is not its VPC's default."""
    acl = NETWORK_ACL.find(call.region, params["NetworkAclId"])
    if acl.is_default:
        raise AwsError("InvalidParameterValue", f"cannot delete default network acl {acl.id}")
    if associations_of(call.region, acl):
        raise AwsError(
            "DependencyViolation",
            f"The networkAcl '{acl.id}' has dependencies and cannot be deleted.",
        )
    call.region[NetworkAcl].remove(acl)
    return {}


def replace_network_acl_association(
    call: Call, params: aws.ReplaceNetworkAclAssociationRequestTypeDef
) -> dict[str, Any]:
    """Let another ACL guard a subnet; the association gets a new id."""
    region = call.region
    association = region[NetworkAclAssociation].get(params["AssociationId"])
    if association is None:
        raise NOUNS["aclassoc"].missing([params["AssociationId"]])
    acl = NETWORK_ACL.find(region, params["NetworkAclId"])
    subnet = region[Subnet][association.subnet_id]
    if acl.vpc_id != subnet.vpc_id:
        raise AwsError(
            "InvalidParameterValue",
            f"Network ACL {acl.id} and subnet {subnet.id} belong to different networks",
        )
    region[NetworkAclAssociation].remove(association)
    replacement = NetworkAclAssociation(
        id=call.new_id(NetworkAclAssociation), network_acl_id=acl.id, subnet_id=subnet.id
    )
    region[NetworkAclAssociation].add(replacement)
    return {"NewAssociationId": replacement.id}


OPERATIONS: Mapping[str, Handler] = {
    "CreateNetworkAcl": create_network_acl,
    "DeleteNetworkAcl": delete_network_acl,
    "DescribeNetworkAcls": describe_network_acls,
    "ReplaceNetworkAclAssociation": replace_network_acl_association,
}
