"""Which account a caller is, and in which region it speaks."""

from __future__ import annotations

import re
from functools import lru_cache

import attrs

from emulator.catalog.regions import DEFAULT_REGION, REGIONS
from emulator.core.errors import AwsError
from emulator.services.access_keys import account_of

_ACCOUNT = re.compile(r"[0-9]{12}")


@attrs.frozen
class Accounts:
    """Maps access keys to accounts.

    Attributes:
        default: the account of every access key that is not an account id itself.
    """

    default: str = "000000000000"

    def of(self, access_key: str | None) -> str:
        """Return the account of an access key.

        Twelve digits are an account's own id; keys that STS gave out carry theirs.
        """
        return self.default if access_key is None else _named_by(access_key) or self.default


@lru_cache(maxsize=1024)
def _named_by(access_key: str) -> str | None:
    return access_key if _ACCOUNT.fullmatch(access_key) else account_of(access_key)


def known_region(name: str | None) -> str:
    """Return the region a request addresses.

    Raises:
        AwsError: InvalidRegion for a name that is no region of AWS.
    """
    if name is None:
        return DEFAULT_REGION
    if name not in REGIONS:
        raise AwsError("InvalidRegion", f"'{name}' is not a region of AWS")
    return name
