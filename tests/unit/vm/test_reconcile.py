from __future__ import annotations

from emulator.vm.interface import Guest, GuestKey
from emulator.vm.reconcile import differences

ONE, TWO, THREE = (GuestKey("000000000000", "us-east-1", f"i-{number}") for number in range(3))


def guest(key: GuestKey) -> Guest:
    return Guest(key.instance_id, running=True, key=key)


def test_a_guest_with_a_record_is_known() -> None:
    found = differences([ONE], [guest(ONE)])

    assert (found.unknown, found.gone, found.known) == ([], [], [ONE])


def test_a_guest_without_a_record_is_unknown() -> None:
    found = differences([], [guest(ONE)])

    assert (found.unknown, found.gone, found.known) == ([guest(ONE)], [], [])


def test_a_record_without_a_guest_is_gone() -> None:
    found = differences([ONE], [])

    assert (found.unknown, found.gone, found.known) == ([], [ONE], [])


def test_the_same_id_in_another_region_is_another_guest() -> None:
    elsewhere = GuestKey(ONE.account, "eu-west-1", ONE.instance_id)
    found = differences([ONE], [guest(elsewhere)])

    assert (found.unknown, found.gone, found.known) == ([guest(elsewhere)], [ONE], [])


def test_keys_are_in_order() -> None:
    found = differences([THREE, ONE, TWO], [guest(THREE)])

    assert (found.gone, found.known) == ([ONE, TWO], [THREE])


def test_a_guest_without_an_identity_is_nobodys_concern() -> None:
    found = differences([], [Guest("i-1", running=True)])

    assert (found.unknown, found.gone, found.known) == ([], [], [])
