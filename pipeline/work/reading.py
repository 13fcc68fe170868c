"""Work that only reads: one function over many items, in this process or by an engine's workers.

What writes is a task (`pipeline.work.task`), which is recorded and reused. What only looks at a version is a function
of the storage and an item; it travels to a worker by its name, its item and its result by their contents, so both are
small and plain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pipeline.storage.base import Storage
from pipeline.work.task import Needs

Item = TypeVar("Item")
R = TypeVar("R")


ONE_CPU = Needs()


@dataclass(frozen=True)
class Reading(Generic[Item]):
    """One item on its way to a worker. ``stage``: what people are told that it is part of; ``key``: which part."""

    stage: str
    key: str
    item: Item
    source: str = ""
    needs: Needs = ONE_CPU
    seconds: float | None = None
    retry: bool = True
    deaths: int = 4


class Workers(Protocol):
    """Who reads."""

    def map(self, stage: str, function: Callable[[Storage, Item], R], items: Sequence[Item]) -> Iterator[R]:
        """What ``function`` gives for each of ``items``, in the order in which they end.

        Raises what ``function`` raises if it is a UserError, or another UserError that tells of it.
        """
        ...


class Here:
    """Reads in this process, one item after the other."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def map(self, stage: str, function: Callable[[Storage, Item], R], items: Sequence[Item]) -> Iterator[R]:
        """As `Workers.map`, in the order of ``items``."""
        return (function(self._storage, item) for item in items)
