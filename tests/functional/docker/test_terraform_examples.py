"""terraform-examples/04-ebs with volumes in instances; the image's tests check 01 and 05."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from tests.clients.terraform_examples import EXAMPLES, RESOURCES, Made, apply, destroy
from tests.clients.terraform_provider import Aws
from tests.functional.docker.cloud import CREDENTIALS, Cloud
from tests.functional.docker.engine import Engine
from tests.functional.docker.keys import Key


def test_a_volume_keeps_a_file(engine: Engine, amis: Mapping[str, str], key: Key) -> None:
    example = "04-ebs"
    cloud = Cloud(engine, EC2_MOUNT_BLOCK_DEVICES="1")
    try:
        made = Made(Aws(cloud.emulator.url, **CREDENTIALS), amis["debian-sshd"], key.public)
        apply(RESOURCES[example], made)
        instance = made.read("aws_instance.server")
        assert instance is not None
        checked = subprocess.run(
            [str(EXAMPLES / example / "check.sh"), instance["public_ip"], str(key.path)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert f"{example}: " in checked.stdout
        destroy(RESOURCES[example], made)
        cloud.close()
    finally:
        cloud.discard()
