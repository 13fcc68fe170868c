"""How fast tables are read on one core: 50,000 rows in the layout of each preset, through the crawl step, against
pyarrow reading the same columns; and whether each row's name, captions, keywords and licence arrive.

    python benchmarks/tables.py [--rows 50000] [--profile PRESET]

Drawings are of about 2 kB. CPU seconds of this process, with one thread for pyarrow. Of the raw table that the step
writes every row is compared with the row that was made.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from pipeline.config import MODEL, Config
from pipeline.sources.base import Surroundings
from pipeline.sources.partitions import chunks
from pipeline.steps.crawl import crawl_step, crawl_tasks
from pipeline.storage.open import open_storage
from pipeline.work.ledger import Record
from pipeline.work.task import Work

GROUP = 10_000
"""Rows of a row group, as datasets' libraries write them."""

LICENSES = ("MIT", "CC0-1.0", "CC-BY-4.0", None)


@cache
def drawing(number: int) -> str:
    """A drawing of about 2 kB."""
    source = random.Random(number)
    paths = []
    for _ in range(9):
        points = " ".join(f"L{source.random() * 24:.2f} {source.random() * 24:.2f}" for _ in range(15))
        paths.append(f'<path fill="#{source.randrange(2**24):06x}" d="M3 3{points}z"/>')
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{"".join(paths)}</svg>'


def svg_stack(n: int) -> dict[str, Any]:
    captions = [
        f"an icon of shape {n} in colours",
        f"The image displays shape {n}, with curves. " * 3,
        f"Shape {n}: “{n}”. " * 9,
    ]
    named = dict(zip(("caption_blip2", "caption_cogvlm", "caption_llava"), captions, strict=True))
    return {"Filename": f"{n:08x}.svg", "Svg": drawing(n), **named, "license": LICENSES[n % 4]}


def mmsvg(n: int) -> dict[str, Any]:
    texts = {"description": f"Shape number {n}", "detail": f"Shape {n} stands on a white ground, in nine colours. " * 4}
    row = {"id": f"icon-{n}", "svg": drawing(n), **texts, "keywords": f"shape, gizmo, part {n}"}
    return row | {"license": LICENSES[n % 4]}


def svgx(n: int) -> dict[str, Any]:
    fixed = "Generate an SVG illustration from the given description."
    prompt = f"Draw shape number {n} in nine colours"
    texts = {"instruction": fixed, "input": prompt} if n % 2 else {"instruction": prompt, "input": ""}
    return {**texts, "output": drawing(n), "license": LICENSES[n % 4]}


def lines(rows: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{json.dumps(row)}\n" for row in rows)


def array(rows: list[dict[str, Any]], path: Path) -> None:
    path.write_text(json.dumps(rows), encoding="utf-8")


def parquet(rows: list[dict[str, Any]], path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=GROUP)


def arrow(rows: list[dict[str, Any]], path: Path) -> None:
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=GROUP)


def comma(rows: list[dict[str, Any]], path: Path) -> None:
    pa.csv.write_csv(pa.Table.from_pylist(rows), path)


def by_pyarrow(path: Path) -> int:
    """How many rows pyarrow reads, some at a time."""
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            return sum(batch.num_rows for batch in file.iter_batches(512))
    if path.suffix == ".arrow":
        with pa.ipc.open_file(path) as file:
            return sum(file.get_batch(n).num_rows for n in range(file.num_record_batches))
    if path.suffix == ".csv":
        parsing = pa.csv.ParseOptions(newlines_in_values=True)
        return sum(batch.num_rows for batch in pa.csv.open_csv(path, parse_options=parsing))
    if path.suffix == ".jsonl":
        return sum(batch.num_rows for batch in pa.json.open_json(path))
    return len(json.loads(path.read_bytes()))  # pyarrow reads no array


CASES: dict[str, tuple[str, Callable[[int], dict[str, Any]], str, Callable[[list[dict[str, Any]], Path], None]]] = {
    "svg-stack parquet": ("svg-stack", svg_stack, "t.parquet", parquet),
    "mmsvg parquet": ("mmsvg", mmsvg, "t.parquet", parquet),
    "svgx json array": ("svgx", svgx, "t.json", array),
    "svgx jsonl": ("svgx", svgx, "t.jsonl", lines),
    "mmsvg arrow": ("mmsvg", mmsvg, "t.arrow", arrow),
    "mmsvg csv": ("mmsvg", mmsvg, "t.csv", comma),
}


def wanted(preset: str, n: int, row: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    """Name, captions and keywords that the raw table must have."""
    if preset == "svg-stack":
        return row["Filename"], [row["caption_blip2"], row["caption_cogvlm"].strip(), row["caption_llava"].strip()], []
    if preset == "mmsvg":
        return f"{row['id']}.svg", [row["description"], row["detail"].strip()], row["keywords"].split(", ")
    return f"{n:08}.svg", [row["input"] or row["instruction"]], []


def compared(preset: str, rows: list[dict[str, Any]], path: Path) -> None:
    """Every row of a raw table is the one that was made. Raises AssertionError."""
    columns = ["path", "own_captions", "hints", "license", "license_from", "bytes"]
    table = pq.read_table(path, columns=columns)
    assert table.num_rows == len(rows)
    svg = {"svg-stack": "Svg", "mmsvg": "svg", "svgx": "output"}[preset]
    for n, (row, raw) in enumerate(zip(rows, in_parts(table), strict=True)):
        license = (row["license"], "column") if row["license"] else ("CC-BY-SA-4.0", "config")
        assert (raw["license"], raw["license_from"]) == license, raw
        found = raw["path"], [caption["text"] for caption in raw["own_captions"]], raw["hints"]
        assert found == wanted(preset, n, row), (found, wanted(preset, n, row))
        assert raw["bytes"].decode() == row[svg]


def in_parts(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=1000):
        yield from batch.to_pylist()


def crawled(folder: Path, name: str, preset: str) -> tuple[Record, float]:
    """The crawl of a table, and its CPU seconds."""
    source = {"name": "t", "kind": "table", "path": name, "preset": preset, "license": "CC-BY-SA-4.0"}
    data = {"config_version": 1, "name": "tables", "sources": [source]}
    config: Config = MODEL.model_validate_json(json.dumps(data))
    listing = config.sources[0].listing(Surroundings(folder))
    (task,) = crawl_tasks(config, [listing], {"t": chunks(listing, config.partition.records)})
    began = time.process_time()
    record = crawl_step(Work(task, open_storage(str(folder / "ws"))))
    return record, time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--profile", choices=sorted(CASES), help="one case alone, and where its time goes")
    arguments = parser.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    print(f"{'table':<20} {'rows':>7} {'MB':>5} {'rows/s':>8} {'pyarrow rows/s':>15} {'ratio':>7}")
    for case, (preset, make, name, write) in CASES.items():
        if arguments.profile not in (None, case):
            continue
        rows = [make(n) for n in range(arguments.rows)]
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            write(rows, folder / name)
            profile = cProfile.Profile()
            if arguments.profile:
                profile.enable()
            record, seconds = crawled(folder, name, preset)
            profile.disable()
            assert record.rows_kept == record.rows_in == len(rows), record
            compared(preset, rows, folder / "ws" / record.outputs["kept"].path)
            began = time.process_time()
            assert by_pyarrow(folder / name) == len(rows)
            bare = time.process_time() - began
            size = (folder / name).stat().st_size / 1e6
        ours, theirs = len(rows) / seconds, len(rows) / bare
        print(f"{case:<20} {len(rows):>7,} {size:>5.0f} {ours:>8,.0f} {theirs:>15,.0f} {ours / theirs:>7.3f}")
        if arguments.profile:
            pstats.Stats(profile).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
