"""The key that signs identity documents, and its certificate.

Apart from its users because what it imports takes a while: at the first document.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

_KEY_BITS: Final = 2048
_PUBLIC_EXPONENT: Final = 65537
_VALID_DAYS: Final = 3650


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

    def signature(self, document: bytes) -> bytes:
        """Return an RSA signature over the document's SHA-256."""
        return self.private.sign(document, padding.PKCS1v15(), hashes.SHA256())

    def pkcs7(self, document: bytes) -> bytes:
        """Return a PKCS #7 structure in DER that holds the document and its signature."""
        return (
            pkcs7.PKCS7SignatureBuilder()
            .set_data(document)
            .add_signer(self.certificate, self.private, hashes.SHA256())
            .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
        )
