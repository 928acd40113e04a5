"""Service-linked roles: made and deleted through their service, changed by nobody else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from emulator.core.errors import AwsError
from emulator.model.iam import Role
from emulator.services.call import Call, Handler
from emulator.services.iam import entities, roles
from emulator.services.iam.documents import VERSIONS

# "AWS services that work with IAM": names that are not the service's own, capitalised.
_NAMES = {
    "autoscaling": "AutoScaling",
    "ec2": "EC2",
    "ec2fleet": "EC2Fleet",
    "ec2-instance-connect": "EC2InstanceConnect",
    "ecs": "ECS",
    "ecs.application-autoscaling": "ApplicationAutoScaling_ECSService",
    "eks": "AmazonEKS",
    "eks-nodegroup": "AmazonEKSNodegroup",
    "elasticache": "ElastiCache",
    "elasticbeanstalk": "ElasticBeanstalk",
    "elasticloadbalancing": "ElasticLoadBalancing",
    "es": "AmazonElasticsearchService",
    "imagebuilder": "ImageBuilder",
    "organizations": "Organizations",
    "rds": "RDS",
    "spot": "EC2Spot",
    "spotfleet": "EC2SpotFleet",
    "ssm": "AmazonSSM",
    "support": "Support",
    "transitgateway": "VPCTransitGateway",
    "trustedadvisor": "TrustedAdvisor",
    "vpc-lattice": "VpcLattice",
}
# Services that may have several roles, told apart by a suffix.
_WITH_SUFFIX = frozenset({"autoscaling", "connect", "iot", "lex", "lexv2", "rolesanywhere"})
_SERVICE = re.compile(r"([a-z0-9-]+(?:\.[a-z0-9-]+)?)\.amazonaws\.com(?:\.cn)?")
_TASK = re.compile(r"task(/aws-service-role/[^/]+/)([\w+=,.@-]{1,64})/[0-9a-f-]{36}")


def create_service_linked_role(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Create a service's role. Source: API_CreateServiceLinkedRole."""
    service, suffix = params["AWSServiceName"], params.get("CustomSuffix")
    found = _SERVICE.fullmatch(service)
    if found is None:
        raise AwsError("InvalidInput", f"Invalid service name: {service}")
    if suffix and found[1] not in _WITH_SUFFIX:
        raise AwsError("InvalidInput", f"Custom suffix is not allowed for {service}")
    words = _NAMES.get(found[1]) or "".join(re.split("[.-]", found[1].title()))
    name = f"AWSServiceRoleFor{words}" + (f"_{suffix}" if suffix else "")
    table = entities.records(call)[Role]
    if name.lower() in table:
        raise AwsError(
            "InvalidInput",
            f"Service role name {name} has been taken in this account, please try a different "
            "suffix.",
        )
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    path = f"/aws-service-role/{service}/"
    role = Role(
        id=name.lower(),
        name=name,
        path=path,
        arn=entities.arn(call, "role", path, name),
        unique_id=entities.unique_id(call, "AROA"),
        created_at=entities.now(call),
        trust_policy=json.dumps({"Version": VERSIONS[0], "Statement": [statement]}),
        description=params.get("Description"),
        service=service,
    )
    table.add(role)
    return {"Role": roles.summary(role)}


def delete_service_linked_role(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a service's role; nothing here depends on one, so it is gone at once."""
    role = roles.find_role(call, params["RoleName"])
    if role.service is None:
        raise AwsError("InvalidInput", f"{role.name} is not a service-linked role.")
    entities.records(call)[Role].remove(role)
    return {"DeletionTaskId": f"task{role.path}{role.name}/{call.world.ids.uuid()}"}


def get_service_linked_role_deletion_status(
    call: Call, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Tell how far a deletion is, by the role that its task names."""
    task = _TASK.fullmatch(params["DeletionTaskId"])
    role = entities.records(call)[Role].get(task[2].lower()) if task else None
    if task is None or (role is not None and role.path == task[1]):
        raise entities.no_such(f"Deletion task {params['DeletionTaskId']} cannot be found.")
    return {"Status": "SUCCEEDED"}


OPERATIONS: Mapping[str, Handler] = {
    "CreateServiceLinkedRole": create_service_linked_role,
    "DeleteServiceLinkedRole": delete_service_linked_role,
    "GetServiceLinkedRoleDeletionStatus": get_service_linked_role_deletion_status,
}
