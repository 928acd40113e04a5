"""What the engine's machine filters at the bridge of a VPC's network; pure.

Two things, in a table of its own for each bridge, which stays while no emulator runs:

* Nothing from the bridge gets to the machine's own metadata service. Instances have theirs in
  their own namespaces, but a container that was restarted by hand has none until the emulator
  has been there.
* Where two VPCs have the same range, one Docker network has it and the other VPC's instances
  have such addresses beside those of their network. Docker rewrites the source of what comes
  from its network's range and leaves by another bridge; the kernel shows it packets that only
  cross a bridge, too. What stays within the second VPC is therefore not tracked by the host,
  and what is not tracked is not rewritten.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from emulator.net.ports import METADATA_IPV4

_TABLE = re.compile(r"ec2_emulator_([0-9a-f]{12})")
_BRIDGE = re.compile(r"br-[0-9a-f]{12}")


def bridge_of(network_id: str) -> str:
    """Return the name of a Docker network's bridge."""
    return f"br-{network_id[:12]}"


def guard(bridge: str, foreign_cidr: str | None) -> str:
    """Return the nft script for a VPC's network.

    Args:
        bridge: the network's.
        foreign_cidr: the VPC's range, where the network has another.

    Raises:
        ValueError: the bridge or the range is none.
    """
    rules = [f'iifname "{bridge}" ip daddr {METADATA_IPV4} drop']
    if foreign_cidr is not None:
        network = ipaddress.IPv4Network(foreign_cidr)
        rules.append(f'iifname "{bridge}" ip saddr {network} ip daddr {network} notrack')
    lines = "".join(f"        {rule}\n" for rule in rules)
    return f"""{forget(bridge)}
table ip {_table(bridge)} {{
    chain prerouting {{
        type filter hook prerouting priority raw; policy accept;
{lines}    }}
}}
"""


def forget(bridge: str) -> str:
    """Return the nft script for a network that is gone, or that has no such script yet."""
    table = _table(bridge)
    return f"add table ip {table}\ndelete table ip {table}\n"


def bridges_of(tables: Iterable[str]) -> list[str]:
    """Return the bridges that tables, by their names, are about; tables of others' are none."""
    found = (_TABLE.fullmatch(name) for name in tables)
    return [f"br-{each[1]}" for each in found if each]


def _table(bridge: str) -> str:
    if _BRIDGE.fullmatch(bridge) is None:
        raise ValueError(f"{bridge!r} is no bridge of Docker's")
    return f"ec2_emulator_{bridge.removeprefix('br-')}"
