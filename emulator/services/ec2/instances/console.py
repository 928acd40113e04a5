"""What a machine says to its console, and the calls that reach into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.services.call import Call, Handler
from emulator.services.ec2.instances.kind import INSTANCE
from emulator.services.ec2.instances.passwords import new_password, sealed

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def get_console_output(call: Call, params: aws.GetConsoleOutputRequestTypeDef) -> dict[str, Any]:
    """Return console output; no manager keeps any yet, as with an instance just launched."""
    instance = INSTANCE.find(call.region, params["InstanceId"])
    return {"InstanceId": instance.id, "Timestamp": call.world.clock.now(), "Output": ""}


def get_password_data(call: Call, params: aws.GetPasswordDataRequestTypeDef) -> dict[str, Any]:
    """Return the administrator's password, sealed for the holder of the private key.

    Only Windows has one, from its first boot on, and only with a key pair; it is made when
    first asked for and stays. Source: API_GetPasswordData.
    """
    instance = INSTANCE.find(call.region, params["InstanceId"])
    if (
        instance.password_data is None
        and instance.platform is not None
        and instance.public_key is not None
        and instance.state == "running"
    ):
        instance.password_data = sealed(instance.public_key, new_password())
    return {
        "InstanceId": instance.id,
        "Timestamp": call.world.clock.now(),
        "PasswordData": instance.password_data or "",
    }


def get_instance_uefi_data(
    call: Call, params: aws.GetInstanceUefiDataRequestTypeDef
) -> dict[str, Any]:
    """Return the UEFI variable store, which is empty: no manager keeps one.

    Raises:
        AwsError: the instance does not boot by UEFI.
    """
    instance = INSTANCE.find(call.region, params["InstanceId"])
    if instance.current_boot_mode != "uefi":
        raise AwsError(
            "UnsupportedOperation", f"The instance '{instance.id}' does not boot in UEFI mode"
        )
    return {"InstanceId": instance.id, "UefiData": ""}


def send_diagnostic_interrupt(
    call: Call, params: aws.SendDiagnosticInterruptRequestTypeDef
) -> dict[str, Any]:
    """Take a diagnostic interrupt for a running instance; no machine reacts to it.

    Raises:
        AwsError: IncorrectInstanceState.
    """
    instance = INSTANCE.find(call.region, params["InstanceId"])
    if instance.state != "running":
        raise AwsError(
            "IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'running' state"
        )
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "GetConsoleOutput": get_console_output,
    "GetInstanceUefiData": get_instance_uefi_data,
    "GetPasswordData": get_password_data,
    "SendDiagnosticInterrupt": send_diagnostic_interrupt,
}
