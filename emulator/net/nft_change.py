"""What turns one packet filter into another; pure.

Most changes are of a few rules. To replace the chains that they are in costs a machine a
quarter less than to replace the table, which counts where fifty instances share a group.
"""

from __future__ import annotations

import re

from emulator.net.nft import TABLE

_CHAIN = re.compile(r"^  chain (\w+) \{\n(.*?)^  \}\n", re.MULTILINE | re.DOTALL)
_HOOK = "type filter hook"


def change(former: str, wanted: str) -> str:
    """Return the script that makes of one script's table another's, in one transaction.

    Args:
        former: the script of ``emulator.net.nft`` whose table is there.
        wanted: the script whose table is to be there.

    Returns:
        The wanted script itself where more than rules of chains without a hook differ.
    """
    old, new = dict(_CHAIN.findall(former)), dict(_CHAIN.findall(wanted))
    if list(old) != list(new) or _without_chains(former) != _without_chains(wanted):
        return wanted
    differing = [name for name, body in new.items() if old[name] != body]
    if not differing or any(_HOOK in old[name] + new[name] for name in differing):
        return wanted
    flushed = "".join(f"flush chain {TABLE} {name}\n" for name in differing)
    chains = "".join(f"  chain {name} {{\n{new[name]}  }}\n" for name in differing)
    return f"{flushed}table {TABLE} {{\n{chains}}}\n"


def _without_chains(text: str) -> str:
    return _CHAIN.sub("", text)
