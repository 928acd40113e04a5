"""Ranges that join a VPC later, and leave it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.security_group import SecurityGroupRule
from emulator.model.vpc import CidrAssociation, NetworkAcl, Subnet, Vpc
from emulator.net import cidrs
from emulator.services.call import Call, Handler
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.security.network_acls import (
    default_acl,
    first_entries,
    first_ipv6_entries,
)
from emulator.services.ec2.security.security_groups import admit_ipv6_egress
from emulator.services.ec2.vpcs.ipam import refuse_pools
from emulator.services.ec2.vpcs.vpc_lifecycle import requested_ipv6
from emulator.services.ec2.vpcs.vpcs import VPC, ipv4_association, ipv6_association
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def _too_many(vpc: Vpc, most: int) -> AwsError:
    return AwsError(
        "CidrLimitExceeded",
        f"This network '{vpc.id}' has met its maximum number of allowed CIDRs: {most}",
    )


def _admit_ipv6(acl: NetworkAcl) -> None:
    """Let IPv6 through a default network ACL that nobody changed.

    Source: "Default network ACL for a VPC".
    """
    if set(acl.entries) == set(first_entries(with_ipv6=False)):
        acl.entries = (*acl.entries, *first_ipv6_entries())


def associate_vpc_cidr_block(
    call: Call, params: aws.AssociateVpcCidrBlockRequestTypeDef
) -> dict[str, Any]:
    """Add a range to a VPC. Source: API_AssociateVpcCidrBlock."""
    region = call.region
    vpc = VPC.find(region, params["VpcId"])
    refuse_pools(params)
    cidr = params.get("CidrBlock")
    ipv6 = requested_ipv6(call, params)
    if cidr is None and ipv6 is None:
        raise AwsError(
            "MissingParameter",
            "Either 'cidrBlock' or 'amazonProvidedIpv6CidrBlock' should be provided.",
        )
    if cidr is not None and ipv6 is not None:
        raise AwsError(
            "InvalidParameterCombination",
            "An IPv4 and an IPv6 CIDR block cannot be associated in one request",
        )
    if ipv6 is not None:
        if len(vpc.ipv6_associations) >= cidrs.MAX_IPV6_RANGES:
            raise _too_many(vpc, cidrs.MAX_IPV6_RANGES)
        vpc.ipv6_associations = (*vpc.ipv6_associations, ipv6)
        _admit_ipv6(default_acl(region, vpc.id))
        admit_ipv6_egress(region, vpc.id, lambda: call.new_id(SecurityGroupRule))
        return {"VpcId": vpc.id, "Ipv6CidrBlockAssociation": ipv6_association(ipv6, "associating")}
    assert cidr is not None
    network = cidrs.vpc_range(cidr)
    cidrs.check_secondary(
        cidrs.ipv4_network(vpc.cidr, "cidrBlock"),
        [item.cidr for item in vpc.ipv4_associations],
        network,
    )
    if len(vpc.ipv4_associations) >= cidrs.MAX_IPV4_RANGES:
        raise _too_many(vpc, cidrs.MAX_IPV4_RANGES)
    association = CidrAssociation(call.world.ids.resource("vpc-cidr-assoc"), str(network))
    vpc.ipv4_associations = (*vpc.ipv4_associations, association)
    return {"VpcId": vpc.id, "CidrBlockAssociation": ipv4_association(association, "associating")}


def _check_unused(region: Region, vpc: Vpc, association: CidrAssociation) -> None:
    for subnet in region[Subnet].where(vpc_id=vpc.id):
        ranges = [item.cidr for item in subnet.ipv6_associations]
        if subnet.cidr:
            ranges.append(subnet.cidr)
        if cidrs.overlapping(cidrs.known_network(association.cidr), ranges) is not None:
            raise AwsError(
                "InvalidCidrBlock.InUse",
                f"The vpc {vpc.id} currently has a subnet within CIDR block {association.cidr}",
            )


def disassociate_vpc_cidr_block(
    call: Call, params: aws.DisassociateVpcCidrBlockRequestTypeDef
) -> dict[str, Any]:
    """Take a range that no subnet uses from its VPC; the primary one stays for ever."""
    region = call.region
    association_id = params["AssociationId"]
    for vpc in region[Vpc]:
        if vpc.ipv4_associations[0].id == association_id:
            raise AwsError(
                "OperationNotPermitted",
                f"The vpc CIDR block with association ID {association_id} may not be "
                "disassociated. It is the primary IPv4 CIDR block of the VPC",
            )
        for field, member, show in (
            ("ipv4_associations", "CidrBlockAssociation", ipv4_association),
            ("ipv6_associations", "Ipv6CidrBlockAssociation", ipv6_association),
        ):
            associations: tuple[CidrAssociation, ...] = getattr(vpc, field)
            found = next((item for item in associations if item.id == association_id), None)
            if found is None:
                continue
            _check_unused(region, vpc, found)
            setattr(vpc, field, tuple(item for item in associations if item is not found))
            return {"VpcId": vpc.id, member: show(found, "disassociating")}
    raise NOUNS["vpc-cidr-assoc"].missing([association_id[:64]])


OPERATIONS: Mapping[str, Handler] = {
    "AssociateVpcCidrBlock": associate_vpc_cidr_block,
    "DisassociateVpcCidrBlock": disassociate_vpc_cidr_block,
}
