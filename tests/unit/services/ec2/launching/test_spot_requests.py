from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.client import EPOCH
from tests.fakes.launcher import TYPE, Launcher


@pytest.fixture
def client() -> Launcher:
    return Launcher()


def ask(client: Launcher, **params: Any) -> dict[str, Any]:
    launch = {"ImageId": client.image(), "InstanceType": TYPE}
    answer = client.call("RequestSpotInstances", **({"LaunchSpecification": launch} | params))
    request: dict[str, Any] = answer["SpotInstanceRequests"][0]
    return request


def shown(client: Launcher, request_id: str) -> dict[str, Any]:
    answer = client.call("DescribeSpotInstanceRequests", SpotInstanceRequestIds=[request_id])
    request: dict[str, Any] = answer["SpotInstanceRequests"][0]
    return request


def test_a_request_opens_and_is_fulfilled_by_an_instance(client: Launcher) -> None:
    asked = ask(client, SpotPrice="0.05")
    request = shown(client, asked["SpotInstanceRequestId"])

    assert (asked["State"], asked["Status"]["Code"]) == ("open", "pending-evaluation")
    assert "InstanceId" not in asked
    assert (request["State"], request["Status"]["Code"]) == ("active", "fulfilled")
    assert (request["Type"], request["SpotPrice"]) == ("one-time", "0.05")
    instance = client.instance(request["InstanceId"])
    assert instance["InstanceLifecycle"] == "spot"
    assert instance["SpotInstanceRequestId"] == request["SpotInstanceRequestId"]
    assert request["LaunchedAvailabilityZone"] == instance["Placement"]["AvailabilityZone"]


def test_a_request_reads_back_what_it_was_given(client: Launcher) -> None:
    subnet = client.default_subnets()[0]["SubnetId"]
    group = client.call("DescribeSecurityGroups")["SecurityGroups"][0]
    launch = {
        "ImageId": client.image(),
        "InstanceType": TYPE,
        "SubnetId": subnet,
        "SecurityGroupIds": [group["GroupId"]],
        "UserData": "aGVsbG8=",
        "Monitoring": {"Enabled": True},
    }

    request = ask(
        client,
        LaunchSpecification=launch,
        Type="persistent",
        InstanceInterruptionBehavior="stop",
        LaunchGroup="together",
        TagSpecifications=[
            {"ResourceType": "spot-instances-request", "Tags": [{"Key": "a", "Value": "b"}]}
        ],
    )

    specification = request["LaunchSpecification"]
    groups = [{"GroupId": group["GroupId"], "GroupName": group["GroupName"]}]
    assert specification.pop("SecurityGroups") == groups
    launch.pop("SecurityGroupIds")
    assert specification == launch
    assert (request["Type"], request["InstanceInterruptionBehavior"]) == ("persistent", "stop")
    assert (request["LaunchGroup"], request["Tags"]) == ("together", [{"Key": "a", "Value": "b"}])
    instance = client.instance(shown(client, request["SpotInstanceRequestId"])["InstanceId"])
    assert instance["SubnetId"] == subnet
    assert instance.get("Tags", []) == []


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"SpotPrice": "cheap"}, "InvalidParameterValue"),
        ({"SpotPrice": "0"}, "InvalidParameterValue"),
        ({"BlockDurationMinutes": 60}, "UnsupportedOperation"),
        ({"InstanceCount": 0}, "InvalidParameterValue"),
        ({"InstanceInterruptionBehavior": "stop"}, "InvalidParameterCombination"),
        ({"ValidUntil": EPOCH - timedelta(days=1)}, "InvalidParameterValue"),
        ({"LaunchSpecification": {"InstanceType": TYPE}}, "MissingParameter"),
        ({"LaunchSpecification": {"ImageId": "ami-0123456789abcdef0"}}, "InvalidAMIID.NotFound"),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_is_made(
    client: Launcher, params: dict[str, Any], code: str
) -> None:
    launch = {"ImageId": client.image(), "InstanceType": TYPE}

    assert (
        client.code_of("RequestSpotInstances", **({"LaunchSpecification": launch} | params)) == code
    )
    assert client.call("DescribeSpotInstanceRequests")["SpotInstanceRequests"] == []
    assert client.described() == []


def test_cancelling_leaves_the_instance_running(client: Launcher) -> None:
    request_id = ask(client)["SpotInstanceRequestId"]

    answer = client.call("CancelSpotInstanceRequests", SpotInstanceRequestIds=[request_id])

    assert answer["CancelledSpotInstanceRequests"] == [
        {"SpotInstanceRequestId": request_id, "State": "cancelled"}
    ]
    request = shown(client, request_id)
    assert request["Status"]["Code"] == "request-canceled-and-instance-running"
    assert client.state(request["InstanceId"]) == "running"
    client.turn(3601)
    code = client.code_of("DescribeSpotInstanceRequests", SpotInstanceRequestIds=[request_id])
    assert code == "InvalidSpotInstanceRequestID.NotFound"


def test_ids_that_are_none_have_a_code_of_their_own(client: Launcher) -> None:
    code = client.code_of("CancelSpotInstanceRequests", SpotInstanceRequestIds=["x"])
    assert code == "InvalidSpotInstanceRequestID.Malformed"


def test_a_one_time_request_closes_with_its_instance(client: Launcher) -> None:
    request_id = ask(client)["SpotInstanceRequestId"]
    instance_id = shown(client, request_id)["InstanceId"]

    assert client.code_of("StopInstances", InstanceIds=[instance_id]) == "UnsupportedOperation"
    client.call("TerminateInstances", InstanceIds=[instance_id])

    request = shown(client, request_id)
    assert (request["State"], request["Status"]["Code"]) == (
        "closed",
        "instance-terminated-by-user",
    )


def test_a_persistent_request_lets_its_instance_stop_and_outlives_it(client: Launcher) -> None:
    request_id = ask(client, Type="persistent")["SpotInstanceRequestId"]
    instance_id = shown(client, request_id)["InstanceId"]

    client.stop(instance_id)
    stopped = shown(client, request_id)
    client.call("StartInstances", InstanceIds=[instance_id])
    started = shown(client, request_id)
    client.call("TerminateInstances", InstanceIds=[instance_id])
    ended = shown(client, request_id)

    assert [row["State"] for row in (stopped, started, ended)] == ["disabled", "active", "open"]


def test_a_request_may_end_without_a_beginning() -> None:
    found = ask(Launcher(), ValidUntil=EPOCH + timedelta(days=1))

    assert found["ValidUntil"] == EPOCH + timedelta(days=1)


def test_a_request_waits_for_its_start_and_gives_up_at_its_end(client: Launcher) -> None:
    start, until = EPOCH + timedelta(hours=1), EPOCH + timedelta(hours=2)
    first = ask(client, ValidFrom=start, ValidUntil=until)["SpotInstanceRequestId"]
    late = ask(client, ValidFrom=start + timedelta(days=1))["SpotInstanceRequestId"]

    assert shown(client, first)["Status"]["Code"] == "not-scheduled-yet"
    client.turn(3601)

    assert shown(client, first)["State"] == "active"
    assert shown(client, late)["State"] == "open"
    client.call("CancelSpotInstanceRequests", SpotInstanceRequestIds=[late])
    assert shown(client, late)["Status"]["Code"] == "canceled-before-fulfillment"


def test_run_instances_opens_a_request_for_each_spot_instance(client: Launcher) -> None:
    options = {"SpotInstanceType": "persistent", "MaxPrice": "0.1"}
    answer = client.run(
        MinCount=2,
        MaxCount=2,
        InstanceMarketOptions={"MarketType": "spot", "SpotOptions": options},
    )

    ids = {row["SpotInstanceRequestId"]: row["InstanceId"] for row in answer["Instances"]}
    assert len(ids) == 2
    for request_id, instance_id in ids.items():
        request = shown(client, request_id)
        assert (request["InstanceId"], request["State"]) == (instance_id, "active")
        assert (request["Type"], request["SpotPrice"]) == ("persistent", "0.1")


def test_requests_are_found_by_what_they_launch(client: Launcher) -> None:
    request = ask(client, SpotPrice="0.05")
    instance_id = shown(client, request["SpotInstanceRequestId"])["InstanceId"]

    def found(name: str, value: str) -> int:
        answer = client.call(
            "DescribeSpotInstanceRequests", Filters=[{"Name": name, "Values": [value]}]
        )
        return len(answer["SpotInstanceRequests"])

    for name, value in {
        "instance-id": instance_id,
        "launch.instance-type": TYPE,
        "launch.monitoring-enabled": "false",
        "state": "active",
        "status-code": "fulfilled",
        "type": "one-time",
        "spot-price": "0.05",
        "product-description": "Linux/UNIX",
    }.items():
        assert found(name, value) == 1, name
        assert found(name, "other") == 0, name


def test_there_is_no_price_history_to_tell(client: Launcher) -> None:
    assert client.call("DescribeSpotPriceHistory")["SpotPriceHistory"] == []
    for wrong in ({"NextToken": "mine"}, {"MaxResults": 1001}):
        assert client.code_of("DescribeSpotPriceHistory", **wrong) == "InvalidParameterValue"


def test_the_data_feed_is_kept_until_it_is_deleted(client: Launcher) -> None:
    missing = client.code_of("DescribeSpotDatafeedSubscription")
    client.call("CreateSpotDatafeedSubscription", Bucket="logs", Prefix="spot")
    feed = client.call("DescribeSpotDatafeedSubscription")["SpotDatafeedSubscription"]
    client.call("DeleteSpotDatafeedSubscription")

    assert (feed["Bucket"], feed["Prefix"], feed["State"]) == ("logs", "spot", "Active")
    assert missing == "InvalidSpotDatafeed.NotFound"
    assert client.code_of("DescribeSpotDatafeedSubscription") == missing
