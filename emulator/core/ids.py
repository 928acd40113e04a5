"""Identifiers: random in the program, repeatable in tests, derived where they must be stable."""

from __future__ import annotations

import hashlib
import itertools
import random
import uuid
from collections.abc import Iterator

import attrs


@attrs.frozen
class Ids:
    """Makes identifiers from one source of randomness; none of them is a secret."""

    random: random.Random
    _requests_begin: str = attrs.field(init=False)
    _requests: Iterator[int] = attrs.field(init=False)

    @_requests_begin.default
    def _some_begin(self) -> str:
        digits = self.digits(20)
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:]}-"

    @_requests.default
    def _some_count(self) -> Iterator[int]:
        return itertools.count(self.random.getrandbits(44))

    def resource(self, prefix: str) -> str:
        """Return ``<prefix>-`` and 17 hexadecimal digits, as AWS's long ids are."""
        return "%s-%017x" % (prefix, self.random.getrandbits(68))  # noqa: UP031 - made in thousands

    def resources(self, prefix: str, count: int) -> list[str]:
        """Return as many ids as that, for less than so many single ones cost."""
        digits = self.digits(17 * count)
        return [f"{prefix}-{digits[at : at + 17]}" for at in range(0, 17 * count, 17)]

    def request(self) -> str:
        """Return a request id in the form of a UUID: a random start, then counted on."""
        return f"{self._requests_begin}{next(self._requests):012x}"

    def uuid(self) -> str:
        """Return a version 4 UUID."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def digits(self, count: int) -> str:
        """Return ``count`` lower-case hexadecimal digits."""
        return f"{self.random.getrandbits(4 * count):0{count}x}"


def derived(prefix: str, *parts: str) -> str:
    """Return the id that these parts always have, such as a default VPC's in its region."""
    return f"{prefix}-{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:17]}"
