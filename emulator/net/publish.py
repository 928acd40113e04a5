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
        At most 32, such as ``8080/tcp``; a wide range takes what narrow ones leave. A rule
        for all ports names none of them.
    """
    rules = [rule for each in group_ids for rule in region[SecurityGroupRule].where(group_id=each)]
    rules.sort(key=lambda rule: rule.to_port - rule.from_port)
    found: dict[str, None] = {}
    for rule in rules:
        for port in _ports(rule):
            found[port] = None
            if len(found) == MAX_PORTS:
                return tuple(found)
    return tuple(found)


def _ports(rule: SecurityGroupRule) -> Iterator[str]:
    if rule.is_egress or rule.protocol not in ("tcp", "udp"):
        return
    first, last = max(rule.from_port, 1), rule.to_port
    if (first, last) != (1, 65535):
        ports = range(first, min(last, first + MAX_PORTS) + 1)
        yield from (f"{port}/{rule.protocol}" for port in ports)
