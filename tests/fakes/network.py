"""A VPC with subnets and a gateway, put straight into a client's region."""

from __future__ import annotations

from emulator.model.instance import Instance, LaunchOptions
from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import CidrAssociation, InternetGateway, Subnet, Vpc
from emulator.services.ec2.interfaces import network_interfaces
from emulator.services.ec2.security import security_groups
from emulator.state.store import Region
from tests.fakes.client import EPOCH, Client

ACCOUNT = "000000000000"


def region_of(client: Client) -> Region:
    return client.api.state.region(ACCOUNT, client.region)


def new_vpc(
    client: Client, vpc_id: str = "vpc-11111111111111111", *, is_default: bool = False
) -> str:
    """Add a VPC 10.9.0.0/16 with an internet gateway and its default security group."""
    region = region_of(client)
    if is_default:
        for vpc in region[Vpc]:
            vpc.is_default = False
    region[Vpc].add(
        Vpc(
            id=vpc_id,
            state="available",
            cidr="10.9.0.0/16",
            dhcp_options_id="default",
            is_default=is_default,
            ipv4_associations=(CidrAssociation("vpc-cidr-assoc-1", "10.9.0.0/16"),),
        )
    )
    region[InternetGateway].add(InternetGateway(id=f"igw-{vpc_id[4:]}", vpc_id=vpc_id))
    security_groups.new_default_group(client.api.world, region, vpc_id)
    return vpc_id


def new_subnet(
    client: Client,
    vpc_id: str,
    subnet_id: str = "subnet-11111111111111111",
    *,
    cidr: str = "10.9.1.0/24",
    zone: str = "a",
) -> str:
    """Add a subnet with an IPv6 range."""
    region_of(client)[Subnet].add(
        Subnet(
            id=subnet_id,
            state="available",
            vpc_id=vpc_id,
            cidr=cidr,
            availability_zone=f"{client.region}{zone}",
            ipv6_associations=(CidrAssociation("subnet-cidr-assoc-1", "2001:db8:1:2::/64"),),
        )
    )
    return subnet_id


def new_instance(
    client: Client,
    subnet_id: str,
    instance_id: str = "i-11111111111111111",
    *,
    instance_type: str = "t3.micro",
    public_ip: bool = False,
) -> NetworkInterface:
    """Add a running instance and return its primary interface."""
    region, world = region_of(client), client.api.world
    subnet = region[Subnet][subnet_id]
    region[Instance].add(
        Instance(
            id=instance_id,
            state="running",
            reservation_id="r-1",
            launch_index=0,
            image_id="ami-1",
            instance_type=instance_type,
            vpc_id=subnet.vpc_id,
            subnet_id=subnet.id,
            availability_zone=subnet.availability_zone,
            launched_at=EPOCH,
            architecture="x86_64",
            root_device_name="/dev/sda1",
            options=LaunchOptions({}, {}, {}, {}, {}),
        )
    )
    groups = security_groups.groups_for(region, subnet.vpc_id, ())
    interface = network_interfaces.new_interface(world, region, subnet, group_ids=groups)
    network_interfaces.attach(
        world, region, interface, instance_id, device_index=0, delete_on_termination=True
    )
    if public_ip:
        interface.auto_public_ip = True
        interface.public_ip = network_interfaces.new_public_ip(world, region)
    return interface
