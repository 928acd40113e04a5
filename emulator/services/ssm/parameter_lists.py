"""Lists of parameters: all of them, or those under a path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emulator.model.parameter import Parameter
from emulator.services.call import Call, Handler
from emulator.services.pages import page_by
from emulator.services.ssm import parameter_filters as filters
from emulator.services.ssm import parameter_names as names
from emulator.services.ssm import parameters
from emulator.services.ssm.parameter_values import invalid
from emulator.services.ssm.public_parameters import PREFIX, public_parameters_below

_DESCRIBE_LIMITS = (1, 50)
_PATH_LIMITS = (1, 10)


def _page(
    call: Call, found: list[names.Found], params: Mapping[str, Any], limits: tuple[int, int]
) -> tuple[Sequence[names.Found], str | None]:
    """Return one page of parameters by name, as long as may be where nothing else is asked."""
    return page_by(
        call.operation.name,
        sorted(found, key=_name),
        {**params, "MaxResults": params.get("MaxResults") or limits[1]},
        limits,
        _name,
        str,
        "InvalidNextToken",
    )


def _name(found: names.Found) -> str:
    return found.parameter.id


def describe_parameters(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List the account's parameters without their values. Nobody shares parameters here."""
    region = call.region
    legacy = params.get("Filters")
    if legacy and params.get("ParameterFilters"):
        raise invalid("You can use either Filters or ParameterFilters in a single request.")
    wanted = filters.checked(params.get("ParameterFilters"), filters.OF_DESCRIBE)
    wanted += [filters.Filter(item["Key"], "BeginsWith", item["Values"]) for item in legacy or ()]
    found = [
        names.Found(parameter, parameter.newest)
        for parameter in (() if params.get("Shared") else region[Parameter])
        if all(each.matches(parameter, parameter.newest) for each in wanted)
    ]
    shown, token = _page(call, found, params, _DESCRIBE_LIMITS)
    return {
        "Parameters": [
            {
                **parameters.described(each.version),
                "Name": each.parameter.id,
                "ARN": names.arn(region, each.parameter),
            }
            for each in shown
        ],
        "NextToken": token,
    }


def get_parameters_by_path(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List the parameters under a path, public ones too. Source: API_GetParametersByPath."""
    region, path = call.region, params["Path"]
    if not path.startswith("/") or "//" in path:
        raise invalid("The parameter path must be a fully qualified name that begins with a slash.")
    wanted = filters.checked(params.get("ParameterFilters"), filters.OF_PATH)
    path = path.rstrip("/") + "/"
    rows = (
        public_parameters_below(region.name, path)
        if path.startswith(PREFIX)
        else list(region[Parameter])
    )
    recursive = bool(params.get("Recursive"))
    # A label may be any version's; the other filters are about the newest.
    by_label = any(each.key == "Label" for each in wanted)
    found = [
        names.Found(parameter, version)
        for parameter in rows
        if filters.is_below(parameter.id, path, recursive=recursive)
        for version in (parameter.versions if by_label else (parameter.newest,))
        if all(each.matches(parameter, version) for each in wanted)
    ]
    shown, token = _page(call, found, params, _PATH_LIMITS)
    decrypted = bool(params.get("WithDecryption"))
    return {
        "Parameters": [parameters.view(region, each, decrypted=decrypted) for each in shown],
        "NextToken": token,
    }


OPERATIONS: Mapping[str, Handler] = {
    "DescribeParameters": describe_parameters,
    "GetParametersByPath": get_parameters_by_path,
}
