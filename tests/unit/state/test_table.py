from __future__ import annotations

from typing import ClassVar

import pytest

from emulator.model.row import IllegalMoveError, Row, Stateful, moves, record
from emulator.state.store import Region


@record
class Shelf(Row):
    PREFIX: ClassVar[str] = "shelf"
    INDEXES: ClassVar[tuple[str, ...]] = ("room",)

    room: str
    labels: tuple[str, ...] = ()


@record
class Book(Stateful):
    PREFIX: ClassVar[str] = "book"
    INDEXES: ClassVar[tuple[str, ...]] = ("shelf_id", "labels")
    MOVES = moves(new="read lost", read="new")

    shelf_id: str | None = None
    labels: tuple[str, ...] = ()


@pytest.fixture
def region() -> Region:
    return Region("000000000000", "us-east-1")


def book(region: Region, name: str, **fields: object) -> Book:
    return region[Book].add(Book(id=name, state="new", **fields))


def render_shelf(region: Region, shelf: Shelf) -> bytes:
    def render() -> bytes:
        books = region[Book].where(shelf_id=shelf.id)
        return f"{shelf.id}: {', '.join(f'{b.id} {b.state}' for b in books)}".encode()

    return region.reads.during(shelf, render)


def test_rows_come_back_in_the_order_they_came(region: Region) -> None:
    for name in "cab":
        book(region, name)

    assert [row.id for row in region[Book]] == ["c", "a", "b"]
    assert [row.sequence for row in region[Book]] == [1, 2, 3]


def test_an_id_is_taken_once(region: Region) -> None:
    book(region, "a")

    with pytest.raises(ValueError, match="a exists already"):
        book(region, "a")


def test_where_follows_assignments(region: Region) -> None:
    row = book(region, "a", shelf_id="x")
    row.shelf_id = "y"

    assert region[Book].where(shelf_id="x") == []
    assert region[Book].where(shelf_id="y") == [row]


def test_a_tuple_is_indexed_by_each_item(region: Region) -> None:
    row = book(region, "a", labels=("red", "old"))
    row.labels = ("old", "torn")

    assert region[Book].where(labels="red") == []
    assert region[Book].where(labels="old") == [row]
    assert region[Book].where(labels="torn") == [row]


def test_a_removed_row_is_found_nowhere(region: Region) -> None:
    row = book(region, "a", shelf_id="x", labels=("red",))
    region[Book].remove(row)
    region[Book].remove(row)

    assert list(region[Book]) == []
    assert region[Book].where(shelf_id="x") == []
    assert region[Book].where(labels="red") == []
    assert region[Book].get("a") is None


def test_a_rendering_is_dropped_when_a_shown_row_changes(region: Region) -> None:
    shelf = region[Shelf].add(Shelf(id="s", room="r"))
    row = book(region, "a", shelf_id="s")
    assert render_shelf(region, shelf) == b"s: a new"

    row.move("read")

    assert shelf.fragment is None
    assert render_shelf(region, shelf) == b"s: a read"


def test_a_rendering_is_dropped_when_the_first_row_comes_into_an_empty_bucket(
    region: Region,
) -> None:
    shelf = region[Shelf].add(Shelf(id="s", room="r"))
    assert render_shelf(region, shelf) == b"s: "

    book(region, "a", shelf_id="s")

    assert shelf.fragment is None


def test_a_rendering_is_dropped_when_a_row_leaves(region: Region) -> None:
    shelf = region[Shelf].add(Shelf(id="s", room="r"))
    row = book(region, "a", shelf_id="s")
    render_shelf(region, shelf)

    row.shelf_id = None

    assert shelf.fragment is None


def test_a_rendering_is_dropped_when_what_a_shown_row_shows_changes(region: Region) -> None:
    inner = book(region, "a")
    middle = region[Shelf].add(Shelf(id="s", room="r"))
    outer = region[Shelf].add(Shelf(id="t", room="r"))

    def show_middle() -> bytes:
        def state() -> bytes:
            return region[Book]["a"].state.encode()

        return region.reads.during(middle, state)

    region.reads.during(outer, show_middle)
    inner.move("read")

    assert middle.fragment is None
    assert outer.fragment is None


def test_a_rendering_that_shows_that_nothing_is_there_is_dropped_when_it_comes(
    region: Region,
) -> None:
    shelf = region[Shelf].add(Shelf(id="s", room="r"))
    region.reads.during(shelf, lambda: str(region[Book].get("a")).encode())

    book(region, "a")

    assert shelf.fragment is None


def test_a_rendering_that_goes_through_a_table_is_dropped_when_a_row_of_it_changes(
    region: Region,
) -> None:
    shelf = region[Shelf].add(Shelf(id="s", room="x"))
    novel = book(region, "a")

    def render() -> bytes:
        return ", ".join(item.state for item in region[Book]).encode()

    region.reads.during(shelf, render)
    assert shelf.fragment == b"new"
    novel.move("read")
    assert shelf.fragment is None


def test_an_unrelated_change_keeps_the_rendering(region: Region) -> None:
    shelf = region[Shelf].add(Shelf(id="s", room="r"))
    book(region, "a", shelf_id="s")
    other = book(region, "b", shelf_id="elsewhere")
    kept = render_shelf(region, shelf)

    other.move("read")
    book(region, "c")

    assert shelf.fragment is kept


def test_rows_that_come_and_go_leave_nothing_behind(region: Region) -> None:
    lasting = book(region, "lasting")

    for number in range(100):
        shelf = region[Shelf].add(Shelf(id=f"s{number}", room="r"))
        region.reads.during(
            shelf,
            lambda: str(
                (region[Book]["lasting"].state, region[Book].where(shelf_id=shelf.id))  # noqa: B023
            ).encode(),
        )
        region[Shelf].remove(shelf)

    assert not lasting.readers
    assert region[Book]._indexes["shelf_id"] == {}


def test_a_move_that_the_table_lacks_is_refused(region: Region) -> None:
    row = book(region, "a")
    row.move("lost")

    with pytest.raises(IllegalMoveError, match="a: lost -> read"):
        row.move("read")


def test_touching_a_row_drops_renderings(region: Region) -> None:
    row = book(region, "a")
    region.reads.during(row, lambda: b"a")

    row.touch()

    assert row.fragment is None


def test_several_fields_change_as_one(region: Region) -> None:
    shelf = region[Shelf].add(Shelf(id="s", room="r"))
    row = book(region, "a", shelf_id="s")
    render_shelf(region, shelf)

    row.update(shelf_id="t", labels=("red",))

    assert shelf.fragment is None
    assert region[Book].where(shelf_id="t") == region[Book].where(labels="red") == [row]
    assert region[Book].where(shelf_id="s") == []
