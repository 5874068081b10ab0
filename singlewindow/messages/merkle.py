"""Merkle trees as RFC 6962 (2.1) defines them, over SHA-256: roots that grow, and proofs: a leaf is in a tree, a
tree is the beginning of a later one.

A tree is never held whole. Its *frontier*, the roots of its perfect subtrees from the left (one for each bit of its
size), is enough to add leaves, to find the root, and to prove any leaf added later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

EMPTY_ROOT = hashlib.sha256().digest()
"""The root of a tree without leaves."""

Span = tuple[int, int]
"""The leaves under a node: index of the first, and of the one after the last."""


@dataclass(frozen=True, slots=True)
class Head:
    """A tree of `size` leaves as it is told to others."""

    size: int
    root: bytes


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf; its first byte keeps a leaf from being taken for a node."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node above two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def grow(frontier: Sequence[bytes], size: int, leaves: Iterable[bytes]) -> list[bytes]:
    """The frontier after these leaf hashes are added to a tree of `size` leaves: two equal subtrees become one."""
    grown = list(frontier)
    for count, leaf in enumerate(leaves, start=size):
        node, filled = leaf, count
        while filled & 1:
            node, filled = node_hash(grown.pop(), node), filled >> 1
        grown.append(node)
    return grown


def root_of(frontier: Sequence[bytes]) -> bytes:
    """The root of the tree with this frontier."""
    if not frontier:
        return EMPTY_ROOT
    *left, root = frontier
    for node in reversed(left):
        root = node_hash(node, root)
    return root


def known_nodes(frontier: Sequence[bytes], size: int, leaves: Sequence[bytes]) -> dict[Span, bytes]:
    """The nodes of a tree of `size` leaves by what they span, and the leaf hashes that were added after it."""
    nodes, start = {}, 0
    bits = (bit for bit in range(size.bit_length() - 1, -1, -1) if size >> bit & 1)
    for bit, node in zip(bits, frontier, strict=True):
        nodes[start, start + (1 << bit)] = node
        start += 1 << bit
    return nodes | {(index, index + 1): leaf for index, leaf in enumerate(leaves, start=size)}


def inclusion_path(nodes: Mapping[Span, bytes], index: int, size: int) -> list[bytes]:
    """The hashes beside the way from leaf `index` up to the root of `size` leaves. KeyError if a node is unknown."""
    path, start, end = [], 0, size
    while end - start > 1:
        middle = _middle(start, end)
        if index < middle:
            path.append(_subtree(nodes, middle, end))
            end = middle
        else:
            path.append(_subtree(nodes, start, middle))
            start = middle
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, *, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path leads from this leaf hash, at this place of a tree of `size` leaves, to the root.

    By RFC 9162, 2.1.3.2. The path alone does not tell the size: take it from the signed head, as the root.
    """
    if not 0 <= index < size:
        return False
    node, place, last = leaf, index, size - 1
    for beside in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = node_hash(beside, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, beside)
        place, last = place >> 1, last >> 1
    return last == 0 and node == root


def consistency_path(nodes: Mapping[Span, bytes], earlier: int, later: int) -> list[bytes]:
    """The hashes that lead from the root of the first `earlier` leaves to that of `later`; empty for equal sizes.

    Known nodes are enough when they hold the frontier at `earlier` and every leaf after it. KeyError if one is unknown.
    """
    path, start, end = [], 0, later
    while end > earlier:
        middle = _middle(start, end)
        if earlier <= middle:
            path.append(_subtree(nodes, middle, end))
            end = middle
        else:
            path.append(_subtree(nodes, start, middle))
            start = middle
    # whoever checks holds the earlier root itself, which this is when nothing was left of it
    return ([_subtree(nodes, start, end)] if start else []) + path[::-1]


def verify_consistency(earlier: Head, later: Head, path: Sequence[bytes]) -> bool:
    """Whether the later tree begins with exactly the leaves of the earlier one. By RFC 9162, 2.1.4.2."""
    if not 0 < earlier.size < later.size:
        return earlier == later and not path
    climbing = [earlier.root, *path] if earlier.size & (earlier.size - 1) == 0 else list(path)
    if not climbing:
        return False
    place, last = earlier.size - 1, later.size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = climbing[0]
    for beside in climbing[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(beside, before), node_hash(beside, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, beside)
        place, last = place >> 1, last >> 1
    return last == 0 and (before, after) == (earlier.root, later.root)


def _middle(start: int, end: int) -> int:
    """Where RFC 6962 divides a subtree: after the greatest power of two that is less than its leaves."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _subtree(nodes: Mapping[Span, bytes], start: int, end: int) -> bytes:
    known = nodes.get((start, end))
    if known is not None:
        return known
    if end - start == 1:
        raise KeyError((start, end))
    middle = _middle(start, end)
    return node_hash(_subtree(nodes, start, middle), _subtree(nodes, middle, end))
