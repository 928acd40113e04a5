"""Attributes, options and profiles of instances that exist."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from emulator.vm.interface import TakesScreenshots, VMError
from emulator.vm.mock.manager import MockManager
from tests.fakes.launcher import Launcher


def attribute(client: Launcher, instance_id: str, name: str, member: str) -> Any:
    answer = client.call("DescribeInstanceAttribute", InstanceId=instance_id, Attribute=name)
    return answer[member]


@pytest.mark.parametrize(
    ("name", "member", "value"),
    [
        ("disableApiStop", "DisableApiStop", True),
        ("disableApiTermination", "DisableApiTermination", True),
        ("instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior", "terminate"),
        ("sourceDestCheck", "SourceDestCheck", False),
    ],
)
def test_an_attribute_changes_while_the_instance_runs(name: str, member: str, value: Any) -> None:
    client = Launcher()
    instance_id = client.launch()
    client.call("ModifyInstanceAttribute", InstanceId=instance_id, **{member: {"Value": value}})
    assert attribute(client, instance_id, name, member) == {"Value": value}
    # The older form of the request names the attribute.
    old = client.launch()
    client.call("ModifyInstanceAttribute", InstanceId=old, Attribute=name, Value=str(value).lower())
    assert attribute(client, old, name, member) == {"Value": value}


@pytest.mark.parametrize(
    ("name", "member", "value"),
    [
        ("instanceType", "InstanceType", "t3.small"),
        ("ebsOptimized", "EbsOptimized", True),
        ("enaSupport", "EnaSupport", False),
        ("sriovNetSupport", "SriovNetSupport", "simple"),
    ],
)
def test_an_attribute_that_wants_a_stopped_instance(name: str, member: str, value: Any) -> None:
    client = Launcher()
    instance_id = client.launch()
    change = {"InstanceId": instance_id, member: {"Value": value}}
    assert client.code_of("ModifyInstanceAttribute", **change) == "IncorrectInstanceState"
    client.stop(instance_id)
    client.call("ModifyInstanceAttribute", **change)
    assert attribute(client, instance_id, name, member) == {"Value": value}


def test_user_data_is_replaced_and_taken_away() -> None:
    client = Launcher()
    instance_id = client.launch(UserData=base64.b64encode(b"one").decode())
    client.stop(instance_id)
    client.call("ModifyInstanceAttribute", InstanceId=instance_id, UserData={"Value": b"two"})
    shown = attribute(client, instance_id, "userData", "UserData")
    assert base64.b64decode(shown["Value"]) == b"two"
    client.call("ModifyInstanceAttribute", InstanceId=instance_id, UserData={"Value": b""})
    assert attribute(client, instance_id, "userData", "UserData") == {}


def test_another_type_brings_its_own_processors() -> None:
    client = Launcher()
    instance_id = client.launch()
    client.stop(instance_id)
    for wanted, code in {
        "t4g.small": "InvalidParameterValue",
        "nothing.large": "InvalidInstanceAttributeValue",
    }.items():
        refused = client.code_of(
            "ModifyInstanceAttribute", InstanceId=instance_id, InstanceType={"Value": wanted}
        )
        assert refused == code
    client.call(
        "ModifyInstanceAttribute", InstanceId=instance_id, InstanceType={"Value": "m5.2xlarge"}
    )
    shown = client.instance(instance_id)
    assert shown["InstanceType"] == "m5.2xlarge"
    assert shown["CpuOptions"] == {"CoreCount": 4, "ThreadsPerCore": 2}


def test_a_volume_can_be_kept_beyond_its_instance() -> None:
    client = Launcher()
    instance_id = client.launch()
    (device,) = client.instance(instance_id)["BlockDeviceMappings"]
    change = {"DeviceName": device["DeviceName"], "Ebs": {"DeleteOnTermination": False}}
    client.call("ModifyInstanceAttribute", InstanceId=instance_id, BlockDeviceMappings=[change])
    (device,) = client.instance(instance_id)["BlockDeviceMappings"]
    assert device["Ebs"]["DeleteOnTermination"] is False
    wrong = client.code_of(
        "ModifyInstanceAttribute",
        InstanceId=instance_id,
        BlockDeviceMappings=[{**change, "DeviceName": "/dev/sdz"}],
    )
    assert wrong == "InvalidInstanceAttributeValue"


def test_one_request_changes_one_attribute() -> None:
    client = Launcher()
    instance_id = client.launch()
    both = client.code_of(
        "ModifyInstanceAttribute",
        InstanceId=instance_id,
        DisableApiStop={"Value": True},
        DisableApiTermination={"Value": True},
    )
    assert both == "InvalidParameterCombination"
    none = client.code_of("ModifyInstanceAttribute", InstanceId=instance_id)
    assert none == "InvalidParameterCombination"
    assert attribute(client, instance_id, "disableApiStop", "DisableApiStop") == {"Value": False}


def test_source_dest_check_is_reset() -> None:
    client = Launcher()
    instance_id = client.launch()
    client.call("ModifyInstanceAttribute", InstanceId=instance_id, SourceDestCheck={"Value": False})
    client.call("ResetInstanceAttribute", InstanceId=instance_id, Attribute="sourceDestCheck")
    assert client.instance(instance_id)["SourceDestCheck"] is True
    refused = client.code_of("ResetInstanceAttribute", InstanceId=instance_id, Attribute="userData")
    assert refused == "InvalidParameterValue"


def test_every_attribute_can_be_described() -> None:
    client = Launcher()
    instance_id = client.launch()
    for name, member in {
        "blockDeviceMapping": "BlockDeviceMappings",
        "enclaveOptions": "EnclaveOptions",
        "groupSet": "Groups",
        "kernel": "KernelId",
        "productCodes": "ProductCodes",
        "ramdisk": "RamdiskId",
        "rootDeviceName": "RootDeviceName",
        "userData": "UserData",
    }.items():
        assert attribute(client, instance_id, name, member) is not None


def test_metadata_options_change_at_once() -> None:
    client = Launcher()
    instance_id = client.launch()
    answer = client.call(
        "ModifyInstanceMetadataOptions",
        InstanceId=instance_id,
        HttpTokens="optional",
        HttpPutResponseHopLimit=7,
        InstanceMetadataTags="enabled",
    )
    assert answer["InstanceMetadataOptions"]["State"] == "pending"
    shown = client.instance(instance_id)["MetadataOptions"]
    assert shown["State"] == "applied"
    assert shown["HttpTokens"] == "optional"
    assert shown["HttpPutResponseHopLimit"] == 7
    assert shown["InstanceMetadataTags"] == "enabled"
    assert client.code_of("ModifyInstanceMetadataOptions", InstanceId=instance_id) == (
        "MissingParameter"
    )


def test_options_with_operations_of_their_own_are_read_back() -> None:
    client = Launcher()
    client.call("CreatePlacementGroup", GroupName="p", Strategy="spread")
    instance_id = client.launch()
    client.call("ModifyInstanceMaintenanceOptions", InstanceId=instance_id, AutoRecovery="disabled")
    client.call(
        "ModifyPrivateDnsNameOptions", InstanceId=instance_id, EnableResourceNameDnsARecord=True
    )
    running = {"InstanceId": instance_id}
    assert client.code_of(
        "ModifyPrivateDnsNameOptions", **running, PrivateDnsHostnameType="resource-name"
    ) == ("IncorrectInstanceState")
    assert client.code_of("ModifyInstancePlacement", **running, GroupName="p") == (
        "IncorrectInstanceState"
    )
    client.stop(instance_id)
    client.call("ModifyInstancePlacement", **running, GroupName="p")
    client.call(
        "ModifyInstanceCapacityReservationAttributes",
        **running,
        CapacityReservationSpecification={"CapacityReservationPreference": "none"},
    )
    client.call("ModifyInstanceCpuOptions", **running, CoreCount=1, ThreadsPerCore=1)
    shown = client.instance(instance_id)
    assert shown["MaintenanceOptions"]["AutoRecovery"] == "disabled"
    assert shown["PrivateDnsNameOptions"]["EnableResourceNameDnsARecord"] is True
    assert shown["Placement"]["GroupName"] == "p"
    assert shown["CapacityReservationSpecification"] == {"CapacityReservationPreference": "none"}
    assert shown["CpuOptions"] == {"CoreCount": 1, "ThreadsPerCore": 1}
    client.call("ModifyInstancePlacement", **running, GroupName="")
    assert client.instance(instance_id)["Placement"]["GroupName"] == ""
    unknown = client.request(Placement={"GroupName": "none"})
    assert client.code_of("RunInstances", **unknown) == "InvalidPlacementGroup.Unknown"


def test_credit_options_change_one_by_one() -> None:
    client = Launcher()
    burstable, other = client.launch(), client.launch(InstanceType="m5.large")
    answer = client.call(
        "ModifyInstanceCreditSpecification",
        InstanceCreditSpecifications=[
            {"InstanceId": burstable, "CpuCredits": "standard"},
            {"InstanceId": other, "CpuCredits": "standard"},
            {"InstanceId": "i-0123456789abcdef0", "CpuCredits": "standard"},
        ],
    )
    (changed,) = answer["SuccessfulInstanceCreditSpecifications"]
    assert changed["InstanceId"] == burstable
    codes = [each["Error"]["Code"] for each in answer["UnsuccessfulInstanceCreditSpecifications"]]
    assert codes == ["InstanceCreditSpecification.NotSupported", "InvalidInstanceID.NotFound"]
    # Without ids only unlimited ones are listed.
    assert client.call("DescribeInstanceCreditSpecifications")["InstanceCreditSpecifications"] == []


def test_the_account_chooses_how_a_family_starts() -> None:
    client = Launcher()
    client.call("ModifyDefaultCreditSpecification", InstanceFamily="t3", CpuCredits="standard")
    answer = client.call("GetDefaultCreditSpecification", InstanceFamily="t3")
    assert answer["InstanceFamilyCreditSpecification"]["CpuCredits"] == "standard"
    instance_id = client.launch()
    (shown,) = client.call("DescribeInstanceCreditSpecifications", InstanceIds=[instance_id])[
        "InstanceCreditSpecifications"
    ]
    assert shown["CpuCredits"] == "standard"


def test_a_profile_is_associated_replaced_and_taken_away() -> None:
    client = Launcher()
    instance_id = client.launch()
    profile = {"Arn": client.profile("one")}
    other = client.profile("two", "/path/")
    first = client.call(
        "AssociateIamInstanceProfile", InstanceId=instance_id, IamInstanceProfile=profile
    )["IamInstanceProfileAssociation"]
    assert first["State"] == "associating"
    again = client.code_of(
        "AssociateIamInstanceProfile", InstanceId=instance_id, IamInstanceProfile=profile
    )
    assert again == "IncorrectState"
    second = client.call(
        "ReplaceIamInstanceProfileAssociation",
        AssociationId=first["AssociationId"],
        IamInstanceProfile={"Arn": other},
    )["IamInstanceProfileAssociation"]
    assert second["AssociationId"] != first["AssociationId"]
    filters = [{"Name": "instance-id", "Values": [instance_id]}]
    (shown,) = client.call("DescribeIamInstanceProfileAssociations", Filters=filters)[
        "IamInstanceProfileAssociations"
    ]
    assert shown["State"] == "associated"
    assert shown["AssociationId"] == second["AssociationId"]
    assert client.instance(instance_id)["IamInstanceProfile"] == shown["IamInstanceProfile"]
    gone = client.call("DisassociateIamInstanceProfile", AssociationId=second["AssociationId"])[
        "IamInstanceProfileAssociation"
    ]
    assert gone["State"] == "disassociating"
    assert "IamInstanceProfile" not in client.instance(instance_id)
    assert client.code_of(
        "DisassociateIamInstanceProfile", AssociationId=second["AssociationId"]
    ) == ("InvalidAssociationID.NotFound")
    wrong = client.code_of(
        "ReplaceIamInstanceProfileAssociation",
        AssociationId=instance_id,
        IamInstanceProfile=profile,
    )
    assert wrong == "InvalidParameterValue"


def test_console_calls_answer_for_instances_that_exist() -> None:
    client = Launcher()
    instance_id = client.launch()
    output = client.call("GetConsoleOutput", InstanceId=instance_id)
    assert output["InstanceId"] == instance_id
    assert output.get("Output", "") == ""
    assert client.call("GetPasswordData", InstanceId=instance_id)["PasswordData"] == ""
    client.call("SendDiagnosticInterrupt", InstanceId=instance_id)
    client.stop(instance_id)
    assert client.code_of("SendDiagnosticInterrupt", InstanceId=instance_id) == (
        "IncorrectInstanceState"
    )
    missing = client.code_of("GetConsoleOutput", InstanceId="i-0123456789abcdef0")
    assert missing == "InvalidInstanceID.NotFound"


class Display(MockManager, TakesScreenshots):
    """Machines with a display that shows one picture, until it breaks."""

    broken = False

    async def screenshot(self, instance_id: str, *, wake_up: bool) -> bytes:
        if self.broken:
            raise VMError("the display is gone")
        return b"bright" if wake_up else b"dark"


def test_a_running_machines_display_is_shown() -> None:
    manager = Display()
    client = Launcher(machines=manager)
    instance_id = client.launch()
    shown = client.call("GetConsoleScreenshot", InstanceId=instance_id)
    woken = client.call("GetConsoleScreenshot", InstanceId=instance_id, WakeUp=True)

    assert shown["InstanceId"] == instance_id
    assert base64.b64decode(shown["ImageData"]) == b"dark"
    assert base64.b64decode(woken["ImageData"]) == b"bright"
    manager.broken = True
    assert client.code_of("GetConsoleScreenshot", InstanceId=instance_id) == "InternalError"
    client.stop(instance_id)
    assert client.code_of("GetConsoleScreenshot", InstanceId=instance_id) == (
        "IncorrectInstanceState"
    )


def test_a_machine_without_a_display_shows_none() -> None:
    client = Launcher()
    instance_id = client.launch()

    assert client.code_of("GetConsoleScreenshot", InstanceId=instance_id) == "UnsupportedOperation"
    assert client.code_of("GetConsoleScreenshot", InstanceId="i-0123456789abcdef0") == (
        "InvalidInstanceID.NotFound"
    )


def test_the_serial_console_is_the_account_s_choice() -> None:
    client = Launcher()
    status = client.call("GetSerialConsoleAccessStatus")
    assert status["SerialConsoleAccessEnabled"] is False
    client.call("EnableSerialConsoleAccess")
    assert client.call("GetSerialConsoleAccessStatus")["SerialConsoleAccessEnabled"] is True
    client.call("DisableSerialConsoleAccess")
    assert client.call("GetSerialConsoleAccessStatus")["SerialConsoleAccessEnabled"] is False
