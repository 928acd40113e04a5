"""Security group rules: authorised, revoked, changed and listed.

Sources: API_AuthorizeSecurityGroupIngress, API_RevokeSecurityGroupIngress,
API_ModifySecurityGroupRules, "Security group rules", "Amazon VPC quotas".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.row import NO_TAGS
from emulator.model.security_group import SecurityGroup, SecurityGroupRule
from emulator.model.vpc import Vpc
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.security import ip_permissions
from emulator.services.ec2.security.ip_permissions import Key, Peer, Traffic, key, key_of
from emulator.services.ec2.security.security_group_peers import (
    check_prefix_list,
    group_peer,
    weight,
)
from emulator.services.ec2.security.security_groups import (
    SECURITY_GROUP,
    arn,
    group_of_request,
    rules_of,
)
from emulator.services.ec2.tags import tags_on_create
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# The default of "Inbound or outbound rules per security group", for IPv4 and IPv6 apart.
MAX_RULES = 60

_OLD_STYLE = (
    "CidrIp",
    "FromPort",
    "IpProtocol",
    "ToPort",
    "SourceSecurityGroupName",
    "SourceSecurityGroupOwnerId",
)


def _view(region: Region, rule: SecurityGroupRule) -> Mapping[str, Any]:
    return {
        "SecurityGroupRuleId": rule.id,
        "SecurityGroupRuleArn": arn(region, f"security-group-rule/{rule.id}"),
        "GroupId": rule.group_id,
        "GroupOwnerId": region.account,
        "IsEgress": rule.is_egress,
        "IpProtocol": rule.protocol,
        "FromPort": rule.from_port,
        "ToPort": rule.to_port,
        "CidrIpv4": rule.cidr_ipv4,
        "CidrIpv6": rule.cidr_ipv6,
        "PrefixListId": rule.prefix_list_id,
        "ReferencedGroupInfo": (
            ip_permissions.group_pair(region, rule) if rule.peer_group_id is not None else None
        ),
        "Description": rule.description,
        "Tags": tag_set(rule.tags),
    }


SECURITY_GROUP_RULE = Kind(
    row=SecurityGroupRule,
    shape="SecurityGroupRule",
    view=_view,
    filters={
        "group-id": lambda _, rule: rule.group_id,
        "security-group-rule-id": lambda _, rule: rule.id,
    },
)


@attrs.frozen
class _Line:
    """One rule as a request describes it."""

    traffic: Traffic
    peer: Peer
    description: str | None

    @property
    def key(self) -> Key:
        """What a rule of this traffic and peer is found by."""
        return key(self.traffic, self.peer)


def _lines(
    call: Call, group: SecurityGroup, params: Mapping[str, Any], *, must_exist: bool
) -> list[_Line]:
    """Return the rules a request's IpPermissions describe, checked.

    Args:
        call: the request.
        group: whose rules they are.
        params: with IpPermissions.
        must_exist: whether groups that they name must exist.
    """
    lines: list[_Line] = []
    for item in params["IpPermissions"]:
        moves = ip_permissions.traffic(
            item.get("IpProtocol"), item.get("FromPort"), item.get("ToPort")
        )
        for _, given, peer in ip_permissions.peers(item):
            found = peer or group_peer(call, group, given, must_exist=must_exist)
            if must_exist and found.prefix_list_id is not None:
                check_prefix_list(call.region, found.prefix_list_id)
            lines.append(_Line(moves, found, ip_permissions.description(given.get("Description"))))
    return lines


def _old_style(
    call: Call, group: SecurityGroup, params: Mapping[str, Any], *, must_exist: bool
) -> list[_Line]:
    """Return the rules described by CidrIp and its kin, which ingress still takes."""
    name, cidr = params.get("SourceSecurityGroupName"), params.get("CidrIp")
    if name and (cidr or params.get("IpProtocol")):
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter sourceSecurityGroupName cannot be used with cidrIp or ipProtocol",
        )
    if name:
        pair = {"GroupName": name, "UserId": params.get("SourceSecurityGroupOwnerId")}
        peer = group_peer(call, group, pair, must_exist=must_exist)
        return [
            _Line(Traffic("tcp", 0, ip_permissions.MAX_PORT), peer, None),
            _Line(Traffic("udp", 0, ip_permissions.MAX_PORT), peer, None),
            _Line(Traffic("icmp", -1, -1), peer, None),
        ]
    moves = ip_permissions.traffic(
        params.get("IpProtocol"), params.get("FromPort"), params.get("ToPort")
    )
    if cidr is None:
        raise AwsError("MissingParameter", "The request must contain the parameter cidrIp")
    return [_Line(moves, Peer(cidr_ipv4=ip_permissions.ipv4_cidr(cidr)), None)]


def _requested(
    call: Call,
    group: SecurityGroup,
    params: Mapping[str, Any],
    *,
    is_egress: bool,
    must_exist: bool,
) -> list[_Line]:
    old = [name for name in _OLD_STYLE if params.get(name) is not None]
    if params.get("IpPermissions"):
        if old:
            raise AwsError(
                "InvalidParameterCombination",
                f"The parameter ipPermissions cannot be used with the parameter {old[0]}",
            )
        lines = _lines(call, group, params, must_exist=must_exist)
    elif old and not is_egress:
        lines = _old_style(call, group, params, must_exist=must_exist)
    else:
        raise AwsError("MissingParameter", "The request must contain the parameter ipPermissions")
    if len({line.key for line in lines}) < len(lines):
        raise AwsError(
            "InvalidParameterValue", "The same permission must not appear multiple times"
        )
    return lines


def _check_limit(region: Region, rules: Sequence[SecurityGroupRule | Peer]) -> None:
    """Refuse more rules of one direction than a group may have."""
    weights = [weight(region, rule.prefix_list_id) for rule in rules]
    ipv4 = sum(size for rule, size in zip(rules, weights, strict=True) if rule.cidr_ipv6 is None)
    ipv6 = sum(size for rule, size in zip(rules, weights, strict=True) if rule.cidr_ipv4 is None)
    if max(ipv4, ipv6) > MAX_RULES:
        raise AwsError(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        )


def _duplicate(line: _Line) -> AwsError:
    return AwsError(
        "InvalidPermission.Duplicate",
        f'the specified rule "peer: {line.peer.name}, {line.traffic.words()}, ALLOW" '
        "already exists",
    )


def _authorize(call: Call, params: Mapping[str, Any], *, is_egress: bool) -> dict[str, Any]:
    region = call.region
    group = group_of_request(region, params)
    lines = _requested(call, group, params, is_egress=is_egress, must_exist=True)
    tags = tags_on_create(params, "security-group-rule")
    present = rules_of(region, group.id, egress=is_egress)
    keys = {key_of(rule) for rule in present}
    for line in lines:
        if line.key in keys:
            raise _duplicate(line)
    _check_limit(region, [*present, *(line.peer for line in lines)])
    added = [
        region[SecurityGroupRule].add(
            SecurityGroupRule(
                id=call.new_id(SecurityGroupRule),
                group_id=group.id,
                is_egress=is_egress,
                description=line.description,
                tags=tags or NO_TAGS,
                **_fields(line.traffic, line.peer),
            )
        )
        for line in lines
    ]
    return {
        "Return": True,
        "SecurityGroupRules": [SECURITY_GROUP_RULE.show(region, rule) for rule in added],
    }


def _fields(moves: Traffic, peer: Peer) -> dict[str, Any]:
    """Return a rule's fields for this traffic and peer."""
    return {
        "protocol": moves.protocol,
        "from_port": moves.from_port,
        "to_port": moves.to_port,
        "cidr_ipv4": peer.cidr_ipv4,
        "cidr_ipv6": peer.cidr_ipv6,
        "prefix_list_id": peer.prefix_list_id,
        "peer_group_id": peer.group_id,
        "peer_owner_id": peer.group_owner_id,
        "peer_vpc_id": peer.group_vpc_id,
        "peering_connection_id": peer.peering_connection_id,
    }


def authorize_security_group_ingress(
    call: Call, params: aws.AuthorizeSecurityGroupIngressRequestTypeDef
) -> dict[str, Any]:
    """Let traffic in."""
    return _authorize(call, params, is_egress=False)


def authorize_security_group_egress(
    call: Call, params: aws.AuthorizeSecurityGroupEgressRequestTypeDef
) -> dict[str, Any]:
    """Let traffic out."""
    return _authorize(call, params, is_egress=True)


def _rules_by_id(
    region: Region, group: SecurityGroup, ids: Sequence[str], *, is_egress: bool | None
) -> list[SecurityGroupRule]:
    """Return rules of one group by id.

    Raises:
        AwsError: InvalidSecurityGroupRuleId.NotFound, also for another group's rules.
    """
    rules = SECURITY_GROUP_RULE.find_all(region, ids)
    for rule in rules:
        if rule.group_id != group.id or is_egress not in {None, rule.is_egress}:
            raise NOUNS["sgr"].missing([rule.id])
    return rules


def _unknown(region: Region, lines: Sequence[_Line]) -> list[dict[str, Any]]:
    """Return permissions that matched no rule, in the shape they were given in."""
    return ip_permissions.permissions(
        region,
        [
            SecurityGroupRule(
                id="", group_id="", is_egress=False, **_fields(line.traffic, line.peer)
            )
            for line in lines
        ],
    )


def _revoked(rule: SecurityGroupRule) -> dict[str, Any]:
    return {
        "SecurityGroupRuleId": rule.id,
        "GroupId": rule.group_id,
        "IsEgress": rule.is_egress,
        "IpProtocol": rule.protocol,
        "FromPort": rule.from_port,
        "ToPort": rule.to_port,
        "CidrIpv4": rule.cidr_ipv4,
        "CidrIpv6": rule.cidr_ipv6,
        "PrefixListId": rule.prefix_list_id,
        "ReferencedGroupId": rule.peer_group_id,
        "Description": rule.description,
    }


def _not_in_group() -> AwsError:
    return AwsError(
        "InvalidPermission.NotFound", "The specified rule does not exist in this security group."
    )


def _may_be_born_in(line: _Line) -> bool:
    """Tell whether a rule is one that groups are born with where their VPC has IPv6.

    Terraform revokes it from every new group without looking, and has been recorded to get
    no error; whoever asks for its absence is not told that it was never there.
    """
    return line.traffic.protocol == ip_permissions.ALL and line.peer.cidr_ipv6 == "::/0"


def _revoke(call: Call, params: Mapping[str, Any], *, is_egress: bool) -> dict[str, Any]:
    region = call.region
    group = group_of_request(region, params)
    ids = params.get("SecurityGroupRuleIds")
    unknown: list[_Line] = []
    if ids:
        if params.get("IpPermissions"):
            raise AwsError(
                "InvalidParameterCombination",
                "The parameter securityGroupRuleIds cannot be used with the parameter "
                "ipPermissions",
            )
        rules = _rules_by_id(region, group, ids, is_egress=is_egress)
    else:
        lines = _requested(call, group, params, is_egress=is_egress, must_exist=False)
        present = {key_of(rule): rule for rule in rules_of(region, group.id, egress=is_egress)}
        unknown = [line for line in lines if line.key not in present]
        rules = [present[line.key] for line in lines if line.key in present]
    vpc = region[Vpc].get(group.vpc_id)
    missed = [line for line in unknown if not (is_egress and _may_be_born_in(line))]
    # Only groups of a default VPC may be asked to revoke what they do not have.
    if missed and (vpc is None or not vpc.is_default):
        raise _not_in_group()
    for rule in rules:
        region[SecurityGroupRule].remove(rule)
    return {
        "Return": True,
        "UnknownIpPermissions": _unknown(region, unknown),
        "RevokedSecurityGroupRules": [_revoked(rule) for rule in rules],
    }


def revoke_security_group_ingress(
    call: Call, params: aws.RevokeSecurityGroupIngressRequestTypeDef
) -> dict[str, Any]:
    """Take ingress rules away, by id or by value."""
    return _revoke(call, params, is_egress=False)


def revoke_security_group_egress(
    call: Call, params: aws.RevokeSecurityGroupEgressRequestTypeDef
) -> dict[str, Any]:
    """Take egress rules away, by id or by value."""
    return _revoke(call, params, is_egress=True)


def describe_security_group_rules(
    call: Call, params: aws.DescribeSecurityGroupRulesRequestTypeDef
) -> dict[str, Any]:
    """List rules."""
    return SECURITY_GROUP_RULE.describe(
        call, params, ids="SecurityGroupRuleIds", result="SecurityGroupRules"
    )


def _changed(call: Call, group: SecurityGroup, given: Mapping[str, Any]) -> _Line:
    """Return what a rule is to become. Source: API_SecurityGroupRuleRequest."""
    moves = ip_permissions.traffic(
        given.get("IpProtocol"), given.get("FromPort"), given.get("ToPort")
    )
    named = [
        name
        for name in ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId")
        if given.get(name)
    ]
    if len(named) != 1:
        raise AwsError(
            "InvalidParameterCombination" if named else "MissingParameter",
            "A security group rule has exactly one of CidrIpv4, CidrIpv6, PrefixListId and "
            "ReferencedGroupId",
        )
    if named == ["CidrIpv4"]:
        peer = Peer(cidr_ipv4=ip_permissions.ipv4_cidr(given["CidrIpv4"]))
    elif named == ["CidrIpv6"]:
        peer = Peer(cidr_ipv6=ip_permissions.ipv6_cidr(given["CidrIpv6"]))
    elif named == ["PrefixListId"]:
        peer = Peer(prefix_list_id=given["PrefixListId"])
        check_prefix_list(call.region, given["PrefixListId"])
    else:
        pair = {"GroupId": given["ReferencedGroupId"]}
        peer = group_peer(call, group, pair, must_exist=True)
    return _Line(moves, peer, ip_permissions.description(given.get("Description")))


def modify_security_group_rules(
    call: Call, params: aws.ModifySecurityGroupRulesRequestTypeDef
) -> dict[str, Any]:
    """Replace rules, which keep their ids and tags. Source: API_ModifySecurityGroupRules."""
    region = call.region
    group = SECURITY_GROUP.find(region, params["GroupId"])
    updates: dict[str, _Line] = {}
    for item in params["SecurityGroupRules"]:
        rule_id = item["SecurityGroupRuleId"]
        _rules_by_id(region, group, [rule_id], is_egress=None)
        if rule_id in updates:
            raise AwsError(
                "InvalidParameterValue", f"The security group rule '{rule_id}' is named twice"
            )
        updates[rule_id] = _changed(call, group, item.get("SecurityGroupRule") or {})
    for egress in (False, True):
        present = rules_of(region, group.id, egress=egress)
        peers: list[SecurityGroupRule | Peer] = []
        keys: set[Key] = set()
        for rule in present:
            line = updates.get(rule.id)
            future = key_of(rule) if line is None else line.key
            if future in keys:
                raise _duplicate(line or _line_of(rule))
            keys.add(future)
            peers.append(rule if line is None else line.peer)
        _check_limit(region, peers)
    for rule_id, line in updates.items():
        rule = region[SecurityGroupRule][rule_id]
        for name, value in _fields(line.traffic, line.peer).items():
            setattr(rule, name, value)
        rule.description = line.description
    return {"Return": True}


def _line_of(rule: SecurityGroupRule) -> _Line:
    return _Line(
        Traffic(rule.protocol, rule.from_port, rule.to_port),
        Peer(
            cidr_ipv4=rule.cidr_ipv4,
            cidr_ipv6=rule.cidr_ipv6,
            prefix_list_id=rule.prefix_list_id,
            group_id=rule.peer_group_id,
        ),
        rule.description,
    )


def _describe_again(call: Call, params: Mapping[str, Any], *, is_egress: bool) -> dict[str, Any]:
    region = call.region
    group = group_of_request(region, params)
    by_id = params.get("SecurityGroupRuleDescriptions")
    if bool(by_id) == bool(params.get("IpPermissions")):
        raise AwsError(
            "InvalidParameterCombination" if by_id else "MissingParameter",
            "Specify either ipPermissions or securityGroupRuleDescriptions",
        )
    texts: list[tuple[SecurityGroupRule, str | None]] = []
    if by_id:
        for item in by_id:
            rule_id = item.get("SecurityGroupRuleId") or ""
            (rule,) = _rules_by_id(region, group, [rule_id], is_egress=is_egress)
            texts.append((rule, ip_permissions.description(item.get("Description"))))
    else:
        present = {key_of(rule): rule for rule in rules_of(region, group.id, egress=is_egress)}
        for line in _lines(call, group, params, must_exist=False):
            if line.key not in present:
                raise _not_in_group()
            texts.append((present[line.key], line.description))
    for rule, text in texts:
        rule.description = text
    return {"Return": True}


def update_security_group_rule_descriptions_ingress(
    call: Call, params: aws.UpdateSecurityGroupRuleDescriptionsIngressRequestTypeDef
) -> dict[str, Any]:
    """Replace or remove descriptions of ingress rules."""
    return _describe_again(call, params, is_egress=False)


def update_security_group_rule_descriptions_egress(
    call: Call, params: aws.UpdateSecurityGroupRuleDescriptionsEgressRequestTypeDef
) -> dict[str, Any]:
    """Replace or remove descriptions of egress rules."""
    return _describe_again(call, params, is_egress=True)


OPERATIONS: Mapping[str, Handler] = {
    "AuthorizeSecurityGroupEgress": authorize_security_group_egress,
    "AuthorizeSecurityGroupIngress": authorize_security_group_ingress,
    "DescribeSecurityGroupRules": describe_security_group_rules,
    "ModifySecurityGroupRules": modify_security_group_rules,
    "RevokeSecurityGroupEgress": revoke_security_group_egress,
    "RevokeSecurityGroupIngress": revoke_security_group_ingress,
    "UpdateSecurityGroupRuleDescriptionsEgress": update_security_group_rule_descriptions_egress,
    "UpdateSecurityGroupRuleDescriptionsIngress": update_security_group_rule_descriptions_ingress,
}
