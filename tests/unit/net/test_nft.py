"""Scripts for nft: what each kind of rule becomes, and that nothing else gets in."""

from __future__ import annotations

import functools
import re
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.model.network_interface import NetworkInterface
from emulator.model.security_group import SecurityGroupRule
from emulator.net.cidrs import Network, known_network
from emulator.net.nft import script
from emulator.net.ruleset import Allowed, InterfaceRules, Ruleset, ruleset_of
from emulator.net.subnet_rules import AclRule, RouteRule, SubnetRules
from emulator.net.traffic import Traffic
from emulator.net.visit import Listening, definitions, gateways, redirects_to
from emulator.state.store import Region
from tests.fakes.client import Client
from tests.fakes.network import new_instance, new_subnet, new_vpc, region_of


def interface(
    *ingress: Allowed, egress: tuple[Allowed, ...] = (), address: str = "10.0.0.4/32"
) -> InterfaceRules:
    return InterfaceRules((known_network(address),), ingress, egress)


def allowed(traffic: Traffic, *cidrs: str) -> Allowed:
    return Allowed(traffic, tuple(map(known_network, cidrs)))


def chain(text: str, name: str) -> list[str]:
    found = re.search(rf"^  chain {name} {{\n(.*?)^  }}$", text, re.DOTALL | re.MULTILINE)
    assert found is not None, text
    return [line.strip() for line in found[1].splitlines()]


KNOWN = "ct state established ct mark and 0x40000000 != 0 accept"
V4, V6 = "192.0.2.0/24", "2001:db8::/64"
TRAFFIC = [
    (Traffic(6, (80, 80)), "tcp dport { 80 }", "tcp dport { 80 }"),
    (Traffic(6, (80, 90)), "tcp dport { 80-90 }", "tcp dport { 80-90 }"),
    (Traffic(6, (0, 65535)), "meta l4proto 6", "meta l4proto 6"),
    (Traffic(17, (53, 53)), "udp dport { 53 }", "udp dport { 53 }"),
    (Traffic(1), "meta l4proto 1", None),
    (Traffic(1, icmp=(3, None)), "icmp type 3", None),
    (Traffic(1, icmp=(8, 0)), "icmp type 8 icmp code 0", None),
    (Traffic(58), None, "meta l4proto 58"),
    (Traffic(58, icmp=(128, 0)), None, "icmpv6 type 128 icmpv6 code 0"),
    (Traffic(50), "meta l4proto 50", "meta l4proto 50"),
    (Traffic(None), "", ""),
]
PEERS = [
    ((V4,), f"ip saddr {{ {V4} }}", None),
    (("192.0.2.1/32", "192.0.2.9/32"), "ip saddr { 192.0.2.1, 192.0.2.9 }", None),
    (("0.0.0.0/0",), "meta nfproto ipv4", None),
    ((V6,), None, f"ip6 saddr {{ {V6} }}"),
    (("::/0",), None, "meta nfproto ipv6"),
    ((V4, V6), f"ip saddr {{ {V4} }}", f"ip6 saddr {{ {V6} }}"),
]


@pytest.mark.parametrize(("cidrs", "peer_v4", "peer_v6"), PEERS)
@pytest.mark.parametrize(("traffic", "v4", "v6"), TRAFFIC)
def test_every_protocol_from_every_kind_of_source(
    traffic: Traffic,
    v4: str | None,
    v6: str | None,
    cidrs: tuple[str, ...],
    peer_v4: str | None,
    peer_v6: str | None,
) -> None:
    wanted = [
        " ".join(filter(None, (peer, what, "goto tracked")))
        for peer, what in ((peer_v4, v4), (peer_v6, v6))
        if peer is not None and what is not None
    ]
    text = script(Ruleset((interface(allowed(traffic, *cidrs)),)))

    assert chain(text, "in_0") == wanted
    assert chain(text, "out_0") == []


def test_egress_looks_at_the_destination() -> None:
    only = interface(egress=(allowed(Traffic(6, (443, 443)), V4),))

    assert chain(script(Ruleset((only,))), "out_0") == [
        f"ip daddr {{ {V4} }} tcp dport {{ 443 }} goto tracked"
    ]


def test_ports_for_the_same_sources_are_one_rule() -> None:
    rules = (
        allowed(Traffic(6, (443, 443)), V4),
        allowed(Traffic(6, (80, 90)), V4),
        allowed(Traffic(6, (85, 100)), V4),
        allowed(Traffic(6, (101, 101)), V4),
        allowed(Traffic(17, (53, 53)), V4),
    )

    assert chain(script(Ruleset((interface(*rules),))), "in_0") == [
        f"ip saddr {{ {V4} }} tcp dport {{ 80-101, 443 }} goto tracked",
        f"ip saddr {{ {V4} }} udp dport {{ 53 }} goto tracked",
    ]


def test_both_gates_drop_what_nothing_allows() -> None:
    text = script(Ruleset())

    assert chain(text, "arriving")[0].endswith("policy drop;")
    assert chain(text, "leaving")[0].endswith("policy drop;")
    assert not any("goto in_" in line or "goto out_" in line for line in text.splitlines())


def test_established_connections_pass_both_gates_and_strangers_none() -> None:
    text = script(Ruleset((interface(),)))

    for name in ("arriving", "leaving"):
        assert KNOWN in chain(text, name)
    assert chain(text, "arriving")[-1] == "goto in_0"
    assert chain(text, "in_0") == []


EVERYBODY = ("0.0.0.0/0", "::/0")


def test_what_everybody_may_do_in_both_directions_is_not_tracked() -> None:
    http, ping, all_of_it = Traffic(6, (80, 80)), Traffic(1, icmp=(8, 0)), Traffic(None)
    rules = interface(
        allowed(http, *EVERYBODY),
        allowed(ping, *EVERYBODY),
        allowed(Traffic(6, (81, 81)), V4),
        egress=(allowed(all_of_it, "0.0.0.0/0"),),
    )
    text = script(Ruleset((rules,)))

    assert chain(text, "in_0") == [
        "meta nfproto ipv4 tcp dport { 80 } accept",
        "meta nfproto ipv4 icmp type 8 icmp code 0 goto tracked",
        # Nothing but what is known may go back by IPv6.
        "meta nfproto ipv6 tcp dport { 80 } goto tracked",
        f"ip saddr {{ {V4} }} tcp dport {{ 81 }} goto tracked",
    ]
    # What goes out may not be answered at any port, unless it is known.
    assert chain(text, "out_0") == ["meta nfproto ipv4 goto tracked"]
    assert chain(text, "tracked") == [
        "ct state new ct mark set ct mark or 0x40000000",
        "accept",
    ]


def test_all_traffic_in_both_directions_tracks_neither_tcp_nor_udp() -> None:
    everything = allowed(Traffic(None), "0.0.0.0/0")
    text = script(Ruleset((interface(everything, egress=(everything,)),)))

    for name in ("in_0", "out_0"):
        assert chain(text, name) == [
            "meta nfproto ipv4 meta l4proto 6 accept",
            "meta nfproto ipv4 meta l4proto 17 accept",
            "meta nfproto ipv4 goto tracked",
        ]


def test_the_machine_of_the_engine_has_port_22_and_what_is_open_to_all() -> None:
    rules = (
        allowed(Traffic(6, (80, 80)), "0.0.0.0/0"),
        allowed(Traffic(6, (81, 81)), "10.0.0.0/8"),
        allowed(Traffic(6, (82, 82)), "::/0"),
    )
    ruleset = Ruleset((interface(*rules),))
    arriving = chain(script(ruleset), "arriving")

    assert arriving.index("ip saddr $host goto from_host") < arriving.index("goto in_0")
    assert "ip saddr $host tcp dport 22 accept" in arriving
    # By its address on the internet of instances, too.
    assert "ip saddr 198.18.255.255 tcp dport 22 accept" in arriving
    assert not any(" 22 " in line for line in script(ruleset, host_ssh=False).splitlines())
    assert chain(script(ruleset), "from_host") == ["goto host_0"]
    assert chain(script(ruleset), "host_0") == ["tcp dport { 80 } goto tracked"]


def test_a_packet_meets_the_rules_of_the_interface_whose_address_it_has() -> None:
    text = script(Ruleset((interface(), interface(address="10.0.0.5/32"))))

    assert chain(text, "arriving")[-2:] == [
        "ip daddr vmap { 10.0.0.4 : goto in_0, 10.0.0.5 : goto in_1 }",
        "goto in_0",
    ]
    assert chain(text, "leaving")[-2:] == [
        "ip saddr vmap { 10.0.0.4 : goto out_0, 10.0.0.5 : goto out_1 }",
        "goto out_0",
    ]


def test_only_an_instance_that_may_forward_gets_packets_for_others() -> None:
    router = InterfaceRules((), (), (), source_dest_check=False)

    assert "fib daddr type" in script(Ruleset((interface(),)))
    assert "fib" not in script(Ruleset((router,)))


def test_nothing_for_the_metadata_service_leaves() -> None:
    leaving = chain(script(Ruleset((interface(),))), "leaving")

    assert leaving.index("ip daddr 169.254.169.254 drop") < leaving.index("goto out_0")


def subnet(**given: Any) -> SubnetRules:
    fields: dict[str, Any] = {"own": (), "ingress": (), "egress": (), "routes": ()}
    return SubnetRules(**fields | given)


def around(rules: SubnetRules) -> str:
    return script(Ruleset((attrs.evolve(interface(), subnet=rules),)))


def test_a_network_acl_knows_of_no_connections_and_comes_before_them() -> None:
    text = around(subnet())

    for name, gate in (("arriving", "jump acl_in"), ("leaving", "jump acl_out")):
        lines = chain(text, name)
        assert lines.index(gate) < lines.index(KNOWN)


def test_the_rules_of_an_acl_are_asked_in_order_by_whoever_is_outside_the_subnet() -> None:
    rules = (
        AclRule(Traffic(6, (80, 80)), known_network("192.0.2.0/24"), allows=False),
        AclRule(Traffic(None), known_network("0.0.0.0/0"), allows=True),
        AclRule(Traffic(58), known_network("::/0"), allows=True),
    )

    assert chain(
        around(subnet(own=(known_network("10.0.0.0/24"),), ingress=rules)), "acl_in_0"
    ) == [
        "ip saddr != $host ip saddr { 10.0.0.0/24 } return",
        "ip saddr != $host ip saddr { 192.0.2.0/24 } tcp dport { 80 } drop",
        "meta nfproto ipv4 return",
        "meta nfproto ipv6 meta l4proto 58 return",
        "drop",
    ]


def test_packets_go_where_a_route_leads_and_to_the_engines_machine() -> None:
    routes = (
        RouteRule(known_network("10.1.2.0/24"), leads_there=False),
        RouteRule(known_network("10.1.0.0/16"), leads_there=True),
        RouteRule(known_network("::/0"), leads_there=True),
    )
    text = around(subnet(routes=routes))

    assert chain(text, "routes") == ["ip daddr $host return", "goto routes_0"]
    assert chain(text, "routes_0") == [
        "ip daddr { 10.1.2.0/24 } drop",
        "ip daddr { 10.1.0.0/16 } return",
        "meta nfproto ipv6 return",
        "drop",
    ]


def test_a_namespace_defines_its_links_and_its_host() -> None:
    table = (
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
        "eth1\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\n"
        "eth1\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\n"
        "eth0\t0000090A\t00000000\t0001\t0\t0\t0\t0000FFFF\n"
    )
    found = gateways(table, ["eth0"])

    assert [str(each) for each in found] == ["172.17.0.1", "10.9.0.1"]
    assert definitions([7, 8], found) == (
        "define links = { 7, 8 }\ndefine host = { 127.0.0.1, 172.17.0.1, 10.9.0.1 }\n"
    )


# What a script may hold: our own words, numbers and addresses.
WORD = re.compile(
    r"-?[0-9a-fx:./-]+;?|inet|ec2_emulator|table|delete|chain|type|filter|hook|prerouting"
    r"|postrouting|priority|policy|drop;?|accept|goto|iif|oif|!=|\$links|\$host|ct|state"
    r"|established|related|new|mark|and|or|set|tracked|icmp|icmpv6|code|udp|tcp|sport|dport|fib|saddr|daddr|local|broadcast"
    r"|multicast|ip|ip6|meta|nfproto|ipv4|ipv6|l4proto|vmap|[{}:]"
    r"|(?:in|out|host|acl_in|acl_out|routes)(?:_[0-9]+)?|from_host|jump|return|arriving|leaving|nd-[a-z-]+|mld2?-[a-z-]+"
)
ANY_TEXT = st.text(max_size=40)
PORT = st.integers(0, 65535)
NETWORKS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(
    lambda address: known_network(f"{address}/{address.max_prefixlen // 2}")
)


@functools.cache
def lone_instance() -> tuple[Region, NetworkInterface]:
    ec2 = Client()
    row = new_instance(ec2, new_subnet(ec2, new_vpc(ec2)))
    return region_of(ec2), row


@given(
    st.sampled_from(["tcp", "udp", "icmp", "icmpv6", "-1", "0", "50", "255"]),
    PORT,
    PORT,
    NETWORKS,
    ANY_TEXT,
)
def test_no_text_of_anybodys_gets_into_a_script(
    protocol: str, first: int, last: int, network: Network, text: str
) -> None:
    region, row = lone_instance()
    numbers = [first % 256, last % 256] if "icmp" in protocol else sorted((first, last))
    rule = SecurityGroupRule(
        id="sgr-1",
        group_id=row.group_ids[0],
        is_egress=False,
        protocol=protocol,
        from_port=numbers[0],
        to_port=numbers[1],
        cidr_ipv4=str(network) if network.version == 4 else None,
        cidr_ipv6=str(network) if network.version == 6 else None,
        description=text,
        tags={text: text},
    )
    row.description = text
    region[SecurityGroupRule].add(rule)
    made = script(ruleset_of(region, "i-11111111111111111", {}))
    region[SecurityGroupRule].remove(rule)
    strange = [word for word in re.split(r"[\s,]+", made) if word and not WORD.fullmatch(word)]

    assert strange == []
    other_family = {4: "icmpv6", 6: "icmp"}[network.version]
    assert protocol == other_family or str(network.network_address) in made


def test_what_is_sent_to_a_public_port_is_led_to_the_socket_behind() -> None:
    text = redirects_to(
        [
            Listening("fd00:ec2::254", 80, 61080),
            Listening("169.254.169.253", 53, 61053, is_datagram=True),
            Listening("169.254.169.254", 4566),
        ]
    )

    for hook in ("output", "prerouting"):
        assert f"type nat hook {hook} priority -100;" in text
    assert text.count("ip6 daddr fd00:ec2::254 tcp dport 80 dnat ip6 to [fd00:ec2::254]:61080") == 2
    assert text.count("ip daddr 169.254.169.253 udp dport 53 dnat ip to 169.254.169.253:61053") == 2
    assert "4566" not in text


def test_nothing_is_led_anywhere_where_all_listen_themselves() -> None:
    assert redirects_to([Listening("169.254.169.254", 80)]) == ""
