"""Merkle trees of RFC 6962: every leaf of a tree is proven to be in it, and nothing else is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singlewindow.messages.merkle import (
    Head,
    consistency_path,
    grow,
    inclusion_path,
    known_nodes,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

SIZES = range(1, 71)

# The entries and roots of the test vectors that the reference implementation of Certificate Transparency publishes.
REFERENCE_ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
REFERENCE_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def leaves(size: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(size)]


def defined_root(hashes: Sequence[bytes]) -> bytes:
    """The root by the RFC's own words, written down once more."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    split = max(1 << power for power in range(20) if 1 << power < len(hashes))
    return node_hash(defined_root(hashes[:split]), defined_root(hashes[split:]))


def prove(size: int, index: int, *, sealed: int = 0) -> list[bytes]:
    """The path of a leaf, from the frontier at `sealed` leaves and the leaves after it."""
    hashes = leaves(size)
    return inclusion_path(known_nodes(grow([], 0, hashes[:sealed]), sealed, hashes[sealed:]), index, size)


@pytest.mark.parametrize("size", [0, *SIZES])
def test_a_root_that_grew_is_the_root_by_definition(size: int) -> None:
    assert root_of(grow([], 0, leaves(size))) == defined_root(leaves(size))


@pytest.mark.parametrize(("size", "root"), REFERENCE_ROOTS.items())
def test_the_roots_are_those_of_the_reference_implementation(size: int, root: str) -> None:
    entries = [leaf_hash(bytes.fromhex(entry)) for entry in REFERENCE_ENTRIES[:size]]
    assert root_of(grow([], 0, entries)).hex() == root


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_of_every_tree_verifies(size: int) -> None:
    root = defined_root(leaves(size))
    for index, leaf in enumerate(leaves(size)):
        assert verify_inclusion(leaf, index, size=size, path=prove(size, index), root=root)


@given(st.data())
def test_growing_in_steps_gives_the_root_of_growing_at_once(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from(SIZES))
    step = data.draw(st.integers(0, size))
    in_steps = grow(grow([], 0, leaves(step)), step, leaves(size)[step:])
    assert in_steps == grow([], 0, leaves(size))


@given(st.data())
def test_a_frontier_proves_every_later_leaf_without_the_leaves_before(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from(SIZES))
    index = data.draw(st.integers(0, size - 1))
    sealed = data.draw(st.integers(0, index))
    assert prove(size, index, sealed=sealed) == prove(size, index)


@given(st.data())
def test_a_changed_leaf_index_or_root_does_not_verify(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from(SIZES))
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(-2, size + 2))
    path, root, leaf = prove(size, index), defined_root(leaves(size)), leaves(size)[index]
    assert not verify_inclusion(leaf_hash(b"other"), index, size=size, path=path, root=root)
    assert not verify_inclusion(leaf, index, size=size, path=path, root=leaf_hash(b"other"))
    assert verify_inclusion(leaf, other, size=size, path=path, root=root) == (other == index)


@given(st.data())
def test_a_changed_path_does_not_verify(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from(SIZES[1:]))
    index = data.draw(st.integers(0, size - 1))
    path, root, leaf = prove(size, index), defined_root(leaves(size)), leaves(size)[index]
    place = data.draw(st.integers(0, len(path) - 1))
    changes = [
        [*path[:place], leaf_hash(b"other"), *path[place + 1 :]],
        path[:place] + path[place + 1 :],
        [*path[:place], leaf_hash(b"other"), *path[place:]],
        [*path, root],
        [],
    ]
    for changed in changes:
        assert not verify_inclusion(leaf, index, size=size, path=changed, root=root)


@given(st.data())
def test_a_root_of_another_size_does_not_verify(data: st.DataObject) -> None:
    size, other = data.draw(st.sampled_from(SIZES)), data.draw(st.sampled_from(SIZES))
    index = data.draw(st.integers(0, size - 1))
    found = verify_inclusion(
        leaves(size)[index], index, size=other, path=prove(size, index), root=defined_root(leaves(other))
    )
    assert found == (size == other)


def test_a_node_that_is_not_known_cannot_be_proven() -> None:
    with pytest.raises(KeyError):
        inclusion_path({}, 1, 3)


def head(size: int) -> Head:
    return Head(size, defined_root(leaves(size)))


def defined_consistency(earlier: int, hashes: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """The proof by the words of RFC 6962, 2.1.2."""
    if earlier == len(hashes):
        return [] if whole else [defined_root(hashes)]
    split = max(1 << power for power in range(20) if 1 << power < len(hashes))
    if earlier <= split:
        return [*defined_consistency(earlier, hashes[:split], whole=whole), defined_root(hashes[split:])]
    return [*defined_consistency(earlier - split, hashes[split:], whole=False), defined_root(hashes[:split])]


def lead(earlier: int, later: int) -> list[bytes]:
    """The path between two trees, from the frontier of the earlier and the leaves after it alone."""
    hashes = leaves(later)
    nodes = known_nodes(grow([], 0, hashes[:earlier]), earlier, hashes[earlier:])
    return consistency_path(nodes, earlier, later)


two_sizes = st.tuples(st.integers(1, 200), st.integers(1, 200)).map(sorted).map(tuple)


@given(two_sizes)
def test_the_way_from_a_tree_to_a_later_one_is_that_of_the_rfc_and_verifies(sizes: tuple[int, int]) -> None:
    path = lead(*sizes)
    assert path == defined_consistency(sizes[0], leaves(sizes[1]))
    assert verify_consistency(head(sizes[0]), head(sizes[1]), path)


@given(two_sizes, st.data())
def test_a_tree_that_does_not_begin_with_the_earlier_one_does_not_verify(
    sizes: tuple[int, int], data: st.DataObject
) -> None:
    earlier, later = sizes
    altered = leaves(later)
    altered[data.draw(st.integers(0, earlier - 1))] = leaf_hash(b"other")
    path = defined_consistency(earlier, altered)
    assert not verify_consistency(head(earlier), Head(later, defined_root(altered)), path)


@given(two_sizes, st.data())
def test_a_changed_way_or_other_sizes_do_not_verify(sizes: tuple[int, int], data: st.DataObject) -> None:
    earlier, later = sizes
    path = lead(earlier, later)
    other = data.draw(st.sampled_from([size for size in (earlier - 1, earlier + 1, 0) if size != earlier]))
    assert not verify_consistency(Head(other, head(earlier).root), head(later), path)
    assert not verify_consistency(head(earlier), head(later), [*path, leaf_hash(b"other")])
    assert verify_consistency(head(later), head(earlier), path) == (earlier == later)
    for place in range(len(path)):
        changed = [*path[:place], leaf_hash(b"other"), *path[place + 1 :]]
        assert not verify_consistency(head(earlier), head(later), changed)
        assert not verify_consistency(head(earlier), head(later), path[:place] + path[place + 1 :])
