"""The disc that tells a guest's own cloud-init what it is to be (pure).

A guest finds it by its label, before it has a network. Source: cloud-init's documentation,
"NoCloud".
"""

from __future__ import annotations

from emulator.vm.interface import LaunchSpec, VMError
from emulator.vm.seed.first_boot import USER_DATA, documents
from emulator.vm.seed.iso import documents_on, seed_disc


def seed_iso(spec: LaunchSpec, *, has_metadata: bool) -> bytes:
    """Return the disc that a new guest boots with.

    There is no network configuration on it: the guest's first interface asks by DHCP, which is
    what cloud-init does where it is told nothing.

    Args:
        spec: the guest.
        has_metadata: whether the emulator answers at 169.254.169.254.
    """
    return seed_disc(documents(spec, has_metadata=has_metadata))


def with_user_data(disc: bytes, user_data: bytes | None) -> bytes:
    """Return a guest's disc with other user data; what ran at its first boot does not run again.

    Raises:
        VMError: the disc cannot be read.
    """
    try:
        found = documents_on(disc)
    except ValueError as error:
        raise VMError(f"the guest's seed cannot be read: {error}") from None
    return seed_disc({**found, USER_DATA: user_data or b""})
