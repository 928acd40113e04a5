from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.launcher import Launcher


@pytest.fixture
def client() -> Launcher:
    return Launcher()


def request(client: Launcher, *overrides: dict[str, Any], **params: Any) -> dict[str, Any]:
    if not client.call("DescribeLaunchTemplates")["LaunchTemplates"]:
        client.call(
            "CreateLaunchTemplate",
            LaunchTemplateName="web",
            LaunchTemplateData={"ImageId": client.image(), "InstanceType": "t3.micro"},
        )
    config: dict[str, Any] = {
        "LaunchTemplateSpecification": {"LaunchTemplateName": "web", "Version": "$Latest"}
    }
    if overrides:
        config["Overrides"] = list(overrides)
    target = {"TotalTargetCapacity": 2, "DefaultTargetCapacityType": "on-demand"}
    return {"LaunchTemplateConfigs": [config], "TargetCapacitySpecification": target} | params


def shown(client: Launcher, fleet: str) -> dict[str, Any]:
    found: dict[str, Any] = client.call("DescribeFleets", FleetIds=[fleet])["Fleets"][0]
    return found


def test_an_instant_fleet_launches_in_its_answer(client: Launcher) -> None:
    tags = [
        {"ResourceType": "fleet", "Tags": [{"Key": "a", "Value": "fleet"}]},
        {"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "instance"}]},
    ]
    override = {"InstanceType": "t3.small"}

    answer = client.call(
        "CreateFleet", **request(client, override, Type="instant", TagSpecifications=tags)
    )

    (launched,) = answer["Instances"]
    assert (launched["InstanceType"], launched["Lifecycle"]) == ("t3.small", "on-demand")
    assert launched["LaunchTemplateAndOverrides"]["Overrides"] == override
    assert len(launched["InstanceIds"]) == 2
    own = {tag["Key"]: tag["Value"] for tag in client.instance(launched["InstanceIds"][0])["Tags"]}
    assert (own["a"], own["aws:ec2:fleet-id"]) == ("instance", answer["FleetId"])
    assert own["aws:ec2launchtemplate:version"] == "1"
    fleet = shown(client, answer["FleetId"])
    assert (fleet["Type"], fleet["FleetState"], fleet["FulfilledCapacity"]) == (
        "instant",
        "active",
        2.0,
    )
    assert fleet["Tags"] == [{"Key": "a", "Value": "fleet"}]
    assert client.call("DescribeFleets")["Fleets"] == []


def test_a_way_that_fails_is_told_and_the_next_is_taken(client: Launcher) -> None:
    ways = ({"SubnetId": "subnet-0123456789abcdef0"}, {"InstanceType": "t3.nano"})

    answer = client.call("CreateFleet", **request(client, *ways, Type="instant"))

    (error,) = answer["Errors"]
    assert error["ErrorCode"] == "InvalidSubnetID.NotFound"
    assert [launch["InstanceType"] for launch in answer["Instances"]] == ["t3.nano"]


def test_weights_and_priorities_decide_what_is_launched(client: Launcher) -> None:
    ways = (
        {"InstanceType": "t3.nano", "Priority": 2.0},
        {"InstanceType": "t3.small", "Priority": 1.0, "WeightedCapacity": 2.0},
    )
    target = {"TotalTargetCapacity": 5, "DefaultTargetCapacityType": "on-demand"}

    answer = client.call(
        "CreateFleet",
        **request(
            client,
            *ways,
            Type="instant",
            OnDemandOptions={"AllocationStrategy": "prioritized"},
            TargetCapacitySpecification=target,
        ),
    )

    (launched,) = answer["Instances"]
    assert (launched["InstanceType"], len(launched["InstanceIds"])) == ("t3.small", 3)


def test_a_maintained_fleet_fills_resizes_and_goes_with_its_instances(client: Launcher) -> None:
    fleet = client.call("CreateFleet", **request(client))["FleetId"]
    assert (shown(client, fleet)["ActivityStatus"], len(client.described())) == ("fulfilled", 2)

    def resize(total: int) -> int:
        target = {"TotalTargetCapacity": total}
        client.call("ModifyFleet", FleetId=fleet, TargetCapacitySpecification=target)
        answer = client.call("DescribeFleetInstances", FleetId=fleet)
        return len(answer["ActiveInstances"])

    assert (resize(3), resize(1)) == (3, 1)
    answer = client.call("DeleteFleets", FleetIds=[fleet], TerminateInstances=True)
    (gone,) = answer["SuccessfulFleetDeletions"]
    assert gone["CurrentFleetState"] == "deleted_terminating"
    assert shown(client, fleet)["FleetState"] == "deleted"
    assert client.call("DescribeFleetInstances", FleetId=fleet)["ActiveInstances"] == []
    client.turn(3601)
    assert client.code_of("DescribeFleets", FleetIds=[fleet]) == "InvalidFleetId.NotFound"


def test_spot_capacity_comes_with_spot_requests(client: Launcher) -> None:
    target = {
        "TotalTargetCapacity": 2,
        "OnDemandTargetCapacity": 1,
        "DefaultTargetCapacityType": "spot",
    }

    fleet = client.call("CreateFleet", **request(client, TargetCapacitySpecification=target))

    rows = client.call("DescribeFleetInstances", FleetId=fleet["FleetId"])["ActiveInstances"]
    assert sorted("SpotInstanceRequestId" in row for row in rows) == [False, True]


def test_deletions_that_cannot_be_are_told_one_by_one(client: Launcher) -> None:
    fleet = client.call("CreateFleet", **request(client, Type="instant"))["FleetId"]

    answer = client.call("DeleteFleets", FleetIds=[fleet, "fleet-x"], TerminateInstances=False)

    codes = [item["Error"]["Code"] for item in answer["UnsuccessfulFleetDeletions"]]
    assert codes == ["fleetNotInDeletableState", "fleetIdDoesNotExist"]
    assert shown(client, fleet)["FleetState"] == "active"


def test_requests_that_make_no_sense_make_no_fleet(client: Launcher) -> None:
    def code(**params: Any) -> str:
        return client.code_of("CreateFleet", **request(client, **params))

    too_much = {"TotalTargetCapacity": 1, "SpotTargetCapacity": 2}
    assert code(TargetCapacitySpecification=too_much) == "InvalidTargetCapacitySpecification"
    missing = {"LaunchTemplateName": "gone", "Version": "1"}
    configs = [{"LaunchTemplateSpecification": missing}]
    assert code(LaunchTemplateConfigs=configs) == "InvalidLaunchTemplateName.NotFoundException"
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]
    assert code(TagSpecifications=tags) == "InvalidParameterValue"
    assert client.call("DescribeFleets")["Fleets"] == []
