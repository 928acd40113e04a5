"""The DNS names AWS gives to addresses; pure.

Source: "Amazon EC2 instance hostname types": us-east-1 has names of its own.
"""

from __future__ import annotations

from emulator.model.instance import Instance

FIRST_REGION = "us-east-1"


def private_name(region: str, address: str) -> str:
    """Return the IP name of a private IPv4 address, such as ``ip-10-0-0-4.ec2.internal``."""
    return f"ip-{address.replace('.', '-')}.{private_domain(region)}"


def resource_name(region: str, instance_id: str) -> str:
    """Return the resource name of an instance, such as ``i-….ec2.internal``."""
    return f"{instance_id}.{private_domain(region)}"


def instance_name(region: str, instance: Instance, private_ip: str | None) -> str:
    """Return the private name of an instance, by its address or by its id."""
    by_id = instance.options.private_dns_name.get("HostnameType") == "resource-name"
    if by_id or private_ip is None:
        return resource_name(region, instance.id)
    return private_name(region, private_ip)


def private_domain(region: str) -> str:
    """Return what private names of a region end in."""
    return "ec2.internal" if region == FIRST_REGION else f"{region}.compute.internal"


def public_name(region: str, address: str) -> str:
    """Return the name of a public IPv4 address."""
    domain = "compute-1" if region == FIRST_REGION else f"{region}.compute"
    return f"ec2-{address.replace('.', '-')}.{domain}.amazonaws.com"
