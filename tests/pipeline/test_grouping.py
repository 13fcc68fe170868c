import hashlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.grouping import cut, filled

Item = tuple[str, int]
ITEMS = st.lists(st.tuples(st.text("abc", min_size=1, max_size=4), st.integers(0, 30)), max_size=60)


def weight(item: Item) -> int:
    return item[1]


def digest(item: Item) -> str:
    return hashlib.sha256(item[0].encode()).hexdigest()


def initial(item: Item) -> str:
    return item[0][0]


WAYS: list[Callable[..., list[list[Item]]]] = [
    lambda items, most, **more: filled(items, weight, most, **more),
    lambda items, most, **more: cut(items, digest, weight, most, **more),
]


@pytest.mark.parametrize("way", WAYS)
@given(items=ITEMS, most=st.integers(1, 50))
def test_nothing_is_left_out_or_moved(way: Callable[..., list[list[Item]]], items: list[Item], most: int) -> None:
    """The groups, one after the other, are the items; none is empty."""
    groups = way(items, most)
    assert [item for group in groups for item in group] == items
    assert all(groups)


@given(ITEMS, st.integers(1, 50))
def test_filled_groups_are_as_large_as_they_may_be(items: list[Item], most: int) -> None:
    """No group is over the bound unless it is one item, and each is ended by an item that does not fit."""
    groups = filled(items, weight, most)
    assert all(sum(map(weight, group)) <= most or len(group) == 1 for group in groups)
    assert all(sum(map(weight, one)) + weight(two[0]) > most for one, two in pairwise(groups))


@given(ITEMS, st.integers(1, 50))
def test_cut_groups_are_bounded(items: list[Item], target: int) -> None:
    """A group is at most twice the target, or one item and others of no size."""
    for group in cut(items, digest, weight, target):
        sizes = [size for size in map(weight, group) if size]
        assert sum(sizes) <= 2 * target or len(sizes) == 1


@pytest.mark.parametrize("way", WAYS)
@given(items=ITEMS, most=st.integers(1, 50))
def test_what_is_not_together_is_apart(way: Callable[..., list[list[Item]]], items: list[Item], most: int) -> None:
    """A group holds items of one kind, and kinds do not change how the others are grouped."""
    groups = way(items, most, together=initial)
    assert all(len(set(map(initial, group))) == 1 for group in groups)


def test_a_cut_moves_little() -> None:
    """An item that comes changes the groups up to the next end that a digest sets, and no more."""
    items = [(f"n{number}", 1) for number in range(4_000)]
    before = {tuple(group) for group in cut(items, digest, weight, 20)}
    changed = []
    for place in range(0, 4_000, 100):
        after = {tuple(group) for group in cut([*items[:place], ("new", 1), *items[place:]], digest, weight, 20)}
        changed.append(len(after - before))
    assert max(changed) <= 8 and sum(changed) / len(changed) < 2.5
