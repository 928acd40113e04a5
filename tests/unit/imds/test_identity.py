"""Identity documents and their signatures. That openssl agrees is a test of its own."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from emulator.imds.signing import SigningKey
from tests.fakes.client import EPOCH
from tests.fakes.inmate import Inmate, metadata_of
from tests.fakes.launcher import Launcher

FOLDER = "dynamic/instance-identity/"


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.made(EPOCH)


@pytest.fixture
def inmate(key: SigningKey) -> Inmate:
    client = Launcher()
    instance_id = client.launch(ImageId="ami-df5de72bdb3b", InstanceType="t3.small")
    return Inmate(client, instance_id, metadata_of(client, signing_key=lambda: key))


def test_the_document_says_what_the_api_says(inmate: Inmate) -> None:
    client = Launcher()
    instance_id = client.launch(ImageId="ami-df5de72bdb3b", InstanceType="t3.small")
    api = client.instance(instance_id)
    text = Inmate(client, instance_id).get(f"{FOLDER}document") or ""

    assert text.startswith('{\n  "accountId" : "000000000000",\n')
    assert json.loads(text) == {
        "accountId": "000000000000",
        "architecture": api["Architecture"],
        "availabilityZone": api["Placement"]["AvailabilityZone"],
        "billingProducts": None,
        "devpayProductCodes": None,
        "marketplaceProductCodes": None,
        "imageId": api["ImageId"],
        "instanceId": instance_id,
        "instanceType": "t3.small",
        "kernelId": None,
        "pendingTime": "2026-01-02T03:04:05Z",
        "privateIp": api["PrivateIpAddress"],
        "ramdiskId": None,
        "region": "us-east-1",
        "version": "2017-09-30",
    }


def test_the_signature_is_the_certificates_and_of_this_document(
    inmate: Inmate, key: SigningKey
) -> None:
    document = (inmate.get(f"{FOLDER}document") or "").encode()
    signature = base64.b64decode(inmate.get(f"{FOLDER}signature") or "")
    public = key.certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(signature, document, padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(signature, document + b" ", padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("name", ["pkcs7", "rsa2048"])
def test_the_pkcs7_holds_certificate_and_document(
    inmate: Inmate, key: SigningKey, name: str
) -> None:
    body = inmate.get(FOLDER + name) or ""
    assert max(map(len, body.split("\n"))) == 64
    structure = base64.b64decode(body)
    assert pkcs7.load_der_pkcs7_certificates(structure) == [key.certificate]
    assert (inmate.get(f"{FOLDER}document") or "").encode() in structure


def test_a_document_is_signed_once_and_anew_when_it_changes(inmate: Inmate) -> None:
    first = inmate.get(f"{FOLDER}signature")
    assert inmate.get(f"{FOLDER}signature") == first
    other = Launcher()
    instance_id = other.launch(ImageId="ami-df5de72bdb3b")
    changed = Inmate(other, instance_id, metadata_of(other))
    assert changed.get(f"{FOLDER}signature") != first


def test_a_key_that_was_kept_signs_as_before(key: SigningKey) -> None:
    again = SigningKey.from_pem(key.pem)

    assert again.certificate == key.certificate
    assert again.signature(b"document") == key.signature(b"document")
    with pytest.raises(ValueError):  # noqa: PT011 - the library words it
        SigningKey.from_pem(b"no key")
