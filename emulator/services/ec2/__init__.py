"""Amazon EC2: one module for each family of resources."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.services.call import Handler
from emulator.services.ec2 import (
    address_attributes,
    addresses,
    classic_link,
    defaults,
    dhcp_options,
    ebs_settings,
    flow_logs,
    image_attributes,
    image_creation,
    images,
    instance_types,
    instances,
    internet_gateways,
    ipam,
    key_pairs,
    launch_template_versions,
    launch_templates,
    nat_gateway_addresses,
    nat_gateways,
    network_acl_entries,
    network_acls,
    network_interface_addresses,
    network_interface_attachments,
    network_interface_attributes,
    network_interface_permissions,
    network_interfaces,
    placement_groups,
    prefix_lists,
    regions,
    route_tables,
    routes,
    security_group_peers,
    security_group_rules,
    security_group_vpcs,
    security_groups,
    snapshot_attributes,
    snapshot_tiers,
    snapshots,
    spot_requests,
    subnet_attributes,
    subnets,
    tags,
    volume_modifications,
    volume_status,
    volumes,
    vpc_cidrs,
    vpc_lifecycle,
    vpc_peering,
    vpcs,
)

_FAMILIES = (
    address_attributes,
    addresses,
    classic_link,
    defaults,
    dhcp_options,
    ebs_settings,
    flow_logs,
    image_attributes,
    image_creation,
    images,
    instance_types,
    instances,
    internet_gateways,
    ipam,
    key_pairs,
    launch_template_versions,
    launch_templates,
    nat_gateway_addresses,
    nat_gateways,
    network_acl_entries,
    network_acls,
    network_interface_addresses,
    network_interface_attachments,
    network_interface_attributes,
    network_interface_permissions,
    network_interfaces,
    placement_groups,
    prefix_lists,
    regions,
    route_tables,
    routes,
    security_group_peers,
    security_group_rules,
    security_group_vpcs,
    security_groups,
    snapshot_attributes,
    snapshot_tiers,
    snapshots,
    spot_requests,
    subnet_attributes,
    subnets,
    tags,
    volume_modifications,
    volume_status,
    volumes,
    vpc_cidrs,
    vpc_lifecycle,
    vpc_peering,
    vpcs,
)


def _collected() -> Mapping[str, Handler]:
    operations: dict[str, Handler] = {}
    for family in _FAMILIES:
        twice = operations.keys() & family.OPERATIONS.keys()
        if twice:
            raise ValueError(f"{family.__name__} repeats {sorted(twice)}")
        operations.update(family.OPERATIONS)
    return operations


OPERATIONS: Mapping[str, Handler] = _collected()
