"""Site-to-site VPN: gateways of both sides and the connections between them."""
