"""What may be written into GATEWAY_LISTEN."""

from __future__ import annotations

import pytest

from emulator.web.listener import ListenAddress, parse_addresses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0:4566", [("0.0.0.0", 4566)]),
        ("0.0.0.0:4566,[::1]:4566", [("0.0.0.0", 4566), ("::1", 4566)]),
        (" 127.0.0.1:1 , 127.0.0.1:2 ,", [("127.0.0.1", 1), ("127.0.0.1", 2)]),
        ("127.0.0.1:1,127.0.0.1:1", [("127.0.0.1", 1)]),
        (":4510", [("0.0.0.0", 4510)]),
        ("4510", [("0.0.0.0", 4510)]),
        ("127.0.0.1", [("127.0.0.1", 4566)]),
        ("localhost:80", [("127.0.0.1", 80)]),
        ("[::]", [("::", 4566)]),
        ("::1", [("::1", 4566)]),
        ("127.0.0.1:0", [("127.0.0.1", 0)]),
    ],
)
def test_addresses_are_understood(text, expected):
    assert tuple(ListenAddress(*pair) for pair in expected) == parse_addresses(text)


@pytest.mark.parametrize(
    "text",
    ["", " , ", "example.com:80", "127.0.0.1:http", "127.0.0.1:65536", "[::1", "[::1]80", "1.2.3",
     "127.0.0.1:" + "9" * 10_000, "127.0.0.1:²", "127.0.0.1:-1", "[]:1:"],
)  # fmt: skip
def test_what_is_no_address_is_explained(text):
    with pytest.raises(ValueError, match="address"):
        parse_addresses(text)


def test_an_address_reads_as_it_is_written():
    assert [str(address) for address in parse_addresses("[::1]:4566,127.0.0.1:80")] == [
        "[::1]:4566",
        "127.0.0.1:80",
    ]
