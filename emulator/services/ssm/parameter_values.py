"""What a parameter may hold: sizes, patterns, AMI ids, policies; and how a secret looks."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import regex

from emulator.core.errors import AwsError
from emulator.model.parameter import ParameterVersion
from emulator.services.call import Call
from emulator.services.ec2.images.images import find_visible

MAX_STANDARD_LENGTH = 4096
MAX_ADVANCED_LENGTH = 8192
MAX_POLICIES = 10
IMAGE = "aws:ec2:image"
_DATA_TYPES = ("text", IMAGE, "aws:ssm:integration")
_POLICY_TYPES = {
    "Expiration": ("Timestamp",),
    "ExpirationNotification": ("Before", "Unit"),
    "NoChangeNotification": ("After", "Unit"),
}
_UNITS = ("Days", "Hours")
_PATTERN_SECONDS = 0.05
# What encryption with KMS adds, and the bytes that all its results begin with.
_ENVELOPE_BYTES = 100
_ENVELOPE_BEGIN = bytes((1, 2, 2, 0))


def invalid(message: str) -> AwsError:
    """Return Parameter Store's error for most that is wrong."""
    return AwsError("ValidationException", message)


def check_value(call: Call, params: Mapping[str, Any], kind: str) -> None:
    """Refuse a value that a parameter of type ``kind`` may not have; its size is ``tier_of``'s.

    Raises:
        AwsError: ValidationException, InvalidAllowedPatternException or
            ParameterPatternMismatchException.
    """
    value: str = params["Value"]
    if not value:
        raise invalid("Value must have length greater than or equal to 1")
    if "}}" in value.partition("{{")[2]:
        raise invalid(
            'Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.'
        )
    if kind == "StringList" and any(not item for item in value.split(",")):
        raise invalid("The value of a StringList must not have empty items.")
    if params.get("AllowedPattern"):
        _check_pattern(
            params["AllowedPattern"], value.split(",") if kind == "StringList" else [value]
        )
    data_type = params.get("DataType") or "text"
    if data_type not in _DATA_TYPES:
        raise invalid(f"The following data type is not supported: {data_type}")
    if data_type == IMAGE:
        if kind != "String":
            raise invalid(f"The data type {IMAGE} is for parameters of type String only.")
        if find_visible(call.region, call.state, value) is None:
            raise invalid(f"The value {value[:128]} is not the ID of an AMI of this Region.")


def _check_pattern(pattern: str, values: list[str]) -> None:
    try:
        compiled = regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError):
        raise AwsError(
            "InvalidAllowedPatternException", "The regular expression is not valid."
        ) from None
    try:
        fits = all(compiled.fullmatch(value, timeout=_PATTERN_SECONDS) for value in values)
    except TimeoutError:
        raise AwsError(
            "InvalidAllowedPatternException", "The regular expression takes too long to match."
        ) from None
    if not fits:
        raise AwsError(
            "ParameterPatternMismatchException",
            f"Parameter value, cannot be validated against allowedPattern: {pattern}",
        )


def tier_of(params: Mapping[str, Any], before: ParameterVersion | None) -> str:
    """Return the tier a new version gets.

    Raises:
        AwsError: ValidationException for a value too long, or a way back to Standard.
    """
    length, asked = len(params["Value"].encode()), params.get("Tier")
    if length > MAX_ADVANCED_LENGTH:
        raise invalid(
            f"The value is longer than the {MAX_ADVANCED_LENGTH} characters of the "
            "advanced-parameter tier."
        )
    needs = length > MAX_STANDARD_LENGTH or bool(params.get("Policies"))
    was_advanced = before is not None and before.tier == "Advanced"
    if asked == "Advanced" or (asked == "Intelligent-Tiering" and (needs or was_advanced)):
        return "Advanced"
    if was_advanced:
        if asked == "Standard":
            raise invalid(
                "This parameter uses the advanced-parameter tier. You can't downgrade a "
                "parameter from the advanced-parameter tier to the standard-parameter tier. "
                "If necessary, delete the advanced parameter and recreate it."
            )
        return "Advanced"
    if needs:
        raise invalid(
            f"Standard tier parameters support a maximum parameter value of "
            f"{MAX_STANDARD_LENGTH} characters and no policies. To create a larger parameter, "
            "upgrade the parameter to use the advanced-parameter tier."
        )
    return "Standard"


def policies_view(text: str | None) -> list[dict[str, str]] | None:
    """Return policies in AWS's shape; they wait until they have something to do."""
    if text is None:
        return None
    return [
        {
            "PolicyText": json.dumps(policy, separators=(",", ":")),
            "PolicyType": policy["Type"],
            "PolicyStatus": "Pending",
        }
        for policy in json.loads(text)
    ]


def expiration(text: str | None) -> datetime | None:
    """Return when the policies end their parameter, if they do."""
    for policy in json.loads(text) if text else ():
        if policy["Type"] == "Expiration":
            return datetime.fromisoformat(policy["Attributes"]["Timestamp"])
    return None


def checked_policies(text: str | None) -> str | None:
    """Return policies as given, None for none.

    Raises:
        AwsError: InvalidPolicyTypeException, InvalidPolicyAttributeException,
            IncompatiblePolicyException or PoliciesLimitExceededException.
    """
    if text is None:
        return None
    try:
        policies = json.loads(text)
    except (ValueError, RecursionError):
        raise _bad_policy("Policies must be a JSON array.") from None
    if policies in ({}, []):
        return None
    if not isinstance(policies, list):
        raise _bad_policy("Policies must be a JSON array.")
    if len(policies) > MAX_POLICIES:
        raise AwsError(
            "PoliciesLimitExceededException",
            f"You specified more than the maximum number of allowed policies, {MAX_POLICIES}.",
        )
    kinds = list(map(_policy_type, policies))
    if kinds.count("Expiration") > 1 or (
        "ExpirationNotification" in kinds and "Expiration" not in kinds
    ):
        raise AwsError(
            "IncompatiblePolicyException",
            "A parameter has one Expiration policy at most, and ExpirationNotification needs one.",
        )
    return text


def _bad_policy(message: str) -> AwsError:
    return AwsError("InvalidPolicyAttributeException", message)


def _policy_type(policy: Any) -> str:
    kind = policy.get("Type") if isinstance(policy, dict) else None
    if not isinstance(kind, str) or kind not in _POLICY_TYPES:
        raise AwsError("InvalidPolicyTypeException", "The policy type is not supported.")
    if policy.get("Version") != "1.0":
        raise _bad_policy("A policy's Version must be 1.0.")
    for name, value in _attributes(policy, _POLICY_TYPES[kind]):
        _check_attribute(name, value)
    return kind


def _attributes(policy: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    attributes = policy.get("Attributes")
    for name in names:
        value = attributes.get(name) if isinstance(attributes, dict) else None
        if not isinstance(value, str):
            raise _bad_policy(f"The policy needs the attribute {name}.")
        yield name, value


def _check_attribute(name: str, value: str) -> None:
    if name == "Timestamp":
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise _bad_policy("Timestamp must be in ISO 8601 format.") from None
        if moment.tzinfo is None:
            raise _bad_policy("Timestamp must name its time zone.")
    elif name == "Unit":
        if value not in _UNITS:
            raise _bad_policy("Unit must be Days or Hours.")
    elif not (value.isascii() and value.isdigit() and int(value[:9]) > 0):
        raise _bad_policy(f"{name} must be a positive number.")


def shown_value(name: str, version: ParameterVersion, *, decrypted: bool) -> str:
    """Return a version's value as an answer carries it.

    A secure string that is not to be decrypted looks like KMS's ciphertext and tells nothing:
    it is made of a hash, and the same for the same version each time.
    """
    if version.type != "SecureString" or decrypted:
        return version.value
    seed = f"{version.key_id}\0{name}\0{version.number}\0{version.value}".encode()
    length = _ENVELOPE_BYTES + len(version.value.encode())
    noise = hashlib.shake_256(seed).digest(length)
    return base64.b64encode(_ENVELOPE_BEGIN + noise).decode()
