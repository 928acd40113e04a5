"""Address pools of IPAM: this emulator has none, so every pool is one that does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.services.call import Call, Handler

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

_POOLS = ("Ipv4IpamPoolId", "Ipv6IpamPoolId")
_LENGTHS = (("Ipv4NetmaskLength", "Ipv4IpamPoolId"), ("Ipv6NetmaskLength", "Ipv6IpamPoolId"))


def _missing(pool_id: str) -> AwsError:
    return AwsError(
        "InvalidIpamPoolId.NotFound", f"The ipam-pool ID '{pool_id[:64]}' does not exist"
    )


def refuse_pools(params: Mapping[str, Any]) -> None:
    """Refuse a request that wants its range out of a pool.

    Raises:
        AwsError: InvalidIpamPoolId.NotFound, or InvalidParameterCombination for a netmask
            length without a pool.
    """
    for pool in _POOLS:
        if params.get(pool):
            raise _missing(params[pool])
    for length, pool in _LENGTHS:
        if params.get(length) is not None:
            raise AwsError("InvalidParameterCombination", f"{length} needs {pool}")


def get_ipam_pool_allocations(
    _: Call, params: aws.GetIpamPoolAllocationsRequestTypeDef
) -> dict[str, Any]:
    """Say that the pool does not exist; Terraform asks when it deletes a VPC."""
    raise _missing(params["IpamPoolId"])


OPERATIONS: Mapping[str, Handler] = {
    "GetIpamPoolAllocations": get_ipam_pool_allocations,
}
