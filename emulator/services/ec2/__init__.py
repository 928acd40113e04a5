"""Amazon EC2: one module for each family of resources, and which operations it has.

The modules are imported when one of their operations is first asked for, so that the
emulator answers long before it could have read all of them.
"""

from __future__ import annotations

from emulator.services.operations import Operations

OPERATIONS = Operations(
    "emulator.services.ec2",
    {
        "address_attributes": (
            "DescribeAddressesAttribute ModifyAddressAttribute ResetAddressAttribute"
        ),
        "addresses": (
            "AllocateAddress AssociateAddress DescribeAddresses DisassociateAddress ReleaseAddress"
        ),
        "classic_link": (
            "AttachClassicLinkVpc DescribeVpcClassicLink DescribeVpcClassicLinkDnsSupport "
            "DetachClassicLinkVpc DisableVpcClassicLink DisableVpcClassicLinkDnsSupport "
            "EnableVpcClassicLink EnableVpcClassicLinkDnsSupport"
        ),
        "customer_gateways": "CreateCustomerGateway DeleteCustomerGateway DescribeCustomerGateways",
        "defaults": "CreateDefaultSubnet CreateDefaultVpc",
        "dhcp_options": (
            "AssociateDhcpOptions CreateDhcpOptions DeleteDhcpOptions DescribeDhcpOptions"
        ),
        "ebs_settings": (
            "DisableEbsEncryptionByDefault EnableEbsEncryptionByDefault GetEbsDefaultKmsKeyId "
            "GetEbsEncryptionByDefault ModifyEbsDefaultKmsKeyId ResetEbsDefaultKmsKeyId"
        ),
        "endpoint_catalog": "DescribeVpcEndpointServices",
        "endpoint_connections": (
            "AcceptVpcEndpointConnections CreateVpcEndpointConnectionNotification "
            "DeleteVpcEndpointConnectionNotifications DescribeVpcEndpointConnectionNotifications "
            "DescribeVpcEndpointConnections ModifyVpcEndpointConnectionNotification "
            "RejectVpcEndpointConnections"
        ),
        "endpoint_services": (
            "CreateVpcEndpointServiceConfiguration DeleteVpcEndpointServiceConfigurations "
            "DescribeVpcEndpointServiceConfigurations DescribeVpcEndpointServicePermissions "
            "ModifyVpcEndpointServiceConfiguration ModifyVpcEndpointServicePermissions "
            "StartVpcEndpointServicePrivateDnsVerification"
        ),
        "fleets": "CreateFleet DeleteFleets DescribeFleetInstances DescribeFleets ModifyFleet",
        "flow_logs": "CreateFlowLogs DeleteFlowLogs DescribeFlowLogs",
        "image_attributes": (
            "DescribeImageAttribute DisableImage DisableImageBlockPublicAccess "
            "DisableImageDeprecation EnableImage EnableImageBlockPublicAccess "
            "EnableImageDeprecation GetImageBlockPublicAccessState ModifyImageAttribute "
            "ResetImageAttribute"
        ),
        "image_creation": (
            "CopyImage CreateImage DeregisterImage DisableImageDeregistrationProtection "
            "EnableImageDeregistrationProtection RegisterImage"
        ),
        "images": "DescribeImages",
        "instance_types": "DescribeInstanceTypeOfferings DescribeInstanceTypes",
        "instances": (
            "AssociateIamInstanceProfile DescribeIamInstanceProfileAssociations "
            "DescribeInstanceAttribute DescribeInstanceCreditSpecifications "
            "DescribeInstanceStatus DescribeInstances DisableSerialConsoleAccess "
            "DisassociateIamInstanceProfile EnableSerialConsoleAccess GetConsoleOutput "
            "GetDefaultCreditSpecification GetInstanceMetadataDefaults GetInstanceUefiData "
            "GetLaunchTemplateData GetPasswordData GetSerialConsoleAccessStatus "
            "ModifyDefaultCreditSpecification ModifyInstanceAttribute "
            "ModifyInstanceCapacityReservationAttributes ModifyInstanceCpuOptions "
            "ModifyInstanceCreditSpecification ModifyInstanceMaintenanceOptions "
            "ModifyInstanceMetadataDefaults ModifyInstanceMetadataOptions "
            "ModifyInstanceNetworkPerformanceOptions ModifyInstancePlacement "
            "ModifyPrivateDnsNameOptions MonitorInstances RebootInstances "
            "ReplaceIamInstanceProfileAssociation ResetInstanceAttribute RunInstances "
            "SendDiagnosticInterrupt StartInstances StopInstances TerminateInstances "
            "UnmonitorInstances"
        ),
        "internet_gateways": (
            "AttachInternetGateway CreateEgressOnlyInternetGateway CreateInternetGateway "
            "DeleteEgressOnlyInternetGateway DeleteInternetGateway "
            "DescribeEgressOnlyInternetGateways DescribeInternetGateways DetachInternetGateway"
        ),
        "ipam": "GetIpamPoolAllocations",
        "key_pairs": "CreateKeyPair DeleteKeyPair DescribeKeyPairs ImportKeyPair",
        "launch_template_versions": (
            "CreateLaunchTemplateVersion DeleteLaunchTemplateVersions "
            "DescribeLaunchTemplateVersions ModifyLaunchTemplate"
        ),
        "launch_templates": "CreateLaunchTemplate DeleteLaunchTemplate DescribeLaunchTemplates",
        "nat_gateway_addresses": (
            "AssignPrivateNatGatewayAddress AssociateNatGatewayAddress "
            "DisassociateNatGatewayAddress UnassignPrivateNatGatewayAddress"
        ),
        "nat_gateways": "CreateNatGateway DeleteNatGateway DescribeNatGateways",
        "network_acl_entries": "CreateNetworkAclEntry DeleteNetworkAclEntry ReplaceNetworkAclEntry",
        "network_acls": (
            "CreateNetworkAcl DeleteNetworkAcl DescribeNetworkAcls ReplaceNetworkAclAssociation"
        ),
        "network_interface_addresses": (
            "AssignIpv6Addresses AssignPrivateIpAddresses UnassignIpv6Addresses "
            "UnassignPrivateIpAddresses"
        ),
        "network_interface_attachments": "AttachNetworkInterface DetachNetworkInterface",
        "network_interface_attributes": (
            "DescribeNetworkInterfaceAttribute ModifyNetworkInterfaceAttribute "
            "ResetNetworkInterfaceAttribute"
        ),
        "network_interface_permissions": (
            "CreateNetworkInterfacePermission DeleteNetworkInterfacePermission "
            "DescribeNetworkInterfacePermissions"
        ),
        "network_interfaces": (
            "CreateNetworkInterface DeleteNetworkInterface DescribeNetworkInterfaces"
        ),
        "placement_groups": "CreatePlacementGroup DeletePlacementGroup DescribePlacementGroups",
        "prefix_lists": (
            "CreateManagedPrefixList DeleteManagedPrefixList DescribeManagedPrefixLists "
            "DescribePrefixLists GetManagedPrefixListAssociations GetManagedPrefixListEntries "
            "ModifyManagedPrefixList RestoreManagedPrefixListVersion"
        ),
        "regions": (
            "DescribeAccountAttributes DescribeAvailabilityZones DescribeRegions "
            "ModifyAvailabilityZoneGroup"
        ),
        "route_tables": (
            "AssociateRouteTable CreateRouteTable DeleteRouteTable DescribeRouteTables "
            "DisassociateRouteTable ReplaceRouteTableAssociation"
        ),
        "routes": (
            "CreateRoute DeleteRoute DisableVgwRoutePropagation EnableVgwRoutePropagation "
            "ReplaceRoute"
        ),
        "security_group_peers": "DescribeSecurityGroupReferences DescribeStaleSecurityGroups",
        "security_group_rules": (
            "AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress "
            "DescribeSecurityGroupRules ModifySecurityGroupRules RevokeSecurityGroupEgress "
            "RevokeSecurityGroupIngress UpdateSecurityGroupRuleDescriptionsEgress "
            "UpdateSecurityGroupRuleDescriptionsIngress"
        ),
        "security_group_vpcs": (
            "AssociateSecurityGroupVpc DescribeSecurityGroupVpcAssociations "
            "DisassociateSecurityGroupVpc"
        ),
        "security_groups": (
            "CreateSecurityGroup DeleteSecurityGroup DescribeSecurityGroups GetSecurityGroupsForVpc"
        ),
        "snapshot_attributes": (
            "DescribeSnapshotAttribute DisableSnapshotBlockPublicAccess "
            "EnableSnapshotBlockPublicAccess GetSnapshotBlockPublicAccessState "
            "ModifySnapshotAttribute ResetSnapshotAttribute"
        ),
        "snapshot_tiers": (
            "DescribeLockedSnapshots DescribeSnapshotTierStatus LockSnapshot ModifySnapshotTier "
            "RestoreSnapshotTier UnlockSnapshot"
        ),
        "snapshots": "CopySnapshot CreateSnapshot CreateSnapshots DeleteSnapshot DescribeSnapshots",
        "spot_requests": (
            "CancelSpotInstanceRequests CreateSpotDatafeedSubscription "
            "DeleteSpotDatafeedSubscription DescribeSpotDatafeedSubscription "
            "DescribeSpotInstanceRequests DescribeSpotPriceHistory RequestSpotInstances"
        ),
        "subnet_attributes": (
            "AssociateSubnetCidrBlock DisassociateSubnetCidrBlock ModifySubnetAttribute"
        ),
        "subnets": "CreateSubnet DeleteSubnet DescribeSubnets",
        "tags": "CreateTags DeleteTags DescribeTags",
        "transit_gateway_associations": (
            "AssociateTransitGatewayRouteTable DisableTransitGatewayRouteTablePropagation "
            "DisassociateTransitGatewayRouteTable EnableTransitGatewayRouteTablePropagation "
            "GetTransitGatewayAttachmentPropagations GetTransitGatewayRouteTableAssociations "
            "GetTransitGatewayRouteTablePropagations"
        ),
        "transit_gateway_attachments": "DescribeTransitGatewayAttachments",
        "transit_gateway_peering": (
            "AcceptTransitGatewayPeeringAttachment CreateTransitGatewayPeeringAttachment "
            "DeleteTransitGatewayPeeringAttachment DescribeTransitGatewayPeeringAttachments "
            "RejectTransitGatewayPeeringAttachment"
        ),
        "transit_gateway_prefix_lists": (
            "CreateTransitGatewayPrefixListReference DeleteTransitGatewayPrefixListReference "
            "GetTransitGatewayPrefixListReferences ModifyTransitGatewayPrefixListReference"
        ),
        "transit_gateway_routes": (
            "CreateTransitGatewayRoute DeleteTransitGatewayRoute ReplaceTransitGatewayRoute "
            "SearchTransitGatewayRoutes"
        ),
        "transit_gateway_tables": (
            "CreateTransitGatewayRouteTable DeleteTransitGatewayRouteTable "
            "DescribeTransitGatewayRouteTables"
        ),
        "transit_gateway_vpc_attachments": (
            "AcceptTransitGatewayVpcAttachment CreateTransitGatewayVpcAttachment "
            "DeleteTransitGatewayVpcAttachment DescribeTransitGatewayVpcAttachments "
            "ModifyTransitGatewayVpcAttachment RejectTransitGatewayVpcAttachment"
        ),
        "transit_gateways": (
            "CreateTransitGateway DeleteTransitGateway DescribeTransitGateways ModifyTransitGateway"
        ),
        "volume_modifications": "DescribeVolumesModifications ModifyVolume",
        "volume_status": (
            "DescribeVolumeAttribute DescribeVolumeStatus EnableVolumeIO ModifyVolumeAttribute"
        ),
        "volumes": "AttachVolume CreateVolume DeleteVolume DescribeVolumes DetachVolume",
        "vpc_cidrs": "AssociateVpcCidrBlock DisassociateVpcCidrBlock",
        "vpc_endpoints": (
            "CreateVpcEndpoint DeleteVpcEndpoints DescribeVpcEndpointAssociations "
            "DescribeVpcEndpoints ModifyVpcEndpoint"
        ),
        "vpc_lifecycle": "CreateVpc DeleteVpc",
        "vpc_peering": (
            "AcceptVpcPeeringConnection CreateVpcPeeringConnection DeleteVpcPeeringConnection "
            "DescribeVpcPeeringConnections ModifyVpcPeeringConnectionOptions "
            "RejectVpcPeeringConnection"
        ),
        "vpcs": "DescribeVpcAttribute DescribeVpcs ModifyVpcAttribute ModifyVpcTenancy",
        "vpn_connections": "CreateVpnConnection DeleteVpnConnection DescribeVpnConnections",
        "vpn_gateways": (
            "AttachVpnGateway CreateVpnGateway DeleteVpnGateway DescribeVpnGateways "
            "DetachVpnGateway"
        ),
        "vpn_modifications": (
            "CreateVpnConnectionRoute DeleteVpnConnectionRoute ModifyVpnConnection "
            "ModifyVpnConnectionOptions ModifyVpnTunnelCertificate ModifyVpnTunnelOptions"
        ),
    },
)
