"""What launch templates say: checked when it is stored, turned into RunInstances' parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.core.errors import AwsError
from emulator.services.ec2.tags import tags_by_type
from emulator.services.ssm.parameter_names import lookup
from emulator.state.store import Region

PARAMETER_PREFIX = "resolve:ssm:"
TAGGABLE = (
    "instance",
    "volume",
    "network-interface",
    "spot-instances-request",
    "elastic-gpu",
)
# Members that have another name in RunInstances' request.
_RENAMED = {"RamDiskId": "RamdiskId"}


def check_data(data: Mapping[str, Any]) -> None:
    """Refuse data that no launch could use. Most of it is only looked at by the launch.

    Raises:
        AwsError: a tag or a combination that AWS refuses when a version is created.
    """
    tags_by_type(data, TAGGABLE)
    if data.get("InstanceRequirements") and data.get("InstanceType"):
        raise AwsError(
            "InvalidParameterCombination",
            "You may specify InstanceType or InstanceRequirements, but not both.",
        )
    for interface in data.get("NetworkInterfaces") or ():
        if interface.get("NetworkInterfaceId") and interface.get("SubnetId"):
            raise AwsError(
                "InvalidParameterCombination",
                "A network interface may not specify both a network interface ID and a subnet ID",
            )
    image_id = data.get("ImageId")
    if image_id and not image_id.startswith(("ami-", PARAMETER_PREFIX)):
        raise AwsError("InvalidAMIID.Malformed", f'Invalid id: "{image_id[:256]}"')


def over(source: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a new version's data: the source version's, what is given in place of its own.

    Snapshots in the source's block device mapping are dropped unless the mapping is given
    anew. Source: API_CreateLaunchTemplateVersion.
    """
    inherited = dict(source)
    devices = inherited.get("BlockDeviceMappings")
    if devices:
        inherited["BlockDeviceMappings"] = [_without_snapshot(device) for device in devices]
    return inherited | dict(data)


def _without_snapshot(device: Mapping[str, Any]) -> Mapping[str, Any]:
    ebs = device.get("Ebs")
    if not ebs or "SnapshotId" not in ebs:
        return device
    return {**device, "Ebs": {name: item for name, item in ebs.items() if name != "SnapshotId"}}


def resolved_image(region: Region, image_id: str | None) -> str | None:
    """Return the AMI's id where a Systems Manager parameter stands for it.

    Source: "Reference AMIs using Systems Manager parameters": a public parameter or one of
    the account's own, by name or ARN, perhaps with a version or a label.

    Raises:
        AwsError: InvalidParameterValue for a parameter that does not exist.
    """
    if image_id is None or not image_id.startswith(PARAMETER_PREFIX):
        return image_id
    reference = image_id.removeprefix(PARAMETER_PREFIX)
    try:
        return lookup(region, reference).version.value
    except AwsError:
        raise AwsError(
            "InvalidParameterValue", f"Unable to resolve the SSM parameter '{reference[:256]}'"
        ) from None


def as_launch_parameters(region: Region, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return data in the shape of RunInstances' parameters.

    The two shapes differ in the spelling of the RAM disk, in Elastic GPUs, which are refused,
    and in instance requirements, for which RunInstances has no member at all.

    Raises:
        AwsError: the data describes what RunInstances cannot launch.
    """
    if data.get("InstanceRequirements"):
        raise AwsError(
            "UnsupportedOperation",
            "A launch template with InstanceRequirements cannot be used to run instances; "
            "use it with an EC2 Fleet or an Auto Scaling group",
        )
    if data.get("ElasticGpuSpecifications"):
        raise AwsError(
            "UnsupportedOperation",
            "ElasticGpuSpecifications is not supported: Amazon Elastic Graphics has reached its "
            "end of life",
        )
    params = {_RENAMED.get(name, name): item for name, item in data.items()}
    if "ImageId" in params:
        params["ImageId"] = resolved_image(region, params["ImageId"])
    return params
