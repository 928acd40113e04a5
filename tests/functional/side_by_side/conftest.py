"""The engine and images of the docker tests, for an emulator that has a hypervisor as well."""

from tests.functional.docker.conftest import amis, engine, pytest_runtest_makereport

__all__ = ["amis", "engine", "pytest_runtest_makereport"]
