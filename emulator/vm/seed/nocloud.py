"""The documents of cloud-init's NoCloud datasource (pure).

Source: cloud-init's documentation, "NoCloud".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


def meta_data(
    instance_id: str,
    hostname: str,
    public_keys: Sequence[str] = (),
    extra: Mapping[str, str] | None = None,
) -> bytes:
    """Return the ``meta-data`` document; JSON is YAML, and quotes everything.

    Args:
        instance_id: a new one makes cloud-init do its first boot again.
        hostname: the guest's name.
        public_keys: in OpenSSH's format, for the image's default user.
        extra: further keys, such as ``region``, which templates in user data can name.
    """
    document = {
        "instance-id": instance_id,
        "local-hostname": hostname,
        "public-keys": list(public_keys),
        **(extra or {}),
    }
    return json.dumps(document, indent=1).encode() + b"\n"
