from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest

from emulator.wire.service import load


def body(operation: str, result: dict[str, Any], service: str = "ec2") -> str:
    response = load(service).operation(operation).reply(result, "the-request")
    return b"".join(response.body).decode()


def test_a_reply_is_enveloped_as_ec2_does() -> None:
    response = load("ec2").operation("DeleteVpc").reply({}, "the-request")

    assert b"".join(response.body).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<DeleteVpcResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        "<requestId>the-request</requestId><return>true</return></DeleteVpcResponse>"
    )
    assert response.status == 200
    assert dict(response.headers) == {
        "Content-Type": "text/xml;charset=UTF-8",
        "x-amzn-RequestId": "the-request",
    }


def test_a_reply_is_enveloped_as_query_services_do() -> None:
    assert body("GetCallerIdentity", {"Account": "000000000000"}, "sts") == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        "<GetCallerIdentityResult><Account>000000000000</Account></GetCallerIdentityResult>"
        "<ResponseMetadata><RequestId>the-request</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    )


def test_rendered_fragments_stand_for_structures_anywhere() -> None:
    region = {"RegionName": "eu-west-1", "Endpoint": "ec2.<&>"}
    fragment = load("ec2").structure_writer("Region")(region)

    assert body("DescribeRegions", {"Regions": [region, region]}) == body(
        "DescribeRegions", {"Regions": iter([fragment, region])}
    )

    vpc = {"VpcId": "vpc-1", "State": "available", "Tags": [{"Key": "a", "Value": ""}]}
    fragment = load("ec2").structure_writer("Vpc")(vpc)
    assert body("CreateVpc", {"Vpc": vpc}) == body("CreateVpc", {"Vpc": fragment})


def test_a_whole_result_may_be_rendered() -> None:
    result = {"Regions": [{"RegionName": "eu-west-1"}]}
    fragment = load("ec2").structure_writer("DescribeRegionsResult")(result)

    rendered = load("ec2").operation("DescribeRegions").reply(fragment, "r")  # type: ignore[arg-type]
    assert rendered == load("ec2").operation("DescribeRegions").reply(result, "r")


def test_none_is_as_good_as_absent() -> None:
    assert body("CreateVpc", {"Vpc": {"VpcId": "v", "State": None}}) == body(
        "CreateVpc", {"Vpc": {"VpcId": "v"}}
    )


def test_an_empty_list_has_its_element() -> None:
    assert "<regionInfo></regionInfo>" in body("DescribeRegions", {"Regions": []})


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2, 3, 4, 5, 678999, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 678999),  # noqa: DTZ001 - as a careless caller has it
        datetime(2026, 1, 2, 5, 4, 5, 678999, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_times_are_utc_with_milliseconds(moment: datetime) -> None:
    result = {"Volumes": [{"CreateTime": moment}]}

    assert "<createTime>2026-01-02T03:04:05.678Z</createTime>" in body("DescribeVolumes", result)


def test_an_old_year_keeps_four_digits() -> None:
    result = {"Volumes": [{"CreateTime": datetime(33, 1, 2, tzinfo=UTC)}]}

    assert "<createTime>0033-01-02T00:00:00.000Z</createTime>" in body("DescribeVolumes", result)


def test_members_of_enumerations_are_written_by_value() -> None:
    class State(StrEnum):
        AVAILABLE = "available"

    result = {"Vpc": {"State": State.AVAILABLE}}
    assert "<state>available</state>" in body("CreateVpc", result)


def test_text_is_escaped_and_what_xml_cannot_hold_is_replaced() -> None:
    result = {"Vpc": {"VpcId": "<a>&\"'\r\n\t\x00\x1b\ud800"}}

    assert "<vpcId>&lt;a&gt;&amp;&quot;'&#13;\n\t\ufffd\ufffd\ufffd</vpcId>" in body(
        "CreateVpc", result
    )


def test_a_member_the_model_lacks_is_a_fault_of_ours() -> None:
    with pytest.raises(KeyError, match="VpcIdd"):
        body("CreateVpc", {"Vpc": {"VpcIdd": "vpc-1"}})


def test_json_services_have_no_fragments() -> None:
    with pytest.raises(ValueError, match="no XML structure"):
        load("ecs").structure_writer("Cluster")
