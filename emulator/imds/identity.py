"""Instance identity documents and their signatures, really made with a certificate of ours.

Sources: "Instance identity documents for Amazon EC2 instances", "Verify the instance
identity document". AWS signs with a key of each region, and ``pkcs7`` with DSA; here one
RSA key of 2048 bits signs everything, and whoever has its certificate can verify.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from emulator.imds.documents import moment, readable_json
from emulator.imds.facts import Facts

_KEY_BITS: Final = 2048
_PUBLIC_EXPONENT: Final = 65537
_VALID_DAYS: Final = 3650
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
class SigningKey:
    """A private key with its self-signed certificate."""

    private: rsa.RSAPrivateKey = attrs.field(repr=False)
    certificate: x509.Certificate

    @classmethod
    def made(cls, now: datetime) -> SigningKey:
        """Return a new one; takes a good part of a second."""
        private = rsa.generate_private_key(_PUBLIC_EXPONENT, _KEY_BITS)
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ec2-emulator"),
                x509.NameAttribute(NameOID.COMMON_NAME, "instance identity documents"),
            ]
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=_VALID_DAYS))
            .sign(private, hashes.SHA256())
        )
        return cls(private, certificate)

    @classmethod
    def from_pem(cls, pem: bytes) -> SigningKey:
        """Return the one that ``pem`` keeps.

        Raises:
            ValueError: it is none of ours.
        """
        private = serialization.load_pem_private_key(pem, None)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise ValueError("the signing key of identity documents must be RSA")  # noqa: TRY004 - the file's fault
        return cls(private, x509.load_pem_x509_certificate(pem))

    @property
    def pem(self) -> bytes:
        """Key and certificate, for safekeeping."""
        key = self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return key + self.certificate_pem

    @property
    def certificate_pem(self) -> bytes:
        """The certificate, for everybody."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


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
        signature = key.private.sign(document, padding.PKCS1v15(), hashes.SHA256())
        structure = (
            pkcs7.PKCS7SignatureBuilder()
            .set_data(document)
            .add_signer(key.certificate, key.private, hashes.SHA256())
            .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
        )
        return _Signed(_base64(signature), _base64(structure))


def _base64(data: bytes) -> str:
    return "\n".join(textwrap.wrap(base64.b64encode(data).decode(), _LINE))
