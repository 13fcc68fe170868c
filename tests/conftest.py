"""Drawings and configs that tests make for themselves."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import s3_server

from pipeline.config import load
from pipeline.progress import Display
from pipeline.run.conductor import Conductor, Result
from pipeline.run.engine import Engine, InlineEngine
from pipeline.storage.open import open_storage
from pipeline.versions import browse

# the same examples in every run: a change that passes once passes again
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

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


BROKEN = {
    "broken/empty.svg": "",
    "broken/page.svg": "<!doctype html><html><body>404</body></html>",
    "broken/cut.svg": HEAD + "<path d='M0",
    "broken/image.svg": HEAD + "<image href='data:image/png;base64,AAAA' width='9' height='9'/></svg>",
    "broken/blank.svg": HEAD + "<rect width='9' height='9' fill='none'/></svg>",
}


@pytest.fixture
def icons(tmp_path: Path) -> Path:
    """A folder of 40 drawings, two of them again as copies, and five broken files."""
    folder = tmp_path / "icons"
    files = {f"shapes/s{n:03}.svg": drawing(n) for n in range(40)}
    files |= {"copies/raw.svg": drawing(3), "copies/spaced.svg": drawing(4).replace("><", ">\n<")} | BROKEN
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


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
    config: Path, workspace: Path | str, engine: Callable[[], Engine] = InlineEngine, sets: tuple[str, ...] = ()
) -> Run:
    """Run ``config`` on ``workspace`` as the command does."""
    storage = open_storage(str(workspace))
    result = Conductor(load(config, sets), storage, engine, Display(quiet=True)).run()
    return Run(result, Path(workspace), config)


@pytest.fixture
def finished(icons: Path, tmp_path: Path) -> Run:
    """A published version of `icons`."""
    return mill(write_config(tmp_path / "config.yaml", icons), tmp_path / "ws")


def dropped(run: Run) -> list[dict[str, Any]]:
    """Every record that left before the shards, as the tables of the run have it."""
    storage = open_storage(str(run.workspace))
    rows = [row for table in browse.dropped(storage, run.result.manifest) for row in table.to_pylist()]
    decided = [row for table in browse.decisions(storage) for row in table.to_pylist()]
    return rows + [row for row in decided if not row["kept"]]


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 server, with the settings to use it in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.SETTINGS.items():
            patch.setenv(name, value)
        with s3_server.serve() as endpoint_url:
            s3_server.make_bucket(endpoint_url, "tests")
            yield endpoint_url


_prefixes = itertools.count()


@pytest.fixture
def s3_uri(s3_endpoint: str) -> str:
    """The URI of an empty prefix on the S3 server."""
    return f"s3://tests/p{next(_prefixes)}?endpoint_url={s3_endpoint}"
