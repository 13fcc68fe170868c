"""Batch files of a config: what is missing is written, and what a batch answered goes into the cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.asking.batch import line_of, read_files, write_files
from pipeline.asking.cache import GROUP_ROWS, Answer, Cache, write_answers
from pipeline.asking.limits import Amount, Purse
from pipeline.asking.price import guess
from pipeline.asking.request import Request, Usage
from pipeline.asking.settings import AskSettings
from pipeline.errors import InputError
from pipeline.run.asking import Known
from pipeline.steps.ask import wanted
from pipeline.storage.base import Storage


@dataclass(frozen=True)
class Written:
    """Batch files that were written: each, and its lines. ``left_out``: requests that the budget does not hold."""

    files: list[tuple[Path, int]]
    left_out: int


def write_batches(storage: Storage, settings: AskSettings, known: Known, out: Path) -> Written:
    """Write what nobody was asked for yet, as far as the budget holds it. Raises ConfigError."""
    cache = Cache(storage)
    cache.refresh()
    one = guess(settings, cache, known.longest)
    purse = Purse(Amount.left(settings.budget, *cache.spent()), settings.price, one, batch=True)
    left_out = 0

    def lines() -> Iterator[bytes]:
        nonlocal left_out
        for request in _missing(storage, known, cache):
            if left_out or purse.lacking():
                left_out += 1
            else:
                purse.begin()
                yield line_of(request, settings)

    files = write_files(lines(), out)
    return Written(files, left_out)


def _missing(storage: Storage, known: Known, cache: Cache) -> Iterator[Request]:
    begun: set[bytes] = set()
    for unit in known.units():
        for _, every in wanted(storage, unit.place, known.settings, [unit.group], shown=True):
            asked = [one for one in every if one.key is not None]
            there = cache.has([one.key for one in asked if one.key is not None])
            for one, answered in zip(asked, there.tolist(), strict=True):
                if not answered and one.key is not None and one.picture is not None and one.key not in begun:
                    begun.add(one.key)
                    yield Request(one.key, one.sample_id, one.prompt.style, one.filled, one.picture)


@dataclass
class Read:
    """What files of answers held, and what is missing then."""

    stored: int = 0
    without_text: int = 0
    """Of ``stored``: those with a reason instead."""
    known: int = 0
    """Answered before."""
    faults: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    usage: Usage = field(default_factory=Usage)
    money: float = 0.0


UNREADABLE, FOREIGN, DOUBLED, FAILED = "unreadable", "foreign", "doubled", "failed"


def read_batches(storage: Storage, settings: AskSettings, known: Known, paths: Sequence[Path]) -> Read:
    """Store what a batch answered. Raises InputError for a file that cannot be read, before anything is stored."""
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path} is no file; name the files that the batch answered with")
    index = _Index.of(storage, known)
    cache = Cache(storage)
    cache.refresh()
    result = Read()
    seen = np.zeros(len(index.firsts), bool)
    held: list[Answer] = []
    for line in read_files(paths, settings.structured):
        if line is None:
            result.faults[UNREADABLE] += 1
            continue
        place = -1 if line.key is None else index.place(line.key)
        if line.key is None or place < 0:
            result.faults[FOREIGN] += 1
        elif seen[place]:
            result.faults[DOUBLED] += 1
        elif line.reply is None:
            result.faults[FAILED] += 1
        else:
            seen[place] = True
            if cache.has([line.key])[0]:
                result.known += 1
                continue
            sample_id, style = index.of_place(place)
            request = Request(line.key, sample_id, style, "", b"")
            usage, money = line.reply.usage, 0.0
            if settings.price is not None:
                money = settings.price.of(usage.input_tokens, usage.output_tokens, batch=True)
            held.append(Answer.of(request, line.reply, money, settings.model))
            result.stored += 1
            result.without_text += bool(line.reply.reason)
            result.usage += usage
            result.money += money
            if len(held) >= GROUP_ROWS:
                write_answers(storage, held)
                held = []
    if held:
        write_answers(storage, held)
    cache.refresh()
    cache.compact()
    result.missing = known.missing - result.stored
    return result


@dataclass(frozen=True)
class _Index:
    """All keys of a config, sorted by their first eight bytes: about 110 bytes each."""

    firsts: npt.NDArray[np.uint64]
    keys: npt.NDArray[np.uint8]
    """(n, 32)"""
    samples: npt.NDArray[np.bytes_]
    styles: npt.NDArray[np.uint8]
    names: tuple[str, ...]

    @classmethod
    def of(cls, storage: Storage, known: Known) -> _Index:
        """Of what is wanted of all survivors."""
        names = tuple(prompt.style for prompt in known.settings.prompts)
        keys, samples, styles = bytearray(), bytearray(), bytearray()
        for one in _every(storage, known):
            keys += one[0]
            samples += one[1].encode().ljust(64)
            styles.append(names.index(one[2]))
        table = np.frombuffer(bytes(keys), np.uint8).reshape(-1, 32)
        firsts = np.ascontiguousarray(table[:, :8]).view(">u8").ravel().astype(np.uint64)
        order = np.argsort(firsts, kind="stable")
        ids = np.frombuffer(bytes(samples), "S64")
        return cls(firsts[order], table[order], ids[order], np.frombuffer(bytes(styles), np.uint8)[order], names)

    def place(self, key: bytes) -> int:
        """Where a key is, -1 for nowhere. Of equal ones the first."""
        at = int(np.searchsorted(self.firsts, np.uint64(int.from_bytes(key[:8], "big"))))
        while at < len(self.firsts) and self.keys[at, :8].tobytes() == key[:8]:
            if self.keys[at].tobytes() == key:
                return at
            at += 1
        return -1

    def of_place(self, place: int) -> tuple[str, str]:
        """Sample id and style."""
        return self.samples[place].decode().strip(), self.names[self.styles[place]]


def _every(storage: Storage, known: Known) -> Iterator[tuple[bytes, str, str]]:
    for place in known.places:
        for _, every in wanted(storage, place, known.settings):
            for one in every:
                if one.key is not None:
                    yield one.key, one.sample_id, one.prompt.style


def complaints(result: Read) -> Iterable[str]:
    """One line for each kind of what is wrong with files of answers."""
    lines = {
        UNREADABLE: "lines are no answers of a batch",
        FOREIGN: "answers have a custom_id that this config does not ask for (another config, prompt or model?)",
        DOUBLED: "answers have a custom_id that was there before; the first counts",
    }
    for kind, text in lines.items():
        if result.faults[kind]:
            yield f"{result.faults[kind]} {text}"
