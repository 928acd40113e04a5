"""Records as AWS writes them, and the files they go to."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from emulator.net.cidrs import known_network
from emulator.net.flow_capture import Capture, Flow
from emulator.net.flow_files import CannotDeliver, Delivery, blocking_deliver, path_of
from emulator.net.flow_records import FIELDS, Watched, fields_of, records, unknown_fields
from emulator.services.ec2.vpcs.flow_logs import DEFAULT_FORMAT

WATCHED = Watched(
    account="123456789010",
    region="eu-west-1",
    interface_id="eni-1235b8ca123456789",
    vpc_id="vpc-1",
    subnet_id="subnet-1",
    instance_id="i-1",
    zone_id="euw1-az2",
    addresses=tuple(
        map(known_network, ("172.31.16.139/32", "172.31.16.140/32", "2001:db8::5/128"))
    ),
    vpc_networks=(known_network("172.31.0.0/16"),),
    others=(known_network("172.31.16.200/32"),),
)
DEFAULT = fields_of(DEFAULT_FORMAT)
INTERVAL = (1418530010, 1418530070)
SSH = Flow(
    True, "172.31.16.21", "172.31.16.139", 6, 20641, 22, True, 20, 4249, 3, 1418530010, 1418530070
)


def lines(*flows: Flow, fields: Any = DEFAULT, kind: str = "ALL", whole: bool = True) -> list[str]:
    return records(fields, WATCHED, Capture(flows, is_whole=whole), kind, INTERVAL)


def test_an_accepted_flow_is_told_as_in_the_users_guide() -> None:
    told = (
        "2 123456789010 eni-1235b8ca123456789 172.31.16.21 172.31.16.139 20641 22 6 20 4249 "
        "1418530010 1418530070 ACCEPT OK"
    )

    assert lines(SSH) == [told]


def test_a_minute_without_flows_and_one_that_is_not_whole_are_told() -> None:
    head = "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1418530010 1418530070 -"

    assert lines() == [f"{head} NODATA"]
    assert lines(whole=False) == [f"{head} SKIPDATA"]
    assert lines(SSH, whole=False)[1:] == [f"{head} SKIPDATA"]


@pytest.mark.parametrize(("kind", "count"), [("ALL", 2), ("ACCEPT", 1), ("REJECT", 1)])
def test_a_log_has_the_traffic_it_is_for(kind: str, count: int) -> None:
    found = lines(SSH, attrs.evolve(SSH, accepted=False), kind=kind)

    assert len(found) == count
    assert all(kind in (line.split()[-2], "ALL") for line in found)


def test_an_address_of_the_interface_is_told_as_its_primary_one() -> None:
    answer = attrs.evolve(SSH, is_ingress=False, source="172.31.16.140", destination="172.31.16.21")
    fields = ("srcaddr", "pkt-srcaddr", "dstaddr", "pkt-dstaddr", "flow-direction", "traffic-path")

    assert lines(answer, fields=fields) == [
        "172.31.16.139 172.31.16.140 172.31.16.21 172.31.16.21 egress 1"
    ]


def test_a_flow_is_the_interfaces_whose_address_it_has() -> None:
    other = attrs.evolve(SSH, destination="172.31.16.200")
    unknown = attrs.evolve(SSH, destination="172.18.0.7")
    second = attrs.evolve(WATCHED, is_first=False)

    assert lines(other, fields=("log-status",)) == ["NODATA"]
    assert lines(unknown, fields=("dstaddr", "pkt-dstaddr")) == ["172.31.16.139 172.18.0.7"]
    assert records(("log-status",), second, Capture((unknown,)), "ALL", INTERVAL) == ["NODATA"]


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ("version", 2),
        ("version tcp-flags", 3),
        ("version region srcaddr", 4),
        ("version type flow-direction", 5),
    ],
)
def test_the_version_is_that_of_the_newest_field(fields: str, version: int) -> None:
    assert lines(SSH, fields=fields.split())[0].split()[0] == str(version)


def test_every_field_has_a_value_or_a_dash() -> None:
    (line,) = lines(attrs.evolve(SSH, source="2001:db8::9"), fields=tuple(FIELDS))
    told = dict(zip(FIELDS, line.split(" "), strict=True))

    assert told["type"] == "IPv6"
    assert told["az-id"] == "euw1-az2"
    assert told["tcp-flags"] == "3"
    assert told["sublocation-id"] == "-"
    assert all(told.values())


def test_fields_that_aws_does_not_have_are_found() -> None:
    assert unknown_fields("${version} ${colour} ${srcaddr}") == ("colour",)


DELIVERY = Delivery(
    account="123456789010",
    region="eu-west-1",
    flow_log_id="fl-1",
    interface_id="eni-1",
    traffic_type="ALL",
    destination_type="s3",
    destination="arn:aws:s3:::bucket/some/prefix/",
    log_group_name=None,
    options=None,
    end=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("options", "folder"),
    [
        (None, "2026/03/04"),
        ({"PerHourPartition": True}, "2026/03/04/05"),
        (
            {"HiveCompatiblePartitions": True, "PerHourPartition": True},
            "year=2026/month=03/day=04/hour=05",
        ),
    ],
)
def test_objects_have_the_names_that_aws_gives_them(options: Any, folder: str) -> None:
    path = path_of(attrs.evolve(DELIVERY, options=options))
    head = "s3/bucket/some/prefix/AWSLogs/"

    assert str(path.parent).startswith(head)
    assert str(path.parent).endswith(folder)
    assert path.name.startswith("123456789010_vpcflowlogs_eu-west-1_fl-1_20260304T0506Z_")
    assert path.name.endswith(".log.gz")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/../x", "a/./b", "..", ".", "", "a\0b", "x" * 512, "ü/\n", "//"]
)
def test_no_name_leads_out_of_its_folder(name: str, tmp_path: Path) -> None:
    for given in (
        attrs.evolve(DELIVERY, destination_type="cloud-watch-logs", log_group_name=name),
        attrs.evolve(DELIVERY, destination=f"arn:aws:s3:::bucket/{name}"),
        attrs.evolve(DELIVERY, destination=f"arn:aws:s3:::{name.replace('/', '')}x/"),
    ):
        try:
            path = path_of(given)
        except CannotDeliver:
            continue
        assert not path.is_absolute()
        assert not any(part in ("..", ".", "") or part.startswith(".") for part in path.parts)
        blocking_deliver(tmp_path, given, ("version",), ["2"])
        assert (tmp_path / path).is_file()
        assert (tmp_path / path).resolve().is_relative_to(tmp_path.resolve())


def test_a_stream_grows_and_an_object_is_whole(tmp_path: Path) -> None:
    stream = attrs.evolve(DELIVERY, destination_type="cloud-watch-logs", log_group_name="g")
    for each in (stream, stream, DELIVERY):
        blocking_deliver(tmp_path, each, ("version", "end"), ["2 5", "2 6"])

    assert (tmp_path / path_of(stream)).read_text() == "2 5\n2 6\n" * 2
    text = gzip.decompress((tmp_path / path_of(DELIVERY)).read_bytes()).decode()
    assert text == "version end\n2 5\n2 6\n"


@pytest.mark.parametrize(
    "changed",
    [
        {"options": {"FileFormat": "parquet"}},
        {"destination_type": "kinesis-data-firehose"},
        {"destination": None},
    ],
)
def test_what_cannot_be_delivered_is_said(changed: Any, tmp_path: Path) -> None:
    with pytest.raises(CannotDeliver):
        blocking_deliver(tmp_path, attrs.evolve(DELIVERY, **changed), ("version",), ["2"])


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "s3").write_text("in the way")
    with pytest.raises(CannotDeliver, match="s3"):
        blocking_deliver(tmp_path, DELIVERY, ("version",), ["2"])
