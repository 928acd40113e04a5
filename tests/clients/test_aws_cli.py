"""The AWS CLI as people type it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.emulator_process import EmulatorProcess
from tests.fakes.creations import IMAGE

README = Path(__file__).parents[2] / "README.md"
REFUSED = {254, 255}  # version 2 says the former, version 1 the latter
Shell = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def shell(emulator: EmulatorProcess, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Run a line as a shell would in a directory of its own, where README says what to set."""
    home = tmp_path_factory.mktemp("home")
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    assert shutil.which("aws", path=environ["PATH"]), "the development tools bring awscli"

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", line],
            cwd=home,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def aws(shell: Shell) -> Callable[[str], Any]:
    """Run one command that must succeed; return its output, as JSON where it is some."""

    def run(arguments: str) -> Any:
        done = shell(f"aws {arguments}")
        assert done.returncode == 0, (arguments, done.stderr)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout.strip()

    return run


def test_the_commands_of_the_readme_work_as_printed(shell: Shell) -> None:
    (block,) = re.findall(r"```sh\n(export .*?)```", README.read_text(), re.DOTALL)
    lines = [line for line in block.splitlines() if line.startswith("aws ")]
    assert len(lines) >= 2
    for line in lines:
        done = shell(line)
        assert done.returncode == 0, (line, done.stderr)

    ((instance, state),) = json.loads(done.stdout)
    assert instance.startswith("i-")
    assert state == "running"


def test_a_new_key_is_one_that_openssh_takes(shell: Shell, aws: Callable[[str], Any]) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh-keygen here; apt-get install openssh-client")
    for kind in ("rsa", "ed25519"):
        made = shell(
            f"umask 077; aws ec2 create-key-pair --key-name {kind} --key-type {kind} "
            f"--query KeyMaterial --output text > {kind}.pem && ssh-keygen -y -f {kind}.pem"
        )
        assert made.returncode == 0, made.stderr
        assert made.stdout.startswith(f"ssh-{kind} ")

    imported = shell(
        "ssh-keygen -y -f ed25519.pem > mine.pub && "
        "aws ec2 import-key-pair --key-name mine --public-key-material fileb://mine.pub"
    )
    assert imported.returncode == 0, imported.stderr
    keys = aws("ec2 describe-key-pairs --key-names ed25519 mine --query KeyPairs[].KeyFingerprint")
    # Both are the same key, and OpenSSH's fingerprint is what AWS shows for this kind.
    assert len(set(keys)) == 1
    shown = shell("ssh-keygen -l -f mine.pub").stdout.split()[1]
    assert shown.removeprefix("SHA256:") == keys[0].rstrip("=")


def test_an_instance_from_launch_to_end(aws: Callable[[str], Any]) -> None:
    vpc = aws("ec2 create-vpc --cidr-block 10.20.0.0/16 --query Vpc.VpcId --output text")
    subnet = aws(
        f"ec2 create-subnet --vpc-id {vpc} --cidr-block 10.20.1.0/24 "
        "--query Subnet.SubnetId --output text"
    )
    group = aws(
        f"ec2 create-security-group --group-name web --description web --vpc-id {vpc} "
        "--query GroupId --output text"
    )
    rules = aws(
        f"ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 22 "
        "--cidr 203.0.113.0/24"
    )
    assert rules["SecurityGroupRules"][0]["FromPort"] == 22
    instance = aws(
        f"ec2 run-instances --image-id {IMAGE} --count 1 --instance-type t3.micro "
        f"--security-group-ids {group} --subnet-id {subnet} --user-data '#!/bin/sh' "
        "--block-device-mappings DeviceName=/dev/sdh,Ebs={VolumeSize=3} "
        "--tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=cli}]' "
        "--query Instances[0].InstanceId --output text"
    )

    aws(f"ec2 wait instance-running --instance-ids {instance}")
    aws(f"ec2 create-tags --resources {instance} --tags Key=Stage,Value=test Key=Empty,Value=")
    tags = aws(f"ec2 describe-tags --filters Name=resource-id,Values={instance} --output text")
    assert sorted(line.split("\t")[1] for line in tags.splitlines()) == ["Empty", "Name", "Stage"]
    state = "--query Reservations[].Instances[].State.Name --output text"
    by_name = f"--filters Name=tag:Name,Values=c?i Name=instance-state-name,Values=running {state}"
    assert aws(f"ec2 describe-instances {by_name}") == "running"
    stopping = aws(f"ec2 stop-instances --instance-ids {instance}")["StoppingInstances"][0]
    assert stopping["PreviousState"]["Name"] == "running"
    aws(f"ec2 wait instance-stopped --instance-ids {instance}")
    aws(f"ec2 start-instances --instance-ids {instance}")
    aws(f"ec2 wait instance-running --instance-ids {instance}")
    ending = aws(f"ec2 terminate-instances --instance-ids {instance}")["TerminatingInstances"][0]
    assert ending["PreviousState"]["Name"] == "running"
    aws(f"ec2 wait instance-terminated --instance-ids {instance}")


def test_a_refusal_is_told_as_aws_tells_it(shell: Shell) -> None:
    absent = shell("aws ec2 describe-instances --instance-ids i-0123456789abcdef0")

    assert absent.returncode in REFUSED
    assert "An error occurred (InvalidInstanceID.NotFound) when calling the" in absent.stderr
    assert "DescribeInstances operation: The instance ID 'i-0123456789abcdef0'" in absent.stderr


def test_a_dry_run_is_told_as_aws_tells_it(shell: Shell) -> None:
    dry = shell(f"aws ec2 run-instances --image-id {IMAGE} --instance-type t3.micro --dry-run")

    assert dry.returncode in REFUSED
    assert "(DryRunOperation)" in dry.stderr
    assert "Request would have succeeded, but DryRun flag is set." in dry.stderr


def test_pages_are_put_together(aws: Callable[[str], Any]) -> None:
    zones = "ec2 describe-instance-types --query 'InstanceTypes[].[InstanceType]' --output text"
    some = "--filters Name=instance-type,Values='t3*'"

    assert aws(f"{zones} {some} --page-size 5") == aws(f"{zones} {some}")
    first = aws(f"{zones} {some} --max-items 3 --page-size 5").splitlines()
    assert len([line for line in first if line.startswith("t3")]) == 3


def test_images_are_found_as_people_look_for_them(aws: Callable[[str], Any]) -> None:
    newest = "--query 'sort_by(Images,&CreationDate)[-1].ImageId' --output text"
    for owner, name in (
        ("amazon", "al2023-ami-2023.*-x86_64"),
        ("099720109477", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"),
    ):
        found = aws(
            f"ec2 describe-images --owners {owner} --filters 'Name=name,Values={name}' "
            f"Name=state,Values=available Name=root-device-type,Values=ebs {newest}"
        )
        assert found.startswith("ami-"), (owner, name)


def test_the_caller_is_told_who_it_is(aws: Callable[[str], Any]) -> None:
    caller = aws("sts get-caller-identity")

    assert caller["Account"] == "000000000000"
    assert caller["Arn"].startswith("arn:aws:iam::000000000000:")


def test_a_user_with_a_key_is_who_calls(shell: Shell, aws: Callable[[str], Any]) -> None:
    aws("iam create-user --user-name ann --path /ci/")
    key, secret = aws(
        "iam create-access-key --user-name ann "
        "--query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text"
    ).split()

    keys = f"AWS_ACCESS_KEY_ID={key} AWS_SECRET_ACCESS_KEY={secret}"
    who = shell(f"{keys} aws sts get-caller-identity --query Arn --output text")

    assert who.stdout.strip() == "arn:aws:iam::000000000000:user/ci/ann"
    held = shell("aws iam delete-user --user-name ann")
    assert "An error occurred (DeleteConflict) when calling the DeleteUser" in held.stderr
    aws(f"iam delete-access-key --user-name ann --access-key-id {key}")
    aws("iam delete-user --user-name ann")


def test_a_policy_document_comes_back_as_it_went(aws: Callable[[str], Any]) -> None:
    trust = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", '
        '"Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
    )
    aws(f"iam create-role --role-name web --assume-role-policy-document '{trust}'")
    aws("iam wait role-exists --role-name web")
    core = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    aws(f"iam attach-role-policy --role-name web --policy-arn {core}")

    shown = aws("iam get-role --role-name web")["Role"]

    assert shown["AssumeRolePolicyDocument"] == json.loads(trust)
    attached = (
        "iam list-attached-role-policies --role-name web --query AttachedPolicies[].PolicyArn"
    )
    assert aws(attached) == [core]


def test_parameters_are_put_and_got(shell: Shell, aws: Callable[[str], Any]) -> None:
    for name, kind in (("/app/url", "String"), ("/app/password", "SecureString")):
        aws(f"ssm put-parameter --name {name} --value sesame --type {kind}")
    value = "--query Parameter.Value --output text"

    assert aws(f"ssm get-parameter --name /app/url {value}") == "sesame"
    assert aws(f"ssm get-parameter --name /app/password {value}") != "sesame"
    assert aws(f"ssm get-parameter --name /app/password --with-decryption {value}") == "sesame"
    found = aws("ssm get-parameters-by-path --path /app --query Parameters[].Name")
    assert found == ["/app/password", "/app/url"]
    missing = shell("aws ssm get-parameter --name /app/none")
    assert missing.returncode in REFUSED
    assert "An error occurred (ParameterNotFound) when calling the GetParameter" in missing.stderr


def test_an_image_is_named_by_its_public_parameter(aws: Callable[[str], Any]) -> None:
    path = "/aws/service/ami-amazon-linux-latest"
    names = aws(f"ssm get-parameters-by-path --path {path} --query Parameters[].Name")
    name = f"{path}/al2023-ami-kernel-default-x86_64"

    launched = aws(
        f"ec2 run-instances --image-id resolve:ssm:{name} --instance-type t3.micro "
        "--query Instances[0].ImageId --output text"
    )

    assert name in names
    value = aws(f"ssm get-parameter --name {name} --query Parameter.Value --output text")
    assert launched == value


def test_without_machines_no_command_is_taken(shell: Shell, aws: Callable[[str], Any]) -> None:
    instance = aws(
        f"ec2 run-instances --image-id {IMAGE} --instance-type t3.micro "
        "--query Instances[0].InstanceId --output text"
    )

    sent = shell(
        "aws ssm send-command --document-name AWS-RunShellScript "
        f"--instance-ids {instance} --parameters commands=uptime"
    )

    assert sent.returncode in REFUSED
    assert "(InvalidInstanceId)" in sent.stderr
