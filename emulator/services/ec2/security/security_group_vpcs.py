"""Security groups used in further VPCs of their region.

Source: "Associate security groups with multiple VPCs".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.network_interface import NetworkInterface
from emulator.model.security_group import SecurityGroupVpcAssociation
from emulator.model.vpc import Vpc
from emulator.services.call import Call, Handler
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.security.security_groups import DEFAULT, SECURITY_GROUP
from emulator.services.filters import Field, select
from emulator.services.pages import page_of_rows

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

_FILTERS: Mapping[str, Field[SecurityGroupVpcAssociation]] = {
    "group-id": lambda _, association: association.group_id,
    "group-owner-id": lambda region, _: region.account,
    "state": lambda _, association: association.state,
    "vpc-id": lambda _, association: association.vpc_id,
    "vpc-owner-id": lambda region, _: region.account,
}


def _key(group_id: str, vpc_id: str) -> str:
    return f"{group_id}/{vpc_id}"


def associate_security_group_vpc(
    call: Call, params: aws.AssociateSecurityGroupVpcRequestTypeDef
) -> dict[str, Any]:
    """Let interfaces of another VPC have a group."""
    region = call.region
    group = SECURITY_GROUP.find(region, params["GroupId"])
    vpc = region[Vpc].get(params["VpcId"])
    if vpc is None:
        raise NOUNS["vpc"].missing([params["VpcId"]])
    if group.name == DEFAULT:
        raise AwsError(
            "InvalidParameterValue",
            "A default security group cannot be associated with another VPC",
        )
    if group.vpc_id == vpc.id or region[SecurityGroupVpcAssociation].get(_key(group.id, vpc.id)):
        raise AwsError(
            "InvalidParameterValue",
            f"The security group '{group.id}' is associated with the VPC '{vpc.id}' already",
        )
    association = region[SecurityGroupVpcAssociation].add(
        SecurityGroupVpcAssociation(
            id=_key(group.id, vpc.id), group_id=group.id, vpc_id=vpc.id, state="associating"
        )
    )
    call.world.settle(association, "associated")
    return {"State": association.state}


def disassociate_security_group_vpc(
    call: Call, params: aws.DisassociateSecurityGroupVpcRequestTypeDef
) -> dict[str, Any]:
    """End an association that no interface needs."""
    region, group_id, vpc_id = call.region, params["GroupId"], params["VpcId"]
    SECURITY_GROUP.find(region, group_id)
    association = region[SecurityGroupVpcAssociation].get(_key(group_id, vpc_id))
    if association is None:
        raise AwsError(
            "InvalidParameterValue",
            f"The security group '{group_id}' is not associated with the VPC '{vpc_id[:64]}'",
        )
    for interface in region[NetworkInterface].where(group_ids=group_id):
        if interface.vpc_id == vpc_id:
            raise AwsError("DependencyViolation", f"resource {group_id} has a dependent object")
    if association.may("disassociating"):
        association.move("disassociating")
        call.world.later(
            0, f"ending {association.id}", region[SecurityGroupVpcAssociation].remove, association
        )
    return {"State": association.state}


def describe_security_group_vpc_associations(
    call: Call, params: aws.DescribeSecurityGroupVpcAssociationsRequestTypeDef
) -> dict[str, Any]:
    """List associations."""
    region = call.region
    rows = select(
        region,
        region[SecurityGroupVpcAssociation],
        params.get("Filters"),
        _FILTERS,
        taggable=False,
    )
    shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    answer: dict[str, Any] = {
        "SecurityGroupVpcAssociations": [
            {
                "GroupId": association.group_id,
                "GroupOwnerId": region.account,
                "VpcId": association.vpc_id,
                "VpcOwnerId": region.account,
                "State": association.state,
            }
            for association in shown
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "AssociateSecurityGroupVpc": associate_security_group_vpc,
    "DescribeSecurityGroupVpcAssociations": describe_security_group_vpc_associations,
    "DisassociateSecurityGroupVpc": disassociate_security_group_vpc,
}
