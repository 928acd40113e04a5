"""Leave for other accounts to attach one's network interfaces.

Source: API_CreateNetworkInterfacePermission.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.network_interface import NetworkInterfacePermission
from emulator.services.call import Call, Handler
from emulator.services.ec2.interfaces.network_interfaces import NETWORK_INTERFACE
from emulator.services.ec2.kind import Kind
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def _view(_: Region, permission: NetworkInterfacePermission) -> Mapping[str, Any]:
    return {
        "NetworkInterfacePermissionId": permission.id,
        "NetworkInterfaceId": permission.network_interface_id,
        "AwsAccountId": permission.account_id,
        "AwsService": permission.service,
        "Permission": permission.permission,
        "PermissionState": {"State": "granted"},
    }


PERMISSION = Kind(
    row=NetworkInterfacePermission,
    shape="NetworkInterfacePermission",
    view=_view,
    filters={
        "network-interface-permission.network-interface-permission-id": (
            lambda _, permission: permission.id
        ),
        "network-interface-permission.network-interface-id": (
            lambda _, permission: permission.network_interface_id
        ),
        "network-interface-permission.aws-account-id": (
            lambda _, permission: permission.account_id
        ),
        "network-interface-permission.aws-service": lambda _, permission: permission.service,
        "network-interface-permission.permission": lambda _, permission: permission.permission,
    },
)


def create_network_interface_permission(
    call: Call, params: aws.CreateNetworkInterfacePermissionRequestTypeDef
) -> dict[str, Any]:
    """Grant a permission to an account or a service."""
    region = call.region
    interface = NETWORK_INTERFACE.find(region, params["NetworkInterfaceId"])
    account, service = params.get("AwsAccountId"), params.get("AwsService")
    if bool(account) == bool(service):
        raise AwsError(
            "InvalidParameterCombination" if account else "MissingParameter",
            "Specify either awsAccountId or awsService",
        )
    for other in region[NetworkInterfacePermission].where(network_interface_id=interface.id):
        if (other.account_id, other.service, other.permission) == (
            account,
            service,
            params["Permission"],
        ):
            raise AwsError(
                "InvalidPermission.Duplicate",
                f"The permission is granted already as {other.id}",
            )
    permission = region[NetworkInterfacePermission].add(
        NetworkInterfacePermission(
            id=call.new_id(NetworkInterfacePermission),
            network_interface_id=interface.id,
            account_id=account,
            service=service,
            permission=params["Permission"],
        )
    )
    return {"InterfacePermission": PERMISSION.show(region, permission)}


def delete_network_interface_permission(
    call: Call, params: aws.DeleteNetworkInterfacePermissionRequestTypeDef
) -> dict[str, Any]:
    """Revoke a permission."""
    permission = PERMISSION.find(call.region, params["NetworkInterfacePermissionId"])
    call.region[NetworkInterfacePermission].remove(permission)
    return {"Return": True}


def describe_network_interface_permissions(
    call: Call, params: aws.DescribeNetworkInterfacePermissionsRequestTypeDef
) -> dict[str, Any]:
    """List permissions."""
    return PERMISSION.describe(
        call, params, ids="NetworkInterfacePermissionIds", result="NetworkInterfacePermissions"
    )


OPERATIONS: Mapping[str, Handler] = {
    "CreateNetworkInterfacePermission": create_network_interface_permission,
    "DeleteNetworkInterfacePermission": delete_network_interface_permission,
    "DescribeNetworkInterfacePermissions": describe_network_interface_permissions,
}
