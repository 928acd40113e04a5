"""Security groups: created, listed, deleted; their rules are another module's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.core.ids import derived
from emulator.model.network_interface import NetworkInterface
from emulator.model.security_group import (
    SecurityGroup,
    SecurityGroupRule,
    SecurityGroupVpcAssociation,
)
from emulator.model.vpc import Vpc
from emulator.services.call import Call, Handler, World
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.security.ip_permissions import permissions
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.vpcs.vpcs import default_vpc
from emulator.services.filters import Field, select
from emulator.services.pages import page_of_rows
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

DEFAULT = "default"
DEFAULT_DESCRIPTION = "default VPC security group"

# "Amazon VPC quotas": the defaults, which most accounts keep.
MAX_GROUPS = 2500
MAX_GROUPS_OF_INTERFACE = 5

_TEXT = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")


def rules_of(region: Region, group_id: str, *, egress: bool) -> list[SecurityGroupRule]:
    """Return a group's rules of one direction."""
    return [
        rule
        for rule in region[SecurityGroupRule].where(group_id=group_id)
        if rule.is_egress is egress
    ]


def arn(region: Region, resource: str) -> str:
    """Return the ARN of an EC2 resource such as ``security-group/sg-…``."""
    return f"arn:aws:ec2:{region.name}:{region.account}:{resource}"


def _view(region: Region, group: SecurityGroup) -> Mapping[str, Any]:
    return {
        "GroupId": group.id,
        "GroupName": group.name,
        "Description": group.description,
        "OwnerId": region.account,
        "VpcId": group.vpc_id,
        "SecurityGroupArn": arn(region, f"security-group/{group.id}"),
        "IpPermissions": permissions(region, rules_of(region, group.id, egress=False)),
        "IpPermissionsEgress": permissions(region, rules_of(region, group.id, egress=True)),
        "Tags": tag_set(group.tags),
    }


def _of_rules(
    value: Callable[[SecurityGroupRule], str | int | None], *, egress: bool
) -> Field[SecurityGroup]:
    def field(region: Region, group: SecurityGroup) -> Iterable[str | None]:
        for rule in rules_of(region, group.id, egress=egress):
            found = value(rule)
            yield None if found is None else str(found)

    return field


def _peer_name(*, egress: bool) -> Field[SecurityGroup]:
    def field(region: Region, group: SecurityGroup) -> Iterable[str | None]:
        for rule in rules_of(region, group.id, egress=egress):
            peer = region[SecurityGroup].get(rule.peer_group_id or "")
            yield peer.name if peer is not None else None

    return field


def _rule_filters(prefix: str, *, egress: bool) -> dict[str, Field[SecurityGroup]]:
    values: Mapping[str, Callable[[SecurityGroupRule], str | int | None]] = {
        "cidr": lambda rule: rule.cidr_ipv4,
        "from-port": lambda rule: rule.from_port,
        "group-id": lambda rule: rule.peer_group_id,
        "ipv6-cidr": lambda rule: rule.cidr_ipv6,
        "prefix-list-id": lambda rule: rule.prefix_list_id,
        "protocol": lambda rule: rule.protocol,
        "to-port": lambda rule: rule.to_port,
        "user-id": lambda rule: rule.peer_owner_id,
    }
    fields = {f"{prefix}.{name}": _of_rules(value, egress=egress) for name, value in values.items()}
    fields[f"{prefix}.group-name"] = _peer_name(egress=egress)
    return fields


SECURITY_GROUP = Kind(
    row=SecurityGroup,
    shape="SecurityGroup",
    view=_view,
    filters={
        "description": lambda _, group: group.description,
        "group-id": lambda _, group: group.id,
        "group-name": lambda _, group: group.name,
        "owner-id": lambda region, _: region.account,
        "vpc-id": lambda _, group: group.vpc_id,
        **_rule_filters("ip-permission", egress=False),
        **_rule_filters("egress.ip-permission", egress=True),
    },
)


def new_default_group(
    world: World, region: Region, vpc_id: str, group_id: str | None = None
) -> SecurityGroup:
    """Give a VPC the security group it is born with: in from itself, out to anywhere.

    Args:
        world: gives ids.
        region: where the VPC is.
        vpc_id: the VPC's.
        group_id: an id that must always be the same, as a default VPC's; its rules' ids are
            derived from it then.
    """
    stable = group_id is not None
    group = SecurityGroup(
        id=group_id or world.ids.resource(SecurityGroup.PREFIX),
        vpc_id=vpc_id,
        name=DEFAULT,
        description=DEFAULT_DESCRIPTION,
    )
    prefix = SecurityGroupRule.PREFIX
    region[SecurityGroup].add(group)
    region[SecurityGroupRule].add(
        SecurityGroupRule(
            id=derived(prefix, group.id, "ingress") if stable else world.ids.resource(prefix),
            group_id=group.id,
            is_egress=False,
            protocol="-1",
            from_port=-1,
            to_port=-1,
            peer_group_id=group.id,
            peer_owner_id=region.account,
        )
    )
    _allow_all_egress(
        region,
        group,
        (lambda which: derived(prefix, group.id, which))
        if stable
        else (lambda _: world.ids.resource(prefix)),
    )
    return group


def _allow_all_egress(region: Region, group: SecurityGroup, new_id: Callable[[str], str]) -> None:
    """Let a new group's members send anything: over IPv6, too, where its VPC has that.

    Source: "Default security groups for your VPCs"; a group that somebody makes is the same.
    ``new_id`` is told which of the group's rules it is.
    """
    region[SecurityGroupRule].add(_everything_out(group, new_id("egress"), cidr_ipv4="0.0.0.0/0"))
    vpc = region[Vpc].get(group.vpc_id)
    if vpc is not None and vpc.ipv6_associations:
        rule = _everything_out(group, new_id("ipv6-egress"), cidr_ipv6="::/0")
        region[SecurityGroupRule].add(rule)


def _everything_out(
    group: SecurityGroup,
    rule_id: str,
    *,
    cidr_ipv4: str | None = None,
    cidr_ipv6: str | None = None,
) -> SecurityGroupRule:
    return SecurityGroupRule(
        id=rule_id,
        group_id=group.id,
        is_egress=True,
        protocol="-1",
        from_port=-1,
        to_port=-1,
        cidr_ipv4=cidr_ipv4,
        cidr_ipv6=cidr_ipv6,
    )


def admit_ipv6_egress(region: Region, vpc_id: str, new_id: Callable[[], str]) -> None:
    """Let a VPC's default group send over IPv6, if nobody changed what it may send.

    Source: as above; AWS does so when the VPC gets its first IPv6 range.
    """
    group = named_group(region, vpc_id, DEFAULT)
    if group is None:
        return
    rules = [rule for rule in region[SecurityGroupRule].where(group_id=group.id) if rule.is_egress]
    if [(rule.protocol, rule.cidr_ipv4) for rule in rules] == [("-1", "0.0.0.0/0")]:
        region[SecurityGroupRule].add(_everything_out(group, new_id(), cidr_ipv6="::/0"))


def named_group(region: Region, vpc_id: str, name: str) -> SecurityGroup | None:
    """Return the group of this name in a VPC."""
    for group in region[SecurityGroup].where(name=name):
        if group.vpc_id == vpc_id:
            return group
    return None


def group_in_default_vpc(region: Region, name: str) -> SecurityGroup:
    """Return the default VPC's group of this name.

    Raises:
        AwsError: InvalidGroup.NotFound.
    """
    vpc = default_vpc(region)
    group = named_group(region, vpc.id, name) if vpc is not None else None
    if group is None:
        where = f" in default VPC '{vpc.id}'" if vpc is not None else ""
        raise AwsError(
            "InvalidGroup.NotFound", f"The security group '{name}' does not exist{where}"
        )
    return group


def is_in_vpc(region: Region, group: SecurityGroup, vpc_id: str) -> bool:
    """Tell whether a group is of a VPC or associated with it."""
    if group.vpc_id == vpc_id:
        return True
    return any(
        association.vpc_id == vpc_id
        for association in region[SecurityGroupVpcAssociation].where(group_id=group.id)
    )


def groups_for(
    region: Region,
    vpc_id: str,
    ids: Sequence[str],
    names: Sequence[str] = (),
    *,
    subnet_id: str | None = None,
) -> tuple[str, ...]:
    """Return the ids of the groups that an interface is to have.

    Args:
        region: where to look.
        vpc_id: the interface's VPC.
        ids: groups by id, of that VPC.
        names: groups by name, of the default VPC.
        subnet_id: the interface's subnet, where the error should name it.

    Returns:
        Each id once, in order; the VPC's default group when neither ids nor names are given.

    Raises:
        AwsError: InvalidGroup.NotFound; InvalidParameter for a group of another VPC;
            SecurityGroupsPerInterfaceLimitExceeded.
    """
    found: dict[str, None] = {}
    for group_id in ids:
        if not is_in_vpc(region, SECURITY_GROUP.find(region, group_id), vpc_id):
            raise _other_network(group_id, subnet_id)
        found[group_id] = None
    for name in names:
        group = group_in_default_vpc(region, name)
        if group.vpc_id != vpc_id:
            raise _other_network(group.id, subnet_id)
        found[group.id] = None
    if not found:
        default = named_group(region, vpc_id, DEFAULT)
        return (default.id,) if default is not None else ()
    if len(found) > MAX_GROUPS_OF_INTERFACE:
        raise AwsError(
            "SecurityGroupsPerInterfaceLimitExceeded",
            "The maximum number of security groups per interface has been reached.",
        )
    return tuple(found)


def _other_network(group_id: str, subnet_id: str | None) -> AwsError:
    if subnet_id is not None:
        return AwsError(
            "InvalidParameter",
            f"Security group {group_id} and subnet {subnet_id} belong to different networks.",
        )
    return AwsError(
        "InvalidGroup.NotFound",
        "You have specified two resources that belong to different networks.",
    )


def group_of_request(region: Region, params: Mapping[str, Any]) -> SecurityGroup:
    """Return the group that GroupId or GroupName of a request names.

    Raises:
        AwsError: MissingParameter, InvalidParameterCombination, or the not-found code.
    """
    group_id, name = params.get("GroupId"), params.get("GroupName")
    if group_id and name:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter groupName cannot be used with the parameter groupId",
        )
    if group_id == DEFAULT:
        # AWS has no such id; LocalStack's walkthroughs authorize with `--group-id default`.
        return group_in_default_vpc(region, DEFAULT)
    if group_id:
        return SECURITY_GROUP.find(region, group_id)
    if name:
        return group_in_default_vpc(region, name)
    raise AwsError(
        "MissingParameter", "The request must contain the parameter groupName or groupId"
    )


def _check_words(name: str, description: str) -> None:
    if name.lower() == DEFAULT:
        raise AwsError("InvalidParameterValue", f"Cannot use reserved security group name: {name}")
    if name.startswith("sg-"):
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({name}) for parameter GroupName is invalid. "
            "Group names may not be in the format sg-*.",
        )
    for parameter, value in (("GroupName", name), ("GroupDescription", description)):
        if not value.isascii():
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({value[:300]}) for parameter {parameter} is invalid. "
                "Character sets beyond ASCII are not supported.",
            )
        if _TEXT.fullmatch(value) is None:
            what = "name" if parameter == "GroupName" else "description"
            raise AwsError(
                "InvalidParameterValue",
                f"Invalid security group {what}. Valid {what}s are strings less than 256 "
                "characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
            )


def create_security_group(
    call: Call, params: aws.CreateSecurityGroupRequestTypeDef
) -> dict[str, Any]:
    """Create a group that lets everything out. Source: API_CreateSecurityGroup."""
    region = call.region
    name, description = params["GroupName"].rstrip(), params["Description"]
    _check_words(name, description)
    vpc_id = params.get("VpcId")
    if vpc_id is None:
        vpc = default_vpc(region)
        if vpc is None:
            raise AwsError("VPCIdNotSpecified", "No default VPC for this user")
        vpc_id = vpc.id
    elif region[Vpc].get(vpc_id) is None:
        raise NOUNS["vpc"].missing([vpc_id])
    tags = tags_on_create(params, "security-group")
    if named_group(region, vpc_id, name) is not None:
        raise AwsError(
            "InvalidGroup.Duplicate",
            f"The security group '{name}' already exists for VPC '{vpc_id}'",
        )
    if len(region[SecurityGroup]) >= MAX_GROUPS:
        raise AwsError(
            "SecurityGroupLimitExceeded",
            "The maximum number of security groups has been reached.",
        )
    group = SecurityGroup(
        id=call.new_id(SecurityGroup),
        vpc_id=vpc_id,
        name=name,
        description=description,
        tags=tags,
    )
    region[SecurityGroup].add(group)
    _allow_all_egress(region, group, lambda _: call.new_id(SecurityGroupRule))
    return {
        "GroupId": group.id,
        "SecurityGroupArn": arn(region, f"security-group/{group.id}"),
        "Tags": tag_set(tags),
    }


def describe_security_groups(
    call: Call, params: aws.DescribeSecurityGroupsRequestTypeDef
) -> dict[str, Any]:
    """List groups, by id, by name in the default VPC, or by filters."""
    names = params.get("GroupNames")
    if not names:
        return SECURITY_GROUP.describe(call, params, ids="GroupIds", result="SecurityGroups")
    ids = [*params.get("GroupIds", ())]
    ids += [group_in_default_vpc(call.region, name).id for name in names]
    wanted = {**params, "GroupIds": ids}
    return SECURITY_GROUP.describe(call, wanted, ids="GroupIds", result="SecurityGroups")


def remove_group(region: Region, group: SecurityGroup) -> None:
    """Forget a group and its rules, whatever depends on it; as when its VPC goes."""
    for rule in region[SecurityGroupRule].where(group_id=group.id):
        region[SecurityGroupRule].remove(rule)
    for association in region[SecurityGroupVpcAssociation].where(group_id=group.id):
        region[SecurityGroupVpcAssociation].remove(association)
    region[SecurityGroup].remove(group)


def _referencing(region: Region, group_id: str) -> list[SecurityGroupRule]:
    """Return the rules of other groups that name a group, but for those of peered VPCs.

    They become stale when it goes.
    """
    return [
        rule
        for rule in region[SecurityGroupRule].where(peer_group_id=group_id)
        if rule.group_id != group_id and rule.peering_connection_id is None
    ]


def delete_security_group(
    call: Call, params: aws.DeleteSecurityGroupRequestTypeDef
) -> dict[str, Any]:
    """Delete a group that nothing uses. Source: API_DeleteSecurityGroup."""
    region = call.region
    group = group_of_request(region, params)
    if group.name == DEFAULT:
        raise AwsError(
            "CannotDelete",
            f'the specified group: "{group.id}" name: "default" cannot be deleted by a user',
        )
    if (
        region[NetworkInterface].where(group_ids=group.id)
        or region[SecurityGroupVpcAssociation].where(group_id=group.id)
        or _referencing(region, group.id)
    ):
        raise AwsError("DependencyViolation", f"resource {group.id} has a dependent object")
    remove_group(region, group)
    return {"Return": True, "GroupId": group.id}


def get_security_groups_for_vpc(
    call: Call, params: aws.GetSecurityGroupsForVpcRequestTypeDef
) -> dict[str, Any]:
    """List the groups that interfaces of a VPC may have. Source: API_GetSecurityGroupsForVpc."""
    region, vpc_id = call.region, params["VpcId"]
    if region[Vpc].get(vpc_id) is None:
        raise NOUNS["vpc"].missing([vpc_id])
    fields = {"primary-vpc-id": SECURITY_GROUP.filters["vpc-id"]}
    for name in ("group-id", "description", "group-name", "owner-id"):
        fields[name] = SECURITY_GROUP.filters[name]
    chosen = select(
        region,
        [group for group in region[SecurityGroup] if is_in_vpc(region, group, vpc_id)],
        params.get("Filters"),
        fields,
        taggable=True,
    )
    shown, token = page_of_rows(call.operation.name, chosen, params, call.operation.page_limits)
    answer: dict[str, Any] = {
        "SecurityGroupForVpcs": [
            {
                "GroupId": group.id,
                "GroupName": group.name,
                "Description": group.description,
                "OwnerId": region.account,
                "PrimaryVpcId": group.vpc_id,
                "Tags": tag_set(group.tags),
            }
            for group in shown
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "CreateSecurityGroup": create_security_group,
    "DeleteSecurityGroup": delete_security_group,
    "DescribeSecurityGroups": describe_security_groups,
    "GetSecurityGroupsForVpc": get_security_groups_for_vpc,
}
