"""Every waiter of botocore: reached without waiting, and ended rightly where it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.loaders
import pytest
from botocore import xform_name
from botocore.exceptions import WaiterError

from emulator.services.registry import SERVICES
from tests.fakes.creations import CREATIONS, IMAGE, Made

WAITERS: dict[str, Any] = botocore.loaders.Loader().load_service_model("ec2", "waiters-2")[
    "waiters"
]
# States pass between two requests, so nothing is asked for twice.
AT_ONCE = {"Delay": 0, "MaxAttempts": 1}

# Waiters of what nobody asked the emulator to keep records of.
WITHOUT_RECORDS = {
    "BundleTaskComplete": "bundling instance-store images",
    "ConversionTaskCancelled": "importing machines",
    "ConversionTaskCompleted": "importing machines",
    "ConversionTaskDeleted": "importing machines",
    "ExportTaskCancelled": "exporting machines",
    "ExportTaskCompleted": "exporting machines",
    "ImageUsageReportAvailable": "reports of who uses an image",
    "SecondaryNetworkCreateComplete": "secondary networks",
    "SecondaryNetworkDeleteComplete": "secondary networks",
    "SecondarySubnetCreateComplete": "secondary subnets",
    "SecondarySubnetDeleteComplete": "secondary subnets",
    "SnapshotImported": "importing disks",
    "StoreImageTaskComplete": "images kept in S3",
}


class Account:
    """Makes what a waiter needs, and what that needs, when it is asked for."""

    def __init__(self, ec2: Any) -> None:
        self.ec2 = ec2
        self.made: Made = {}

    def __getitem__(self, name: str) -> str:
        """Return the id of one of the things in CREATIONS."""
        if name not in self.made:
            creation = next(creation for creation in CREATIONS if creation.name == name)
            answer = getattr(self.ec2, xform_name(creation.operation))(
                **creation.params(self)  # type: ignore[arg-type]  # it only asks for names
            )
            self.made[name] = creation.id_in(answer)
        return self.made[name]

    def fresh(self, name: str) -> str:
        """Return the id of a new one."""
        self.made.pop(name, None)
        found = self[name]
        del self.made[name]
        return found

    def instance(self) -> str:
        return self.fresh("instance")


@pytest.fixture(scope="module")
def account(ec2: Any) -> Account:
    return Account(ec2)


def stopped(account: Account) -> dict[str, Any]:
    instance = account.instance()
    account.ec2.stop_instances(InstanceIds=[instance])
    return {"InstanceIds": [instance]}


def terminated(account: Account) -> dict[str, Any]:
    instance = account.instance()
    account.ec2.terminate_instances(InstanceIds=[instance])
    return {"InstanceIds": [instance]}


def volume_in_use(account: Account) -> dict[str, Any]:
    volume, instance = account.fresh("volume"), account.instance()
    placement = account.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0][
        "Instances"
    ][0]["Placement"]
    volume = account.ec2.create_volume(AvailabilityZone=placement["AvailabilityZone"], Size=1)[
        "VolumeId"
    ]
    account.ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
    return {"VolumeIds": [volume]}


def volume_deleted(account: Account) -> dict[str, Any]:
    volume = account.fresh("volume")
    account.ec2.delete_volume(VolumeId=volume)
    return {"VolumeIds": [volume]}


def nat_gateway(account: Account) -> dict[str, Any]:
    assert account["attached igw"], "without one, a public gateway fails"
    return {"NatGatewayIds": [account["nat"]]}


def nat_gateway_deleted(account: Account) -> dict[str, Any]:
    gateway = account.ec2.create_nat_gateway(
        SubnetId=account["subnet"], ConnectivityType="private"
    )["NatGateway"]["NatGatewayId"]
    account.ec2.delete_nat_gateway(NatGatewayId=gateway)
    return {"NatGatewayIds": [gateway]}


def peering_deleted(account: Account) -> dict[str, Any]:
    peering = account.fresh("peering")
    account.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    return {"VpcPeeringConnectionIds": [peering]}


def vpn_connection_deleted(account: Account) -> dict[str, Any]:
    connection = account.fresh("vpn")
    account.ec2.delete_vpn_connection(VpnConnectionId=connection)
    return {"VpnConnectionIds": [connection]}


def group_associated(account: Account) -> dict[str, Any]:
    account.ec2.associate_security_group_vpc(GroupId=account["group"], VpcId=account["vpc2"])
    return {"Filters": [{"Name": "group-id", "Values": [account["group"]]}]}


def group_disassociated(account: Account) -> dict[str, Any]:
    group = account.ec2.create_security_group(
        GroupName="leaves", Description="d", VpcId=account["vpc"]
    )["GroupId"]
    account.ec2.associate_security_group_vpc(GroupId=group, VpcId=account["vpc2"])
    account.ec2.disassociate_security_group_vpc(GroupId=group, VpcId=account["vpc2"])
    return {"Filters": [{"Name": "group-id", "Values": [group]}]}


def windows_instance(account: Account) -> dict[str, Any]:
    image = account.ec2.describe_images(
        Owners=["amazon"], Filters=[{"Name": "platform", "Values": ["windows"]}]
    )["Images"][0]["ImageId"]
    account.ec2.create_key_pair(KeyName="administrator")
    (instance,) = account.ec2.run_instances(
        ImageId=image, InstanceType="t3.micro", KeyName="administrator", MinCount=1, MaxCount=1
    )["Instances"]
    return {"InstanceId": instance["InstanceId"]}


REACHED: dict[str, Callable[[Account], dict[str, Any]]] = {
    "CustomerGatewayAvailable": lambda a: {"CustomerGatewayIds": [a["cgw"]]},
    "ImageAvailable": lambda a: {"ImageIds": [a["image"]]},
    "ImageExists": lambda a: {"ImageIds": [a["image"]]},
    "InstanceExists": lambda a: {"InstanceIds": [a.instance()]},
    "InstanceRunning": lambda a: {"InstanceIds": [a.instance()]},
    "InstanceStatusOk": lambda a: {"InstanceIds": [a.instance()]},
    "InstanceStopped": stopped,
    "InstanceTerminated": terminated,
    "InternetGatewayExists": lambda a: {"InternetGatewayIds": [a["igw"]]},
    "KeyPairExists": lambda a: {"KeyPairIds": [a["key"]]},
    "NatGatewayAvailable": nat_gateway,
    "NatGatewayDeleted": nat_gateway_deleted,
    "NetworkInterfaceAvailable": lambda a: {"NetworkInterfaceIds": [a["eni"]]},
    "PasswordDataAvailable": windows_instance,
    "SecurityGroupExists": lambda a: {"GroupIds": [a["group"]]},
    "SecurityGroupVpcAssociationAssociated": group_associated,
    "SecurityGroupVpcAssociationDisassociated": group_disassociated,
    "SnapshotCompleted": lambda a: {"SnapshotIds": [a["snapshot"]]},
    "SpotInstanceRequestFulfilled": lambda a: {"SpotInstanceRequestIds": [a["spot"]]},
    "SubnetAvailable": lambda a: {"SubnetIds": [a["subnet"]]},
    "SystemStatusOk": lambda a: {"InstanceIds": [a.instance()]},
    "VolumeAvailable": lambda a: {"VolumeIds": [a.fresh("volume")]},
    "VolumeDeleted": volume_deleted,
    "VolumeInUse": volume_in_use,
    "VpcAvailable": lambda a: {"VpcIds": [a["vpc"]]},
    "VpcExists": lambda a: {"VpcIds": [a["vpc"]]},
    "VpcPeeringConnectionDeleted": peering_deleted,
    "VpcPeeringConnectionExists": lambda a: {"VpcPeeringConnectionIds": [a["peering"]]},
    "VpnConnectionAvailable": lambda a: {"VpnConnectionIds": [a["vpn"]]},
    "VpnConnectionDeleted": vpn_connection_deleted,
}


def answered(waiter: str) -> bool:
    return WAITERS[waiter]["operation"] in SERVICES["ec2"]


def wait(ec2: Any, waiter: str, **params: Any) -> None:
    ec2.get_waiter(xform_name(waiter)).wait(**params, WaiterConfig=AT_ONCE)


def outcome(ec2: Any, waiter: str, **params: Any) -> tuple[str, str]:
    """Return why a waiter gave up, and the code of the last answer."""
    with pytest.raises(WaiterError) as gave_up:
        wait(ec2, waiter, **params)
    error = gave_up.value
    why = "tried often enough" if "Max attempts exceeded" in str(error) else "at once"
    return why, error.last_response.get("Error", {}).get("Code", "")


def test_every_waiter_is_tried_or_has_no_records() -> None:
    assert REACHED.keys() | WITHOUT_RECORDS.keys() == WAITERS.keys()
    assert not [name for name in WITHOUT_RECORDS if answered(name)]


@pytest.mark.parametrize("waiter", sorted(filter(answered, REACHED)))
def test_a_waiter_need_not_wait(ec2: Any, account: Account, waiter: str) -> None:
    wait(ec2, waiter, **REACHED[waiter](account))


# What is asked for does not exist: the waiter's own model says which codes it goes on with.
ABSENT: dict[str, tuple[dict[str, Any], str]] = {
    "ImageExists": ({"ImageIds": ["ami-0123456789abcdef0"]}, "InvalidAMIID.NotFound"),
    "InstanceExists": ({"InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceID.NotFound"),
    "InstanceRunning": ({"InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceID.NotFound"),
    "InstanceStatusOk": ({"InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceID.NotFound"),
    "KeyPairExists": ({"KeyNames": ["nobody's"]}, "InvalidKeyPair.NotFound"),
    "NatGatewayAvailable": ({"NatGatewayIds": ["nat-0123456789abcdef0"]}, "NatGatewayNotFound"),
    "SecurityGroupExists": ({"GroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
    "SpotInstanceRequestFulfilled": (
        {"SpotInstanceRequestIds": ["sir-abcd1234"]},
        "InvalidSpotInstanceRequestID.NotFound",
    ),
    "VpcExists": ({"VpcIds": ["vpc-0123456789abcdef0"]}, "InvalidVpcID.NotFound"),
    "VpcPeeringConnectionExists": (
        {"VpcPeeringConnectionIds": ["pcx-0123456789abcdef0"]},
        "InvalidVpcPeeringConnectionID.NotFound",
    ),
}


@pytest.mark.parametrize("waiter", sorted(filter(answered, ABSENT)))
def test_a_waiter_goes_on_asking_for_what_is_not_there_yet(ec2: Any, waiter: str) -> None:
    params, code = ABSENT[waiter]

    assert outcome(ec2, waiter, **params) == ("tried often enough", code)


GONE = {
    "NatGatewayDeleted": {"NatGatewayIds": ["nat-0123456789abcdef0"]},
    "VolumeDeleted": {"VolumeIds": ["vol-0123456789abcdef0"]},
    "VpcPeeringConnectionDeleted": {"VpcPeeringConnectionIds": ["pcx-0123456789abcdef0"]},
}


@pytest.mark.parametrize("waiter", sorted(filter(answered, GONE)))
def test_what_is_not_there_counts_as_deleted(ec2: Any, waiter: str) -> None:
    wait(ec2, waiter, **GONE[waiter])


def test_a_waiter_gives_up_at_once_on_what_will_not_come(ec2: Any, account: Account) -> None:
    ended = terminated(account)
    # The first Describe after it sees shutting-down or terminated: both are the end.
    assert outcome(ec2, "InstanceRunning", **ended) == ("at once", "")
    assert outcome(ec2, "InstanceStopped", **ended) == ("at once", "")
    absent = {"NetworkInterfaceIds": ["eni-0123456789abcdef0"]}
    code = "InvalidNetworkInterfaceID.NotFound"
    assert outcome(ec2, "NetworkInterfaceAvailable", **absent) == ("at once", code)


def test_linux_has_no_password_to_wait_for(ec2: Any) -> None:
    (instance,) = ec2.run_instances(ImageId=IMAGE, InstanceType="t3.micro", MinCount=1, MaxCount=1)[
        "Instances"
    ]

    found = outcome(ec2, "PasswordDataAvailable", InstanceId=instance["InstanceId"])

    assert found == ("tried often enough", "")


def test_the_waiter_for_internet_gateways_does_not_know_the_code_that_ec2_answers(
    ec2: Any,
) -> None:
    """It retries on InvalidInternetGateway.NotFound, and AWS has never sent that."""
    absent = {"InternetGatewayIds": ["igw-0123456789abcdef0"]}

    found = outcome(ec2, "InternetGatewayExists", **absent)

    assert found == ("at once", "InvalidInternetGatewayID.NotFound")
