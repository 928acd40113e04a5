"""DHCP messages to values and back; pure.

Sources: RFC 2131 (messages), RFC 2132 (options). What arrives comes from a guest and may be
anything; what is not a request of a client on an Ethernet link is no message here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

import attrs

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)

SUBNET_MASK, ROUTER, DNS_SERVERS, HOST_NAME, DOMAIN_NAME = 1, 3, 6, 12, 15
MTU, BROADCAST, NTP_SERVERS, NETBIOS_SERVERS, NETBIOS_NODE_TYPE = 26, 28, 42, 44, 46
REQUESTED_ADDRESS, LEASE_SECONDS, OVERLOAD, KIND, SERVER = 50, 51, 52, 53, 54
WANTED_OPTIONS, LARGEST_MESSAGE = 55, 57
_PAD, _END = 0, 255

_REQUEST_OPERATION, _REPLY_OPERATION = 1, 2
_ETHERNET, _ETHERNET_LENGTH = 1, 6
_FIXED = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_COOKIE = b"\x63\x82\x53\x63"
_BROADCAST_FLAG = 0x8000
_SHORTEST_REPLY = 300  # of BOOTP; some relays and clients drop shorter ones
_UNSPECIFIED = IPv4Address(0)


@attrs.frozen
class Request:
    """What a client says.

    Attributes:
        kind: one of DISCOVER … INFORM.
        exchange: the client's number for the exchange.
        mac_address: the client's, in small letters with colons.
        client_address: the address it already uses; 0.0.0.0: none.
        relay: the agent it came through; 0.0.0.0: none.
        flags: as they stand in the message.
        options: what it says, by number; each of them whole.
    """

    kind: int
    exchange: int
    mac_address: str
    client_address: IPv4Address = _UNSPECIFIED
    relay: IPv4Address = _UNSPECIFIED
    flags: int = 0
    options: Mapping[int, bytes] = attrs.field(factory=dict)

    @property
    def requested_address(self) -> IPv4Address | None:
        """The address it asks for, if it says one."""
        return self._address(REQUESTED_ADDRESS)

    @property
    def server(self) -> IPv4Address | None:
        """The server it speaks to, if it says one."""
        return self._address(SERVER)

    @property
    def wanted(self) -> frozenset[int] | None:
        """The options it wants to hear; None: it does not say."""
        found = self.options.get(WANTED_OPTIONS)
        return frozenset(found) if found else None

    @property
    def largest_reply(self) -> int:
        """The size in bytes that a reply may have, without the headers of IP and UDP."""
        found = self.options.get(LARGEST_MESSAGE, b"")
        # "Every host must be able to receive 576 bytes", headers included.
        size = int.from_bytes(found, "big") if len(found) == 2 else 576
        return min(max(size, 576), 1500) - 28

    def _address(self, option: int) -> IPv4Address | None:
        found = self.options.get(option, b"")
        return IPv4Address(found) if len(found) == 4 else None


@attrs.frozen
class Reply:
    """What is said to a client.

    Attributes:
        kind: OFFER, ACK or NAK.
        address: the client's from now on; 0.0.0.0 where that is not said.
        options: in the order in which they matter.
    """

    kind: int
    address: IPv4Address = _UNSPECIFIED
    options: Mapping[int, bytes] = attrs.field(factory=dict)


def read_request(packet: bytes) -> Request | None:
    """Return what a client sent; None: it is no request of a DHCP client's."""
    if len(packet) < _FIXED.size + len(_COOKIE):
        return None
    fields = _FIXED.unpack_from(packet)
    operation, hardware, length, _, exchange, _, flags = fields[:7]
    ours, _, _, relay, client = fields[7:12]
    if (operation, hardware, length) != (_REQUEST_OPERATION, _ETHERNET, _ETHERNET_LENGTH):
        return None
    if packet[_FIXED.size : _FIXED.size + len(_COOKIE)] != _COOKIE:
        return None
    options = _read_options(packet[_FIXED.size + len(_COOKIE) :])
    kind = options.get(KIND, b"")
    if len(kind) != 1 or kind[0] not in {DISCOVER, REQUEST, DECLINE, RELEASE, INFORM}:
        return None
    return Request(
        kind[0],
        exchange,
        client[:_ETHERNET_LENGTH].hex(":"),
        IPv4Address(ours),
        IPv4Address(relay),
        flags,
        options,
    )


def _read_options(text: bytes) -> dict[int, bytes]:
    """Return options as far as they can be read; those that come in pieces are joined."""
    found: dict[int, bytes] = {}
    place = 0
    while place < len(text) and text[place] != _END:
        code = text[place]
        place += 1
        if code == _PAD:
            continue
        if place == len(text) or place + 1 + text[place] > len(text):
            break  # cut off
        length = text[place]
        found[code] = found.get(code, b"") + text[place + 1 : place + 1 + length]
        place += 1 + length
    return found


def write_reply(request: Request, reply: Reply) -> bytes:
    """Return the message that answers a request.

    Options that do not fit into what the client can receive are left out, the last ones first.
    """
    hardware = bytes.fromhex(request.mac_address.replace(":", ""))
    ours = request.client_address if reply.kind == ACK else _UNSPECIFIED
    head = _FIXED.pack(
        _REPLY_OPERATION,
        _ETHERNET,
        _ETHERNET_LENGTH,
        0,
        request.exchange,
        0,
        request.flags & _BROADCAST_FLAG,
        ours.packed,
        reply.address.packed,
        bytes(4),
        request.relay.packed,
        hardware,
        b"",
        b"",
    )
    written = head + _COOKIE + bytes((KIND, 1, reply.kind))
    for code, value in reply.options.items():
        option = bytes((code, len(value))) + value if 0 < len(value) < 256 else b""
        if len(written) + len(option) < request.largest_reply:
            written += option
    return (written + bytes((_END,))).ljust(_SHORTEST_REPLY, b"\0")


def addresses(given: Iterable[str]) -> bytes:
    """Return an option that is a list of IPv4 addresses; what is none is left out."""
    found = bytearray()
    for text in given:
        try:
            found += IPv4Address(text).packed
        except ValueError:
            continue
    return bytes(found)
