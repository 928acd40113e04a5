"""One instance as its own metadata sees it: its records and what belongs to them.

Made for one request and thrown away, so that a change through the API shows at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

import attrs

from emulator.catalog.instance_types import instance_type
from emulator.catalog.regions import REGIONS, Zone, zones
from emulator.catalog.regions import Region as KnownRegion
from emulator.core.clock import Clock
from emulator.model.iam import InstanceProfile, Role
from emulator.model.image import Image
from emulator.model.instance import Instance, ProfileAssociation
from emulator.model.instance_event import InstanceEvent
from emulator.model.network_interface import NetworkInterface
from emulator.model.security_group import SecurityGroup
from emulator.model.vpc import DhcpOptions, Vpc
from emulator.net.dns_names import instance_name, public_name
from emulator.state import joins
from emulator.state.store import Region, State


class Secrets(Protocol):
    """What the tree shows and does not make itself."""

    @abstractmethod
    def role_credentials(self, facts: Facts, role: Role) -> Mapping[str, str]:
        """Return credentials of the instance profile's role, in the shape that is shown."""

    @abstractmethod
    def own_credentials(self, facts: Facts) -> Mapping[str, str]:
        """Return the credentials that AWS itself uses on the instance, in the same shape."""

    @abstractmethod
    def document(self, facts: Facts) -> bytes:
        """Return the instance identity document."""

    @abstractmethod
    def signature(self, facts: Facts) -> str:
        """Return the document's signature in base64."""

    @abstractmethod
    def pkcs7(self, facts: Facts) -> str:
        """Return the document and its signature as PKCS #7, in base64."""


@attrs.define(eq=False)
class Facts:
    """One instance and what belongs to it.

    Attributes:
        key: whose metadata this is, unique among all accounts and regions.
        state: for what stands in no region, such as roles.
        region: where the instance is.
        clock: the time.
        secrets: makes credentials and signatures.
    """

    key: str
    state: State
    region: Region
    instance: Instance
    clock: Clock
    secrets: Secrets

    @cached_property
    def now(self) -> datetime:
        """The moment of the request."""
        return self.clock.now()

    @cached_property
    def interfaces(self) -> Sequence[NetworkInterface]:
        """The attached interfaces, the primary first."""
        return joins.interfaces(self.region, self.instance)

    @property
    def primary(self) -> NetworkInterface | None:
        """The interface at device index 0."""
        return self.interfaces[0] if self.interfaces else None

    @property
    def private_ip(self) -> str | None:
        """The primary interface's primary IPv4 address."""
        primary = self.primary
        return primary.private_ips[0] if primary is not None and primary.private_ips else None

    @property
    def public_ip(self) -> str | None:
        """The public address of ``private_ip``."""
        primary, private_ip = self.primary, self.private_ip
        return self.public_of(primary, private_ip) if primary and private_ip else None

    def public_of(self, interface: NetworkInterface, private_ip: str) -> str | None:
        """Return the public address of a private one."""
        return joins.public_address(self.region, interface, private_ip)[0]

    def public_name_of(self, interface: NetworkInterface, public_ip: str) -> str:
        """Return the name of a public address; empty where the VPC gives none."""
        if not joins.has_public_names(self.region, interface.vpc_id):
            return ""
        return public_name(self.region.name, public_ip)

    @property
    def image(self) -> Image | None:
        """The AMI it was launched from, while that is there."""
        return self.region[Image].get(self.instance.image_id)

    @property
    def hostname(self) -> str:
        """The private name; a domain of the VPC's DHCP options takes the place of AWS's."""
        name = instance_name(self.region.name, self.instance, self.private_ip)
        vpc = self.region[Vpc].get(self.instance.vpc_id)
        options = self.region[DhcpOptions].get(vpc.dhcp_options_id) if vpc is not None else None
        domain = options.configurations.get("domain-name") if options is not None else None
        return f"{name.partition('.')[0]}.{domain[0]}" if domain else name

    @property
    def type_info(self) -> Mapping[str, Any]:
        """The instance type as DescribeInstanceTypes describes it."""
        return instance_type(self.instance.instance_type) or {}

    @property
    def known_region(self) -> KnownRegion:
        """The region's partition and domain."""
        return REGIONS[self.region.name]

    @property
    def zone(self) -> Zone | None:
        """The Availability Zone."""
        name = self.instance.availability_zone
        return next((zone for zone in zones(self.region.name) if zone.name == name), None)

    def group_names(self, interface: NetworkInterface) -> list[str]:
        """Return the names of an interface's security groups."""
        groups = (self.region[SecurityGroup].get(group_id) for group_id in interface.group_ids)
        return [group.name for group in groups if group is not None]

    @cached_property
    def profile(self) -> InstanceProfile | None:
        """The associated instance profile, while it exists under the same id."""
        arn = self.instance.profile_arn
        if arn is None:
            return None
        profiles = self.state.everywhere(self.region.account)[InstanceProfile]
        profile = profiles.get(arn.rpartition("/")[2].lower())
        is_same = profile is not None and profile.unique_id == self.instance.profile_id
        return profile if is_same else None

    @cached_property
    def role(self) -> Role | None:
        """The role in the instance profile."""
        profile = self.profile
        if profile is None:
            return None
        return self.state.everywhere(self.region.account)[Role].get(profile.role_id)

    @property
    def associated_at(self) -> datetime:
        """When the instance got its profile."""
        found = self.region[ProfileAssociation].where(instance_id=self.instance.id)
        return found[-1].associated_at if found else self.instance.launched_at

    def events(self, kind: str) -> list[InstanceEvent]:
        """Return the events of one kind that the instance has been told of."""
        return [
            event
            for event in self.region[InstanceEvent].where(instance_id=self.instance.id)
            if event.kind == kind and event.noticed_at <= self.now
        ]

    @property
    def shows_tags(self) -> bool:
        """Whether the instance may see its tags."""
        return self.instance.options.metadata.get("InstanceMetadataTags") == "enabled"
