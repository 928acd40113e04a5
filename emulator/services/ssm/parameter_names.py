"""How parameters are named: what a name may be, and which version a reference means."""

from __future__ import annotations

import re

import attrs

from emulator.core.errors import AwsError
from emulator.model.parameter import Parameter, ParameterVersion
from emulator.services.ssm.public_parameters import public_parameter
from emulator.state.store import Region

# "Requirements and constraints for parameter names".
MAX_NAME_LENGTH = 1011
MAX_LEVELS = 15
_NAME = re.compile(r"[a-zA-Z0-9_./-]+")
_ARN = re.compile(r"arn:aws[a-z-]*:ssm:([a-z0-9-]+):([0-9]{12})?:parameter/(.+)")
_RESERVED = ("aws", "ssm")


@attrs.frozen
class Found:
    """A parameter's version as a reference names it.

    Attributes:
        selector: ``:`` and a version's number or label, or nothing.
    """

    parameter: Parameter
    version: ParameterVersion
    selector: str = ""


def check_name(name: str) -> None:
    """Refuse a name that no new parameter may have.

    Raises:
        AwsError: ValidationException, AccessDeniedException for AWS's own names, or
            HierarchyLevelLimitExceededException.
    """
    if _NAME.fullmatch(name) is None or name.endswith("/") or "//" in name:
        raise AwsError(
            "ValidationException",
            "Parameter name must consist of letters, numbers and the symbols .-_ with sub-paths "
            "divided by slashes, and must not end with a slash.",
        )
    if len(name) > MAX_NAME_LENGTH:
        raise AwsError(
            "ValidationException",
            f"Parameter name must not be longer than {MAX_NAME_LENGTH} characters.",
        )
    if "/" in name and not name.startswith("/"):
        raise AwsError("ValidationException", "Parameter name must be a fully qualified name.")
    if name.lower().startswith("/aws/"):
        raise AwsError("AccessDeniedException", f"No access to reserved parameter name: {name}.")
    if name.lower().lstrip("/").startswith(_RESERVED):
        raise AwsError(
            "ValidationException",
            'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).',
        )
    if name.count("/") > MAX_LEVELS:
        raise AwsError(
            "HierarchyLevelLimitExceededException",
            f"A parameter name may have at most {MAX_LEVELS} levels.",
        )


def not_found(name: str) -> AwsError:
    """Return the error for a parameter that does not exist."""
    return AwsError("ParameterNotFound", f"Parameter {name[:256]} not found.")


def own(region: Region, name: str) -> Parameter:
    """Return one of the account's own parameters, to be changed.

    Args:
        region: the caller's.
        name: a name or an ARN, without version or label.

    Raises:
        AwsError: ParameterNotFound.
    """
    for candidate in _names(region, name):
        parameter = region[Parameter].get(candidate)
        if parameter is not None:
            return parameter
    raise not_found(name)


def lookup(region: Region, reference: str) -> Found:
    """Return what a reference names: the account's own or a public parameter.

    Args:
        region: the caller's.
        reference: a name or an ARN, and perhaps ``:`` with a version's number or label.

    Raises:
        AwsError: ParameterNotFound or ParameterVersionNotFound.
    """
    for candidate in _names(region, reference):
        name, colon, selector = candidate.partition(":")
        parameter = region[Parameter].get(name) or public_parameter(region.name, name)
        if parameter is not None:
            if not colon:
                return Found(parameter, parameter.newest)
            return Found(parameter, _selected(parameter, selector), f":{selector}")
    raise not_found(reference)


def _names(region: Region, text: str) -> tuple[str, ...]:
    """Return the names that a text may mean; ARNs do not show a first slash."""
    if not text.startswith("arn:"):
        return (text,)
    match = _ARN.fullmatch(text)
    if match is None or match[1] != region.name or match[2] not in (None, region.account):
        return ()
    return match[3], f"/{match[3]}"


def _selected(parameter: Parameter, selector: str) -> ParameterVersion:
    for version in parameter.versions:
        if str(version.number) == selector or selector in version.labels:
            return version
    what = "version" if selector.isdigit() else "label"
    raise no_version(parameter.id, f"{what} {selector[:128]}")


def no_version(name: str, what: str) -> AwsError:
    """Return the error for a version or label that a parameter does not have."""
    return AwsError(
        "ParameterVersionNotFound",
        f"Systems Manager could not find {what} of {name}. Verify the version and try again.",
    )


def arn(region: Region, parameter: Parameter) -> str:
    """Return a parameter's ARN; a public one's names no account."""
    account = "" if parameter.id.startswith("/aws/") else region.account
    return f"arn:aws:ssm:{region.name}:{account}:parameter/{parameter.id.lstrip('/')}"
