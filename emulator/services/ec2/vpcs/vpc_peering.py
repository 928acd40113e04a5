"""VPC peering connections, within and across accounts and regions.

Source: "VPC peering connection lifecycle" in the Amazon VPC peering guide, also for how
long connections that ended stay visible.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs

from emulator.catalog.regions import REGIONS
from emulator.core.errors import AwsError
from emulator.model.vpc import Vpc
from emulator.model.vpc_peering_connection import PeeringSide, VpcPeeringConnection
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.tags import tags_on_create
from emulator.services.filters import Field
from emulator.state.store import Region, State

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

HOUR_SECONDS = 3600.0
REQUEST_LIFE_SECONDS = 7 * 24 * HOUR_SECONDS
# How long a connection stays visible once it is in one of these states.
VISIBLE_SECONDS = {
    "failed": 2 * HOUR_SECONDS,
    "rejected": 4 * HOUR_SECONDS,
    "deleted": 4 * HOUR_SECONDS,
    "expired": 48 * HOUR_SECONDS,
}
LIVE = frozenset(("pending-acceptance", "provisioning", "active"))
REFUSED = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"


def _options(side: PeeringSide) -> dict[str, bool]:
    return {
        "AllowDnsResolutionFromRemoteVpc": side.dns_resolution,
        "AllowEgressFromLocalClassicLinkToRemoteVpc": False,
        "AllowEgressFromLocalVpcToRemoteClassicLink": False,
    }


def _side_view(side: PeeringSide, *, whole: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "OwnerId": side.account,
        "VpcId": side.vpc_id,
        "Region": side.region,
    }
    if whole and side.cidrs:
        shown["CidrBlock"] = side.cidrs[0]
        shown["CidrBlockSet"] = [{"CidrBlock": cidr} for cidr in side.cidrs]
        shown["Ipv6CidrBlockSet"] = [{"Ipv6CidrBlock": cidr} for cidr in side.ipv6_cidrs] or None
        shown["PeeringOptions"] = _options(side)
    return shown


def _view(_: Region, connection: VpcPeeringConnection) -> Mapping[str, Any]:
    state = connection.state
    pending = state in ("initiating-request", "pending-acceptance")
    return {
        "VpcPeeringConnectionId": connection.id,
        "RequesterVpcInfo": _side_view(connection.requester, whole=True),
        "AccepterVpcInfo": _side_view(
            connection.accepter, whole=state in ("provisioning", "active")
        ),
        "ExpirationTime": connection.expires_at if pending else None,
        "Status": {"Code": state, "Message": connection.message},
        "Tags": tag_set(connection.tags),
    }


def _expiration(_: Region, connection: VpcPeeringConnection) -> str:
    return f"{connection.expires_at:%Y-%m-%dT%H:%M:%S}.000Z"


_FILTERS: Mapping[str, Field[VpcPeeringConnection]] = {
    "accepter-vpc-info.cidr-block": lambda _, connection: connection.accepter.cidrs,
    "accepter-vpc-info.owner-id": lambda _, connection: connection.accepter.account,
    "accepter-vpc-info.vpc-id": lambda _, connection: connection.accepter.vpc_id,
    "expiration-time": _expiration,
    "requester-vpc-info.cidr-block": lambda _, connection: connection.requester.cidrs,
    "requester-vpc-info.owner-id": lambda _, connection: connection.requester.account,
    "requester-vpc-info.vpc-id": lambda _, connection: connection.requester.vpc_id,
    "status-code": lambda _, connection: connection.state,
    "status-message": lambda _, connection: connection.message,
    "vpc-peering-connection-id": lambda _, connection: connection.id,
}

PEERING = Kind(row=VpcPeeringConnection, shape="VpcPeeringConnection", view=_view, filters=_FILTERS)


def _region_in_use(state: State, side: PeeringSide) -> Region | None:
    """Return where a side's VPC is, if anything ever was there.

    Asking the state for a region by name would make it: requests could fill the memory.
    """
    for region in state:
        if (region.account, region.name) == (side.account, side.region):
            return region
    return None


def _regions(state: State, connection: VpcPeeringConnection) -> list[Region]:
    """Return where the connection is kept: each side's region, once."""
    regions = [_region_in_use(state, side) for side in (connection.requester, connection.accepter)]
    return list(dict.fromkeys(region for region in regions if region is not None))


def _both(state: State, connection: VpcPeeringConnection) -> Iterator[VpcPeeringConnection]:
    """Yield the connection's record on each side, which are one where the sides are."""
    for region in _regions(state, connection):
        row = region[VpcPeeringConnection].get(connection.id)
        if row is not None:
            yield row


def _move(
    call: Call, connection: VpcPeeringConnection, state: str, message: str | None = None
) -> None:
    """Move both records, and let them go in time where that is the end."""
    for row in _both(call.state, connection):
        row.move(state)
        row.message = message or state.replace("-", " ").title()
    if state in VISIBLE_SECONDS:
        for region in _regions(call.state, connection):
            ended = region[VpcPeeringConnection].get(connection.id)
            if ended is not None:
                call.world.expire(region, ended, VISIBLE_SECONDS[state])


def _later(
    call: Call,
    delay_seconds: float,
    connection: VpcPeeringConnection,
    expected: str,
    move: Callable[[], None],
) -> None:
    def run() -> None:
        if connection.watcher is not None and connection.state == expected:
            move()

    call.world.later(delay_seconds, f"settling {connection.id}", run)


def _with_ranges(side: PeeringSide, vpc: Vpc) -> PeeringSide:
    return attrs.evolve(
        side,
        cidrs=tuple(item.cidr for item in vpc.ipv4_associations),
        ipv6_cidrs=tuple(item.cidr for item in vpc.ipv6_associations),
    )


def _refresh(state: State, connection: VpcPeeringConnection) -> None:
    """Take over the ranges that a live connection's VPCs have now."""
    if connection.state not in LIVE:
        return
    sides = []
    for side in (connection.requester, connection.accepter):
        region = _region_in_use(state, side)
        vpc = region[Vpc].get(side.vpc_id) if region is not None else None
        sides.append(side if vpc is None else _with_ranges(side, vpc))
    requester, accepter = sides
    if (requester, accepter) != (connection.requester, connection.accepter):
        connection.requester, connection.accepter = requester, accepter


def _overlap(one: PeeringSide, other: PeeringSide) -> bool:
    def any_overlap(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
        theirs = [ipaddress.ip_network(cidr, strict=False) for cidr in others]
        return any(
            network.overlaps(other)
            for cidr in some
            for network in (ipaddress.ip_network(cidr, strict=False),)
            for other in theirs
        )

    return any_overlap(one.cidrs, other.cidrs) or any_overlap(one.ipv6_cidrs, other.ipv6_cidrs)


def _check_new(region: Region, requester: PeeringSide, accepter: PeeringSide) -> None:
    wanted = {(side.region, side.vpc_id) for side in (requester, accepter)}
    if len(wanted) == 1:
        raise AwsError(
            "InvalidParameterValue",
            f"A VPC cannot be peered with itself: '{requester.vpc_id}'",
        )
    for row in region[VpcPeeringConnection]:
        sides = {(side.region, side.vpc_id) for side in (row.requester, row.accepter)}
        if sides == wanted and row.state in LIVE:
            raise AwsError(
                "VpcPeeringConnectionAlreadyExists",
                f"A VPC peering connection between the VPCs already exists: {row.id}",
            )


def _peer_region(call: Call, params: Mapping[str, Any]) -> str:
    name: str = params.get("PeerRegion", call.region.name)
    if name not in REGIONS:
        raise AwsError("InvalidParameterValue", f"Invalid value '{name[:64]}' for PeerRegion.")
    return name


def _peer_account(call: Call, params: Mapping[str, Any]) -> str:
    account: str = params.get("PeerOwnerId", call.account)
    if len(account) != len(call.account) or not (account.isascii() and account.isdigit()):
        raise AwsError("InvalidParameterValue", f"Invalid value '{account[:64]}' for PeerOwnerId.")
    return account


def create_vpc_peering_connection(
    call: Call, params: aws.CreateVpcPeeringConnectionRequestTypeDef
) -> dict[str, Any]:
    """Ask the owner of another VPC for a connection. Source: API_CreateVpcPeeringConnection.

    A peer in another account or region that does not exist, and ranges that overlap, are
    found out later: the connection then fails.
    """
    region, world = call.region, call.world
    vpc, peer_id = region[Vpc].get(params["VpcId"]), params.get("PeerVpcId")
    if vpc is None:
        raise NOUNS["vpc"].missing([params["VpcId"]])
    if peer_id is None:
        raise AwsError("MissingParameter", "The request must contain the parameter peerVpcId")
    requester = _with_ranges(PeeringSide(call.account, region.name, vpc.id), vpc)
    accepter = PeeringSide(_peer_account(call, params), _peer_region(call, params), peer_id)
    _check_new(region, requester, accepter)
    peer_region = _region_in_use(call.state, accepter)
    peer = peer_region[Vpc].get(peer_id) if peer_region is not None else None
    if peer is None and peer_region is region:
        raise NOUNS["vpc"].missing([peer_id])
    if peer is not None:
        accepter = _with_ranges(accepter, peer)
    refused = peer is None or _overlap(requester, accepter)

    connection = region[VpcPeeringConnection].add(
        VpcPeeringConnection(
            id=call.new_id(VpcPeeringConnection),
            state="initiating-request",
            requester=requester,
            accepter=accepter,
            message=f"Initiating Request to {accepter.account}",
            expires_at=world.clock.now() + timedelta(seconds=REQUEST_LIFE_SECONDS),
            tags=tags_on_create(params, "vpc-peering-connection"),
        )
    )
    if refused:
        _later(
            call,
            0,
            connection,
            "initiating-request",
            lambda: _move(call, connection, "failed", REFUSED),
        )
    else:
        _later(call, 0, connection, "initiating-request", lambda: _deliver(call, connection))
    return {"VpcPeeringConnection": PEERING.show(region, connection)}


def _deliver(call: Call, connection: VpcPeeringConnection) -> None:
    """Show the request to the accepter."""
    for region in _regions(call.state, connection):
        if connection.id not in region[VpcPeeringConnection]:
            region[VpcPeeringConnection].add(
                VpcPeeringConnection(
                    id=connection.id,
                    state=connection.state,
                    requester=connection.requester,
                    accepter=connection.accepter,
                    message=connection.message,
                    expires_at=connection.expires_at,
                )
            )
    pending = "pending-acceptance"
    _move(call, connection, pending, f"Pending Acceptance by {connection.accepter.account}")
    _later(
        call, REQUEST_LIFE_SECONDS, connection, pending, lambda: _move(call, connection, "expired")
    )


def _illegal(connection: VpcPeeringConnection, state: str) -> AwsError:
    return AwsError(
        "InvalidStateTransition",
        f"Invalid state transition for {connection.id}, attempted to transition from "
        f"{connection.state} to {state}",
    )


def _check_accepter(call: Call, connection: VpcPeeringConnection, verb: str) -> None:
    accepter = connection.accepter
    if accepter.account != call.account:
        raise AwsError(
            "OperationNotPermitted",
            f"User {call.account} cannot {verb} peering {connection.id}",
        )
    if accepter.region != call.region.name:
        raise AwsError(
            "OperationNotPermitted",
            f"Incorrect region ({call.region.name}) specified for this request. VPC peering "
            f"connection {connection.id} must be {verb}ed in region {accepter.region}",
        )


def accept_vpc_peering_connection(
    call: Call, params: aws.AcceptVpcPeeringConnectionRequestTypeDef
) -> dict[str, Any]:
    """Accept a request, as only the owner of the accepter VPC may, in its region."""
    if params.get("VpcPeeringConnectionId") is None:
        raise AwsError(
            "MissingParameter", "The request must contain the parameter vpcPeeringConnectionId"
        )
    connection = PEERING.find(call.region, params["VpcPeeringConnectionId"])
    _check_accepter(call, connection, "accept")
    if connection.state != "pending-acceptance":
        raise _illegal(connection, "provisioning")
    for row in _both(call.state, connection):
        _refresh(call.state, row)
    if _overlap(connection.requester, connection.accepter):
        _move(call, connection, "failed", REFUSED)
    else:
        _move(call, connection, "provisioning")
        _later(call, 0, connection, "provisioning", lambda: _move(call, connection, "active"))
    return {"VpcPeeringConnection": PEERING.show(call.region, connection)}


def reject_vpc_peering_connection(
    call: Call, params: aws.RejectVpcPeeringConnectionRequestTypeDef
) -> dict[str, Any]:
    """Turn a request down, as only the owner of the accepter VPC may."""
    connection = PEERING.find(call.region, params["VpcPeeringConnectionId"])
    _check_accepter(call, connection, "reject")
    if connection.state != "pending-acceptance":
        raise _illegal(connection, "rejected")
    _move(call, connection, "rejected", f"Rejected by {call.account}")
    return {"Return": True}


def delete_vpc_peering_connection(
    call: Call, params: aws.DeleteVpcPeeringConnectionRequestTypeDef
) -> dict[str, Any]:
    """End a connection, or take a request back."""
    connection = PEERING.find(call.region, params["VpcPeeringConnectionId"])
    if not connection.may("deleted"):
        raise _illegal(connection, "deleting")
    _move(call, connection, "deleted", f"Deleted by {call.account}")
    return {"Return": True}


def end_peerings_of(call: Call, vpc: Vpc) -> None:
    """End the connections of a VPC that is being deleted."""
    for connection in call.region[VpcPeeringConnection]:
        sides = (connection.requester, connection.accepter)
        ours = any(
            (side.account, side.region, side.vpc_id) == (call.account, call.region.name, vpc.id)
            for side in sides
        )
        if ours and connection.may("deleted"):
            _move(call, connection, "deleted", f"Deleted by {call.account}")


def describe_vpc_peering_connections(
    call: Call, params: aws.DescribeVpcPeeringConnectionsRequestTypeDef
) -> dict[str, Any]:
    """List connections with either side here."""
    for connection in call.region[VpcPeeringConnection]:
        _refresh(call.state, connection)
    return PEERING.describe(
        call, params, ids="VpcPeeringConnectionIds", result="VpcPeeringConnections"
    )


def modify_vpc_peering_connection_options(
    call: Call, params: aws.ModifyVpcPeeringConnectionOptionsRequestTypeDef
) -> dict[str, Any]:
    """Change what either side, where it is the caller's, allows the other."""
    connection = PEERING.find(call.region, params["VpcPeeringConnectionId"])
    if connection.state != "active":
        raise AwsError(
            "OperationNotPermitted",
            f"Peering {connection.id} is not active. Peering options can be added only to "
            "active peerings.",
        )
    requester = _changed(call, connection, "requester", params)
    accepter = _changed(call, connection, "accepter", params)
    answer: dict[str, Any] = {}
    for row in _both(call.state, connection):
        if requester is not None:
            row.requester = requester
            answer["RequesterPeeringConnectionOptions"] = _options(requester)
        if accepter is not None:
            row.accepter = accepter
            answer["AccepterPeeringConnectionOptions"] = _options(accepter)
    return answer


def _changed(
    call: Call, connection: VpcPeeringConnection, name: str, params: Mapping[str, Any]
) -> PeeringSide | None:
    """Return one side as the request wants it, None where it does not say.

    Raises:
        AwsError: OperationNotPermitted for a side in another account or region;
            InvalidParameterValue for ClassicLink, which AWS has retired.
    """
    options = params.get(f"{name.title()}PeeringConnectionOptions")
    if not options:
        return None
    side: PeeringSide = getattr(connection, name)
    if (side.account, side.region) != (call.account, call.region.name):
        raise AwsError(
            "OperationNotPermitted",
            f"User {call.account} in {call.region.name} cannot modify the {name} peering options "
            f"of {connection.id}",
        )
    classic = (
        "AllowEgressFromLocalClassicLinkToRemoteVpc",
        "AllowEgressFromLocalVpcToRemoteClassicLink",
    )
    if any(options.get(option) for option in classic):
        raise AwsError("InvalidParameterValue", "ClassicLink is not available in this account")
    wanted = options.get("AllowDnsResolutionFromRemoteVpc")
    return side if wanted is None else attrs.evolve(side, dns_resolution=wanted)


OPERATIONS: Mapping[str, Handler] = {
    "AcceptVpcPeeringConnection": accept_vpc_peering_connection,
    "CreateVpcPeeringConnection": create_vpc_peering_connection,
    "DeleteVpcPeeringConnection": delete_vpc_peering_connection,
    "DescribeVpcPeeringConnections": describe_vpc_peering_connections,
    "ModifyVpcPeeringConnectionOptions": modify_vpc_peering_connection_options,
    "RejectVpcPeeringConnection": reject_vpc_peering_connection,
}
