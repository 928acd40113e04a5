from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from emulator.catalog.instance_types import burstable, instance_type, instance_types

NEVER_MISSING = (
    "VCpuInfo",
    "MemoryInfo",
    "EbsInfo",
    "NetworkInfo",
    "ProcessorInfo",
    "PlacementGroupInfo",
)


@pytest.fixture(scope="module")
def shape() -> Any:
    return botocore.session.get_session().get_service_model("ec2").shape_for("InstanceTypeInfo")


def test_every_description_is_an_instance_type_info_of_the_model(shape: Any) -> None:
    validator = ParamValidator()
    wrong = {}
    for name, info in instance_types().items():
        report = validator.validate(info, shape)
        unknown = set(info) - set(shape.members)
        if report.has_errors() or unknown:
            wrong[name] = report.generate_report(), unknown
    assert wrong == {}


def test_enumerations_hold_only_values_of_the_model(shape: Any) -> None:
    outside: set[tuple[str, str]] = set()

    def walk(value: Any, at: Any) -> None:
        if at.type_name == "structure":
            for key, inner in value.items():
                walk(inner, at.members[key])
        elif at.type_name == "list":
            for inner in value:
                walk(inner, at.member)
        elif at.type_name == "string" and at.enum and value not in at.enum:
            outside.add((at.name, value))

    for info in instance_types().values():
        # The model's own list of type names lags behind the types that there are.
        walk({key: value for key, value in info.items() if key != "InstanceType"}, shape)
    newer_than_the_model = {("SupportedAdditionalProcessorFeature", "metal-compatibility")}
    assert outside - newer_than_the_model == set()


@pytest.mark.parametrize("part", NEVER_MISSING)
def test_no_type_lacks_what_terraform_dereferences(part: str) -> None:
    assert [name for name, info in instance_types().items() if not info.get(part)] == []


def test_the_parts_of_every_type_are_filled() -> None:
    for name, info in instance_types().items():
        cpus = info["VCpuInfo"]
        assert cpus["DefaultVCpus"] == cpus["DefaultCores"] * cpus["DefaultThreadsPerCore"], name
        assert info["MemoryInfo"]["SizeInMiB"] > 0
        assert info["ProcessorInfo"]["SupportedArchitectures"]
        assert info["NetworkInfo"]["NetworkCards"], name
        assert info["NetworkInfo"]["MaximumNetworkInterfaces"] > 0
        assert info["NetworkInfo"]["Ipv4AddressesPerInterface"] > 0
        assert info["EbsInfo"]["EbsOptimizedSupport"]
        assert info["InstanceStorageSupported"] == ("InstanceStorageInfo" in info), name


@pytest.mark.parametrize(
    "name",
    [
        "t1.micro", "t2.micro", "t3.nano", "t3a.large", "t4g.small", "m1.small", "m3.medium",
        "m4.large", "m5.xlarge", "m6g.large", "m7i.large", "m8g.large", "c5.large", "c7g.large",
        "r5.large", "r6i.large", "x1.16xlarge", "i3.large", "d3.xlarge", "g3.4xlarge",
        "g4dn.xlarge", "g4ad.xlarge", "g5.xlarge", "p2.xlarge", "p3.2xlarge", "p4d.24xlarge",
        "inf1.xlarge", "trn1.2xlarge", "mac1.metal", "hpc6a.48xlarge", "f1.2xlarge", "a1.medium",
    ],
)  # fmt: skip
def test_types_that_configurations_name_are_known(name: str) -> None:
    info = instance_type(name)
    assert info is not None
    assert info["InstanceType"] == name


def test_facts_of_a_well_known_type() -> None:
    info = instance_type("m5d.large")
    assert info is not None
    assert info["VCpuInfo"]["DefaultVCpus"] == 2
    assert info["MemoryInfo"]["SizeInMiB"] == 8192
    assert info["InstanceStorageInfo"]["TotalSizeInGB"] == 75
    assert info["ProcessorInfo"]["SupportedArchitectures"] == ["x86_64"]


def test_only_the_t_families_are_burstable() -> None:
    families = {name.split(".")[0] for name in instance_types() if burstable(name)}
    assert {"t2", "t3", "t3a", "t4g"} <= families
    assert all(family.startswith("t") for family in families)
    assert not burstable("m5.large")


@pytest.mark.parametrize("name", ["", "t3", "t3.micro ", "../t3.micro", "x" * 10_000])
def test_a_name_that_aws_never_had_is_no_type(name: str) -> None:
    assert instance_type(name) is None
    assert name not in instance_types()
    assert not burstable(name)


def test_types_come_in_the_order_of_their_names() -> None:
    assert list(instance_types()) == sorted(instance_types())
