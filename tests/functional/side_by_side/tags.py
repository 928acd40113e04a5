"""The tag that says whose an image or an instance is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.functional.docker.cloud import Cloud

KEY = "ec2_vm_manager"


def manager_of(found: Mapping[str, Any]) -> str:
    """Return what a described image or instance has as the tag; empty: nothing."""
    return next((tag["Value"] for tag in found.get("Tags", []) if tag["Key"] == KEY), "")


def managers_of(cloud: Cloud) -> dict[str, str]:
    """Return the manager of each AMI that has one."""
    only = [{"Name": "tag-key", "Values": [KEY]}]
    found = cloud.ec2.describe_images(Filters=only)["Images"]
    return {each["ImageId"]: manager_of(each) for each in found}
