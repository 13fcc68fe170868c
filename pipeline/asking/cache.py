"""Answers, kept for good: every version of a workspace, and every machine, finds what was paid for once.

``answers/`` holds tables of `ANSWERS`, each named by its content and never changed. Who asks adds small ones every few
seconds (`Keeper`); now and then many become one (`Cache.compact`). A table is removed only when all its rows are in
another that is there already, so that whoever lists the folder sees every answer, and no lock is needed. Two runs that
ask the same at once store both answers; of equal keys one row counts, by a rule that knows nothing of time: a text
before a reason, then the least. Garbage collection leaves the folder alone.

Who looks for answers reads the keys of all tables, 12 bytes an answer are held, and of the rest only the row groups
that have what is looked for: answers of a partition were stored together.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.asking.request import Reply, Request, Usage
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.tables import open_table, write_table

PLACE = "answers/"

ANSWERS = pa.schema(
    [
        ("key", pa.binary(32)),
        ("sample_id", pa.string()),  # of the first that it was asked for
        ("text", pa.string()),  # "" where there is a reason
        ("reason", pa.string()),  # `Unanswered`, "" where there is a text
        ("detail", pa.string()),
        ("requests", pa.int32()),  # that were answered, of all attempts
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("money", pa.float64()),  # by the price at the time, 0 for none
        ("model", pa.string()),
        ("style", pa.string()),
    ]
)

GROUP_ROWS = 5_000
"""Rows of a row group."""
TABLE_ROWS = 100_000
"""Rows from which on a table is left alone by `Cache.compact`."""
PIECES = 64
"""Tables that who asks writes before they become one."""
FEW_TABLES = 32
"""Small tables that `Cache.compact` leaves alone."""
ENOUGH = 1_000
"""Requests after which a mean is good enough."""
TRIES = 10
"""How often a list of tables is read anew of which one was removed meanwhile."""


@dataclass(frozen=True)
class Answer:
    """A row of `ANSWERS`."""

    key: bytes
    sample_id: str
    text: str
    reason: str
    detail: str
    requests: int
    input_tokens: int
    output_tokens: int
    money: float
    model: str
    style: str

    @classmethod
    def of(cls, request: Request, reply: Reply, money: float, model: str) -> Answer:
        """What came of a request, as it is stored."""
        usage = reply.usage
        reason = "" if reply.reason is None else str(reply.reason)
        spent = (usage.requests, usage.input_tokens, usage.output_tokens)
        return cls(
            request.key, request.sample_id, reply.text, reason, reply.detail, *spent, money, model, request.style
        )

    @property
    def order(self) -> tuple[bool, str, str, str, int, int, int, float]:
        """Of rows with equal keys the least by this counts."""
        spent = (self.requests, self.input_tokens, self.output_tokens, self.money)
        return bool(self.reason), self.text, self.reason, self.detail, *spent


@dataclass(frozen=True)
class _Keys:
    """Of one table: the first eight bytes of each key, rising, and the row that each is of."""

    firsts: npt.NDArray[np.uint64]
    rows: npt.NDArray[np.uint32]

    def begins(self, firsts: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Where the rows of each of ``firsts`` begin."""
        return np.searchsorted(self.firsts, firsts, "left")

    def ends(self, firsts: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Where they end, exclusive."""
        return np.searchsorted(self.firsts, firsts, "right")

    def rows_of(self, firsts: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint32]:
        """The rows of all of ``firsts``, rising."""
        begins, ends = self.begins(firsts), self.ends(firsts)
        here = np.flatnonzero(begins < ends)
        if not len(here):
            return np.empty(0, np.uint32)
        return np.sort(np.concatenate([self.rows[begins[i] : ends[i]] for i in here]))


class Cache:
    """The answers of a workspace, as they were when `refresh` was called last."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._tables: dict[str, _Keys] = {}

    def refresh(self) -> None:
        """See what is there now. Raises DamagedTable."""
        for _ in range(TRIES):
            paths = [entry.path for entry in self._storage.list(PLACE)]
            try:
                self._tables = {path: self._tables.get(path) or self._keys(path) for path in paths}
                return
            except NotFound:  # another run has put it together with others
                continue
        raise NotFound(f"{self._storage.locate(PLACE)}: tables vanish again and again; see who removes them")

    def has(self, keys: Sequence[bytes]) -> npt.NDArray[np.bool_]:
        """Whether there is an answer for each of ``keys``."""
        wanted = _firsts(keys)
        there = np.zeros(len(wanted), bool)
        for table in self._tables.values():
            there |= table.begins(wanted) < table.ends(wanted)
        return there

    def find(self, keys: Iterable[bytes]) -> dict[bytes, Answer]:
        """Key -> answer, as far as there is one."""
        missing = sorted(set(keys))
        for _ in range(TRIES):
            try:
                return self._find(missing)
            except NotFound:
                self.refresh()
        raise NotFound(f"{self._storage.locate(PLACE)}: tables vanish again and again; see who removes them")

    def _find(self, keys: Sequence[bytes]) -> dict[bytes, Answer]:
        wanted, firsts = pa.array(keys, pa.binary(32)), _firsts(keys)
        answers: dict[bytes, Answer] = {}
        for path, table in sorted(self._tables.items()):
            rows = table.rows_of(firsts)
            if not len(rows):
                continue
            for part in _groups_with(self._storage, path, rows):
                for row in part.filter(pc.is_in(part["key"], value_set=wanted)).to_pylist():
                    answer = Answer(**row)
                    known = answers.get(answer.key)
                    if known is None or answer.order < known.order:
                        answers[answer.key] = answer
        return answers

    def spent(self) -> tuple[Usage, float]:
        """What all answers took, and their price."""
        usage, money = Usage(), 0.0
        for path in sorted(self._tables):
            with open_table(self._storage, path) as file:
                table = file.read(columns=["requests", "input_tokens", "output_tokens", "money"], use_threads=False)
            sums = [pc.sum(table[name]).as_py() or 0 for name in table.column_names]
            usage += Usage(*map(int, sums[:3]))
            money += float(sums[3])
        return usage, money

    def measured(self, model: str, style: str) -> Usage | None:
        """What requests of a model for a style took in the mean, each number rounded up; None before there are any."""
        total = Usage()
        for path in sorted(self._tables):
            with open_table(self._storage, path) as file:
                columns = ["requests", "input_tokens", "output_tokens", "model", "style"]
                table = file.read(columns=columns, use_threads=False)
            here = pc.and_(pc.equal(table["model"], model), pc.equal(table["style"], style))
            table = table.filter(pc.and_(here, pc.greater(table["input_tokens"], 0)))
            total += Usage(*(int(pc.sum(table[name]).as_py() or 0) for name in columns[:3]))
            if total.requests >= ENOUGH:
                break
        if not total.requests:
            return None
        return Usage(1, -(-total.input_tokens // total.requests), -(-total.output_tokens // total.requests))

    def compact(self) -> None:
        """Put small tables together where they are many. Other runs may do the same at the same time."""
        small = []
        for entry in self._storage.list(PLACE):
            try:
                with open_table(self._storage, entry.path) as file:
                    rows = file.metadata.num_rows
            except NotFound:
                continue
            if rows < TABLE_ROWS:
                small.append((entry.path, rows))
        if len(small) <= FEW_TABLES:
            return
        while small:
            together: list[str] = []
            count = 0
            while small and count < TABLE_ROWS:
                path, rows = small.pop(0)
                together.append(path)
                count += rows
            join(self._storage, together)

    def forget(self, down: Callable[[pa.Table], npt.NDArray[np.bool_]]) -> None:
        """Remove the answers of samples that were taken ``down``, which says of each row of ids whether it was."""
        self.refresh()
        for path in sorted(self._tables):
            with open_table(self._storage, path) as file:
                table = file.read(use_threads=False)
            stays = table.filter(pa.array(~down(table.select(["sample_id"]))))
            if len(stays) < len(table):
                if len(stays):
                    _write(self._storage, [stays])
                self._storage.delete(path)

    def _keys(self, path: str) -> _Keys:
        with open_table(self._storage, path) as file:
            column = file.read(columns=["key"], use_threads=False)["key"].to_pylist()
        firsts = _firsts(column)
        order = np.argsort(firsts, kind="stable")
        return _Keys(firsts[order], order.astype(np.uint32))


def join(storage: Storage, paths: Sequence[str]) -> str:
    """Put tables of answers together in one, then remove them. Its path, or "" where another run was first."""
    try:
        written = _write(storage, _parts(storage, paths))
    except NotFound:
        return ""
    for path in paths:
        if path != written:
            storage.delete(path)
    return written


def _parts(storage: Storage, paths: Sequence[str]) -> Iterator[pa.Table]:
    for path in paths:
        with open_table(storage, path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, use_threads=False)


def write_answers(storage: Storage, answers: Sequence[Answer]) -> str:
    """Store answers; returns the path of their table."""
    return _write(storage, [pa.Table.from_pylist([vars(answer) for answer in answers], schema=ANSWERS)])


def _write(storage: Storage, parts: Iterable[pa.Table]) -> str:
    return write_table(storage, f"{PLACE}part.parquet", _in_groups(parts), ANSWERS).path


def _in_groups(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of about `GROUP_ROWS`."""
    held: list[pa.Table] = []
    for part in parts:
        held.append(part)
        if sum(map(len, held)) >= GROUP_ROWS:
            yield pa.concat_tables(held).combine_chunks()
            held = []
    if held:
        yield pa.concat_tables(held).combine_chunks()


def _firsts(keys: Sequence[bytes]) -> npt.NDArray[np.uint64]:
    return np.frombuffer(b"".join(key[:8] for key in keys), ">u8").astype(np.uint64)


def _groups_with(storage: Storage, path: str, rows: npt.NDArray[np.uint32]) -> Iterator[pa.Table]:
    """The row groups of a table that have some of ``rows``, which rise."""
    with open_table(storage, path) as file:
        end = 0
        for group in range(file.num_row_groups):
            begin, end = end, end + file.metadata.row_group(group).num_rows
            if np.searchsorted(rows, begin) < np.searchsorted(rows, end):
                yield file.read_row_group(group, use_threads=False)


@dataclass
class Keeper:
    """Stores answers as they come: no more than ``most`` are here that are not stored, nor older than ``seconds``."""

    storage: Storage
    most: int
    seconds: float = 2.0
    _held: list[Answer] = field(default_factory=list)
    _since: float = 0.0
    _storing: int = 0
    _paths: list[str] = field(default_factory=list)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def add(self, answer: Answer) -> None:
        """Take an answer; returns when another may come."""
        if not self._held:
            self._since = time.monotonic()
        self._held.append(answer)
        if len(self._held) + self._storing >= self.most or time.monotonic() - self._since >= self.seconds:
            await self.flush()

    async def tick(self) -> None:
        """Store what has become old; call it now and then."""
        if self._held and time.monotonic() - self._since >= self.seconds:
            await self.flush()

    async def flush(self) -> None:
        """Store all that is held."""
        async with self._lock:
            rows, self._held = self._held, []
            self._storing = len(rows)
            try:
                if rows:
                    self._paths.append(await asyncio.to_thread(write_answers, self.storage, rows))
                if len(self._paths) >= PIECES:
                    await self._join()
            finally:
                self._storing = 0

    async def close(self) -> None:
        """Store all, and put what was stored in pieces together."""
        await self.flush()
        async with self._lock:
            await self._join()

    async def _join(self) -> None:
        paths = list(dict.fromkeys(self._paths))
        if len(paths) > 1:
            joined = await asyncio.to_thread(join, self.storage, paths)
            self._paths = [joined] if joined and len(self._paths) < PIECES else []
