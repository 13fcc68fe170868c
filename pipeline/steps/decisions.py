"""Who stays, as tasks and steps: from the duplicates that were found (`pipeline.steps.duplicates`) to a decision on
every record.

A corpus of up to `TOGETHER` records is decided on by one task. A larger one is decided on in shards, each of which
holds whole components of the graph of duplicates, so that no task sees all records, nor all edges:

    components   of some edges, then of some components, until they are one table; see `stages.deduplicate.components`
    route        of some samples partitions, or edges: what goes into which shard, with what earlier versions said of it
    ended        which lines of earlier versions no record has for its own any more
    settle       of a shard: who stays
    gather       of some samples partitions: their decisions, from all shards

The last task, ``deduplicate``, has the decisions of the whole corpus in its record either way, and they are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.run.accounts import merged
from pipeline.steps.base import dump, inputs_of, versions_of
from pipeline.steps.decided import SAID, by_digest, decide, published, told
from pipeline.storage.tables import Output, named, read_table, write_bytes, write_table
from pipeline.versions import lineage
from pipeline.work import ledger
from pipeline.work.ledger import Basis, Record
from pipeline.work.task import CORPUS, Task, Work
from stages import deduplicate
from stages.deduplicate import DeduplicateSettings
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

Stage = Callable[[str, list[Task]], list[Record]]
"""Runs what is missing of a stage's tasks and returns the records of all."""


class Deciding:
    """The tasks that decide on ``samples``, of which ``matched`` are the duplicates.

    ``benchmarks``: the samples of what the dataset must not overlap. ``past``: the lineage of the version that this run
    builds on. It is no part of the basis, since to decide once more by what was decided changes nothing: a record holds
    if it was made from this lineage, or made it. ``lost``: paths of tables that say which records left before.
    ``takedowns``: paths of the requests (see `takedown`).
    """

    def __init__(
        self,
        config: Config,
        samples: Sequence[Record],
        matched: Sequence[Record],
        benchmarks: Sequence[Record] = (),
        past: lineage.Past = lineage.Past(),  # noqa: B008 - it is frozen
        lost: Sequence[str] = (),
        takedowns: Sequence[str] = (),
    ) -> None:
        self._config, self._samples = config, samples
        self._edges = sorted(
            {record.outputs["kept"] for record in matched if record.outputs["kept"].rows}, key=lambda edge: edge.sha256
        )
        self._rows = sum(record.rows_kept for record in samples)
        self._order = [source.name for source in config.sources]
        self._versions = versions_of(config, "deduplicate")
        self._own = dump(config.deduplicate) | {"source_order": self._order, "takedowns": list(takedowns)}
        self._benchmarks = [record.outputs["kept"] for record in benchmarks]
        self._payload = {
            "settings": config.deduplicate.model_dump_json(),
            "source_order": self._order,
            "takedowns": list(takedowns),
            "benchmarks": [table.path for table in self._benchmarks],
            "past": past.payload(),
            "version": past.version + 1,
            "lost": list(lost),
        }
        self._past = past
        self.shards = -(-self._rows // TOGETHER)

    def whole(self) -> Task:
        """The task that has all decisions: it takes them, or puts together what was decided in shards."""
        edges = [("edges", edge.sha256) for edge in self._edges]
        basis = Basis(
            self._versions,
            self._own,
            (
                *inputs_of(record.outputs["kept"] for record in self._samples),
                *(("benchmark", table.sha256) for table in self._benchmarks),
                # where they lie says nothing
                *edges,
            ),
        )
        payload = {"edges": [edge.path for edge in self._edges], "partitions": _partitions(self._samples)}
        if self.shards > 1:
            payload |= {
                "gathered": [_key("gather", n) for n in range(len(self._groups()))],
                "settled": [_key("settle", n) for n in range(self.shards)],
                "ended": [_key("ended", 0)] if self._past.files else [],
            }
        size, payload = self._rows * _BYTES, self._payload | payload
        state = self._past.state
        return Task("deduplicate", CORPUS, "decisions", basis, payload, self._rows, size, state=state)

    def in_shards(self, stage: Stage) -> None:
        """Decide, where one task is not to see all: after this, `whole` has what it puts together."""
        stars = self._components(stage)
        routed = stage("route", self._route(stars))
        ended = stage("ended", self._ended(routed)) if self._past.files else []
        settled = stage("settle", self._settle(routed, ended))
        stage("gather", self._gather(settled))

    def _groups(self) -> list[list[Record]]:
        return _filled(self._samples, lambda record: record.rows_kept, ROUTED_AT_ONCE)

    def _task(self, stage: str, key: str, inputs: Iterable[Output], payload: dict[str, Any], rows: int) -> Task:
        """A task on the way, which is run only if the end of it is not known: here the earlier samples count."""
        own = self._own | {"shards": self.shards, "past": self._past.payload(), "part": key}
        basis = Basis(self._versions, own, tuple(inputs_of(inputs)))
        return Task(stage, CORPUS, key, basis, self._payload | payload, rows, rows * _BYTES)

    def _components(self, stage: Stage) -> Output:
        parts: list[tuple[list[Output], list[Output]]] = [
            ([], group) for group in _filled(self._edges, lambda edge: edge.rows, EDGES_AT_ONCE)
        ]
        if "cap" in {rule["policy"] for rule in self._own["flags"].values()}:
            parts += [([record.outputs["kept"] for record in group], []) for group in self._groups()]
        level = 0
        while True:
            tasks = []
            for n, (samples, edges) in enumerate(parts or [([], [])]):
                payload = {"edges": [edge.path for edge in edges], "samples": [table.path for table in samples]}
                inputs = [*samples, *edges]
                rows = sum(table.rows for table in inputs)
                tasks.append(self._task("components", _key(f"round-{level}", n), inputs, payload, rows))
            found = [record.outputs["kept"] for record in stage("components", tasks)]
            if len(found) == 1:
                return found[0]
            # two at least, so that it ends
            size = max(EDGES_AT_ONCE, 2 * max(stars.rows for stars in found))
            parts = [([], group) for group in _filled(found, lambda stars: stars.rows, size)]
            level += 1

    def _route(self, stars: Output) -> list[Task]:
        groups: list[tuple[str, dict[str, Any], list[Output], int]] = []
        for n, records in enumerate(self._groups()):
            tables = [record.outputs["kept"] for record in records]
            groups.append(
                (_key("samples", n), {"partitions": _partitions(records)}, tables, sum(t.rows for t in tables))
            )
        for n, edges in enumerate(_filled(self._edges, lambda edge: edge.rows, EDGES_AT_ONCE)):
            groups.append((_key("edges", n), {"edges": [e.path for e in edges]}, edges, sum(e.rows for e in edges)))
        return [
            self._task("route", key, [stars, *inputs], {"stars": stars.path, "shards": self.shards} | payload, rows)
            for key, payload, inputs, rows in groups
        ]

    def _ended(self, routed: Sequence[Record]) -> list[Task]:
        met = [record.outputs["met"] for record in routed if "met" in record.outputs]
        return [self._task("ended", _key("ended", 0), met, {"met": [output.path for output in met]}, self._rows)]

    def _settle(self, routed: Sequence[Record], ended: Sequence[Record]) -> list[Task]:
        tasks = []
        over = [record.outputs["kept"] for record in ended]
        for shard in range(self.shards):
            parts: dict[str, list[tuple[str, int]]] = {"samples": [], "edges": []}
            rows = 0
            for record in routed:
                kind, sizes = record.key.partition("-")[0], record.extra["shards"]
                parts[kind].append((record.outputs["kept"].path, _row_group(sizes, shard)))
                rows += sizes[shard] if kind == "samples" else 0
            inputs = [*(record.outputs["kept"] for record in routed), *over]
            payload = {"parts": parts, "ended": [output.path for output in over]}
            tasks.append(self._task("settle", _key("settle", shard), inputs, payload, rows))
        return tasks

    def _gather(self, settled: Sequence[Record]) -> list[Task]:
        tasks = []
        for n, records in enumerate(self._groups()):
            parts = []
            for record in settled:
                group = _row_group(record.extra["routes"], n)
                if group >= 0:
                    parts.append((record.outputs["kept"].path, group))
            partitions = [(record.source, record.key, record.rows_kept) for record in records]
            payload = {"parts": parts, "partitions": partitions}
            inputs = [record.outputs["kept"] for record in settled]
            tasks.append(self._task("gather", _key("gather", n), inputs, payload, sum(r.rows_kept for r in records)))
        return tasks


def _partitions(records: Sequence[Record]) -> list[tuple[str, str, str]]:
    return [(record.source, record.key, record.outputs["kept"].path) for record in records]


def _key(name: str, number: int) -> str:
    return f"{name}-{number:05}"


def _row_group(sizes: Sequence[int], number: int) -> int:
    """Where a part of that number is in a table of parts of ``sizes``, as `_parts` gives them; -1 if it is empty."""
    return sum(size > 0 for size in sizes[:number]) if sizes[number] else -1


def _parts(table: pa.Table, sizes: Sequence[int]) -> list[pa.Table]:
    return [table.slice(end - size, size) for size, end in zip(sizes, accumulate(sizes), strict=True)]


def _filled(items: Sequence[Any], size: Callable[[Any], int], most: int) -> list[list[Any]]:
    """Consecutive ``items`` in groups of at most ``most``, or of one."""
    groups: list[list[Any]] = []
    filled = 0
    for item in items:
        if not groups or filled + size(item) > most:
            groups.append([])
            filled = 0
        groups[-1].append(item)
        filled += size(item)
    return groups


def components_step(work: Work) -> Record:
    """The components of some edges, or of some components; of samples, those that a template connects."""
    payload = work.task.payload
    settings = DeduplicateSettings.model_validate_json(payload["settings"])
    columns = ["sample_id", "flags", "template"]
    parts = [read_table(work.storage, path) for path in payload["edges"]]
    for path in payload["samples"]:
        parts.append(deduplicate.template_links(read_table(work.storage, path, columns=columns), settings))
    rows = sum(map(len, parts))
    output = write_table(work.storage, work.path(), [deduplicate.components(parts)], STARS)
    return work.record({"kept": output}, rows, output.rows)


def route_step(work: Work) -> Record:
    """Cut into shards, a row group for each that gets anything: records of partitions, or edges."""
    payload = work.task.payload
    stars = read_table(work.storage, payload["stars"])
    outputs: dict[str, Output] = {}
    if "partitions" in payload:
        tables = []
        for number, (_, _, path) in enumerate(payload["partitions"]):
            part = read_table(work.storage, path, columns=list(_COLUMNS))
            part = part.append_column("partition", pa.array(np.full(len(part), number, np.int32)))
            tables.append(part.append_column("row", pa.array(np.arange(len(part), dtype=np.int32))))
        table, schema = pa.concat_tables(tables), ROUTED
        own, met = _own_lines(work, table)
        for name in own.column_names:
            table = table.append_column(own.field(name), own[name])
        table = table.append_column(ROUTED.field("also"), pa.nulls(len(table), ROUTED.field("also").type)).cast(ROUTED)
        if payload["past"]["files"]:
            data = np.packbits(met).tobytes()
            path = named(work.path("met"), hashlib.sha256(data).hexdigest())
            outputs["met"] = write_bytes(work.storage, path, data, int(met.sum()))
        items = deduplicate.item_ids(table["sample_id"])
    else:
        table, schema = pa.concat_tables([read_table(work.storage, path) for path in payload["edges"]]), EDGES
        table = table.filter(pc.less(table["level"], int(deduplicate.Level.ALMOST)))
        items = table["a"].to_numpy()
    shard = deduplicate.shards(items, stars, payload["shards"])
    sizes = np.bincount(shard, minlength=payload["shards"]).tolist()
    table = table.take(pa.array(np.argsort(shard, kind="stable")))
    outputs["kept"] = write_table(work.storage, work.path(), _parts(table, sizes), schema)
    return work.record(outputs, len(table), len(table), extra={"shards": sizes})


def _own_lines(work: Work, table: pa.Table) -> tuple[pa.Table, np.ndarray[Any, Any]]:
    """Of each record its own line, and of all lines, in their order, whether one of these records has it."""
    parts, mets, taken = [lineage.lines_of(LINEAGE.empty_table(), np.empty(0, np.int64))], [np.empty(0, bool)], 0
    found = np.full(len(table), -1, np.int64)
    for lines in lineage.Past.of(work.task.payload["past"]).tables(work.storage):
        rows = lineage.exact(table, lines)
        here = np.unique(rows[rows >= 0])
        mets.append(np.isin(np.arange(len(lines)), here))
        parts.append(lineage.lines_of(lines, here))
        found[rows >= 0] = taken + np.searchsorted(here, rows[rows >= 0])
        taken += len(here)
    return lineage.lines_of(pa.concat_tables(parts), found), np.concatenate(mets)


def ended_step(work: Work) -> Record:
    """The lines that no record has for its own; those of records that are there, but left before, go on."""
    payload = work.task.payload
    met: Any = None
    for path in payload["met"]:
        bits = np.frombuffer(work.storage.read(path), np.uint8)
        met = bits if met is None else met | bits
    begin = 0
    parts = [LINEAGE.empty_table()]
    for lines in lineage.Past.of(payload["past"]).tables(work.storage):
        of = np.unpackbits(met, count=begin + len(lines))[begin:].astype(bool)
        parts.append(lines.filter(pa.array(~of)))
        begin += len(lines)
    ended = _ended_of(work, pa.concat_tables(parts))
    outputs = {"kept": write_table(work.storage, work.path(), [ended.table()], lineage.ENDED)}
    outputs["lineage"] = by_digest(work, "lineage", lineage.ordered([ended.carried()]), LINEAGE)
    return work.record(outputs, begin, len(ended.out))


def _ended_of(work: Work, lines: pa.Table) -> lineage.Ended:
    lost = work.task.payload["lost"] if len(lines) else []
    return lineage.Ended.of(lines, (read_table(work.storage, path, columns=["source", "path", "id"]) for path in lost))


def settle_step(work: Work) -> Record:
    """Decide on a shard, a row group for each task that routed anything here; and its part of what is published."""
    payload = work.task.payload
    read = {
        name: [read_table(work.storage, path, row_group=group) if group >= 0 else None for path, group in parts]
        for name, parts in payload["parts"].items()
    }
    samples = [ROUTED.empty_table() if part is None else part for part in read["samples"]]
    table = pa.concat_tables([ROUTED.empty_table(), *samples])
    edges = [part for part in read["edges"] if part is not None]
    ended = lineage.Ended()
    for path in payload["ended"]:
        ended = lineage.Ended.from_table(read_table(work.storage, path))
    traced = lineage.trace(table, table.select([name for name, _ in LINE]), ended)
    decisions, lines = decide(work, table, edges, traced)
    for name in ("partition", "row"):
        decisions = decisions.append_column(ROUTED.field(name), table[name])
    sizes = [len(part) for part in samples]
    kept = write_table(work.storage, work.path(), _parts(decisions, sizes), SETTLED)
    outputs = {"kept": kept, **published(work, decisions)}
    outputs["lineage"] = by_digest(work, "lineage", lineage.ordered([lines]), LINEAGE)
    extra = {"routes": sizes, "merged": lineage.merged(decisions)}
    return work.record(outputs, len(table), outputs["index"].rows, extra=extra)


def gather_step(work: Work) -> Record:
    """The decisions on some samples partitions, in their order."""
    payload = work.task.payload
    parts = [read_table(work.storage, path, row_group=group) for path, group in payload["parts"]]
    table = pa.concat_tables([SETTLED.empty_table(), *parts])
    order = np.lexsort((table["row"].to_numpy(), table["partition"].to_numpy()))
    decisions = table.take(pa.array(order)).select(DECIDED.names)
    if len(decisions) != sum(rows for _, _, rows in payload["partitions"]):
        raise ValueError("the shards do not hold each record of these partitions once")
    outputs, rows, kept, dropped, extra = told(work, decisions, payload["partitions"])
    return work.record(outputs, rows, kept, dropped=dropped, extra=extra)


def deduplicate_step(work: Work) -> Record:
    """The decisions on the whole corpus; one table a samples partition.

    The index of samples and the clusters lie under their digests, since versions refer to them. The record says, in a
    bit for each row of a samples partition, which stay, and has a digest of these and their clusters: what follows
    depends on that, and not on their provenance, so that a shard stays as it is when a later source brings another copy
    of its samples.
    """
    payload = work.task.payload
    if "gathered" in payload:
        return _put_together(work)
    tables = [read_table(work.storage, path, columns=list(_COLUMNS)) for _, _, path in payload["partitions"]]
    edges = [read_table(work.storage, path) for path in payload["edges"]]
    # there is none if all was taken down
    table = pa.concat_tables(tables or [ROUTED.empty_table().select(list(_COLUMNS))])
    past = lineage.Past.of(payload["past"])
    before = past.all(work.storage)
    rows = lineage.exact(table, before)
    ended = _ended_of(work, before.filter(pa.array(~np.isin(np.arange(len(before)), rows))))
    decisions, lines = decide(work, table, edges, lineage.trace(table, lineage.lines_of(before, rows), ended))
    partitions = [(source, key, len(t)) for (source, key, _), t in zip(payload["partitions"], tables, strict=True)]
    outputs, count, kept, dropped, extra = told(work, decisions, partitions)
    files = published(work, decisions)
    files["lineage"] = by_digest(work, "lineage", lineage.ordered([lines, ended.carried()]), LINEAGE)
    outputs |= {_key(name, 0): output for name, output in files.items()}
    states = [past.state, lineage.state([files["lineage"].sha256])]
    extra |= {"edges": payload["edges"], "states": states, "merged": lineage.merged(decisions)}
    return work.record(outputs, count, kept, dropped=dropped, extra=extra)


def _put_together(work: Work) -> Record:
    payload = work.task.payload
    records = [ledger.load(work.storage, "gather", CORPUS, key) for key in payload["gathered"]]
    outputs: dict[str, Output] = {}
    extra: dict[str, Any] = {name: {} for name in ("kept", *SAID)} | {"edges": payload["edges"], "merged": 0}
    lost = []
    rows = kept = 0
    for record in records:
        if record is None:
            raise ValueError("a record of gather is gone since it was written")
        outputs |= record.outputs
        for name in ("kept", *SAID):
            extra[name] |= record.extra[name]
        lost.append((record.dropped, record.extra))
        rows, kept = rows + record.rows_in, kept + record.rows_kept
    for n, key in enumerate(payload["settled"]):
        record = ledger.load(work.storage, "settle", CORPUS, key)
        if record is None:
            raise ValueError("a record of settle is gone since it was written")
        outputs |= {_key(name, n): record.outputs[name] for name in ("index", "clusters", "lineage")}
        extra["merged"] += record.extra["merged"]
    for key in payload["ended"]:
        record = ledger.load(work.storage, "ended", CORPUS, key)
        if record is None:
            raise ValueError("a record of ended is gone since it was written")
        outputs[_key("lineage", len(payload["settled"]))] = record.outputs["lineage"]
    made = [output.sha256 for role, output in outputs.items() if role.startswith("lineage-")]
    extra["states"] = [lineage.Past.of(payload["past"]).state, lineage.state(made)]
    extra["duplicates"] = merged(more["duplicates"] for _, more in lost)
    sources = sorted({source for _, more in lost for source in more["rejected"]})
    extra["rejected"] = {s: merged(more["rejected"].get(s, {}) for _, more in lost) for s in sources}
    dropped = merged(reasons for stages, _ in lost for reasons in stages.values())
    return work.record(outputs, rows, kept, dropped={"deduplicate": dropped} if dropped else {}, extra=extra)


STEPS = {
    "components": components_step,
    "ended": ended_step,
    "route": route_step,
    "settle": settle_step,
    "gather": gather_step,
    "deduplicate": deduplicate_step,
}
