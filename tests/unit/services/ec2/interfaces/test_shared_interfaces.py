"""What instances and gateways ask of interfaces and groups, asked as they do."""

from __future__ import annotations

import pytest

from emulator.core.errors import AwsError
from emulator.model.network_interface import Address, NetworkInterface
from emulator.model.security_group import SecurityGroup, SecurityGroupRule
from emulator.model.vpc import Subnet
from emulator.net.addresses import available
from emulator.services.call import World
from emulator.services.ec2.interfaces import network_interfaces
from emulator.services.ec2.security import security_groups
from emulator.state.store import Region
from tests.fakes.client import Client
from tests.fakes.network import new_subnet, new_vpc, region_of

INSTANCE = "i-0123456789abcdef0"


class Network:
    """A VPC with one subnet, in memory."""

    def __init__(self) -> None:
        client = Client()
        self.client = client
        self.world: World = client.api.world
        self.region: Region = region_of(client)
        vpc_id = new_vpc(client)
        self.subnet = self.region[Subnet][new_subnet(client, vpc_id)]
        group = security_groups.named_group(self.region, vpc_id, "default")
        assert group is not None
        self.group = group

    def interface(self, **options: object) -> NetworkInterface:
        return network_interfaces.new_interface(
            self.world,
            self.region,
            self.subnet,
            group_ids=(self.group.id,),
            **options,  # type: ignore[arg-type]
        )

    def attached(self, *, delete_on_termination: bool, device_index: int = 0) -> NetworkInterface:
        interface = self.interface()
        network_interfaces.attach(
            self.world,
            self.region,
            interface,
            INSTANCE,
            device_index=device_index,
            delete_on_termination=delete_on_termination,
        )
        return interface


@pytest.fixture
def network() -> Network:
    return Network()


def test_a_default_group_with_a_given_id_always_has_the_same_rules() -> None:
    ids = []
    for _ in range(2):
        network = Network()
        group = security_groups.new_default_group(
            network.world, network.region, "vpc-2", "sg-22222222222222222"
        )
        rules = network.region[SecurityGroupRule].where(group_id=group.id)
        ids.append([rule.id for rule in rules])

    assert ids[0] == ids[1]
    assert len(ids[0]) == 2


def test_an_interface_takes_its_addresses_from_the_subnet(network: Network) -> None:
    before = available(network.subnet)

    interface = network.interface(
        private_ip="10.9.1.9", secondary_ips=["10.9.1.11"], secondary_count=2
    )

    assert interface.private_ips[:2] == ("10.9.1.9", "10.9.1.11")
    assert len(set(interface.private_ips)) == 4
    assert available(network.subnet) == before - 4
    assert interface.state == "pending"


def test_nothing_is_taken_when_one_address_cannot_be_had(network: Network) -> None:
    network.interface(private_ip="10.9.1.9")
    before = available(network.subnet)

    with pytest.raises(AwsError) as refused:
        network.interface(private_ip="10.9.1.10", secondary_ips=["10.9.1.9"])

    assert refused.value.code == "InvalidIPAddress.InUse"
    assert available(network.subnet) == before
    assert len(network.region[NetworkInterface].where(subnet_id=network.subnet.id)) == 1


def test_termination_takes_the_interfaces_that_go_with_the_instance(network: Network) -> None:
    before = available(network.subnet)
    gone = network.attached(delete_on_termination=True)
    stays = network.attached(delete_on_termination=False, device_index=1)

    network_interfaces.release_from_instance(network.world, network.region, INSTANCE)

    assert network.region[NetworkInterface].get(gone.id) is None
    assert (stays.state, stays.attachment, stays.instance_id) == ("available", None, None)
    assert available(network.subnet) == before - 1


def test_a_deleted_interface_leaves_its_elastic_address_free(network: Network) -> None:
    interface = network.attached(delete_on_termination=True)
    address = network.region[Address].add(
        Address(
            id="eipalloc-1",
            public_ip="198.19.0.1",
            network_border_group="us-east-1",
            association_id="eipassoc-1",
            network_interface_id=interface.id,
            private_ip=interface.private_ips[0],
        )
    )

    network_interfaces.delete_interface(network.region, interface)

    assert address.association_id is None
    assert address.network_interface_id is None


def test_groups_default_to_the_vpcs_own(network: Network) -> None:
    assert security_groups.groups_for(network.region, network.subnet.vpc_id, (), ()) == (
        network.group.id,
    )


def test_a_group_of_another_vpc_is_refused(network: Network) -> None:
    other = SecurityGroup(id="sg-33333333333333333", vpc_id="vpc-3", name="x", description="x")
    network.region[SecurityGroup].add(other)

    with pytest.raises(AwsError) as refused:
        security_groups.groups_for(
            network.region, network.subnet.vpc_id, [other.id], subnet_id=network.subnet.id
        )

    assert refused.value.code == "InvalidParameter"


def test_an_interface_has_five_groups_at_most(network: Network) -> None:
    for number in range(6):
        network.region[SecurityGroup].add(
            SecurityGroup(
                id=f"sg-{number:017x}",
                vpc_id=network.subnet.vpc_id,
                name=f"g{number}",
                description="x",
            )
        )

    with pytest.raises(AwsError) as refused:
        security_groups.groups_for(
            network.region, network.subnet.vpc_id, [f"sg-{n:017x}" for n in range(6)]
        )

    assert refused.value.code == "SecurityGroupsPerInterfaceLimitExceeded"
