"""What a virtual machine's own cloud-init reads at its first boot (pure).

The caller's user data stay exactly what they were: cloud-init itself unpacks, splits and
fetches them. What the emulator wants besides is vendor data, which yield to user data wherever
both speak of the same thing. Source: cloud-init's documentation, "NoCloud" and "Vendor-data".
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

from emulator.vm.interface import LaunchSpec
from emulator.vm.seed import nocloud

META_DATA, USER_DATA, VENDOR_DATA = "meta-data", "user-data", "vendor-data"
NETWORK_CONFIG = "network-config"
# Source: the seed documents, "Libvirt VM Manager": whom one logs in as, and how.
LOGIN_USER = LOGIN_PASSWORD = "localstack"  # noqa: S105 - published, the same everywhere
# With nothing of the emulator's at this address, a request must not get out to the metadata
# service of whatever machine this is. At every boot, whatever user data say.
_NO_METADATA = """\
#cloud-boothook
#!/bin/sh
ip route replace blackhole 169.254.169.254/32 || true
"""


def documents(
    spec: LaunchSpec, *, network: Mapping[str, Any] | None = None, has_metadata: bool
) -> dict[str, bytes]:
    """Return the documents of a guest's seed, by file name.

    Args:
        spec: the guest.
        network: a network configuration of version 2; None: the guest asks by DHCP.
        has_metadata: whether the emulator answers at 169.254.169.254.
    """
    keys = (spec.public_key,) if spec.public_key else ()
    where = {"region": spec.key.region, "instance-type": spec.instance_type}
    written = {
        META_DATA: nocloud.meta_data(spec.instance_id, spec.hostname, keys, where),
        USER_DATA: spec.user_data or b"",
        VENDOR_DATA: vendor_data(keys, has_metadata=has_metadata),
    }
    if network is not None:
        written[NETWORK_CONFIG] = json.dumps(network, indent=1).encode() + b"\n"
    return written


def vendor_data(public_keys: Sequence[str], *, has_metadata: bool) -> bytes:
    """Return what every guest is told besides its user data: above all, who may log in.

    A cloud-config of the caller's that has ``users`` replaces the list here. So a script makes
    the login user at the end of the first boot where it is missing then.
    """
    user = {
        "name": LOGIN_USER,
        "gecos": "EC2 emulator",
        "shell": "/bin/bash",
        "lock_passwd": False,
        "plain_text_passwd": LOGIN_PASSWORD,
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "ssh_authorized_keys": list(public_keys),
    }
    config = {"users": ["default", user], "ssh_pwauth": True}
    whole = MIMEMultipart(boundary="==ec2-emulator==")
    whole.attach(_part("cloud-config", f"#cloud-config\n{json.dumps(config)}\n"))
    whole.attach(_part("x-shellscript", _login_user_script(public_keys)))
    if not has_metadata:
        whole.attach(_part("cloud-boothook", _NO_METADATA))
    return whole.as_bytes()


_LOGIN_USER_SCRIPT = """\
#!/bin/sh
# The login user, where user data had another list of users.
name={name}
id "$name" >/dev/null 2>&1 && exit 0
shell=/bin/sh
[ -x /bin/bash ] && shell=/bin/bash
useradd --create-home --shell "$shell" "$name" 2>/dev/null ||
    adduser -D -s "$shell" "$name" || exit 1
printf '%s:%s\\n' "$name" {password} | chpasswd
if [ -d /etc/sudoers.d ]; then
    printf '%s ALL=(ALL) NOPASSWD:ALL\\n' "$name" >"/etc/sudoers.d/90-$name"
    chmod 440 "/etc/sudoers.d/90-$name"
fi
keys={keys}
home=$(getent passwd "$name" | cut -d: -f6)
if [ -n "$keys" ] && [ -n "$home" ]; then
    mkdir -p "$home/.ssh"
    printf '%s\\n' "$keys" >"$home/.ssh/authorized_keys"
    chmod 700 "$home/.ssh"
    chmod 600 "$home/.ssh/authorized_keys"
    chown -R "$name" "$home/.ssh"
fi
"""


def _login_user_script(public_keys: Sequence[str]) -> str:
    return _LOGIN_USER_SCRIPT.format(
        name=shlex.quote(LOGIN_USER),
        password=shlex.quote(LOGIN_PASSWORD),
        keys=shlex.quote("\n".join(public_keys)),
    )


def _part(kind: str, text: str) -> MIMEText:
    part = MIMEText(text, kind, "utf-8")
    part.add_header("Content-Disposition", "attachment", filename=f"ec2-emulator-{kind}")
    return part
