"""Records as ids: what a model of text alone is trained on, one after the other or packed into contexts.

Packing is best fit, decreasing (Ding and others, "Fewer Truncations Improve Language Modeling", 2024): no record is
cut, and little of a context is left empty.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stages.curriculum.records import Record
from stages.curriculum.settings import PICTURE, Frame

IGNORED = -100
"""The label of what the loss does not count, as `torch.nn.CrossEntropyLoss` has it."""


@dataclass(frozen=True, slots=True)
class Ids:
    """A record's ids; the first ``prompt`` of them are the prompt with its frame."""

    ids: list[int]
    prompt: int

    @property
    def labels(self) -> list[int]:
        """The ids, and `IGNORED` for the prompt."""
        return [IGNORED] * self.prompt + self.ids[self.prompt :]


def sequence(record: Record, frame: Frame, ids: Callable[[str], Sequence[int]]) -> Ids:
    """A record as ids, ``record.tokens`` of them. Raises ValueError for one with a picture, which has no ids."""
    if PICTURE in record.prompt:
        raise ValueError(f"{record.task} shows a picture")
    prompt = list(ids(frame.before + record.prompt + frame.between))
    return Ids([*prompt, *ids(record.answer), *ids(frame.after)], len(prompt))


def packed(lengths: Sequence[int], context: int) -> list[list[int]]:
    """Which of the items go into one context together: items are numbered as in ``lengths``, none is over ``context``.

    Items of one context are in their order, and so are contexts by their first items.
    """
    room: list[tuple[int, int]] = []  # what is left of a context, and which it is; sorted
    contexts: list[list[int]] = []
    for item in sorted(range(len(lengths)), key=lambda item: (-lengths[item], item)):
        at = bisect_left(room, (lengths[item], -1))
        if at == len(room):
            contexts.append([item])
            insort(room, (context - lengths[item], len(contexts) - 1))
        else:
            left, number = room.pop(at)
            contexts[number].append(item)
            insort(room, (left - lengths[item], number))
    return sorted(sorted(items) for items in contexts)
