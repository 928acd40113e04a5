"""How a guest is on networks; pure.

Its first adapter leads out through the host, which no guest can be reached by but through
forwarded ports. Its second is on a network that VirtualBox makes of nothing but its name, the
VPC's, and has the address that the instance has in EC2: guests of one VPC reach each other.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from typing import Any

from emulator.vm.interface import LaunchSpec

SSH_PORT = "22/tcp"
# As many as the emulator publishes of any instance.
MOST_PORTS = 32
# The last is never a VPC's whole: no /16 block holds two of them.
_WAYS_OUT = ("10.0.2.0/24", "172.31.254.0/24", "192.168.254.0/24")


def out_mac_address(instance_id: str) -> str:
    """Return the first adapter's address, always the same: the guest knows adapters by it."""
    digits = hashlib.sha256(instance_id.encode()).hexdigest()
    # VirtualBox's own prefix.
    return f"08:00:27:{digits[0:2]}:{digits[2:4]}:{digits[4:6]}"


def way_out(spec: LaunchSpec) -> str:
    """Return the range that a guest's first adapter gets its address of: none of the VPC's."""
    if spec.network is None:
        return _WAYS_OUT[0]
    vpc = ipaddress.IPv4Network(spec.network.cidr, strict=False)
    return next(each for each in _WAYS_OUT if not ipaddress.IPv4Network(each).overlaps(vpc))


def vpc_network(namespace: str, vpc_id: str) -> str:
    """Return the name of a VPC's network."""
    return f"ec2-emulator.{namespace}.{vpc_id}"


def network_config(spec: LaunchSpec) -> dict[str, Any]:
    """Return what a guest's cloud-init is told of its adapters, as version 2 has it."""
    ethernets: dict[str, Any] = {
        "out": {"match": {"macaddress": out_mac_address(spec.instance_id)}, "dhcp4": True}
    }
    if spec.network is not None and spec.mac_address is not None:
        length = ipaddress.IPv4Network(spec.network.cidr, strict=False).prefixlen
        ethernets["vpc"] = {
            "match": {"macaddress": spec.mac_address.lower()},
            "addresses": [f"{spec.private_ip}/{length}"],
            # A guest without it would wait for minutes at each boot.
            "optional": True,
        }
    return {"version": 2, "ethernets": ethernets}


def wanted_ports(spec: LaunchSpec) -> Sequence[str]:
    """Return the ports of a guest that are reached from this machine; SSH's always is."""
    return tuple(dict.fromkeys((SSH_PORT, *spec.ports)))[:MOST_PORTS]
