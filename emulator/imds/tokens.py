"""Session tokens: sealed rather than stored, bound to one instance; know no HTTP.

A token is its own expiry, encrypted with the instance as associated data. So there is no
table to fill up, no other instance can use it, and it is good after a restart with the same
key. Source: "How Instance Metadata Service Version 2 works".
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MIN_TTL_SECONDS: Final = 1
MAX_TTL_SECONDS: Final = 6 * 3600
KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_CONTENT: Final = struct.Struct(">QI")  # expiry in milliseconds since 1970, then the TTL
_TAG_BYTES: Final = 16
_SEALED_BYTES: Final = _NONCE_BYTES + _CONTENT.size + _TAG_BYTES
LENGTH: Final = 4 * -(-_SEALED_BYTES // 3)
"""Characters of a token, as many as AWS's have."""

_MAX_OPENED: Final = 1024


@attrs.define(eq=False)
class Tokens:
    """Issues tokens and tells how long they are still good.

    Args:
        key: KEY_BYTES secret bytes.
        now: the present epoch second.
        random_bytes: cryptographically secure randomness.
    """

    _key: bytes = attrs.field(repr=False)
    _now: Callable[[], float]
    _random_bytes: Callable[[int], bytes]
    _opened: dict[str, tuple[str, float]] = attrs.field(factory=dict, init=False, repr=False)

    @cached_property
    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import (  # noqa: PLC0415 - on first use
            AESGCM,
        )

        return AESGCM(self._key)

    def issue(self, owner: str, ttl_seconds: int) -> str:
        """Return a token for one instance.

        Args:
            owner: whose it is, unique among all accounts and regions.
            ttl_seconds: within MIN_TTL_SECONDS and MAX_TTL_SECONDS.
        """
        nonce = self._random_bytes(_NONCE_BYTES)
        content = _CONTENT.pack(int((self._now() + ttl_seconds) * 1000), ttl_seconds)
        sealed = nonce + self._cipher.encrypt(nonce, content, owner.encode())
        return base64.urlsafe_b64encode(sealed).decode()

    def seconds_left(self, owner: str, token: str) -> float:
        """Return how long a token is still good for ``owner``; 0 or less if it is not."""
        opened = self._opened.get(token)
        if opened is None:
            expires = self._open(owner, token)
            if expires is None:
                return 0.0
            # What was opened once is genuine, so this never holds a stranger's invention.
            if len(self._opened) >= _MAX_OPENED:
                self._opened.clear()
            opened = self._opened[token] = (owner, expires)
        return opened[1] - self._now() if opened[0] == owner else 0.0

    def _open(self, owner: str, token: str) -> float | None:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above

        # Anything longer is refused unread.
        if len(token) != LENGTH or not token.isascii():
            return None
        try:
            sealed = base64.b64decode(token, b"-_", validate=True)
            content = self._cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.encode()
            )
        except (ValueError, InvalidTag):
            return None
        milliseconds, _ = _CONTENT.unpack(content)
        return float(milliseconds) / 1000
