"""Launch templates under a request's own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.model.row import NO_TAGS
from emulator.services.call import Call
from emulator.services.ec2.launching.launch_template_versions import launch_parameters


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


def with_template(
    call: Call, params: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Return the request's parameters, the launch template's under them where it names one.

    With them come the tags by which AWS marks instances that were launched from a template.
    """
    specification = params.get("LaunchTemplate")
    if not specification:
        return params, NO_TAGS
    below, marks = launch_parameters(call, specification)
    return merged(below, params), marks
