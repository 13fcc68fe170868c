"""What tests of all folders use: drawings, configs, runs, and what they left."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.cli.app import main
from pipeline.config import load
from pipeline.progress import Display
from pipeline.run.conductor import Conductor, Result
from pipeline.run.engine import Engine, InlineEngine
from pipeline.storage.open import open_storage
from pipeline.versions import browse
from pipeline.versions.verify import verify_version

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""
DATA = ROOT / "tests" / "data"

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'


def drawing(number: int) -> str:
    """A drawing that differs from every other number's; some have gradients, use, transforms, style."""
    x, y = 2 + number % 7, 2 + number // 7 % 5
    body = [
        f'<path d="M{x} {y}h{5 + number % 11}v{4 + number % 13}l-3 {1 + number % 3}z" fill="#{number * 7919 % 4096:03x}"/>',
        f'<g transform="translate({number % 5} 1) rotate({number % 90})"><circle cx="9" cy="9" r="{2 + number % 4}"/></g>',
        f'<style>.a{{fill:#0{number % 10}f;stroke:red}}</style><rect class="a" x="{x}" y="3" width="9" height="{3 + number % 9}"/>',
        f'<defs><linearGradient id="g"><stop stop-color="red"/><stop offset="1" stop-color="#00{number % 90 + 10}ff"/>'
        f'</linearGradient></defs><ellipse cx="12" cy="12" rx="{5 + number % 6}" ry="{4 + number % 5}" fill="url(#g)"/>',
        f'<path d="M3 {y}c2 {1 + number % 5} 7 9 {9 + number % 9} 3s4-2 3-{1 + number % 4}q3 4-6 5a4 3 20 0 1-3 3z"/>',
    ]
    lines = "".join(
        f"<path d='M{i % 23} {(i * number) % 23}l{1 + i % 5} {1 + number % 6}h2z'/>" for i in range(number % 4 * 9)
    )
    return f"{HEAD}<title>Shape number {number}</title>{body[number % 5]}{lines}</svg>"


def drawings(folder: Path, count: int, first: int = 0) -> Path:
    """The folder, with ``count`` drawings more, the numbers from ``first`` on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        (folder / f"s{number:02}.svg").write_text(drawing(number), encoding="utf-8")
    return folder


BROKEN = {
    "broken/empty.svg": "",
    "broken/page.svg": "<!doctype html><html><body>404</body></html>",
    "broken/cut.svg": HEAD + "<path d='M0",
    "broken/image.svg": HEAD + "<image href='data:image/png;base64,AAAA' width='9' height='9'/></svg>",
    "broken/blank.svg": HEAD + "<rect width='9' height='9' fill='none'/></svg>",
}


@dataclass(frozen=True)
class Run:
    """A finished run and where it lies."""

    result: Result
    workspace: Path
    config: Path


def write_config(path: Path, folder: Path, **settings: object) -> Path:
    """A config with one source, small partitions and pictures; JSON is YAML."""
    data = {
        "config_version": 1,
        "name": "test",
        "sources": [{"name": "icons", "kind": "folder", "path": str(folder), "glob": "**/*.svg", "license": "CC0-1.0"}],
        "partition": {"records": 10},
        "render": {"size": 64},
        "error_budget": 0.05,
    } | settings
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def mill(
    config: Path,
    workspace: Path | str,
    engine: Callable[[], Engine] = InlineEngine,
    sets: tuple[str, ...] = (),
    refresh: tuple[str, ...] = (),
    display: Display | None = None,
) -> Run:
    """Run ``config`` on ``workspace`` as the command does."""
    storage = open_storage(str(workspace))
    result = Conductor(load(config, sets), storage, engine, display or Display(quiet=True), refresh=refresh).run()
    return Run(result, Path(workspace), config)


def verify(workspace: Path) -> list[str]:
    return verify_version(open_storage(str(workspace)), None, Display(quiet=True))[0]


def parquet_rows(run: Run) -> list[dict]:
    shards = [s for s in run.result.manifest.shards if s.format == "parquet"]
    return [row for shard in shards for row in pq.read_table(run.workspace / shard.path).to_pylist()]


def dropped(run: Run) -> list[dict[str, Any]]:
    """Every record that left before the shards, as the tables of the run have it."""
    storage = open_storage(str(run.workspace))
    rows = [row for table in browse.dropped(storage, run.result.manifest) for row in table.to_pylist()]
    decided = [row for table in browse.decisions(storage) for row in table.to_pylist()]
    return rows + [row for row in decided if not row["kept"]]


def svgmill(*args: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """What the command does, in this process: to start another takes longer than most commands."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    arguments = ["svgmill", *map(str, args)]
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"argv": arguments, "stdin": io.StringIO(stdin), "stdout": out, "stderr": err}.items():
            patch.setattr(sys, name, value)
        try:
            main()
        except SystemExit as end:
            assert isinstance(end.code, int | None)
            code = end.code or 0
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(arguments, code, *texts)


_ONE_AFTER_THE_OTHER = """
import contextlib, io, json, sys
from pipeline.cli.app import main
answers = []
for words in json.loads(sys.argv[1]):
    sys.argv, code = ["svgmill", *words], 0
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    answers.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(answers))
"""


def svgmill_with(packages: Path, *commands: Sequence[object]) -> list[subprocess.CompletedProcess[str]]:
    """What the commands do one after the other where ``packages`` is installed, which takes a process of its own."""
    lines = [list(map(str, words)) for words in commands]
    env = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{packages}", "COLUMNS": "200"}
    process = [sys.executable, "-c", _ONE_AFTER_THE_OTHER, json.dumps(lines)]
    done = subprocess.run(process, capture_output=True, text=True, env=env, cwd=packages, check=False)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    return [subprocess.CompletedProcess(words, *answer) for words, answer in zip(lines, answers, strict=True)]


def one_line(result: subprocess.CompletedProcess[str], code: int) -> str:
    assert result.returncode == code, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in result.stderr
    return lines[0]
