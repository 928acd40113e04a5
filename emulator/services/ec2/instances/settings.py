"""Settings of instances that have operations of their own, and their account-wide defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.services.call import Call, Handler
from emulator.services.ec2.instances import options
from emulator.services.ec2.instances.kind import INSTANCE
from emulator.services.ec2.instances.plan import (
    check_metadata_tags,
    group_placement,
    type_for,
)
from emulator.services.ec2.instances.views import metadata_view
from emulator.services.filters import select
from emulator.services.pages import page_of_rows

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

NO_PREFERENCE = "no-preference"
SERIAL_CONSOLE_SETTING = "serial-console-access"


def _living(call: Call, instance_id: str) -> Instance:
    instance = INSTANCE.find(call.region, instance_id)
    if not instance.may("shutting-down"):
        raise AwsError(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is not in a state in which it can be modified.",
        )
    return instance


def _stopped(call: Call, instance_id: str) -> Instance:
    instance = INSTANCE.find(call.region, instance_id)
    if instance.state != "stopped":
        raise AwsError(
            "IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state."
        )
    return instance


def _given(params: Mapping[str, Any], *members: str) -> dict[str, Any]:
    return {name: params[name] for name in members if params.get(name) is not None}


def modify_instance_metadata_options(
    call: Call, params: aws.ModifyInstanceMetadataOptionsRequestTypeDef
) -> dict[str, Any]:
    """Change metadata options; the answer says pending, the next one applied."""
    instance = _living(call, params["InstanceId"])
    changes = _given(
        params,
        "HttpTokens",
        "HttpPutResponseHopLimit",
        "HttpEndpoint",
        "HttpProtocolIpv6",
        "InstanceMetadataTags",
    )
    if not changes:
        raise AwsError(
            "MissingParameter", "The request must contain at least one metadata option to change"
        )
    options.checked_hop_limit(changes.get("HttpPutResponseHopLimit"))
    check_metadata_tags(changes, instance.tags)
    metadata = options.shared({**instance.options.metadata, **changes})
    instance.options = attrs.evolve(instance.options, metadata=metadata)
    return {
        "InstanceId": instance.id,
        "InstanceMetadataOptions": {**metadata_view(instance), "State": "pending"},
    }


def get_instance_metadata_defaults(
    call: Call, _: aws.GetInstanceMetadataDefaultsRequestTypeDef
) -> dict[str, Any]:
    """Tell the account's defaults; what it has no preference for is absent."""
    chosen: Mapping[str, Any] = call.region.settings.get(options.METADATA_DEFAULTS_SETTING, {})
    return {"AccountLevel": {**chosen, "ManagedBy": "account"}}


def modify_instance_metadata_defaults(
    call: Call, params: aws.ModifyInstanceMetadataDefaultsRequestTypeDef
) -> dict[str, Any]:
    """Change the account's defaults for new instances; ``no-preference`` and -1 take one away."""
    changes = _given(
        params,
        "HttpTokens",
        "HttpPutResponseHopLimit",
        "HttpEndpoint",
        "InstanceMetadataTags",
        "HttpTokensEnforced",
    )
    limit = changes.get("HttpPutResponseHopLimit")
    if limit != -1:
        options.checked_hop_limit(limit)
    chosen = {**call.region.settings.get(options.METADATA_DEFAULTS_SETTING, {}), **changes}
    call.region.settings[options.METADATA_DEFAULTS_SETTING] = {
        name: value for name, value in chosen.items() if value not in (NO_PREFERENCE, -1)
    }
    return {"Return": True}


def modify_instance_maintenance_options(
    call: Call, params: aws.ModifyInstanceMaintenanceOptionsRequestTypeDef
) -> dict[str, Any]:
    """Change what happens when the host fails."""
    instance = _living(call, params["InstanceId"])
    changes = _given(params, "AutoRecovery", "RebootMigration")
    maintenance = options.shared({**instance.options.maintenance, **changes})
    instance.options = attrs.evolve(instance.options, maintenance=maintenance)
    return {"InstanceId": instance.id, **maintenance}


def modify_private_dns_name_options(
    call: Call, params: aws.ModifyPrivateDnsNameOptionsRequestTypeDef
) -> dict[str, Any]:
    """Change hostname settings; the type of hostname only while the instance is stopped."""
    instance = _living(call, params["InstanceId"])
    names = dict(instance.options.private_dns_name)
    hostname_type = params.get("PrivateDnsHostnameType")
    if hostname_type is not None and hostname_type != names["HostnameType"]:
        _stopped(call, instance.id)
        names["HostnameType"] = hostname_type
    names |= _given(params, "EnableResourceNameDnsARecord", "EnableResourceNameDnsAAAARecord")
    instance.options = attrs.evolve(instance.options, private_dns_name=options.shared(names))
    return {"Return": True}


def modify_instance_placement(
    call: Call, params: aws.ModifyInstancePlacementRequestTypeDef
) -> dict[str, Any]:
    """Change the placement of a stopped instance. Source: API_ModifyInstancePlacement."""
    for member in ("HostId", "HostResourceGroupArn"):
        if params.get(member):
            raise AwsError("UnsupportedOperation", f"{member} is not supported")
    if params.get("Tenancy") == "host" or params.get("Affinity") == "host":
        raise AwsError("UnsupportedOperation", "Dedicated hosts are not emulated")
    instance = _stopped(call, params["InstanceId"])
    changes: dict[str, Any] = _given(params, "Tenancy", "Affinity")
    group = _given(params, "GroupName", "GroupId", "PartitionNumber")
    # An empty group name, which the protocol takes as absent, takes the instance out.
    if group or not changes:
        info = type_for(None, instance.instance_type)
        changes |= group_placement(call.region, group, info)
    placement = options.shared({**instance.options.placement, **changes})
    instance.options = attrs.evolve(instance.options, placement=placement)
    return {"Return": True}


def modify_instance_cpu_options(
    call: Call, params: aws.ModifyInstanceCpuOptionsRequestTypeDef
) -> dict[str, Any]:
    """Change cores and threads of a stopped instance."""
    instance = _stopped(call, params["InstanceId"])
    info = type_for(None, instance.instance_type)
    cpu = options.cpu_options(
        info, _given(params, "CoreCount", "ThreadsPerCore", "NestedVirtualization")
    )
    kept = {**instance.options.cpu, **{name: item for name, item in cpu.items() if item}}
    instance.options = attrs.evolve(instance.options, cpu=options.shared(kept))
    return {
        "InstanceId": instance.id,
        **{
            name: kept.get(name) for name in ("CoreCount", "ThreadsPerCore", "NestedVirtualization")
        },
    }


def modify_instance_network_performance_options(
    call: Call, params: aws.ModifyInstanceNetworkPerformanceRequestTypeDef
) -> dict[str, Any]:
    """Change how bandwidth is divided, while the instance is stopped."""
    instance = _stopped(call, params["InstanceId"])
    info = type_for(None, instance.instance_type)
    weighting = params["BandwidthWeighting"]
    known = info.get("NetworkInfo", {}).get("BandwidthWeightings") or ["default"]
    if weighting not in known:
        raise AwsError(
            "UnsupportedOperation",
            f"The instance type {instance.instance_type} does not support the bandwidth "
            f"weighting {weighting}",
        )
    instance.options = attrs.evolve(
        instance.options,
        network_performance=options.shared({"BandwidthWeighting": weighting}),
    )
    return {"InstanceId": instance.id, "BandwidthWeighting": weighting}


def modify_instance_capacity_reservation_attributes(
    call: Call, params: aws.ModifyInstanceCapacityReservationAttributesRequestTypeDef
) -> dict[str, Any]:
    """Change which capacity reservations a stopped instance uses."""
    reservation = options.capacity_reservation(params["CapacityReservationSpecification"])
    instance = _stopped(call, params["InstanceId"])
    instance.options = attrs.evolve(
        instance.options, capacity_reservation=options.shared(reservation)
    )
    return {"Return": True}


def describe_instance_credit_specifications(
    call: Call, params: aws.DescribeInstanceCreditSpecificationsRequestTypeDef
) -> dict[str, Any]:
    """List the credit options of burstable instances.

    Without ids, AWS lists only those that are unlimited.
    """
    ids = params.get("InstanceIds")
    if ids and params.get("MaxResults") is not None:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    if ids:
        rows = INSTANCE.find_all(call.region, ids)
        for row in rows:
            if row.credit_specification is None:
                raise AwsError(
                    "UnsupportedOperation",
                    f"The instance '{row.id}' is not a burstable performance instance",
                )
    else:
        rows = [
            row
            for row in INSTANCE.rows(call.region)
            if row.credit_specification == "unlimited" and row.state != "terminated"
        ]
    rows = select(
        call.region,
        rows,
        params.get("Filters"),
        {"instance-id": lambda _, row: row.id},
        taggable=False,
    )
    chosen, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    answer: dict[str, Any] = {
        "InstanceCreditSpecifications": [
            {"InstanceId": row.id, "CpuCredits": row.credit_specification} for row in chosen
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


def modify_instance_credit_specification(
    call: Call, params: aws.ModifyInstanceCreditSpecificationRequestTypeDef
) -> dict[str, Any]:
    """Change credit options; each instance succeeds or fails by itself."""
    changed, failed = [], []
    for item in params["InstanceCreditSpecifications"]:
        instance_id = item["InstanceId"]
        try:
            instance = INSTANCE.find(call.region, instance_id)
            _change_credit(instance, item.get("CpuCredits"))
        except AwsError as error:
            if error.code == "InvalidParameterValue":
                raise
            failed.append(
                {
                    "InstanceId": instance_id,
                    "Error": {"Code": error.code, "Message": error.message},
                }
            )
        else:
            changed.append({"InstanceId": instance.id})
    return {
        "SuccessfulInstanceCreditSpecifications": changed,
        "UnsuccessfulInstanceCreditSpecifications": failed,
    }


def _change_credit(instance: Instance, option: str | None) -> None:
    checked = options.checked_credit(option)
    if instance.credit_specification is None:
        raise AwsError(
            "InstanceCreditSpecification.NotSupported",
            f"The instance '{instance.id}' is not a burstable performance instance",
        )
    if instance.state not in ("running", "stopped"):
        raise AwsError(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is not in the 'running' or 'stopped' state",
        )
    instance.credit_specification = checked


def get_default_credit_specification(
    call: Call, params: aws.GetDefaultCreditSpecificationRequestTypeDef
) -> dict[str, Any]:
    """Tell how new instances of a burstable family start."""
    family = params["InstanceFamily"]
    return {
        "InstanceFamilyCreditSpecification": {
            "InstanceFamily": family,
            "CpuCredits": options.default_credit(call.region, family),
        }
    }


def modify_default_credit_specification(
    call: Call, params: aws.ModifyDefaultCreditSpecificationRequestTypeDef
) -> dict[str, Any]:
    """Choose how new instances of a burstable family start."""
    family, settings = params["InstanceFamily"], call.region.settings
    settings[options.CREDIT_DEFAULTS_SETTING] = {
        **settings.get(options.CREDIT_DEFAULTS_SETTING, {}),
        family: options.checked_credit(params["CpuCredits"]),
    }
    return get_default_credit_specification(call, params)


def get_serial_console_access_status(
    call: Call, _: aws.GetSerialConsoleAccessStatusRequestTypeDef
) -> dict[str, Any]:
    """Tell whether the account may use the serial console."""
    return {
        "SerialConsoleAccessEnabled": call.region.settings.get(SERIAL_CONSOLE_SETTING, False),
        "ManagedBy": "account",
    }


def enable_serial_console_access(
    call: Call, _: aws.EnableSerialConsoleAccessRequestTypeDef
) -> dict[str, Any]:
    """Let the account use the serial console."""
    call.region.settings[SERIAL_CONSOLE_SETTING] = True
    return {"SerialConsoleAccessEnabled": True}


def disable_serial_console_access(
    call: Call, _: aws.DisableSerialConsoleAccessRequestTypeDef
) -> dict[str, Any]:
    """Keep the account from the serial console."""
    call.region.settings[SERIAL_CONSOLE_SETTING] = False
    return {"SerialConsoleAccessEnabled": False}


OPERATIONS: Mapping[str, Handler] = {
    "DescribeInstanceCreditSpecifications": describe_instance_credit_specifications,
    "DisableSerialConsoleAccess": disable_serial_console_access,
    "EnableSerialConsoleAccess": enable_serial_console_access,
    "GetDefaultCreditSpecification": get_default_credit_specification,
    "GetInstanceMetadataDefaults": get_instance_metadata_defaults,
    "GetSerialConsoleAccessStatus": get_serial_console_access_status,
    "ModifyDefaultCreditSpecification": modify_default_credit_specification,
    "ModifyInstanceCapacityReservationAttributes": modify_instance_capacity_reservation_attributes,
    "ModifyInstanceCpuOptions": modify_instance_cpu_options,
    "ModifyInstanceCreditSpecification": modify_instance_credit_specification,
    "ModifyInstanceMaintenanceOptions": modify_instance_maintenance_options,
    "ModifyInstanceMetadataDefaults": modify_instance_metadata_defaults,
    "ModifyInstanceMetadataOptions": modify_instance_metadata_options,
    "ModifyInstanceNetworkPerformanceOptions": modify_instance_network_performance_options,
    "ModifyInstancePlacement": modify_instance_placement,
    "ModifyPrivateDnsNameOptions": modify_private_dns_name_options,
}
