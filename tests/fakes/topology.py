"""VPCs with routes, NAT and peering, made by requests; with instances put straight into them."""

from __future__ import annotations

from typing import Any

from emulator.model.network_interface import NetworkInterface
from emulator.net.route_legs import VpcKey
from emulator.state.store import Region
from tests.fakes.client import Client
from tests.fakes.network import ACCOUNT, new_instance, region_of


class Topology(Client):
    """A client that makes networks."""

    @property
    def here(self) -> Region:
        """The region's records."""
        return region_of(self)

    def key(self, vpc_id: str) -> VpcKey:
        return VpcKey(ACCOUNT, self.region, vpc_id)

    def vpc(self, cidr: str) -> str:
        return str(self.call("CreateVpc", CidrBlock=cidr)["Vpc"]["VpcId"])

    def subnet(self, vpc_id: str, cidr: str) -> str:
        made = self.call("CreateSubnet", VpcId=vpc_id, CidrBlock=cidr)
        return str(made["Subnet"]["SubnetId"])

    def table(self, vpc_id: str, subnet_id: str) -> str:
        made = self.call("CreateRouteTable", VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        self.call("AssociateRouteTable", RouteTableId=made, SubnetId=subnet_id)
        return str(made)

    def gateway(self, vpc_id: str) -> str:
        made = self.call("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"]
        self.call("AttachInternetGateway", InternetGatewayId=made, VpcId=vpc_id)
        return str(made)

    def route(self, table_id: str, cidr: str = "0.0.0.0/0", **target: str) -> None:
        self.call("CreateRoute", RouteTableId=table_id, DestinationCidrBlock=cidr, **target)

    def elastic(self) -> tuple[str, str]:
        """Return a new address and its allocation id."""
        made = self.call("AllocateAddress", Domain="vpc")
        return str(made["PublicIp"]), str(made["AllocationId"])

    def nat(self, subnet_id: str, **params: str) -> dict[str, Any]:
        """Return a NAT gateway that is available."""
        made = self.call("CreateNatGateway", SubnetId=subnet_id, **params)["NatGateway"]
        shown = self.call("DescribeNatGateways", NatGatewayIds=[made["NatGatewayId"]])
        return dict(shown["NatGateways"][0])

    def peering(self, vpc_id: str, other: str) -> str:
        made = self.call("CreateVpcPeeringConnection", VpcId=vpc_id, PeerVpcId=other)
        peering = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        self.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=peering)
        return str(peering)

    def instance(self, subnet_id: str, number: int = 1) -> NetworkInterface:
        """Return the interface of a new instance that runs."""
        return new_instance(self, subnet_id, f"i-{number:017x}")
