from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from twisted.internet.defer import Deferred

from emulator.core.threads import Threads
from emulator.services.call import Call
from emulator.services.ec2.launching.key_material import KeyFormatError, new_key, read_public_key
from emulator.services.ec2.launching.key_pairs import create_key_pair
from emulator.wire.service import load
from tests.fakes.client import Client

ED25519 = (
    b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrv1vEv0Vd2sLEhT1mVbz4cK3sXwRWtUOH4mNnMVYyI me@home"
)


def test_a_created_rsa_key_is_pkcs1_and_its_fingerprint_is_that_of_the_private_key() -> None:
    client = Client()
    made = client.call(
        "CreateKeyPair",
        KeyName="my key",
        TagSpecifications=[{"ResourceType": "key-pair", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    assert made["KeyMaterial"].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    key = serialization.load_pem_private_key(made["KeyMaterial"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert made["KeyFingerprint"] == hashlib.sha1(der).digest().hex(":")

    (shown,) = client.call("DescribeKeyPairs", KeyNames=["my key"], IncludePublicKey=True)[
        "KeyPairs"
    ]
    assert shown["KeyPairId"] == made["KeyPairId"]
    assert shown["KeyType"] == "rsa"
    assert shown["KeyFingerprint"] == made["KeyFingerprint"]
    assert shown["Tags"] == made["Tags"] == [{"Key": "a", "Value": "b"}]
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert shown["PublicKey"] == f"{public} my key"


def test_a_created_ed25519_key_is_in_opensshs_format() -> None:
    made = Client().call("CreateKeyPair", KeyName="k", KeyType="ed25519")
    assert made["KeyMaterial"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert made["KeyFingerprint"].endswith("=")
    key = serialization.load_ssh_private_key(made["KeyMaterial"].encode(), None)
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    assert read_public_key(line).fingerprint == made["KeyFingerprint"]


@pytest.mark.parametrize("key_type", ["rsa", "ed25519"])
def test_a_putty_key_holds_the_public_half_and_a_mac(key_type: str) -> None:
    text = new_key(key_type, "ppk", "work").private_key
    lines = text.splitlines()
    assert lines[0] == f"PuTTY-User-Key-File-2: ssh-{key_type}"
    assert lines[1:3] == ["Encryption: none", "Comment: work"]
    count = int(lines[3].removeprefix("Public-Lines: "))
    blob = "".join(lines[4 : 4 + count])
    assert read_public_key(f"ssh-{key_type} {blob}".encode()).key_type == key_type
    assert len(lines[-1].removeprefix("Private-MAC: ")) == 40


def test_terraform_imports_reads_and_deletes() -> None:
    client = Client()
    made = client.call("ImportKeyPair", KeyName="deployer", PublicKeyMaterial=ED25519)
    (shown,) = client.call("DescribeKeyPairs", KeyNames=["deployer"], IncludePublicKey=True)[
        "KeyPairs"
    ]
    assert shown["KeyPairId"] == made["KeyPairId"]
    assert shown["KeyType"] == "ed25519"
    assert shown["PublicKey"].split()[:2] == ED25519.decode().split()[:2]
    gone = client.call("DeleteKeyPair", KeyName="deployer")
    assert gone["KeyPairId"] == made["KeyPairId"]
    assert client.code_of("DescribeKeyPairs", KeyNames=["deployer"]) == "InvalidKeyPair.NotFound"
    assert client.call("DeleteKeyPair", KeyName="deployer")["Return"] is True
    assert client.code_of("DeleteKeyPair") == "MissingParameter"


def test_an_rsa_key_is_read_in_all_formats_with_the_fingerprint_of_its_public_half() -> None:
    key = rsa.generate_private_key(65537, 1024).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    openssh = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    body = openssh.split()[1]
    rfc4716 = (
        b'---- BEGIN SSH2 PUBLIC KEY ----\nComment: "1024-bit RSA, \\\ncontinued"\n'
        + b"\n".join(body[at : at + 70] for at in range(0, len(body), 70))
        + b"\n---- END SSH2 PUBLIC KEY ----\n"
    )
    bare = b"".join(pem.splitlines()[1:-1])
    fingerprint = hashlib.md5(der).digest().hex(":")
    for material in (
        openssh,
        openssh + b" me\n",
        rfc4716,
        bare,
        b"\n".join(pem.splitlines()[1:-1]),
    ):
        read = read_public_key(material)
        assert read.public_key == openssh.decode()
        assert read.fingerprint == fingerprint


@pytest.mark.parametrize(
    "material",
    [
        b"",
        b"\xff\x00" * 50,
        b"ssh-rsa",
        b"ssh-rsa AAAA",
        b"ssh-dss AAAAB3NzaC1kc3M=",
        b"not base64!",
        b"x" * 20_000,
        b"---- BEGIN SSH2 PUBLIC KEY ----\n\n---- END SSH2 PUBLIC KEY ----",
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    ],
)
def test_other_material_is_refused(material: bytes) -> None:
    with pytest.raises(KeyFormatError):
        read_public_key(material)
    client = Client()
    code = client.code_of("ImportKeyPair", KeyName="k", PublicKeyMaterial=material)
    assert code in ("InvalidKey.Format", "MissingParameter")
    assert client.call("DescribeKeyPairs")["KeyPairs"] == []


class SlowThreads(Threads):
    """Threads that finish when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Deferred[Any], Callable[[], Any]]] = []

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.waiting.append((done, functools.partial(function, *args, **kwargs)))
        return done


def test_of_two_that_make_a_key_of_one_name_at_once_one_is_refused() -> None:
    client, threads = Client(), SlowThreads()
    call = Call(
        load("ec2").operation("CreateKeyPair"),
        {"KeyName": "same", "KeyType": "ed25519"},
        client.api.state.region("000000000000", "us-east-1"),
        client.api.state,
        attrs.evolve(client.api.world, threads=threads),
    )
    results: list[Any] = []
    for _ in range(2):
        Deferred.fromCoroutine(create_key_pair(call, call.params)).addBoth(results.append)
    for done, work in threads.waiting:
        done.callback(work())

    made, refused = results
    assert made["KeyName"] == "same"
    assert refused.value.code == "InvalidKeyPair.Duplicate"
    assert len(client.call("DescribeKeyPairs")["KeyPairs"]) == 1


def test_names_are_unique_and_plain() -> None:
    client = Client()
    client.call("ImportKeyPair", KeyName="taken", PublicKeyMaterial=ED25519)
    for name, code in {
        "taken": "InvalidKeyPair.Duplicate",
        " edge": "InvalidParameterValue",
        "schlüssel": "InvalidParameterValue",
        "x" * 256: "InvalidParameterValue",
    }.items():
        assert client.code_of("ImportKeyPair", KeyName=name, PublicKeyMaterial=ED25519) == code
        assert client.code_of("CreateKeyPair", KeyName=name, KeyType="ed25519") == code


def test_key_pairs_are_found_by_name_id_and_filter() -> None:
    client = Client()
    first = client.call("CreateKeyPair", KeyName="first", KeyType="ed25519")
    second = client.call(
        "ImportKeyPair",
        KeyName="second",
        PublicKeyMaterial=ED25519,
        TagSpecifications=[{"ResourceType": "key-pair", "Tags": [{"Key": "a", "Value": "b"}]}],
    )

    def names(**params: object) -> list[str]:
        return [key["KeyName"] for key in client.call("DescribeKeyPairs", **params)["KeyPairs"]]

    assert names() == ["first", "second"]
    assert names(KeyPairIds=[first["KeyPairId"]]) == ["first"]
    for name, value in {
        "key-name": "sec*",
        "key-pair-id": second["KeyPairId"],
        "fingerprint": second["KeyFingerprint"],
        "tag:a": "b",
    }.items():
        assert names(Filters=[{"Name": name, "Values": [value]}]) == ["second"], name
    assert client.code_of("DescribeKeyPairs", KeyPairIds=["key-0123456789abcdef0"]) == (
        "InvalidKeyPair.NotFound"
    )
    assert "PublicKey" not in client.call("DescribeKeyPairs")["KeyPairs"][0]
