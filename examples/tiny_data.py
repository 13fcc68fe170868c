"""What `train_tiny` reads: drawings of a version's checkout as ids, batches of them, and the entropies of their ids."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from pipeline.errors import ConfigError
from stages.curriculum import Stage

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]

POOL = 4096
"""Drawings that are sorted by length together, before batches of them are shuffled."""

STEP = 16
"""Batches are as long as a multiple of this: to a CPU, products of new shapes cost more than some padding."""


@dataclass(frozen=True)
class Drawing:
    """One task, text to SVG. ``prompt``: <bos> and the caption; ``answer``: the drawing and <eos>; both are ids."""

    caption: str
    tier: str
    prompt: Ints
    answer: Ints

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


class Release:
    """The folder that ``svgmill checkout`` leaves: its tokenizer, and drawings from its Parquet shards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        home = folder / "tokenizer"
        try:
            self.tokenizer = Tokenizer.from_file(str(home / "tokenizer.json"))
            names = json.loads((home / "tokenizer_config.json").read_text(encoding="utf-8"))
            table = json.loads((home / "tokens.json").read_text(encoding="utf-8"))
        except Exception as error:  # the tokenizers' errors have no class of their own
            raise ConfigError(f"{folder} is no checkout ({error}): svgmill checkout WS N {folder}") from None
        if table["base"] is not None:
            raise ConfigError(f"{folder}: its ids are those of {table['base']}; leave out tokenize.ids.base_tokenizer")
        self.tokens = table["tokens"]
        self.segments = [token for token in self.tokens if token["kind"] == "segment"]
        self.begin, self.end = (self.tokenizer.token_to_id(names[name]) for name in ("bos_token", "eos_token"))
        self.all_ids = self.tokenizer.get_vocab_size()
        self.atomic_ids = self.all_ids - len(self.segments)  # segment tokens come last

    def drawings(self, stage: Stage, split: str) -> list[Drawing]:
        """The drawings of a split that a stage trains on, in the order of the shards, if they fit into its context.

        Shards hold ids with segment tokens as ``input_ids``; ids of atomic tokens are made of ``tokens``.
        """
        drawings = []
        segments = stage.tokens == "segments"
        column = "input_ids" if segments else "tokens"
        for tier in stage.tiers:
            for path in sorted(self.folder.glob(f"parquet/{tier}/{split}-*.parquet")):
                shard = pq.read_table(path, columns=["caption", column])
                captions, answers = shard["caption"].to_pylist(), shard[column].to_pylist()
                if not segments:
                    answers = [encoding.ids for encoding in self.tokenizer.encode_batch(answers)]
                for caption, ids in zip(captions, answers, strict=True):
                    prompt = [self.begin, *self.tokenizer.encode(caption).ids]
                    drawing = Drawing(caption, tier, np.array(prompt, np.int32), np.array([*ids, self.end], np.int32))
                    if len(drawing) <= stage.context:
                        drawings.append(drawing)
        if not drawings:
            raise ConfigError(f"{self.folder}: {stage.name} has no {split} drawings of {', '.join(stage.tiers)}")
        return drawings


def batches(lengths: Sequence[int], most: int, seed: int) -> Iterator[Ints]:
    """The numbers of the drawings of each batch, without end; every drawing comes once an epoch.

    Batches hold drawings of similar lengths: rows times the longest are at most ``most`` ids, if not of a single one.
    """
    sizes = -(-np.array(lengths) // STEP) * STEP
    epoch = 0
    while True:
        random = np.random.default_rng([seed, epoch])
        order = random.permutation(len(sizes))
        cut: list[Ints] = []
        for start in range(0, len(order), POOL):
            pool = order[start : start + POOL]
            pool = pool[np.argsort(sizes[pool], kind="stable")]
            first = 0
            for i in range(1, len(pool) + 1):
                if i == len(pool) or (i + 1 - first) * sizes[pool[i]] > most:
                    cut.append(pool[first:i])
                    first = i
        yield from (cut[i] for i in random.permutation(len(cut)))
        epoch += 1


def padded(drawings: Sequence[Drawing]) -> tuple[Ints, Ints]:
    """Inputs and targets (rows, positions); a target is -100 where none is asked for: the prompt and padding."""
    longest = -(-max(map(len, drawings)) // STEP) * STEP + 1
    ids = np.zeros((len(drawings), longest), np.int64)
    targets = np.full((len(drawings), longest), -100, np.int64)
    for row, drawing in enumerate(drawings):
        asked = slice(len(drawing.prompt), len(drawing))
        ids[row, : asked.start], ids[row, asked], targets[row, asked] = drawing.prompt, drawing.answer, drawing.answer
    return ids[:, :-1], targets[:, 1:]


def unigram_bits(train: Sequence[Drawing], held_out: Sequence[Drawing], vocabulary: int) -> tuple[Floats, Floats]:
    """Of each id the share in ``train``, one added to all counts; and bits of each drawing of ``held_out``."""
    counts = np.ones(vocabulary)
    counts += np.bincount(np.concatenate([drawing.answer for drawing in train]), minlength=vocabulary)
    shares = counts / counts.sum()
    return shares, np.array([-np.log2(shares[drawing.answer]).sum() for drawing in held_out])


def bigram_bits(train: Sequence[Drawing], held_out: Sequence[Drawing], shares: Floats) -> Floats:
    """Bits of each drawing of ``held_out`` by bigrams, interpolated with unigrams ``shares`` as Witten and Bell do.

    p(b|a) = (count(ab) + kinds(a) p(b)) / (count(a) + kinds(a)), where kinds(a) is how many ids ever follow a.
    """
    vocabulary = len(shares)

    def pairs(drawings: Sequence[Drawing]) -> tuple[Ints, Ints]:
        # the first id of a drawing follows the last of its prompt; one id more stands for all of these
        before = np.concatenate([[vocabulary, *drawing.answer[:-1]] for drawing in drawings])
        return before.astype(np.int64), np.concatenate([drawing.answer for drawing in drawings]).astype(np.int64)

    before, after = pairs(train)
    seen, counts = np.unique(before * vocabulary + after, return_counts=True)
    kinds = np.bincount(seen // vocabulary, minlength=vocabulary + 1)
    totals = np.bincount(before, minlength=vocabulary + 1)
    before, after = pairs(held_out)
    keys = before * vocabulary + after
    at = np.minimum(np.searchsorted(seen, keys), len(seen) - 1)
    count = np.where(seen[at] == keys, counts[at], 0)
    likely = (count + kinds[before] * shares[after]) / np.maximum(totals[before] + kinds[before], 1)
    # nothing ever followed: the unigrams alone
    bits = -np.log2(np.where(totals[before] > 0, likely, shares[after]))
    ends = np.cumsum([len(drawing.answer) for drawing in held_out])[:-1]
    return np.array([part.sum() for part in np.split(bits, ends)])
