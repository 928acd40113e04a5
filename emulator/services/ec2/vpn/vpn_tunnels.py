"""The two tunnels of a VPN connection: what may be asked for, and what AWS chooses.

Source: "Tunnel options for your AWS Site-to-Site VPN connection".
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from random import Random
from typing import Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.vpn import Tunnel
from emulator.net.cidrs import ipv4_network, ipv6_network

TUNNELS = 2
PHASE_1_SECONDS = 28800
PHASE_2_SECONDS = 3600
REKEY_MARGIN_SECONDS = 270

_INSIDE = ipaddress.IPv4Network("169.254.0.0/16")
_INSIDE_IPV6 = ipaddress.IPv6Network("fd00::/8")
_RESERVED = frozenset([*(f"169.254.{third}.0/30" for third in range(6)), "169.254.169.252/30"])
_KEY = re.compile(r"[A-Za-z1-9._][A-Za-z0-9._]{7,63}")
_KEY_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"
_KEY_LENGTH = 32

_ENCRYPTION = frozenset(("AES128", "AES256", "AES128-GCM-16", "AES256-GCM-16"))
_INTEGRITY = frozenset(("SHA1", "SHA2-256", "SHA2-384", "SHA2-512"))
_GROUPS_1 = frozenset((2, *range(14, 25), 35))
_GROUPS_2 = frozenset((2, 5, *range(14, 25), 35, 36, 37))
_LISTS: Mapping[str, frozenset[Any]] = {
    "Phase1EncryptionAlgorithms": _ENCRYPTION,
    "Phase2EncryptionAlgorithms": _ENCRYPTION,
    "Phase1IntegrityAlgorithms": _INTEGRITY,
    "Phase2IntegrityAlgorithms": _INTEGRITY,
    "Phase1DHGroupNumbers": _GROUPS_1,
    "Phase2DHGroupNumbers": _GROUPS_2,
    "IKEVersions": frozenset(("ikev1", "ikev2")),
}
_WORDS: Mapping[str, frozenset[str]] = {
    "DPDTimeoutAction": frozenset(("clear", "none", "restart")),
    "StartupAction": frozenset(("add", "start")),
}
_RANGES: Mapping[str, tuple[int, int]] = {
    "Phase1LifetimeSeconds": (900, 28800),
    "Phase2LifetimeSeconds": (900, 3600),
    "RekeyFuzzPercentage": (0, 100),
    "ReplayWindowSize": (64, 2048),
    "DPDTimeoutSeconds": (30, 2**31 - 1),
}
# Requests and answers spell these differently.
_SHOWN_AS = {
    "DPDTimeoutSeconds": "DpdTimeoutSeconds",
    "DPDTimeoutAction": "DpdTimeoutAction",
    "IKEVersions": "IkeVersions",
}
_OWN_FIELDS = frozenset(("TunnelInsideCidr", "TunnelInsideIpv6Cidr", "PreSharedKey"))
_NO_LOGS: Mapping[str, Any] = {"CloudWatchLogOptions": {"LogEnabled": False}}


def _invalid(name: str, value: Any) -> AwsError:
    return AwsError(
        "InvalidParameterValue",
        f"Value ({str(value)[:64]}) for parameter {name} is invalid.",
    )


def _check_options(options: Mapping[str, Any]) -> None:
    """Refuse numbers and words that AWS does not take, alone or together."""
    for name, (least, most) in _RANGES.items():
        value = options.get(name)
        if value is not None and not least <= value <= most:
            raise _invalid(name, value)
    for name, words in _WORDS.items():
        value = options.get(name)
        if value is not None and value not in words:
            raise _invalid(name, value)
    for name, allowed in _LISTS.items():
        for item in options.get(name) or ():
            if item.get("Value") not in allowed:
                raise _invalid(name, item.get("Value"))
    first = options.get("Phase1LifetimeSeconds", PHASE_1_SECONDS)
    second = options.get("Phase2LifetimeSeconds", PHASE_2_SECONDS)
    if second >= first:
        raise _invalid("Phase2LifetimeSeconds", second)
    margin = options.get("RekeyMarginTimeSeconds", REKEY_MARGIN_SECONDS)
    if not 60 <= margin <= second // 2:
        raise _invalid("RekeyMarginTimeSeconds", margin)


def _checked_key(key: str) -> str:
    if _KEY.fullmatch(key) is None:
        raise AwsError(
            "InvalidParameterValue",
            "The pre-shared key is invalid: it has 8 to 64 letters, digits, periods and "
            "underscores, and does not start with zero.",
        )
    return key


def new_key() -> str:
    """Return a pre-shared key that nobody can guess."""
    while True:
        key = "".join(secrets.choice(_KEY_CHARACTERS) for _ in range(_KEY_LENGTH))
        if key[0] != "0":
            return key


def _checked_inside(text: str, taken: Collection[str]) -> str:
    network = ipv4_network(text, "TunnelInsideCidr")
    cidr = str(network)
    if network.prefixlen != 30 or not network.subnet_of(_INSIDE) or cidr in _RESERVED:
        raise _invalid("TunnelInsideCidr", text)
    if cidr in taken:
        raise AwsError(
            "InvalidParameterValue", f"The tunnel inside CIDR {cidr} is used by another tunnel"
        )
    return cidr


def _checked_inside_ipv6(text: str, taken: Collection[str]) -> str:
    network = ipv6_network(text, "TunnelInsideIpv6Cidr")
    cidr = str(network)
    if network.prefixlen != 126 or not network.subnet_of(_INSIDE_IPV6):
        raise _invalid("TunnelInsideIpv6Cidr", text)
    if cidr in taken:
        raise AwsError(
            "InvalidParameterValue", f"The tunnel inside CIDR {cidr} is used by another tunnel"
        )
    return cidr


def _new_inside(random: Random, taken: Collection[str]) -> str:
    count = _INSIDE.num_addresses // 4
    start, base = random.randrange(count), int(_INSIDE.network_address)
    for step in range(count):
        address = ipaddress.IPv4Address(base + (start + step) % count * 4)
        cidr = f"{address}/30"
        if cidr not in _RESERVED and cidr not in taken:
            return cidr
    raise AwsError("VpnConnectionLimitExceeded", "There is no tunnel inside CIDR left")


def _new_inside_ipv6(random: Random, taken: Collection[str]) -> str:
    base = int(_INSIDE_IPV6.network_address)
    while True:
        address = ipaddress.IPv6Address(base + random.getrandbits(118) * 4)
        cidr = f"{address}/126"
        if cidr not in taken:
            return cidr


def new_tunnels(
    random: Random,
    given: Sequence[Mapping[str, Any]],
    outside_ips: Sequence[str],
    taken: Collection[str],
    *,
    ipv6: bool,
) -> tuple[Tunnel, Tunnel]:
    """Return a connection's tunnels, with what was asked for and the rest chosen.

    Args:
        random: for what is no secret.
        given: the options of none, one or both tunnels.
        outside_ips: AWS's address of each.
        taken: inside ranges that the gateway's other tunnels have.
        ipv6: whether they carry IPv6.

    Raises:
        AwsError: an option that AWS would refuse.
    """
    if len(given) > TUNNELS:
        raise AwsError(
            "InvalidParameterValue", f"A VPN connection has {TUNNELS} tunnels, not {len(given)}"
        )
    options = [*given, *({} for _ in range(TUNNELS - len(given)))]
    used = set(taken)
    made: list[Tunnel] = []
    for item, outside_ip in zip(options, outside_ips, strict=True):
        _check_options(item)
        inside = item.get("TunnelInsideCidr")
        cidr = _new_inside(random, used) if inside is None else _checked_inside(inside, used)
        ipv6_cidr = _inside_ipv6(random, item, used) if ipv6 else None
        used |= {cidr, ipv6_cidr or ""}
        key = item.get("PreSharedKey")
        made.append(
            Tunnel(
                outside_ip=outside_ip,
                inside_cidr=cidr,
                pre_shared_key=new_key() if key is None else _checked_key(key),
                inside_ipv6_cidr=ipv6_cidr,
                options=_kept(item),
            )
        )
    first, second = made
    return first, second


def _inside_ipv6(random: Random, item: Mapping[str, Any], used: Collection[str]) -> str:
    inside = item.get("TunnelInsideIpv6Cidr")
    return _new_inside_ipv6(random, used) if inside is None else _checked_inside_ipv6(inside, used)


def _kept(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _SHOWN_AS.get(name, name): value
        for name, value in options.items()
        if name not in _OWN_FIELDS
    }


def changed_tunnel(tunnel: Tunnel, options: Mapping[str, Any], taken: Collection[str]) -> Tunnel:
    """Return a tunnel with other options; ``taken`` are the inside ranges of the others.

    Raises:
        AwsError: an option that AWS would refuse.
    """
    spelt = {shown: name for name, shown in _SHOWN_AS.items()}
    present = {spelt.get(name, name): value for name, value in tunnel.options.items()}
    _check_options({**present, **options})
    inside, inside_ipv6 = options.get("TunnelInsideCidr"), options.get("TunnelInsideIpv6Cidr")
    key = options.get("PreSharedKey")
    if inside_ipv6 is not None and tunnel.inside_ipv6_cidr is None:
        raise _invalid("TunnelInsideIpv6Cidr", inside_ipv6)
    return attrs.evolve(
        tunnel,
        inside_cidr=tunnel.inside_cidr if inside is None else _checked_inside(inside, taken),
        inside_ipv6_cidr=(
            tunnel.inside_ipv6_cidr
            if inside_ipv6 is None
            else _checked_inside_ipv6(inside_ipv6, taken)
        ),
        pre_shared_key=tunnel.pre_shared_key if key is None else _checked_key(key),
        options={**tunnel.options, **_kept(options)},
    )


def tunnel_view(tunnel: Tunnel) -> dict[str, Any]:
    """Return a tunnel as VpnConnectionOptions shows it; AWS's defaults are not shown."""
    return {
        "OutsideIpAddress": tunnel.outside_ip,
        "TunnelInsideCidr": tunnel.inside_cidr,
        "TunnelInsideIpv6Cidr": tunnel.inside_ipv6_cidr,
        "PreSharedKey": tunnel.pre_shared_key,
        "LogOptions": _NO_LOGS,
        **tunnel.options,
    }
