"""Labels: names for versions of a parameter, each for one version at a time."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.parameter import Parameter, ParameterVersion
from emulator.services.call import Call, Handler
from emulator.services.ssm.parameter_names import no_version, own

MAX_LABELS = 10
# "Working with parameter labels": no number at the beginning, and not AWS's own words.
_LABEL = re.compile(r"(?!aws|ssm)[a-zA-Z_.-][a-zA-Z0-9_.-]{0,99}", re.IGNORECASE)


def _version(parameter: Parameter, number: int | None) -> ParameterVersion:
    if number is None:
        return parameter.newest
    for version in parameter.versions:
        if version.number == number:
            return version
    raise no_version(parameter.id, f"version {number}")


def _without(version: ParameterVersion, labels: Collection[str]) -> ParameterVersion:
    return attrs.evolve(
        version, labels=tuple(label for label in version.labels if label not in labels)
    )


def label_parameter_version(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Give labels to a version; other versions lose them. Source: API_LabelParameterVersion."""
    parameter = own(call.region, params["Name"])
    chosen = _version(parameter, params.get("ParameterVersion"))
    given = dict.fromkeys(params["Labels"])
    good = [label for label in given if _LABEL.fullmatch(label)]
    labels = tuple(dict.fromkeys((*chosen.labels, *good)))
    if len(labels) > MAX_LABELS:
        raise AwsError(
            "ParameterVersionLabelLimitExceeded",
            f"A parameter version can have maximum {MAX_LABELS} labels. Move one or more labels "
            "to another version and try again.",
        )
    parameter.versions = tuple(
        attrs.evolve(version, labels=labels) if version is chosen else _without(version, good)
        for version in parameter.versions
    )
    return {
        "InvalidLabels": [label for label in given if label not in good],
        "ParameterVersion": chosen.number,
    }


def unlabel_parameter_version(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Take labels from a version."""
    parameter = own(call.region, params["Name"])
    chosen = _version(parameter, params["ParameterVersion"])
    given = dict.fromkeys(params["Labels"])
    parameter.versions = tuple(
        _without(version, given) if version is chosen else version for version in parameter.versions
    )
    return {
        "RemovedLabels": [label for label in given if label in chosen.labels],
        "InvalidLabels": [label for label in given if label not in chosen.labels],
    }


OPERATIONS: Mapping[str, Handler] = {
    "LabelParameterVersion": label_parameter_version,
    "UnlabelParameterVersion": unlabel_parameter_version,
}
