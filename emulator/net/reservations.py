"""What a subnet gives out by itself where parts of it are reserved; pure.

Source: "Subnet CIDR reservations" in the Amazon VPC user guide: addresses of a reservation
are given only to who asks for them (``explicit``), or as prefixes (``prefix``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from emulator.model.vpc import ReservedRange, Subnet

Span = tuple[int, int]


def pick_address(
    subnet: Subnet, span: Span, is_free: Callable[[int], bool], tries: int, random: Random
) -> int | None:
    """Return a free address outside every reservation.

    Args:
        subnet: with its reservations.
        span: the first and the last address that may be given at all.
        is_free: whether nobody has an address.
        tries: how many addresses to look at; one more than are in use finds any free one.
        random: where in the span to begin.
    """
    return _pick(_gaps(span, _spans(subnet.reserved, 0)), is_free, tries, random)


def pick_prefix(
    subnet: Subnet,
    span: Span,
    shift: int,
    is_free: Callable[[int], bool],
    tries: int,
    random: Random,
) -> int | None:
    """Return a free prefix, of those reserved for prefixes first, never of the other ones.

    Args:
        subnet: with its reservations.
        span: the first and the last prefix that may be given, as their numbers.
        shift: bits of an address behind a prefix's number.
        is_free: whether nobody has anything of a prefix.
        tries: how many prefixes to look at.
        random: where in the span to begin.
    """
    explicit = _spans([item for item in subnet.reserved if not item.for_prefixes], shift)
    unreserved = _gaps(span, _spans(subnet.reserved, shift))
    every = _gaps(span, explicit)
    for_prefixes = [
        part
        for item in subnet.reserved
        if item.for_prefixes
        for gap in every
        if (part := _whole_prefixes(item, gap, shift))
    ]
    found = _pick(for_prefixes, is_free, tries, random)
    return _pick(unreserved, is_free, tries, random) if found is None else found


def _whole_prefixes(item: ReservedRange, gap: Span, shift: int) -> Span | None:
    first = max(-(-item.first >> shift), gap[0])
    last = min((item.last + 1 >> shift) - 1, gap[1])
    return (first, last) if first <= last else None


def _spans(ranges: Sequence[ReservedRange], shift: int) -> list[Span]:
    return sorted((item.first >> shift, item.last >> shift) for item in ranges)


def _gaps(span: Span, taken: Sequence[Span]) -> list[Span]:
    return list(_between(span, taken))


def _between(span: Span, taken: Sequence[Span]) -> Iterator[Span]:
    first, end = span
    for low, high in taken:
        if high < first or low > end:
            continue
        if first < low:
            yield first, low - 1
        first = high + 1
    if first <= end:
        yield first, end


def _pick(
    spans: Sequence[Span], is_free: Callable[[int], bool], tries: int, random: Random
) -> int | None:
    """Return a free number, looked for from a random place on, around the end."""
    total = sum(last - first + 1 for first, last in spans)
    if not total:
        return None
    start = random.randrange(total)
    for step in range(min(total, tries)):
        number = _at(spans, (start + step) % total)
        if is_free(number):
            return number
    return None


def _at(spans: Sequence[Span], index: int) -> int:
    for first, last in spans:
        if index <= last - first:
            return first + index
        index -= last - first + 1
    raise IndexError(index)
