"""Flow logs: what is accepted, shown, filtered and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.client import Client

GROUP_ARN = "arn:aws:logs:us-east-1:000000000000:log-group:flows"
ROLE = "arn:aws:iam::000000000000:role/flows"
BUCKET = "arn:aws:s3:::flows/here/"


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def vpc_id(client: Client) -> str:
    found: str = client.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    return found


def _create(client: Client, vpc_id: str, **params: Any) -> str:
    answer = client.call("CreateFlowLogs", **_request(vpc_id, **params))
    (log_id,) = answer["FlowLogIds"]
    assert answer["Unsuccessful"] == []
    assert isinstance(log_id, str)
    return log_id


def _request(vpc_id: str, **params: Any) -> dict[str, Any]:
    return {
        "ResourceIds": [vpc_id],
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogDestinationType": "s3",
        "LogDestination": BUCKET,
        **params,
    }


def _ids(client: Client, **params: Any) -> list[str]:
    return [log["FlowLogId"] for log in client.call("DescribeFlowLogs", **params)["FlowLogs"]]


def test_a_log_to_a_bucket_is_read_back_with_its_defaults(client: Client, vpc_id: str) -> None:
    log_id = _create(
        client,
        vpc_id,
        DestinationOptions={"FileFormat": "parquet"},
        TagFieldSpecifications=[{"ResourceType": "instance", "TagKeys": ["Name"]}],
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "a", "Value": "b"}]}],
    )

    (log,) = client.call("DescribeFlowLogs", FlowLogIds=[log_id])["FlowLogs"]

    assert log["ResourceId"] == vpc_id
    assert log["FlowLogStatus"] == "ACTIVE"
    assert log["LogDestination"] == BUCKET
    assert log["MaxAggregationInterval"] == 600
    assert log["LogFormat"].startswith("${version} ${account-id} ${interface-id}")
    assert log["LogFormat"].endswith("${action} ${log-status}")
    assert log["DestinationOptions"] == {
        "FileFormat": "parquet",
        "HiveCompatiblePartitions": False,
        "PerHourPartition": False,
    }
    assert log["Tags"] == [{"Key": "a", "Value": "b"}]
    assert log["TagFieldSpecifications"] == [{"ResourceType": "instance", "TagKeys": ["Name"]}]
    assert "DeliverLogsStatus" not in log


def test_a_log_group_is_given_by_name_or_by_arn(client: Client, vpc_id: str) -> None:
    for destination in ({"LogGroupName": "other"}, {"LogDestination": GROUP_ARN}):
        client.call(
            "CreateFlowLogs",
            ResourceIds=[vpc_id],
            ResourceType="VPC",
            TrafficType="REJECT",
            DeliverLogsPermissionArn=ROLE,
            **destination,
        )

    shown = client.call("DescribeFlowLogs")["FlowLogs"]

    assert [log["LogGroupName"] for log in shown] == ["other", "flows"]
    assert {log["LogDestinationType"] for log in shown} == {"cloud-watch-logs"}
    assert {log["DeliverLogsPermissionArn"] for log in shown} == {ROLE}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"LogDestination": ""}, "InvalidParameter"),
        ({"LogDestination": "arn:aws:sqs:us-east-1:000000000000:q"}, "InvalidParameter"),
        ({"LogGroupName": "x"}, "InvalidParameter"),
        ({"MaxAggregationInterval": 61}, "InvalidParameter"),
        ({"LogFormat": "version"}, "InvalidParameter"),
        ({"LogFormat": "${version} ${colour}"}, "InvalidParameter"),
        ({"TagFieldSpecifications": [{"TagKeys": ["a"]}]}, "InvalidParameter"),
        ({"TrafficType": ""}, "MissingParameter"),
        ({"LogDestinationType": "kinesis-data-firehose"}, "InvalidParameter"),
        ({"LogDestinationType": "cloud-watch-logs", "LogDestination": ""}, "InvalidParameter"),
        (
            {"LogDestinationType": "cloud-watch-logs", "LogDestination": GROUP_ARN},
            "InvalidParameter",
        ),
        (
            {
                "LogDestinationType": "cloud-watch-logs",
                "LogDestination": GROUP_ARN,
                "LogGroupName": "x",
                "DeliverLogsPermissionArn": ROLE,
            },
            "InvalidParameter",
        ),
    ],
)
def test_a_destination_that_cannot_work_is_refused(
    client: Client, vpc_id: str, params: dict[str, Any], code: str
) -> None:
    assert client.code_of("CreateFlowLogs", **_request(vpc_id, **params)) == code
    assert _ids(client) == []


def test_options_of_files_are_for_buckets_only(client: Client, vpc_id: str) -> None:
    code = client.code_of(
        "CreateFlowLogs",
        **_request(
            vpc_id,
            LogDestinationType="kinesis-data-firehose",
            LogDestination="arn:aws:firehose:us-east-1:000000000000:deliverystream/x",
            DestinationOptions={"PerHourPartition": True},
        ),
    )

    assert code == "InvalidParameter"


def test_resources_that_do_not_exist_are_told_apart(client: Client, vpc_id: str) -> None:
    answer = client.call("CreateFlowLogs", **_request(vpc_id, ResourceIds=[vpc_id, "vpc-none"]))

    (failed,) = answer["Unsuccessful"]
    assert len(answer["FlowLogIds"]) == 1
    assert failed["ResourceId"] == "vpc-none"
    assert failed["Error"]["Code"] == "InvalidVpcID.NotFound"


def test_the_same_log_twice_is_refused_another_destination_is_not(
    client: Client, vpc_id: str
) -> None:
    _create(client, vpc_id)

    code = client.code_of("CreateFlowLogs", **_request(vpc_id))
    _create(client, vpc_id, LogDestination="arn:aws:s3:::elsewhere")

    assert code == "FlowLogAlreadyExists"
    assert len(_ids(client)) == 2


def test_logs_are_found_by_what_they_watch_and_where_they_go(client: Client, vpc_id: str) -> None:
    subnet_id = client.call("DescribeSubnets")["Subnets"][0]["SubnetId"]
    one = _create(client, vpc_id)
    other = _create(
        client,
        subnet_id,
        ResourceType="Subnet",
        TrafficType="ACCEPT",
        LogDestinationType="cloud-watch-logs",
        LogDestination=GROUP_ARN,
        DeliverLogsPermissionArn=ROLE,
    )

    def matching(name: str, value: str) -> list[str]:
        return _ids(client, Filter=[{"Name": name, "Values": [value]}])

    assert matching("resource-id", vpc_id) == [one]
    assert matching("traffic-type", "ACCEPT") == [other]
    assert matching("log-destination-type", "s3") == [one]
    assert matching("log-group-name", "flows") == [other]
    assert matching("flow-log-id", other) == [other]
    assert matching("deliver-log-status", "*") == []


def test_a_deleted_log_is_not_found(client: Client, vpc_id: str) -> None:
    log_id = _create(client, vpc_id)

    first = client.call("DeleteFlowLogs", FlowLogIds=[log_id])["Unsuccessful"]
    (second,) = client.call("DeleteFlowLogs", FlowLogIds=[log_id])["Unsuccessful"]

    assert first == []
    assert second["Error"]["Code"] == "InvalidFlowLogId.NotFound"
    assert client.code_of("DescribeFlowLogs", FlowLogIds=[log_id]) == "InvalidFlowLogId.NotFound"
