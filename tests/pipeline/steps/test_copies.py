"""Equal bytes are run once, and nothing that comes out tells."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import load
from pipeline.progress import Display
from pipeline.run.conductor import Conductor
from pipeline.run.execute import execute
from pipeline.run.purge import purge_taken_down
from pipeline.steps import copied, copies, rowwise
from pipeline.steps.base import read_samples
from pipeline.storage.base import Storage
from pipeline.storage.folder import FolderStorage
from pipeline.storage.open import open_storage
from pipeline.storage.tables import read_table, write_table
from pipeline.versions import browse
from pipeline.work.ledger import Record
from pipeline.work.sandbox import SandboxResult
from pipeline.work.task import Task
from stages.rowwise import SAMPLES, TIMINGS
from stages.schema import DROPPED, RAW
from tests.helpers import BROKEN, Run, drawing, dropped, mill, parquet_rows, svgmill, verify, write_config
from tests.pipeline.steps.planning import config_with

NAMES = ("one", "two")
"""The sources of `config_with`."""


class Raw(NamedTuple):
    """A raw record: which drawing it is, and what else says who leads."""

    drawing: int
    path: str
    license: str
    url: str | None


RAWS = st.builds(
    Raw, st.integers(0, 5), st.sampled_from("abcdefgh"), st.sampled_from(("MIT", "")), st.sampled_from((None, "u"))
)

CHUNKS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(1, 3), st.lists(RAWS, min_size=1, max_size=6), st.integers(1, 4)),
    max_size=4,
)
"""Source, generation, records, and how many are in a row group."""


def raw_id(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def crawl(storage: Storage, chunks: list[tuple[str, int, list[Raw], int]]) -> list[Record]:
    """Records of raw tables, one for each chunk, in which every path is another one."""
    records = []
    for number, (source, _, raws, size) in enumerate(chunks):
        rows = [
            {"raw_id": raw_id(raw.drawing), "source": source, "path": f"{raw.path}{number}-{place}", "url": raw.url}
            | {"license": raw.license, "name": raw.path, "size": raw.drawing, "bytes": b"%d" % raw.drawing}
            for place, raw in enumerate(raws)
        ]
        table = pa.Table.from_pylist(rows, schema=RAW)
        groups = [table.slice(begin, size) for begin in range(0, len(table), size)]
        output = write_table(storage, f"tables/crawl/{source}/{number}.parquet", groups, RAW)
        records.append(Record("crawl", source, f"{number}", "", {}, {}, "", {"kept": output}, len(rows), len(rows)))
    return records


class FakeBox:
    """In the place of the sandbox: every third drawing is rejected, the others are kept, by twos as one sample."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()

    def run(self, table: pa.Table, settings_json: str) -> SandboxResult:
        kept, lost = [], []
        for row in table.to_pylist():
            self.ran[row["raw_id"]] += 1
            number = int(row["bytes"])
            if number % 3 == 1:
                lost.append({"id": row["raw_id"], "source": row["source"], "path": row["path"], "stage": "normalize"})
                lost[-1] |= {"reason": "nothing_drawn", "detail": f"drawing {number}"}
            else:
                drawn = {"sample_id": raw_id(number // 2), "svg": f"<svg {number}>", "tokens": str(number)}
                drawn |= {"ssim": 1 / (1 + number), "flags": ["glyph"] * (number % 2), "template": number}
                drawn |= {"atomic_length": number, "notes": [f"note {number}"], "png": b"p", "picture": b"q"}
                kept.append({name: row.get(name) for name in SAMPLES.names} | drawn)
        tables = [pa.Table.from_pylist(kept, schema=SAMPLES), pa.Table.from_pylist(lost, schema=DROPPED)]
        return SandboxResult([*tables, TIMINGS.empty_table()], [])


def passed(storage: Storage, chunks: list[tuple[str, int, list[Raw], int]], several: bool) -> tuple[Any, ...]:
    """What the pass and what copies share come to: rows that are kept, rows that are dropped, and counts."""
    config, crawled = config_with(), crawl(storage, chunks)
    generations = {(record.source, record.key): chunk[1] for record, chunk in zip(crawled, chunks, strict=True)}
    found = done(storage, copies.copies_tasks(config, crawled, generations))
    assert several or len(found) == 1
    masks = copies.copies_of(found)
    ran = done(storage, rowwise.samples_tasks(config, crawled, (), masks))
    outcomes = done(storage, copied.outcomes_tasks(found, ran))
    both = [*ran, *done(storage, copied.copied_tasks(crawled, masks, outcomes))]
    assert len({(record.source, record.key) for record in both}) == len(both)
    narrow = [*copied.OWN, *copied.SHARED]
    kept = [read_samples(storage, record.outputs["kept"].path, narrow) for record in both]
    lost = [read_table(storage, record.outputs["dropped"].path) for record in both if "dropped" in record.outputs]
    counts: Counter[tuple[str, ...]] = Counter()
    for record in both:
        counts["in", record.source] += record.rows_in
        for stage, reasons in record.dropped.items():
            counts.update({(record.source, stage, reason): n for reason, n in reasons.items()})
        counts.update({("note", name): n for name, n in record.extra["notes"].items()})
    return rows_of(kept), rows_of(lost), counts


def done(storage: Storage, tasks: Iterable[Task[Any]]) -> list[Record]:
    return [execute(task, storage.uri).record for task in tasks]


def rows_of(tables: list[pa.Table]) -> list[dict[str, Any]]:
    return sorted((row for table in tables for row in table.to_pylist()), key=repr)


@settings(max_examples=25)
@given(CHUNKS, st.sampled_from((3, 1000)), st.sampled_from((1, 64)))
def test_copies_share_what_became_of_the_one_that_was_run(
    chunks: list[tuple[str, int, list[Raw], int]], records: int, file: int
) -> None:
    """Whatever is where, in however many ranges: the same rows and counts as if all were run, and each runs once."""
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        pytest.MonkeyPatch.context() as p,
    ):
        box = FakeBox()
        p.setattr(rowwise.sandbox, "shared", lambda name, settings: box)
        p.setattr(copies, "RANGE", records)
        p.setattr(copied, "SHARED_FILE", file)
        shared = passed(FolderStorage(Path(one)), chunks, records == 3)
        assert box.ran == Counter({raw_id(raw.drawing) for _, _, raws, _ in chunks for raw in raws})
        p.setattr(copies, "READ_BY_PASS", ("source", "path"))
        assert shared == passed(FolderStorage(Path(other)), chunks, records == 3)


@given(CHUNKS, st.sampled_from(((), ("license",))))
def test_the_leader_is_of_the_oldest_generation_then_who_would_stay(
    chunks: list[tuple[str, int, list[Raw], int]], columns: tuple[str, ...]
) -> None:
    """Held against a plain search among records with the same bytes, and with the same values in what the pass reads."""
    rows = [
        {"raw_id": raw_id(raw.drawing), "source": source, "path": f"{raw.path}{number}-{row}", "url": raw.url}
        | {"license": raw.license, "partition": number, "row": row, "generation": generation}
        for number, (source, generation, raws, _) in enumerate(chunks)
        for row, raw in enumerate(raws)
    ]

    def rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
        rich = 2 * bool(row["license"]) + (row["url"] is not None)
        return row["generation"], NAMES.index(row["source"]), -rich, row["path"]

    expected = []
    for row in rows:
        equal = [each for each in rows if all(each[name] == row[name] for name in ("raw_id", *columns))]
        leader = min(equal, key=rank)
        if leader is not row:
            led = {"partition": row["partition"], "row": row["row"], "leader": leader["partition"]}
            expected.append(led | {"raw_id": row["raw_id"], "path": leader["path"]})
    names = ["raw_id", "source", "path", "url", "license", "partition", "row", "generation"]
    schema = pa.schema([(n, pa.int64() if n in names[5:] else pa.string()) for n in names])
    assert copies.led(pa.Table.from_pylist(rows, schema=schema), NAMES, columns).to_pylist() == expected


SMALL = {"render": {"size": 32, "compare_size": 32}, "error_budget": 0.9, "partition": {"records": 7}}


def corpus(tmp_path: Path, **more: Any) -> Path:
    """Two sources: of the drawings and the broken files of one, the other has a half, under other names."""
    for n, name in itertools.product(range(16), NAMES):
        (tmp_path / name).mkdir(exist_ok=True)
        text = drawing(n) if n % 2 or name == "one" else drawing(50 + n)
        (tmp_path / name / f"{name}{n}.svg").write_text(text)
    for name, (path, text) in itertools.product(NAMES, BROKEN.items()):
        (tmp_path / name / Path(path).name).write_text(text)
    sources = [{"name": name, "kind": "folder", "path": str(tmp_path / name), "license": "MIT"} for name in NAMES]
    return write_config(tmp_path / "c.yaml", tmp_path, **SMALL | {"sources": sources} | more)


def counted(run: Run) -> list[Any]:
    manifest = run.result.manifest
    return [manifest.funnel, manifest.stages, manifest.sources, manifest.duplicates, manifest.licenses, manifest.notes]


def told(run: Run) -> list[tuple[Any, ...]]:
    """Where every record ended that is not kept."""
    names = ("source", "path", "reason", "cluster_id", "score", "stage", "detail")
    return sorted((tuple(row.get(name) for name in names) for row in dropped(run)), key=repr)


def test_the_version_is_as_if_all_had_been_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, counts, reasons; and there is nothing to run again."""
    config = corpus(tmp_path)
    shared = mill(config, tmp_path / "shared")
    assert not verify(shared.workspace)
    again = mill(config, shared.workspace).result
    assert (again.ran, again.published) == (0, False)
    records = shared.result.costs.records
    # the empty file is gone since the crawl
    assert (records["samples"], records["copied"]) == (16 + 8 + 4, 8 + 4)
    monkeypatch.setattr(copies, "READ_BY_PASS", ("source", "path"))
    apart = mill(config, tmp_path / "apart")
    assert apart.result.costs.records["samples"] == 2 * (16 + 4)
    assert counted(shared) == counted(apart) and told(shared) == told(apart)
    assert shared.result.manifest.files == apart.result.manifest.files


def test_what_is_new_makes_nothing_anew(tmp_path: Path) -> None:
    """Copies of old files in a source that comes before theirs are copies: who was run stays who was run."""
    config = corpus(tmp_path)
    (tmp_path / "zero").mkdir()
    first = mill(config, tmp_path / "ws")
    for n in range(5):
        (tmp_path / "zero" / f"{n}.svg").write_text(drawing(n if n else 99))
    sources = [
        {"name": name, "kind": "folder", "path": str(tmp_path / name), "license": "MIT"} for name in ("zero", *NAMES)
    ]
    config = write_config(tmp_path / "c.yaml", tmp_path, **SMALL | {"sources": sources})
    second = mill(config, tmp_path / "ws")
    assert second.result.costs.records["samples"] == 1
    assert {row["sample_id"] for row in parquet_rows(first)} < {row["sample_id"] for row in parquet_rows(second)}
    assert not verify(second.workspace)


def test_a_copy_that_stays_inherits_the_drawing(tmp_path: Path) -> None:
    """A file that has moved stays for its drawing, which an older copy's bytes were run for; then its copies go."""
    config = corpus(tmp_path)
    before = {row["sample_id"]: row for row in parquet_rows(mill(config, tmp_path / "ws"))}
    (tmp_path / "one/one3.svg").rename(tmp_path / "one/moved.svg")
    run = mill(config, tmp_path / "ws")
    after = {row["sample_id"]: row for row in parquet_rows(run)}
    assert run.result.costs.records["inherit"] and not verify(run.workspace)
    assert after.keys() == before.keys()
    (moved,) = (row for row in after.values() if row["provenance"][0]["path"] == "moved.svg")
    theirs = before[moved["sample_id"]]
    assert [origin["path"] for origin in moved["provenance"]] == ["moved.svg", "two3.svg"]
    wide = ("svg", "tokens", "segments", "png", "ssim", "tier", "split", "width")
    assert {name: moved[name] for name in wide} == {name: theirs[name] for name in wide}
    again = mill(config, tmp_path / "ws").result
    assert (again.ran, again.published) == (0, False)
    (tmp_path / "two/two3.svg").unlink()
    last = mill(config, tmp_path / "ws")
    assert {row["sample_id"] for row in parquet_rows(last)} == after.keys() and not verify(last.workspace)


def test_who_is_no_copy_any_more_is_told_of_once(tmp_path: Path) -> None:
    """The tables of copies that are left behind say nothing of the newest run."""
    config = corpus(tmp_path)
    mill(config, tmp_path / "ws")
    for path in (tmp_path / "one").iterdir():
        if path.name not in ("one0.svg", "one2.svg"):
            path.unlink()
    run = mill(config, tmp_path / "ws")
    funnel = run.result.manifest.funnel
    assert not run.result.costs.records.get("copied") and funnel.balanced
    tables = list(browse.dropped(open_storage(str(run.workspace)), run.result.manifest))
    lost = [row["path"] for table in tables for row in table.to_pylist() if row["stage"] != "crawl"]
    assert sorted(lost) == ["blank.svg", "cut.svg", "image.svg", "page.svg"]


def pq_column(path: Path, name: str) -> list[Any]:
    table = pq.read_table(path)
    return table[name].to_pylist() if name in table.column_names else []


def test_what_is_taken_down_goes_with_its_copies(tmp_path: Path) -> None:
    """By id, and by the path of a copy; a purge then leaves neither in any table."""
    config = corpus(tmp_path)
    row = next(row for row in parquet_rows(mill(config, tmp_path / "ws")) if len(row["provenance"]) > 1)
    other = next(origin for origin in row["provenance"] if origin["source"] == "two")
    (tmp_path / "list").write_text(f"path:two/{other['path']}\n")
    assert svgmill("takedown", tmp_path / "ws", "--file", tmp_path / "list").returncode == 0
    run = mill(config, tmp_path / "ws")
    assert run.result.manifest.funnel.rejected["taken_down"] == 2 and not verify(run.workspace)
    assert row["sample_id"] not in {each["sample_id"] for each in parquet_rows(run)}
    purge_taken_down(open_storage(str(tmp_path / "ws")))
    for path in (tmp_path / "ws/tables").rglob("*.parquet"):
        ids = {value for name in ("sample_id", "raw_id", "id") for value in pq_column(path, name)}
        assert not ids & {row["sample_id"], other["raw_id"]}, path
    again = mill(config, tmp_path / "ws").result
    assert again.manifest.funnel.balanced and not verify(run.workspace)


def test_a_plan_goes_on_from_the_copies_that_were_found_last(tmp_path: Path) -> None:
    """What was run stays as it is while a new source is not crawled yet, and copies are among what is planned."""
    config = corpus(tmp_path)
    mill(config, tmp_path / "ws")
    (tmp_path / "three").mkdir()
    (tmp_path / "three/new.svg").write_text(drawing(77))
    sources = [
        {"name": name, "kind": "folder", "path": str(tmp_path / name), "license": "MIT"} for name in (*NAMES, "three")
    ]
    config = write_config(tmp_path / "c.yaml", tmp_path, **SMALL | {"sources": sources})
    phases = Conductor(load(config), open_storage(str(tmp_path / "ws")), None, Display(quiet=True)).plan()
    by_stage = {phase.stage: phase for phase in phases}
    assert [decision.run for decision in by_stage["copies"].decisions] == [True]
    assert by_stage["samples"].decisions and not any(d.run for d in by_stage["samples"].decisions)
    assert by_stage["samples"].pending["three"].records == 1
