"""The other side of a rule: groups of this VPC, of peered VPCs, and prefix lists.

Sources: "Reference security groups across VPC peering connections", "Work with stale
security group rules".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.prefix_list import PrefixList
from emulator.model.security_group import SecurityGroup, SecurityGroupRule
from emulator.model.vpc import Vpc
from emulator.model.vpc_peering_connection import VpcPeeringConnection
from emulator.services.call import Call, Handler
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.security.ip_permissions import Peer, permissions
from emulator.services.ec2.security.security_groups import (
    SECURITY_GROUP,
    group_in_default_vpc,
    is_in_vpc,
    rules_of,
)
from emulator.services.pages import page_of_rows
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def _region_of(call: Call, account: str) -> Region | None:
    """Return another account's side of the addressed region, if it was ever used."""
    # Asking the state for a region by name would make it: a request could fill the memory.
    for region in call.state:
        if (region.account, region.name) == (account, call.region.name):
            return region
    return None


def _peering(region: Region, vpc_id: str, account: str, peer_vpc_id: str) -> str | None:
    """Return the active connection between a VPC and another in the same region."""
    wanted = {(region.account, vpc_id), (account, peer_vpc_id)}
    for connection in region[VpcPeeringConnection]:
        sides = (connection.requester, connection.accepter)
        if connection.state == "active" and wanted == {
            (side.account, side.vpc_id) for side in sides if side.region == region.name
        }:
            return connection.id
    return None


def group_peer(
    call: Call, group: SecurityGroup, pair: Mapping[str, Any], *, must_exist: bool
) -> Peer:
    """Return the group that a rule names, by id or by name in the default VPC.

    Args:
        call: the request.
        group: whose rule it is.
        pair: as in UserIdGroupPairs.
        must_exist: whether the group must exist and be reachable; not so for rules that
            are taken away.

    Raises:
        AwsError: MissingParameter or InvalidGroup.NotFound.
    """
    region = call.region
    owner, group_id = pair.get("UserId") or region.account, pair.get("GroupId")
    if group_id is None:
        name = pair.get("GroupName")
        if not name:
            raise AwsError("MissingParameter", "The request must contain the parameter groupId")
        group_id = group_in_default_vpc(region, name).id
    if not must_exist:
        return Peer(group_id=group_id, group_owner_id=owner)
    home = region if owner == region.account else _region_of(call, owner)
    found = home[SecurityGroup].get(group_id) if home is not None else None
    if found is None:
        SECURITY_GROUP.noun.check_form(group_id)
        raise AwsError(
            "InvalidGroup.NotFound",
            f"The security group '{group_id}' does not exist in VPC '{group.vpc_id}'",
        )
    if owner == region.account and is_in_vpc(region, found, group.vpc_id):
        return Peer(group_id=group_id, group_owner_id=owner)
    connection_id = _peering(region, group.vpc_id, owner, found.vpc_id)
    if connection_id is None:
        raise AwsError(
            "InvalidGroup.NotFound",
            "You have specified two resources that belong to different networks.",
        )
    return Peer(
        group_id=group_id,
        group_owner_id=owner,
        group_vpc_id=found.vpc_id,
        peering_connection_id=connection_id,
    )


def check_prefix_list(region: Region, list_id: str) -> None:
    """Refuse a prefix list that does not exist.

    Raises:
        AwsError: InvalidPrefixListID.NotFound.
    """
    if region[PrefixList].get(list_id) is None:
        raise NOUNS["pl"].missing([list_id])


def weight(region: Region, list_id: str | None) -> int:
    """Return how many rules a rule counts for: a prefix list's is its size.

    Args:
        region: of the rule.
        list_id: the list it names, if it names one.
    """
    prefix_list = region[PrefixList].get(list_id)
    return (prefix_list.max_entries if prefix_list is not None else None) or 1


def describe_security_group_references(
    call: Call, params: aws.DescribeSecurityGroupReferencesRequestTypeDef
) -> dict[str, Any]:
    """List which VPCs across peering connections name one's groups in their rules."""
    groups = SECURITY_GROUP.find_all(call.region, params["GroupId"])
    found: dict[tuple[str, str, str | None], None] = {}
    for group in groups:
        for vpc_id, connection_id in _references(call, group):
            found[group.id, vpc_id, connection_id] = None
    return {
        "SecurityGroupReferenceSet": [
            {
                "GroupId": group_id,
                "ReferencingVpcId": vpc_id,
                "VpcPeeringConnectionId": connection_id,
            }
            for group_id, vpc_id, connection_id in found
        ]
    }


def _references(call: Call, group: SecurityGroup) -> Iterator[tuple[str, str | None]]:
    for region in call.state:
        if region.name != call.region.name:
            continue
        for rule in region[SecurityGroupRule].where(peer_group_id=group.id):
            owner = region[SecurityGroup].get(rule.group_id)
            if rule.peering_connection_id is not None and owner is not None:
                yield owner.vpc_id, rule.peering_connection_id


def _is_stale(call: Call, rule: SecurityGroupRule) -> bool:
    """Tell whether a rule names a peer VPC's group that is gone or out of reach."""
    if rule.peering_connection_id is None:
        return False
    connection = call.region[VpcPeeringConnection].get(rule.peering_connection_id)
    if connection is None or connection.state != "active":
        return True
    home = _region_of(call, rule.peer_owner_id or call.account)
    return home is None or home[SecurityGroup].get(rule.peer_group_id) is None


def _stale_permissions(region: Region, rules: list[SecurityGroupRule]) -> list[dict[str, Any]]:
    return [
        {
            "IpProtocol": item["IpProtocol"],
            "FromPort": item.get("FromPort"),
            "ToPort": item.get("ToPort"),
            "UserIdGroupPairs": item["UserIdGroupPairs"],
        }
        for item in permissions(region, rules)
    ]


def describe_stale_security_groups(
    call: Call, params: aws.DescribeStaleSecurityGroupsRequestTypeDef
) -> dict[str, Any]:
    """List a VPC's groups with rules that lead nowhere."""
    region, vpc_id = call.region, params["VpcId"]
    if region[Vpc].get(vpc_id) is None:
        raise NOUNS["vpc"].missing([vpc_id])
    stale: dict[str, list[SecurityGroupRule]] = {}
    groups: list[SecurityGroup] = []
    for group in region[SecurityGroup].where(vpc_id=vpc_id):
        rules = [
            rule
            for egress in (False, True)
            for rule in rules_of(region, group.id, egress=egress)
            if _is_stale(call, rule)
        ]
        if rules:
            stale[group.id] = rules
            groups.append(group)
    shown, token = page_of_rows(call.operation.name, groups, params, call.operation.page_limits)
    answer: dict[str, Any] = {
        "StaleSecurityGroupSet": [
            {
                "GroupId": group.id,
                "GroupName": group.name,
                "Description": group.description,
                "VpcId": group.vpc_id,
                "StaleIpPermissions": _stale_permissions(
                    region, [rule for rule in stale[group.id] if not rule.is_egress]
                ),
                "StaleIpPermissionsEgress": _stale_permissions(
                    region, [rule for rule in stale[group.id] if rule.is_egress]
                ),
            }
            for group in shown
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "DescribeSecurityGroupReferences": describe_security_group_references,
    "DescribeStaleSecurityGroups": describe_stale_security_groups,
}
