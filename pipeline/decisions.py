"""Who stays, as tasks and steps: from the duplicates that `pipeline.duplicates` found to a decision on every record.

A corpus of up to `TOGETHER` records is decided on by one task. A larger one is decided on in shards, each of which
holds whole components of the graph of duplicates, so that no task sees all records, nor all edges:

    components   of some edges, then of some components, until they are one table; see `stages.deduplicate.components`
    route        of some samples partitions, edges, or earlier samples: what goes into which shard
    settle       of a shard: who stays
    gather       of some samples partitions: their decisions, from all shards

The last task, ``deduplicate``, has the decisions of the whole corpus in its record either way, and they are the same.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import ledger, plan, takedown
from pipeline.accounts import merged
from pipeline.config import Config
from pipeline.ledger import Basis, Record, table_path
from pipeline.tables import Output, read_table, table_bytes, write_bytes, write_table
from pipeline.work import Task, Work
from stages import deduplicate
from stages.deduplicate import DeduplicateSettings
from stages.reasons import Outcome, Reason, outcome
from stages.schema import CLUSTERS, DECIDED, EDGES, INDEX, ROUTED, SETTLED, STARS

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

    ``benchmarks``: the samples of what the dataset must not overlap. ``earlier``: paths of the index of the version
    whose samples stay. They are no part of the basis of what is decided in the end: what was decided from the same
    samples before stands, which is what they are there for. ``takedowns``: paths of the requests (see `takedown`).
    """

    def __init__(
        self,
        config: Config,
        samples: Sequence[Record],
        matched: Sequence[Record],
        benchmarks: Sequence[Record] = (),
        earlier: Sequence[str] = (),
        takedowns: Sequence[str] = (),
    ) -> None:
        self._config, self._samples = config, samples
        self._edges = sorted(
            {record.outputs["kept"] for record in matched if record.outputs["kept"].rows}, key=lambda edge: edge.sha256
        )
        self._rows = sum(record.rows_kept for record in samples)
        self._order = [source.name for source in config.sources]
        self._versions = plan.versions_of(config, "deduplicate")
        self._own = plan.dump(config.deduplicate) | {"source_order": self._order, "takedowns": list(takedowns)}
        self._benchmarks = [record.outputs["kept"] for record in benchmarks]
        self._payload = {
            "settings": config.deduplicate.model_dump_json(),
            "source_order": self._order,
            "takedowns": list(takedowns),
            "benchmarks": [table.path for table in self._benchmarks],
            "earlier": list(earlier),
        }
        self.shards = -(-self._rows // TOGETHER)

    def whole(self) -> Task:
        """The task that has all decisions: it takes them, or puts together what was decided in shards."""
        edges = [("edges", edge.sha256) for edge in self._edges]
        basis = Basis(
            self._versions,
            self._own,
            (
                *plan.inputs_of(record.outputs["kept"] for record in self._samples),
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
            }
        size = self._rows * _BYTES
        return Task("deduplicate", plan.CORPUS, "decisions", basis, self._payload | payload, self._rows, size)

    def in_shards(self, stage: Stage) -> None:
        """Decide, where one task is not to see all: after this, `whole` has what it puts together."""
        stars = self._components(stage)
        routed = stage("route", self._route(stars))
        settled = stage("settle", self._settle(routed))
        stage("gather", self._gather(settled))

    def _groups(self) -> list[list[Record]]:
        return _filled(self._samples, lambda record: record.rows_kept, ROUTED_AT_ONCE)

    def _task(self, stage: str, key: str, inputs: Iterable[Output], payload: dict[str, Any], rows: int) -> Task:
        """A task on the way, which is run only if the end of it is not known: here the earlier samples count."""
        own = self._own | {"shards": self.shards, "earlier": self._payload["earlier"], "part": key}
        basis = Basis(self._versions, own, tuple(plan.inputs_of(inputs)))
        return Task(stage, plan.CORPUS, key, basis, self._payload | payload, rows, rows * _BYTES)

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
        for n, path in enumerate(self._payload["earlier"]):
            groups.append((_key("earlier", n), {"index": path}, [], 0))
        return [
            self._task("route", key, [stars, *inputs], {"stars": stars.path, "shards": self.shards} | payload, rows)
            for key, payload, inputs, rows in groups
        ]

    def _settle(self, routed: Sequence[Record]) -> list[Task]:
        tasks = []
        for shard in range(self.shards):
            parts: dict[str, list[tuple[str, int]]] = {"samples": [], "edges": [], "earlier": []}
            rows = 0
            for record in routed:
                kind, sizes = record.key.partition("-")[0], record.extra["shards"]
                parts[kind].append((record.outputs["kept"].path, _row_group(sizes, shard)))
                rows += sizes[shard] if kind == "samples" else 0
            inputs = [record.outputs["kept"] for record in routed]
            tasks.append(self._task("settle", _key("settle", shard), inputs, {"parts": parts}, rows))
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
    """Cut into shards, a row group for each that gets anything: records of partitions, edges, or an index' samples."""
    payload = work.task.payload
    stars = read_table(work.storage, payload["stars"])
    if "partitions" in payload:
        tables = []
        for number, (_, _, path) in enumerate(payload["partitions"]):
            part = read_table(work.storage, path, columns=list(_COLUMNS))
            part = part.append_column("partition", pa.array(np.full(len(part), number, np.int32)))
            tables.append(part.append_column("row", pa.array(np.arange(len(part), dtype=np.int32))))
        table, schema = pa.concat_tables([ROUTED.empty_table(), *(part.cast(ROUTED) for part in tables)]), ROUTED
        items = deduplicate.item_ids(table["sample_id"])
    elif "index" in payload:
        schema = pa.schema([INDEX.field("sample_id")])
        table = read_table(work.storage, payload["index"], columns=["sample_id"])
        items = deduplicate.item_ids(table["sample_id"])
    else:
        table, schema = pa.concat_tables([read_table(work.storage, path) for path in payload["edges"]]), EDGES
        table = table.filter(pc.less(table["level"], int(deduplicate.Level.ALMOST)))
        items = table["a"].to_numpy()
    shard = deduplicate.shards(items, stars, payload["shards"])
    sizes = np.bincount(shard, minlength=payload["shards"]).tolist()
    table = table.take(pa.array(np.argsort(shard, kind="stable")))
    output = write_table(work.storage, work.path(), _parts(table, sizes), schema)
    return work.record({"kept": output}, len(table), len(table), extra={"shards": sizes})


def settle_step(work: Work) -> Record:
    """Decide on a shard, a row group for each task that routed anything here; and its part of what is published."""
    payload = work.task.payload
    read = {
        name: [read_table(work.storage, path, row_group=group) if group >= 0 else None for path, group in parts]
        for name, parts in payload["parts"].items()
    }
    samples = [ROUTED.empty_table() if part is None else part for part in read["samples"]]
    ids = pa.chunked_array([part["sample_id"].combine_chunks() for part in read["earlier"] if part], pa.string())
    table = pa.concat_tables([ROUTED.empty_table(), *samples])
    edges = [part for part in read["edges"] if part is not None]
    decisions = _decide(work, table, edges, frozenset(ids.to_pylist()))
    for name in ("partition", "row"):
        decisions = decisions.append_column(ROUTED.field(name), table[name])
    sizes = [len(part) for part in samples]
    kept = write_table(work.storage, work.path(), _parts(decisions, sizes), SETTLED)
    outputs = {"kept": kept, **_published(work, decisions)}
    return work.record(outputs, len(table), outputs["index"].rows, extra={"routes": sizes})


def gather_step(work: Work) -> Record:
    """The decisions on some samples partitions, in their order."""
    payload = work.task.payload
    parts = [read_table(work.storage, path, row_group=group) for path, group in payload["parts"]]
    table = pa.concat_tables([SETTLED.empty_table(), *parts])
    order = np.lexsort((table["row"].to_numpy(), table["partition"].to_numpy()))
    decisions = table.take(pa.array(order)).select(DECIDED.names)
    if len(decisions) != sum(rows for _, _, rows in payload["partitions"]):
        raise ValueError("the shards do not hold each record of these partitions once")
    outputs, rows, kept, dropped, extra = _told(work, decisions, payload["partitions"])
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
    ids = [read_table(work.storage, path, columns=["sample_id"])["sample_id"] for path in payload["earlier"]]
    edges = [read_table(work.storage, path) for path in payload["edges"]]
    earlier = frozenset(sample_id for column in ids for sample_id in column.to_pylist())
    decisions = _decide(work, pa.concat_tables(tables), edges, earlier)
    partitions = [(source, key, len(t)) for (source, key, _), t in zip(payload["partitions"], tables, strict=True)]
    outputs, rows, kept, dropped, extra = _told(work, decisions, partitions)
    outputs |= {_key(name, 0): output for name, output in _published(work, decisions).items()}
    return work.record(outputs, rows, kept, dropped=dropped, extra=extra | {"edges": payload["edges"]})


def _put_together(work: Work) -> Record:
    payload = work.task.payload
    records = [ledger.load(work.storage, "gather", plan.CORPUS, key) for key in payload["gathered"]]
    outputs: dict[str, Output] = {}
    extra: dict[str, Any] = {"kept": {}, "decided": {}, "edges": payload["edges"]}
    lost = []
    rows = kept = 0
    for record in records:
        if record is None:
            raise ValueError("a record of gather is gone since it was written")
        outputs |= record.outputs
        for name in ("kept", "decided"):
            extra[name] |= record.extra[name]
        lost.append((record.dropped, record.extra))
        rows, kept = rows + record.rows_in, kept + record.rows_kept
    for n, key in enumerate(payload["settled"]):
        record = ledger.load(work.storage, "settle", plan.CORPUS, key)
        if record is None:
            raise ValueError("a record of settle is gone since it was written")
        outputs |= {_key(name, n): record.outputs[name] for name in ("index", "clusters")}
    extra["duplicates"] = merged(more["duplicates"] for _, more in lost)
    sources = sorted({source for _, more in lost for source in more["rejected"]})
    extra["rejected"] = {s: merged(more["rejected"].get(s, {}) for _, more in lost) for s in sources}
    dropped = merged(reasons for stages, _ in lost for reasons in stages.values())
    return work.record(outputs, rows, kept, dropped={"deduplicate": dropped} if dropped else {}, extra=extra)


def _decide(work: Work, table: pa.Table, edges: Sequence[pa.Table], earlier: frozenset[str]) -> pa.Table:
    """`stages.schema.DECIDED` of each row of ``table``."""
    payload = work.task.payload
    settings = DeduplicateSettings.model_validate_json(payload["settings"])
    taken = takedown.load(work.storage, payload["takedowns"])
    ids = [read_table(work.storage, path, columns=["sample_id"])["sample_id"] for path in payload["benchmarks"]]
    benchmark = frozenset(sample_id for column in ids for sample_id in column.to_pylist())
    found = deduplicate.deduplicate(table, edges, settings, payload["source_order"], earlier, taken, benchmark)
    return found.append_column("atomic_length", table["atomic_length"].cast(pa.int32()))


def _published(work: Work, decisions: pa.Table) -> dict[str, Output]:
    """What versions refer to of whole clusters' ``decisions``: the index of samples, and the clusters."""
    samples = decisions.filter(decisions["kept"]).select(INDEX.names).sort_by("sample_id")
    # of what was taken down, nobody is told where it was
    told = decisions.filter(pc.not_equal(decisions["reason"], Reason.TAKEN_DOWN))
    sizes = told.group_by("cluster_id").aggregate([([], "count_all")])
    several = sizes.filter(pc.greater(sizes["count_all"], 1))["cluster_id"]
    # a benchmark's drawing is no record, but what it took is told
    overlaps = pc.equal(told["reason"], Reason.BENCHMARK_OVERLAP)
    members = told.filter(pc.or_(pc.is_in(told["cluster_id"], value_set=several), overlaps))
    order = [("cluster_id", "ascending"), ("kept", "descending"), ("source", "ascending"), ("path", "ascending")]
    outputs = {}
    for name, table, schema in (("index", samples, INDEX), ("clusters", members.sort_by(order), CLUSTERS)):
        data = table_bytes(table.select(schema.names), schema)
        path = f"{name}/{hashlib.sha256(data).hexdigest()[:20]}.parquet"
        outputs[name] = write_bytes(work.storage, path, data, len(table))
    return outputs


Told = tuple[dict[str, Output], int, int, dict[str, dict[str, int]], dict[str, Any]]
"""Outputs, rows in and kept, what was dropped, and more of a record."""


def _told(work: Work, decisions: pa.Table, partitions: Sequence[tuple[str, str, int]]) -> Told:
    """Write ``decisions`` on ``partitions`` (source, key, rows) and say what a record says of them."""
    outputs: dict[str, Output] = {}
    kept: dict[str, str] = {}
    decided: dict[str, str] = {}
    before = ledger.load(work.storage, work.task.stage, work.task.source, work.task.key)
    there = {output.path for output in before.outputs.values()} if before else set()
    begin = 0
    for source, key, rows in partitions:
        mine = decisions.slice(begin, rows)
        begin += rows
        name = f"{source}/{key}"
        outputs[name] = write_table(work.storage, table_path("deduplicate", source, key), [mine], DECIDED, there)
        kept[name] = base64.b64encode(np.packbits(mine["kept"].to_numpy()).tobytes()).decode()
        stays = mine.filter(mine["kept"])
        decided[name] = ledger.digest([stays["sample_id"].to_pylist(), stays["cluster_id"].to_pylist()])
    lost = decisions.filter(pc.invert(decisions["kept"]))
    counted = Counter(zip(lost["source"].to_pylist(), lost["reason"].to_pylist(), strict=True))
    dropped: Counter[str] = Counter()
    duplicates: Counter[str] = Counter()
    rejected: dict[str, dict[str, int]] = {}
    for (source, reason), n in sorted(counted.items()):
        dropped[reason] += n
        if outcome(Reason(reason)) is Outcome.DUPLICATE:
            duplicates[source] += n
        else:
            rejected.setdefault(source, {})[reason] = n
    extra = {"duplicates": dict(duplicates), "rejected": rejected, "kept": kept, "decided": decided}
    told = {"deduplicate": dict(sorted(dropped.items()))} if dropped else {}
    return outputs, len(decisions), len(decisions) - len(lost), told, extra


STEPS = {
    "components": components_step,
    "route": route_step,
    "settle": settle_step,
    "gather": gather_step,
    "deduplicate": deduplicate_step,
}
