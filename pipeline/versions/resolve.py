"""What a takedown names: looked for in every version and in every table that the workspace has.

A rule names records. What these hold is one drawing in all the canonical forms that it ever had, by equal raw bytes and
equal canonical forms wherever they are; and with it goes what a version had in its cluster, since it resembles it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import ConfigError
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.tables import read_table
from pipeline.versions import published, shards
from pipeline.versions.browse import PASSED, records
from pipeline.versions.manifest import PROVENANCE, Manifest, RawTable
from pipeline.versions.straddling import pixels
from pipeline.versions.takedown import FEATURES, SOURCE, Rules, Targets
from stages import deduplicate, pictures
from stages.schema import PICTURES

_ORIGIN = ("raw_id", "source", "path", "url", "license")


Row: TypeAlias = dict[str, Any]
"""Of an index, or of a shard."""


@dataclass
class Hits:
    """What a request names, and where that is. ``versions``: number -> sample id -> places of its records."""

    targets: Targets = field(default_factory=Targets)
    versions: dict[int, dict[str, list[str]]] = field(default_factory=dict)
    records: int = 0
    """Records in tables, whether they became samples or not."""
    parts_of: list[str] = field(default_factory=list)
    """Licences of which one that was named is a part, and which it does not name."""


def resolve(storage: Storage, rules: Rules) -> Hits:
    """Look for what ``rules`` name. Raises ConfigError for a rule that can never match, and without a version."""
    newest = published.read(storage)
    manifests = [*(published.read(storage, n) for n in published.numbers(storage)[:-1]), newest]
    seen = _Seen(storage, manifests)
    _possible(seen, rules)
    hits = Hits()
    targets = hits.targets
    taken = rules.taken
    for table in seen.records():
        named = taken.named(table)
        if "sample_id" in table.column_names:
            ids = pa.array(sorted(taken.samples), pa.string())
            named |= pc.fill_null(pc.is_in(table["sample_id"], value_set=ids), False).to_numpy()
        targets.raw_ids.update(table.filter(pa.array(named))["raw_id"].to_pylist())
        if "sample_id" in table.column_names:
            targets.samples.update(each for each in table.filter(pa.array(named))["sample_id"].to_pylist() if each)
    seen.close(targets)
    for number, index in seen.indexes():
        for row in index:
            if row["sample_id"] in targets.samples or any(o["raw_id"] in targets.raw_ids for o in row["provenance"]):
                hits.versions.setdefault(number, {})[row["sample_id"]] = []
    clusters = {
        (number, row["cluster_id"])
        for number, index in seen.indexes()
        for row in index
        if row["sample_id"] in hits.versions.get(number, {})
    }
    for number, index in seen.indexes():
        for row in index:
            if (number, row["cluster_id"]) in clusters:
                places = [f"{origin['source']}/{origin['path']}" for origin in row["provenance"]]
                hits.versions.setdefault(number, {})[row["sample_id"]] = places
                targets.samples.add(row["sample_id"])
                targets.raw_ids.update(origin["raw_id"] for origin in row["provenance"])
    seen.close(targets)
    hits.records = seen.parts(targets)
    targets.features = list(seen.features(targets.samples))
    hits.parts_of = sorted(
        each
        for each in seen.licenses
        if any(own != each and own in each.replace("(", " ").split() for own in rules.licenses)
    )
    return hits


def _possible(seen: _Seen, rules: Rules) -> None:
    for source, start in rules.paths:
        if source not in seen.sources:
            known = ", ".join(sorted(seen.sources))
            raise ConfigError(
                f"path:{source}/{start} can never match: no version has a source {source}; they have {known}"
            )
    if rules.urls and not seen.urls:
        raise ConfigError(
            f"{rules.urls[0]} can never match: no record here says which URL it is from; name it by its id or its path"
        )


class _Seen:
    """The narrow columns of all versions and tables."""

    def __init__(self, storage: Storage, manifests: list[Manifest]) -> None:
        self._storage, self._manifests = storage, manifests
        self._indexes: list[tuple[int, list[Row]]] = []
        self._tables: list[tuple[tuple[str, str], str, pa.Table]] = []
        self.sources: set[str] = set()
        self.urls = False
        self.licenses: set[str] = set()
        read: dict[str, list[Row]] = {}
        for manifest in manifests:
            gone = published.redacted(storage, manifest.version)
            rows = []
            left = published.left_of(storage, manifest.version)
            index = [left.get(file.path, file.path) for file in manifest.of_role(PROVENANCE)]
            for path in index:
                if path not in read and path not in gone:
                    read[path] = read_table(storage, path).to_pylist()
                rows += read.get(path, [])
            if any(path in gone for path in index):
                rows += self._told_by_shards(manifest, {row["sample_id"] for row in rows}, read)
            self._indexes.append((manifest.version, rows))
            self.sources.update(source.source for source in manifest.sources)
        for stage, columns in (("crawl", _ORIGIN), *((stage, (*_ORIGIN, "sample_id")) for stage in PASSED)):
            for record in records(storage, stage):
                self._add((record.source, record.key), stage, record.outputs["kept"].path, columns)
        raw: dict[str, RawTable] = {file.path: file for m in manifests for file in m.kept}
        raw |= {file.path: file for file in manifests[-1].raw}
        for path, file in raw.items():
            self._add((file.source, file.key), "crawl", path, _ORIGIN)
        origins = [o for _, rows in self._indexes for row in rows for o in row["provenance"]]
        self.urls = any(o["url"] for o in origins) or any(
            table["url"].null_count < len(table) for _, _, table in self._tables
        )
        self.licenses = {o["license"] for o in origins if o["license"]}
        for _, _, table in self._tables:
            self.licenses.update(each for each in pc.unique(table["license"]).to_pylist() if each)

    def _told_by_shards(self, manifest: Manifest, known: set[str], read: dict[str, list[Row]]) -> list[Row]:
        """Rows of an index that a purge removed, as far as shards that are left tell of them: each its own cluster."""
        rows = []
        for shard in shards.present(self._storage, manifest):
            if shard.path not in read:
                read[shard.path] = [
                    {"sample_id": row["sample_id"], "cluster_id": row["sample_id"], "provenance": row["provenance"]}
                    for row in shards.read(self._storage, shard, ["sample_id", "provenance"])
                ]
            rows += [row for row in read[shard.path] if row["sample_id"] not in known]
        return rows

    def _add(self, part: tuple[str, str], stage: str, path: str, columns: tuple[str, ...]) -> None:
        try:
            self._tables.append((part, stage, read_table(self._storage, path, columns=list(columns))))
        except NotFound:  # a record whose table was collected, or is lost: the next run makes it anew
            return
        self.sources.add(part[0])

    def indexes(self) -> list[tuple[int, list[Row]]]:
        """(version, rows of its index)."""
        return self._indexes

    def records(self) -> Iterator[pa.Table]:
        """Tables of records, of the workspace and of what versions tell."""
        for _, _, table in self._tables:
            yield table
        schema = pa.schema([(name, pa.string()) for name in (*_ORIGIN, "sample_id")])
        for _, index in self._indexes:
            rows = [
                origin | {"sample_id": row["sample_id"] if not place else None}
                for row in index
                for place, origin in enumerate(row["provenance"])
            ]
            yield pa.Table.from_pylist(rows, schema=schema)

    def close(self, targets: Targets) -> None:
        """Add what is equal in raw bytes, or in a canonical form, to what was found; until that is all."""
        pairs = {
            (raw_id, sample_id)
            for _, stage, table in self._tables
            if stage in PASSED
            for raw_id, sample_id in zip(table["raw_id"].to_pylist(), table["sample_id"].to_pylist(), strict=True)
        }
        pairs |= {(row["provenance"][0]["raw_id"], row["sample_id"]) for _, index in self._indexes for row in index}
        while True:
            before = len(targets.raw_ids), len(targets.samples)
            for raw_id, sample_id in pairs:
                if raw_id in targets.raw_ids or sample_id in targets.samples:
                    targets.raw_ids.add(raw_id)
                    targets.samples.add(sample_id)
            if (len(targets.raw_ids), len(targets.samples)) == before:
                return

    def parts(self, targets: Targets) -> int:
        """Note which raw tables hold what was found, and count the records in them."""
        wanted = pa.array(sorted(targets.raw_ids), pa.string())
        count = 0
        for part, stage, table in self._tables:
            here = pc.sum(pc.is_in(table["raw_id"], value_set=wanted)).as_py() or 0
            if here and stage == "crawl":
                targets.parts.add(part)
                count += here
        return count

    def features(self, samples: set[str]) -> Iterator[pa.Table]:
        """`FEATURES` of samples, from tables where these have them, else from shards of versions."""
        left = set(samples)
        for record in records(self._storage, "samples"):
            try:
                table = read_table(self._storage, record.outputs["kept"].path, columns=FEATURES.names)
            except NotFound:
                continue
            table = table.filter(pc.is_in(table["sample_id"], value_set=pa.array(sorted(left), pa.string())))
            left.difference_update(table["sample_id"].to_pylist())
            yield table.select(FEATURES.names).cast(FEATURES)
        done: set[str] = set()
        for manifest in reversed(self._manifests):
            settings = published.settings(manifest, "deduplicate", deduplicate.DeduplicateSettings)
            for shard in shards.present(self._storage, manifest):
                if not left or shard.path in done:
                    continue
                done.add(shard.path)
                try:
                    rows = list(shards.read(self._storage, shard, ["sample_id", "svg", "tokens", *PICTURES]))
                except NotFound:  # lost: the next run makes it anew
                    continue
                rows = [row for row in rows if row["sample_id"] in left]
                if rows:
                    left.difference_update(row["sample_id"] for row in rows)
                    yield _features(rows, settings)


def _features(rows: list[Row], settings: deduplicate.DeduplicateSettings) -> pa.Table:
    columns = deduplicate.features([row["tokens"] for row in rows], settings)
    hashes = []
    for row, key in zip(rows, columns["geometry_key"].to_pylist(), strict=True):
        small = pictures.reduce(pixels(shards.picture_of(row), row["svg"]))
        hashes.append(pictures.picture_hash(small if key is None else pictures.colourless(small)))
    columns |= {
        "sample_id": pa.array([row["sample_id"] for row in rows], pa.string()),
        "source": pa.array([SOURCE] * len(rows), pa.string()),
        "picture_hash": pa.array(hashes, pa.binary(24)),
    }
    table = [columns.get(field.name, pa.nulls(len(rows), field.type)) for field in FEATURES]
    return pa.table(table, schema=FEATURES)
