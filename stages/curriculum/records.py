"""The records of a stage: a prompt, an answer, and the picture where the prompt shows one.

A sample gives a record for each task, copy and caption that the curriculum wants of it. What it does not give is
counted by why (`Counts`): nothing is left out without a word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stages.curriculum.choose import Thresholds, cap_salt, copies, hashed, mixed
from stages.curriculum.settings import (
    CAPTION,
    IMAGE_TO_CAPTION,
    IMAGE_TO_SVG,
    PICTURE,
    Curriculum,
    Frame,
    Stage,
    TaskName,
    TaskSettings,
)

COLUMNS = ("sample_id", "source", "flags", "tokens", "segments", "captions", "tier")
"""Of shards, what records are made of beside pictures."""

Counts = Counter[tuple[TaskName, str]]
"""Of each task: ``samples`` read, of which some are ``capped`` or ``unweighted`` (no copy of them is wanted), and the
others ``chosen``; of the ``candidates`` that these give, one a copy and caption, some are ``unshared`` (beyond the
task's share), without a caption that the task can use (``no_caption``), or ``too_long`` for the context; the others are
``records``. ``cut`` are those of the records that are longer than the context, ``tokens`` their tokens, and
``answer_tokens`` those of the answers."""


@dataclass(frozen=True, slots=True)
class Record:
    """One example for a trainer."""

    sample_id: str
    task: TaskName
    copy: int
    """Counted from 0."""
    prompt: str
    answer: str
    caption: str
    """That the prompt or the answer has; "" where there is none."""
    tokens: int
    """Of prompt, picture, answer and what frames them."""
    order: int
    """64 bits: where it comes among the records of its stage."""
    row: Mapping[str, Any]
    """Its sample, as its shard has it."""


@dataclass(frozen=True)
class Maker:
    """Makes the records of one stage. ``ids``: a text -> its ids by the version's tokenizer."""

    curriculum: Curriculum
    stage: Stage
    thresholds: Thresholds
    ids: Callable[[str], Sequence[int]]
    frame: Frame
    tasks: tuple[TaskName, ...]
    held_out: bool = False
    """Of a split that is evaluated on: each sample once."""

    def records(self, row: Mapping[str, Any], counts: Counts) -> Iterator[Record]:
        """The records of a sample; ``row``: `COLUMNS` and what else its shard has."""
        times, why = self._copies(row)
        for task in self.tasks:
            counts[task, "samples"] += 1
            counts[task, why] += 1
            for copy in range(times):
                yield from self._of(row, task, copy, counts)

    def _copies(self, row: Mapping[str, Any]) -> tuple[int, str]:
        if self.held_out:
            return 1, "chosen"
        if not self.thresholds.lets_in(row["sample_id"], row["source"], cap_salt(self.curriculum)):
            return 0, "capped"
        times = copies(row, self.curriculum, self.stage.name)
        return times, "chosen" if times else "unweighted"

    def _of(self, row: Mapping[str, Any], task: TaskName, copy: int, counts: Counts) -> Iterator[Record]:
        settings, key = self.curriculum.tasks[task], int(row["sample_id"][:16], 16)
        counts[task, "candidates"] += 1
        if mixed(key, self._salt("share", task, copy)) >= settings.share * 2.0**64:
            counts[task, "unshared"] += 1
            return
        texts = self._captions(row, task, copy)
        if not texts:
            counts[task, "no_caption"] += 1
            return
        counts[task, "candidates"] += len(texts) - 1
        drawing = row["tokens" if self.stage.tokens == "atomic" else "segments"]
        for number, text in enumerate(texts):
            prompt = settings.prompt.replace(CAPTION, text)
            answer = text if task == IMAGE_TO_CAPTION else drawing
            own = len(self.ids(answer))
            length = self._prompt_length(prompt) + own + self._after
            over = length > self.stage.context
            if over and self.curriculum.too_long == "leave_out":
                counts[task, "too_long"] += 1
                continue
            counts[task, "records"] += 1
            counts[task, "cut"] += over
            counts[task, "tokens"] += length
            counts[task, "answer_tokens"] += own
            order = mixed(key, self._salt("order", task, copy, number))
            yield Record(row["sample_id"], task, copy, prompt, answer, text, length, order, row)

    def _captions(self, row: Mapping[str, Any], task: TaskName, copy: int) -> list[str]:
        """One for each record; "" for a task that needs none."""
        if task == IMAGE_TO_SVG:
            return [""]
        settings = self.curriculum.tasks[task]
        texts = fitting(row["captions"] or (), settings)
        if settings.captions == "all" or not texts:
            return texts
        chance = mixed(int(row["sample_id"][:16], 16), self._salt("caption", task, copy))
        return [texts[chance % len(texts) if settings.captions == "any" else 0]]

    def _salt(self, *parts: object) -> int:
        return hashed(self.curriculum.seed, self.stage.name, *parts)

    def _prompt_length(self, prompt: str) -> int:
        shown = self.curriculum.picture_tokens if PICTURE in prompt else 0
        return shown + len(self.ids(self.frame.before + prompt.replace(PICTURE, "") + self.frame.between))

    @cached_property
    def _after(self) -> int:
        return len(self.ids(self.frame.after))

    def least(self, task: TaskName) -> int:
        """Tokens that a record of ``task`` has beside its caption and its drawing."""
        return self._prompt_length(self.curriculum.tasks[task].prompt.replace(CAPTION, "")) + self._after


def fitting(captions: Sequence[Mapping[str, Any]], settings: TaskSettings) -> list[str]:
    """The texts of the captions that a task can use, in their order, each once.

    A text with "<" is none: a trainer or a tokenizer could take it for a token or a picture.
    """
    texts = [
        caption["text"]
        for caption in captions
        if (not settings.styles or caption["style"] in settings.styles) and "<" not in caption["text"]
    ]
    return list(dict.fromkeys(texts))
