"""IAM instance profiles of instances: given at launch, associated, replaced, taken away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.iam import InstanceProfile
from emulator.model.instance import Instance, ProfileAssociation
from emulator.services.call import Call, Handler
from emulator.services.ec2.instances.kind import INSTANCE
from emulator.services.ec2.kind import Kind
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


@attrs.frozen
class Profile:
    """An instance profile, by the two names an instance shows."""

    arn: str
    id: str


def instance_profile(call: Call, specification: Mapping[str, Any] | None) -> Profile | None:
    """Return the profile that a request names by ARN or by name.

    Raises:
        AwsError: InvalidParameterValue for a profile that does not exist or has no role.
    """
    if not specification:
        return None
    arn, name = specification.get("Arn") or "", specification.get("Name") or ""
    if arn and name:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter 'iamInstanceProfile.name' may not be used in combination with "
            "'iamInstanceProfile.arn'",
        )
    if not arn and not name:
        return None
    given = f"({(arn or name)[:256]}) for parameter iamInstanceProfile.{'arn' if arn else 'name'}"
    wanted = name or arn.rpartition("/")[2]
    profile = call.state.everywhere(call.account)[InstanceProfile].get(wanted.lower())
    if profile is None or (profile.arn != arn if arn else profile.name != name):
        raise AwsError(
            "InvalidParameterValue",
            f"Value {given} is invalid. Invalid IAM Instance Profile {'ARN' if arn else 'name'}",
        )
    if profile.role_id is None:
        raise AwsError(
            "InvalidParameterValue",
            f"IAM Instance Profile '{profile.arn}' has no associated IAM Roles",
        )
    return Profile(profile.arn, profile.unique_id)


def _view(_: Region, association: ProfileAssociation) -> Mapping[str, Any]:
    return {
        "AssociationId": association.id,
        "InstanceId": association.instance_id,
        "IamInstanceProfile": {"Arn": association.profile_arn, "Id": association.profile_id},
        "State": association.state,
        "Timestamp": association.associated_at,
    }


PROFILE_ASSOCIATION = Kind(
    row=ProfileAssociation,
    shape="IamInstanceProfileAssociation",
    view=_view,
    filters={
        "instance-id": lambda _, association: association.instance_id,
        "state": lambda _, association: association.state,
    },
)


def give_profile(
    call: Call, instance: Instance, profile: Profile, now: datetime, *, state: str
) -> ProfileAssociation:
    """Make a profile the instance's, and note the association."""
    association = ProfileAssociation(
        id=call.new_id(ProfileAssociation),
        instance_id=instance.id,
        profile_arn=profile.arn,
        profile_id=profile.id,
        associated_at=now,
        state=state,
    )
    call.region[ProfileAssociation].add(association)
    instance.profile_arn, instance.profile_id = profile.arn, profile.id
    return association


def release_profile(region: Region, instance: Instance) -> None:
    """Forget the associations of an instance that ends."""
    if instance.profile_arn is None:
        return
    for association in region[ProfileAssociation].where(instance_id=instance.id):
        region[ProfileAssociation].remove(association)
    instance.profile_arn = instance.profile_id = None


def _required_profile(call: Call, specification: Mapping[str, Any]) -> Profile:
    profile = instance_profile(call, specification)
    if profile is None:
        raise AwsError(
            "MissingParameter", "The request must contain the parameter iamInstanceProfile"
        )
    return profile


def associate_iam_instance_profile(
    call: Call, params: aws.AssociateIamInstanceProfileRequestTypeDef
) -> dict[str, Any]:
    """Give a running or stopped instance a profile. Source: API_AssociateIamInstanceProfile."""
    instance = INSTANCE.find(call.region, params["InstanceId"])
    profile = _required_profile(call, params["IamInstanceProfile"])
    if instance.state not in ("pending", "running", "stopping", "stopped"):
        raise AwsError(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is not in the 'running' or 'stopped' state.",
        )
    if instance.profile_arn is not None:
        raise AwsError(
            "IncorrectState", f"There is an existing association for instance {instance.id}"
        )
    return _associated(call, instance, profile)


def _associated(call: Call, instance: Instance, profile: Profile) -> dict[str, Any]:
    association = give_profile(call, instance, profile, call.world.clock.now(), state="associating")
    call.world.settle(association, "associated")
    return {"IamInstanceProfileAssociation": PROFILE_ASSOCIATION.show(call.region, association)}


def disassociate_iam_instance_profile(
    call: Call, params: aws.DisassociateIamInstanceProfileRequestTypeDef
) -> dict[str, Any]:
    """Take an instance's profile away."""
    association = PROFILE_ASSOCIATION.find(call.region, params["AssociationId"])
    if association.may("disassociating"):
        association.move("disassociating")
        instance = call.region[Instance].get(association.instance_id)
        if instance is not None:
            instance.profile_arn = instance.profile_id = None
        call.world.expire(call.region, association, 0)
    return {"IamInstanceProfileAssociation": PROFILE_ASSOCIATION.show(call.region, association)}


def replace_iam_instance_profile_association(
    call: Call, params: aws.ReplaceIamInstanceProfileAssociationRequestTypeDef
) -> dict[str, Any]:
    """Give an instance another profile; the association gets a new id."""
    before = PROFILE_ASSOCIATION.find(call.region, params["AssociationId"])
    profile = _required_profile(call, params["IamInstanceProfile"])
    if before.state == "disassociating":
        raise AwsError("IncorrectState", f"The association {before.id} is being taken away")
    instance = INSTANCE.find(call.region, before.instance_id)
    call.region[ProfileAssociation].remove(before)
    return _associated(call, instance, profile)


def describe_iam_instance_profile_associations(
    call: Call, params: aws.DescribeIamInstanceProfileAssociationsRequestTypeDef
) -> dict[str, Any]:
    """List associations."""
    return PROFILE_ASSOCIATION.describe(
        call, params, ids="AssociationIds", result="IamInstanceProfileAssociations"
    )


OPERATIONS: Mapping[str, Handler] = {
    "AssociateIamInstanceProfile": associate_iam_instance_profile,
    "DescribeIamInstanceProfileAssociations": describe_iam_instance_profile_associations,
    "DisassociateIamInstanceProfile": disassociate_iam_instance_profile,
    "ReplaceIamInstanceProfileAssociation": replace_iam_instance_profile_association,
}
