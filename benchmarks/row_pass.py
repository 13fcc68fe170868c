"""How fast one core is: sanitize and normalize against scour and picosvg, the whole row-wise pass against the obvious
script, and where the time of the pass goes.

    pip install -e '.[bench]'
    python benchmarks/row_pass.py FOLDER [FOLDER ...] [--count 400]

Files are taken in turn from the folders' subfolders, so that icons, emoji and illustrations are mixed. All sides do the
same files, chunk by chunk in turn, so that a noisy machine is noisy for all. CPU seconds of this process, not seconds;
it keeps the memory that it frees, for all sides, as the pipeline's processes do.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import chain, zip_longest
from pathlib import Path

import obvious_script
import pyarrow as pa
import pyarrow.parquet as pq
from fidelity import settings

from pipeline.work.sandbox_child import keep_freed
from stages.base import Dropped
from stages.normalize import normalize_one
from stages.rowwise import mill
from stages.sanitize import sanitize_one
from stages.schema import RAW

CHUNK = 50


def take(folders: list[Path], count: int, largest: int) -> list[bytes]:
    """Files from all subfolders in turn, none over ``largest`` bytes."""
    sets = [sorted(f for f in s.rglob("*.svg") if f.is_file()) for folder in folders for s in sorted(folder.iterdir())]
    # of each set, files from all over it
    spread = [files[:: max(1, len(files) // 40)] for files in sets if files]
    mixed = [f for f in chain.from_iterable(zip_longest(*spread)) if f is not None]
    return [data for f in mixed if len(data := f.read_bytes()) <= largest][:count]


def ours(data: list[bytes], spent: Counter[str]) -> int:
    """The row-wise pass and its table, as the pipeline writes it."""
    rows = [
        {
            "raw_id": str(i),
            "source": "s",
            "path": str(i),
            "name": "n",
            "url": "",
            "license": "",
            "size": len(d),
            "bytes": d,
        }
        for i, d in enumerate(data)
    ]
    kept, _, timings = mill(pa.Table.from_pylist(rows, schema=RAW), CONFIG)
    for row in timings.to_pylist():
        spent[row["stage"]] += row["cpu_seconds"]
    begin = time.process_time()
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        pq.write_table(kept, file.name, compression="zstd")
    spent["write"] += time.process_time() - begin
    return int(kept.num_rows)


def obvious(data: list[bytes], spent: Counter[str]) -> int:
    with tempfile.TemporaryFile("w") as file:
        return sum(obvious_script.record(d, file) for d in data)


def normalized(data: list[bytes], spent: Counter[str]) -> int:
    config, done = SETTINGS, 0
    for d in data:
        try:
            normalize_one(sanitize_one(d, config.sanitize).svg, config.normalize)
            done += 1
        except Dropped:
            pass
    return done


def scoured(data: list[bytes], spent: Counter[str]) -> int:
    done = 0
    for d in data:
        try:
            obvious_script.optimize(d)
            done += 1
        except Exception:
            pass
    return done


def picked(data: list[bytes], spent: Counter[str]) -> int:
    from picosvg.svg import SVG

    done = 0
    for d in data:
        try:
            SVG.fromstring(d.decode()).topicosvg().tostring()
            done += 1
        except Exception:
            pass
    return done


def race(data: list[bytes], sides: dict[str, Callable[[list[bytes], Counter[str]], int]]) -> Counter[str]:
    """CPU seconds of each side on the same chunks in turn; prints files/s and ratios to the first."""
    seconds: Counter[str] = Counter()
    done: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    for side in sides.values():  # imports and caches
        side(data[:CHUNK], Counter())
    for begin in range(0, len(data), CHUNK):
        chunk = data[begin : begin + CHUNK]
        for name, side in sides.items():
            gc.collect()
            start = time.process_time()
            done[name] += side(chunk, spent)
            seconds[name] += time.process_time() - start
    first = next(iter(sides))
    for name in sides:
        print(
            f"  {name:28}{len(data) / seconds[name]:9.1f} files/s   {done[name]} of {len(data)} done   "
            f"{seconds[name] / seconds[first]:6.2f} x the time of {first}"
        )
    return spent


SETTINGS = settings()
CONFIG = SETTINGS.model_dump_json()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--largest", type=int, default=60_000, help="bytes of a file at most")
    arguments = parser.parse_args()
    keep_freed()
    data = take(arguments.folders, arguments.count, arguments.largest)
    sizes = sorted(map(len, data))
    print(f"{len(data)} files, {sum(sizes) / len(sizes):.0f} bytes on average, {sizes[len(sizes) // 2]} in the middle")
    print("sanitize + normalize:")
    race(data, {"svgmill": normalized, "scour": scoured})
    accepted = [d for d in data[: max(CHUNK, len(data) // 5)] if picked([d], Counter())]
    print(f"on the {len(accepted)} files that picosvg accepts:")
    race(accepted, {"svgmill": normalized, "picosvg": picked})
    print("the whole row-wise pass:")
    spent = race(data, {"svgmill": ours, "the obvious script": obvious})
    total = sum(spent.values())
    print("  where svgmill's time goes: " + ", ".join(f"{k} {v / total:.0%}" for k, v in spent.most_common()))


if __name__ == "__main__":
    main()
