"""Reverse DNS names of Elastic IP addresses.

Sources: API_DescribeAddressesAttribute, API_ModifyAddressAttribute,
API_ResetAddressAttribute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.network_interface import Address
from emulator.services.call import Call, Handler
from emulator.services.ec2.interfaces.addresses import ADDRESS
from emulator.services.pages import page_of_rows

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

_DOMAIN_NAME = re.compile(r"(?=.{1,254}$)(?:[a-zA-Z0-9_](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+")


def _shown(address: Address) -> dict[str, Any]:
    return {
        "PublicIp": address.public_ip,
        "AllocationId": address.id,
        "PtrRecord": address.domain_name,
    }


def describe_addresses_attribute(
    call: Call, params: aws.DescribeAddressesAttributeRequestTypeDef
) -> dict[str, Any]:
    """List addresses with their reverse DNS names."""
    ids = params.get("AllocationIds")
    rows = ADDRESS.find_all(call.region, ids) if ids else ADDRESS.rows(call.region)
    shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    answer: dict[str, Any] = {"Addresses": [_shown(address) for address in shown]}
    if token is not None:
        answer["NextToken"] = token
    return answer


def modify_address_attribute(
    call: Call, params: aws.ModifyAddressAttributeRequestTypeDef
) -> dict[str, Any]:
    """Set a reverse DNS name; it holds from the next request on."""
    address = ADDRESS.find(call.region, params["AllocationId"])
    given = params.get("DomainName")
    if given is None:
        raise AwsError("MissingParameter", "The request must contain the parameter domainName")
    name = given if given.endswith(".") else f"{given}."
    if _DOMAIN_NAME.fullmatch(name) is None:
        raise AwsError(
            "InvalidParameterValue", f"Value ({given[:256]}) for parameter domainName is invalid"
        )
    answer = _shown(address)
    answer["PtrRecordUpdate"] = {"Value": name, "Status": "PENDING"}
    address.domain_name = name
    return {"Address": answer}


def reset_address_attribute(
    call: Call, params: aws.ResetAddressAttributeRequestTypeDef
) -> dict[str, Any]:
    """Take the reverse DNS name away."""
    address = ADDRESS.find(call.region, params["AllocationId"])
    answer = _shown(address)
    if address.domain_name is not None:
        answer["PtrRecordUpdate"] = {"Status": "PENDING"}
    address.domain_name = None
    return {"Address": answer}


OPERATIONS: Mapping[str, Handler] = {
    "DescribeAddressesAttribute": describe_addresses_attribute,
    "ModifyAddressAttribute": modify_address_attribute,
    "ResetAddressAttribute": reset_address_attribute,
}
