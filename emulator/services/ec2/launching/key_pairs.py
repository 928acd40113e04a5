"""Key pairs: made here or imported; the private half is given away once and forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from emulator.core.errors import AwsError
from emulator.model.image import KeyPair
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.launching.key_material import (
    RSA,
    ImportedKey,
    KeyFormatError,
    NewKey,
    new_key,
    read_public_key,
)
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.tags import tags_on_create
from emulator.services.filters import select
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

MAX_NAME_LENGTH = 255
MAX_KEY_PAIRS = 5000


def _view(_: Region, key: KeyPair) -> Mapping[str, Any]:
    return {
        "KeyPairId": key.id,
        "KeyName": key.name,
        "KeyType": key.key_type,
        "KeyFingerprint": key.fingerprint,
        "CreateTime": key.created_at,
        "Tags": tag_set(key.tags),
    }


KEY_PAIR = Kind(
    row=KeyPair,
    shape="KeyPairInfo",
    view=_view,
    filters={
        "fingerprint": lambda _, key: key.fingerprint,
        "key-name": lambda _, key: key.name,
        "key-pair-id": lambda _, key: key.id,
    },
)


def named(region: Region, name: str) -> KeyPair | None:
    """Return the key pair of a name, if there is one."""
    found = region[KeyPair].where(name=name)
    return found[0] if found else None


def _check_new(region: Region, name: str) -> None:
    if len(name) > MAX_NAME_LENGTH or not name.isascii() or not name.isprintable():
        raise AwsError(
            "InvalidParameterValue",
            f"Value for parameter KeyName is invalid. Use up to {MAX_NAME_LENGTH} "
            "printable ASCII characters",
        )
    if name != name.strip():
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({name}) for parameter KeyName is invalid. "
            "It must not begin or end with a space",
        )
    if named(region, name) is not None:
        raise AwsError("InvalidKeyPair.Duplicate", f"The keypair '{name}' already exists.")
    if len(region[KeyPair]) >= MAX_KEY_PAIRS:
        raise AwsError(
            "ResourceCountExceeded", f"There are {MAX_KEY_PAIRS} key pairs in {region.name} already"
        )


def _keep(
    call: Call, name: str, key_type: str, key: NewKey | ImportedKey, tags: Mapping[str, str]
) -> KeyPair:
    return call.region[KeyPair].add(
        KeyPair(
            id=call.new_id(KeyPair),
            tags=tags,
            name=name,
            key_type=key_type,
            fingerprint=key.fingerprint,
            public_key=f"{key.public_key} {name}",
            created_at=call.world.clock.now(),
        )
    )


def _made(key: KeyPair) -> dict[str, Any]:
    return {
        "KeyPairId": key.id,
        "KeyName": key.name,
        "KeyFingerprint": key.fingerprint,
        "Tags": tag_set(key.tags),
    }


async def create_key_pair(call: Call, params: aws.CreateKeyPairRequestTypeDef) -> dict[str, Any]:
    """Make a key pair and hand out its private half. Source: API_CreateKeyPair."""
    name, key_type = params["KeyName"], params.get("KeyType") or RSA
    tags = tags_on_create(params, "key-pair")
    _check_new(call.region, name)
    key = await call.world.threads.run(new_key, key_type, params.get("KeyFormat") or "pem", name)
    # Another request may have taken the name while the key was made.
    _check_new(call.region, name)
    kept = _keep(call, name, key_type, key, tags)
    return {**_made(kept), "KeyMaterial": key.private_key}


def import_key_pair(call: Call, params: aws.ImportKeyPairRequestTypeDef) -> dict[str, Any]:
    """Take in a public key. Source: API_ImportKeyPair."""
    name = params["KeyName"]
    # The wire hands on a blob decoded.
    material = cast("bytes", params["PublicKeyMaterial"])
    tags = tags_on_create(params, "key-pair")
    _check_new(call.region, name)
    try:
        key = read_public_key(material)
    except KeyFormatError as error:
        raise AwsError(
            "InvalidKey.Format", "Key is not in valid OpenSSH public key format"
        ) from error
    return _made(_keep(call, name, key.key_type, key, tags))


def describe_key_pairs(call: Call, params: aws.DescribeKeyPairsRequestTypeDef) -> dict[str, Any]:
    """List key pairs, with their public halves if asked to."""
    region = call.region
    names, ids = params.get("KeyNames"), params.get("KeyPairIds")
    rows = KEY_PAIR.rows(region)
    if names:
        rows = _named(region, names)
    if ids:
        by_id = KEY_PAIR.find_all(region, ids)
        rows = [key for key in by_id if not names or key in rows]
    rows = select(region, rows, params.get("Filters"), KEY_PAIR.filters, taggable=True)
    if params.get("IncludePublicKey"):
        return {"KeyPairs": [{**_view(region, key), "PublicKey": key.public_key} for key in rows]}
    return {"KeyPairs": [KEY_PAIR.show(region, key) for key in rows]}


def _named(region: Region, names: Sequence[str]) -> list[KeyPair]:
    found = {name: named(region, name) for name in names}
    missing = [name for name, key in found.items() if key is None]
    if missing:
        raise NOUNS["key"].missing(missing)
    return [key for key in found.values() if key is not None]


def delete_key_pair(call: Call, params: aws.DeleteKeyPairRequestTypeDef) -> dict[str, Any]:
    """Forget a key pair; one that does not exist is no error."""
    region = call.region
    name, key_id = params.get("KeyName"), params.get("KeyPairId")
    if name is None and key_id is None:
        raise AwsError(
            "MissingParameter", "The request must contain the parameter KeyName or KeyPairId"
        )
    key = region[KeyPair].get(key_id) if key_id is not None else named(region, name or "")
    if key is None:
        return {"Return": True}
    region[KeyPair].remove(key)
    return {"Return": True, "KeyPairId": key.id}


OPERATIONS: Mapping[str, Handler] = {
    "CreateKeyPair": create_key_pair,
    "DeleteKeyPair": delete_key_pair,
    "DescribeKeyPairs": describe_key_pairs,
    "ImportKeyPair": import_key_pair,
}
