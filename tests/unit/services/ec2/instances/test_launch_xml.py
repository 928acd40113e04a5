from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from emulator.model.instance import Instance
from emulator.services.ec2.instances import launch_xml
from emulator.services.ec2.instances.launch_xml import Launched, launched_xml
from emulator.services.ec2.instances.views import instance_xml
from emulator.state.joins import interfaces, volumes
from emulator.vm.interface import Guest, LaunchSpec
from emulator.vm.mock.manager import MockManager
from tests.fakes.client import Client

IMAGE = "ami-024f768332f0"
PERCENT = {"ResourceType": "instance", "Tags": [{"Key": "100%(0)b", "Value": "<%s>"}]}


class Waiting(MockManager):
    """Machines that never come up."""

    launch_now = None  # they have to be waited for

    async def launch(self, spec: LaunchSpec) -> Guest:
        return await Deferred()


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr("tests.fakes.client.MockManager", Waiting)
    return Client()


def subnet(ec2: Client) -> str:
    return str(ec2.call("DescribeSubnets")["Subnets"][0]["SubnetId"])


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"TagSpecifications": [PERCENT]},
        {"UserData": "I2Nsb3VkLWNvbmZpZwo=", "ClientToken": "0"},
        {
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}},
                {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 2}},
            ]
        },
        {"NetworkInterfaces": "two with secondary addresses"},
        {"PrivateDnsNameOptions": {"HostnameType": "resource-name"}},
    ],
)
def test_what_is_filled_in_is_what_would_have_been_rendered(
    ec2: Client, params: dict[str, Any]
) -> None:
    if "NetworkInterfaces" in params:
        params = {
            "NetworkInterfaces": [
                {
                    "DeviceIndex": index,
                    "SubnetId": subnet(ec2),
                    "SecondaryPrivateIpAddressCount": 1,
                }
                for index in (0, 1)
            ]
        }
    answer = ec2.call(
        "RunInstances", ImageId=IMAGE, InstanceType="t3.micro", MinCount=4, MaxCount=4, **params
    )
    region = ec2.api.state.region("000000000000", "us-east-1")
    rows = [region[Instance][shown["InstanceId"]] for shown in answer["Instances"]]

    assert {row.state for row in rows} == {"pending"}
    launch = [
        Launched(row, interfaces(region, row), [volume for volume, _ in volumes(region, row)])
        for row in rows
    ]
    assert launched_xml(region, launch) == [instance_xml(region, row) for row in rows]
    assert len({shown["PrivateIpAddress"] for shown in answer["Instances"]}) == 4
    assert [shown["AmiLaunchIndex"] for shown in answer["Instances"]] == [0, 1, 2, 3]
    assert {shown["State"]["Name"] for shown in answer["Instances"]} == {"pending"}


def test_filling_in_is_what_happens(ec2: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []

    def count(region: Any, instance: Instance) -> bytes:
        rendered.append(instance.id)
        return instance_xml(region, instance)

    monkeypatch.setattr(launch_xml, "instance_xml", count)

    ec2.call("RunInstances", ImageId=IMAGE, InstanceType="t3.micro", MinCount=50, MaxCount=50)

    assert len(rendered) == 1
