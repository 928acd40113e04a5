"""What EC2 calls its resources when it cannot find them.

Codes are those of "Error codes for the Amazon EC2 API"; Terraform and botocore's waiters
decide by them, so a wrong code here is a hang or a crash there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from emulator.core.errors import AwsError

_HEX = re.compile(r"[0-9a-f]{8}(?:[0-9a-f]{9})?")
# Images of one's own making may have ids of any length, such as ami-000001.
_ANY_HEX = re.compile(r"[0-9a-f]{1,64}")


@attrs.frozen
class Noun:
    """One kind of resource in error messages.

    Attributes:
        prefix: what its ids start with, without the dash.
        not_found: the code for an id that does not exist.
        one: message for one id; ``{ids}`` stands for it.
        many: message for several ids.
        malformed: the code for text that is no id at all, where AWS tells the two apart.
        digits: what may follow the prefix and its dash.
        malformed_message: message for such text; ``{id}`` stands for it.
    """

    prefix: str
    not_found: str
    one: str
    many: str = ""
    malformed: str = ""
    digits: re.Pattern[str] = _HEX
    malformed_message: str = 'Invalid id: "{id}"'

    def missing(self, ids: Sequence[str]) -> AwsError:
        """Return the error for ids that do not exist."""
        text = self.many if len(ids) > 1 and self.many else self.one
        return AwsError(self.not_found, text.replace("{ids}", ", ".join(ids)))

    def check_form(self, resource_id: str) -> None:
        """Refuse text that cannot be an id of this kind.

        Raises:
            AwsError: the malformed code, where AWS has one.
        """
        if not self.malformed:
            return
        prefix, _, digits = resource_id.rpartition("-")
        if prefix != self.prefix or self.digits.fullmatch(digits) is None:
            text = self.malformed_message.replace("{id}", resource_id[:256])
            raise AwsError(self.malformed, text)


def _plain(prefix: str, not_found: str, name: str, malformed: str = "") -> Noun:
    """Return a noun with the wording most of EC2 uses."""
    return Noun(
        prefix,
        not_found,
        f"The {name} ID '{{ids}}' does not exist",
        f"The {name} IDs '{{ids}}' do not exist",
        malformed,
    )


_NOUNS = (
    _plain("i", "InvalidInstanceID.NotFound", "instance", "InvalidInstanceID.Malformed"),
    _plain("vpc", "InvalidVpcID.NotFound", "vpc"),
    _plain("subnet", "InvalidSubnetID.NotFound", "subnet"),
    _plain("scr", "InvalidSubnetCidrReservationID.NotFound", "subnet CIDR reservation"),
    _plain("igw", "InvalidInternetGatewayID.NotFound", "internetGateway"),
    _plain("eigw", "InvalidGatewayID.NotFound", "eigw"),
    _plain("rtb", "InvalidRouteTableID.NotFound", "routeTable"),
    _plain("rtbassoc", "InvalidAssociationID.NotFound", "association"),
    _plain("acl", "InvalidNetworkAclID.NotFound", "networkAcl"),
    _plain("aclassoc", "InvalidAssociationID.NotFound", "association"),
    _plain("eni", "InvalidNetworkInterfaceID.NotFound", "networkInterface"),
    _plain("eni-attach", "InvalidAttachmentID.NotFound", "interface attachment"),
    _plain("eni-perm", "InvalidPermissionID.NotFound", "network interface permission"),
    _plain("eipalloc", "InvalidAllocationID.NotFound", "allocation"),
    _plain("eipassoc", "InvalidAssociationID.NotFound", "association"),
    _plain("dopt", "InvalidDhcpOptionID.NotFound", "dhcpOption"),
    _plain("pcx", "InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection"),
    _plain("vgw", "InvalidVpnGatewayID.NotFound", "vpnGateway"),
    _plain("cgw", "InvalidCustomerGatewayID.NotFound", "customerGateway"),
    _plain("vpn", "InvalidVpnConnectionID.NotFound", "vpnConnection"),
    _plain("pl", "InvalidPrefixListID.NotFound", "prefix list"),
    _plain("fl", "InvalidFlowLogId.NotFound", "flow log"),
    _plain(
        "sir",
        "InvalidSpotInstanceRequestID.NotFound",
        "spot instance request",
        "InvalidSpotInstanceRequestID.Malformed",
    ),
    Noun(
        "iip-assoc",
        "InvalidAssociationID.NotFound",
        "The association ID '{ids}' does not exist",
        "The association IDs '{ids}' do not exist",
        "InvalidParameterValue",
        malformed_message="Invalid value for associationId.",
    ),
    _plain("vpc-cidr-assoc", "InvalidVpcCidrBlockAssociationID.NotFound", "vpc CIDR association"),
    _plain("subnet-cidr-assoc", "InvalidSubnetCidrBlockAssociationID.NotFound", "association"),
    Noun(
        "sg",
        "InvalidGroup.NotFound",
        "The security group '{ids}' does not exist",
        "The security groups '{ids}' do not exist",
        "InvalidGroupId.Malformed",
    ),
    Noun(
        "sgr",
        "InvalidSecurityGroupRuleId.NotFound",
        "The security group rule ID '{ids}' does not exist",
        "",
        "InvalidSecurityGroupRuleId.Malformed",
    ),
    Noun("fleet", "InvalidFleetId.NotFound", "The fleet ID '{ids}' does not exist"),
    Noun(
        "vol",
        "InvalidVolume.NotFound",
        "The volume '{ids}' does not exist.",
        malformed="InvalidParameterValue",
        malformed_message="Value ({id}) for parameter volumeId is invalid. Expected: 'vol-...'.",
    ),
    Noun(
        "snap",
        "InvalidSnapshot.NotFound",
        "The snapshot '{ids}' does not exist.",
        malformed="InvalidParameterValue",
        malformed_message="Value ({id}) for parameter snapshotId is invalid. Expected: 'snap-...'.",
    ),
    Noun(
        "ami",
        "InvalidAMIID.NotFound",
        "The image id '[{ids}]' does not exist",
        "The image ids '[{ids}]' do not exist",
        "InvalidAMIID.Malformed",
        _ANY_HEX,
    ),
    Noun("nat", "NatGatewayNotFound", "NAT gateway {ids} was not found"),
    Noun("vpce", "InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{ids}' does not exist"),
    Noun(
        "vpce-svc",
        "InvalidVpcEndpointServiceId.NotFound",
        "The VpcEndpointService Id '{ids}' does not exist",
    ),
    Noun(
        "vpce-svc-perm",
        "InvalidVpcEndpointServicePermissionId.NotFound",
        "The VpcEndpointServicePermission Id '{ids}' does not exist",
    ),
    Noun(
        "vpce-nfn",
        "InvalidConnectionNotification",
        "The connection notification '{ids}' does not exist",
    ),
    Noun(
        "tgw",
        "InvalidTransitGatewayID.NotFound",
        "Transit Gateway {ids} was deleted or does not exist.",
    ),
    Noun(
        "tgw-attach",
        "InvalidTransitGatewayAttachmentID.NotFound",
        "Transit Gateway Attachment {ids} was deleted or does not exist.",
    ),
    Noun(
        "tgw-rtb",
        "InvalidRouteTableID.NotFound",
        "Transit Gateway Route Table {ids} was deleted or does not exist.",
    ),
    Noun(
        "lt",
        "InvalidLaunchTemplateId.NotFound",
        "The specified launch template, with template ID {ids}, does not exist.",
        "",
        "InvalidLaunchTemplateId.Malformed",
    ),
    Noun("key", "InvalidKeyPair.NotFound", "The key pair '{ids}' does not exist"),
    Noun("pg", "InvalidPlacementGroup.Unknown", "The Placement Group '{ids}' is unknown."),
)

NOUNS = {noun.prefix: noun for noun in _NOUNS}


def noun_of(resource_id: str) -> Noun | None:
    """Return the noun whose prefix an id has."""
    return NOUNS.get(resource_id.rpartition("-")[0])
