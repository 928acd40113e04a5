"""Which ports of an instance its security groups open; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from emulator.model.security_group import SecurityGroupRule
from emulator.state.store import Region

# Source: the seed documents, "Networking": a range would take as many ports of the host.
MAX_PORTS = 32


def open_ports(region: Region, group_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the TCP and UDP ports that the ingress rules of these groups name.

    Returns:
        At most 32, such as ``8080/tcp``. A rule for all ports names none of them.
    """
    found: dict[str, None] = {}
    for group_id in group_ids:
        for rule in region[SecurityGroupRule].where(group_id=group_id):
            for port in _ports(rule):
                found[port] = None
                if len(found) == MAX_PORTS:
                    return tuple(found)
    return tuple(found)


def _ports(rule: SecurityGroupRule) -> Iterator[str]:
    if rule.is_egress or rule.protocol not in ("tcp", "udp"):
        return
    first, last = rule.from_port, rule.to_port
    if first < 1 or (first, last) in ((0, 65535), (1, 65535)):
        return
    yield from (
        f"{port}/{rule.protocol}" for port in range(first, min(last, first + MAX_PORTS) + 1)
    )
