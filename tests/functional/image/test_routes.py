"""Routes and public addresses where the emulator is in a container and sends helpers."""

from __future__ import annotations

from tests.functional.docker.cloud import Cloud
from tests.functional.network.test_routes import (
    stage,
    test_a_nat_gateway_is_who_the_outside_sees,
    test_an_elastic_address_moves_while_instances_run,
    test_an_instance_forwards_where_its_source_and_destination_are_not_checked,
    test_peering_carries_packets_once_both_sides_route_them,
    test_public_addresses_are_how_instances_see_each_other_and_the_machine,
    test_vpcs_with_the_same_range_are_apart_and_both_work,
)

__all__ = [
    "stage",
    "test_a_nat_gateway_is_who_the_outside_sees",
    "test_an_elastic_address_moves_while_instances_run",
    "test_an_instance_forwards_where_its_source_and_destination_are_not_checked",
    "test_peering_carries_packets_once_both_sides_route_them",
    "test_public_addresses_are_how_instances_see_each_other_and_the_machine",
    "test_vpcs_with_the_same_range_are_apart_and_both_work",
]


def test_in_a_container_they_are_real_as_well(cloud: Cloud) -> None:
    told = cloud.page("/_localstack/info")["routes_and_public_addresses"]

    assert told == {"real": True, "reason": "by a router for each VPC on the engine's machine"}
