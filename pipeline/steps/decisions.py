"""Who stays, as tasks and steps: from the duplicates that were found (`pipeline.steps.duplicates`) to a decision on
every record.

A corpus of up to `TOGETHER` records is decided on by one task. A larger one is decided on in slices, each of which
holds whole components of the graph of duplicates, so that no task sees all records, nor all edges:

    components   of some edges, then of some components, until they are one table; see `stages.deduplicate.connected`
    route        of some samples partitions, or edges: what goes into which slice, with what earlier versions said of it
    ended        which lines of earlier versions no record has for its own any more
    settle       of a slice: who stays
    gather       of some samples partitions: their decisions, from all slices

The last task, ``deduplicate``, has the decisions of the whole corpus in its record either way, and they are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.grouping import filled
from pipeline.steps.base import read_samples, versions_of
from pipeline.steps.decided import (
    DECIDER,
    DIGESTS,
    VERSION,
    Corpus,
    DecidingSettings,
    Partition,
    SliceSettings,
    by_digest,
    decide,
    published,
    write_decisions,
)
from pipeline.storage.base import Storage
from pipeline.storage.tables import Output, named, read_table, write_bytes, write_table
from pipeline.versions import lineage
from pipeline.work import ledger
from pipeline.work.ledger import Inputs, Record, merged
from pipeline.work.task import CORPUS, CORPUS_WIDE, Step, Task, Work, inputs_of, planned
from stages import deduplicate
from stages.schema import DECIDED, EDGES, LINE, LINEAGE, ROUTED, SETTLED, STARS

TOGETHER = 1_000_000
"""Records that one task decides on, about."""

ROUTED_AT_ONCE = 1_000_000
"""Records that one task routes or gathers, about."""

EDGES_AT_ONCE = 8_000_000
"""Edges that one task looks at, about."""

_BYTES = 400
"""Of a record, about what deciding reads; for estimates."""

_COLUMNS = (*deduplicate.DECIDES, "atomic_length")

Stage = Callable[[Step[Any], Sequence[Task[Any]]], Sequence[Record]]
"""Runs what is missing of a step's tasks and returns the records of all."""


@dataclass(frozen=True)
class SlicePayload:
    """What every task on the way to the decisions knows."""

    settings: SliceSettings
    corpus: Corpus


@dataclass(frozen=True)
class ComponentsPayload(SlicePayload):
    """Tables of edges or of components, and of samples that templates connect."""

    edges: tuple[str, ...]
    samples: tuple[str, ...]


@dataclass(frozen=True)
class RoutePayload(SlicePayload):
    """What is routed: partitions, or tables of edges. ``stars``: the table of components."""

    stars: str
    partitions: tuple[Partition, ...] = ()
    edges: tuple[str, ...] = ()


@dataclass(frozen=True)
class EndedPayload(SlicePayload):
    """``met``: files with two bits for each line, whether a record has it for its own, or goes on with it. ``lost``:
    tables that say which records left before."""

    met: tuple[str, ...]
    lost: tuple[str, ...]


RowGroups = tuple[tuple[str, int], ...]
"""(path, row group) of each of some tables; -1: there is none."""


@dataclass(frozen=True)
class SettlePayload(SlicePayload):
    """What was routed to one task, and the tables of lines that have ended."""

    samples: RowGroups
    edges: RowGroups
    ended: tuple[str, ...]


@dataclass(frozen=True)
class GatherPayload(SlicePayload):
    """Where the decisions on some partitions are."""

    settled: RowGroups
    partitions: tuple[Partition, ...]


@dataclass(frozen=True)
class DeduplicatePayload:
    """The corpus, with what was ``lost`` as of `EndedPayload`; of a large one the keys of the tasks that decided on it,
    which were told of partitions and of what was lost."""

    settings: DecidingSettings
    corpus: Corpus
    edges: tuple[str, ...]
    partitions: tuple[Partition, ...]
    lost: tuple[str, ...]
    gathered: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()


S = TypeVar("S", bound=SlicePayload)


class Deciding:
    """The tasks that decide on ``samples``, of which ``matched`` are the duplicates.

    ``benchmarks``: the samples of what the dataset must not overlap. ``past``: the lineage of the version that this run
    builds on. It is no part of the basis, since to decide once more by what was decided changes nothing: a record holds
    if it was made from this lineage, or made it. ``lost``: gives paths of tables that say which records left before.
    ``takedowns``: paths of the requests (see `takedown`).
    """

    def __init__(
        self,
        config: Config,
        samples: Sequence[Record],
        matched: Sequence[Record],
        benchmarks: Sequence[Record] = (),
        past: lineage.Past = lineage.Past(),  # noqa: B008 - it is frozen
        lost: Callable[[], Iterable[str]] = tuple,
        takedowns: Sequence[str] = (),
    ) -> None:
        self._samples = samples
        edges = {record.outputs["kept"] for record in matched if record.outputs["kept"].rows}
        self._edges = sorted(edges, key=lambda edge: edge.sha256)
        self._rows = sum(record.rows_kept for record in samples)
        self._versions = {**versions_of(config, "deduplicate"), "decisions": VERSION}
        self._benchmarks = [record.outputs["kept"] for record in benchmarks]
        order = tuple(source.name for source in config.sources)
        self._settings = DecidingSettings(**dict(config.deduplicate), source_order=order, takedowns=tuple(takedowns))
        self._corpus = Corpus(_paths(self._benchmarks), past)
        self._lost = lost
        self.slices = -(-self._rows // TOGETHER)
        """How many tasks decide, each on a slice of the corpus."""

    def whole(self) -> Task[DeduplicatePayload]:
        """The task that has all decisions: it takes them, or puts together what was decided in slices."""
        corpus, several = self._corpus, self.slices > 1
        payload = DeduplicatePayload(
            self._settings,
            corpus,
            edges=_paths(self._edges),
            partitions=() if several else _partitions(self._samples),
            lost=() if several else tuple(self._lost()),
            gathered=tuple(_key(GATHER.name, n) for n in range(len(self._groups()) if several else 0)),
            settled=tuple(_key(SETTLE.name, n) for n in range(self.slices if several else 0)),
            ended=(_key(ENDED.name, 0),) if several and corpus.past.files else (),
        )
        size, state, inputs = self._rows * _BYTES, corpus.past.state, Inputs(self._inputs)
        return planned(DEDUPLICATE, CORPUS, "decisions", payload, self._versions, inputs, self._rows, size, state)

    def _inputs(self) -> Iterator[tuple[str, str]]:
        for record in self._samples:
            kept = record.outputs["kept"]
            yield kept.path, kept.sha256
        yield from (("benchmark", table.sha256) for table in self._benchmarks)
        # where they lie says nothing
        yield from (("edges", edge.sha256) for edge in self._edges)

    def in_slices(self, stage: Stage) -> None:
        """Decide, where one task is not to see all: after this, `whole` has what it puts together."""
        stars = self._components(stage)
        routed = stage(ROUTE, self._route(stars))
        ended = stage(ENDED, self._ended(routed)) if self._corpus.past.files else []
        settled = stage(SETTLE, self._settle(routed, ended))
        stage(GATHER, self._gather(settled))

    def _groups(self) -> list[Sequence[Record]]:
        sizes = [record.rows_kept for record in self._samples]
        groups = filled(range(len(sizes)), sizes.__getitem__, ROUTED_AT_ONCE)
        return [self._samples[group[0] : group[-1] + 1] for group in groups]

    def _slice(self, key: str) -> SliceSettings:
        return SliceSettings(**dict(self._settings), slices=self.slices, past=self._corpus.past, key=key)

    def _task(self, step: Step[S], payload: S, inputs: Iterable[Output], rows: int) -> Task[S]:
        key = payload.settings.key
        return planned(step, CORPUS, key, payload, self._versions, inputs_of(inputs), rows, rows * _BYTES)

    def _components(self, stage: Stage) -> Output:
        parts: list[tuple[list[Output], list[Output]]] = [
            ([], group) for group in filled(self._edges, lambda edge: edge.rows, EDGES_AT_ONCE)
        ]
        if "cap" in {rule["policy"] for rule in self._settings.flags.model_dump().values()}:
            parts += [([record.outputs["kept"] for record in group], []) for group in self._groups()]
        level = 0
        while True:
            tasks = []
            for n, (samples, edges) in enumerate(parts or [([], [])]):
                inputs = [*samples, *edges]
                rows = sum(table.rows for table in inputs)
                settings = self._slice(_key(f"round-{level}", n))
                payload = ComponentsPayload(settings, self._corpus, _paths(edges), _paths(samples))
                tasks.append(self._task(COMPONENTS, payload, inputs, rows))
            outputs = [record.outputs["kept"] for record in stage(COMPONENTS, tasks)]
            if len(outputs) == 1:
                return outputs[0]
            # two at least, so that it ends
            size = max(EDGES_AT_ONCE, 2 * max(stars.rows for stars in outputs))
            parts = [([], group) for group in filled(outputs, lambda stars: stars.rows, size)]
            level += 1

    def _route(self, stars: Output) -> list[Task[RoutePayload]]:
        parts: list[tuple[RoutePayload, list[Output]]] = []
        for n, records in enumerate(self._groups()):
            settings = self._slice(_key("samples", n))
            payload = RoutePayload(settings, self._corpus, stars.path, partitions=_partitions(records))
            parts.append((payload, [record.outputs["kept"] for record in records]))
        for n, edges in enumerate(filled(self._edges, lambda edge: edge.rows, EDGES_AT_ONCE)):
            settings = self._slice(_key("edges", n))
            parts.append((RoutePayload(settings, self._corpus, stars.path, edges=_paths(edges)), edges))
        return [
            self._task(ROUTE, payload, [stars, *tables], sum(table.rows for table in tables))
            for payload, tables in parts
        ]

    def _ended(self, routed: Sequence[Record]) -> list[Task[EndedPayload]]:
        met = [record.outputs["met"] for record in routed if "met" in record.outputs]
        payload = EndedPayload(self._slice(_key(ENDED.name, 0)), self._corpus, _paths(met), tuple(self._lost()))
        return [self._task(ENDED, payload, met, self._rows)]

    def _settle(self, routed: Sequence[Record], ended: Sequence[Record]) -> list[Task[SettlePayload]]:
        tasks = []
        over = [record.outputs["kept"] for record in ended]
        inputs = [*(record.outputs["kept"] for record in routed), *over]
        for number in range(self.slices):
            parts: dict[str, list[tuple[str, int]]] = {"samples": [], "edges": []}
            rows = 0
            for record in routed:
                kind, sizes = record.key.partition("-")[0], record.extra["sizes"]
                parts[kind].append((record.outputs["kept"].path, _row_group(sizes, number)))
                rows += sizes[number] if kind == "samples" else 0
            payload = SettlePayload(
                self._slice(_key(SETTLE.name, number)),
                self._corpus,
                tuple(parts["samples"]),
                tuple(parts["edges"]),
                _paths(over),
            )
            tasks.append(self._task(SETTLE, payload, inputs, rows))
        return tasks

    def _gather(self, settled: Sequence[Record]) -> list[Task[GatherPayload]]:
        tasks = []
        inputs = [record.outputs["kept"] for record in settled]
        for n, records in enumerate(self._groups()):
            groups = ((record.outputs["kept"].path, _row_group(record.extra["routes"], n)) for record in settled)
            here = tuple((path, group) for path, group in groups if group >= 0)
            payload = GatherPayload(self._slice(_key(GATHER.name, n)), self._corpus, here, _partitions(records))
            tasks.append(self._task(GATHER, payload, inputs, sum(record.rows_kept for record in records)))
        return tasks


def _partitions(records: Sequence[Record]) -> tuple[Partition, ...]:
    return tuple(
        Partition(record.source, record.key, record.outputs["kept"].path, record.rows_kept) for record in records
    )


def _paths(outputs: Iterable[Output]) -> tuple[str, ...]:
    return tuple(output.path for output in outputs)


def _key(name: str, number: int) -> str:
    return f"{name}-{number:05}"


def _row_group(sizes: Sequence[int], number: int) -> int:
    """Where a part of that number is in a table of parts of ``sizes``, as `_parts` gives them; -1 if it is empty."""
    return sum(size > 0 for size in sizes[:number]) if sizes[number] else -1


def _parts(table: pa.Table, sizes: Sequence[int]) -> list[pa.Table]:
    return [table.slice(end - size, size) for size, end in zip(sizes, accumulate(sizes), strict=True)]


def components_step(work: Work[ComponentsPayload]) -> Record:
    """The components of some edges, or of some components; of samples, those that a template connects."""
    payload = work.task.payload
    columns = ["sample_id", "flags", "template"]
    parts = [read_table(work.storage, path) for path in payload.edges]
    for path in payload.samples:
        rows = read_table(work.storage, path, columns=columns)
        parts.append(deduplicate.template_links(rows, payload.settings))
    count = sum(map(len, parts))
    output = write_table(work.storage, work.path(), [deduplicate.components(parts)], STARS)
    return work.record({"kept": output}, count, output.rows)


def route_step(work: Work[RoutePayload]) -> Record:
    """Cut for those who settle, a row group for each that gets anything: records of partitions, or edges."""
    payload = work.task.payload
    stars = read_table(work.storage, payload.stars)
    outputs: dict[str, Output] = {}
    if payload.partitions:
        tables = []
        for number, partition in enumerate(payload.partitions):
            part = read_samples(work.storage, partition.path, _COLUMNS)
            part = part.append_column("partition", pa.array(np.full(len(part), number, np.int32)))
            tables.append(part.append_column("row", pa.array(np.arange(len(part), dtype=np.int32))))
        table, schema = pa.concat_tables(tables), ROUTED
        own, met = lineage.own_lines(payload.corpus.past.tables(work.storage), table)
        for name in own.column_names:
            table = table.append_column(own.field(name), own[name])
        table = table.append_column(ROUTED.field("also"), pa.nulls(len(table), ROUTED.field("also").type)).cast(ROUTED)
        if payload.corpus.past.files:
            data = np.packbits(met).tobytes()
            outputs["met"] = write_bytes(work.storage, partial(named, work.path("met")), data, int(met[:, 0].sum()))
        items = deduplicate.item_ids(table["sample_id"])
    else:
        table, schema = pa.concat_tables([read_table(work.storage, path) for path in payload.edges]), EDGES
        table = table.filter(pc.less(table["level"], int(deduplicate.Level.ALMOST)))
        items = table["a"].to_numpy()
    places = deduplicate.slices(items, stars, payload.settings.slices)
    sizes = np.bincount(places, minlength=payload.settings.slices).tolist()
    table = table.take(pa.array(np.argsort(places, kind="stable")))
    outputs["kept"] = write_table(work.storage, work.path(), _parts(table, sizes), schema)
    return work.record(outputs, len(table), len(table), extra={"sizes": sizes})


def ended_step(work: Work[EndedPayload]) -> Record:
    """The lines that no record has for its own; those of records that are there, but left before, go on."""
    payload = work.task.payload
    met: Any = None
    for path in payload.met:
        bits = np.frombuffer(work.storage.read(path), np.uint8)
        met = bits if met is None else met | bits
    begin = 0
    parts, moved = [LINEAGE.empty_table()], [np.empty(0, bool)]
    for lines in payload.corpus.past.tables(work.storage):
        own, goes_on = np.unpackbits(met, count=2 * (begin + len(lines)))[2 * begin :].astype(bool).reshape(-1, 2).T
        parts.append(lines.filter(pa.array(~own)))
        moved.append(goes_on[~own])
        begin += len(lines)
    ended = _ended_of(work.storage, payload.lost, pa.concat_tables(parts), np.concatenate(moved))
    outputs = {"kept": write_table(work.storage, work.path(), [ended.table()], lineage.ENDED)}
    outputs["lineage"] = by_digest(work, "lineage", lineage.ordered([ended.carried()]), LINEAGE)
    return work.record(outputs, begin, len(ended.out))


def _ended_of(storage: Storage, lost: Sequence[str], lines: pa.Table, moved: lineage.Bools) -> lineage.Ended:
    tables = (read_table(storage, path, columns=["source", "path", "id"]) for path in (lost if len(lines) else ()))
    return lineage.Ended.of(lines, tables, moved)


def settle_step(work: Work[SettlePayload]) -> Record:
    """Decide on a slice, a row group for each task that routed anything here; and what of it is published."""
    payload = work.task.payload
    samples = [
        read_table(work.storage, path, row_group=group) if group >= 0 else ROUTED.empty_table()
        for path, group in payload.samples
    ]
    table = pa.concat_tables([ROUTED.empty_table(), *samples])
    edges = [read_table(work.storage, path, row_group=group) for path, group in payload.edges if group >= 0]
    ended = lineage.Ended()
    for path in payload.ended:
        ended = lineage.Ended.from_table(read_table(work.storage, path))
    traced = lineage.trace(table, table.select([name for name, _ in LINE]), ended)
    decisions, lines = decide(work.storage, payload.settings, payload.corpus, table, edges, traced)
    for name in ("partition", "row"):
        decisions = decisions.append_column(ROUTED.field(name), table[name])
    sizes = [len(part) for part in samples]
    kept = write_table(work.storage, work.path(), _parts(decisions, sizes), SETTLED)
    outputs = {"kept": kept, **published(work, decisions)}
    outputs["lineage"] = by_digest(work, "lineage", lineage.ordered([lines]), LINEAGE)
    extra = {"routes": sizes, "merged": lineage.merged(decisions)}
    return work.record(outputs, len(table), outputs["provenance"].rows, extra=extra)


def gather_step(work: Work[GatherPayload]) -> Record:
    """The decisions on some samples partitions, in their order."""
    payload = work.task.payload
    parts = [read_table(work.storage, path, row_group=group) for path, group in payload.settled]
    table = pa.concat_tables([SETTLED.empty_table(), *parts])
    order = np.lexsort((table["row"].to_numpy(), table["partition"].to_numpy()))
    decisions = table.take(pa.array(order)).select(DECIDED.names)
    if len(decisions) != sum(partition.rows for partition in payload.partitions):
        raise ValueError("the slices do not hold each record of these partitions once")
    return write_decisions(work, decisions, payload.partitions).record(work)


def deduplicate_step(work: Work[DeduplicatePayload]) -> Record:
    """The decisions on the whole corpus; one table a samples partition.

    The index of samples and the clusters lie under their digests, since versions refer to them. The record says, in a
    bit for each row of a samples partition, which stay, and has a digest of these and their clusters: what follows
    depends on that, and not on their provenance, so that a shard stays as it is when a later source brings another copy
    of its samples.
    """
    payload = work.task.payload
    if payload.gathered:
        return _put_together(work)
    tables = [read_samples(work.storage, path, _COLUMNS) for _, _, path, _ in payload.partitions]
    edges = [read_table(work.storage, path) for path in payload.edges]
    # there is none if all was taken down
    table = pa.concat_tables(tables or [ROUTED.empty_table().select(list(_COLUMNS))])
    before = payload.corpus.past.all(work.storage)
    rows = lineage.exact(table, before)
    left = before.filter(pa.array(~np.isin(np.arange(len(before)), rows)))
    ended = _ended_of(work.storage, payload.lost, left, lineage.continued(left, table))
    traced = lineage.trace(table, lineage.lines_of(before, rows), ended)
    decisions, lines = decide(work.storage, payload.settings, payload.corpus, table, edges, traced)
    decided = write_decisions(work, decisions, payload.partitions)
    files = published(work, decisions)
    files["lineage"] = by_digest(work, "lineage", lineage.ordered([lines, ended.carried()]), LINEAGE)
    decided.outputs.update({_key(name, 0): output for name, output in files.items()})
    states = [payload.corpus.past.state, lineage.state([files["lineage"].sha256])]
    decided.extra.update(edges=list(payload.edges), states=states, merged=lineage.merged(decisions))
    return decided.record(work)


def _put_together(work: Work[DeduplicatePayload]) -> Record:
    payload = work.task.payload
    records = [ledger.load(work.storage, GATHER.name, CORPUS, key) for key in payload.gathered]
    outputs: dict[str, Output] = {}
    extra: dict[str, Any] = {name: {} for name in ("kept", *DIGESTS)} | {"edges": list(payload.edges), "merged": 0}
    lost = []
    rows = kept = 0
    for record in records:
        if record is None:
            raise ValueError("a record of gather is gone since it was written")
        outputs |= record.outputs
        for name in ("kept", *DIGESTS):
            extra[name] |= record.extra[name]
        lost.append((record.dropped, record.extra))
        rows, kept = rows + record.rows_in, kept + record.rows_kept
    for n, key in enumerate(payload.settled):
        record = ledger.load(work.storage, SETTLE.name, CORPUS, key)
        if record is None:
            raise ValueError("a record of settle is gone since it was written")
        outputs |= {_key(name, n): record.outputs[name] for name in ("provenance", "clusters", "lineage")}
        extra["merged"] += record.extra["merged"]
    for key in payload.ended:
        record = ledger.load(work.storage, ENDED.name, CORPUS, key)
        if record is None:
            raise ValueError("a record of ended is gone since it was written")
        outputs[_key("lineage", len(payload.settled))] = record.outputs["lineage"]
    made = [output.sha256 for role, output in outputs.items() if role.startswith("lineage-")]
    extra["states"] = [payload.corpus.past.state, lineage.state(made)]
    extra["duplicates"] = merged(more["duplicates"] for _, more in lost)
    sources = sorted({source for _, more in lost for source in more["rejected"]})
    extra["rejected"] = {s: merged(more["rejected"].get(s, {}) for _, more in lost) for s in sources}
    dropped = merged(reasons for stages, _ in lost for reasons in stages.values())
    return work.record(outputs, rows, kept, dropped={work.task.step.name: dropped} if dropped else {}, extra=extra)


_slices = partial(Step, to=DECIDER, whole=True, large=True, needs=CORPUS_WIDE)

COMPONENTS = _slices("components", components_step, "finds what duplicates connect")
ROUTE = _slices("route", route_step, "takes what is connected to those who decide on it")
ENDED = _slices("ended", ended_step, "finds what earlier versions told of and is gone")
SETTLE = _slices("settle", settle_step, "decides on a slice of the corpus")
GATHER = _slices("gather", gather_step, "gathers the decisions on partitions")
DEDUPLICATE = Step(DECIDER, deduplicate_step, deduplicate.SAYS, whole=True, needs=CORPUS_WIDE)
