"""Passwords of Windows administrators, made and sealed with a key pair's public half."""

from __future__ import annotations

import base64
import secrets
import string

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

PASSWORD_LENGTH = 32
# Windows wants three of these four in every password; all four are in ours.
_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!$%&()*+,-.:;=?@")


def new_password() -> str:
    """Return a random password that Windows' complexity rules accept."""
    characters = [secrets.choice(each) for each in _CLASSES]
    alphabet = "".join(_CLASSES)
    characters += (secrets.choice(alphabet) for _ in range(PASSWORD_LENGTH - len(characters)))
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)


def sealed(public_key: str, password: str) -> str:
    """Return a password encrypted as EC2 does: PKCS#1 v1.5, then base64.

    It takes a tenth of a millisecond, so nobody needs a thread for it.

    Args:
        public_key: an RSA key in OpenSSH's format.
        password: what only the private key's holder may read.
    """
    key = serialization.load_ssh_public_key(public_key.encode())
    assert isinstance(key, RSAPublicKey), "other key pairs are refused at launch"
    return base64.b64encode(key.encrypt(password.encode(), padding.PKCS1v15())).decode()
