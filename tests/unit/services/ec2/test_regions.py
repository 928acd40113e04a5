"""Regions, zones, account attributes and instance types."""

from __future__ import annotations

from typing import Any

from tests.fakes.client import Client


def filtered(name: str, *values: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": list(values)}]


def test_regions_are_found_by_name_and_filter() -> None:
    client = Client()
    (region,) = client.call("DescribeRegions", RegionNames=["eu-west-1"])["Regions"]
    assert region["Endpoint"] == "ec2.eu-west-1.amazonaws.com"
    assert region["OptInStatus"] == "opt-in-not-required"
    names = {each["RegionName"] for each in client.call("DescribeRegions")["Regions"]}
    assert {"us-east-1", "eu-west-1"} < names
    assert not any(name.startswith("cn-") for name in names)
    europe = client.call("DescribeRegions", Filters=filtered("region-name", "eu-west-*"))
    assert {each["RegionName"] for each in europe["Regions"]} == {
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
    }
    assert client.code_of("DescribeRegions", RegionNames=["mars-1"]) == "InvalidParameterValue"


def test_terraform_s_zones_are_those_available() -> None:
    client = Client()
    zones = client.call("DescribeAvailabilityZones", Filters=filtered("state", "available"))[
        "AvailabilityZones"
    ]
    assert [zone["ZoneName"] for zone in zones] == [f"us-east-1{letter}" for letter in "abcdef"]
    first = zones[0]
    assert first["ZoneType"] == "availability-zone"
    assert first["OptInStatus"] == "opt-in-not-required"
    assert first["NetworkBorderGroup"] == "us-east-1"
    by_id = client.call("DescribeAvailabilityZones", ZoneIds=[first["ZoneId"]])
    assert by_id["AvailabilityZones"] == [first]
    assert client.code_of("DescribeAvailabilityZones", ZoneNames=["us-east-1z"]) == (
        "InvalidParameterValue"
    )


def test_a_local_zone_is_listed_once_the_account_opted_in() -> None:
    client = Client()
    everything = client.call("DescribeAvailabilityZones", AllAvailabilityZones=True)
    local = next(
        zone for zone in everything["AvailabilityZones"] if zone["ZoneType"] == "local-zone"
    )
    assert local["OptInStatus"] == "not-opted-in"
    assert local["ParentZoneName"].startswith("us-east-1")

    def listed() -> list[str]:
        answer = client.call("DescribeAvailabilityZones")
        return [zone["ZoneName"] for zone in answer["AvailabilityZones"]]

    assert local["ZoneName"] not in listed()
    client.call("ModifyAvailabilityZoneGroup", GroupName=local["GroupName"], OptInStatus="opted-in")
    assert local["ZoneName"] in listed()
    vpc = client.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = client.call(
        "CreateSubnet", VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone=local["ZoneName"]
    )["Subnet"]
    assert subnet["AvailabilityZone"] == local["ZoneName"]
    back = client.code_of(
        "ModifyAvailabilityZoneGroup", GroupName=local["GroupName"], OptInStatus="not-opted-in"
    )
    assert back == "OptInStatusChangeNotSupported"
    unknown = client.code_of(
        "ModifyAvailabilityZoneGroup", GroupName="us-east-1-moon-1", OptInStatus="opted-in"
    )
    assert unknown == "InvalidParameterValue"


def test_account_attributes_name_the_default_vpc() -> None:
    client = Client()
    answer = client.call("DescribeAccountAttributes", AttributeNames=["default-vpc"])
    (attribute,) = answer["AccountAttributes"]
    (vpc,) = client.call("DescribeVpcs", Filters=filtered("is-default", "true"))["Vpcs"]
    assert attribute["AttributeValues"] == [{"AttributeValue": vpc["VpcId"]}]
    platforms = client.call("DescribeAccountAttributes", AttributeNames=["supported-platforms"])
    assert platforms["AccountAttributes"][0]["AttributeValues"] == [{"AttributeValue": "VPC"}]
    client.call("DescribeAccountAttributes", AttributeNames=["max-instances"])
    unknown = client.code_of("DescribeAccountAttributes", AttributeNames=["mood"])
    assert unknown == "InvalidParameterValue"


def test_instance_types_come_in_pages_and_by_name() -> None:
    client = Client()
    page = client.call("DescribeInstanceTypes")
    assert len(page["InstanceTypes"]) == 100
    rest = client.call("DescribeInstanceTypes", NextToken=page["NextToken"])["InstanceTypes"]
    names = [each["InstanceType"] for each in (*page["InstanceTypes"], *rest)]
    assert len(set(names)) == 200
    (micro,) = client.call("DescribeInstanceTypes", InstanceTypes=["t3.micro"])["InstanceTypes"]
    assert micro["VCpuInfo"]["DefaultVCpus"] == 2
    assert micro["MemoryInfo"]["SizeInMiB"] == 1024
    assert client.code_of("DescribeInstanceTypes", InstanceTypes=["t3.huge"]) in (
        "InvalidInstanceType",
        "InvalidParameterValue",
    )


def test_instance_types_are_filtered_by_what_they_are() -> None:
    client = Client()
    found = client.call(
        "DescribeInstanceTypes",
        Filters=[
            *filtered("instance-type", "t*"),
            *filtered("burstable-performance-supported", "true"),
            *filtered("processor-info.supported-architecture", "arm64"),
            *filtered("memory-info.size-in-mib", "1024"),
        ],
    )["InstanceTypes"]
    assert [each["InstanceType"] for each in found] == ["t4g.micro"]
    clock = client.call(
        "DescribeInstanceTypes",
        Filters=[
            *filtered("instance-type", "t3.micro"),
            *filtered("processor-info.sustained-clock-speed-in-ghz", "2.5"),
        ],
    )
    assert len(clock["InstanceTypes"]) == 1


def test_offerings_name_the_place_by_the_location_type() -> None:
    client = Client()
    wanted = filtered("instance-type", "t3.micro")
    (here,) = client.call("DescribeInstanceTypeOfferings", Filters=wanted)["InstanceTypeOfferings"]
    assert here == {"InstanceType": "t3.micro", "LocationType": "region", "Location": "us-east-1"}
    zones = client.call(
        "DescribeInstanceTypeOfferings", LocationType="availability-zone", Filters=wanted
    )["InstanceTypeOfferings"]
    assert all(each["Location"].startswith("us-east-1") for each in zones)
    assert len(zones) > 1
    one = client.call(
        "DescribeInstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=[*wanted, *filtered("location", zones[0]["Location"])],
    )["InstanceTypeOfferings"]
    assert one == zones[:1]
