"""An instance's SSH host keys, made outside so that its first boot need not wait for them.

ED25519 and ECDSA, each in OpenSSH's and in Dropbear's format: whichever server runs, the
instance is the same. RSA is left out: it takes a tenth of a second of a processor for each
launch, and clients have known ECDSA since 2011. Pure but for randomness.
"""

from __future__ import annotations

import base64
import hashlib

import attrs
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


@attrs.frozen
class HostKey:
    """One host key.

    Attributes:
        kind: ``ed25519`` or ``ecdsa``.
        openssh: the private key's file for OpenSSH.
        dropbear: the same for Dropbear.
        public: algorithm and key, as in a ``known_hosts`` file.
    """

    kind: str
    openssh: bytes = attrs.field(repr=False)
    dropbear: bytes = attrs.field(repr=False)
    public: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 as OpenSSH writes it."""
        digest = hashlib.sha256(base64.b64decode(self.public.split()[1])).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def new_host_keys() -> tuple[HostKey, ...]:
    """Make the keys of one instance; takes about a millisecond."""
    ed25519 = Ed25519PrivateKey.generate()
    ecdsa = ec.generate_private_key(ec.SECP256R1())
    return (
        _host_key("ed25519", ed25519, _dropbear_ed25519(ed25519)),
        _host_key("ecdsa", ecdsa, _dropbear_ecdsa(ecdsa)),
    )


def console_lines(keys: tuple[HostKey, ...]) -> str:
    """Return the keys as cloud-init prints them to the console, for ``GetConsoleOutput``.

    Users compare them before they trust a connection (EC2 User Guide, "Get the instance
    fingerprint").
    """
    bits = {"ed25519": 256, "ecdsa": 256}
    prints = (f"{bits[k.kind]} {k.fingerprint} ({k.kind.upper()})" for k in keys)
    return "\n".join(
        (
            "-----BEGIN SSH HOST KEY FINGERPRINTS-----",
            *prints,
            "-----END SSH HOST KEY FINGERPRINTS-----",
            "-----BEGIN SSH HOST KEY KEYS-----",
            *(key.public for key in keys),
            "-----END SSH HOST KEY KEYS-----",
            "",
        )
    )


def _host_key(
    kind: str, key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, dropbear: bytes
) -> HostKey:
    openssh = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return HostKey(kind, openssh, dropbear, public.decode())


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _dropbear_ed25519(key: Ed25519PrivateKey) -> bytes:
    pair = key.private_bytes_raw() + key.public_key().public_bytes_raw()
    return _string(b"ssh-ed25519") + _string(pair)


def _dropbear_ecdsa(key: ec.EllipticCurvePrivateKey) -> bytes:
    secret = key.private_numbers().private_value
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    number = secret.to_bytes(secret.bit_length() // 8 + 1, "big")
    return _string(b"ecdsa-sha2-nistp256") + _string(b"nistp256") + _string(point) + _string(number)
