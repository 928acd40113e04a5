"""What a virtual machine is told at its first boot, read as cloud-init reads it."""

from __future__ import annotations

import json
import shutil
import subprocess
from email import message_from_bytes

import attrs
import pytest
import yaml

from emulator.vm.seed.first_boot import documents, vendor_data
from tests.contracts.vm_manager import SPEC

KEY = 'ssh-ed25519 AAAA it\'s "mine" $(touch /tmp/hostile) ü'
GZIPPED = b"\x1f\x8b\x08\x00rest"


def parts(packed: bytes) -> dict[str, str]:
    found = {}
    for leaf in message_from_bytes(packed).walk():
        if not leaf.is_multipart():
            body = leaf.get_payload(decode=True)
            assert isinstance(body, bytes)
            found[leaf.get_content_type()] = body.decode()
    return found


@pytest.mark.parametrize("data", [b"#!/bin/sh\n", b"#cloud-config\nusers: []\n", GZIPPED, b"\xff"])
def test_user_data_stay_as_the_caller_gave_them(data: bytes) -> None:
    spec = attrs.evolve(SPEC, user_data=data)

    assert documents(spec, has_metadata=True)["user-data"] == data


def test_a_guest_without_user_data_has_an_empty_document_as_cloud_init_wants_one() -> None:
    assert documents(SPEC, has_metadata=True)["user-data"] == b""


def test_the_key_pair_is_authorised_for_the_default_user_and_the_login_user() -> None:
    made = documents(attrs.evolve(SPEC, public_key=KEY), has_metadata=True)
    config = yaml.safe_load(parts(made["vendor-data"])["text/cloud-config"])
    default, login = config["users"]

    assert json.loads(made["meta-data"])["public-keys"] == [KEY]
    assert default == "default"
    assert (login["name"], login["plain_text_passwd"]) == ("localstack", "localstack")
    assert login["ssh_authorized_keys"] == [KEY]
    assert config["ssh_pwauth"] is True


def test_a_new_instance_id_makes_a_captured_image_boot_as_a_new_machine() -> None:
    made = documents(SPEC, has_metadata=True)

    assert json.loads(made["meta-data"])["instance-id"] == SPEC.instance_id


def test_a_guest_without_our_metadata_service_reaches_nobody_elses() -> None:
    told = parts(vendor_data((), has_metadata=False))["text/cloud-boothook"]

    assert "blackhole 169.254.169.254/32" in told
    assert "text/cloud-boothook" not in parts(vendor_data((), has_metadata=True))


def test_whatever_a_key_says_the_script_takes_it_for_a_text() -> None:
    script = parts(vendor_data((KEY, "ssh-rsa BBBB"), has_metadata=True))["text/x-shellscript"]
    (line,) = [at for at, each in enumerate(script.splitlines()) if each.startswith("keys=")]
    assigned = "\n".join(script.splitlines()[line : line + 2])
    shell = shutil.which("sh")
    assert shell is not None
    said = subprocess.run(
        [shell, "-c", f"{assigned}\nprintf '%s' \"$keys\""], check=True, capture_output=True
    ).stdout

    assert said.decode() == f"{KEY}\nssh-rsa BBBB"
    assert subprocess.run([shell, "-n"], input=script.encode(), check=False).returncode == 0
