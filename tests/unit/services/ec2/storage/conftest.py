"""The driver in memory that libvirt's tests have."""

from __future__ import annotations

from tests.unit.vm.libvirt.conftest import data, uri

__all__ = ["data", "uri"]
