"""Subnet CIDR reservations: ranges that a subnet does not give out by itself.

Source: "Subnet CIDR reservations" in the Amazon VPC user guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.vpc import ReservedRange, Subnet, SubnetCidrReservation
from emulator.net import cidrs
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.vpcs.subnets import SUBNET
from emulator.services.pages import page_of_rows
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def _view(region: Region, reservation: SubnetCidrReservation) -> Mapping[str, Any]:
    return {
        "SubnetCidrReservationId": reservation.id,
        "SubnetId": reservation.subnet_id,
        "Cidr": reservation.cidr,
        "ReservationType": reservation.reservation_type,
        "OwnerId": region.account,
        "Description": reservation.description,
        "Tags": tag_set(reservation.tags),
    }


RESERVATION = Kind(
    row=SubnetCidrReservation,
    shape="SubnetCidrReservation",
    view=_view,
    filters={
        "reservationType": lambda _, reservation: reservation.reservation_type,
        "subnet-id": lambda _, reservation: reservation.subnet_id,
    },
)


def _checked_range(region: Region, subnet: Subnet, cidr: str) -> cidrs.Network:
    network: cidrs.Network = (
        cidrs.ipv6_network(cidr, "cidr") if ":" in cidr else cidrs.ipv4_network(cidr, "cidr")
    )
    own = [item.cidr for item in subnet.ipv6_associations]
    if subnet.cidr:
        own.append(subnet.cidr)
    if not any(cidrs.is_within(network, range_) for range_ in own):
        raise AwsError(
            "InvalidParameterValue",
            f"Reservation CIDR {network} is not within the CIDR blocks of subnet {subnet.id}",
        )
    others = region[SubnetCidrReservation].where(subnet_id=subnet.id)
    same_family = (row.cidr for row in others if (":" in row.cidr) == (network.version == 6))
    if cidrs.overlapping(network, same_family) is not None:
        raise AwsError(
            "InvalidParameterValue",
            f"Reservation CIDR {network} has overlap with existing reserved CIDR block",
        )
    return network


def _reserve(region: Region, subnet: Subnet) -> None:
    """Tell the subnet its present reservations."""
    found = []
    for row in region[SubnetCidrReservation].where(subnet_id=subnet.id):
        network = cidrs.known_network(row.cidr)
        found.append(
            ReservedRange(
                int(network.network_address),
                int(network.broadcast_address),
                for_prefixes=row.reservation_type == "prefix",
            )
        )
    subnet.reserved = tuple(found)


def create_subnet_cidr_reservation(
    call: Call, params: aws.CreateSubnetCidrReservationRequestTypeDef
) -> dict[str, Any]:
    """Reserve a range; addresses in use stay with who has them.

    Source: API_CreateSubnetCidrReservation.
    """
    region = call.region
    subnet = SUBNET.find(region, params["SubnetId"])
    network = _checked_range(region, subnet, params["Cidr"])
    reservation = SubnetCidrReservation(
        id=call.new_id(SubnetCidrReservation),
        subnet_id=subnet.id,
        cidr=str(network),
        reservation_type=params["ReservationType"],
        description=params.get("Description"),
        tags=tags_on_create(params, SubnetCidrReservation.RESOURCE_TYPE),
    )
    region[SubnetCidrReservation].add(reservation)
    _reserve(region, subnet)
    return {"SubnetCidrReservation": RESERVATION.show(region, reservation)}


def get_subnet_cidr_reservations(
    call: Call, params: aws.GetSubnetCidrReservationsRequestTypeDef
) -> dict[str, Any]:
    """List a subnet's reservations, those of each address family by themselves."""
    region = call.region
    subnet = SUBNET.find(region, params["SubnetId"])
    rows = [row for row in RESERVATION.selected(region, params, None) if row.subnet_id == subnet.id]
    shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    answer: dict[str, Any] = {
        "SubnetIpv4CidrReservations": [
            RESERVATION.show(region, row) for row in shown if ":" not in row.cidr
        ],
        "SubnetIpv6CidrReservations": [
            RESERVATION.show(region, row) for row in shown if ":" in row.cidr
        ],
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


def delete_subnet_cidr_reservation(
    call: Call, params: aws.DeleteSubnetCidrReservationRequestTypeDef
) -> dict[str, Any]:
    """Give a range back to its subnet."""
    region = call.region
    reservation = RESERVATION.find(region, params["SubnetCidrReservationId"])
    shown = RESERVATION.show(region, reservation)
    region[SubnetCidrReservation].remove(reservation)
    _reserve(region, SUBNET.find(region, reservation.subnet_id))
    return {"DeletedSubnetCidrReservation": shown}


OPERATIONS: Mapping[str, Handler] = {
    "CreateSubnetCidrReservation": create_subnet_cidr_reservation,
    "DeleteSubnetCidrReservation": delete_subnet_cidr_reservation,
    "GetSubnetCidrReservations": get_subnet_cidr_reservations,
}
