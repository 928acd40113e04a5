"""Flow log records: flows of an interface as AWS's lines of text; pure.

Source: "Flow log records".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from emulator.net.cidrs import Network, known_network
from emulator.net.flow_capture import Capture, Flow

ABSENT = "-"
ACTIONS = {True: "ACCEPT", False: "REJECT"}
_FIELD = re.compile(r"\$\{([a-z0-9-]+)\}")
_THROUGH_THE_VPC = "1"


@attrs.frozen
class Watched:
    """An interface whose flows are logged.

    Attributes:
        addresses: every one that is its own, the primary first of each family.
        vpc_networks: the ranges of its VPC.
        others: the addresses of the instance's other interfaces.
        is_first: whether it is the instance's first one, whose is also what is nobody's: the
            machine's network may have another address for the instance than its record.
    """

    account: str
    region: str
    interface_id: str
    vpc_id: str
    subnet_id: str
    instance_id: str
    zone_id: str
    addresses: tuple[Network, ...]
    vpc_networks: tuple[Network, ...]
    others: tuple[Network, ...] = ()
    is_first: bool = True


@attrs.frozen
class _Line:
    """What one record tells; without a flow it is of an interval."""

    watched: Watched
    version: int
    start_seconds: int
    end_seconds: int
    status: str
    flow: Flow | None = None


def _of_flow(read: Callable[[Watched, Flow], object]) -> Callable[[_Line], str]:
    def show(line: _Line) -> str:
        return ABSENT if line.flow is None else str(read(line.watched, line.flow))

    return show


def _shown_address(watched: Watched, address: str, *, is_own: bool) -> str:
    """Return an address as srcaddr and dstaddr have it: the interface's primary for its own.

    An address of the machine's network that a record does not know is the interface's, too.
    """
    if not is_own:
        return address
    version = 6 if ":" in address else 4
    for own in watched.addresses:
        if own.version == version:
            return str(own.network_address)
    return address


def _path(watched: Watched, flow: Flow) -> str:
    """Return how a packet leaves: only that it stays in the VPC is known here."""
    inside = any(_is_within(flow.destination, each) for each in watched.vpc_networks)
    return _THROUGH_THE_VPC if inside and not flow.is_ingress else ABSENT


def _is_within(address: str, network: Network) -> bool:
    own = known_network(address)
    return own.version == network.version and own.network_address in network


def _nothing(_: _Line) -> str:
    return ABSENT


# Each field with the version that brought it.
FIELDS: Mapping[str, tuple[int, Callable[[_Line], str]]] = {
    "version": (2, lambda line: str(line.version)),
    "account-id": (2, lambda line: line.watched.account),
    "interface-id": (2, lambda line: line.watched.interface_id),
    "srcaddr": (
        2,
        _of_flow(lambda own, flow: _shown_address(own, flow.source, is_own=not flow.is_ingress)),
    ),
    "dstaddr": (
        2,
        _of_flow(lambda own, flow: _shown_address(own, flow.destination, is_own=flow.is_ingress)),
    ),
    "srcport": (2, _of_flow(lambda _, flow: flow.source_port)),
    "dstport": (2, _of_flow(lambda _, flow: flow.destination_port)),
    "protocol": (2, _of_flow(lambda _, flow: flow.protocol)),
    "packets": (2, _of_flow(lambda _, flow: flow.packets)),
    "bytes": (2, _of_flow(lambda _, flow: flow.octets)),
    "start": (2, lambda line: str(line.start_seconds)),
    "end": (2, lambda line: str(line.end_seconds)),
    "action": (2, _of_flow(lambda _, flow: ACTIONS[flow.accepted])),
    "log-status": (2, lambda line: line.status),
    "vpc-id": (3, lambda line: line.watched.vpc_id),
    "subnet-id": (3, lambda line: line.watched.subnet_id),
    "instance-id": (3, lambda line: line.watched.instance_id),
    "tcp-flags": (3, _of_flow(lambda _, flow: flow.tcp_flags)),
    "type": (3, _of_flow(lambda _, flow: "IPv6" if ":" in flow.source else "IPv4")),
    "pkt-srcaddr": (3, _of_flow(lambda _, flow: flow.source)),
    "pkt-dstaddr": (3, _of_flow(lambda _, flow: flow.destination)),
    "region": (4, lambda line: line.watched.region),
    "az-id": (4, lambda line: line.watched.zone_id or ABSENT),
    "sublocation-type": (4, _nothing),
    "sublocation-id": (4, _nothing),
    # None of AWS's services is behind any address here.
    "pkt-src-aws-service": (5, _nothing),
    "pkt-dst-aws-service": (5, _nothing),
    "flow-direction": (
        5,
        _of_flow(lambda _, flow: "ingress" if flow.is_ingress else "egress"),
    ),
    "traffic-path": (5, _of_flow(_path)),
    **{
        f"ecs-{name}": (7, _nothing)
        for name in (
            "cluster-arn",
            "cluster-name",
            "container-instance-arn",
            "container-instance-id",
            "container-id",
            "second-container-id",
            "service-name",
            "task-definition-arn",
            "task-arn",
            "task-id",
        )
    },
    "reject-reason": (8, _nothing),
    "resource-id": (9, _nothing),
    "encryption-status": (10, _nothing),
}


def fields_of(log_format: str) -> tuple[str, ...]:
    """Return the names of the fields of a format, such as ``${version} ${srcaddr}``."""
    return tuple(_FIELD.findall(log_format))


def unknown_fields(log_format: str) -> tuple[str, ...]:
    """Return those that AWS does not have."""
    return tuple(name for name in fields_of(log_format) if name not in FIELDS)


def header(fields: Iterable[str]) -> str:
    """Return the first line of a file in Amazon S3."""
    return " ".join(fields)


def records(
    fields: Sequence[str],
    watched: Watched,
    capture: Capture,
    traffic_type: str,
    interval_seconds: tuple[int, int],
) -> list[str]:
    """Return the records of an interface and one interval.

    Args:
        fields: of the flow log's format.
        watched: the interface.
        capture: what its instance's packets were counted as.
        traffic_type: ``ACCEPT``, ``REJECT`` or ``ALL``.
        interval_seconds: its first and its last second, since 1970.

    Returns:
        One for each flow; one with ``NODATA`` where there was none; and one with ``SKIPDATA``
        where some are missing.
    """
    version = max((FIELDS[name][0] for name in fields), default=2)
    lines = [
        _Line(watched, version, flow.first_seconds, flow.last_seconds, "OK", flow)
        for flow in flows_of(watched, capture)
        if traffic_type in ("ALL", ACTIONS[flow.accepted])
    ]
    if not capture.is_whole:
        lines.append(_Line(watched, version, *interval_seconds, "SKIPDATA"))
    elif not lines:
        lines.append(_Line(watched, version, *interval_seconds, "NODATA"))
    return [" ".join(FIELDS[name][1](line) for name in fields) for line in lines]


def flows_of(watched: Watched, capture: Capture) -> list[Flow]:
    """Return the flows that are an interface's: by the address at the instance's end."""
    return [
        flow
        for flow in capture.flows
        if _is_own(watched, flow.destination if flow.is_ingress else flow.source)
    ]


def _is_own(watched: Watched, address: str) -> bool:
    if any(_is_within(address, each) for each in watched.addresses):
        return True
    return watched.is_first and not any(_is_within(address, each) for each in watched.others)
