"""The XML that tells a customer how to configure the device at their end.

Source: "Download the configuration file" in the AWS Site-to-Site VPN user guide; clients
read the tunnels' addresses, keys and BGP settings out of it.
"""

from __future__ import annotations

import ipaddress

from lxml import etree

from emulator.model.vpn import CustomerGateway, Tunnel, VpnConnection
from emulator.services.ec2.vpn.vpn_tunnels import PHASE_1_SECONDS, PHASE_2_SECONDS

BGP_HOLD_SECONDS = 30
_NETMASK = "255.255.255.252"
_CIPHERS = {
    "AES128": "aes-128-cbc",
    "AES256": "aes-256-cbc",
    "AES128-GCM-16": "aes-128-gcm-16",
    "AES256-GCM-16": "aes-256-gcm-16",
}
_HASHES = {
    "SHA1": ("sha1", "hmac-sha1-96"),
    "SHA2-256": ("sha256", "hmac-sha2-256-128"),
    "SHA2-384": ("sha384", "hmac-sha2-384-192"),
    "SHA2-512": ("sha512", "hmac-sha2-512-256"),
}


def _add(parent: etree._Element, name: str, text: object) -> None:
    etree.SubElement(parent, name).text = str(text)


def _first(tunnel: Tunnel, name: str, default: str) -> str:
    values = tunnel.options.get(name)
    return str(values[0].get("Value", default)) if values else default


def _end(
    tunnel: etree._Element, name: str, outside: str | None, inside: str, asn: int | None
) -> None:
    """Add one end of a tunnel; with ``asn`` None it does not speak BGP."""
    end = etree.SubElement(tunnel, name)
    _add(etree.SubElement(end, "tunnel_outside_address"), "ip_address", outside or "")
    address = etree.SubElement(end, "tunnel_inside_address")
    _add(address, "ip_address", inside)
    _add(address, "network_mask", _NETMASK)
    _add(address, "network_cidr", 30)
    if asn is not None:
        bgp = etree.SubElement(end, "bgp")
        _add(bgp, "asn", asn)
        _add(bgp, "hold_time", BGP_HOLD_SECONDS)


def _ike(parent: etree._Element, tunnel: Tunnel) -> None:
    ike = etree.SubElement(parent, "ike")
    digest, _ = _HASHES[_first(tunnel, "Phase1IntegrityAlgorithms", "SHA1")]
    _add(ike, "authentication_protocol", digest)
    cipher = _first(tunnel, "Phase1EncryptionAlgorithms", "AES128")
    _add(ike, "encryption_protocol", _CIPHERS[cipher])
    _add(ike, "lifetime", tunnel.options.get("Phase1LifetimeSeconds", PHASE_1_SECONDS))
    _add(ike, "perfect_forward_secrecy", f"group{_first(tunnel, 'Phase1DHGroupNumbers', '2')}")
    _add(ike, "mode", "main")
    _add(ike, "pre_shared_key", tunnel.pre_shared_key)


def _ipsec(parent: etree._Element, tunnel: Tunnel) -> None:
    ipsec = etree.SubElement(parent, "ipsec")
    _add(ipsec, "protocol", "esp")
    _, digest = _HASHES[_first(tunnel, "Phase2IntegrityAlgorithms", "SHA1")]
    _add(ipsec, "authentication_protocol", digest)
    cipher = _first(tunnel, "Phase2EncryptionAlgorithms", "AES128")
    _add(ipsec, "encryption_protocol", _CIPHERS[cipher])
    _add(ipsec, "lifetime", tunnel.options.get("Phase2LifetimeSeconds", PHASE_2_SECONDS))
    _add(ipsec, "perfect_forward_secrecy", f"group{_first(tunnel, 'Phase2DHGroupNumbers', '2')}")
    _add(ipsec, "mode", "tunnel")
    _add(ipsec, "clear_df_bit", "true")
    _add(ipsec, "fragmentation_before_encryption", "true")
    _add(ipsec, "tcp_mss_adjustment", 1379)
    detection = etree.SubElement(ipsec, "dead_peer_detection")
    _add(detection, "interval", 10)
    _add(detection, "retries", 3)


def configuration(
    connection: VpnConnection, customer: CustomerGateway | None, amazon_asn: int
) -> str:
    """Return the configuration of a connection's two tunnels.

    Args:
        connection: what it is for.
        customer: the gateway at the customer's end, while it is known.
        amazon_asn: AWS's end's number in BGP.
    """
    root = etree.Element("vpn_connection", id=connection.id)
    _add(root, "customer_gateway_id", connection.customer_gateway_id)
    _add(root, "vpn_gateway_id", connection.vpn_gateway_id or "")
    _add(root, "vpn_connection_type", "ipsec.1")
    static = bool(connection.options.get("StaticRoutesOnly"))
    if static:
        _add(root, "vpn_connection_attributes", "NoBGPVPNConnection")
    for tunnel in connection.tunnels:
        part = etree.SubElement(root, "ipsec_tunnel")
        network = ipaddress.IPv4Network(tunnel.inside_cidr)
        outside = customer.ip_address if customer is not None else None
        asn = customer.asn if customer is not None and not static else None
        _end(part, "customer_gateway", outside, str(network[2]), asn)
        _end(
            part,
            "vpn_gateway",
            tunnel.outside_ip,
            str(network[1]),
            None if static else amazon_asn,
        )
        _ike(part, tunnel)
        _ipsec(part, tunnel)
    text: bytes = etree.tostring(root, pretty_print=True, xml_declaration=True, encoding="UTF-8")
    return text.decode()
