"""Instances put straight into the records, for tests of what hangs on them."""

from __future__ import annotations

from emulator.model.instance import Instance, LaunchOptions
from emulator.model.volume import Volume, VolumeAttachment
from emulator.services.ec2.images import images
from emulator.services.ec2.storage import volumes
from tests.fakes.client import Client

ACCOUNT = "000000000000"
OPTIONS = LaunchOptions(
    metadata={}, cpu={}, private_dns_name={}, maintenance={}, placement={"Tenancy": "default"}
)


def running_instance(
    client: Client,
    *,
    state: str = "running",
    zone: str = "us-east-1a",
    root: str = "/dev/xvda",
    data: tuple[str, ...] = (),
) -> Instance:
    """Return an instance with a root volume that goes with it, and data volumes that stay."""
    region = client.api.state.region(ACCOUNT, client.region)
    world = client.api.world
    image = next(iter(images.stocked(region)[images.Image]))
    instance = Instance(
        id=world.ids.resource("i"),
        state=state,
        reservation_id="r-1",
        launch_index=0,
        image_id=image.id,
        instance_type="t3.micro",
        vpc_id=None,
        subnet_id=None,
        availability_zone=zone,
        launched_at=world.clock.now(),
        architecture="x86_64",
        root_device_name=root,
        options=OPTIONS,
    )
    region[Instance].add(instance)
    for device in (root, *data):
        fields = volumes.volume_fields(
            region,
            size_gib=8,
            volume_type="gp3",
            availability_zone=zone,
            snapshot_id="snap-1" if device == root else None,
        )
        place = VolumeAttachment(device, world.clock.now(), "attached", device == root)
        volumes.disks_at_launch(world, region, fields, [instance.id], place)
    return instance


def volumes_of(client: Client, instance: Instance) -> list[Volume]:
    """Return the volumes of an instance."""
    region = client.api.state.region(ACCOUNT, client.region)
    return region[Volume].where(instance_id=instance.id)
