"""Consecutive items in groups: up to a bound, or cut where their names say.

    filled    each group takes items until the next would be too many
    cut       where a group ends depends on the next item alone

Both keep the order, leave nothing out, and make no empty group. Where groups are the inputs of tasks, `filled` is for
those that are made anew anyway, and `cut` for those that are to be found again in the next version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


def filled(
    items: Iterable[T], size: Callable[[T], int], most: int, together: Callable[[T], Any] = lambda item: None
) -> list[list[T]]:
    """Groups of at most ``most``, or of one item; items of different ``together`` are in different groups."""
    return _grouped(items, size, together, lambda item, total: total > most)


def cut(
    items: Iterable[T],
    digest: Callable[[T], str],
    size: Callable[[T], int],
    target: int,
    together: Callable[[T], Any] = lambda item: None,
) -> list[list[T]]:
    """Groups of about ``target``, and at most twice that unless one item alone is larger.

    Where a group ends is decided by the next item's ``digest``, in hex, and its size, so that one that comes or goes
    changes its own group, and those up to the next end that a digest sets: content-defined chunking (LBFS, SOSP 2001),
    with items for bytes.
    """

    def ends(item: T, total: int) -> bool:
        return total > 2 * target or int(digest(item)[:13], 16) / 16**13 < size(item) / target

    return _grouped(items, size, together, ends)


def _grouped(
    items: Iterable[T], size: Callable[[T], int], together: Callable[[T], Any], ends: Callable[[T, int], bool]
) -> list[list[T]]:
    """``ends``: whether an item begins a group, given what the group before would come to with it."""
    groups: list[list[T]] = []
    total = 0
    for item in items:
        total += size(item)
        if not groups or together(groups[-1][0]) != together(item) or ends(item, total):
            groups.append([])
            total = size(item)
        groups[-1].append(item)
    return groups
