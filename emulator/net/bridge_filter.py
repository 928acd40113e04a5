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
from emulator.net.router_addresses import PUBLIC

_TABLE = re.compile(r"ec2_emulator_(?:routed_)?([0-9a-f]{12})")
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
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
    table = _table(bridge)
    return f"""add table ip {table}
delete table ip {table}
table ip {table} {{
    chain prerouting {{
        type filter hook prerouting priority raw; policy accept;
{lines}    }}
}}
"""


def forget(bridge: str) -> str:
    """Return the nft script for a network that is gone, or that has no such script yet."""
    return "".join(
        f"add table ip {table}\ndelete table ip {table}\n"
        for table in (_table(bridge), _routed(bridge))
    )


def routed(bridge: str, router_mac: str) -> str:
    """Return the nft script for a VPC's network that a router is on.

    What goes from and to the router only crosses the bridge, and must not be taken for
    connections of the machine's own. Under public addresses it gets to the machine; farther,
    into the true internet, only under the machine's.

    Args:
        bridge: the network's; ``$own_mac`` stands for its hardware address.
        router_mac: the router's hardware address.

    Raises:
        ValueError: the bridge or the address is none.
    """
    table = _routed(bridge)
    if _MAC.fullmatch(router_mac) is None:
        raise ValueError(f"{router_mac!r} is no hardware address")
    return f"""add table ip {table}
delete table ip {table}
table ip {table} {{
    chain prerouting {{
        type filter hook prerouting priority raw; policy accept;
        iifname "{bridge}" ether daddr {router_mac} notrack
        iifname "{bridge}" ether saddr {router_mac} ether daddr != $own_mac notrack
    }}
    chain postrouting {{
        type nat hook postrouting priority 99; policy accept;
        iifname "{bridge}" oifname != "{bridge}" ip saddr {PUBLIC} masquerade
    }}
}}
"""


def bridges_of(tables: Iterable[str]) -> list[str]:
    """Return the bridges that tables, by their names, are about; tables of others' are none."""
    found = (_TABLE.fullmatch(name) for name in tables)
    return list(dict.fromkeys(f"br-{each[1]}" for each in found if each))


def _table(bridge: str) -> str:
    if _BRIDGE.fullmatch(bridge) is None:
        raise ValueError(f"{bridge!r} is no bridge of Docker's")
    return f"ec2_emulator_{bridge.removeprefix('br-')}"


def _routed(bridge: str) -> str:
    return _table(bridge).replace("emulator_", "emulator_routed_")
