"""DHCP options sets, and which of them a VPC uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.core.ids import derived
from emulator.model.vpc import DhcpOptions, Vpc
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.tags import tags_on_create
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# "DHCP option sets in Amazon VPC": the options AWS accepts, and how many values each takes.
MAX_VALUES = {
    "domain-name-servers": 4,
    "domain-name": 1,
    "ntp-servers": 4,
    "netbios-name-servers": 4,
    "netbios-node-type": 1,
    "ipv6-address-preferred-lease-time": 1,
}
NO_OPTIONS = "default"


def _view(region: Region, options: DhcpOptions) -> Mapping[str, Any]:
    return {
        "DhcpOptionsId": options.id,
        "OwnerId": region.account,
        "DhcpConfigurations": [
            {"Key": key, "Values": [{"Value": value} for value in values]}
            for key, values in options.configurations.items()
        ],
        "Tags": tag_set(options.tags),
    }


DHCP_OPTIONS = Kind(
    row=DhcpOptions,
    shape="DhcpOptions",
    view=_view,
    filters={
        "dhcp-options-id": lambda _, options: options.id,
        "key": lambda _, options: tuple(options.configurations),
        "value": lambda _, options: (
            value for values in options.configurations.values() for value in values
        ),
        "owner-id": lambda region, _: region.account,
    },
)


def default_options(region: Region) -> DhcpOptions:
    """Return the set that new VPCs use, which AWS makes in every region."""
    options_id = derived("dopt", region.account, region.name)
    options = region[DhcpOptions].get(options_id)
    if options is not None:
        return options
    domain = "ec2.internal" if region.name == "us-east-1" else f"{region.name}.compute.internal"
    return region[DhcpOptions].add(
        DhcpOptions(
            id=options_id,
            configurations={
                "domain-name": (domain,),
                "domain-name-servers": ("AmazonProvidedDNS",),
            },
        )
    )


def _configurations(given: Any) -> dict[str, tuple[str, ...]]:
    configurations: dict[str, tuple[str, ...]] = {}
    for item in given:
        key, values = item.get("Key"), tuple(item.get("Values") or ())
        if key not in MAX_VALUES:
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({key}) for parameter name is invalid. Unknown DHCP option",
            )
        if not 0 < len(values) <= MAX_VALUES[key]:
            raise AwsError(
                "InvalidParameterValue",
                f"DHCP option {key} takes 1 to {MAX_VALUES[key]} values, not {len(values)}",
            )
        if key == "netbios-node-type" and values[0] not in ("1", "2", "4", "8"):
            raise AwsError(
                "InvalidParameterValue", f"Value ({values[0]}) for netbios-node-type is invalid"
            )
        configurations[key] = values
    return configurations


def create_dhcp_options(call: Call, params: aws.CreateDhcpOptionsRequestTypeDef) -> dict[str, Any]:
    """Create a set. Source: API_CreateDhcpOptions."""
    options = DhcpOptions(
        id=call.new_id(DhcpOptions),
        configurations=_configurations(params["DhcpConfigurations"]),
        tags=tags_on_create(params, "dhcp-options"),
    )
    call.region[DhcpOptions].add(options)
    return {"DhcpOptions": DHCP_OPTIONS.show(call.region, options)}


def describe_dhcp_options(
    call: Call, params: aws.DescribeDhcpOptionsRequestTypeDef
) -> dict[str, Any]:
    """List sets."""
    return DHCP_OPTIONS.describe(call, params, ids="DhcpOptionsIds", result="DhcpOptions")


def delete_dhcp_options(call: Call, params: aws.DeleteDhcpOptionsRequestTypeDef) -> dict[str, Any]:
    """Delete a set that no VPC uses."""
    options = DHCP_OPTIONS.find(call.region, params["DhcpOptionsId"])
    if call.region[Vpc].where(dhcp_options_id=options.id):
        raise AwsError(
            "DependencyViolation",
            f"The dhcpOptions '{options.id}' has dependencies and cannot be deleted.",
        )
    call.region[DhcpOptions].remove(options)
    return {}


def associate_dhcp_options(
    call: Call, params: aws.AssociateDhcpOptionsRequestTypeDef
) -> dict[str, Any]:
    """Make a VPC use a set, or none for ``default``."""
    wanted = params["DhcpOptionsId"]
    if wanted != NO_OPTIONS:
        DHCP_OPTIONS.find(call.region, wanted)
    vpc = call.region[Vpc].get(params["VpcId"])
    if vpc is None:
        raise NOUNS["vpc"].missing([params["VpcId"]])
    vpc.dhcp_options_id = wanted
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "AssociateDhcpOptions": associate_dhcp_options,
    "CreateDhcpOptions": create_dhcp_options,
    "DeleteDhcpOptions": delete_dhcp_options,
    "DescribeDhcpOptions": describe_dhcp_options,
}
