from __future__ import annotations

import base64

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_private_key,
)

from emulator.vm.docker.host_keys import HostKey, console_lines, new_host_keys


def strings(blob: bytes) -> list[bytes]:
    """Take SSH's length-prefixed strings apart."""
    found = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def public_blob(key: HostKey) -> list[bytes]:
    return strings(base64.b64decode(key.public.split()[1]))


def test_each_instance_has_keys_of_its_own() -> None:
    one, other = new_host_keys(), new_host_keys()

    assert [key.kind for key in one] == ["ed25519", "ecdsa"]
    assert not {key.public for key in one} & {key.public for key in other}


def test_the_openssh_file_is_the_public_keys() -> None:
    for key in new_host_keys():
        private = load_ssh_private_key(key.openssh, password=None)
        public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)

        assert public.decode() == key.public


def test_the_dropbear_file_is_the_same_key() -> None:
    ed25519, ecdsa = new_host_keys()

    algorithm, pair = strings(ed25519.dropbear)
    assert [algorithm, pair[32:]] == public_blob(ed25519)
    *public, secret = strings(ecdsa.dropbear)
    assert public == public_blob(ecdsa)
    private = load_ssh_private_key(ecdsa.openssh, password=None)
    assert int.from_bytes(secret, "big") == private.private_numbers().private_value


def test_the_console_shows_fingerprints_and_keys() -> None:
    keys = new_host_keys()
    text = console_lines(keys)

    for key in keys:
        assert f"256 {key.fingerprint} ({key.kind.upper()})" in text
        assert key.public in text
    assert text.startswith("-----BEGIN SSH HOST KEY FINGERPRINTS-----\n")


def test_secrets_do_not_show_in_logs() -> None:
    shown = repr(new_host_keys())

    assert "openssh" not in shown
    assert "dropbear" not in shown
