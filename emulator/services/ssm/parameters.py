"""Parameter Store: parameters and their versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.core.errors import AwsError
from emulator.model.parameter import Parameter, ParameterVersion
from emulator.services import sts
from emulator.services.call import Call, Handler
from emulator.services.pages import page
from emulator.services.ssm import parameter_names as names
from emulator.services.ssm import parameter_values as values
from emulator.services.ssm.resource_tags import checked_tags
from emulator.state.store import Region

# "Systems Manager service quotas".
MAX_PARAMETERS = 10_000
MAX_VERSIONS = 100
DEFAULT_KEY = "alias/aws/ssm"
_DEFAULT_PAGE = 50
_PAGE_LIMITS = (1, 50)


def put_parameter(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Create a parameter, or a new version of one. Source: API_PutParameter."""
    region, name = call.region, params["Name"]
    names.check_name(name)
    parameter = region[Parameter].get(name)
    if parameter is None:
        if not params.get("Type"):
            raise values.invalid("A parameter type is required when you create a parameter.")
        if len(region[Parameter]) >= MAX_PARAMETERS:
            raise AwsError(
                "ParameterLimitExceeded",
                "You have exceeded the number of parameters for this AWS account.",
            )
    elif not params.get("Overwrite"):
        raise AwsError(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in "
            "the request to true.",
        )
    if params.get("Overwrite") and params.get("Tags"):
        raise values.invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter "
            "with tags, please remove overwrite flag. To update tags for an existing parameter, "
            "please use AddTagsToResource or RemoveTagsFromResource."
        )
    version = _new_version(call, params, parameter)
    if parameter is None:
        tags = checked_tags(params.get("Tags") or ())
        parameter = region[Parameter].add(Parameter(id=name, tags=tags, versions=(version,)))
    else:
        parameter.versions = (*_kept(parameter), version)
    _expire(call, parameter, version)
    return {"Version": version.number, "Tier": version.tier}


def _new_version(
    call: Call, params: Mapping[str, Any], parameter: Parameter | None
) -> ParameterVersion:
    before = parameter.newest if parameter else None
    kind = params.get("Type") or (before.type if before else "")
    values.check_value(call, params, kind)
    if params.get("KeyId") and kind != "SecureString":
        raise values.invalid("KeyId is required for SecureString type parameter only.")
    policies = values.checked_policies(params.get("Policies"))
    kept = policies or (before.policies if before and params.get("Policies") is None else None)
    return ParameterVersion(
        number=before.number + 1 if before else 1,
        type=kind,
        value=params["Value"],
        modified_at=call.world.clock.now(),
        modified_by=sts.identity(call)[0],
        data_type=params.get("DataType") or "text",
        tier=values.tier_of(params, before),
        description=params.get("Description", before.description if before else None),
        key_id=params.get("KeyId") or DEFAULT_KEY if kind == "SecureString" else None,
        allowed_pattern=params.get("AllowedPattern") or None,
        policies=kept,
    )


def _kept(parameter: Parameter) -> tuple[ParameterVersion, ...]:
    """Return the versions that stay beside a new one; the oldest goes unless it has a label."""
    versions = parameter.versions
    if len(versions) < MAX_VERSIONS:
        return versions
    oldest = versions[0]
    if oldest.labels:
        raise AwsError(
            "ParameterMaxVersionLimitExceeded",
            f"You attempted to create a new version of {parameter.id} by calling the "
            f"PutParameter API with the overwrite flag. Version {oldest.number}, the oldest "
            "version, can't be deleted because it has a label associated with it. Move the label "
            "to another version of the parameter, and try again.",
        )
    return versions[1:]


def _expire(call: Call, parameter: Parameter, version: ParameterVersion) -> None:
    """Delete the parameter when its policies say so, unless it was put again meanwhile."""
    ends_at = values.expiration(version.policies)
    if ends_at is None:
        return

    def end() -> None:
        if parameter.newest is version:
            call.region[Parameter].remove(parameter)

    seconds = (ends_at - call.world.clock.now()).total_seconds()
    call.world.later(max(0.0, seconds), f"expiring {parameter.id}", end)


def view(region: Region, found: names.Found, *, decrypted: bool) -> dict[str, Any]:
    """Return a parameter's version in AWS's shape."""
    parameter, version = found.parameter, found.version
    return {
        "Name": parameter.id,
        "Type": version.type,
        "Value": values.shown_value(parameter.id, version, decrypted=decrypted),
        "Version": version.number,
        "Selector": found.selector or None,
        "LastModifiedDate": version.modified_at,
        "ARN": names.arn(region, parameter),
        "DataType": version.data_type,
    }


def get_parameter(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show one parameter, by name, ARN, version or label."""
    found = names.lookup(call.region, params["Name"])
    decrypted = bool(params.get("WithDecryption"))
    return {"Parameter": view(call.region, found, decrypted=decrypted)}


def get_parameters(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show several parameters, and say which names mean nothing."""
    shown, unknown = [], []
    for name in dict.fromkeys(params["Names"]):
        try:
            found = names.lookup(call.region, name)
        except AwsError:
            unknown.append(name)
        else:
            decrypted = bool(params.get("WithDecryption"))
            shown.append(view(call.region, found, decrypted=decrypted))
    return {"Parameters": shown, "InvalidParameters": unknown}


def get_parameter_history(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List a parameter's versions, the oldest first."""
    parameter = names.lookup(call.region, params["Name"]).parameter
    versions, token = page(
        call.operation.name,
        parameter.versions,
        {**params, "MaxResults": params.get("MaxResults") or _DEFAULT_PAGE},
        _PAGE_LIMITS,
        lambda version: version.number,
        "InvalidNextToken",
    )
    decrypted = bool(params.get("WithDecryption"))
    return {
        "Parameters": [
            {
                **described(version),
                "Name": parameter.id,
                "Value": values.shown_value(parameter.id, version, decrypted=decrypted),
                "Labels": list(version.labels),
            }
            for version in versions
        ],
        "NextToken": token,
    }


def described(version: ParameterVersion) -> dict[str, Any]:
    """Return all that is told of a version besides its value."""
    return {
        "Type": version.type,
        "KeyId": version.key_id,
        "LastModifiedDate": version.modified_at,
        "LastModifiedUser": version.modified_by,
        "Description": version.description,
        "AllowedPattern": version.allowed_pattern,
        "Version": version.number,
        "Tier": version.tier,
        "Policies": values.policies_view(version.policies) or [],
        "DataType": version.data_type,
    }


def delete_parameter(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Delete one parameter with all its versions."""
    call.region[Parameter].remove(names.own(call.region, params["Name"]))
    return {}


def delete_parameters(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Delete several parameters, and say which names mean nothing."""
    deleted, unknown = [], []
    for name in dict.fromkeys(params["Names"]):
        try:
            parameter = names.own(call.region, name)
        except AwsError:
            unknown.append(name)
        else:
            call.region[Parameter].remove(parameter)
            deleted.append(name)
    return {"DeletedParameters": deleted, "InvalidParameters": unknown}


OPERATIONS: Mapping[str, Handler] = {
    "DeleteParameter": delete_parameter,
    "DeleteParameters": delete_parameters,
    "GetParameter": get_parameter,
    "GetParameterHistory": get_parameter_history,
    "GetParameters": get_parameters,
    "PutParameter": put_parameter,
}
