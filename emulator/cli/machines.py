"""Commands about machines: ``instances``, ``images``, ``ssh``, ``logs``."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from emulator.cli.remote import Refused, Remote, fail, say
from emulator.config import Config
from emulator.core.process import CommandFailed, run_in_foreground

INSTANCES_PAGE = "/_localstack/ec2/instances"
IMAGES_PAGE = "/_localstack/ec2/images"
KEYS_PAGE = "/_localstack/ec2/ssh-keys"
CONSOLE_PAGE = "/_localstack/ec2/console"
# The host keys of an instance are as young as the instance, and at an address that others
# had before it.
_SSH_OPTIONS = (
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "LogLevel=ERROR",
)


def add_arguments(commands: Mapping[str, argparse.ArgumentParser]) -> None:
    """Give the commands what they take."""
    ssh = commands["ssh"]
    ssh.add_argument("instance_id", metavar="INSTANCE")
    ssh.add_argument("-l", "--user", default="root", help="otherwise root")
    ssh.add_argument(
        "-i", "--identity", help="a private key; otherwise one is made that is good for a minute"
    )
    ssh.add_argument("words", metavar="COMMAND", nargs=argparse.REMAINDER, help="run it and leave")
    ssh.set_defaults(ask=log_in)
    logs = commands["logs"]
    logs.add_argument("instance_id", metavar="INSTANCE")
    logs.set_defaults(ask=print_console)


def needs_an_instance(_config: Config, _environ: Mapping[str, str]) -> int:
    """Stand in the table of commands for those whose arguments do the work."""
    return fail("name an instance")


def list_instances(remote: Remote) -> None:
    """Print a line for each instance."""
    answer = remote.ask(INSTANCES_PAGE)
    for each in answer["instances"]:
        ports = " ".join(f"{guest}->{host}" for guest, host in each["PortMappings"].items())
        address = each["PublicIpAddress"] or each["PrivateIpAddress"] or "-"
        say(
            f"{each['InstanceId']}  {each['State']:13}  {each['ImageId']}  "
            f"{each['InstanceType']:12}  {each['VmManager']:10}  {address:15}  {ports}".rstrip()
        )
    for manager, error in answer["errors"].items():
        fail(f"what {manager} has is not known: {error}")


def list_images(remote: Remote) -> None:
    """Print a line for each AMI."""
    for each in remote.ask(IMAGES_PAGE)["images"]:
        say(f"{each['ImageId']}  {each['VmManager']:10}  {each['Name']}  {each['Reference']}")


def log_in(remote: Remote, chosen: argparse.Namespace) -> int:
    """Run the SSH client for an instance, and return its exit status."""
    found = _running(remote, chosen.instance_id)
    port = found["PortMappings"].get("22/tcp")
    host, port = ("127.0.0.1", port) if port else (found["MachineAddress"], 22)
    with tempfile.TemporaryDirectory() as directory:
        identity = chosen.identity or _temporary_key(
            remote, chosen.instance_id, chosen.user, Path(directory)
        )
        options = [word for option in _SSH_OPTIONS for word in ("-o", option)]
        place = ["-i", str(identity), "-p", str(port), "-l", chosen.user, host]
        try:
            return run_in_foreground(["ssh", *options, *place, *chosen.words])
        except CommandFailed as error:
            return fail(str(error))


def print_console(remote: Remote, chosen: argparse.Namespace) -> None:
    """Print an instance's console output."""
    say(remote.ask(f"{CONSOLE_PAGE}?id={quote(chosen.instance_id)}")["output"].rstrip("\n"))


def _running(remote: Remote, instance_id: str) -> Mapping[str, Any]:
    answer = remote.ask(INSTANCES_PAGE)
    for each in answer["instances"]:
        if each["InstanceId"] == instance_id:
            if each["State"] != "running":
                raise Refused(f"{instance_id} is {each['State']}")
            if each["VmManager"] in answer["errors"]:
                raise Refused(answer["errors"][each["VmManager"]])
            if not each["MachineAddress"]:
                raise Refused(f"{instance_id} has no machine: it is a record only")
            return dict(each)
    raise Refused(f"there is no instance {instance_id}")


def _temporary_key(remote: Remote, instance_id: str, user: str, directory: Path) -> Path:
    """Make a key that the instance takes for a minute."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - seldom
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - likewise
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    path = directory / "key"
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    asked = {"InstanceId": instance_id, "User": user, "PublicKey": public}
    remote.ask(KEYS_PAGE, "POST", asked)
    return path
