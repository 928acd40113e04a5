"""SSH keys that are good for a minute, as EC2 Instance Connect's SendSSHPublicKey gives them.

Source: "Connect to a Linux instance using EC2 Instance Connect": a pushed key stays for 60
seconds.
"""

from __future__ import annotations

import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.services.call import World
from emulator.vm.interface import RunsCommands, VMError

KEY_SECONDS = 60.0
_COMMAND_SECONDS = 10.0
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,31}")
# $1 is the user, $2 the key. The guest's tools have every program used here.
_ADD = """
home=$(awk -F: -v user="$1" '$1 == user { print $6 }' /etc/passwd)
[ -n "$home" ] || exit 3
mkdir -p "$home/.ssh"
printf '%s\\n' "$2" >>"$home/.ssh/authorized_keys"
chmod 700 "$home/.ssh"
chmod 600 "$home/.ssh/authorized_keys"
chown -R "$1" "$home/.ssh"
"""
_REMOVE = """
home=$(awk -F: -v user="$1" '$1 == user { print $6 }' /etc/passwd)
file=$home/.ssh/authorized_keys
[ -e "$file" ] || exit 0
grep -vxF -e "$2" "$file" >"$file.new"
cat "$file.new" >"$file"
rm -f "$file.new"
"""
_NO_USER_STATUS = 3


async def send_key(world: World, instance: Instance, user: str, public_key: str) -> None:
    """Let a key log in for a minute.

    Raises:
        AwsError: InvalidParameterValue for a user or key that is none, IncorrectInstanceState
            where the instance does not run, Unsupported where it has no machine.
    """
    manager = world.machines.of(instance)
    if not isinstance(manager, RunsCommands):
        raise AwsError("Unsupported", "the VM manager has no machines to log in to")
    if _USER.fullmatch(user) is None:
        raise AwsError("InvalidParameterValue", f"{user[:64]!r} is not a user name")
    key = _checked_key(public_key)
    try:
        result = await manager.run_command(
            instance.id,
            ("/bin/sh", "-c", _ADD, "sh", user, key),
            timeout_seconds=_COMMAND_SECONDS,
        )
    except VMError as error:
        raise AwsError("IncorrectInstanceState", f"{instance.id}: {error}") from None
    if result.exit_status == _NO_USER_STATUS:
        raise AwsError("InvalidParameterValue", f"{instance.id} has no user {user}")
    if result.exit_status != 0:
        said = result.errors.decode(errors="replace")[-200:]
        raise AwsError("InternalError", f"{instance.id}: {said}", 500)
    world.later(
        KEY_SECONDS,
        f"taking a key from {instance.id}",
        lambda: world.background.start(
            f"taking a key from {instance.id}", _remove(manager, instance.id, user, key)
        ),
    )


async def _remove(manager: RunsCommands, instance_id: str, user: str, key: str) -> None:
    try:
        await manager.run_command(
            instance_id,
            ("/bin/sh", "-c", _REMOVE, "sh", user, key),
            timeout_seconds=_COMMAND_SECONDS,
        )
    except VMError:
        return  # it is down; whoever starts it finds a key that only its sender has


def _checked_key(text: str) -> str:
    key = " ".join(text.split())
    try:
        load_ssh_public_key(key.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise AwsError("InvalidParameterValue", "that is not an OpenSSH public key") from None
    return key
