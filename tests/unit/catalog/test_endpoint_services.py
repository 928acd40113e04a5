from __future__ import annotations

import pytest

from emulator.catalog.endpoint_services import EndpointService, endpoint_services
from emulator.catalog.regions import REGIONS

COMMON = [
    "ec2",
    "ec2messages",
    "ssm",
    "ssmmessages",
    "sts",
    "ecr.api",
    "ecr.dkr",
    "logs",
    "monitoring",
    "kms",
    "secretsmanager",
    "sqs",
    "sns",
    "lambda",
    "elasticloadbalancing",
    "autoscaling",
    "ecs",
    "ecs-agent",
    "ecs-telemetry",
    "execute-api",
    "events",
    "kinesis-streams",
    "kinesis-firehose",
    "athena",
    "glue",
    "rds",
    "s3",
    "dynamodb",
]


def service(region: str, name: str, endpoint_type: str = "Interface") -> EndpointService:
    (found,) = (
        service
        for service in endpoint_services(region)
        if service.name == name and service.type == endpoint_type
    )
    return found


@pytest.mark.parametrize("name", COMMON)
def test_the_common_services_have_interfaces(name: str) -> None:
    found = service("eu-west-1", f"com.amazonaws.eu-west-1.{name}")
    assert found.private_dns_names
    assert found.availability_zones == ("eu-west-1a", "eu-west-1b", "eu-west-1c")


@pytest.mark.parametrize("region", REGIONS)
def test_s3_and_dynamodb_are_the_gateways_of_every_region(region: str) -> None:
    gateways = [found for found in endpoint_services(region) if found.type == "Gateway"]
    assert [found.name.rsplit(".", 1)[1] for found in gateways] == ["dynamodb", "s3"]
    assert all(not found.private_dns_names for found in gateways)


def test_dns_names_that_differ_from_the_service_name() -> None:
    api = service("us-east-1", "com.amazonaws.us-east-1.ecr.api")
    assert api.private_dns_names == ("api.ecr.us-east-1.amazonaws.com",)
    assert api.base_endpoint_dns_names == ("api.ecr.us-east-1.vpce.amazonaws.com",)
    registry = service("us-east-1", "com.amazonaws.us-east-1.ecr.dkr")
    assert registry.private_dns_names == ("*.dkr.ecr.us-east-1.amazonaws.com",)
    assert registry.base_endpoint_dns_names == ("dkr.ecr.us-east-1.vpce.amazonaws.com",)


def test_chinese_services_carry_their_own_prefix() -> None:
    found = service("cn-north-1", "cn.com.amazonaws.cn-north-1.ec2")
    assert found.private_dns_names == ("ec2.cn-north-1.amazonaws.com.cn",)
    assert service("cn-north-1", "cn.com.amazonaws.cn-north-1.s3")
    assert service("cn-north-1", "com.amazonaws.cn-north-1.s3", "Gateway")
    assert service("cn-north-1", "com.amazonaws.cn-north-1.kms")


def test_service_ids_are_unique() -> None:
    ids = [found.service_id for region in REGIONS for found in endpoint_services(region)]
    assert len(set(ids)) == len(ids)


def test_a_region_that_does_not_exist_has_no_services() -> None:
    assert list(endpoint_services("mars-north-1")) == []
