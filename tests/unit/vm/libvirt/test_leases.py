from __future__ import annotations

from lxml import etree

from emulator.vm.libvirt.domain_xml import parse
from emulator.vm.libvirt.leases import Dhcp, dhcp_of, metadata_filter_xml, reservation_xml

MAC = "0A:00:00:00:00:07"
NETWORK = """
<network><name>default</name>
  <ip family='ipv6' address='fd00::1' prefix='64'>
    <dhcp><range start='fd00::2' end='fd00::9'/></dhcp>
  </ip>
  <ip address='192.168.7.1' netmask='255.255.255.0'><dhcp>
    <range start='192.168.7.1' end='192.168.7.4'/>
    <host mac='0a:00:00:00:00:01' ip='192.168.7.2'/>
    <host name='only' ip='192.168.7.9'/>
  </dhcp></ip>
</network>
"""


def dhcp() -> Dhcp:
    found = dhcp_of(parse(NETWORK))
    assert found is not None
    return found


def test_a_guest_keeps_the_address_that_it_has() -> None:
    assert dhcp().address_for("0A:00:00:00:00:01", ["192.168.7.2"]) == "192.168.7.2"


def test_a_guest_gets_an_address_that_nobody_has() -> None:
    assert dhcp().address_for(MAC, ["192.168.7.3"]) == "192.168.7.4"
    assert dhcp().address_for(MAC, ["192.168.7.4"]) == "192.168.7.3"


def test_a_full_network_has_no_address_left() -> None:
    assert dhcp().address_for(MAC, ["192.168.7.3", "192.168.7.4"]) is None


def test_guests_do_not_all_begin_with_the_same_address() -> None:
    wide = dhcp_of(parse(NETWORK.replace("192.168.7.4", "192.168.7.200")))
    assert wide is not None
    chosen = {wide.address_for(f"0a:00:00:00:00:{number:02x}", []) for number in range(16, 32)}

    assert len(chosen) > 8


def test_a_network_without_a_server_of_its_own_gives_none() -> None:
    assert dhcp_of(parse("<network><bridge name='br0'/></network>")) is None


def test_a_reservation_is_for_one_guest() -> None:
    host = etree.fromstring(reservation_xml("0a:00:00:00:00:07", "192.168.7.3"))

    assert (host.tag, dict(host.attrib)) == (
        "host",
        {"mac": "0a:00:00:00:00:07", "ip": "192.168.7.3"},
    )


def test_the_filter_drops_what_goes_to_a_metadata_service() -> None:
    rules = etree.fromstring(metadata_filter_xml()).findall("rule")

    assert [
        (rule.get("action"), rule.get("direction"), rule[0].get("dstipaddr")) for rule in rules
    ] == [
        ("drop", "out", "169.254.169.254"),
        ("drop", "out", "fd00:ec2::254"),
    ]
