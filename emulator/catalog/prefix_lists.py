"""The prefix lists that AWS manages in each region."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from emulator.catalog import files
from emulator.catalog.regions import REGIONS


@attrs.frozen
class ManagedPrefixList:
    """A prefix list whose owner is AWS: it can be named in rules and routes, not changed.

    Attributes:
        owner_id: always `AWS`, as DescribeManagedPrefixLists shows it.
    """

    id: str
    name: str
    arn: str
    cidrs: tuple[str, ...]
    address_family: str = "IPv4"
    owner_id: str = "AWS"


def managed_prefix_lists(region: str) -> Sequence[ManagedPrefixList]:
    """Return the AWS-managed prefix lists of a region; one that does not exist has none."""
    return _managed_prefix_lists(region) if region in REGIONS else ()


@functools.cache
def _managed_prefix_lists(region: str) -> tuple[ManagedPrefixList, ...]:
    facts = files.read("prefix_lists.json")
    return (*_gateway_lists(region, facts), *_other_lists(region, facts))


def _gateway_lists(region: str, facts: Mapping[str, Any]) -> Iterator[ManagedPrefixList]:
    """Yield the lists that gateway endpoints put into route tables."""
    recorded = facts["gateway"].get(region, {})
    for service, everywhere in facts["gateway_elsewhere"].items():
        list_id, cidrs = recorded.get(service, (None, everywhere))
        yield _prefix_list(region, f"com.amazonaws.{region}.{service}", cidrs, list_id=list_id)


def _other_lists(region: str, facts: Mapping[str, Any]) -> Iterator[ManagedPrefixList]:
    yield _prefix_list(
        region,
        "com.amazonaws.global.cloudfront.origin-facing",
        facts["cloudfront_cidrs"],
        list_id=facts["cloudfront"].get(region),
    )
    if cidr := facts["instance_connect"].get(region):
        yield _prefix_list(region, f"com.amazonaws.{region}.ec2-instance-connect", [cidr])
    lattice = facts["vpc_lattice"]
    yield _prefix_list(region, f"com.amazonaws.{region}.vpc-lattice", lattice["IPv4"])
    yield _prefix_list(
        region, f"com.amazonaws.{region}.ipv6.vpc-lattice", lattice["IPv6"], family="IPv6"
    )


def _prefix_list(
    region: str,
    name: str,
    cidrs: Sequence[str],
    *,
    list_id: str | None = None,
    family: str = "IPv4",
) -> ManagedPrefixList:
    """Return a list; one whose id is not known gets one that is the same at every start."""
    known = list_id or f"pl-{hashlib.sha256(f'{region}|{name}'.encode()).hexdigest()[:8]}"
    return ManagedPrefixList(
        id=known,
        name=name,
        arn=f"arn:{REGIONS[region].partition}:ec2:{region}:aws:prefix-list/{known}",
        cidrs=tuple(cidrs),
        address_family=family,
    )
