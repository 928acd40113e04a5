"""Security groups and their rules, as clients use them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.client import Client
from tests.fakes.network import ACCOUNT, new_subnet, new_vpc


class Groups:
    """A VPC, and a group ``web`` in it."""

    def __init__(self, *, default_vpc: bool = False) -> None:
        self.client = Client()
        self.vpc_id = new_vpc(self.client, is_default=default_vpc)
        self.web = self.create("web")

    def create(self, name: str, **params: Any) -> str:
        answer = self.client.call(
            "CreateSecurityGroup", GroupName=name, Description="x", VpcId=self.vpc_id, **params
        )
        return str(answer["GroupId"])

    def show(self, group_id: str | None = None) -> dict[str, Any]:
        answer = self.client.call("DescribeSecurityGroups", GroupIds=[group_id or self.web])
        group: dict[str, Any] = answer["SecurityGroups"][0]
        return group

    def allow(self, *permissions: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
        answer = self.client.call(
            "AuthorizeSecurityGroupIngress",
            GroupId=self.web,
            IpPermissions=list(permissions),
            **params,
        )
        rules: list[dict[str, Any]] = answer["SecurityGroupRules"]
        return rules

    def code(self, *permissions: dict[str, Any]) -> str:
        return self.client.code_of(
            "AuthorizeSecurityGroupIngress", GroupId=self.web, IpPermissions=list(permissions)
        )


def tcp(port: int, cidr: str = "10.0.0.0/8", **range_: Any) -> dict[str, Any]:
    return {
        "IpProtocol": "tcp",
        "FromPort": port,
        "ToPort": port,
        "IpRanges": [{"CidrIp": cidr, **range_}],
    }


@pytest.fixture
def groups() -> Groups:
    return Groups()


def test_a_new_group_lets_everything_out_and_nothing_in(groups: Groups) -> None:
    group = groups.show()

    assert group["IpPermissions"] == []
    assert group["IpPermissionsEgress"] == [
        {
            "IpProtocol": "-1",
            "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            "Ipv6Ranges": [],
            "PrefixListIds": [],
            "UserIdGroupPairs": [],
        }
    ]
    assert group["OwnerId"] == ACCOUNT
    assert group["GroupName"] == "web"
    assert group["VpcId"] == groups.vpc_id
    assert group["SecurityGroupArn"].endswith(f":security-group/{groups.web}")


EVERYWHERE = {"0.0.0.0/0", "::/0"}


def destinations(group: dict[str, Any]) -> set[str]:
    (permission,) = group["IpPermissionsEgress"]
    assert permission["IpProtocol"] == "-1"
    ranges = permission.get("IpRanges", []) + permission.get("Ipv6Ranges", [])
    return {each.get("CidrIp") or each["CidrIpv6"] for each in ranges}


def default_group(client: Client, vpc_id: str) -> dict[str, Any]:
    named = [
        {"Name": "group-name", "Values": ["default"]},
        {"Name": "vpc-id", "Values": [vpc_id]},
    ]
    (group,) = client.call("DescribeSecurityGroups", Filters=named)["SecurityGroups"]
    found: dict[str, Any] = group
    return found


def test_groups_of_a_vpc_with_ipv6_let_that_out_too() -> None:
    client = Client()
    vpc = client.call("CreateVpc", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    made = client.call("CreateSecurityGroup", GroupName="web", Description="x", VpcId=vpc["VpcId"])[
        "GroupId"
    ]
    (web,) = client.call("DescribeSecurityGroups", GroupIds=[made])["SecurityGroups"]

    assert destinations(web) == EVERYWHERE
    assert destinations(default_group(client, vpc["VpcId"])) == EVERYWHERE


def test_the_default_group_lets_ipv6_out_once_its_vpc_has_that_unless_it_was_changed() -> None:
    client = Client()
    kept, changed = (
        client.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(2)
    )
    group = default_group(client, changed)
    client.call(
        "AuthorizeSecurityGroupEgress",
        GroupId=group["GroupId"],
        IpPermissions=[tcp(443)],
    )
    before = default_group(client, changed)["IpPermissionsEgress"]
    for vpc_id in (kept, changed):
        client.call("AssociateVpcCidrBlock", VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)

    assert destinations(default_group(client, kept)) == EVERYWHERE
    assert default_group(client, changed)["IpPermissionsEgress"] == before


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("web", "InvalidGroup.Duplicate"),
        ("default", "InvalidParameterValue"),
        ("sg-mine", "InvalidParameterValue"),
        ("n" * 256, "InvalidParameterValue"),
        ("tab\tbed", "InvalidParameterValue"),
        ("grün", "InvalidParameterValue"),
    ],
)
def test_a_bad_name_is_refused(groups: Groups, name: str, code: str) -> None:
    assert (
        groups.client.code_of(
            "CreateSecurityGroup", GroupName=name, Description="x", VpcId=groups.vpc_id
        )
        == code
    )


def test_two_vpcs_may_have_groups_of_one_name(groups: Groups) -> None:
    other = new_vpc(groups.client, "vpc-22222222222222222")

    answer = groups.client.call(
        "CreateSecurityGroup", GroupName="web", Description="x", VpcId=other
    )

    assert answer["GroupId"] != groups.web


def test_a_group_of_no_vpc_is_refused(groups: Groups) -> None:
    code = groups.client.code_of(
        "CreateSecurityGroup", GroupName="x", Description="x", VpcId="vpc-99999999999999999"
    )

    assert code == "InvalidVpcID.NotFound"


def test_rules_are_gathered_by_protocol_and_ports(groups: Groups) -> None:
    peer = groups.create("peer")
    groups.allow(tcp(22, Description="office"), tcp(22, "192.168.0.0/16"))
    groups.allow(
        {
            "IpProtocol": "6",
            "FromPort": 22,
            "ToPort": 22,
            "UserIdGroupPairs": [{"GroupId": peer}],
            "Ipv6Ranges": [{"CidrIpv6": "2001:DB8:0::/32"}],
        }
    )

    (permission,) = groups.show()["IpPermissions"]

    assert permission == {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "IpRanges": [
            {"CidrIp": "10.0.0.0/8", "Description": "office"},
            {"CidrIp": "192.168.0.0/16"},
        ],
        "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}],
        "PrefixListIds": [],
        "UserIdGroupPairs": [{"GroupId": peer, "UserId": ACCOUNT}],
    }


def test_an_authorised_rule_is_answered_with_its_id_and_tags(groups: Groups) -> None:
    tags = [{"Key": "Name", "Value": "ssh"}]

    (rule,) = groups.allow(
        tcp(22, "10.1.2.3/16", Description="office"),
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tags}],
    )

    assert rule["SecurityGroupRuleId"].startswith("sgr-")
    assert rule["CidrIpv4"] == "10.1.0.0/16"
    assert rule["Tags"] == tags
    assert (rule["IsEgress"], rule["IpProtocol"], rule["FromPort"]) == (False, "tcp", 22)
    shown = groups.client.call(
        "DescribeSecurityGroupRules", SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]]
    )
    assert shown["SecurityGroupRules"] == [rule]


def test_a_rule_from_a_group_keeps_its_source(groups: Groups) -> None:
    peer = groups.create("peer")

    (rule,) = groups.allow(
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": peer, "UserId": ACCOUNT}]}
    )

    assert rule["ReferencedGroupInfo"] == {"GroupId": peer, "UserId": ACCOUNT}
    assert (rule["FromPort"], rule["ToPort"]) == (-1, -1)


@pytest.mark.parametrize(
    ("permission", "code"),
    [
        (tcp(22, "10.0.0.1"), "InvalidParameterValue"),
        (tcp(22, "10.0.0.0/33"), "InvalidParameterValue"),
        (tcp(22, "10.0.0.0/255.0.0.0"), "InvalidParameterValue"),
        (tcp(70000), "InvalidPermission.Malformed"),
        ({**tcp(22), "ToPort": 21}, "InvalidParameterValue"),
        ({"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, "InvalidParameterValue"),
        ({**tcp(22), "IpProtocol": "tls"}, "InvalidParameterValue"),
        ({**tcp(22), "IpProtocol": "256"}, "InvalidParameterValue"),
        ({**tcp(22), "IpProtocol": "icmp", "FromPort": 999}, "InvalidPermission.Malformed"),
        ({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1}, "MissingParameter"),
        (tcp(22, Description="d" * 256), "InvalidParameterValue"),
        (tcp(22, Description="<b>"), "InvalidParameterValue"),
        (
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-99999999999999999"}]},
            "InvalidGroup.NotFound",
        ),
    ],
)
def test_a_malformed_rule_is_refused(groups: Groups, permission: Any, code: str) -> None:
    assert groups.code(tcp(443), permission) == code
    assert groups.show()["IpPermissions"] == []


def test_a_group_of_a_vpc_without_peering_is_refused(groups: Groups) -> None:
    other = new_vpc(groups.client, "vpc-22222222222222222")
    stranger = groups.client.call(
        "CreateSecurityGroup", GroupName="s", Description="x", VpcId=other
    )["GroupId"]

    code = groups.code({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": stranger}]})

    assert code == "InvalidGroup.NotFound"


def test_a_rule_cannot_be_authorised_twice(groups: Groups) -> None:
    groups.allow(tcp(22))

    with pytest.raises(ClientError) as refused:
        groups.allow(tcp(443), {**tcp(22), "IpProtocol": "6"})

    assert refused.value.response["Error"] == {
        "Code": "InvalidPermission.Duplicate",
        "Message": 'the specified rule "peer: 10.0.0.0/8, TCP, from port: 22, to port: 22, '
        'ALLOW" already exists',
    }
    assert len(groups.show()["IpPermissions"]) == 1


def test_one_request_cannot_name_a_rule_twice(groups: Groups) -> None:
    assert groups.code(tcp(22), tcp(22)) == "InvalidParameterValue"


def test_a_group_has_sixty_rules_a_direction_and_ip_version(groups: Groups) -> None:
    for port in range(60):
        groups.allow(tcp(port))
    groups.allow({"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]})

    assert groups.code(tcp(60)) == "RulesPerSecurityGroupLimitExceeded"


def test_protocols_are_shown_by_name_or_number(groups: Groups) -> None:
    for given in ("17", "TCP", "1", "58", "50"):
        groups.allow({**tcp(1), "IpProtocol": given})

    shown = [permission["IpProtocol"] for permission in groups.show()["IpPermissions"]]

    assert shown == ["udp", "tcp", "icmp", "icmpv6", "50"]


def test_ingress_takes_the_old_parameters(groups: Groups) -> None:
    groups.client.call(
        "AuthorizeSecurityGroupIngress",
        GroupId=groups.web,
        IpProtocol="tcp",
        FromPort=80,
        ToPort=80,
        CidrIp="0.0.0.0/0",
    )

    assert groups.show()["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]


def test_a_default_vpcs_groups_go_by_name() -> None:
    groups = Groups(default_vpc=True)
    groups.client.call(
        "AuthorizeSecurityGroupIngress", GroupName="web", SourceSecurityGroupName="default"
    )

    shown = groups.client.call("DescribeSecurityGroups", GroupNames=["web"])["SecurityGroups"][0]

    assert [item["IpProtocol"] for item in shown["IpPermissions"]] == ["tcp", "udp", "icmp"]
    assert (
        groups.client.code_of("DescribeSecurityGroups", GroupNames=["none"])
        == "InvalidGroup.NotFound"
    )


def test_the_default_group_of_the_default_vpc_goes_by_its_name_as_an_id() -> None:
    """Source: the seed documents, "Add rules to your security group"."""
    groups = Groups(default_vpc=True)
    groups.client.call(
        "AuthorizeSecurityGroupIngress",
        GroupId="default",
        IpProtocol="tcp",
        FromPort=8000,
        ToPort=8000,
        CidrIp="0.0.0.0/0",
    )

    (shown,) = groups.client.call("DescribeSecurityGroups", GroupNames=["default"])[
        "SecurityGroups"
    ]
    assert 8000 in [item.get("FromPort") for item in shown["IpPermissions"]]


def test_terraform_revokes_the_rule_a_group_is_born_with(groups: Groups) -> None:
    everything = {"IpProtocol": "-1", "FromPort": 0, "ToPort": 0}
    client = groups.client

    answer = client.call(
        "RevokeSecurityGroupEgress",
        GroupId=groups.web,
        IpPermissions=[{**everything, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    )

    assert answer["Return"] is True
    assert len(answer["RevokedSecurityGroupRules"]) == 1
    assert groups.show()["IpPermissionsEgress"] == []
    twin = client.call(
        "RevokeSecurityGroupEgress",
        GroupId=groups.web,
        IpPermissions=[{**everything, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}],
    )
    assert twin["RevokedSecurityGroupRules"] == []
    assert twin["UnknownIpPermissions"][0]["Ipv6Ranges"] == [{"CidrIpv6": "::/0"}]


def test_revoking_with_one_unknown_rule_revokes_nothing(groups: Groups) -> None:
    groups.allow(tcp(22))

    code = groups.client.code_of(
        "RevokeSecurityGroupIngress", GroupId=groups.web, IpPermissions=[tcp(22), tcp(23)]
    )

    assert code == "InvalidPermission.NotFound"
    assert len(groups.show()["IpPermissions"]) == 1


def test_a_default_vpc_answers_what_it_could_not_revoke() -> None:
    groups = Groups(default_vpc=True)
    groups.allow(tcp(22))

    answer = groups.client.call(
        "RevokeSecurityGroupIngress", GroupId=groups.web, IpPermissions=[tcp(22), tcp(23)]
    )

    assert [item["FromPort"] for item in answer["UnknownIpPermissions"]] == [23]
    assert [rule["FromPort"] for rule in answer["RevokedSecurityGroupRules"]] == [22]


def test_rules_are_revoked_by_id(groups: Groups) -> None:
    (rule,) = groups.allow(tcp(22))
    rule_id = rule["SecurityGroupRuleId"]
    revoke = {"GroupId": groups.web, "SecurityGroupRuleIds": [rule_id]}

    assert groups.client.code_of("RevokeSecurityGroupEgress", **revoke) == (
        "InvalidSecurityGroupRuleId.NotFound"
    )
    groups.client.call("RevokeSecurityGroupIngress", **revoke)

    assert groups.show()["IpPermissions"] == []
    assert (
        groups.client.code_of("DescribeSecurityGroupRules", SecurityGroupRuleIds=[rule_id])
        == "InvalidSecurityGroupRuleId.NotFound"
    )


def test_a_rule_is_modified_in_place(groups: Groups) -> None:
    peer = groups.create("peer")
    (rule,) = groups.allow(tcp(22, Description="old"))
    rule_id = rule["SecurityGroupRuleId"]

    groups.client.call(
        "ModifySecurityGroupRules",
        GroupId=groups.web,
        SecurityGroupRules=[
            {
                "SecurityGroupRuleId": rule_id,
                "SecurityGroupRule": {
                    "IpProtocol": "udp",
                    "FromPort": 53,
                    "ToPort": 53,
                    "ReferencedGroupId": peer,
                    "Description": "new",
                },
            }
        ],
    )

    (permission,) = groups.show()["IpPermissions"]
    assert permission["IpProtocol"] == "udp"
    assert permission["IpRanges"] == []
    assert permission["UserIdGroupPairs"] == [
        {"GroupId": peer, "UserId": ACCOUNT, "Description": "new"}
    ]


def test_a_rule_cannot_become_another(groups: Groups) -> None:
    groups.allow(tcp(22))
    (rule,) = groups.allow(tcp(23))
    same = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "10.0.0.0/8"}

    code = groups.client.code_of(
        "ModifySecurityGroupRules",
        GroupId=groups.web,
        SecurityGroupRules=[
            {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": same}
        ],
    )

    assert code == "InvalidPermission.Duplicate"


def test_descriptions_change_by_value_and_by_id(groups: Groups) -> None:
    (rule,) = groups.allow(tcp(22, Description="old"))
    update = "UpdateSecurityGroupRuleDescriptionsIngress"

    groups.client.call(update, GroupId=groups.web, IpPermissions=[tcp(22, Description="new")])
    first = groups.show()["IpPermissions"][0]["IpRanges"][0]["Description"]
    groups.client.call(
        update,
        GroupId=groups.web,
        SecurityGroupRuleDescriptions=[
            {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "Description": "newer"}
        ],
    )
    second = groups.show()["IpPermissions"][0]["IpRanges"][0]["Description"]

    assert (first, second) == ("new", "newer")
    assert (
        groups.client.code_of(update, GroupId=groups.web, IpPermissions=[tcp(9)])
        == "InvalidPermission.NotFound"
    )


def test_a_deleted_group_is_not_found_and_takes_its_rules(groups: Groups) -> None:
    (rule,) = groups.allow(tcp(22))

    groups.client.call("DeleteSecurityGroup", GroupId=groups.web)

    assert (
        groups.client.code_of("DescribeSecurityGroups", GroupIds=[groups.web])
        == "InvalidGroup.NotFound"
    )
    rules = groups.client.call(
        "DescribeSecurityGroupRules", Filters=[{"Name": "group-id", "Values": [groups.web]}]
    )
    assert rules["SecurityGroupRules"] == []
    assert rule["SecurityGroupRuleId"]


def test_a_group_in_use_stays(groups: Groups) -> None:
    peer = groups.create("peer")
    groups.allow({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": peer}]})
    subnet = new_subnet(groups.client, groups.vpc_id)
    interface = groups.client.call("CreateNetworkInterface", SubnetId=subnet, Groups=[groups.web])[
        "NetworkInterface"
    ]

    assert groups.client.code_of("DeleteSecurityGroup", GroupId=peer) == "DependencyViolation"
    assert groups.client.code_of("DeleteSecurityGroup", GroupId=groups.web) == (
        "DependencyViolation"
    )
    groups.client.call("DeleteNetworkInterface", NetworkInterfaceId=interface["NetworkInterfaceId"])
    groups.client.call("DeleteSecurityGroup", GroupId=groups.web)
    groups.client.call("DeleteSecurityGroup", GroupId=peer)


def test_a_group_that_names_itself_can_be_deleted(groups: Groups) -> None:
    groups.allow({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": groups.web}]})

    groups.client.call("DeleteSecurityGroup", GroupId=groups.web)


def test_the_default_group_cannot_be_deleted(groups: Groups) -> None:
    filters = [
        {"Name": "group-name", "Values": ["default"]},
        {"Name": "vpc-id", "Values": [groups.vpc_id]},
    ]
    default = groups.client.call("DescribeSecurityGroups", Filters=filters)["SecurityGroups"][0]

    assert groups.client.code_of("DeleteSecurityGroup", GroupId=default["GroupId"]) == (
        "CannotDelete"
    )
    assert default["IpPermissions"][0]["UserIdGroupPairs"] == [
        {"GroupId": default["GroupId"], "UserId": ACCOUNT}
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("description", "x"),
        ("group-name", "we?"),
        ("ip-permission.cidr", "10.0.0.0/8"),
        ("ip-permission.from-port", "22"),
        ("ip-permission.to-port", "22"),
        ("ip-permission.protocol", "tcp"),
        ("ip-permission.group-name", "peer"),
        ("ip-permission.user-id", ACCOUNT),
        ("tag:Tier", "front"),
        ("tag-key", "Tier"),
    ],
)
def test_filters_find_the_group(groups: Groups, name: str, value: str) -> None:
    peer = groups.create("peer")
    groups.allow(
        {
            **tcp(22),
            "UserIdGroupPairs": [{"GroupId": peer}],
        }
    )
    groups.client.call(
        "CreateTags", Resources=[groups.web], Tags=[{"Key": "Tier", "Value": "front"}]
    )
    filters = [
        {"Name": name, "Values": [value]},
        {"Name": "vpc-id", "Values": [groups.vpc_id]},
    ]
    found = groups.client.call("DescribeSecurityGroups", Filters=filters)["SecurityGroups"]
    ids = {group["GroupId"] for group in found}

    assert groups.web in ids
    if name not in {"description", "ip-permission.protocol", "ip-permission.user-id"}:
        assert ids == {groups.web}


def test_a_groups_vpc_is_listed_for_that_vpc(groups: Groups) -> None:
    answer = groups.client.call(
        "GetSecurityGroupsForVpc",
        VpcId=groups.vpc_id,
        Filters=[{"Name": "group-name", "Values": ["web"]}],
    )

    (group,) = answer["SecurityGroupForVpcs"]
    assert (group["GroupId"], group["PrimaryVpcId"]) == (groups.web, groups.vpc_id)
