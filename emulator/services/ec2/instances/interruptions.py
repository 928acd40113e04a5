"""What happens to instances without their owner: Spot interruptions and scheduled events.

Sources: API_StateReason, "Spot request status codes", "Scheduled events for Amazon EC2
instances".
"""

from __future__ import annotations

from emulator.model.instance import Instance
from emulator.model.instance_event import SPOT_INTERRUPTION
from emulator.services.call import World
from emulator.services.ec2.instances import machines, spot
from emulator.state.store import Region

SPOT_TERMINATION = (
    "Server.SpotInstanceTermination",
    "Server.SpotInstanceTermination: Spot instance termination",
)
SPOT_SHUTDOWN = ("Server.SpotInstanceShutdown", "Server.SpotInstanceShutdown: Spot instance stop")
SCHEDULED_STOP = (
    "Server.ScheduledStop",
    "Server.ScheduledStop: Stopped due to scheduled retirement",
)
TERMINATED = (
    "instance-terminated-by-experiment",
    "Your Spot Instance was terminated by an experiment.",
)
STOPPED = ("instance-stopped-by-experiment", "Your Spot Instance was stopped by an experiment.")


def act(world: World, region: Region, instance: Instance, action: str, kind: str) -> None:
    """Do to an instance what an event of some kind is about.

    One that is in no state for it stays as it is; protection against API calls protects from
    nothing here.

    Args:
        world: time and machines.
        region: where the instance is.
        instance: which.
        action: terminate, stop, hibernate, reboot, or retire: stop, or terminate what cannot
            be stopped.
        kind: the event's.
    """
    if action == "retire":
        action = "stop" if instance.root_device_type == "ebs" else "terminate"
    is_interruption = kind == SPOT_INTERRUPTION
    if action == "reboot":
        machines.begin(world, region, [instance], machines.reboot)
    elif action == "terminate" and instance.may("shutting-down"):
        instance.state_reason = SPOT_TERMINATION if is_interruption else SCHEDULED_STOP
        instance.state_transition_reason = ""
        instance.move("shutting-down")
        request = spot.request_of(region, instance)
        if request is not None and not request.persistent and request.may("closed"):
            spot.end(world, region, request, "closed", TERMINATED)
        machines.begin(world, region, [instance], machines.terminate)
    elif action in ("stop", "hibernate") and instance.state == "running":
        instance.state_reason = SPOT_SHUTDOWN if is_interruption else SCHEDULED_STOP
        instance.state_transition_reason = ""
        instance.move("stopping")
        request = spot.request_of(region, instance)
        if request is not None and request.may("disabled"):
            spot.to(world, request, "disabled", STOPPED)
        machines.begin(world, region, [instance], machines.stop)
