"""Whether new EBS volumes are encrypted by default, and with which key.

Nothing here asks KMS: AWS too takes any key and finds out later whether it may use it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.catalog.regions import REGIONS
from emulator.core.errors import AwsError
from emulator.services.call import Call, Handler
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

ENCRYPTION_BY_DEFAULT = "ebs.encryption_by_default"
DEFAULT_KEY = "ebs.default_kms_key_id"

# The name that AWS's own key has in every account.
AWS_MANAGED_KEY = "alias/aws/ebs"

_KEY_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|mrk-[0-9a-f]{32}")
_ALIAS = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}")
_ARN = re.compile(
    r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(?:key/(?P<key>[a-zA-Z0-9-]+)|(?P<alias>alias/.+))"
)


def _aliased_key(region: Region, alias: str) -> str:
    """Return the ARN of the key that stands behind an alias here."""
    name = f"{region.account}/{region.name}/{alias}"
    return _key_arn(region, str(uuid.uuid5(uuid.NAMESPACE_URL, name)))


def _key_arn(region: Region, key_id: str) -> str:
    partition = REGIONS[region.name].partition
    return f"arn:{partition}:kms:{region.name}:{region.account}:key/{key_id}"


def kms_key_arn(region: Region, given: str | None) -> str:
    """Return the ARN of a key given as id, alias or ARN; without one that of the default key.

    Raises:
        AwsError: InvalidParameterValue for text that names no key.
    """
    if given is None:
        given = region.settings.get(DEFAULT_KEY, AWS_MANAGED_KEY)
    arn = _ARN.fullmatch(given)
    if arn is not None:
        return given if arn["key"] else _aliased_key(region, arn["alias"])
    if _KEY_ID.fullmatch(given):
        return _key_arn(region, given)
    if _ALIAS.fullmatch(given):
        return _aliased_key(region, given)
    raise AwsError(
        "InvalidParameterValue", f"Value ({given[:256]}) for parameter kmsKeyId is invalid."
    )


def encrypts_by_default(region: Region) -> bool:
    """Tell whether every new volume and copy is encrypted."""
    return bool(region.settings.get(ENCRYPTION_BY_DEFAULT, False))


def encryption(
    region: Region,
    *,
    encrypted: bool | None,
    kms_key_id: str | None,
    source_encrypted: bool = False,
    source_key: str | None = None,
) -> tuple[bool, str | None]:
    """Return whether a new volume or copy is encrypted, and the ARN of its key.

    Args:
        region: where it is made.
        encrypted: what the request says.
        kms_key_id: the key the request names.
        source_encrypted: whether what it is made from is encrypted; then it is, too.
        source_key: the ARN of that one's key, where the new one keeps it.

    Raises:
        AwsError: InvalidParameterDependency for a key without encryption.
    """
    if kms_key_id is not None and not encrypted:
        raise AwsError(
            "InvalidParameterDependency",
            "The parameter KmsKeyId requires the parameter Encrypted to be set.",
        )
    if not (encrypted or source_encrypted or encrypts_by_default(region)):
        return False, None
    if kms_key_id is None and source_encrypted and source_key is not None:
        return True, source_key
    return True, kms_key_arn(region, kms_key_id)


def enable_ebs_encryption_by_default(
    call: Call, _: aws.EnableEbsEncryptionByDefaultRequestTypeDef
) -> dict[str, Any]:
    """Encrypt every volume and snapshot copy from now on."""
    call.region.settings[ENCRYPTION_BY_DEFAULT] = True
    return {"EbsEncryptionByDefault": True}


def disable_ebs_encryption_by_default(
    call: Call, _: aws.DisableEbsEncryptionByDefaultRequestTypeDef
) -> dict[str, Any]:
    """Encrypt only what is asked to be."""
    call.region.settings[ENCRYPTION_BY_DEFAULT] = False
    return {"EbsEncryptionByDefault": False}


def get_ebs_encryption_by_default(
    call: Call, _: aws.GetEbsEncryptionByDefaultRequestTypeDef
) -> dict[str, Any]:
    """Tell whether encryption is the default."""
    return {"EbsEncryptionByDefault": encrypts_by_default(call.region)}


def get_ebs_default_kms_key_id(
    call: Call, _: aws.GetEbsDefaultKmsKeyIdRequestTypeDef
) -> dict[str, Any]:
    """Tell the key that encrypts where none is named."""
    return {"KmsKeyId": call.region.settings.get(DEFAULT_KEY, AWS_MANAGED_KEY)}


def modify_ebs_default_kms_key_id(
    call: Call, params: aws.ModifyEbsDefaultKmsKeyIdRequestTypeDef
) -> dict[str, Any]:
    """Choose that key; the answer has its ARN, however it was given."""
    arn = kms_key_arn(call.region, params["KmsKeyId"])
    call.region.settings[DEFAULT_KEY] = arn
    return {"KmsKeyId": arn}


def reset_ebs_default_kms_key_id(
    call: Call, _: aws.ResetEbsDefaultKmsKeyIdRequestTypeDef
) -> dict[str, Any]:
    """Go back to the key that AWS manages."""
    call.region.settings.pop(DEFAULT_KEY, None)
    return {"KmsKeyId": AWS_MANAGED_KEY}


OPERATIONS: Mapping[str, Handler] = {
    "DisableEbsEncryptionByDefault": disable_ebs_encryption_by_default,
    "EnableEbsEncryptionByDefault": enable_ebs_encryption_by_default,
    "GetEbsDefaultKmsKeyId": get_ebs_default_kms_key_id,
    "GetEbsEncryptionByDefault": get_ebs_encryption_by_default,
    "ModifyEbsDefaultKmsKeyId": modify_ebs_default_kms_key_id,
    "ResetEbsDefaultKmsKeyId": reset_ebs_default_kms_key_id,
}
