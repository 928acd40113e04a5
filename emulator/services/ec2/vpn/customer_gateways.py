"""Customer gateways: what AWS knows of the device at the customer's end of a VPN.

Source: API_CreateCustomerGateway and "Customer gateway options".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.vpn import CustomerGateway, VpnConnection
from emulator.services.call import Call, Handler
from emulator.services.ec2.endings import ENDED, VISIBLE_SECONDS
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.tags import tags_on_create
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

DEFAULT_ASN = 65000
LARGEST_SHORT_ASN = 2147483647
LARGEST_ASN = 4294967295
TYPE = "ipsec.1"
# Amazon's own numbers, each in its region; "" stands for all regions.
RESERVED_ASNS = {7224: "", 9059: "eu-west-1", 10124: "ap-northeast-1", 17943: "ap-southeast-1"}


def _view(_: Region, gateway: CustomerGateway) -> Mapping[str, Any]:
    is_long = gateway.asn > LARGEST_SHORT_ASN
    return {
        "CustomerGatewayId": gateway.id,
        "State": gateway.state,
        "Type": TYPE,
        "IpAddress": gateway.ip_address,
        "BgpAsn": None if is_long else str(gateway.asn),
        "BgpAsnExtended": str(gateway.asn) if is_long else None,
        "CertificateArn": gateway.certificate_arn,
        "DeviceName": gateway.device_name,
        "Tags": tag_set(gateway.tags),
    }


CUSTOMER_GATEWAY = Kind(
    row=CustomerGateway,
    shape="CustomerGateway",
    view=_view,
    filters={
        "bgp-asn": lambda _, gateway: gateway.asn,
        "customer-gateway-id": lambda _, gateway: gateway.id,
        "ip-address": lambda _, gateway: gateway.ip_address,
        "state": lambda _, gateway: gateway.state,
        "type": lambda _, __: TYPE,
    },
)


def live_customer_gateway(region: Region, gateway_id: str) -> CustomerGateway:
    """Return a customer gateway that is not deleted.

    Raises:
        AwsError: InvalidCustomerGatewayID.NotFound.
    """
    gateway = CUSTOMER_GATEWAY.find(region, gateway_id)
    if gateway.state in ENDED:
        raise CUSTOMER_GATEWAY.noun.missing([gateway_id])
    return gateway


def _asn(region: Region, params: Mapping[str, Any]) -> int:
    short, extended = params.get("BgpAsn"), params.get("BgpAsnExtended")
    if short is not None and extended is not None:
        raise AwsError(
            "InvalidParameterCombination", "Specify either BgpAsn or BgpAsnExtended, not both"
        )
    asn: int = extended if extended is not None else DEFAULT_ASN if short is None else short
    least, most = (
        (LARGEST_SHORT_ASN + 1, LARGEST_ASN) if extended is not None else (1, LARGEST_SHORT_ASN)
    )
    if not least <= asn <= most or RESERVED_ASNS.get(asn) in ("", region.name):
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({asn}) for parameter bgpAsn is invalid. Invalid Autonomous System Number",
        )
    return asn


def _address(params: Mapping[str, Any]) -> str | None:
    given, older = params.get("IpAddress"), params.get("PublicIp")
    if given is not None and older is not None and given != older:
        raise AwsError(
            "InvalidParameterCombination", "Specify either IpAddress or PublicIp, not both"
        )
    text: str | None = given if given is not None else older
    if text is None:
        return None
    try:
        address = ipaddress.ip_address(text)
        if "%" not in text and not address.is_multicast and not address.is_unspecified:
            return str(address)
    except ValueError:
        pass
    raise AwsError(
        "InvalidParameterValue",
        f"Value ({text[:64]}) for parameter ipAddress is invalid. Not a valid IP address.",
    )


def create_customer_gateway(
    call: Call, params: aws.CreateCustomerGatewayRequestTypeDef
) -> dict[str, Any]:
    """Create a customer gateway; the same request again returns the same gateway."""
    region = call.region
    asn, address = _asn(region, params), _address(params)
    certificate, device = params.get("CertificateArn"), params.get("DeviceName")
    if address is None and certificate is None:
        raise AwsError("MissingParameter", "The request must contain the parameter ipAddress")
    tags = tags_on_create(params, "customer-gateway")
    for row in region[CustomerGateway].where(ip_address=address):
        same = (row.asn, row.certificate_arn, row.device_name) == (asn, certificate, device)
        if same and row.state not in ENDED:
            return {"CustomerGateway": CUSTOMER_GATEWAY.show(region, row)}
    gateway = region[CustomerGateway].add(
        CustomerGateway(
            id=call.new_id(CustomerGateway),
            state="pending",
            asn=asn,
            ip_address=address,
            certificate_arn=certificate,
            device_name=device,
            tags=tags,
        )
    )
    shown = CUSTOMER_GATEWAY.show(region, gateway)
    call.world.settle(gateway, "available")
    return {"CustomerGateway": shown}


def describe_customer_gateways(
    call: Call, params: aws.DescribeCustomerGatewaysRequestTypeDef
) -> dict[str, Any]:
    """List customer gateways."""
    return CUSTOMER_GATEWAY.describe(
        call, params, ids="CustomerGatewayIds", result="CustomerGateways"
    )


def delete_customer_gateway(
    call: Call, params: aws.DeleteCustomerGatewayRequestTypeDef
) -> dict[str, Any]:
    """Delete a customer gateway that no VPN connection uses."""
    region = call.region
    gateway = live_customer_gateway(region, params["CustomerGatewayId"])
    connections = region[VpnConnection].where(customer_gateway_id=gateway.id)
    if any(row.state not in ENDED for row in connections):
        raise AwsError("IncorrectState", "The customer gateway is in use.")
    gateway.move("deleted")
    call.world.expire(region, gateway, VISIBLE_SECONDS)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "CreateCustomerGateway": create_customer_gateway,
    "DeleteCustomerGateway": delete_customer_gateway,
    "DescribeCustomerGateways": describe_customer_gateways,
}
