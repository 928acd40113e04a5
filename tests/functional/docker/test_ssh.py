"""SSH works into any Linux image: with a server of its own, without one, or with nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import container_name
from tests.functional.docker.keys import OPTIONS, Key, make_key
from tests.functional.docker.waiting import until

IMAGES = ("debian-sshd", "debian", "busybox", "scratch", "cloud-init")


@pytest.fixture(scope="module")
def instance_of(cloud: Cloud, amis: Mapping[str, str]) -> Callable[[str], str]:
    """Return an instance of an image, launched with all the others at once."""
    launched = {name: cloud.launch(amis[name], KeyName="test")[0] for name in IMAGES}

    def running(name: str) -> str:
        cloud.until_state(launched[name], "running")
        return launched[name]

    return running


@pytest.mark.parametrize("image", IMAGES)
def test_root_may_log_in_with_the_key(
    cloud: Cloud, instance_of: Callable[[str], str], key: Key, image: str
) -> None:
    """Source: the seed documents, "Connecting via SSH" and "Networking"."""
    assert cloud.ssh(instance_of(image), key, "echo $USER $HOME") == "root /root"


@pytest.mark.parametrize("image", IMAGES)
def test_another_key_is_refused(
    cloud: Cloud, instance_of: Callable[[str], str], key: Key, tmp_path: Path, image: str
) -> None:
    address = cloud.ssh_address(instance_of(image))
    address.run(key, "root", "true")  # the server is up
    refused = address.attempt(make_key(tmp_path), "root", "true")

    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_the_server_of_the_image_is_used_where_it_has_one(
    cloud: Cloud, instance_of: Callable[[str], str], key: Key
) -> None:
    own, injected = instance_of("debian-sshd"), instance_of("debian")
    for instance_id in (own, injected):
        cloud.ssh(instance_id, key, "true")

    assert "sshd" in cloud.engine("top", container_name(own), "-o", "pid,comm,args")
    assert "dropbear" in cloud.engine("top", container_name(injected), "-o", "pid,comm,args")


def test_the_login_user_of_the_image_may_log_in_and_become_root(
    cloud: Cloud, instance_of: Callable[[str], str], key: Key
) -> None:
    instance_id = instance_of("debian-sshd")

    assert cloud.ssh(instance_id, key, "id -un; pwd", "admin").split() == ["admin", "/home/admin"]
    assert cloud.ssh(instance_id, key, "sudo id -un", "admin") == "root"


@pytest.mark.parametrize("image", ["debian-sshd", "debian", "scratch"])
def test_a_client_that_signs_with_sha1_only_may_log_in(
    cloud: Cloud, amis: Mapping[str, str], tmp_path: Path, image: str
) -> None:
    rsa = make_key(tmp_path, "rsa")
    name = f"rsa-{image}"
    cloud.ec2.import_key_pair(KeyName=name, PublicKeyMaterial=rsa.public.encode())
    instance_id = cloud.run(amis[image], KeyName=name)

    said = cloud.ssh_address(instance_id).run(
        rsa, "root", "echo in", "PubkeyAcceptedAlgorithms=ssh-rsa"
    )

    assert said == "in"
    cloud.release(instance_id)


@pytest.mark.parametrize("image", ["debian-sshd", "debian"])
def test_files_are_copied(
    cloud: Cloud, instance_of: Callable[[str], str], key: Key, tmp_path: Path, image: str
) -> None:
    """Packer, Ansible and people use scp, which speaks SFTP nowadays."""
    address = cloud.ssh_address(instance_of(image))
    address.run(key, "root", "true")
    sent = tmp_path / "sent"
    sent.write_text("carried\n")
    given = [word for option in OPTIONS for word in ("-o", option)]
    for protocol in ((), ("-O",)):
        copied = subprocess.run(
            [
                *("scp", "-F", "none", *protocol, *given, "-i", str(key.path)),
                *("-P", str(address.port), str(sent), "root@127.0.0.1:/root/received"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )

        assert copied.returncode == 0, (protocol, copied.stderr)
        assert (
            cloud.inside(instance_of(image), "cat /root/received; rm /root/received") == "carried"
        )


@pytest.mark.parametrize("image", ["debian-sshd", "debian"])
def test_the_host_keys_are_the_instances_own_and_last_through_a_reboot(
    cloud: Cloud, instance_of: Callable[[str], str], key: Key, image: str
) -> None:
    instance_id = instance_of(image)
    keys = cloud.ssh_address(instance_id).host_keys()
    in_image = cloud.engine(
        *("run", "--rm", "--entrypoint", "sh", f"ec2-emulator-test/{image}"),
        *("-c", "cat /etc/ssh/*.pub 2>/dev/null || true"),
    )
    cloud.ec2.reboot_instances(InstanceIds=[instance_id])
    cloud.logged(rf"{instance_id}.*SSH")

    assert not [each for each in keys if each.split()[1] in in_image]
    until(lambda: cloud.ssh_address(instance_id).host_keys() == keys, bool)
    assert cloud.ssh(instance_id, key, "echo still") == "still"


def test_an_instance_without_a_key_pair_lets_nobody_in(
    cloud: Cloud, amis: Mapping[str, str], key: Key
) -> None:
    instance_id = cloud.run(amis["debian"])
    cloud.ssh_address(instance_id).host_keys()  # the server is up
    refused = cloud.ssh_address(instance_id).attempt(key, "root", "true")

    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr
    cloud.release(instance_id)
