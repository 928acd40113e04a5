"""Telling the neighbours of an interface which address is there; inside its namespace.

A new instance may get the address of one that has just ended. Whoever knew that one (the host
above all) would go on sending to its hardware address for up to half a minute.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, ip_interface

_SIOCGIFADDR = 0x8915  # netdevice(7)
_ARP = 0x0806
_ETHERNET, _IPV4, _REQUEST = 1, 0x0800, 1
_EVERYBODY = b"\xff" * 6


def announcement(mac_address: str, address: IPv4Address) -> bytes:
    """Return the frame of an ARP announcement (RFC 5227, section 2.3); pure."""
    mac = bytes.fromhex(mac_address.replace(":", ""))
    head = struct.pack("!6s6sH", _EVERYBODY, mac, _ARP)
    kind = struct.pack("!HHBBH", _ETHERNET, _IPV4, len(mac), 4, _REQUEST)
    return head + kind + mac + address.packed + bytes(6) + address.packed


def announce(interface: str, mac_address: str, addresses: Iterable[str]) -> None:
    """Tell everybody on an interface's network of its first address and of these.

    Args:
        interface: its name in the namespace this thread is in.
        mac_address: the interface's.
        addresses: with or without the length of a prefix; only IPv4 is announced.
    """
    given = (ip_interface(text).ip for text in addresses)
    told = {address for address in given if isinstance(address, IPv4Address)}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        try:
            answer = fcntl.ioctl(handle, _SIOCGIFADDR, struct.pack("256s", interface.encode()))
            told.add(IPv4Address(answer[20:24]))
        except OSError:
            pass  # it has none besides those
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ARP)) as sender:
        sender.bind((interface, _ARP))
        for address in sorted(told):
            sender.send(announcement(mac_address, address))
