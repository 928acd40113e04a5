"""Guests that the emulator does not plug into their VPCs: libvirt's own network has them all."""

from __future__ import annotations

from collections.abc import Collection

import attrs

from emulator.vm.interface import GuestKey, GuestPorts, LaunchSpec, VMError


@attrs.frozen
class NoPorts(GuestPorts):
    """Says why not, and has nothing else to do.

    Attributes:
        reason: why guests are not plugged in.
    """

    reason: str

    def obstacle(self) -> str | None:
        """Return the reason."""
        return self.reason

    async def prepare(self, spec: LaunchSpec) -> str:  # noqa: ARG002 - nobody is plugged in
        """Refuse."""
        raise VMError(self.reason)

    async def before_start(self, key: GuestKey) -> str:  # noqa: ARG002 - as above
        """Refuse."""
        raise VMError(self.reason)

    async def connect(self, key: GuestKey) -> str | None:  # noqa: ARG002 - as above
        """Refuse."""
        raise VMError(self.reason)

    def was_heard(self, key: GuestKey) -> bool:  # noqa: ARG002 - nobody is listened to
        """Say no."""
        return False

    async def forget(self, key: GuestKey) -> None:
        """Do nothing: nothing was made."""

    async def keep_only(self, instance_ids: Collection[str]) -> None:
        """Do nothing: nothing was made."""
