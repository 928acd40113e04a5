"""What a machine says to its console, and the calls that reach into it."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.services.call import Call, Handler
from emulator.services.ec2.instances.kind import INSTANCE
from emulator.services.ec2.instances.passwords import new_password, sealed
from emulator.vm.interface import ReadsConsole, TakesScreenshots, VMError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

log = Logger()

MAX_CONSOLE_BYTES = 64 * 1024


def get_console_output(
    call: Call, params: aws.GetConsoleOutputRequestTypeDef
) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """Return the last 64 KB of what the machine wrote. Source: API_GetConsoleOutput.

    It is always the latest; a manager that keeps none has nothing to show, as with an
    instance just launched.
    """
    instance = INSTANCE.find(call.region, params["InstanceId"])
    manager = call.world.machines.of(instance)
    if isinstance(manager, ReadsConsole) and instance.state != "terminated":
        return _console_output(call, instance, manager)
    return {"InstanceId": instance.id, "Timestamp": call.world.clock.now(), "Output": ""}


async def _console_output(call: Call, instance: Instance, manager: ReadsConsole) -> dict[str, Any]:
    try:
        text = await manager.console_output(instance.id, MAX_CONSOLE_BYTES)
    except VMError as error:
        log.warn("no console of {instance}: {error}", instance=instance.id, error=str(error))
        text = b""
    return {
        "InstanceId": instance.id,
        "Timestamp": call.world.clock.now(),
        "Output": base64.b64encode(text).decode(),
    }


def get_console_screenshot(
    call: Call, params: aws.GetConsoleScreenshotRequestTypeDef
) -> Awaitable[dict[str, Any]]:
    """Return a picture of what the machine's display shows. Source: API_GetConsoleScreenshot.

    Raises:
        AwsError: IncorrectInstanceState unless the instance is running, UnsupportedOperation
            where machines have no display, as bare metal has none on AWS.
    """
    instance = INSTANCE.find(call.region, params["InstanceId"])
    manager = call.world.machines.of(instance)
    if instance.state != "running":
        raise AwsError(
            "IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'running' state"
        )
    if not isinstance(manager, TakesScreenshots):
        raise AwsError(
            "UnsupportedOperation",
            f"The instance '{instance.id}' has no display: machines of the VM manager "
            f"{manager.name} have none",
        )
    return _screenshot(instance, manager, wake_up=bool(params.get("WakeUp")))


async def _screenshot(
    instance: Instance, manager: TakesScreenshots, *, wake_up: bool
) -> dict[str, Any]:
    try:
        picture = await manager.screenshot(instance.id, wake_up=wake_up)
    except VMError as error:
        log.warn("no screenshot of {instance}: {error}", instance=instance.id, error=str(error))
        raise AwsError(
            "InternalError", f"No screenshot of '{instance.id}' could be taken: {error}"
        ) from None
    return {"InstanceId": instance.id, "ImageData": base64.b64encode(picture).decode()}


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
    "GetConsoleScreenshot": get_console_screenshot,
    "GetInstanceUefiData": get_instance_uefi_data,
    "GetPasswordData": get_password_data,
    "SendDiagnosticInterrupt": send_diagnostic_interrupt,
}
