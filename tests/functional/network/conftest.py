"""The engine, images and emulator of the docker tests, for tests of packets."""

from tests.functional.docker.conftest import amis, cloud, engine, key

__all__ = ["amis", "cloud", "engine", "key"]
