"""Where instances find what the emulator answers them."""

from __future__ import annotations

# "Access instance metadata".
METADATA_IPV4 = "169.254.169.254"
METADATA_PORT = 80
# AWS's APIs, for software in an instance; from there the emulator's own address may be out of
# reach.
API_PORT = 4566
API_URL = f"http://{METADATA_IPV4}:{API_PORT}"
# The VPC's resolver.
DNS_PORT = 53
# Where guests with kernels of their own ask for their addresses.
DHCP_PORT = 67
