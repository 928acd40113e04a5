"""RunInstances: records at once, machines in the background."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from emulator.core.copies import copies
from emulator.core.errors import AwsError
from emulator.model.image import BlockDevice
from emulator.model.instance import Instance, Reservation
from emulator.model.network_interface import Attachment, NetworkInterface
from emulator.model.spot import SpotRequest
from emulator.model.volume import Volume, VolumeAttachment
from emulator.services.call import Call, Handler, Renewable
from emulator.services.ec2.instances.launch_xml import Launched, launched_xml
from emulator.services.ec2.instances.machines import begin_launches
from emulator.services.ec2.instances.manager_tag import visible_to, with_manager_tag
from emulator.services.ec2.instances.networks import InterfacePlan
from emulator.services.ec2.instances.plan import LaunchPlan, launch_plan
from emulator.services.ec2.instances.profiles import give_profile, release_profile
from emulator.services.ec2.instances.spot import fulfil, open_request, request_of
from emulator.services.ec2.instances.templates import with_template
from emulator.services.ec2.instances.views import as_launched, instance_xml
from emulator.services.ec2.interfaces import network_interfaces
from emulator.services.ec2.storage import volume_data, volumes
from emulator.state.joins import interfaces
from emulator.state.store import Region

T = TypeVar("T")

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def run_instances(call: Call, params: aws.RunInstancesRequestTypeDef) -> Renewable:
    """Launch instances. Source: API_RunInstances."""
    whole, marks = with_template(call, params)
    plan = launch_plan(call, whole, marks)
    launched = _launched(call, plan)
    region, reservation_id = call.region, launched[0].instance.reservation_id
    first = as_launched(region, region[Reservation][reservation_id], launched_xml(region, launched))
    (first,) = visible_to(call, [first])
    return Renewable(first, lambda: visible_to(call, [_reservation(region, reservation_id)])[0])


def _reservation(region: Region, reservation_id: str) -> Mapping[str, Any]:
    """Return a reservation as it is now, which is what a repeated request gets.

    Raises:
        AwsError: IdempotentInstanceTerminated when all its instances are.
    """
    rows = sorted(
        region[Instance].where(reservation_id=reservation_id), key=lambda row: row.launch_index
    )
    reservation = region[Reservation].get(reservation_id)
    if reservation is None or all(row.state == "terminated" for row in rows):
        raise AwsError(
            "IdempotentInstanceTerminated",
            "The client token is that of an earlier request whose instances were terminated",
        )
    return as_launched(region, reservation, [instance_xml(region, row) for row in rows])


def launch(call: Call, plan: LaunchPlan) -> list[Instance]:
    """Make the records of a launch and start its machines in the background.

    Raises:
        AwsError: an address is not to be had; then nothing was made.
    """
    return [one.instance for one in _launched(call, plan)]


def _launched(call: Call, plan: LaunchPlan) -> list[Launched]:
    region, now = call.region, call.world.clock.now()
    reservation = Reservation(id=call.new_id(Reservation), size=plan.count)
    region[Reservation].add(reservation)
    instances = _instances(call, plan, reservation, now)
    try:
        interfaces = [_interfaces(call, plan, wanted, instances, now) for wanted in plan.interfaces]
        disks = [_disks(call, plan, device, instances, now) for device in plan.devices]
        for instance in instances:
            _give_the_rest(call, plan, instance, now)
    except BaseException:
        for instance in instances:
            _undo(call, plan, instance)
        region[Reservation].remove(reservation)
        raise
    launched = list(
        map(Launched, instances, _across(instances, interfaces), _across(instances, disks))
    )
    if plan.spot is not None:
        for instance in instances:
            fulfil(call.world, region[SpotRequest][instance.spot_request_id or ""], instance)
    begin_launches(call.world, region, plan, launched)
    return launched


def _across(instances: Sequence[Instance], columns: Sequence[Sequence[T]]) -> Iterable[Sequence[T]]:
    """Return for each instance what it has of each column."""
    return zip(*columns, strict=True) if columns else [()] * len(instances)


def _instances(
    call: Call, plan: LaunchPlan, reservation: Reservation, now: datetime
) -> list[Instance]:
    """Make the records of the instances themselves."""
    image, subnet = plan.image, plan.interfaces[0].subnet
    pattern = Instance(
        id="",
        launch_index=0,
        tags=with_manager_tag(image, plan.tags_of("instance")),
        state="pending",
        reservation_id=reservation.id,
        image_id=image.id,
        instance_type=plan.info["InstanceType"],
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.id,
        availability_zone=subnet.availability_zone,
        launched_at=now,
        architecture=image.architecture,
        root_device_name=image.root_device_name,
        root_device_type=image.root_device_type,
        options=plan.options,
        key_name=plan.key_name,
        user_data=plan.user_data,
        ebs_optimized=plan.ebs_optimized,
        ena_support=image.ena_support,
        monitoring=plan.monitoring,
        virtualization_type=image.virtualization_type,
        hypervisor=image.hypervisor,
        platform=image.platform,
        platform_details=image.platform_details,
        usage_operation=image.usage_operation,
        boot_mode=image.boot_mode,
        current_boot_mode=plan.current_boot_mode,
        sriov_net_support=image.sriov_net_support,
        kernel_id=plan.kernel_id,
        ramdisk_id=plan.ramdisk_id,
        tpm_support=image.tpm_support,
        client_token=plan.client_token,
        shutdown_behavior=plan.shutdown_behavior,
        disable_api_termination=plan.disable_api_termination,
        disable_api_stop=plan.disable_api_stop,
        credit_specification=plan.credit,
        lifecycle="spot" if plan.spot else None,
        public_key=plan.public_key,
        vm_manager=image.vm_manager,
    )
    ids = call.world.ids.resources(Instance.PREFIX, plan.count)
    instances = pattern.copies(id=ids, launch_index=range(plan.count))
    call.region[Instance].add_all(instances)
    return instances


def _interfaces(
    call: Call,
    plan: LaunchPlan,
    wanted: InterfacePlan,
    instances: Sequence[Instance],
    now: datetime,
) -> Sequence[NetworkInterface]:
    """Give each new instance one of the interfaces that its plan has."""
    world, region = call.world, call.region
    if wanted.existing is not None:
        (instance,) = instances
        network_interfaces.attach(
            world,
            region,
            wanted.existing,
            instance.id,
            device_index=wanted.device_index,
            delete_on_termination=wanted.delete_on_termination,
            network_card_index=wanted.network_card_index,
        )
        if wanted.public_ip:
            wanted.existing.auto_public_ip = True
        return [wanted.existing]
    attachment = Attachment(
        "",
        wanted.device_index,
        now,
        "attached",
        wanted.delete_on_termination,
        wanted.network_card_index,
        region.account,
    )
    ids = world.ids.resources("eni-attach", len(instances))
    instance_ids = [instance.id for instance in instances]
    places = list(zip(instance_ids, copies(attachment, id=ids), strict=True))
    return network_interfaces.new_interfaces(
        world,
        region,
        wanted.subnet,
        places,
        group_ids=wanted.group_ids,
        private_ip=wanted.private_ip,
        secondary_ips=wanted.secondary_ips,
        secondary_count=wanted.secondary_count,
        ipv6_addresses=wanted.ipv6_addresses,
        ipv6_count=wanted.ipv6_count,
        description=wanted.description,
        tags=plan.tags_of("network-interface"),
        interface_type=wanted.interface_type,
        auto_public_ip=wanted.public_ip,
    )


def _disks(
    call: Call, plan: LaunchPlan, device: BlockDevice, instances: Sequence[Instance], now: datetime
) -> Sequence[Volume]:
    """Give each new instance one of the disks that its plan has."""
    fields = volumes.volume_fields(
        call.region,
        size_gib=device.size_gib or 0,
        volume_type=device.volume_type,
        availability_zone=plan.interfaces[0].subnet.availability_zone,
        snapshot_id=device.snapshot_id,
        encrypted=device.encrypted,
        kms_key_id=device.kms_key_id,
        iops=device.iops,
        throughput_mibps=device.throughput_mibps,
        tags=plan.tags_of("volume"),
        vm_manager=volume_data.keeper_name(call.world, plan.image),
    )
    return volumes.disks_at_launch(
        call.world,
        call.region,
        fields,
        [instance.id for instance in instances],
        VolumeAttachment(device.device_name, now, "attached", device.delete_on_termination),
    )


def _give_the_rest(call: Call, plan: LaunchPlan, instance: Instance, now: datetime) -> None:
    """Give a new instance its Spot request and its profile."""
    if plan.spot is not None:
        request = plan.spot.request or open_request(call, plan.spot)
        instance.spot_request_id = request.id
    if plan.profile is not None:
        give_profile(call, instance, plan.profile, now, state="associated")


def _undo(call: Call, plan: LaunchPlan, instance: Instance) -> None:
    """Take back a launch that failed before anybody saw it."""
    region = call.region
    if plan.spot is not None and plan.spot.request is None:
        request = request_of(region, instance)
        if request is not None:
            region[SpotRequest].remove(request)
    lent = {wanted.existing.id for wanted in plan.interfaces if wanted.existing}
    for volume in region[Volume].where(instance_id=instance.id):
        region[Volume].remove(volume)
    for interface in interfaces(region, instance):
        attachment = interface.attachment
        if attachment is not None and interface.id not in lent:
            interface.attachment = attrs.evolve(attachment, delete_on_termination=True)
    network_interfaces.release_from_instance(call.world, region, instance.id)
    release_profile(region, instance)
    region[Instance].remove(instance)


OPERATIONS: Mapping[str, Handler] = {"RunInstances": run_instances}
