"""ARP announcements as they are on the wire."""

from __future__ import annotations

from ipaddress import IPv4Address

from emulator.net.announcing import announcement


def test_an_announcement_asks_everybody_for_the_address_it_has() -> None:
    frame = announcement("0a:1b:2c:3d:4e:5f", IPv4Address("172.31.5.6"))

    assert frame.hex(" ", 1) == (
        "ff ff ff ff ff ff 0a 1b 2c 3d 4e 5f 08 06 "
        "00 01 08 00 06 04 00 01 "
        "0a 1b 2c 3d 4e 5f ac 1f 05 06 "
        "00 00 00 00 00 00 ac 1f 05 06"
    )
