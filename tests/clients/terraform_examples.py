"""The resources of terraform-examples/, with the arguments they have there."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from tests.clients.terraform_provider import TYPES, Attributes, Aws, by, exists, only

EXAMPLES = Path(__file__).parents[2] / "terraform-examples"

ANYWHERE = ["0.0.0.0/0"]
WEB = {"protocol": "tcp", "from_port": 8000, "to_port": 8000, "cidr_blocks": ANYWHERE}
SSH = {"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ANYWHERE}
HTTPS = {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ANYWHERE}
EGRESS = {"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ANYWHERE}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "ec2.amazonaws.com"},
        }
    ],
}
POLICY: Attributes = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}],
}
INSIDE = {"rule_no": 100, "protocol": "-1", "action": "allow", "cidr_block": "10.20.0.0/16"}
OUTSIDE = {"rule_no": 100, "protocol": "-1", "action": "allow", "cidr_block": "0.0.0.0/0"}
TEMPLATE_DATA = base64.b64encode(b"#!/bin/sh\necho from-the-template >/etc/example-06\n").decode()


@attrs.define
class Made:
    """What there is of an example: the ids of its resources, and what it was given.

    Attributes:
        aws: where it is.
        ami: the variable `ami`.
        public_key: what the variable `public_key` names.
        ids: by address, such as ``aws_vpc.main``.
    """

    aws: Aws
    ami: str
    public_key: str
    ids: dict[str, str] = attrs.field(factory=dict)

    def zone(self, index: int) -> str:
        """Return what the data source ``aws_availability_zones`` has at a place."""
        shown = self.aws.ec2.describe_availability_zones(Filters=[by("state", "available")])
        return sorted(each["ZoneName"] for each in shown["AvailabilityZones"])[index]

    def read(self, address: str) -> Attributes | None:
        """Read a resource as a refresh does."""
        return TYPES[type_of(address)].read(self.aws, self.ids[address])

    def main_table(self, address: str) -> str:
        """Return a VPC's main route table."""
        vpc = self.read(address)
        assert vpc is not None
        return str(vpc["main_route_table_id"])


@attrs.frozen
class Resource:
    """One resource block.

    Attributes:
        address: type and name, as a plan shows it.
        arguments: what the block says, once what it refers to is there.
        changes: arguments of a later plan; empty: none that the provider could do in place.
    """

    address: str
    arguments: Callable[[Made], Attributes]
    changes: Mapping[str, Any] = attrs.field(factory=dict)


def type_of(address: str) -> str:
    return address.partition(".")[0]


def tagged(name: str) -> Attributes:
    return {"tags": {"Name": name}}


def apply(resources: list[Resource], made: Made) -> None:
    """Create an example's resources."""
    for resource in resources:
        given = resource.arguments(made)
        made.ids[resource.address] = TYPES[type_of(resource.address)].create(made.aws, given)


def destroy(resources: list[Resource], made: Made) -> None:
    """Delete an example's resources, and hold each to being gone."""
    for resource in reversed(resources):
        kind, resource_id = TYPES[type_of(resource.address)], made.ids[resource.address]
        kind.delete(made.aws, resource_id)
        assert not exists(kind, made.aws, resource_id), resource.address


def key_pair(name: str) -> Resource:
    return Resource(
        "aws_key_pair.me", lambda made: {"key_name": name, "public_key": made.public_key}
    )


def newest(made: Made, owner: str, name: str) -> str:
    """Return what the data source ``aws_ami`` finds with ``most_recent``."""
    images = made.aws.ec2.describe_images(
        Owners=[owner], Filters=[by("name", name), by("root-device-type", "ebs")]
    )["Images"]
    return str(max(images, key=lambda image: image["CreationDate"])["ImageId"])


def newest_amazon_linux(made: Made) -> str:
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    parameter = made.aws.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    found = only(made.aws.ec2.describe_images(ImageIds=[parameter])["Images"])
    assert found["State"] == "available"
    assert newest(made, "amazon", "al2023-ami-2023.*-x86_64")
    assert newest(made, "099720109477", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*")
    return str(parameter)


RESOURCES: Mapping[str, list[Resource]] = {
    "01-instance": [
        key_pair("example-01"),
        Resource(
            "aws_security_group.web",
            lambda _: {
                "name": "example-01-web",
                "description": "SSH and a web server",
                "ingress": [SSH, WEB],
                "egress": [EGRESS],
            },
            {"ingress": [SSH, HTTPS], "egress": [EGRESS]},
        ),
        Resource(
            "aws_instance.web",
            lambda made: {
                "ami": made.ami,
                "instance_type": "t3.micro",
                "key_name": made.ids["aws_key_pair.me"],
                "vpc_security_group_ids": [made.ids["aws_security_group.web"]],
                "user_data": (EXAMPLES / "01-instance/user-data.sh").read_text(),
                **tagged("example-01"),
            },
            {"tags": {"Name": "renamed"}},
        ),
    ],
    "02-vpc": [
        Resource(
            "aws_vpc.main",
            lambda _: {
                "cidr_block": "10.20.0.0/16",
                "enable_dns_hostnames": True,
                **tagged("example-02"),
            },
            {"enable_dns_hostnames": False},
        ),
        Resource(
            "aws_subnet.public",
            lambda made: {
                "vpc_id": made.ids["aws_vpc.main"],
                "cidr_block": "10.20.1.0/24",
                "availability_zone": made.zone(0),
                "map_public_ip_on_launch": True,
                **tagged("example-02-public"),
            },
            {"map_public_ip_on_launch": False},
        ),
        Resource(
            "aws_subnet.private",
            lambda made: {
                "vpc_id": made.ids["aws_vpc.main"],
                "cidr_block": "10.20.2.0/24",
                "availability_zone": made.zone(1),
                **tagged("example-02-private"),
            },
        ),
        Resource(
            "aws_internet_gateway.main",
            lambda made: {"vpc_id": made.ids["aws_vpc.main"], **tagged("example-02")},
            {"tags": {"Name": "renamed", "More": "1"}},
        ),
        Resource("aws_eip.nat", lambda _: {"domain": "vpc"}, {"tags": {"Name": "nat"}}),
        Resource(
            "aws_nat_gateway.main",
            lambda made: {
                "allocation_id": made.ids["aws_eip.nat"],
                "subnet_id": made.ids["aws_subnet.public"],
                **tagged("example-02"),
            },
            {"tags": {"Other": "name"}},
        ),
        Resource(
            "aws_route_table.public",
            lambda made: {"vpc_id": made.ids["aws_vpc.main"], **tagged("example-02-public")},
            {"tags": {"Name": "renamed"}},
        ),
        Resource(
            "aws_route.internet",
            lambda made: {
                "route_table_id": made.ids["aws_route_table.public"],
                "destination_cidr_block": "0.0.0.0/0",
                "gateway_id": made.ids["aws_internet_gateway.main"],
            },
        ),
        Resource(
            "aws_route_table_association.public",
            lambda made: {
                "subnet_id": made.ids["aws_subnet.public"],
                "route_table_id": made.ids["aws_route_table.public"],
            },
        ),
        Resource(
            "aws_route_table.private",
            lambda made: {"vpc_id": made.ids["aws_vpc.main"], **tagged("example-02-private")},
        ),
        Resource(
            "aws_route.nat",
            lambda made: {
                "route_table_id": made.ids["aws_route_table.private"],
                "destination_cidr_block": "0.0.0.0/0",
                "nat_gateway_id": made.ids["aws_nat_gateway.main"],
            },
        ),
        Resource(
            "aws_route_table_association.private",
            lambda made: {
                "subnet_id": made.ids["aws_subnet.private"],
                "route_table_id": made.ids["aws_route_table.private"],
            },
        ),
        Resource(
            "aws_network_acl.private",
            lambda made: {
                "vpc_id": made.ids["aws_vpc.main"],
                "subnet_ids": [made.ids["aws_subnet.private"]],
                "ingress": [INSIDE],
                "egress": [OUTSIDE],
                **tagged("example-02-private"),
            },
            {"ingress": [{**INSIDE, "rule_no": 200, "action": "deny"}]},
        ),
    ],
    "03-ami-lookup": [
        Resource(
            "aws_ssm_parameter.chosen",
            lambda made: {
                "name": "/example-03/ami",
                "type": "String",
                "value": newest_amazon_linux(made),
            },
            {"value": "ami-df5de72bdb3b"},
        )
    ],
    "04-ebs": [
        key_pair("example-04"),
        Resource(
            "aws_instance.server",
            lambda made: {
                "ami": made.ami,
                "instance_type": "t3.micro",
                "availability_zone": made.zone(0),
                "key_name": made.ids["aws_key_pair.me"],
                **tagged("example-04"),
            },
        ),
        Resource(
            "aws_ebs_volume.data",
            lambda made: {
                "availability_zone": made.zone(0),
                "size": 20,
                "type": "gp3",
                **tagged("example-04"),
            },
            {"size": 30},
        ),
        Resource(
            "aws_volume_attachment.data",
            lambda made: {
                "device_name": "/dev/sdf",
                "volume_id": made.ids["aws_ebs_volume.data"],
                "instance_id": made.ids["aws_instance.server"],
            },
        ),
        Resource(
            "aws_ebs_snapshot.data",
            lambda made: {
                "volume_id": made.ids["aws_ebs_volume.data"],
                "description": "example 04",
            },
        ),
    ],
    "05-iam-profile-imds": [
        key_pair("example-05"),
        Resource(
            "aws_iam_role.server",
            lambda _: {"name": "example-05", "assume_role_policy": TRUST},
            {"description": "changed"},
        ),
        Resource(
            "aws_iam_role_policy.server",
            lambda made: {
                "name": "describe",
                "role": made.ids["aws_iam_role.server"],
                "policy": POLICY,
            },
            {"policy": {**POLICY, "Statement": [{**POLICY["Statement"][0], "Effect": "Deny"}]}},
        ),
        Resource(
            "aws_iam_instance_profile.server",
            lambda made: {"name": "example-05", "role": made.ids["aws_iam_role.server"]},
        ),
        Resource(
            "aws_instance.server",
            lambda made: {
                "ami": made.ami,
                "instance_type": "t3.micro",
                "key_name": made.ids["aws_key_pair.me"],
                "iam_instance_profile": made.ids["aws_iam_instance_profile.server"],
                "http_tokens": "required",
                **tagged("example-05"),
            },
            {"http_tokens": "optional"},
        ),
    ],
    "06-launch-template": [
        Resource(
            "aws_launch_template.server",
            lambda made: {
                "name": "example-06",
                "image_id": made.ami,
                "instance_type": "t3.micro",
                "user_data": TEMPLATE_DATA,
                "instance_tags": {"Name": "example-06"},
            },
            {"instance_type": "t3.small"},
        ),
        Resource(
            "aws_instance.server",
            lambda made: {"launch_template": made.ids["aws_launch_template.server"]},
            {"instance_type": "t3.small"},
        ),
    ],
    "07-spot": [
        Resource(
            "aws_spot_instance_request.worker",
            lambda made: {
                "ami": made.ami,
                "instance_type": "t3.micro",
                "spot_price": "0.01",
                **tagged("example-07"),
            },
            {"tags": {"Name": "renamed"}},
        )
    ],
    "08-multi-vpc-peering": [
        Resource(
            "aws_vpc.front",
            lambda _: {"cidr_block": "10.31.0.0/16", **tagged("example-08-front")},
            {"tags": {"Name": "renamed"}},
        ),
        Resource(
            "aws_vpc.back",
            lambda _: {"cidr_block": "10.32.0.0/16", **tagged("example-08-back")},
        ),
        Resource(
            "aws_subnet.front",
            lambda made: {"vpc_id": made.ids["aws_vpc.front"], "cidr_block": "10.31.1.0/24"},
        ),
        Resource(
            "aws_subnet.back",
            lambda made: {"vpc_id": made.ids["aws_vpc.back"], "cidr_block": "10.32.1.0/24"},
        ),
        Resource(
            "aws_vpc_peering_connection.both",
            lambda made: {
                "vpc_id": made.ids["aws_vpc.front"],
                "peer_vpc_id": made.ids["aws_vpc.back"],
                **tagged("example-08"),
            },
            {"tags": {"Name": "renamed"}},
        ),
        Resource(
            "aws_route.to_back",
            lambda made: {
                "route_table_id": made.main_table("aws_vpc.front"),
                "destination_cidr_block": "10.32.0.0/16",
                "vpc_peering_connection_id": made.ids["aws_vpc_peering_connection.both"],
            },
        ),
        Resource(
            "aws_route.to_front",
            lambda made: {
                "route_table_id": made.main_table("aws_vpc.back"),
                "destination_cidr_block": "10.31.0.0/16",
                "vpc_peering_connection_id": made.ids["aws_vpc_peering_connection.both"],
            },
        ),
    ],
}

# Checked with the AWS CLI alone, by the id of a resource; the others ask instances.
CHECKS: Mapping[str, str | None] = {
    "02-vpc": "aws_vpc.main",
    "03-ami-lookup": None,
    "06-launch-template": "aws_instance.server",
    "07-spot": "aws_spot_instance_request.worker",
    "08-multi-vpc-peering": "aws_vpc_peering_connection.both",
}


def check(example: str, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run an example's check against an emulator, whatever comes of it."""
    return subprocess.run(
        [str(EXAMPLES / example / "check.sh"), *words],
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": url,
            "AWS_PAGER": "",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
