"""Memory of the steps that bring captions together, over a corpus that is made up: 40 % of its records are duplicates.

    python benchmarks/caption_tables.py [--records 1000000] [--out build/caption-tables]

The steps ``lend``, ``borrow``, ``hear`` and ``repeats`` run as in a run, on tables of samples, decisions and what is
known as the steps before them write them, 1,000 records each. Each record has a caption, a file name and a keyword,
and one caption in ten is that of many others. The tasks of a step run one after another in a process of their own,
whose peak is the largest of a task; the driver's is what this process takes to plan them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.config import MODEL
from pipeline.steps.lend import borrow_tasks, lend_tasks, parts_of
from pipeline.steps.repeats import Heard, hear_tasks, repeats_tasks
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import Output, write_table
from pipeline.work.ledger import Record
from pipeline.work.task import Task, Work
from stages.reasons import Reason
from stages.rowwise import SAMPLES
from stages.schema import DECISIONS, DESCRIBED

PARTITION = 1_000
WORDS = ("red", "blue", "small", "open", "round", "old", "flat", "tall", "house", "arrow", "cloud", "leaf", "boat",
         "star", "fish", "lamp", "gear", "bell", "tree", "book")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=Path("build/caption-tables"))
    arguments = parser.parse_args()
    shutil.rmtree(arguments.out, ignore_errors=True)
    data = {"config_version": 1, "name": "made"}
    source = {"name": "made", "kind": "folder", "path": "/none", "license": "CC0-1.0"}
    config = MODEL.model_validate_json(json.dumps(data | {"sources": [source]}))
    storage = FolderStorage(arguments.out)
    passed, described, decisions = made(storage, arguments.records)
    decided = Record(
        "decisions", "corpus", "decisions", "", {}, {}, "", decisions, 0, 0, extra={"duplicates": {"made": 1}}
    )
    before = peak()
    lent = run("lend", arguments.out, lend_tasks(config, passed, decided))
    borrowed = parts_of(run("borrow", arguments.out, borrow_tasks(config, lent)))
    heard = [Heard(f"made/{record.key}", record, None, borrowed.get(f"made/{record.key}", ())) for record in described]
    heard_records = run("hear", arguments.out, hear_tasks(config, heard))
    run("repeats", arguments.out, repeats_tasks(config, heard_records))
    print(f"driver: {before} MB before the tasks are planned, {peak()} MB after")


def run(name: str, out: Path, tasks: Sequence[Task[Any]]) -> list[Record]:
    """Run the tasks of a step in another process, and print what they took."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        idle = pool.apply(peak)
        began = time.monotonic()
        records = pool.starmap(work, [(task, out) for task in tasks], chunksize=1)
        taken = pool.apply(peak)
    rows = sum(record.rows_kept for record in records)
    seconds = time.monotonic() - began
    print(f"{name}: {len(tasks)} tasks, {rows:,} rows, {seconds:.0f} s, {idle} MB idle, {taken} MB at most", flush=True)
    return records


def work(task: Task[Any], out: Path) -> Record:
    return task.step.run(Work(task, FolderStorage(out)))


def peak() -> int:
    """The most memory that this process ever took, MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def made(storage: FolderStorage, records: int) -> tuple[list[Record], list[Record], dict[str, Output]]:
    """Records of samples partitions and of what is known of their survivors; their tables of decisions."""
    passed, described, decisions = [], [], {}
    for begin in range(0, records, PARTITION):
        key = f"{begin // PARTITION:05}"
        numbers = range(begin, min(begin + PARTITION, records))
        chance = np.random.default_rng(begin)
        survivors = (chance.integers(0, records // 5, len(numbers)) * 5 + chance.integers(0, 3, len(numbers))).tolist()
        rows = [
            row(number, number if number % 5 < 3 else survivor)
            for number, survivor in zip(numbers, survivors, strict=True)
        ]
        samples = write_table(
            storage, f"tables/samples/made/{key}.parquet", [pa.Table.from_pylist(rows, SAMPLES)], SAMPLES
        )
        passed.append(record("samples", key, samples))
        own = [known(each) for each in rows if each["kept"]]
        table = pa.Table.from_pylist(own, DESCRIBED)
        output = write_table(storage, f"tables/describe/made/{key}.parquet", [table], DESCRIBED)
        described.append(record("describe", key, output, said=len(own)))
        table = pa.Table.from_pylist(rows, DECISIONS)
        decisions[f"made/{key}"] = write_table(storage, f"tables/decisions/made/{key}.parquet", [table], DECISIONS)
    return passed, described, decisions


def record(stage: str, key: str, output: Output, **extra: int) -> Record:
    return Record(stage, "made", key, key, {}, {}, key, {"kept": output}, output.rows, output.rows, extra=extra)


def row(number: int, survivor: int) -> dict[str, Any]:
    """A row of a samples table and of decisions. All that stay have duplicates."""
    words = " ".join(WORDS[number // 20**place % 20] for place in range(5))
    kept = number == survivor
    own = {"text": words if number % 10 else "an icon of something", "style": "short", "language": "en"}
    own |= {"origin": "dataset"}
    one = {"raw_id": name(number), "source": "made", "path": f"made/{words.replace(' ', '-')}.svg"}
    return {
        **one,
        "sample_id": name(number),
        "name": f"{words.replace(' ', '-')}.svg",
        "own_captions": [own],
        "hints": [WORDS[number % 20]],
        "cluster_id": name(survivor),
        "kept": kept,
        "reason": "" if kept else str(Reason.NEAR_DUPLICATE),
        "provenance": [one, one] if kept else [],
        "late": False,
    }


def known(row: dict[str, Any]) -> dict[str, Any]:
    return {"sample_id": row["sample_id"], "captions": row["own_captions"], "hues": []}


def name(number: int) -> str:
    return hashlib.blake2b(number.to_bytes(8, "big"), digest_size=32).hexdigest()


if __name__ == "__main__":
    main()
