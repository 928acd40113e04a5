"""Start, stop, reboot and terminate: the record moves at once, the machine follows.

Every request is checked for all its instances before any of them changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.services.call import Call, Handler
from emulator.services.ec2.instances import machines, spot
from emulator.services.ec2.instances.kind import INSTANCE
from emulator.services.ec2.instances.views import STATES
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

MAX_INSTANCES = 1000
USER_SHUTDOWN = (
    "Client.UserInitiatedShutdown",
    "Client.UserInitiatedShutdown: User initiated shutdown",
)


def _named(call: Call, ids: Sequence[str]) -> list[Instance]:
    if len(ids) > MAX_INSTANCES:
        raise AwsError(
            "InvalidParameterValue", f"At most {MAX_INSTANCES} instances may be named at once"
        )
    return INSTANCE.find_all(call.region, ids)


def _wrong_state(instance: Instance, done: str) -> AwsError:
    return AwsError(
        "IncorrectInstanceState",
        f"The instance '{instance.id}' is not in a state from which it can be {done}.",
    )


def _protected(instance: Instance, done: str, attribute: str) -> AwsError:
    return AwsError(
        "OperationNotPermitted",
        f"The instance '{instance.id}' may not be {done}. Modify its '{attribute}' instance "
        "attribute and try again.",
    )


def _changes(instances: Sequence[Instance], before: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "InstanceId": instance.id,
            "CurrentState": STATES[instance.state],
            "PreviousState": STATES[state],
        }
        for instance, state in zip(instances, before, strict=True)
    ]


def _by_user(call: Call, instance: Instance) -> None:
    instance.state_reason = USER_SHUTDOWN
    moment = call.world.clock.now()
    instance.state_transition_reason = f"User initiated ({moment:%Y-%m-%d %H:%M:%S} GMT)"


def start_instances(call: Call, params: aws.StartInstancesRequestTypeDef) -> dict[str, Any]:
    """Start stopped instances; those that run already stay as they are."""
    instances = _named(call, params["InstanceIds"])
    for instance in instances:
        if instance.state not in ("stopped", "pending", "running"):
            raise _wrong_state(instance, "started")
    before = [instance.state for instance in instances]
    stopped = [instance for instance in instances if instance.state == "stopped"]
    now = call.world.clock.now()
    for instance in stopped:
        instance.state_reason, instance.state_transition_reason = None, ""
        instance.launched_at = now
        instance.move("pending")
        spot.instance_started(call.world, call.region, instance)
    machines.begin(call.world, call.region, stopped, machines.start)
    return {"StartingInstances": _changes(instances, before)}


def _check_stoppable(region: Region, instance: Instance, *, hibernate: bool) -> None:
    if instance.state not in ("running", "stopping", "stopped"):
        raise _wrong_state(instance, "stopped")
    if instance.disable_api_stop and instance.state == "running":
        raise _protected(instance, "stopped", "disableApiStop")
    if instance.root_device_type != "ebs":
        raise AwsError(
            "UnsupportedOperation",
            f"The instance '{instance.id}' does not have an 'ebs' root device type and cannot "
            "be stopped.",
        )
    if not spot.may_stop(region, instance):
        raise AwsError(
            "UnsupportedOperation",
            f"You can't stop the Spot Instance '{instance.id}' because it is associated with a "
            "one-time Spot Instance request. You can only stop Spot Instances associated with "
            "persistent Spot Instance requests.",
        )
    if hibernate and not instance.options.hibernation_configured:
        raise AwsError(
            "UnsupportedHibernationConfiguration",
            f"The instance '{instance.id}' is not configured for hibernation.",
        )


def stop_instances(call: Call, params: aws.StopInstancesRequestTypeDef) -> dict[str, Any]:
    """Stop running instances; those that are stopped already stay as they are."""
    instances = _named(call, params["InstanceIds"])
    for instance in instances:
        _check_stoppable(call.region, instance, hibernate=bool(params.get("Hibernate")))
    before = [instance.state for instance in instances]
    running = [instance for instance in instances if instance.state == "running"]
    for instance in running:
        _by_user(call, instance)
        instance.move("stopping")
        spot.instance_stopped(call.world, call.region, instance)
    work = machines.stop_by_force if params.get("Force") else machines.stop
    machines.begin(call.world, call.region, running, work)
    return {"StoppingInstances": _changes(instances, before)}


def reboot_instances(call: Call, params: aws.RebootInstancesRequestTypeDef) -> dict[str, Any]:
    """Ask running instances to restart."""
    instances = _named(call, params["InstanceIds"])
    for instance in instances:
        if instance.state not in ("pending", "running"):
            raise _wrong_state(instance, "rebooted")
    machines.begin(call.world, call.region, instances, machines.reboot)
    return {}


def terminate_instances(call: Call, params: aws.TerminateInstancesRequestTypeDef) -> dict[str, Any]:
    """End instances for good; those that are terminated already stay as they are."""
    instances = _named(call, params["InstanceIds"])
    for instance in instances:
        if instance.disable_api_termination and instance.may("shutting-down"):
            raise _protected(instance, "terminated", "disableApiTermination")
    before = [instance.state for instance in instances]
    alive = [instance for instance in instances if instance.may("shutting-down")]
    for instance in alive:
        _by_user(call, instance)
        instance.move("shutting-down")
    machines.begin(call.world, call.region, alive, machines.terminate)
    return {"TerminatingInstances": _changes(instances, before)}


def monitor_instances(call: Call, params: aws.MonitorInstancesRequestTypeDef) -> dict[str, Any]:
    """Turn detailed monitoring on."""
    return _monitored(call, params["InstanceIds"], "pending", "enabled")


def unmonitor_instances(call: Call, params: aws.UnmonitorInstancesRequestTypeDef) -> dict[str, Any]:
    """Turn detailed monitoring off."""
    return _monitored(call, params["InstanceIds"], "disabling", "disabled")


def _monitored(call: Call, ids: Sequence[str], shown: str, state: str) -> dict[str, Any]:
    instances = _named(call, ids)
    for instance in instances:
        if not instance.may("shutting-down"):
            raise AwsError(
                "IncorrectInstanceState",
                f"The instance '{instance.id}' is not in a state in which it can be monitored.",
            )
    answer = []
    for instance in instances:
        answer.append(
            {
                "InstanceId": instance.id,
                "Monitoring": {"State": state if instance.monitoring == state else shown},
            }
        )
        instance.monitoring = state
    return {"InstanceMonitorings": answer}


OPERATIONS: Mapping[str, Handler] = {
    "MonitorInstances": monitor_instances,
    "RebootInstances": reboot_instances,
    "StartInstances": start_instances,
    "StopInstances": stop_instances,
    "TerminateInstances": terminate_instances,
    "UnmonitorInstances": unmonitor_instances,
}
