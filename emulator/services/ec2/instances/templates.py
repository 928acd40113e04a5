"""Launch templates under a request's own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.core.errors import AwsError
from emulator.services.call import Call
from emulator.services.ec2.nouns import NOUNS


def template_data(call: Call, specification: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a launch template says, in the shape of RunInstances' parameters.

    No template exists while the emulator has no operation that creates one, so every name
    is one that was not found.

    Raises:
        AwsError: the template does not exist.
    """
    del call
    template_id, name = (
        specification.get("LaunchTemplateId"),
        specification.get("LaunchTemplateName"),
    )
    if template_id and name:
        raise AwsError(
            "InvalidParameterCombination",
            "Only one of LaunchTemplateId and LaunchTemplateName may be given",
        )
    if template_id:
        NOUNS["lt"].check_form(template_id)
        raise NOUNS["lt"].missing([template_id])
    if name:
        raise AwsError(
            "InvalidLaunchTemplateName.NotFoundException",
            f"The specified launch template, with template name {name}, does not exist.",
        )
    raise AwsError(
        "MissingParameter", "Either LaunchTemplateId or LaunchTemplateName must be given"
    )


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template's parameters with the request's over them.

    A parameter of the request takes the template's place; tags for one type of resource are
    joined, the request's value winning. Source: "Launch instances from a launch template".
    """
    whole = {**below, **{name: value for name, value in above.items() if value is not None}}
    specifications = [
        *(below.get("TagSpecifications") or ()),
        *(above.get("TagSpecifications") or ()),
    ]
    if specifications:
        tags: dict[str, dict[str, Any]] = {}
        for specification in specifications:
            of_type = tags.setdefault(specification.get("ResourceType") or "", {})
            for tag in specification.get("Tags") or ():
                of_type[tag.get("Key") or ""] = tag
        whole["TagSpecifications"] = [
            {"ResourceType": resource_type, "Tags": list(of_type.values())}
            for resource_type, of_type in tags.items()
        ]
    return whole


def with_template(call: Call, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the request's parameters, the launch template's under them where it names one."""
    specification = params.get("LaunchTemplate")
    if not specification:
        return params
    return merged(template_data(call, specification), params)
