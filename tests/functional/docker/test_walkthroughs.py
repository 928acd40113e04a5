"""The seed documents' walkthroughs, command by command, with the AWS CLI."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.keys import OPTIONS
from tests.functional.docker.waiting import until

USER_SCRIPT = """\
#!/bin/bash -xeu

apt update
apt install python3 -y
python3 -m http.server 8000
"""


class Shell:
    """Types commands into a shell where ``awslocal`` speaks to the emulator."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self._folder = folder
        # awslocal is the AWS CLI with an endpoint and any credentials.
        wrapper = folder / "awslocal"
        aws = Path(sys.executable).with_name("aws")
        wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(str(aws))} "$@"\n')
        wrapper.chmod(0o755)
        self._environ = {
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": cloud.emulator.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_PAGER": "",
        }

    def __call__(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    def json(self, line: str) -> Any:
        return json.loads(self(line))


@pytest.fixture
def shell(cloud: Cloud, tmp_path: Path) -> Shell:
    return Shell(cloud, tmp_path)


def test_a_web_server_by_user_data_and_ssh(
    cloud: Cloud, amis: Mapping[str, str], shell: Shell, tmp_path: Path
) -> None:
    """ "Getting started" and "Connecting via SSH", on an image of our own."""
    shell(
        "awslocal ec2 create-key-pair --key-name my-key "
        "--query 'KeyMaterial' --output text | tee key.pem"
    )
    shell("chmod 400 key.pem")
    shell(
        "awslocal ec2 authorize-security-group-ingress --group-id default "
        "--protocol tcp --port 8000 --cidr 0.0.0.0/0"
    )
    groups = shell.json("awslocal ec2 describe-security-groups")["SecurityGroups"]
    (group,) = [each["GroupId"] for each in groups if each["GroupName"] == "default"]
    (tmp_path / "user_script.sh").write_text(USER_SCRIPT)
    launched = shell.json(
        f"awslocal ec2 run-instances --image-id {amis['debian-sshd']} --count 1 "
        f"--instance-type t3.nano --key-name my-key --security-group-ids '{group}' "
        "--user-data file://./user_script.sh"
    )
    instance_id = launched["Instances"][0]["InstanceId"]
    ssh = cloud.logged(
        rf"Instance {instance_id} will be accessible via SSH at: 127.0.0.1:(\d+), ([\d.]+):22"
    )
    ports = cloud.logged(rf"Instance {instance_id} port mappings \(container -> host\): (.*)")
    given = " ".join(f"-o {option}" for option in OPTIONS)

    def page(where: str) -> str:
        return shell(f"curl -s -m 5 {where} || true")

    until(lambda: page(f"{ssh[2]}:8000"), lambda text: "Directory listing for /" in text, 90)
    mapped = json.loads(ports[1].replace("'", '"'))["8000/tcp"]
    assert "Directory listing for /" in page(f"127.0.0.1:{mapped}")
    assert "root" in shell(f"ssh {given} -p {ssh[1]} -i key.pem root@127.0.0.1 id -un")
    user_data = f"/var/lib/cloud/instances/{instance_id}/user-data.txt"
    assert cloud.inside(instance_id, f"cat {user_data}") == USER_SCRIPT.strip()
    assert "python3" in cloud.inside(instance_id, "cat /var/log/cloud-init-output.log")
    cloud.terminate(instance_id)


def test_docker_tag_makes_an_ami(cloud: Cloud, shell: Shell) -> None:
    """ "Instances and AMIs": the seed's own name and its short id."""
    name = f"ubuntu-focal-ami-{cloud.namespace}"
    cloud.owns_image("ami-000001")
    shell(f"docker tag ec2-emulator-test/debian localstack-ec2/{name}:ami-000001")

    def listed() -> list[str]:
        images = shell.json(
            "awslocal ec2 describe-images --filters Name=tag:ec2_vm_manager,Values=docker"
        )["Images"]
        return [each["Name"] for each in images if each["ImageId"] == "ami-000001"]

    assert until(listed, bool, 5) == [name]
    launched = shell.json("awslocal ec2 run-instances --image-id ami-000001 --count 1")
    instance_id = launched["Instances"][0]["InstanceId"]
    cloud.until_state(instance_id, "running")
    shell(f"docker rmi localstack-ec2/{name}:ami-000001")
    assert until(listed, lambda names: not names, 5) == []
    shell(f"awslocal ec2 terminate-instances --instance-ids {instance_id}")
    cloud.until_state(instance_id, "terminated")


def test_the_operations_of_the_table(cloud: Cloud, amis: Mapping[str, str], shell: Shell) -> None:
    """ "Operations": what each does to the container."""
    launched = shell.json(
        f"awslocal ec2 run-instances --image-id {amis['busybox']} --instance-type t3.micro"
    )
    instance_id = launched["Instances"][0]["InstanceId"]
    status = f"docker inspect -f '{{{{.State.Status}}}}' localstack-ec2.{instance_id}"
    cloud.until_state(instance_id, "running")
    shown = shell.json(f"awslocal ec2 describe-instances --instance-ids {instance_id}")
    instance = shown["Reservations"][0]["Instances"][0]
    assert {"Key": "ec2_vm_manager", "Value": "docker"} in instance["Tags"]
    assert shell(status).strip() == "running"

    shell(f"awslocal ec2 stop-instances --instance-ids {instance_id}")
    cloud.until_state(instance_id, "stopped")
    assert shell(status).strip() == "paused"
    shell(f"awslocal ec2 start-instances --instance-ids {instance_id}")
    cloud.until_state(instance_id, "running")
    assert shell(status).strip() == "running"

    name = f"made-{cloud.namespace}"
    made = shell.json(f"awslocal ec2 create-image --instance-id {instance_id} --name {name}")
    cloud.owns_image(made["ImageId"])
    cloud.until_image(made["ImageId"])
    assert made["ImageId"] in shell(f"docker images localstack-ec2/{name}")
    shell(f"awslocal ec2 terminate-instances --instance-ids {instance_id}")
    cloud.until_state(instance_id, "terminated")
    assert shell(f"docker ps -aq --filter name=localstack-ec2.{instance_id}") == ""


def test_the_readme_reaches_a_web_server_in_four_commands(
    cloud: Cloud, shell: Shell, amis: Mapping[str, str]
) -> None:
    readme = Path(__file__).parents[3].joinpath("README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sh\n(aws ec2 authorize.*?)```", readme, re.DOTALL)
    block = block.replace("ami-df5de72bdb3b", amis["debian"])
    own = shlex.quote(str(Path(sys.executable).parent))

    said = shell(f"export PATH={own}:$PATH\n{block}\necho $id").splitlines()

    assert said[-2].startswith("hello from ip-")
    cloud.terminate(said[-1])
