"""Whether what comes in two batches is deduplicated as if it had come at once: random splits of a workspace's samples.

    python benchmarks/two_batches.py WORKSPACE [--rounds 10] [--limit N]

In each round a random share of the samples comes later, from a second source, in partitions that are cut at random. It
is held against all of them at once, in other partitions: decisions on every record (survivors, clusters, reasons,
provenance) and splits have to be the same. Exits with 1 if anything differs.
"""

from __future__ import annotations

import pipeline  # noqa: F401  first, since it chooses the allocator of Arrow

# isort: split

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from near_duplicates import run_task

from pipeline.config import Config
from pipeline.steps import decisions, duplicates
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import read_table, write_table
from pipeline.versions.lineage import Past
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import Step, Task
from stages import tier
from stages.deduplicate import DECIDES, FEATURES
from stages.rowwise import SAMPLES

NAMES = tuple(name for name in SAMPLES.names if name in {*DECIDES, *FEATURES, "atomic_length"})
STORED = pa.schema([SAMPLES.field(name) for name in NAMES])
CONFIG = Config.model_validate_json(
    '{"config_version": 1, "name": "batches", "sources": [{"name": "a", "kind": "folder", "path": "."},'
    ' {"name": "b", "kind": "folder", "path": "."}]}'
)


class Workspace:
    """Samples partitions, and the decisions on them."""

    def __init__(self, root: Path, pool: Any) -> None:
        self._root, self._pool = root, pool
        self._storage = FolderStorage(root)

    def store(self, table: pa.Table, source: str, chance: np.random.Generator) -> list[Record]:
        """``table`` as samples partitions of ``source``, in random order and of random sizes."""
        table = table.take(pa.array(chance.permutation(len(table))))
        table = table.set_column(NAMES.index("source"), "source", pa.array([source] * len(table)))
        records: list[Record] = []
        begin = 0
        while begin < len(table):
            size = int(chance.integers(200, 3000))
            part = table.slice(begin, size)
            key = f"{len(records):04}-0"
            path = f"tables/samples/{source}/{key}.parquet"
            output = {"kept": write_table(self._storage, path, [part], STORED)}
            records.append(Record("samples", source, key, "", {}, {}, "", output, len(part), len(part)))
            begin += size
        return records

    def _stage(self, step: Step[Any], tasks: Sequence[Task[Any]]) -> list[Record]:
        return [done.record for done in self._pool.map(run_task, [(task, str(self._root)) for task in tasks], 1)]

    def decide(self, samples: list[Record], batches: dict[str, int], past: Past) -> Record:
        """``batches``: source -> in which version it came. ``past``: the lineage of the version before."""
        generations = {(record.source, record.key[:-2]): batches[record.source] for record in samples}
        blocks = duplicates.blocks(samples, generations)
        stretches = duplicates.stretches(blocks)
        banded = self._stage(duplicates.BANDS_STEP, duplicates.bands_tasks(CONFIG, blocks))
        paired = self._stage(duplicates.PAIRS_STEP, duplicates.pairs_tasks(CONFIG, stretches, banded))
        matched = self._stage(duplicates.MATCH_STEP, duplicates.match_tasks(CONFIG, stretches, paired))
        deciding = decisions.Deciding(CONFIG, samples, matched, past=past)
        if deciding.slices > 1:
            deciding.in_slices(self._stage)
        (decided,) = self._stage(decisions.DEDUPLICATE, [deciding.whole()])
        return decided

    def told(self, decided: Record) -> dict[str, tuple[Any, ...]]:
        """Path -> all that was decided on the record, and its split."""
        found = {}
        for name, output in decided.outputs.items():
            if "/" not in name:
                continue
            rows = read_table(self._storage, output.path)
            splits = tier.tier(rows.filter(rows["kept"]), tier.TierSettings()).to_pylist()
            of = {row["sample_id"]: row["split"] for row in splits}
            for row in rows.to_pylist():
                split = of[row["sample_id"]] if row["kept"] else ""
                found[row["path"]] = (*(row[key] for key in sorted(row) if key != "shown"), split)
        return found

    @staticmethod
    def lineage(decided: Record) -> Past:
        """What the next version builds on."""
        files = [output for name, output in sorted(decided.outputs.items()) if name.startswith("lineage-")]
        return Past(tuple((output.path, output.sha256) for output in files), 1)


def samples_of(workspace: Path, limit: int | None) -> pa.Table:
    """All samples of a workspace, with paths that are theirs alone."""
    storage = FolderStorage(workspace)
    sources = sorted(path.name for path in (workspace / "tables/samples").iterdir())
    found = ledger.records(storage, "samples", sources)
    table = pa.concat_tables([read_table(storage, r.outputs["kept"].path, columns=list(NAMES)) for r in found])
    paths = [f"{s}/{p}" for s, p in zip(table["source"].to_pylist(), table["path"].to_pylist(), strict=True)]
    table = table.select(NAMES).set_column(NAMES.index("path"), "path", pa.array(paths))
    return table.slice(0, limit)


def main() -> int:
    """Split, decide both ways, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--limit", type=int)
    args = parser.parse_args()
    table = samples_of(args.workspace, args.limit)
    faults = 0
    with multiprocessing.Pool() as pool:
        for turn in range(args.rounds):
            chance = np.random.default_rng(turn)
            later = chance.random(len(table)) < chance.uniform(0.01, 0.9)
            begin = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="svgmill-batches-") as name:
                two, one = Workspace(Path(name, "two"), pool), Workspace(Path(name, "one"), pool)
                first = two.store(table.filter(pa.array(~later)), "a", chance)
                version = two.decide(first, {"a": 1}, Past())
                second = two.store(table.filter(pa.array(later)), "b", chance)
                grown = two.told(two.decide([*first, *second], {"a": 1, "b": 2}, two.lineage(version)))
                parts = [
                    *one.store(table.filter(pa.array(~later)), "a", chance),
                    *one.store(table.filter(pa.array(later)), "b", chance),
                ]
                decided = one.decide(parts, {"a": 1, "b": 1}, Past())
                whole = one.told(decided)
            wrong = [path for path in whole if whole[path] != grown[path]]
            faults += len(wrong) + (whole.keys() != grown.keys())
            print(
                f"{len(table) - later.sum()} and {later.sum()} samples: {decided.rows_kept} stay; "
                f"{len(wrong)} decisions differ ({time.monotonic() - begin:.0f} s)",
                flush=True,
            )
            for path in wrong[:2]:
                print(f"  {path}: {grown[path]} in two, {whole[path]} at once")
    print(f"{args.rounds} splits of {len(table)} samples: {faults} differences")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
