"""What reading a version costs: time and peak memory of `verify`, `report`, `duplicates`, `show` and `diff`.

    python benchmarks/readers.py make WORKSPACE [--samples 100000]
    python benchmarks/readers.py measure WORKSPACE ... [--workers 1 2]

`make` publishes two versions, the second with 1 % more samples, by a real run, in which one thing is not: what comes
in is canonical already, so the pass neither draws nor compares it, which is what takes a real run its time. `measure`
calls the command line, each command in a process of its own, and prints the wall clock and the largest process' memory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from commands import svgmill

from pipeline.config import load
from pipeline.progress import Display
from pipeline.run.conductor import Conductor
from pipeline.run.engine import InlineEngine
from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.work import sandbox
from pipeline.work.sandbox import SandboxResult
from stages.deduplicate import SIGNATURES
from stages.rowwise import SAMPLES, TIMINGS, RowwiseSettings
from stages.schema import DROPPED
from stages.tokenize import TOKENIZE

SOURCES = 20


def drawing(number: int) -> str:
    """A canonical drawing of a few paths. Each twentieth is the one before in another colour."""
    draw = random.Random(number - (number % 20 == 19))
    colour = f"#{number * 7919 % 4096:03x}"
    paths = []
    for _ in range(draw.randrange(2, 5)):
        steps = [
            f"l{draw.randrange(1, 90) * draw.choice((1, -1))} {draw.randrange(1, 90) * draw.choice((1, -1))}"
            for _ in range(draw.randrange(4, 13))
        ]
        paths.append(
            f'<path fill="{colour}" d="M{draw.randrange(200, 580)} {draw.randrange(200, 580)}{"".join(steps)}z"/>'
        )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">{"".join(paths)}</svg>'


def believing(function: str, settings: sandbox.SandboxSettings) -> Any:
    """As `sandbox.shared`, but for the pass."""
    return Believing() if function == "stages.rowwise:mill" else SHARED(function, settings)


SHARED = sandbox.shared


class Believing:
    """Stands for the sandbox, and for the stages whose work is to make drawings canonical and to prove that."""

    def run(self, table: pa.Table, text: str) -> SandboxResult:
        """As the pass (`stages.rowwise.mill`)."""
        settings: Any = RowwiseSettings.model_validate_json(text)
        texts = [data.decode() for data in table["bytes"].to_pylist()]
        rows = len(texts)
        table = table.append_column("svg", pa.array(texts))
        table = table.append_column("sample_id", pa.array([hashlib.sha256(t.encode()).hexdigest() for t in texts]))
        table = TOKENIZE.run(table, settings.tokenize).kept
        table = table.append_column("picture", pa.nulls(rows, pa.binary()))
        table = SIGNATURES.run(table, settings.deduplicate).kept
        values: dict[str, Any] = {
            "view_box": [0.0, 0.0, 784.0, 784.0], "ssim": 1.0, "mae": 0.0, "visible_share": 0.0, "notes": [],
            "title": "", "desc": "", "background": "",
        }  # fmt: skip
        for field in SAMPLES:
            if field.name not in table.column_names:
                column = [values[field.name]] * rows if field.name in values else pa.nulls(rows, field.type)
                table = table.append_column(field, pa.array(column, field.type) if field.name in values else column)
        kept = table.select(SAMPLES.names).cast(SAMPLES)
        return SandboxResult([kept, DROPPED.empty_table(), TIMINGS.empty_table()], [])


def make(workspace: Path, samples: int) -> None:
    """Publish two versions."""
    sandbox.shared = believing  # type: ignore[assignment]
    workspace.mkdir(parents=True, exist_ok=True)
    storage = open_storage(str(workspace))
    for count in (samples, samples + samples // 100):
        sources = []
        for number in range(SOURCES):
            path = workspace.parent / f"{workspace.name}-sources/s{number:02}.{count}.parquet"
            path.parent.mkdir(exist_ok=True)
            begin = samples if count > samples else 0
            mine = range(begin + number, count, SOURCES)
            table = pa.table({"svg": [drawing(k) for k in mine], "filename": [f"{k:08}.svg" for k in mine]})
            pq.write_table(table, path)
            name = f"s{number:02}" + ("n" if begin else "")
            sources.append({"name": name, "kind": "folder", "path": str(path), "license": "CC0-1.0"})
        config = workspace.parent / f"{workspace.name}.yaml"
        before = json.loads(config.read_text())["sources"] if count > samples else []
        settings = {
            "config_version": 1,
            "name": "readers",
            "sources": [*before, *sources],
            "render": {"size": None},
            "deduplicate": {"pictures": False},
        }
        config.write_text(json.dumps(settings))
        begin_time = time.monotonic()
        result = Conductor(load(config), storage, InlineEngine, Display()).run()
        manifest = result.manifest
        print(
            f"version {manifest.version}: {manifest.funnel.kept:,} samples, {len(manifest.shards)} shards, "
            f"{time.monotonic() - begin_time:.0f} s",
            flush=True,
        )


def measure(workspace: Path, workers: list[int]) -> None:
    """Print a line for each command."""
    storage = open_storage(str(workspace))
    manifest = published.read(storage)
    where = str(workspace)
    said = ""
    for path in sorted(p for p in (shard.path for shard in manifest.shards) if p.endswith(".parquet"))[:1]:
        said = pq.read_table(workspace / path, columns=["sample_id"])["sample_id"][0].as_py()
    commands = {
        "verify": ["verify", where],
        **{f"verify, ray, {n} workers": ["verify", where, "--engine", "ray", "--workers", str(n)] for n in workers},
        "report": ["report", where],
        "duplicates": ["duplicates", where],
        "show": ["show", where, said],
        "diff": ["diff", where, "1", str(manifest.version)],
    }
    print(f"{workspace}: {manifest.funnel.kept:,} samples, {len(manifest.shards)} shards")
    for name, arguments in commands.items():
        taken = svgmill(*arguments)
        lines = [line for line in taken.printed.splitlines() if re.search(r"verified|added|records", line)]
        print(f"  {name:24} {taken.seconds:7.1f} s {taken.mib:7.0f} MiB  {lines[0] if lines else ''}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    making = kinds.add_parser("make")
    making.add_argument("workspace", type=Path)
    making.add_argument("--samples", type=int, default=100_000)
    measuring = kinds.add_parser("measure")
    measuring.add_argument("workspaces", type=Path, nargs="+")
    measuring.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    arguments = parser.parse_args()
    if arguments.kind == "make":
        make(arguments.workspace.absolute(), arguments.samples)
    else:
        for workspace in arguments.workspaces:
            measure(workspace.absolute(), arguments.workers)


if __name__ == "__main__":
    main()
