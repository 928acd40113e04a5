"""One good request for every operation that creates something, in an order that works.

What a request needs of earlier ones it takes from ``made``, so that the table reads as the
story of an account: a network, machines in it, and what hangs on both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from emulator.services.registry import SERVICES

IMAGE = "ami-df5de72bdb3b"
PUBLIC_KEY = (
    b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrU4dKuFhKz1VFvn0mJ0NQPRzZyBdVH7Yt1GQ3n0b2m someone"
)

Made = dict[str, str]


@attrs.frozen
class Creation:
    """One request that makes one thing.

    Attributes:
        name: what later requests call the thing.
        operation: of EC2.
        params: the request, made of the ids there are so far.
        path: where the answer has the new id.
    """

    name: str
    operation: str
    params: Callable[[Made], dict[str, Any]]
    path: str

    def id_in(self, answer: Mapping[str, Any]) -> str:
        """Return the new id."""
        found: Any = answer
        for step in self.path.split("."):
            found = found[int(step)] if step.isdigit() else found[step]
        return str(found)


def _of(name: str, operation: str, path: str, params: Any = None, **fixed: Any) -> Creation:
    if params is None:
        return Creation(name, operation, lambda made: dict(fixed), path)
    return Creation(name, operation, lambda made: {**fixed, **params(made)}, path)


CREATIONS = (
    _of(
        "dhcp",
        "CreateDhcpOptions",
        "DhcpOptions.DhcpOptionsId",
        DhcpConfigurations=[{"Key": "domain-name", "Values": ["example.org"]}],
    ),
    _of("vpc", "CreateVpc", "Vpc.VpcId", CidrBlock="10.0.0.0/16"),
    _of("vpc2", "CreateVpc", "Vpc.VpcId", CidrBlock="10.1.0.0/16"),
    _of(
        "cidr",
        "AssociateVpcCidrBlock",
        "CidrBlockAssociation.AssociationId",
        lambda m: {"VpcId": m["vpc"]},
        CidrBlock="10.2.0.0/16",
    ),
    _of("igw", "CreateInternetGateway", "InternetGateway.InternetGatewayId"),
    _of(
        "eigw",
        "CreateEgressOnlyInternetGateway",
        "EgressOnlyInternetGateway.EgressOnlyInternetGatewayId",
        lambda m: {"VpcId": m["vpc"]},
    ),
    _of(
        "subnet",
        "CreateSubnet",
        "Subnet.SubnetId",
        lambda m: {"VpcId": m["vpc"]},
        CidrBlock="10.0.0.0/24",
        AvailabilityZone="us-east-1a",
    ),
    _of(
        "subnet2",
        "CreateSubnet",
        "Subnet.SubnetId",
        lambda m: {"VpcId": m["vpc2"]},
        CidrBlock="10.1.0.0/24",
        AvailabilityZone="us-east-1b",
    ),
    _of(
        "reservation",
        "CreateSubnetCidrReservation",
        "SubnetCidrReservation.SubnetCidrReservationId",
        lambda m: {"SubnetId": m["subnet"]},
        Cidr="10.0.0.224/27",
        ReservationType="explicit",
    ),
    _of("table", "CreateRouteTable", "RouteTable.RouteTableId", lambda m: {"VpcId": m["vpc"]}),
    _of("acl", "CreateNetworkAcl", "NetworkAcl.NetworkAclId", lambda m: {"VpcId": m["vpc"]}),
    _of(
        "group",
        "CreateSecurityGroup",
        "GroupId",
        lambda m: {"VpcId": m["vpc"]},
        GroupName="web",
        Description="d",
    ),
    _of(
        "rule",
        "AuthorizeSecurityGroupIngress",
        "SecurityGroupRules.0.SecurityGroupRuleId",
        lambda m: {"GroupId": m["group"]},
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            }
        ],
    ),
    _of(
        "prefixes",
        "CreateManagedPrefixList",
        "PrefixList.PrefixListId",
        PrefixListName="mine",
        MaxEntries=5,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "10.0.0.0/8"}],
    ),
    _of(
        "eni",
        "CreateNetworkInterface",
        "NetworkInterface.NetworkInterfaceId",
        lambda m: {"SubnetId": m["subnet"]},
    ),
    _of("address", "AllocateAddress", "AllocationId", Domain="vpc"),
    _of("nat address", "AllocateAddress", "AllocationId", Domain="vpc"),
    _of("key", "CreateKeyPair", "KeyPairId", KeyName="made"),
    _of(
        "imported key",
        "ImportKeyPair",
        "KeyPairId",
        KeyName="imported",
        PublicKeyMaterial=PUBLIC_KEY,
    ),
    _of("volume", "CreateVolume", "VolumeId", AvailabilityZone="us-east-1a", Size=8),
    _of("snapshot", "CreateSnapshot", "SnapshotId", lambda m: {"VolumeId": m["volume"]}),
    _of(
        "snapshot copy",
        "CopySnapshot",
        "SnapshotId",
        lambda m: {"SourceSnapshotId": m["snapshot"]},
        SourceRegion="us-east-1",
    ),
    _of(
        "placement",
        "CreatePlacementGroup",
        "PlacementGroup.GroupId",
        GroupName="close",
        Strategy="cluster",
    ),
    _of(
        "instance",
        "RunInstances",
        "Instances.0.InstanceId",
        ImageId=IMAGE,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
    ),
    _of(
        "instance2",
        "RunInstances",
        "Instances.0.InstanceId",
        lambda m: {"SubnetId": m["subnet"], "SecurityGroupIds": [m["group"]]},
        ImageId=IMAGE,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
    ),
    _of("image", "CreateImage", "ImageId", lambda m: {"InstanceId": m["instance"]}, Name="made"),
    _of(
        "image copy",
        "CopyImage",
        "ImageId",
        lambda m: {"SourceImageId": m["image"]},
        Name="copied",
        SourceRegion="us-east-1",
    ),
    _of(
        "registered image",
        "RegisterImage",
        "ImageId",
        lambda m: {
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": m["snapshot"]}}
            ]
        },
        Name="registered",
        RootDeviceName="/dev/xvda",
        VirtualizationType="hvm",
        Architecture="x86_64",
    ),
    _of(
        "template",
        "CreateLaunchTemplate",
        "LaunchTemplate.LaunchTemplateId",
        LaunchTemplateName="plan",
        LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t3.micro"},
    ),
    _of(
        "template version",
        "CreateLaunchTemplateVersion",
        "LaunchTemplateVersion.VersionNumber",
        lambda m: {"LaunchTemplateId": m["template"]},
        LaunchTemplateData={"InstanceType": "t3.small"},
    ),
    _of(
        "spot",
        "RequestSpotInstances",
        "SpotInstanceRequests.0.SpotInstanceRequestId",
        LaunchSpecification={"ImageId": IMAGE, "InstanceType": "t3.micro"},
    ),
    _of(
        "attached igw",
        "AttachInternetGateway",
        "ResponseMetadata.HTTPStatusCode",
        lambda m: {"InternetGatewayId": m["igw"], "VpcId": m["vpc"]},
    ),
    _of(
        "nat",
        "CreateNatGateway",
        "NatGateway.NatGatewayId",
        lambda m: {"SubnetId": m["subnet"], "AllocationId": m["nat address"]},
    ),
    _of(
        "peering",
        "CreateVpcPeeringConnection",
        "VpcPeeringConnection.VpcPeeringConnectionId",
        lambda m: {"VpcId": m["vpc"], "PeerVpcId": m["vpc2"]},
    ),
    _of(
        "endpoint",
        "CreateVpcEndpoint",
        "VpcEndpoint.VpcEndpointId",
        lambda m: {"VpcId": m["vpc"]},
        ServiceName="com.amazonaws.us-east-1.s3",
    ),
    _of(
        "endpoint service",
        "CreateVpcEndpointServiceConfiguration",
        "ServiceConfiguration.ServiceId",
        GatewayLoadBalancerArns=[
            "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/gwy/g/0123456789abcdef"
        ],
    ),
    _of(
        "ipv6 vpc",
        "CreateVpc",
        "Vpc.VpcId",
        CidrBlock="10.8.0.0/16",
        AmazonProvidedIpv6CidrBlock=True,
    ),
    _of("tgw", "CreateTransitGateway", "TransitGateway.TransitGatewayId"),
    _of(
        "tgw table",
        "CreateTransitGatewayRouteTable",
        "TransitGatewayRouteTable.TransitGatewayRouteTableId",
        lambda m: {"TransitGatewayId": m["tgw"]},
    ),
    _of(
        "tgw attachment",
        "CreateTransitGatewayVpcAttachment",
        "TransitGatewayVpcAttachment.TransitGatewayAttachmentId",
        lambda m: {"TransitGatewayId": m["tgw"], "VpcId": m["vpc"], "SubnetIds": [m["subnet"]]},
    ),
    _of(
        "cgw",
        "CreateCustomerGateway",
        "CustomerGateway.CustomerGatewayId",
        Type="ipsec.1",
        BgpAsn=65000,
        PublicIp="198.51.100.7",
    ),
    _of("vgw", "CreateVpnGateway", "VpnGateway.VpnGatewayId", Type="ipsec.1"),
    _of(
        "vpn",
        "CreateVpnConnection",
        "VpnConnection.VpnConnectionId",
        lambda m: {"CustomerGatewayId": m["cgw"], "VpnGatewayId": m["vgw"]},
        Type="ipsec.1",
    ),
    _of(
        "flow log",
        "CreateFlowLogs",
        "FlowLogIds.0",
        lambda m: {"ResourceIds": [m["vpc"]]},
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::logs",
    ),
)

PERMISSIONS = [
    {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
]
CHANGES: dict[str, Callable[[Made], dict[str, Any]]] = {
    "AssignIpv6Addresses": lambda m: {"NetworkInterfaceId": m["eni"], "Ipv6AddressCount": 1},
    "AssignPrivateIpAddresses": lambda m: {
        "NetworkInterfaceId": m["eni"],
        "SecondaryPrivateIpAddressCount": 1,
    },
    "AssociateAddress": lambda m: {"AllocationId": m["address"], "NetworkInterfaceId": m["eni"]},
    "AssociateIamInstanceProfile": lambda m: {
        "InstanceId": m["instance"],
        "IamInstanceProfile": {"Name": "p"},
    },
    "AssociateVpcCidrBlock": lambda m: {"VpcId": m["vpc"], "AmazonProvidedIpv6CidrBlock": True},
    "AssociateRouteTable": lambda m: {"RouteTableId": m["table"], "SubnetId": m["subnet"]},
    "AssociateSubnetCidrBlock": lambda m: {
        "SubnetId": m["subnet"],
        "Ipv6CidrBlock": "2600:1f10::/64",
    },
    "AttachNetworkInterface": lambda m: {
        "NetworkInterfaceId": m["eni"],
        "InstanceId": m["instance2"],
        "DeviceIndex": 1,
    },
    "AttachVolume": lambda m: {
        "VolumeId": m["volume"],
        "InstanceId": m["instance"],
        "Device": "/dev/sdf",
    },
    "AttachVpnGateway": lambda m: {"VpnGatewayId": m["vgw"], "VpcId": m["vpc"]},
    "AuthorizeSecurityGroupEgress": lambda m: {"GroupId": m["group"], "IpPermissions": PERMISSIONS},
    "CreateNetworkAclEntry": lambda m: {
        "NetworkAclId": m["acl"],
        "RuleNumber": 10,
        "Protocol": "6",
        "RuleAction": "allow",
        "Egress": False,
        "CidrBlock": "10.0.0.0/8",
        "PortRange": {"From": 1, "To": 2},
    },
    "CreateRoute": lambda m: {
        "RouteTableId": m["table"],
        "DestinationCidrBlock": "0.0.0.0/0",
        "GatewayId": m["igw"],
    },
    "CreateTags": lambda m: {"Resources": [m["vpc"]], "Tags": [{"Key": "Name", "Value": "a"}]},
    "EnableVgwRoutePropagation": lambda m: {"RouteTableId": m["table"], "GatewayId": m["vgw"]},
    "ModifyInstanceAttribute": lambda m: {
        "InstanceId": m["instance"],
        "DisableApiTermination": {"Value": False},
    },
    "ModifyInstanceCreditSpecification": lambda m: {
        "InstanceCreditSpecifications": [{"InstanceId": m["instance"], "CpuCredits": "unlimited"}]
    },
    "ModifyNetworkInterfaceAttribute": lambda m: {
        "NetworkInterfaceId": m["eni"],
        "Description": {"Value": "d"},
    },
    "ModifySecurityGroupRules": lambda m: {
        "GroupId": m["group"],
        "SecurityGroupRules": [
            {
                "SecurityGroupRuleId": m["rule"],
                "SecurityGroupRule": {
                    "IpProtocol": "tcp",
                    "FromPort": 1,
                    "ToPort": 9,
                    "CidrIpv4": "10.0.0.0/8",
                },
            }
        ],
    },
    "ModifySnapshotAttribute": lambda m: {
        "SnapshotId": m["snapshot"],
        "Attribute": "createVolumePermission",
        "OperationType": "add",
        "UserIds": ["111122223333"],
    },
    "ModifyVpcAttribute": lambda m: {"VpcId": m["vpc"], "EnableDnsHostnames": {"Value": True}},
    "ReplaceNetworkAclEntry": lambda m: {
        "NetworkAclId": m["acl"],
        "RuleNumber": 10,
        "Protocol": "-1",
        "RuleAction": "deny",
        "Egress": False,
        "CidrBlock": "10.0.0.0/8",
    },
    "ReplaceRoute": lambda m: {
        "RouteTableId": m["table"],
        "DestinationCidrBlock": "0.0.0.0/0",
        "NetworkInterfaceId": m["eni"],
    },
    "RevokeSecurityGroupIngress": lambda m: {
        "GroupId": m["group"],
        "SecurityGroupRuleIds": [m["rule"]],
    },
    "UpdateSecurityGroupRuleDescriptionsIngress": lambda m: {
        "GroupId": m["group"],
        "SecurityGroupRuleDescriptions": [{"SecurityGroupRuleId": m["rule"], "Description": "d"}],
    },
}


def furnish(call: Callable[..., dict[str, Any]], until: str = "") -> Made:
    """Create one of everything the emulator can create; return the ids by name.

    Args:
        call: sends an operation's name and parameters, such as ``Client().call``.
        until: the name of the last thing to create, or nothing for all.
    """
    made: Made = {}
    for creation in CREATIONS:
        if creation.operation in SERVICES["ec2"]:
            try:
                params = creation.params(made)
            except KeyError:  # what it hangs on is not emulated
                continue
            made[creation.name] = creation.id_in(call(creation.operation, **params))
        if creation.name == until:
            break
    return made
