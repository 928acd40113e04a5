"""User data of every kind runs once, at the first boot, and may fail.

Source: the seed documents, "Instances", and AWS's "Run commands when you launch an EC2 instance
with user data input".
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.keys import Key, make_key
from tests.functional.docker.waiting import until

LOG = "/var/log/cloud-init-output.log"
SHELL = "#!/bin/sh\necho ran $0 as $(id -un)\necho done >/done\n"


def placed_at(instance_id: str) -> str:
    return f"/var/lib/cloud/instances/{instance_id}/user-data.txt"


def multipart(*parts: tuple[str, str]) -> str:
    message = MIMEMultipart()
    for subtype, text in parts:
        message.attach(MIMEText(text, subtype))
    return message.as_string()


@pytest.mark.parametrize("image", ["debian", "debian-sshd", "busybox", "cloud-init"])
def test_a_script_runs_and_is_kept(cloud: Cloud, amis: Mapping[str, str], image: str) -> None:
    instance_id = cloud.run(amis[image], UserData=SHELL)
    # Cloud-init itself takes its time.
    log = cloud.reads(instance_id, LOG, "ran ", seconds=90 if image == "cloud-init" else 30)
    cloud.reads(instance_id, "/done", "done")

    assert "as root" in log
    assert cloud.engine.inside(instance_id, "cat", placed_at(instance_id)) == SHELL.strip()
    mode = cloud.inside(instance_id, f"stat -c '%a %U' {placed_at(instance_id)}")
    assert mode == "600 root"
    cloud.release(instance_id)


def test_a_script_runs_where_there_is_only_one_program(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    data = "#!/busybox sh\necho from a scratch image\n"
    instance_id = cloud.run(amis["scratch"], UserData=data)

    def log() -> str:
        return cloud.engine.run(
            "exec", f"localstack-ec2.{instance_id}", "/busybox", "cat", LOG
        ).stdout

    until(log, lambda text: "from a scratch image" in text)
    cloud.release(instance_id)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            b"#!/usr/bin/env python3\nimport sys\nprint('said', sys.version_info.major + 39)\n",
            id="python",
        ),
        pytest.param(b"#!/bin/bash -xeu\nset -o pipefail\necho said $((6 * 7))\n", id="bash"),
        pytest.param(gzip.compress(b"#!/bin/sh\necho said $((6 * 7))\n"), id="gzip"),
        pytest.param(base64.b64encode(b"#!/bin/sh\necho said $((6 * 7))\n"), id="base64 twice"),
    ],
)
def test_whatever_the_script_is_written_in(
    cloud: Cloud, amis: Mapping[str, str], data: bytes
) -> None:
    instance_id = cloud.run(amis["debian-sshd"], UserData=data)

    assert "said 42" in cloud.reads(instance_id, LOG, "said 42")
    cloud.release(instance_id)


def test_several_parts_run_each_as_what_it_is(cloud: Cloud, amis: Mapping[str, str]) -> None:
    data = multipart(
        ("cloud-config", "#cloud-config\nwrite_files:\n- path: /from-config\n  content: written\n"),
        ("x-shellscript", "#!/bin/sh\necho first $(cat /from-config)\n"),
        ("x-shellscript", "#!/bin/sh\necho second\n"),
    )
    instance_id = cloud.run(amis["debian"], UserData=data)
    log = cloud.reads(instance_id, LOG, "second")

    assert log.index("first written") < log.index("second")
    cloud.release(instance_id)


def test_the_directives_people_use_most_work_without_cloud_init(
    cloud: Cloud, amis: Mapping[str, str], key: Key, tmp_path_factory: pytest.TempPathFactory
) -> None:
    another = make_key(tmp_path_factory.mktemp("another"))
    config = f"""\
#cloud-config
hostname: web-1
bootcmd:
- echo booted >>/order
users:
- default
- name: deploy
  gecos: Deploys
  shell: /bin/bash
  groups: [users]
  ssh_authorized_keys: ['{another.public}']
ssh_authorized_keys:
- {another.public}
write_files:
- path: /opt/app/config.ini
  permissions: '0640'
  content: |
    [app]
    name = web
- path: /opt/app/secret
  encoding: b64
  content: {base64.b64encode(b"hidden").decode()}
- path: /opt/app/config.ini
  permissions: '0640'
  append: true
  content: "port = 80"
runcmd:
- echo "run as $(id -un) on $(hostname)" >>/order
- [sh, -c, 'echo list >>/order']
ntp:
  enabled: true
"""
    instance_id = cloud.run(amis["debian"], UserData=config, KeyName="test")
    cloud.reads(instance_id, "/order", "list")

    order = cloud.inside(instance_id, "cat /order").splitlines()
    assert order == ["booted", "run as root on web-1", "list"]
    assert cloud.inside(instance_id, "cat /opt/app/config.ini").splitlines() == [
        "[app]",
        "name = web",
        "port = 80",
    ]
    assert cloud.inside(instance_id, "stat -c %a /opt/app/config.ini") == "640"
    assert cloud.inside(instance_id, "cat /opt/app/secret") == "hidden"
    assert "users" in cloud.inside(instance_id, "id -Gn deploy").split()
    assert cloud.ssh(instance_id, another, "id -un", "deploy") == "deploy"
    assert cloud.ssh(instance_id, another, "id -un") == "root"
    assert cloud.ssh(instance_id, key, "id -un") == "root"
    said = "\n".join([cloud.inside(instance_id, f"cat {LOG}"), *cloud.emulator.lines])
    assert any("ntp" in line and "not supported" in line for line in said.splitlines())
    cloud.release(instance_id)


def test_packages_are_installed(cloud: Cloud, amis: Mapping[str, str]) -> None:
    config = "#cloud-config\npackage_update: true\npackages: [bc]\nruncmd: ['echo 6*7 | bc']\n"
    instance_id = cloud.run(amis["debian"], UserData=config)

    cloud.reads(instance_id, LOG, "\n42", seconds=90)
    cloud.release(instance_id)


def test_cloud_init_of_the_image_reads_what_is_meant_for_it(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    """``ntp`` and ``locale`` are understood by nobody but cloud-init itself."""
    config = (
        "#cloud-config\n"
        "write_files:\n- path: /by-cloud-init\n  content: '{{ v1.instance_id }}'\n"
        "runcmd: ['cloud-init --version >/version 2>&1', 'touch /finished']\n"
    )
    instance_id = cloud.run(
        amis["cloud-init"],
        UserData=config.replace("#cloud-config", "## template: jinja\n#cloud-config"),
    )
    cloud.reads(instance_id, "/version", "cloud-init", seconds=60)

    assert cloud.inside(instance_id, "cat /by-cloud-init") == instance_id
    cloud.release(instance_id)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("#!/bin/sh\necho about to fail\nexit 3\n", id="exit status"),
        pytest.param("#!/bin/no-such-shell\n", id="no such program"),
        pytest.param("#cloud-config\nruncmd: [unclosed\n", id="no YAML"),
        pytest.param("just some words\n", id="of no kind"),
        pytest.param(b"\x00\x01\xfe\xff" * 20, id="bytes"),
    ],
)
def test_what_fails_does_not_fail_the_instance(
    cloud: Cloud, amis: Mapping[str, str], key: Key, data: str | bytes
) -> None:
    instance_id = cloud.run(amis["debian"], UserData=data, KeyName="test")

    assert cloud.ssh(instance_id, key, "echo up") == "up"
    assert cloud.instance(instance_id)["State"]["Name"] == "running"
    cloud.release(instance_id)


def test_a_script_runs_once(cloud: Cloud, amis: Mapping[str, str]) -> None:
    instance_id = cloud.run(amis["debian"], UserData="#!/bin/sh\necho run >>/runs\n")
    cloud.reads(instance_id, "/runs", "run")
    cloud.ec2.reboot_instances(InstanceIds=[instance_id])
    started = cloud.container(instance_id)["State"]["StartedAt"]
    until(
        lambda: cloud.container(instance_id)["State"],
        lambda state: state["Running"] and state["StartedAt"] != started,
    )
    cloud.ssh_address(instance_id).host_keys()  # the boot is over

    assert cloud.inside(instance_id, "cat /runs") == "run"
    cloud.release(instance_id)


def test_user_data_given_while_stopped_is_placed_at_the_next_start(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    """Source: the seed documents: user data may be added with ModifyInstanceAttribute."""
    instance_id = cloud.run(amis["debian"])
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.until_state(instance_id, "stopped")
    cloud.ec2.modify_instance_attribute(InstanceId=instance_id, UserData={"Value": SHELL})
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.until_state(instance_id, "running")

    cloud.reads(instance_id, placed_at(instance_id), "echo done")
    cloud.reads(instance_id, "/done", "done")
    cloud.release(instance_id)
