"""Versions of launch templates: numbers, ``$Latest`` and ``$Default``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.launch_template import LaunchTemplate, LaunchTemplateVersion
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind
from emulator.services.ec2.launching.launch_template_data import (
    as_launch_parameters,
    check_data,
    over,
    resolved_image,
)
from emulator.services.ec2.launching.launch_templates import (
    LAUNCH_TEMPLATE,
    find_template,
    new_version,
    version_id,
)
from emulator.services.filters import select
from emulator.services.pages import page
from emulator.state.store import Region
from emulator.wire.scalar import iso8601

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

DEFAULT, LATEST = "$Default", "$Latest"
# "Launch template restrictions", and how many DeleteLaunchTemplateVersions and
# DescribeLaunchTemplateVersions take.
MAX_VERSIONS = 10_000
MAX_NAMED = 200
PAGE_LIMITS = (1, 200)
_LONGEST_NUMBER = 18
# Templates follow each other, and the versions of each from the newest to the oldest.
_PLACES_EACH = 10**9
TEMPLATE_ID_TAG = "aws:ec2launchtemplate:id"
TEMPLATE_VERSION_TAG = "aws:ec2launchtemplate:version"


def _view(region: Region, version: LaunchTemplateVersion) -> Mapping[str, Any]:
    template = region[LaunchTemplate].get(version.template_id)
    return {
        "LaunchTemplateId": version.template_id,
        "LaunchTemplateName": template.name if template else None,
        "VersionNumber": version.number,
        "VersionDescription": version.description,
        "CreateTime": version.created_at,
        "CreatedBy": version.created_by,
        "DefaultVersion": template is not None and template.default_version == version.number,
        "LaunchTemplateData": version.data,
        "Operator": {"Managed": False},
    }


def _data(*path: str) -> Any:
    def value(_: Region, version: LaunchTemplateVersion) -> Any:
        found: Any = version.data
        for name in path:
            found = (found or {}).get(name)
        return found

    return value


def _each(member: str, name: str) -> Any:
    def values(_: Region, version: LaunchTemplateVersion) -> Iterable[str]:
        found = (item.get(name) for item in version.data.get(member) or ())
        return [str(item) for item in found if item is not None]

    return values


def _is_default(region: Region, version: LaunchTemplateVersion) -> bool:
    return region[LaunchTemplate][version.template_id].default_version == version.number


LAUNCH_TEMPLATE_VERSION = Kind(
    row=LaunchTemplateVersion,
    shape="LaunchTemplateVersion",
    view=_view,
    filters={
        "create-time": lambda _, version: iso8601(version.created_at),
        "ebs-optimized": _data("EbsOptimized"),
        "http-endpoint": _data("MetadataOptions", "HttpEndpoint"),
        "http-protocol-ipv4": _data("MetadataOptions", "HttpEndpoint"),
        "host-resource-group-arn": _data("Placement", "HostResourceGroupArn"),
        "http-tokens": _data("MetadataOptions", "HttpTokens"),
        "iam-instance-profile": _data("IamInstanceProfile", "Arn"),
        "image-id": _data("ImageId"),
        "instance-type": _data("InstanceType"),
        "is-default-version": _is_default,
        "kernel-id": _data("KernelId"),
        "license-configuration-arn": _each("LicenseSpecifications", "LicenseConfigurationArn"),
        "network-card-index": _each("NetworkInterfaces", "NetworkCardIndex"),
        "ram-disk-id": _data("RamDiskId"),
    },
)


def _number(text: str) -> int:
    """Read a version number that a request gives.

    Raises:
        AwsError: InvalidParameterValue for text that is no number.
    """
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST_NUMBER:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({text[:64]}) for parameter LaunchTemplateVersion is invalid. "
            "Valid values are '$Default', '$Latest' and version numbers.",
        )
    return int(text)


def find_version(region: Region, template: LaunchTemplate, wanted: str) -> LaunchTemplateVersion:
    """Return a version by its number, ``$Latest`` or ``$Default``.

    Raises:
        AwsError: InvalidLaunchTemplateId.VersionNotFound.
    """
    if wanted == LATEST:
        number = template.latest_version
    elif wanted == DEFAULT:
        number = template.default_version
    else:
        number = _number(wanted)
    version = region[LaunchTemplateVersion].get(version_id(template, number))
    if version is None:
        raise AwsError(
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find the specified version {wanted} for the launch template with ID "
            f"{template.id}.",
        )
    return version


def launch_parameters(
    call: Call, specification: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Return what a template says in the shape of RunInstances' parameters.

    With it comes what AWS tags instances with that were launched from the template.

    Args:
        call: the request.
        specification: a LaunchTemplateSpecification; without a version, ``$Default``.

    Raises:
        AwsError: there is no such template or version, or it cannot be launched.
    """
    template = find_template(call.region, specification)
    version = find_version(call.region, template, specification.get("Version") or DEFAULT)
    return as_launch_parameters(call.region, version.data), {
        TEMPLATE_ID_TAG: template.id,
        TEMPLATE_VERSION_TAG: str(version.number),
    }


def _shown(region: Region, version: LaunchTemplateVersion, params: Mapping[str, Any]) -> Any:
    image_id = version.data.get("ImageId")
    if not params.get("ResolveAlias") or resolved_image(region, image_id) == image_id:
        return LAUNCH_TEMPLATE_VERSION.show(region, version)
    data = {**version.data, "ImageId": resolved_image(region, image_id)}
    return {**_view(region, version), "LaunchTemplateData": data}


def create_launch_template_version(
    call: Call, params: aws.CreateLaunchTemplateVersionRequestTypeDef
) -> dict[str, Any]:
    """Add a version, on top of another where SourceVersion names one."""
    region = call.region
    template = find_template(region, params)
    data: Mapping[str, Any] = params["LaunchTemplateData"]
    if source := params.get("SourceVersion"):
        data = over(find_version(region, template, source).data, data)
    check_data(data)
    if len(region[LaunchTemplateVersion].where(template_id=template.id)) >= MAX_VERSIONS:
        raise AwsError(
            "LaunchTemplateVersionLimitExceeded",
            f"The launch template has reached the limit of {MAX_VERSIONS} versions",
        )
    template.last_number += 1
    template.latest_version = template.last_number
    version = new_version(
        call, template, template.last_number, data, params.get("VersionDescription")
    )
    return {"LaunchTemplateVersion": _shown(region, version, params)}


def _of_template(
    region: Region, template: LaunchTemplate, params: Mapping[str, Any]
) -> list[LaunchTemplateVersion]:
    wanted: Sequence[str] = params.get("Versions") or ()
    least, most = params.get("MinVersion"), params.get("MaxVersion")
    if wanted and (least or most):
        raise AwsError(
            "InvalidParameterCombination",
            "The request may contain either versions or a range of versions, but not both.",
        )
    if wanted:
        chosen = {row.id: row for row in (find_version(region, template, w) for w in wanted)}
        versions = list(chosen.values())
    else:
        versions = region[LaunchTemplateVersion].where(template_id=template.id)
    if least:
        versions = [row for row in versions if row.number >= _number(least)]
    if most:
        versions = [row for row in versions if row.number <= _number(most)]
    return sorted(versions, key=lambda row: -row.number)


def _of_all(region: Region, params: Mapping[str, Any]) -> list[LaunchTemplateVersion]:
    wanted: Sequence[str] = params.get("Versions") or ()
    if not wanted or not set(wanted) <= {LATEST, DEFAULT}:
        raise AwsError(
            "MissingParameter",
            "Either a launch template ID or a launch template name must be specified, or the "
            "versions $Latest and $Default of all launch templates",
        )
    ranged = {"Versions": wanted}
    return [
        row
        for template in LAUNCH_TEMPLATE.rows(region)
        for row in _of_template(region, template, ranged)
    ]


def describe_launch_template_versions(
    call: Call, params: aws.DescribeLaunchTemplateVersionsRequestTypeDef
) -> dict[str, Any]:
    """List versions of one template, or the latest or default ones of all.

    Source: API_DescribeLaunchTemplateVersions. The newest version comes first.
    """
    region = call.region
    if len(params.get("Versions") or ()) > MAX_NAMED:
        raise AwsError("InvalidParameterValue", f"At most {MAX_NAMED} versions may be given")
    if params.get("LaunchTemplateId") or params.get("LaunchTemplateName"):
        rows = _of_template(region, find_template(region, params), params)
    else:
        rows = _of_all(region, params)
    if filters := params.get("Filters"):
        rows = select(region, rows, filters, LAUNCH_TEMPLATE_VERSION.filters, taggable=False)
    shown, token = page(
        call.operation.name, rows, params, PAGE_LIMITS, lambda row: _place(region, row)
    )
    answer: dict[str, Any] = {
        "LaunchTemplateVersions": [_shown(region, row, params) for row in shown]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


def _place(region: Region, version: LaunchTemplateVersion) -> int:
    template = region[LaunchTemplate][version.template_id]
    return template.sequence * _PLACES_EACH + _PLACES_EACH - version.number


def modify_launch_template(
    call: Call, params: aws.ModifyLaunchTemplateRequestTypeDef
) -> dict[str, Any]:
    """Choose the default version."""
    template = find_template(call.region, params)
    if wanted := params.get("DefaultVersion"):
        template.default_version = find_version(call.region, template, wanted).number
    return {"LaunchTemplate": LAUNCH_TEMPLATE.show(call.region, template)}


def delete_launch_template_versions(
    call: Call, params: aws.DeleteLaunchTemplateVersionsRequestTypeDef
) -> dict[str, Any]:
    """Delete versions; each that cannot go is told with its reason."""
    region = call.region
    template = find_template(region, params)
    if len(params["Versions"]) > MAX_NAMED:
        raise AwsError("InvalidParameterValue", f"At most {MAX_NAMED} versions may be given")
    deleted, kept = [], []
    for wanted in dict.fromkeys(params["Versions"]):
        number = _named_number(template, wanted)
        item: dict[str, Any] = {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "VersionNumber": number,
        }
        reason = _reason_to_keep(region, template, number)
        if reason is None:
            region[LaunchTemplateVersion].remove(
                region[LaunchTemplateVersion][version_id(template, number)]
            )
            deleted.append(item)
        else:
            code, message = reason
            kept.append({**item, "ResponseError": {"Code": code, "Message": message}})
    _lower_latest(region, template)
    return {
        "SuccessfullyDeletedLaunchTemplateVersions": deleted,
        "UnsuccessfullyDeletedLaunchTemplateVersions": kept,
    }


def _named_number(template: LaunchTemplate, wanted: str) -> int:
    if wanted == LATEST:
        return template.latest_version
    return template.default_version if wanted == DEFAULT else _number(wanted)


def _reason_to_keep(
    region: Region, template: LaunchTemplate, number: int
) -> tuple[str, str] | None:
    if version_id(template, number) not in region[LaunchTemplateVersion]:
        return "launchTemplateVersionDoesNotExist", "The launch template version does not exist."
    if number == template.default_version:
        return "unexpectedError", "The default version of a launch template cannot be deleted."
    return None


def _lower_latest(region: Region, template: LaunchTemplate) -> None:
    """Make the highest version that is left the latest."""
    left = region[LaunchTemplateVersion].where(template_id=template.id)
    latest = max(row.number for row in left)
    if latest != template.latest_version:
        template.latest_version = latest


OPERATIONS: Mapping[str, Handler] = {
    "CreateLaunchTemplateVersion": create_launch_template_version,
    "DeleteLaunchTemplateVersions": delete_launch_template_versions,
    "DescribeLaunchTemplateVersions": describe_launch_template_versions,
    "ModifyLaunchTemplate": modify_launch_template,
}
