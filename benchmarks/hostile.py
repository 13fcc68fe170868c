"""Hostile files among good ones, through the sandbox and the row-wise pass as the pipeline runs them.

    python benchmarks/hostile.py HOSTILE GOOD [--big DIR] [--count 1000]

HOSTILE holds ``hostile.csv`` (file, safe_action, reason_code, note) and the files; DIR those that its script makes.
GOOD is a folder of ordinary SVGs. Prints every row that does not get its action, the slowest records, the largest
child's memory, what the sandbox costs, and whether the good files came through as they do alone. Exits with 1 on a
miss.
"""

from __future__ import annotations

import argparse
import csv
import resource
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
from fidelity import settings

from pipeline.work.sandbox import Sandbox, SandboxSettings
from stages.crawl import CrawlSettings, RawItem, crawl_records
from stages.rowwise import mill

# the rows say what a picture without its animation shows
CONFIG = settings(animation="drop").model_dump_json()

SAME = {
    "render_budget": {"too_complex", "unsupported_pattern", "timed_out"},
    "raster_only": {"raster_embedded"},
    "huge_dimension": {"bad_dimension"},
    "too_deep": {"too_complex"},
    "too_complex": {"too_deep", "use_expansion"},
    "blank_render": {"nothing_drawn", "unsupported_animation"},
    "invalid_value": {"nothing_drawn"},
}
"""Our reasons that say what the file's reason says, in other words."""

LATER = {"dup_b.svg", "dup_c.svg", "dup_d.svg"}
"""Rows that the row-wise pass does not decide: duplicates are found later."""


def right(row: dict[str, str], outcome: str) -> bool:
    """Whether an outcome (kept, or a reason) is what the row asks for, or what its note allows instead."""
    action, reason, note = row["safe_action"], row["reason_code"], row["note"]
    if row["file"] in LATER:
        return True
    if outcome == "kept":
        return action in ("keep", "clean") or "acceptable" in note
    if outcome in ("crashed", "out_of_memory", "output_too_large", "stage_error"):
        return False
    if action == "reject":
        return outcome == reason or outcome in SAME.get(reason, ())
    # a drawing that holds a raster is rejected by rule, and notes say where rejecting is right as well
    return "reject" in note or outcome == "raster_embedded"


def raw(name: str, data: bytes) -> tuple[pa.Table, str]:
    """The record of one file, or the reason for which crawling drops it."""
    for kept, dropped in crawl_records([RawItem(name, data)], "s", "NOASSERTION", CrawlSettings(), 1):
        if dropped.num_rows:
            return kept, str(dropped["reason"][0].as_py())
        return kept, ""
    raise AssertionError("a record that ends nowhere")


def mixed(hostile: list[tuple[str, pa.Table]], good: list[tuple[str, pa.Table]]) -> Iterator[tuple[str, pa.Table]]:
    """The hostile records spread evenly among the good ones."""
    step = max(1, len(good) // max(1, len(hostile)))
    bad = iter(hostile)
    for i, record in enumerate(good):
        if i % step == 0 and (next_bad := next(bad, None)) is not None:
            yield next_bad
        yield record
    yield from bad


def outcomes(box: Sandbox, records: list[tuple[str, pa.Table]]) -> tuple[dict[str, str], dict[str, dict[str, object]]]:
    """By name: kept or the reason; and the kept rows."""
    result = box.run(pa.concat_tables([table for _, table in records]), CONFIG)
    ended = {records[i][0]: str(reason) for i, reason, _ in result.quarantined}
    kept = {row["path"]: row for row in result.tables[0].to_pylist()}
    ended |= dict.fromkeys(kept, "kept")
    ended |= {row["path"]: row["reason"] for row in result.tables[1].to_pylist()}
    return ended, kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hostile", type=Path)
    parser.add_argument("good", type=Path)
    parser.add_argument("--big", type=Path, help="where the hostile set's script has put its large files")
    parser.add_argument("--count", type=int, default=1000, help="good files")
    arguments = parser.parse_args()
    with (arguments.hostile / "hostile.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for before, row in pairwise(rows):
        if row["note"] == "as above":
            row["note"] = before["note"]
    ended: dict[str, str] = {}
    hostile = []
    for row in rows:
        path = arguments.hostile / row["file"]
        if not path.exists() and arguments.big:
            path = arguments.big / row["file"]
        if not path.exists():
            print(f"missing: {row['file']} (made by the set's script with --big)")
            continue
        table, reason = raw(row["file"], path.read_bytes())
        if reason:
            ended[row["file"]] = reason
        else:
            hostile.append((row["file"], table))
    files = sorted(p for p in arguments.good.rglob("*.svg") if p.is_file())
    files = files[:: max(1, len(files) // arguments.count)][: arguments.count]
    good = [(f"good/{i}", raw(f"good/{i}", path.read_bytes())[0]) for i, path in enumerate(files)]

    box = Sandbox("stages.rowwise:mill", SandboxSettings())
    begin = time.monotonic()
    _, alone = outcomes(box, good)
    sandboxed = time.monotonic() - begin
    begin = time.monotonic()
    for at in range(0, len(good), 64):
        mill(pa.concat_tables([table for _, table in good[at : at + 64]]), CONFIG)
    here = time.monotonic() - begin
    print(
        f"{len(good)} good files: {here:.1f} s in this process, {sandboxed:.1f} s in the sandbox, its start included "
        f"({sandboxed / here - 1:+.0%})"
    )

    found, kept = outcomes(box, list(mixed(hostile, good)))
    ended |= found
    unharmed = {name: row for name, row in kept.items() if name.startswith("good/")} == alone
    print(f"among {len(hostile)} hostile ones: {'all as they were' if unharmed else 'NOT as they were'}")

    times = []
    for name, table in hostile:
        begin = time.monotonic()
        box.run(table, CONFIG)
        times.append((time.monotonic() - begin, name))
    box.close()
    print("slowest: " + ", ".join(f"{name} {seconds:.1f} s" for seconds, name in sorted(times, reverse=True)[:5]))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest child: {peak:.0f} MiB")
    wrong = [row for row in rows if row["file"] in ended and not right(row, ended[row["file"]])]
    for row in wrong:
        print(
            f"{row['file']}: {ended[row['file']]} instead of {row['safe_action']} {row['reason_code']} ({row['note']})"
        )
    known = sum(row["file"] in ended for row in rows)
    died = [name for name, outcome in ended.items() if outcome in ("crashed", "timed_out", "out_of_memory")]
    print(f"{known - len(wrong)} of {known} rows as they should be; quarantined: {', '.join(died) or 'none'}")
    slow = max(times)[0] > 5
    return 1 if wrong or not unharmed or slow or peak > 1024 else 0


if __name__ == "__main__":
    sys.exit(main())
