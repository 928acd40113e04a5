"""Access key ids that carry their account, as AWS's own do.

Ids we give out start with ``LSIA`` (temporary) or ``LKIA``, as in LocalStack, so that a
real account's key that ends up here by mistake is never taken for one of ours.
"""

from __future__ import annotations

import base64
import binascii
from random import Random

from emulator.model.iam import AccessKey, KeyUse
from emulator.services.call import Call

TEMPORARY = "LSIA"
PERMANENT = "LKIA"
_LENGTH = 20
_ACCOUNT_BYTES = 5


def access_key_id(prefix: str, account: str, random: Random) -> str:
    """Return a fresh access key id of an account: the prefix and sixteen characters."""
    packed = int(account).to_bytes(_ACCOUNT_BYTES, "big") + random.randbytes(5)
    return prefix + base64.b32encode(packed).decode()


def account_of(key: str) -> str | None:
    """Return the account of an access key id that we gave out."""
    if len(key) != _LENGTH or not key.startswith((TEMPORARY, PERMANENT)):
        return None
    try:
        packed = base64.b32decode(key[len(TEMPORARY) :])
    except binascii.Error:
        return None
    number = int.from_bytes(packed[:_ACCOUNT_BYTES], "big")
    return f"{number:012d}" if number < 10**12 else None


def note_use(call: Call, service: str) -> None:
    """Remember that a key that IAM gave to a user was used now."""
    if call.access_key is None or not call.access_key.startswith(PERMANENT):
        return
    key = call.state.everywhere(call.account)[AccessKey].get(call.access_key)
    if key is not None:
        now = call.world.clock.now().replace(microsecond=0)
        key.last_use = KeyUse(now, call.region.name, service)
