"""What EC2 may ask of a virtual machine manager."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import attrs


class VMError(Exception):
    """A manager could not do as asked; services decide what the caller sees."""


@attrs.frozen
class LaunchSpec:
    """Everything a manager needs to know to boot one guest.

    Attributes:
        instance_id: the guest's identity everywhere.
        account: the owner's twelve-digit id.
        region: such as ``us-east-1``.
        image_id: the AMI.
        instance_type: such as ``t3.micro``.
        vcpus: processors of that type.
        memory_mib: memory of that type.
        private_ip: the primary interface's address in its subnet.
        hostname: the guest's name, as AWS builds it.
        public_key: the key pair's OpenSSH public key, if one was named.
        user_data: what the caller gave, decoded.
    """

    instance_id: str
    account: str
    region: str
    image_id: str
    instance_type: str
    vcpus: int
    memory_mib: int
    private_ip: str
    hostname: str
    public_key: str | None = None
    user_data: bytes | None = None


@attrs.frozen
class Guest:
    """A machine as its manager sees it.

    Attributes:
        instance_id: whose machine it is.
        running: whether it is up.
        public_ip: an address at which clients reach it, if the manager gives one.
    """

    instance_id: str
    running: bool
    public_ip: str | None = None


class VMManager(Protocol):
    """Boots, stops and ends guests. Every call may safely be repeated."""

    name: str

    @abstractmethod
    async def launch(self, spec: LaunchSpec) -> Guest:
        """Boot one guest, or raise VMError and leave nothing behind."""

    @abstractmethod
    async def start(self, instance_id: str) -> Guest:
        """Boot a stopped guest; one that runs stays as it is."""

    @abstractmethod
    async def stop(self, instance_id: str, *, force: bool) -> None:
        """Power the guest off; a stopped guest stays stopped."""

    @abstractmethod
    async def reboot(self, instance_id: str) -> None:
        """Restart the guest's operating system."""

    @abstractmethod
    async def terminate(self, instance_id: str) -> None:
        """End the guest and everything that was its own; an unknown guest is no error."""

    @abstractmethod
    async def describe(self) -> Sequence[Guest]:
        """Return every guest that exists."""


@runtime_checkable
class LaunchesAtOnce(Protocol):
    """Of a manager whose guests are up at once: nobody has to wait for them, or lock them."""

    @abstractmethod
    def launch_now(self, instance_ids: Sequence[str]) -> None:
        """Boot guests; that cannot fail and needs to know nothing but whose they are."""
