"""A run over a corpus that is not there: every task comes to a ledger record of the size that a real one has.

The conductor, the planning of every step, the ledger and the manifest are the real ones; only what workers do is left
out. So what a driver takes at 100,000 partitions shows on one machine. Records go in by `Partitions` as archives of one
row group, so that a listing of loose files, which `benchmarks/scale.py listing` measures alone, is no part of it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

import numpy as np

from pipeline.config import Loaded, load
from pipeline.run.engine import Load, More, nothing_more
from pipeline.sources.base import Entry, Listing, Surroundings
from pipeline.sources.folder import FolderSource
from pipeline.steps import decided, decisions, duplicates
from pipeline.steps.base import packed
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import Output, named
from pipeline.versions import lineage
from pipeline.versions.manifest import Shard
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import Done, Task, Work

ROWS = 1_000
"""Records of a partition: the default of ``partition.records``."""

SVG_BYTES = 1_000
"""Of a canonical drawing, on average."""

DUPLICATES = 50
"""Records of a partition that are duplicates of others."""

_KIND = ("medium", "train")
"""Tier and split of every sample: one kind is the worst case, since each group then has a piece for each shard."""


class Partitions(FolderSource):
    """So many archives, none of which is there."""

    version: ClassVar[int] = 2

    partitions: int

    def listing(self, surroundings: Surroundings) -> Listing:
        """The archives, in 1,000 folders."""
        names = (f"{n // 1_000:04}/drawings-{n:07}.zip" for n in range(self.partitions))
        reader = self.model_copy(update={"path": f"{surroundings.base}/"})
        archives = tuple(Entry(name, ROWS * 2_000, f"{n:x}-18b0{n:012x}") for n, name in enumerate(names))
        return Listing(self, archives=archives, reader=reader)


def config_of(folder: Path, partitions: int, overrides: Sequence[str] = ()) -> Loaded:
    """The config of a run over so many partitions, in ``folder``."""
    path = folder / "scale.yaml"
    path.write_text("config_version: 1\nname: scale\nsources: [{name: drawings, kind: folder, path: .}]\n")
    loaded = load(path, list(overrides))
    source = Partitions(name="drawings", kind="folder", path=".", partitions=partitions)
    return Loaded(loaded.config.model_copy(update={"sources": (source,)}), loaded.base)


class Unsynced(FolderStorage):
    """A folder whose files need not outlast the machine: a million of them are written in minutes."""

    @staticmethod
    def _settle(stream: BinaryIO) -> None:
        stream.flush()


class SyntheticEngine:
    """Comes to a record of each task, and does nothing of its work."""

    width = 16

    def __init__(self, storage: FolderStorage) -> None:
        self._storage = storage
        self._dealt = 0
        """Samples that were dealt: all of one kind."""
        self._records: dict[str, Callable[[Work[Any]], Record]] = {
            "crawl": self._crawl,
            "copies": self._copies,
            "samples": self._samples,
            "bands": self._bands,
            "pairs": self._pairs,
            "route": self._route,
            "settle": self._settle,
            "gather": self._gather,
            "deduplicate": self._deduplicate,
            "describe": self._describe,
            "caption": self._caption,
            "lend": self._lend,
            "tier": self._tier,
            "count": self._count,
            "frequent": self._frequent,
            "segments": self._segments,
            "deal": self._deal,
            "collect": self._collect,
            "write": self._write,
            "index": self._index,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def load(self) -> Load:
        """As `Engine.load`."""
        return Load()

    def free(self) -> str:
        """As `Engine.free`."""
        return "this process"

    def run(self, tasks: Sequence[Task[Any]], workspace: str, more: More = nothing_more) -> Generator[Done, None, None]:
        """Note each task as done."""
        for task in tasks:
            work = Work(task, self._storage)
            record = self._records.get(task.stage, self._side)(work)
            etag = ledger.save(self._storage, record)
            yield Done(record, 60.0, 2**29, {}, etag=etag)

    # -- what tasks come to

    def _crawl(self, work: Work[Any]) -> Record:
        return work.record({"kept": _output(work, ROWS)}, ROWS, ROWS)

    def _copies(self, work: Work[Any]) -> Record:
        return work.record({}, work.task.records, 0, extra={"copies": {}, "leaders": {}, "partitions": {}})

    def _samples(self, work: Work[Any]) -> Record:
        extra = {"shard_bytes": 3 * SVG_BYTES * (ROWS - 10), "notes": {"script removed": 3, "metadata removed": 512}}
        outputs = {"kept": _output(work, ROWS - 10), "dropped": _output(work, 10, "dropped.parquet")}
        dropped = {"sanitize": {"xml_malformed": 6}, "normalize": {"unsupported_css": 4}}
        return work.record(outputs, ROWS, ROWS - 10, dropped=dropped, extra=extra)

    def _bands(self, work: Work[Any]) -> Record:
        rows = 30 * work.task.records
        step = (1 << 64) // max(1, rows // duplicates.GROUP)
        firsts = list(range(0, 1 << 64, step))
        return work.record(
            {"kept": _output(work, rows)}, work.task.records, work.task.records, extra={"firsts": firsts}
        )

    def _pairs(self, work: Work[Any]) -> Record:
        count = len(work.task.payload.settings.stretches)
        groups = [[a, b, 40, _digest(work, a, b)] for a in range(count) for b in range(a, count)]
        return work.record({"kept": _output(work, 40 * len(groups))}, work.task.records, 0, extra={"groups": groups})

    def _route(self, work: Work[Any]) -> Record:
        slices, rows = work.task.payload.settings.slices, work.task.records
        sizes = [rows // slices + (n < rows % slices) for n in range(slices)]
        return work.record({"kept": _output(work, rows)}, rows, rows, extra={"sizes": sizes})

    def _settle(self, work: Work[Any]) -> Record:
        payload, rows = work.task.payload, work.task.records
        routes = [rows // max(1, len(payload.samples))] * len(payload.samples)
        outputs = {"kept": _output(work, rows), **self._published(work, rows)}
        return work.record(outputs, rows, rows, extra={"routes": routes, "merged": 0})

    def _published(self, work: Work[Any], rows: int) -> dict[str, Output]:
        names = ("provenance", "clusters", "lineage")
        return {name: self._file(f"{name}/{_digest(work, name)[:20]}.parquet", rows) for name in names}

    def _gather(self, work: Work[Any]) -> Record:
        return self._decided(work).record(work)

    def _deduplicate(self, work: Work[Any]) -> Record:
        payload = work.task.payload
        if payload.gathered:
            return decisions.deduplicate_step(work)
        made = self._decided(work)
        files = self._published(work, made.rows_kept)
        made.outputs.update({f"{name}-00000": output for name, output in files.items()})
        states = [payload.corpus.past.state, lineage.state([files["lineage"].sha256])]
        made.extra.update(edges=list(payload.edges), states=states, merged=0)
        return made.record(work)

    def _decided(self, work: Work[Any]) -> decided.Decided:
        outputs, kept = {}, {}
        digests: dict[str, dict[str, str]] = {name: {} for name in decided.DIGESTS}
        rows = 0
        for source, key, _, size in work.task.payload.partitions:
            name = f"{source}/{key}"
            digest = _digest(work, name)
            path = named(ledger.table_path(decided.DECIDER, source, key), digest)
            outputs[name] = Output(path, digest, 30 * size, size, (size,), digest[:32])
            mask = np.ones(size, bool)
            mask[:DUPLICATES] = False
            kept[name] = packed(mask)
            for which in digests:
                digests[which][name] = _digest(work, name, which)
            rows += size
        lost = DUPLICATES * len(outputs)
        extra = {"duplicates": {"drawings": lost}, "rejected": {}, "kept": kept, **digests}
        return decided.Decided(outputs, rows, rows - lost, {decided.DECIDER: {"near_duplicate": lost}}, extra)

    def _describe(self, work: Work[Any]) -> Record:
        rows = work.task.records - DUPLICATES
        return work.record({"kept": _output(work, rows)}, rows, rows, extra={"said": 0})

    def _side(self, work: Work[Any]) -> Record:
        rows = max(0, work.task.records - DUPLICATES)
        return work.record({"kept": _output(work, rows)}, rows, rows)

    def _lend(self, work: Work[Any]) -> Record:
        return work.record({"kept": _output(work, 40)}, work.task.records, 40, extra={"captions": 0})

    def _caption(self, work: Work[Any]) -> Record:
        rows = work.task.records
        extra = {"first": {"name": rows}, "every": {"name": rows, "geometry detailed": rows}}
        extra |= {"lengths": {str(n): rows // 10 for n in range(0, 100, 10)}, "rejected": {"repeats name": 7}}
        outputs = {"kept": _output(work, rows), "rejects": _output(work, 7, "rejects.parquet")}
        return work.record(outputs, rows, rows, extra=extra)

    def _tier(self, work: Work[Any]) -> Record:
        rows = work.task.records - DUPLICATES
        return work.record(
            {"kept": _output(work, rows)}, rows, rows, extra={"kinds": [[*_KIND, rows, rows * SVG_BYTES]]}
        )

    def _count(self, work: Work[Any]) -> Record:
        outputs = {name: _output(work, ROWS, f"{name}.parquet") for name in ("candidates", "texts")}
        return work.record(outputs, work.task.records, work.task.records)

    def _frequent(self, work: Work[Any]) -> Record:
        return work.record({"mask": _output(work, 0, "bin")}, work.task.records, work.task.records)

    def _segments(self, work: Work[Any]) -> Record:
        names = ("segments", "tokenizer", "tokens", "vocabulary")
        outputs = {name: self._file(f"vocabularies/scale/{name}.json", 0) for name in names}
        return work.record(outputs, work.task.records, work.task.records)

    def _deal(self, work: Work[Any]) -> Record:
        payload = work.task.payload
        rows = sum(_kept(part.survivors.bits) for part in payload.parts)
        ((_, _, count),) = payload.settings.places
        self._dealt += rows
        pieces = min(rows, count)
        outputs = {"kept": _output(work, rows, "bin"), "pieces": _output(work, rows)._replace(rows=pieces)}
        return work.record(outputs, rows, rows)

    def _collect(self, work: Work[Any]) -> Record:
        begin, end = work.task.payload.settings.range
        ((_, _, count),) = work.task.payload.settings.places
        shares = [self._dealt // count + (n < self._dealt % count) for n in range(begin, end)]
        shards = [[n, rows, rows * SVG_BYTES, _digest(work, n)] for n, rows in enumerate(shares, begin)]
        rows = work.task.records
        return work.record({"kept": _output(work, rows)}, rows, rows, extra={"shards": shards})

    def _write(self, work: Work[Any]) -> Record:
        payload = work.task.payload
        rows = work.task.records
        outputs, written = {}, []
        for form in payload.settings.formats:
            path = f"shards/{form}/{_KIND[0]}/{_KIND[1]}-{_digest(work, form)[:20]}.{form}"
            output = outputs[path] = self._file(path, rows)
            shard = Shard(
                path=path,
                sha256=output.sha256,
                bytes=output.bytes,
                rows=rows,
                format=form,
                tier=_KIND[0],
                split=_KIND[1],
                atomic_tokens=400 * rows,
                segment_tokens=150 * rows,
                ids=160 * rows,
                generation=payload.kind.generation,
                place=payload.place,
                places=payload.places,
                picture_bytes=9_000 * rows,
            )
            written.append(asdict(shard))
        outputs["rows"] = _output(work, rows)
        extra = {"shards": written, "licenses": {"MIT": rows}, "raw_bytes": 2_000 * rows, "lost": {}}
        return work.record(outputs, rows, rows, extra=extra)

    def _index(self, work: Work[Any]) -> Record:
        rows = work.task.records
        return work.record({"kept": self._file(f"index/{_digest(work)[:20]}.parquet", rows)}, rows, rows)

    def _file(self, path: str, rows: int) -> Output:
        """What a manifest names: it has to be there."""
        data = path.encode()
        self._storage.write(path, data)
        return Output(path, hashlib.sha256(data).hexdigest(), len(data), rows, (rows,), "")


def _digest(work: Work[Any], *more: object) -> str:
    task = work.task
    return hashlib.sha256(repr((task.stage, task.source, task.key, *more)).encode()).hexdigest()


def _output(work: Work[Any], rows: int, suffix: str = "parquet") -> Output:
    digest = _digest(work, suffix)
    return Output(named(work.path(suffix), digest), digest, 500 * rows, rows, (rows,), digest[:32])


def _kept(bits: str) -> int:
    return int(np.unpackbits(np.frombuffer(base64.b64decode(bits), np.uint8)).sum())
