"""Key pairs as bytes: made, written in the formats AWS gives out, read, fingerprinted.

Pure functions over ``cryptography``; nothing here knows a record or a request.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import textwrap
from typing import TypeAlias

import attrs
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey
PrivateKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey

RSA, ED25519 = "rsa", "ed25519"
RSA_BITS = 2048
# "Create a key pair for your Amazon EC2 instance": lengths of RSA keys that may be imported.
LEAST_RSA_BITS, MOST_RSA_BITS = 1024, 4096
MOST_BYTES = 16384

_SSH2 = re.compile(
    rb"\s*---- BEGIN SSH2 PUBLIC KEY ----\r?\n(.*?)\r?\n---- END SSH2 PUBLIC KEY ----\s*", re.DOTALL
)


class KeyFormatError(Exception):
    """Text that should be a public key is none that EC2 takes."""


@attrs.frozen
class NewKey:
    """A key pair that was just made.

    Attributes:
        public_key: algorithm and key in OpenSSH's format, without a comment.
        private_key: the text that the user keeps.
        fingerprint: as EC2 shows it for keys that it made.
    """

    public_key: str
    private_key: str
    fingerprint: str


@attrs.frozen
class ImportedKey:
    """A public key that somebody brought.

    Attributes:
        key_type: ``rsa`` or ``ed25519``.
        public_key: algorithm and key in OpenSSH's format, without a comment.
        fingerprint: as EC2 shows it for keys that were imported.
    """

    key_type: str
    public_key: str
    fingerprint: str


def new_key(key_type: str, key_format: str, comment: str) -> NewKey:
    """Make a key pair; an RSA key takes a tenth of a second.

    Args:
        key_type: ``rsa`` or ``ed25519``.
        key_format: ``pem`` or ``ppk``.
        comment: the key's name, for the format that can hold it.
    """
    key: PrivateKey
    key = generate_private_key(65537, RSA_BITS) if key_type == RSA else Ed25519PrivateKey.generate()
    if isinstance(key, RSAPrivateKey):
        fingerprint = _private_fingerprint(key)
    else:
        fingerprint = _openssh_fingerprint(key.public_key())
    text = _ppk(key, comment) if key_format == "ppk" else _pem(key)
    return NewKey(_openssh(key.public_key()), text, fingerprint)


def read_public_key(material: bytes) -> ImportedKey:
    """Read a public key in OpenSSH's format, in RFC 4716's, or as DER in base64.

    Raises:
        KeyFormatError: it is none of these, or no RSA or ED25519 key.
    """
    if len(material) > MOST_BYTES:
        raise KeyFormatError
    try:
        key = _parsed(material.strip())
    except (ValueError, UnsupportedAlgorithm, binascii.Error) as error:
        raise KeyFormatError from error
    if isinstance(key, Ed25519PublicKey):
        return ImportedKey(ED25519, _openssh(key), _openssh_fingerprint(key))
    if isinstance(key, RSAPublicKey) and LEAST_RSA_BITS <= key.key_size <= MOST_RSA_BITS:
        return ImportedKey(RSA, _openssh(key), _public_fingerprint(key))
    raise KeyFormatError


def _parsed(material: bytes) -> object:
    if material.startswith((b"ssh-rsa ", b"ssh-ed25519 ")):
        return serialization.load_ssh_public_key(material)
    if material.startswith(b"-----BEGIN"):
        return serialization.load_pem_public_key(material)
    found = _SSH2.fullmatch(material)
    if found is not None:
        return _from_blob(_base64(_without_headers(found[1])))
    return serialization.load_der_public_key(_base64(material))


def _base64(text: bytes) -> bytes:
    return base64.b64decode(b"".join(text.split()), validate=True)


def _without_headers(body: bytes) -> bytes:
    """Leave out RFC 4716's headers; a backslash continues one on the next line."""
    kept, continued = [], False
    for line in body.splitlines():
        if continued or b":" in line:
            continued = line.endswith(b"\\")
        else:
            kept.append(line)
    return b"".join(kept)


def _from_blob(blob: bytes) -> object:
    length = int.from_bytes(blob[:4], "big")
    algorithm = blob[4 : 4 + length]
    if algorithm not in (b"ssh-rsa", b"ssh-ed25519"):
        raise KeyFormatError
    return serialization.load_ssh_public_key(algorithm + b" " + base64.b64encode(blob))


def _openssh(key: PublicKey) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _pem(key: PrivateKey) -> str:
    """Return the private key as AWS does: PKCS#1 for RSA, OpenSSH's own for ED25519."""
    rsa = isinstance(key, RSAPrivateKey)
    chosen = PrivateFormat.TraditionalOpenSSL if rsa else PrivateFormat.OpenSSH
    return key.private_bytes(Encoding.PEM, chosen, NoEncryption()).decode()


def _colons(digest: bytes) -> str:
    return digest.hex(":")


def _private_fingerprint(key: RSAPrivateKey) -> str:
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return _colons(hashlib.sha1(der, usedforsecurity=False).digest())


def _public_fingerprint(key: RSAPublicKey) -> str:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _colons(hashlib.md5(der, usedforsecurity=False).digest())


def _openssh_fingerprint(key: PublicKey) -> str:
    return base64.b64encode(hashlib.sha256(_blob(key)).digest()).decode()


def _blob(key: PublicKey) -> bytes:
    return base64.b64decode(_openssh(key).split()[1])


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _mpint(value: int) -> bytes:
    return _string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _ppk(key: PrivateKey, comment: str) -> str:
    """Return the key as PuTTY's, version 2, which every PuTTY reads.

    Source: PuTTY user manual, appendix "PPK file format".
    """
    public = _blob(key.public_key())
    if isinstance(key, RSAPrivateKey):
        algorithm, numbers = "ssh-rsa", key.private_numbers()
        private = b"".join(map(_mpint, (numbers.d, numbers.p, numbers.q, numbers.iqmp)))
    else:
        algorithm, private = "ssh-ed25519", _string(key.private_bytes_raw())
    sealed = b"".join(
        _string(part) for part in (algorithm.encode(), b"none", comment.encode(), public, private)
    )
    secret = hashlib.sha1(b"putty-private-key-file-mac-key", usedforsecurity=False).digest()
    mac = hmac.new(secret, sealed, "sha1").hexdigest()
    return "\n".join(
        (
            f"PuTTY-User-Key-File-2: {algorithm}",
            "Encryption: none",
            f"Comment: {comment}",
            *_lines("Public", public),
            *_lines("Private", private),
            f"Private-MAC: {mac}",
            "",
        )
    )


def _lines(name: str, blob: bytes) -> list[str]:
    lines = textwrap.wrap(base64.b64encode(blob).decode(), 64)
    return [f"{name}-Lines: {len(lines)}", *lines]
