"""Instance identity documents and their signatures, really made with a certificate of ours.

Sources: "Instance identity documents for Amazon EC2 instances", "Verify the instance
identity document". AWS signs with a key of each region, and ``pkcs7`` with DSA; here one
RSA key of 2048 bits signs everything, and whoever has its certificate can verify.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from emulator.imds.documents import moment, readable_json
from emulator.imds.facts import Facts

if TYPE_CHECKING:
    from emulator.imds.signing import SigningKey

_LINE: Final = 64  # as PEM has them: what is shown goes between BEGIN and END PKCS7
_MAX_SIGNED: Final = 1024
_VERSION: Final = "2017-09-30"


def identity_document(facts: Facts) -> bytes:
    """Return the document of an instance."""
    instance = facts.instance
    image = facts.image
    return readable_json(
        {
            "accountId": facts.region.account,
            "architecture": instance.architecture,
            "availabilityZone": instance.availability_zone,
            "billingProducts": None,
            "devpayProductCodes": None,
            "marketplaceProductCodes": list(image.product_codes) or None if image else None,
            "imageId": instance.image_id,
            "instanceId": instance.id,
            "instanceType": instance.instance_type,
            "kernelId": instance.kernel_id,
            "pendingTime": moment(instance.launched_at),
            "privateIp": facts.private_ip,
            "ramdiskId": instance.ramdisk_id,
            "region": facts.region.name,
            "version": _VERSION,
        }
    ).encode()


@attrs.frozen
class _Signed:
    """One document's two signatures, in base64."""

    signature: str
    pkcs7: str


@attrs.define(eq=False)
class Identity:
    """Signs documents; each is signed once.

    Args:
        new_key: returns the signing key when it is first needed.
    """

    _new_key: Callable[[], SigningKey]
    _key: SigningKey | None = attrs.field(default=None, init=False)
    _signed: dict[bytes, _Signed] = attrs.field(factory=dict, init=False)

    @property
    def key(self) -> SigningKey:
        """The signing key."""
        if self._key is None:
            self._key = self._new_key()
        return self._key

    def signature(self, document: bytes) -> str:
        """Return an RSA signature over the document's SHA-256."""
        return self._of(document).signature

    def pkcs7(self, document: bytes) -> str:
        """Return a PKCS #7 structure that holds the document and its signature."""
        return self._of(document).pkcs7

    def _of(self, document: bytes) -> _Signed:
        signed = self._signed.get(document)
        if signed is None:
            if len(self._signed) >= _MAX_SIGNED:
                self._signed.clear()
            signed = self._signed[document] = self._sign(document)
        return signed

    def _sign(self, document: bytes) -> _Signed:
        key = self.key
        return _Signed(_base64(key.signature(document)), _base64(key.pkcs7(document)))


def _base64(data: bytes) -> str:
    return "\n".join(textwrap.wrap(base64.b64encode(data).decode(), _LINE))
