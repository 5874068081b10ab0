"""Which leaf makes a tree another than the signed one: tries what one hand on one row would have done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from singlewindow.messages.merkle import grow, root_of

MOST_HASHES = 2_000_000
"""What a search may cost, a second or two; leaves sealed together in one second are far fewer than that takes."""


def find_inserted(frontier: Sequence[bytes], size: int, leaves: Sequence[bytes], *, root: bytes) -> int | None:
    """The place in `leaves`, which follow the first `size`, of the one without which they lead to the signed root.

    None where there is none, or too many leaves to try them all.
    """
    if len(leaves) ** 2 > MOST_HASHES * 2:
        return None
    before = list(frontier)
    for place, leaf in enumerate(leaves):
        if root_of(grow(before, size + place, leaves[place + 1 :])) == root:
            return place
        before = grow(before, size + place, [leaf])
    return None


def find_swapped(
    frontier: Sequence[bytes], size: int, leaves: Sequence[bytes], *, root: bytes
) -> tuple[int, int] | None:
    """The two places in `leaves` that must be exchanged to lead to the signed root; neighbours are tried first.

    None where there are none, or after as many tries as may be made.
    """
    befores = [list(frontier)]
    for place, leaf in enumerate(leaves):
        befores.append(grow(befores[-1], size + place, [leaf]))
    for first, second in _pairs(len(leaves)):
        exchanged = list(leaves[first:])
        exchanged[0], exchanged[second - first] = exchanged[second - first], exchanged[0]
        if root_of(grow(befores[first], size + first, exchanged)) == root:
            return first, second
    return None


def _pairs(count: int) -> Iterator[tuple[int, int]]:
    spent = 0
    for distance in range(1, count):
        for first in range(count - distance):
            spent += count - first
            if spent > MOST_HASHES:
                return
            yield first, first + distance
