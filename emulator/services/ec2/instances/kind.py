"""Instances as a kind of resource."""

from __future__ import annotations

from emulator.model.instance import Instance
from emulator.services.ec2.instances.filters import FILTERS
from emulator.services.ec2.instances.views import instance_view
from emulator.services.ec2.kind import Kind

INSTANCE = Kind(row=Instance, shape="Instance", view=instance_view, filters=FILTERS)
