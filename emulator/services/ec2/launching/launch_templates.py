"""Launch templates: made, listed, changed, deleted, and looked up for a launch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.launch_template import LaunchTemplate, LaunchTemplateVersion
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.launching.launch_template_data import check_data
from emulator.services.ec2.tags import tags_on_create
from emulator.services.sts import identity
from emulator.state.store import Region
from emulator.wire.scalar import iso8601

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# "Launch template restrictions".
MAX_TEMPLATES = 5000
_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")
_NOT_MANAGED = {"Managed": False}


def _view(_: Region, template: LaunchTemplate) -> Mapping[str, Any]:
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "CreateTime": template.created_at,
        "CreatedBy": template.created_by,
        "DefaultVersionNumber": template.default_version,
        "LatestVersionNumber": template.latest_version,
        "Tags": tag_set(template.tags),
        "Operator": _NOT_MANAGED,
    }


LAUNCH_TEMPLATE = Kind(
    row=LaunchTemplate,
    shape="LaunchTemplate",
    view=_view,
    filters={
        "create-time": lambda _, template: iso8601(template.created_at),
        "launch-template-name": lambda _, template: template.name,
    },
)


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise AwsError(
            "InvalidLaunchTemplateName.MalformedException",
            "A launch template name must be between 3 and 128 characters, and may contain "
            "letters, numbers, and the following characters: - ( ) . / _",
        )


def _named(region: Region, name: str) -> LaunchTemplate:
    for template in region[LaunchTemplate].where(name=name):
        return template
    _check_name(name)
    raise AwsError(
        "InvalidLaunchTemplateName.NotFoundException",
        f"The specified launch template, with template name {name}, does not exist.",
    )


def find_template(region: Region, params: Mapping[str, Any]) -> LaunchTemplate:
    """Return the template that a request names by exactly one of id and name.

    Raises:
        AwsError: neither or both are given, or there is no such template.
    """
    template_id, name = params.get("LaunchTemplateId"), params.get("LaunchTemplateName")
    if template_id and name:
        raise AwsError(
            "InvalidParameterCombination",
            "The request may contain either a launch template ID or a launch template name, but "
            "not both.",
        )
    if template_id:
        return LAUNCH_TEMPLATE.find(region, template_id)
    if name:
        return _named(region, name)
    raise AwsError(
        "MissingParameter",
        "Either a launch template ID or a launch template name must be specified in the request",
    )


def new_version(
    call: Call, template: LaunchTemplate, number: int, data: Mapping[str, Any], text: str | None
) -> LaunchTemplateVersion:
    """Add one numbered version to a template."""
    return call.region[LaunchTemplateVersion].add(
        LaunchTemplateVersion(
            id=version_id(template, number),
            template_id=template.id,
            number=number,
            data=data,
            created_at=call.world.clock.now(),
            created_by=identity(call)[0],
            description=text,
        )
    )


def version_id(template: LaunchTemplate, number: int) -> str:
    """Return the id under which a version is kept."""
    return f"{template.id}:{number}"


def create_launch_template(
    call: Call, params: aws.CreateLaunchTemplateRequestTypeDef
) -> dict[str, Any]:
    """Create a template with its first version. Source: API_CreateLaunchTemplate."""
    region, name = call.region, params["LaunchTemplateName"]
    _check_name(name)
    if region[LaunchTemplate].where(name=name):
        raise AwsError(
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "Launch template name already in use.",
        )
    if len(region[LaunchTemplate]) >= MAX_TEMPLATES:
        raise AwsError(
            "LaunchTemplateLimitExceeded",
            f"You have reached the limit of {MAX_TEMPLATES} launch templates in this region",
        )
    data = params["LaunchTemplateData"]
    check_data(data)
    template = LaunchTemplate(
        id=call.new_id(LaunchTemplate),
        name=name,
        created_at=call.world.clock.now(),
        created_by=identity(call)[0],
        tags=tags_on_create(params, "launch-template"),
    )
    region[LaunchTemplate].add(template)
    new_version(call, template, 1, data, params.get("VersionDescription"))
    return {"LaunchTemplate": LAUNCH_TEMPLATE.show(region, template)}


def describe_launch_templates(
    call: Call, params: aws.DescribeLaunchTemplatesRequestTypeDef
) -> dict[str, Any]:
    """List templates by ids, by names, or all of them."""
    names, ids = params.get("LaunchTemplateNames"), params.get("LaunchTemplateIds")
    if names:
        if ids:
            raise AwsError(
                "InvalidParameterCombination",
                "The request may contain either launch template IDs or launch template names, "
                "but not both.",
            )
        ids = [_named(call.region, name).id for name in names]
        params = {**params, "LaunchTemplateIds": ids}
    return LAUNCH_TEMPLATE.describe(call, params, ids="LaunchTemplateIds", result="LaunchTemplates")


def delete_launch_template(
    call: Call, params: aws.DeleteLaunchTemplateRequestTypeDef
) -> dict[str, Any]:
    """Delete a template and all its versions."""
    region = call.region
    template = find_template(region, params)
    answer = {"LaunchTemplate": LAUNCH_TEMPLATE.show(region, template)}
    for version in region[LaunchTemplateVersion].where(template_id=template.id):
        region[LaunchTemplateVersion].remove(version)
    region[LaunchTemplate].remove(template)
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "CreateLaunchTemplate": create_launch_template,
    "DeleteLaunchTemplate": delete_launch_template,
    "DescribeLaunchTemplates": describe_launch_templates,
}
