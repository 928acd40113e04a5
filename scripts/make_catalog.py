"""Rebuild the generated data files of `emulator/catalog/data/` from published packages.

Usage, from the top of the repository, with the packages downloaded by pip:

    pip download --no-deps -d wheels moto==5.2.5
    pip download --no-deps -d wheels moto==5.0.28
    pip download --no-deps -d wheels moto==4.2.14
    pip download --no-deps -d wheels moto==3.1.19
    python scripts/make_catalog.py wheels/moto-5.2.5-*.whl wheels/moto-5.0.28-*.whl \
        wheels/moto-4.2.14-*.whl wheels/moto-3.1.19-*.whl

The first wheel is the current state of AWS; the later, older ones add the instance types that
AWS has retired since, which configurations in the wild still name. What comes from where is
told in `emulator/catalog/data/SOURCES.md`. The output is the same, byte for byte, for the same
wheels.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import botocore.session

DATA = Path(__file__).resolve().parent.parent / "emulator" / "catalog" / "data"

# us-east-1's names as most published outputs show them. Which letter is which zone differs
# from account to account; the other regions use the order of the account that was recorded.
CLASSIC_US_EAST_1 = {
    "a": "use1-az6",
    "b": "use1-az1",
    "c": "use1-az2",
    "d": "use1-az4",
    "e": "use1-az3",
    "f": "use1-az5",
}
LETTERS_WITHOUT_RECORD = {"cn-north-1": "abd"}

# Regions that an account has from the start; every other commercial region is opted in to.
ENABLED_BY_DEFAULT = frozenset(
    [
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    ]
)

# Regions whose offerings nobody published, and the region of like age and size that stands in.
STAND_INS = {
    "ap-east-2": "ap-southeast-5",
    "ap-southeast-6": "ap-southeast-5",
    "ap-southeast-7": "ap-southeast-5",
    "mx-central-1": "ca-west-1",
    "us-gov-east-1": "us-east-2",
    "us-gov-west-1": "us-east-2",
    "cn-north-1": "ap-east-1",
    "cn-northwest-1": "ap-east-1",
    "eusc-de-east-1": "eu-central-2",
}

# Entries of the legacy AMI list that AWS never had, or has under another id: invented for that
# project's own tests.
INVENTED_IMAGE = re.compile(r"ami-eks|ami-04681a1dbd79675b6|ami-0b301ce3ce3475")

# Wavelength Zone ids from which the name can be told: apne1-wl1-kix-wlz1.
NUMBERED_CARRIER = re.compile(r"-wl\d+-")

# AWS's own policies that instances, their tools and those who test them attach most often.
MANAGED_POLICIES = """
AdministratorAccess PowerUserAccess ReadOnlyAccess ViewOnlyAccess SecurityAudit
SystemAdministrator NetworkAdministrator DatabaseAdministrator Billing SupportUser IAMFullAccess
IAMReadOnlyAccess IAMUserChangePassword AmazonEC2FullAccess AmazonEC2ReadOnlyAccess
AmazonVPCFullAccess AmazonVPCReadOnlyAccess AmazonEC2RoleforSSM AmazonEC2RoleforAWSCodeDeploy
AmazonEC2SpotFleetTaggingRole AmazonEC2SpotFleetAutoscaleRole AmazonEBSCSIDriverPolicy
AmazonEFSCSIDriverPolicy EC2InstanceConnect EC2InstanceProfileForImageBuilder
AWSDataLifecycleManagerServiceRole AutoScalingFullAccess AutoScalingReadOnlyAccess
AutoScalingServiceRolePolicy AutoScalingNotificationAccessRole ElasticLoadBalancingFullAccess
ElasticLoadBalancingReadOnly AWSEC2SpotServiceRolePolicy AWSEC2SpotFleetServiceRolePolicy
AWSEC2FleetServiceRolePolicy AmazonSSMFullAccess AmazonSSMReadOnlyAccess
AmazonSSMManagedInstanceCore AmazonSSMManagedEC2InstanceDefaultPolicy AmazonSSMPatchAssociation
AmazonSSMAutomationRole AmazonSSMMaintenanceWindowRole AmazonSSMDirectoryServiceAccess
AmazonSSMServiceRolePolicy CloudWatchFullAccess CloudWatchReadOnlyAccess
CloudWatchAgentServerPolicy CloudWatchAgentAdminPolicy CloudWatchLogsFullAccess
CloudWatchLogsReadOnlyAccess AmazonS3FullAccess AmazonS3ReadOnlyAccess AmazonDynamoDBFullAccess
AmazonDynamoDBReadOnlyAccess AmazonSQSFullAccess AmazonSQSReadOnlyAccess AmazonSNSFullAccess
AmazonSNSReadOnlyAccess AmazonRDSFullAccess AmazonRDSReadOnlyAccess AmazonRoute53FullAccess
AmazonRoute53ReadOnlyAccess SecretsManagerReadWrite AWSXRayDaemonWriteAccess AWSCodeDeployRole
AmazonKinesisFullAccess AmazonEC2ContainerRegistryFullAccess AmazonEC2ContainerRegistryPowerUser
AmazonEC2ContainerRegistryPullOnly AmazonEC2ContainerRegistryReadOnly AmazonECS_FullAccess
AmazonECSTaskExecutionRolePolicy AmazonECSServiceRolePolicy AmazonEC2ContainerServiceRole
AmazonEC2ContainerServiceforEC2Role AmazonEC2ContainerServiceAutoscaleRole
AmazonEC2ContainerServiceEventsRole AmazonEKSClusterPolicy AmazonEKSServicePolicy
AmazonEKSWorkerNodePolicy AmazonEKSWorkerNodeMinimalPolicy AmazonEKS_CNI_Policy
AmazonEKSVPCResourceController AmazonEKSFargatePodExecutionRolePolicy AWSLambda_FullAccess
AWSLambda_ReadOnlyAccess AWSLambdaBasicExecutionRole AWSLambdaRole AWSLambdaVPCAccessExecutionRole
AWSLambdaSQSQueueExecutionRole AWSLambdaDynamoDBExecutionRole
"""

Record = dict[str, Any]


class Release:
    """The data files inside one moto wheel."""

    def __init__(self, path: str) -> None:
        self._wheel = zipfile.ZipFile(path)
        self._names = frozenset(self._wheel.namelist())

    def load(self, name: str) -> Any:
        """Return a JSON resource, packed or not; None where this release has none."""
        if f"{name}.gz" in self._names:
            return json.loads(gzip.decompress(self._wheel.read(f"{name}.gz")))
        return json.loads(self._wheel.read(name)) if name in self._names else None

    def instance_types(self) -> dict[str, Record]:
        """Return every recorded InstanceTypeInfo by name."""
        return self.load("moto/ec2/resources/instance_types.json")  # type: ignore[no-any-return]

    def offered(self, region: str, kind: str) -> dict[str, set[str]]:
        """Return location → instance types offered there."""
        found: dict[str, set[str]] = {}
        path = f"moto/ec2/resources/instance_type_offerings/{kind}/{region}.json"
        for row in self.load(path) or ():
            found.setdefault(row["Location"], set()).add(row["InstanceType"])
        return found

    def managed_policies(self) -> dict[str, Record]:
        """Return AWS's policies by name; the module is one JSON document in a string."""
        module = self._wheel.read("moto/iam/aws_managed_policies.py").decode()
        return json.loads(module.split('"""')[1])  # type: ignore[no-any-return]

    def infrastructure(self) -> dict[str, Record]:
        """Return what the public /aws/service/global-infrastructure parameters say."""
        tree = self.load("moto/ssm/resources/regions.json")
        return tree["aws"]["service"]["global-infrastructure"]["regions"]  # type: ignore[no-any-return]


def zone_letters(region: str, release: Release, zone_ids: Iterable[str]) -> dict[str, str]:
    """Return letter → zone id, matching names and ids by what is offered in each."""
    if region == "us-east-1":
        return CLASSIC_US_EAST_1
    names = release.offered(region, "availability-zone")
    ids = release.offered(region, "availability-zone-id")
    if not names:
        return dict(
            zip(LETTERS_WITHOUT_RECORD.get(region, "abcdef"), sorted(zone_ids), strict=False)
        )
    letters: dict[str, str] = {}
    for name, types in sorted(names.items()):
        taken = set(letters.values())
        letters[name[-1]] = next(i for i in sorted(ids) if ids[i] == types and i not in taken)
    return letters


def make_regions(release: Release) -> dict[str, Record]:
    """Return the regions with their zones, local zones and Wavelength zones."""
    session = botocore.session.get_session()
    suffixes = {
        partition["id"]: partition["outputs"]["dnsSuffix"]
        for partition in session.get_component("data_loader").load_data("partitions")["partitions"]
    }
    regions = {}
    for name, facts in sorted(release.infrastructure().items()):
        partition = facts["partition"]["Value"]
        opted = name in ENABLED_BY_DEFAULT or partition != "aws"
        regions[name] = {
            "long_name": facts["longName"]["Value"],
            "partition": partition,
            "dns_suffix": suffixes[partition],
            "opt_in": not opted,
            "zones": zone_letters(name, release, facts["availability-zones"]),
            "local": sorted(facts.get("local-zones", {})),
            "wavelength": sorted(
                i for i in facts.get("wavelength-zones", {}) if NUMBERED_CARRIER.search(i)
            ),
        }
    return regions


def make_instance_types(releases: Iterable[Release]) -> dict[str, Record]:
    """Return every type, the newest record winning, without what depends on the region."""
    found: dict[str, Record] = {}
    for release in releases:
        for name, info in release.instance_types().items():
            if name not in found:
                info.pop("SupportedInRegion", None)
                found[name] = info
    return dict(sorted(found.items()))


def packed(types: Mapping[str, Record]) -> Record:
    """Return the types as rows of indexes into the distinct values of each column."""
    columns = sorted({column for info in types.values() for column in info} - {"InstanceType"})
    values: list[list[Any]] = [[] for _ in columns]
    seen: list[dict[str, int]] = [{} for _ in columns]
    rows = {}
    for name, info in types.items():
        row = []
        for column, distinct, index in zip(columns, values, seen, strict=True):
            key = json.dumps(info[column], sort_keys=True) if column in info else None
            if key is None:
                row.append(-1)
                continue
            if key not in index:
                index[key] = len(distinct)
                distinct.append(info[column])
            row.append(index[key])
        rows[name] = row
    return {"columns": columns, "values": values, "rows": rows}


def mask(types: Iterable[str], order: Mapping[str, int]) -> str:
    """Return a set of types as the base64 text of a bit field over the sorted names."""
    bits = sum(1 << order[name] for name in types)
    return base64.b64encode(bits.to_bytes((len(order) + 7) // 8, "little")).decode()


def make_offerings(
    releases: list[Release], types: Mapping[str, Record], regions: Mapping[str, Record]
) -> dict[str, Record]:
    """Return region → zone id → the types offered there, as a bit field."""
    order = {name: number for number, name in enumerate(types)}
    newest = set(releases[0].instance_types())
    offerings: dict[str, Record] = {}
    for region, facts in regions.items():
        if region in STAND_INS:
            continue
        zones = {zone_id: set[str]() for zone_id in facts["zones"].values()}
        for number, release in enumerate(releases):
            for zone_id, offered in release.offered(region, "availability-zone-id").items():
                if zone_id in zones:
                    zones[zone_id] |= offered if number == 0 else offered - newest
        offerings[region] = {i: mask(offered & set(types), order) for i, offered in zones.items()}
    for region, like in STAND_INS.items():
        masks = list(offerings[like].values())
        zone_ids = regions[region]["zones"].values()
        offerings[region] = dict(zip(zone_ids, masks, strict=True))
    return dict(sorted(offerings.items()))


def make_legacy_images(release: Release) -> list[Record]:
    """Return the old AMIs whose ids people have written into scripts and tests."""
    images = []
    for image in release.load("moto/ec2/resources/amis.json"):
        runnable = image["root_device_type"] == "ebs" and image["virtualization_type"] == "hvm"
        if not runnable or INVENTED_IMAGE.match(image["ami_id"]):
            continue
        kept = ("ami_id", "name", "description", "owner_id", "architecture", "root_device_name")
        record = {key: image[key] for key in kept}
        record["windows"] = image["platform"] == "windows"
        images.append(record)
    return images


def make_managed_policies(release: Release) -> list[Record]:
    """Return the policies of AWS that are known with their documents, by path and name."""
    known = release.managed_policies()
    policies = [
        {
            "name": name,
            "path": known[name]["Path"],
            "version": known[name]["DefaultVersionId"],
            "created": known[name]["CreateDate"],
            "updated": known[name]["UpdateDate"],
            "document": known[name]["Document"],
        }
        for name in MANAGED_POLICIES.split()
    ]
    return sorted(policies, key=lambda policy: (policy["path"], policy["name"]))


def write(name: str, content: object, *, lines: bool = False) -> None:
    """Write one data file; `.gz` files carry no time stamp, so that they compare equal."""
    text = json.dumps(content, separators=(",", ":"), indent=0 if lines else None)
    path = DATA / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        path.write_text(text + "\n")


def main(wheels: list[str]) -> None:
    """Write every generated file."""
    releases = [Release(wheel) for wheel in wheels]
    regions = make_regions(releases[0])
    types = make_instance_types(releases)
    write("regions.json", regions)
    write("instance_types.json.gz", packed(types))
    write("offerings.json", make_offerings(releases, types, regions))
    write("legacy_images.json", make_legacy_images(releases[0]), lines=True)
    write("managed_policies.json.gz", make_managed_policies(releases[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
