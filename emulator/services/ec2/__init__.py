"""Amazon EC2: one module for each family of resources, and which operations it has.

The modules are imported when one of their operations is first asked for, so that the
emulator answers long before it could have read all of them.
"""

from __future__ import annotations

from emulator.services.operations import Operations

OPERATIONS = Operations(
    "emulator.services.ec2",
    {
        "regions": (
            "DescribeAccountAttributes DescribeAvailabilityZones DescribeRegions "
            "ModifyAvailabilityZoneGroup"
        ),
        "tags": "CreateTags DeleteTags DescribeTags",
        "endpoints.endpoint_catalog": "DescribeVpcEndpointServices",
        "endpoints.endpoint_connections": (
            "AcceptVpcEndpointConnections CreateVpcEndpointConnectionNotification "
            "DeleteVpcEndpointConnectionNotifications "
            "DescribeVpcEndpointConnectionNotifications DescribeVpcEndpointConnections "
            "ModifyVpcEndpointConnectionNotification RejectVpcEndpointConnections"
        ),
        "endpoints.endpoint_services": (
            "CreateVpcEndpointServiceConfiguration DeleteVpcEndpointServiceConfigurations "
            "DescribeVpcEndpointServiceConfigurations DescribeVpcEndpointServicePermissions "
            "ModifyVpcEndpointServiceConfiguration ModifyVpcEndpointServicePermissions "
            "StartVpcEndpointServicePrivateDnsVerification"
        ),
        "endpoints.vpc_endpoints": (
            "CreateVpcEndpoint DeleteVpcEndpoints DescribeVpcEndpointAssociations "
            "DescribeVpcEndpoints ModifyVpcEndpoint"
        ),
        "images.image_attributes": (
            "DescribeImageAttribute DisableImage DisableImageBlockPublicAccess "
            "DisableImageDeprecation EnableImage EnableImageBlockPublicAccess "
            "EnableImageDeprecation GetImageBlockPublicAccessState ModifyImageAttribute "
            "ResetImageAttribute"
        ),
        "images.image_creation": (
            "CopyImage CreateImage DeregisterImage DisableImageDeregistrationProtection "
            "EnableImageDeregistrationProtection RegisterImage"
        ),
        "images.images": "DescribeImages",
        "instances.attributes": (
            "DescribeInstanceAttribute ModifyInstanceAttribute ResetInstanceAttribute"
        ),
        "instances.console": (
            "GetConsoleOutput GetConsoleScreenshot GetInstanceUefiData GetPasswordData "
            "SendDiagnosticInterrupt"
        ),
        "instances.describe": "DescribeInstanceStatus DescribeInstances",
        "instances.launch": "RunInstances",
        "instances.lifecycle": (
            "MonitorInstances RebootInstances StartInstances StopInstances TerminateInstances "
            "UnmonitorInstances"
        ),
        "instances.profiles": (
            "AssociateIamInstanceProfile DescribeIamInstanceProfileAssociations "
            "DisassociateIamInstanceProfile ReplaceIamInstanceProfileAssociation"
        ),
        "instances.settings": (
            "DescribeInstanceCreditSpecifications DisableSerialConsoleAccess "
            "EnableSerialConsoleAccess GetDefaultCreditSpecification "
            "GetInstanceMetadataDefaults GetSerialConsoleAccessStatus "
            "ModifyDefaultCreditSpecification ModifyInstanceCapacityReservationAttributes "
            "ModifyInstanceCpuOptions ModifyInstanceCreditSpecification "
            "ModifyInstanceMaintenanceOptions ModifyInstanceMetadataDefaults "
            "ModifyInstanceMetadataOptions ModifyInstanceNetworkPerformanceOptions "
            "ModifyInstancePlacement ModifyPrivateDnsNameOptions"
        ),
        "instances.template_data": "GetLaunchTemplateData",
        "interfaces.address_attributes": (
            "DescribeAddressesAttribute ModifyAddressAttribute ResetAddressAttribute"
        ),
        "interfaces.addresses": (
            "AllocateAddress AssociateAddress DescribeAddresses DisassociateAddress ReleaseAddress"
        ),
        "interfaces.network_interface_addresses": (
            "AssignIpv6Addresses AssignPrivateIpAddresses UnassignIpv6Addresses "
            "UnassignPrivateIpAddresses"
        ),
        "interfaces.network_interface_attachments": "AttachNetworkInterface DetachNetworkInterface",
        "interfaces.network_interface_attributes": (
            "DescribeNetworkInterfaceAttribute ModifyNetworkInterfaceAttribute "
            "ResetNetworkInterfaceAttribute"
        ),
        "interfaces.network_interface_permissions": (
            "CreateNetworkInterfacePermission DeleteNetworkInterfacePermission "
            "DescribeNetworkInterfacePermissions"
        ),
        "interfaces.network_interfaces": (
            "CreateNetworkInterface DeleteNetworkInterface DescribeNetworkInterfaces"
        ),
        "launching.fleets": (
            "CreateFleet DeleteFleets DescribeFleetInstances DescribeFleets ModifyFleet"
        ),
        "launching.instance_types": "DescribeInstanceTypeOfferings DescribeInstanceTypes",
        "launching.key_pairs": "CreateKeyPair DeleteKeyPair DescribeKeyPairs ImportKeyPair",
        "launching.launch_template_versions": (
            "CreateLaunchTemplateVersion DeleteLaunchTemplateVersions "
            "DescribeLaunchTemplateVersions ModifyLaunchTemplate"
        ),
        "launching.launch_templates": (
            "CreateLaunchTemplate DeleteLaunchTemplate DescribeLaunchTemplates"
        ),
        "launching.placement_groups": (
            "CreatePlacementGroup DeletePlacementGroup DescribePlacementGroups"
        ),
        "launching.spot_requests": (
            "CancelSpotInstanceRequests CreateSpotDatafeedSubscription "
            "DeleteSpotDatafeedSubscription DescribeSpotDatafeedSubscription "
            "DescribeSpotInstanceRequests DescribeSpotPriceHistory RequestSpotInstances"
        ),
        "routing.internet_gateways": (
            "AttachInternetGateway CreateEgressOnlyInternetGateway CreateInternetGateway "
            "DeleteEgressOnlyInternetGateway DeleteInternetGateway "
            "DescribeEgressOnlyInternetGateways DescribeInternetGateways DetachInternetGateway"
        ),
        "routing.nat_gateway_addresses": (
            "AssignPrivateNatGatewayAddress AssociateNatGatewayAddress "
            "DisassociateNatGatewayAddress UnassignPrivateNatGatewayAddress"
        ),
        "routing.nat_gateways": "CreateNatGateway DeleteNatGateway DescribeNatGateways",
        "routing.prefix_lists": (
            "CreateManagedPrefixList DeleteManagedPrefixList DescribeManagedPrefixLists "
            "DescribePrefixLists GetManagedPrefixListAssociations GetManagedPrefixListEntries "
            "ModifyManagedPrefixList RestoreManagedPrefixListVersion"
        ),
        "routing.route_tables": (
            "AssociateRouteTable CreateRouteTable DeleteRouteTable DescribeRouteTables "
            "DisassociateRouteTable ReplaceRouteTableAssociation"
        ),
        "routing.routes": (
            "CreateRoute DeleteRoute DisableVgwRoutePropagation EnableVgwRoutePropagation "
            "ReplaceRoute"
        ),
        "security.network_acl_entries": (
            "CreateNetworkAclEntry DeleteNetworkAclEntry ReplaceNetworkAclEntry"
        ),
        "security.network_acls": (
            "CreateNetworkAcl DeleteNetworkAcl DescribeNetworkAcls ReplaceNetworkAclAssociation"
        ),
        "security.security_group_peers": (
            "DescribeSecurityGroupReferences DescribeStaleSecurityGroups"
        ),
        "security.security_group_rules": (
            "AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress "
            "DescribeSecurityGroupRules ModifySecurityGroupRules RevokeSecurityGroupEgress "
            "RevokeSecurityGroupIngress UpdateSecurityGroupRuleDescriptionsEgress "
            "UpdateSecurityGroupRuleDescriptionsIngress"
        ),
        "security.security_group_vpcs": (
            "AssociateSecurityGroupVpc DescribeSecurityGroupVpcAssociations "
            "DisassociateSecurityGroupVpc"
        ),
        "security.security_groups": (
            "CreateSecurityGroup DeleteSecurityGroup DescribeSecurityGroups GetSecurityGroupsForVpc"
        ),
        "storage.ebs_settings": (
            "DisableEbsEncryptionByDefault EnableEbsEncryptionByDefault GetEbsDefaultKmsKeyId "
            "GetEbsEncryptionByDefault ModifyEbsDefaultKmsKeyId ResetEbsDefaultKmsKeyId"
        ),
        "storage.snapshot_attributes": (
            "DescribeSnapshotAttribute DisableSnapshotBlockPublicAccess "
            "EnableSnapshotBlockPublicAccess GetSnapshotBlockPublicAccessState "
            "ModifySnapshotAttribute ResetSnapshotAttribute"
        ),
        "storage.snapshot_tiers": (
            "DescribeLockedSnapshots DescribeSnapshotTierStatus LockSnapshot ModifySnapshotTier "
            "RestoreSnapshotTier UnlockSnapshot"
        ),
        "storage.snapshots": (
            "CopySnapshot CreateSnapshot CreateSnapshots DeleteSnapshot DescribeSnapshots"
        ),
        "storage.volume_modifications": "DescribeVolumesModifications ModifyVolume",
        "storage.volume_status": (
            "DescribeVolumeAttribute DescribeVolumeStatus EnableVolumeIO ModifyVolumeAttribute"
        ),
        "storage.volumes": "AttachVolume CreateVolume DeleteVolume DescribeVolumes DetachVolume",
        "transit.transit_gateway_associations": (
            "AssociateTransitGatewayRouteTable DisableTransitGatewayRouteTablePropagation "
            "DisassociateTransitGatewayRouteTable EnableTransitGatewayRouteTablePropagation "
            "GetTransitGatewayAttachmentPropagations GetTransitGatewayRouteTableAssociations "
            "GetTransitGatewayRouteTablePropagations"
        ),
        "transit.transit_gateway_attachments": "DescribeTransitGatewayAttachments",
        "transit.transit_gateway_peering": (
            "AcceptTransitGatewayPeeringAttachment CreateTransitGatewayPeeringAttachment "
            "DeleteTransitGatewayPeeringAttachment DescribeTransitGatewayPeeringAttachments "
            "RejectTransitGatewayPeeringAttachment"
        ),
        "transit.transit_gateway_prefix_lists": (
            "CreateTransitGatewayPrefixListReference DeleteTransitGatewayPrefixListReference "
            "GetTransitGatewayPrefixListReferences ModifyTransitGatewayPrefixListReference"
        ),
        "transit.transit_gateway_routes": (
            "CreateTransitGatewayRoute DeleteTransitGatewayRoute ReplaceTransitGatewayRoute "
            "SearchTransitGatewayRoutes"
        ),
        "transit.transit_gateway_tables": (
            "CreateTransitGatewayRouteTable DeleteTransitGatewayRouteTable "
            "DescribeTransitGatewayRouteTables"
        ),
        "transit.transit_gateway_vpc_attachments": (
            "AcceptTransitGatewayVpcAttachment CreateTransitGatewayVpcAttachment "
            "DeleteTransitGatewayVpcAttachment DescribeTransitGatewayVpcAttachments "
            "ModifyTransitGatewayVpcAttachment RejectTransitGatewayVpcAttachment"
        ),
        "transit.transit_gateways": (
            "CreateTransitGateway DeleteTransitGateway DescribeTransitGateways ModifyTransitGateway"
        ),
        "vpcs.classic_link": (
            "AttachClassicLinkVpc DescribeVpcClassicLink DescribeVpcClassicLinkDnsSupport "
            "DetachClassicLinkVpc DisableVpcClassicLink DisableVpcClassicLinkDnsSupport "
            "EnableVpcClassicLink EnableVpcClassicLinkDnsSupport"
        ),
        "vpcs.defaults": "CreateDefaultSubnet CreateDefaultVpc",
        "vpcs.dhcp_options": (
            "AssociateDhcpOptions CreateDhcpOptions DeleteDhcpOptions DescribeDhcpOptions"
        ),
        "vpcs.flow_logs": "CreateFlowLogs DeleteFlowLogs DescribeFlowLogs",
        "vpcs.ipam": "GetIpamPoolAllocations",
        "vpcs.subnet_attributes": (
            "AssociateSubnetCidrBlock DisassociateSubnetCidrBlock ModifySubnetAttribute"
        ),
        "vpcs.subnet_cidr_reservations": (
            "CreateSubnetCidrReservation DeleteSubnetCidrReservation GetSubnetCidrReservations"
        ),
        "vpcs.subnets": "CreateSubnet DeleteSubnet DescribeSubnets",
        "vpcs.vpc_cidrs": "AssociateVpcCidrBlock DisassociateVpcCidrBlock",
        "vpcs.vpc_lifecycle": "CreateVpc DeleteVpc",
        "vpcs.vpc_peering": (
            "AcceptVpcPeeringConnection CreateVpcPeeringConnection DeleteVpcPeeringConnection "
            "DescribeVpcPeeringConnections ModifyVpcPeeringConnectionOptions "
            "RejectVpcPeeringConnection"
        ),
        "vpcs.vpcs": "DescribeVpcAttribute DescribeVpcs ModifyVpcAttribute ModifyVpcTenancy",
        "vpn.customer_gateways": (
            "CreateCustomerGateway DeleteCustomerGateway DescribeCustomerGateways"
        ),
        "vpn.vpn_connections": "CreateVpnConnection DeleteVpnConnection DescribeVpnConnections",
        "vpn.vpn_gateways": (
            "AttachVpnGateway CreateVpnGateway DeleteVpnGateway DescribeVpnGateways "
            "DetachVpnGateway"
        ),
        "vpn.vpn_modifications": (
            "CreateVpnConnectionRoute DeleteVpnConnectionRoute ModifyVpnConnection "
            "ModifyVpnConnectionOptions ModifyVpnTunnelCertificate ModifyVpnTunnelOptions"
        ),
    },
)
