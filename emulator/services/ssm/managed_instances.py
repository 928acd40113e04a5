"""Managed instances: those in which the VM manager can run commands; no agent is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from emulator.catalog.images import stock_image
from emulator.core.errors import AwsError
from emulator.model.iam import InstanceProfile
from emulator.model.instance import Instance
from emulator.net.dns_names import instance_name
from emulator.services.call import Call, Handler
from emulator.services.pages import page_by
from emulator.state.joins import primary
from emulator.state.store import Region
from emulator.vm.interface import RunsCommands

_PAGE_LIMITS = (5, 50)
# "InvalidInstanceId": an instance that ends is in no valid state.
_MANAGED_STATES = frozenset({"pending", "running", "stopping", "stopped"})
_AGENT_VERSION = "3.3.0.0"
_NAMES = {
    "amazonlinux": "Amazon Linux",
    "debian": "Debian GNU/Linux",
    "ubuntu": "Ubuntu",
}


def managed_instances(call: Call) -> list[Instance]:
    """Return the instances that commands can be sent to; those without machines are none."""
    managers = call.world.machines
    able = {manager for manager in managers.all if isinstance(manager, RunsCommands)}
    if not able:
        return []
    return [
        instance
        for instance in call.region[Instance]
        if instance.state in _MANAGED_STATES and managers.of(instance) in able
    ]


def chosen(call: Call, ids: Sequence[str]) -> list[Instance]:
    """Return managed instances by their ids.

    Raises:
        AwsError: InvalidInstanceId, as for instances without an agent on AWS, or
            DuplicateInstanceId.
    """
    if len(set(ids)) < len(ids):
        raise AwsError("DuplicateInstanceId", "An instance ID is given more than once.")
    managed = {instance.id: instance for instance in managed_instances(call)}
    unknown = [instance_id for instance_id in ids if instance_id not in managed]
    if unknown:
        raise AwsError(
            "InvalidInstanceId",
            f"Instances [[{', '.join(unknown)}]] not in a valid state for account {call.account}",
        )
    return [managed[instance_id] for instance_id in ids]


def targeted(call: Call, targets: Iterable[Mapping[str, Any]]) -> list[Instance]:
    """Return the managed instances that fit all targets; values are alternatives.

    Raises:
        AwsError: ValidationException for a target that is none of tags and ids.
    """
    found = managed_instances(call)
    for target in targets:
        key, values = target.get("Key") or "", set(target.get("Values") or ())
        if key.lower() == "instanceids":
            found = [instance for instance in found if instance.id in values]
        elif key == "tag-key":
            found = [instance for instance in found if values & instance.tags.keys()]
        elif key.startswith("tag:"):
            tag = key.removeprefix("tag:")
            found = [instance for instance in found if instance.tags.get(tag) in values]
        else:
            raise AwsError(
                "ValidationException",
                f"The target key {key[:128]} is not supported: use InstanceIds, tag-key or tag:.",
            )
    return found


def platform(region: Region, instance: Instance) -> tuple[str, str, str]:
    """Return an instance's platform: type, name and version, by the image it came from."""
    if instance.platform == "windows":
        return "Windows", "Microsoft Windows Server", ""
    image = stock_image(region.name, instance.image_id)
    name, _, version = (image.docker_image or "" if image else "").rpartition(":")
    name = name.rpartition("/")[2]
    return "Linux", _NAMES.get(name, name.title() or "Linux"), version


def _view(call: Call, instance: Instance) -> dict[str, Any]:
    region = call.region
    kind, name, version = platform(region, instance)
    interface = primary(region, instance)
    address = interface.private_ips[0] if interface and interface.private_ips else None
    online = instance.state == "running"
    return {
        "InstanceId": instance.id,
        "PingStatus": "Online" if online else "ConnectionLost",
        "LastPingDateTime": call.world.clock.now() if online else instance.launched_at,
        "AgentVersion": _AGENT_VERSION,
        "IsLatestVersion": True,
        "PlatformType": kind,
        "PlatformName": name,
        "PlatformVersion": version,
        "ResourceType": "EC2Instance",
        "IPAddress": address,
        "ComputerName": instance_name(region.name, instance, address),
        "SourceId": instance.id,
        "SourceType": "AWS::EC2::Instance",
    }


def _role(call: Call, instance: Instance) -> str | None:
    for profile in call.state.everywhere(call.account)[InstanceProfile]:
        if profile.arn == instance.profile_arn:
            return profile.role_id
    return None


_FILTERS: Mapping[str, Callable[[Call, Instance], str | None]] = {
    "ActivationIds": lambda _call, _instance: None,
    "AgentVersion": lambda _call, _instance: _AGENT_VERSION,
    "AssociationStatus": lambda _call, _instance: None,
    "IamRole": _role,
    "InstanceIds": lambda _, instance: instance.id,
    "PingStatus": lambda _, instance: "Online" if instance.state == "running" else "ConnectionLost",
    "PlatformTypes": lambda call, instance: platform(call.region, instance)[0],
    "ResourceType": lambda _call, _instance: "EC2Instance",
}


def describe_instance_information(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List the managed instances. Source: API_DescribeInstanceInformation."""
    rows = managed_instances(call)
    listed = params.get("InstanceInformationFilterList") or ()
    wanted = [(item["key"], item["valueSet"]) for item in listed]
    wanted += [(item["Key"], item["Values"]) for item in params.get("Filters") or ()]
    for key, values in wanted:
        rows = [instance for instance in rows if _fits(call, instance, key, values)]
    shown, token = page_by(
        call.operation.name,
        sorted(rows, key=_id),
        {**params, "MaxResults": params.get("MaxResults") or _PAGE_LIMITS[1]},
        _PAGE_LIMITS,
        _id,
        str,
        "InvalidNextToken",
    )
    return {
        "InstanceInformationList": [_view(call, instance) for instance in shown],
        "NextToken": token,
    }


def _id(instance: Instance) -> str:
    return instance.id


def _fits(call: Call, instance: Instance, key: str, values: Sequence[str]) -> bool:
    if key.startswith("tag:"):
        return instance.tags.get(key.removeprefix("tag:")) in values
    if key == "tag-key":
        return bool(instance.tags.keys() & set(values))
    if key not in _FILTERS:
        raise AwsError("InvalidFilterKey", f"The filter key {key[:128]} is not valid.")
    return _FILTERS[key](call, instance) in values


OPERATIONS: Mapping[str, Handler] = {
    "DescribeInstanceInformation": describe_instance_information,
}
