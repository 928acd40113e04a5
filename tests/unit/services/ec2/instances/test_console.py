"""What a machine tells of itself: its administrator's password."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.fakes.launcher import Launcher


def windows(client: Launcher) -> str:
    images = client.call(
        "DescribeImages", Owners=["amazon"], Filters=[{"Name": "platform", "Values": ["windows"]}]
    )["Images"]
    return str(images[0]["ImageId"])


def password_data(client: Launcher, instance_id: str) -> str:
    return str(client.call("GetPasswordData", InstanceId=instance_id)["PasswordData"])


def test_the_private_key_opens_the_password_of_windows() -> None:
    client = Launcher()
    material = client.call("CreateKeyPair", KeyName="k")["KeyMaterial"]
    instance_id = client.launch(ImageId=windows(client), KeyName="k")
    client.call("DeleteKeyPair", KeyName="k")

    data = password_data(client, instance_id)

    key = serialization.load_pem_private_key(material.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    password = key.decrypt(base64.b64decode(data), padding.PKCS1v15()).decode()
    assert len(password) == 32
    assert any(map(str.isdigit, password))
    assert any(map(str.isupper, password))
    client.stop(instance_id)
    assert password_data(client, instance_id) == data


def test_each_instance_has_a_password_of_its_own() -> None:
    client = Launcher()
    client.call("CreateKeyPair", KeyName="k")
    image = windows(client)
    assert password_data(client, client.launch(ImageId=image, KeyName="k")) != password_data(
        client, client.launch(ImageId=image, KeyName="k")
    )


def test_there_is_no_password_without_windows_or_without_a_key_pair() -> None:
    client = Launcher()
    client.call("CreateKeyPair", KeyName="k")
    assert password_data(client, client.launch(KeyName="k")) == ""
    assert password_data(client, client.launch(ImageId=windows(client))) == ""


def test_windows_takes_no_ed25519_key_pair() -> None:
    client = Launcher()
    client.call("CreateKeyPair", KeyName="k", KeyType="ed25519")
    request = client.request(ImageId=windows(client), KeyName="k")
    assert client.code_of("RunInstances", **request) == "Unsupported"
