from __future__ import annotations

from emulator.core.event_loop import Turn


def test_what_waits_for_the_end_of_a_turn_happens_once_in_its_order() -> None:
    turn, happened = Turn(), list[int]()
    for number in (1, 2):
        turn.at_end(lambda number=number: happened.append(number))

    turn.end()
    turn.end()

    assert happened == [1, 2]
    assert not turn.is_shared


def test_who_fails_at_the_end_of_a_turn_keeps_nobody_from_it() -> None:
    turn, happened = Turn(), list[str]()
    turn.at_end([].pop)
    turn.at_end(lambda: happened.append("the other"))

    turn.end()

    assert happened == ["the other"]
