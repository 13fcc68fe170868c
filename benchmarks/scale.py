"""What the driver of a run takes as the corpus grows: time and memory of planning, listing, manifests and scheduling.

    python -m benchmarks.scale nothing FOLDER [--partitions 10000] [--set KEY=VALUE]   a run with nothing to do
    python -m benchmarks.scale listing [--files 1000000] [--shuffled]                 loose files: cut, planned, noted
    python -m benchmarks.scale listing --fetched | --keep [--files 1000000]           of a crawl; of a source that keeps
    python -m benchmarks.scale manifest [--shards 100000]                             written, read, compared, collected
    python -m benchmarks.scale index WORKSPACE --work FOLDER [--shards 100000]        planned, and one part made
    python -m benchmarks.scale schedule [--tasks 2000] [--nodes 0]                    no-op tasks on Ray

CPU seconds and peak memory of one process each, as the machine may be busy. ``nothing`` makes a workspace of a corpus
that is not there (`benchmarks.synthetic`), unless FOLDER has it from before; docs/scale.md has the figures.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import pickle
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.synthetic import SyntheticEngine, Unsynced, config_of
from pipeline.config import Loaded
from pipeline.progress import Display
from pipeline.run.conductor import Conductor, Result
from pipeline.run.engine import InlineEngine, RayEngine
from pipeline.run.fetching import Fetching
from pipeline.run.publish import layout_file, layout_of
from pipeline.run.stage import StageRunner
from pipeline.sources import snapshots
from pipeline.sources.base import Entry, Listing
from pipeline.sources.entries import Spool
from pipeline.sources.folder import FolderSource
from pipeline.sources.network import FETCHED, Done, Snapshot, Unit
from pipeline.sources.partitions import chunks, layout_batches, read_layout
from pipeline.sources.paths import Found
from pipeline.sources.web import WebSource
from pipeline.steps import keep
from pipeline.steps.crawl import crawl_tasks
from pipeline.steps.index import PART_ROWS, index_step, index_tasks
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import Output, read_table, write_table
from pipeline.versions import gc, published
from pipeline.versions.manifest import INDEX, Kept, Manifest, Shard
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import Cause, Failed, Needs, Work
from stages.crawl.records import LETS_ALL_IN

SHARD = Shard(
    path="",
    sha256="",
    bytes=90_000_000,
    rows=10_000,
    format="parquet",
    tier="medium",
    split="train",
    atomic_tokens=4_000_000,
    segment_tokens=1_500_000,
    ids=1_600_000,
    generation=1,
    places=100_000,
    picture_bytes=88_000_000,
)


def cpu() -> float:
    """CPU seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak() -> float:
    """MiB that this process had resident at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Clock:
    """Prints what each part takes."""

    def __init__(self) -> None:
        self._cpu, self._wall = cpu(), time.monotonic()

    def tell(self, what: str) -> None:
        """Print what it took since the last time."""
        now, wall = cpu(), time.monotonic()
        print(
            f"{what:<52} {now - self._cpu:8.2f} s CPU {wall - self._wall:8.2f} s {peak():8.0f} MiB at most", flush=True
        )
        self._cpu, self._wall = now, wall


def apart(function: Callable[..., Any], *arguments: object) -> Any:
    """Call it in a process of its own, whose peak of memory is then its own, too."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


# -- a run with nothing to do


def make(folder: Path, partitions: int, overrides: list[str]) -> None:
    """A first run, which comes to a record of each task."""
    clock = Clock()
    storage = Unsynced(folder / "workspace")
    result = _run(config_of(folder, partitions, overrides), storage, lambda: SyntheticEngine(storage))
    clock.tell(f"made {result.ran:,} records of {partitions:,} partitions")


def again(folder: Path, partitions: int, overrides: list[str]) -> None:
    """The same once more. Raises ValueError if anything is run."""
    clock = Clock()
    storage = FolderStorage(folder / "workspace")
    result = _run(config_of(folder, partitions, overrides), storage, InlineEngine)
    if result.ran or result.published:
        raise ValueError(f"{result.ran} tasks were run")
    clock.tell(f"nothing to do: {result.reused:,} records, {len(result.manifest.shards):,} shards")


def _run(loaded: Loaded, storage: FolderStorage, engine: Callable[[], Any]) -> Result:
    return Conductor(loaded, storage, engine, Display(quiet=True)).run()


# -- loose files


def listing(files: int, shuffled: bool) -> None:
    """From what a store lists to tasks, and to the layout that a version keeps; and of a later listing once more."""
    clock = Clock()
    source = FolderSource(name="drawings", kind="folder", path=".")
    config = config_of(Path("/tmp"), 1).config.model_copy(update={"sources": (source,)})
    records = config.partition.records
    clock.tell("began")
    every = _listed(source, _entries(files, shuffled))
    clock.tell(f"{len(every.files):,} files listed")
    cut = {source.name: chunks(every, records)}
    clock.tell(f"cut into {len(cut[source.name]):,} chunks")
    digests = {task.basis.fingerprint for task in crawl_tasks(config, [every], cut)}
    clock.tell(f"{len(digests):,} tasks with their fingerprints")
    with layout_of(cut) as layout:
        clock.tell(f"a layout of {layout_file(layout).bytes / 2**20:.1f} MiB")
        del every, cut
        (previous,) = read_layout(layout_batches(layout)).values()
    clock.tell("the layout read")
    later = _listed(source, _entries(files, shuffled, later=True))
    clock.tell(f"{len(later.files):,} files listed: of 100 one is gone, one new")
    cut = {source.name: chunks(later, records, previous, 2)}
    new = sum(chunk.generation == 2 for chunk in cut[source.name])
    clock.tell(f"cut as before, and into {new:,} new chunks")
    again = {task.basis.fingerprint for task in crawl_tasks(config, [later], cut)}
    clock.tell(f"{len(again - digests):,} of {len(again):,} tasks are to run")


def _entries(files: int, shuffled: bool, later: bool = False) -> Iterator[Entry]:
    order = (n * 2_038_074_743 % files for n in range(files)) if shuffled else range(files)
    for n in order:
        name = f"icons/{n // 1_000_000:03}/{n // 1_000:07}/drawing-{n:010}-{n * 0x9E3779B1 % (1 << 32):08x}"
        if not later or n % 100 != 50:
            yield Entry(f"{name}.svg", 2_000, f"{n:x}-18b0{n:012x}", 1.8e9 + n)
        if later and n % 100 == 7:
            yield Entry(f"{name}-new.svg", 2_000, f"{n:x}-18b1{n:012x}", 1.8e9 + n)


def _listed(source: FolderSource, entries: Iterator[Entry]) -> Listing:
    """What `FolderSource.listing` makes of a store of these."""
    spool = Spool()
    for entry in entries:
        spool.add(entry)
    return source.sort_out(Found("nowhere", source, spool.finish(), Counter()))


def fetched(folder: Path) -> None:
    """What a run does with a snapshot of a crawl, until its tasks are sent: from the tables of units to pickles."""
    clock = Clock()
    source = _crawl()
    config = config_of(folder, 1).config.model_copy(update={"sources": (source,)})
    storage = FolderStorage(folder / "workspace")
    runner = StageRunner(storage, 0.0, None, Display(quiet=True))
    clock.tell("began")
    every = Fetching(config, folder, storage, Display(quiet=True)).listings([source], runner)[source.name]
    clock.tell(f"{len(every.files):,} files and {len(every.pages):,} pages listed")
    cut = {source.name: chunks(every, config.partition.records)}
    clock.tell(f"cut into {len(cut[source.name]):,} chunks")
    digests = ledger.digest_of_each(task.basis.fingerprint for task in crawl_tasks(config, [every], cut))
    clock.tell(f"tasks with their fingerprints: {digests[:12]}")
    sent = sum(len(pickle.dumps(task.payload)) for task in crawl_tasks(config, [every], cut))
    clock.tell(f"as they are sent: {sent / 2**20:,.0f} MiB")


def _crawl() -> WebSource:
    return WebSource(name="web", kind="web", contact="crawl@example.org", agent="testmill", seeds=("https://a.org/",))


def crawl(folder: Path, files: int) -> None:
    """A workspace with a whole snapshot of a crawl of so many files and pages, of which 10 % are pages."""
    storage, source = Unsynced(folder / "workspace"), _crawl()
    snapshot = Snapshot(source.name, 1, source.asks(), (), "2026-01-31T00:00:00Z")
    snapshots.begin(storage, snapshot)
    done = []
    for bucket in range(source.buckets):
        hosts = range(bucket, -(-files // _OF_HOST), source.buckets)
        tables = (pa.Table.from_pylist(_host(host), schema=FETCHED) for host in hosts)
        table = pa.concat_tables([FETCHED.empty_table(), *tables])
        # as a unit writes it, all rows are one row group
        output = write_table(storage, f"tables/fetch/web/1-{bucket:03}-1.parquet", [table], FETCHED)
        done.append(Done(Unit(f"1-{bucket:03}-1", ()), output.rows, output.path, output.sha256))
    snapshots.finish(storage, snapshot, done)


_OF_HOST = 1_000
"""Files and pages of a host of `crawl`, which has four style sheets beside, that its pages name."""


def _host(host: int) -> list[dict[str, Any]]:
    home = f"https://icons-{host:06}.example.org"
    sheets = [f"{home}/assets/style-{n}.css" for n in range(4)]
    rows = [_row(url, "style sheet", "", host * _OF_HOST + n) for n, url in enumerate(sheets)]
    for n in range(host * _OF_HOST, (host + 1) * _OF_HOST):
        is_page = n % 10 == 0
        url = f"{home}/{'page' if is_page else 'drawing'}-{n:010}-{n * 0x9E3779B1 % (1 << 32):08x}"
        beside = sheets if is_page else []
        rows.append(_row(url if is_page else f"{url}.svg", "", "pages" if is_page else "files", n, beside))
    return sorted(rows, key=lambda row: str(row["url"]))


def _row(url: str, path: str, shape: str, number: int, beside: Sequence[str] = ()) -> dict[str, Any]:
    pack, at = divmod(number, 1_000)
    stored, digest = f"fetched/web/1-003/{pack:05}.parquet", f"{number * 0x9E3779B97F4A7C15 % (1 << 64):016x}" * 4
    return {
        "path": path or url,
        "shape": shape,
        "url": url,
        "stored": stored,
        "row": at,
        "sha256": digest,
        "size": 2_000,
        "fetched": "2026-01-31T00:00:00Z",
        "facts": [{"name": "response", "text": f"{stored}#{at}"}],
        "beside": list(beside),
    }


def kept(files: int) -> None:
    """What a source with ``on_missing: keep`` adds, where of a version before one file of 100 is gone and one new."""
    clock = Clock()
    source = FolderSource(name="drawings", kind="folder", path=".", on_missing="keep")
    records = config_of(Path("/tmp"), 1).config.partition.records
    with layout_of({source.name: chunks(_listed(source, _entries(files, False)), records)}) as layout:
        (previous,) = read_layout(layout_batches(layout)).values()
    later = _listed(source, _entries(files, False, later=True))
    cut = chunks(later, records, previous, 2)
    raw = {chunk.key: f"tables/crawl/drawings/{chunk.key}.parquet" for chunk in previous}
    some = Kept(
        source=source.name,
        key="kept-1",
        path="kept/drawings/kept-1.parquet",
        sha256="",
        bytes=1,
        rows=1,
        row_groups=(1,),
        generation=1,
        license=source.license,
    )
    crawled = [
        Record(
            "crawl", source.name, chunk.key, "", {}, {}, "", {"kept": Output(raw.get(chunk.key, "new"), "", 1, 1)}, 1, 1
        )
        for chunk in cut
    ]
    clock.tell(f"{len(cut):,} chunks of {len(later.files):,} files, {len(previous):,} before")
    before = keep.Before(previous, raw, [some])
    task = keep.keep_task(before, source, cut, crawled, 2, (), (), records, LETS_ALL_IN)
    if task is None:
        raise ValueError("nothing is kept")
    gone = sum(len(gone.paths or ()) for gone in task.payload.settings.gone)
    clock.tell(f"{gone:,} gone, {len(task.payload.settings.files):,} new: {task.basis.fingerprint[:12]}")


# -- manifests


def manifest(folder: Path, shards: int) -> None:
    """A manifest of so many shards, from that of a version of ``folder``."""
    storage = FolderStorage(folder / "workspace")
    version = published.read(storage)
    clock = Clock()
    digests = (f"{n * 0x9E3779B97F4A7C15 % (1 << 64):016x}" * 4 for n in range(shards))
    files = tuple(
        replace(SHARD, path=f"shards/parquet/medium/train-{digest[:20]}.parquet", sha256=digest, place=n)
        for n, digest in enumerate(digests)
    )
    large = replace(version, files=(*(file for file in version.files if not isinstance(file, Shard)), *files))
    clock.tell(f"{shards:,} shards")
    data = large.to_bytes()
    clock.tell(f"written: {len(data) / 2**20:.1f} MiB")
    again = Manifest.from_json(json.loads(data))
    clock.tell("read")
    if again.content() != replace(large, files=tuple(sorted(large.files, key=lambda file: file.path))).content():
        raise ValueError("what was read is not what was written")
    clock.tell("compared")


def garbage(folder: Path) -> None:
    """What a collection looks through in ``folder``."""
    clock = Clock()
    found = gc.collect_garbage(FolderStorage(folder / "workspace"), 0.0, dry_run=True)
    clock.tell(f"gc: {found.count:,} objects are garbage")


# -- index


def index(workspace: Path, folder: Path, shards: int) -> None:
    """The parts of an index over so many shards planned, and one made of a real version's rows, under other ids."""
    clock = Clock()
    config = config_of(folder, 1).config
    rows = SHARD.rows
    many = [_written(n, Output(f"rows/{n}.parquet", f"{n:064x}", 500_000, rows)) for n in range(shards)]
    clock.tell(f"{shards:,} records of shards")
    tasks = index_tasks(config, many)
    clock.tell(f"{len(tasks):,} parts planned")
    del many, tasks
    source, storage = FolderStorage(workspace), Unsynced(folder)
    (part, *_) = published.read(source).of_role(INDEX)
    real = read_table(source, part.path).slice(0, rows)
    random = np.random.default_rng(1)
    written = []
    for n in range(PART_ROWS // len(real)):
        ids = pa.array([random.bytes(32).hex() for _ in range(len(real))], real.schema.field("sample_id").type)
        table = real.set_column(real.schema.get_field_index("sample_id"), real.schema.field("sample_id"), ids)
        written.append(_written(n, write_table(storage, f"rows/{n}.parquet", [table], real.schema)))
    clock.tell(f"{len(written):,} tables of rows made")
    (task,) = index_tasks(config, written)
    record = index_step(Work(task, storage))
    clock.tell(f"one part: {record.rows_kept:,} rows, {record.outputs['kept'].bytes / 2**20:.0f} MiB")


def _written(number: int, rows: Output) -> Record:
    """The record of a shard of which the index is made."""
    return Record("write", "all", f"1-medium-train-{number:06}", "", {}, {}, "", {"rows": rows}, rows.rows, rows.rows)


# -- scheduling


@dataclass(frozen=True)
class Nothing:
    """A job that does nothing."""

    key: str
    stage: str = "nothing"
    source: str = "scale"
    needs: Needs = Needs(memory=0)  # noqa: RUF009 - it is frozen
    seconds: float | None = 60.0
    retry: bool = True
    deaths: int = 4


def done(job: Nothing, workspace: str) -> str | Failed:
    """What a worker makes of it."""
    return job.key if job.key else Failed(job.stage, job.source, job.key, "no key", Cause.ERROR)


def schedule(tasks: int, nodes: int) -> None:
    """No-op tasks on a local Ray, or on so many nodes of two CPUs on this machine."""
    address = None
    if nodes:
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        for _ in range(nodes):
            cluster.add_node(num_cpus=2)
        address = cluster.address
    clock = Clock()
    with RayEngine(address, None if nodes else 2) as engine:
        list(engine.results([Nothing(f"warm-{n}") for n in range(20)], "/tmp", done))
        clock.tell("Ray began")
        count = len(list(engine.results([Nothing(f"{n:06}") for n in range(tasks)], "/tmp", done)))
        clock.tell(f"{count:,} tasks on {engine.width} CPUs")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    nothing = commands.add_parser("nothing")
    nothing.add_argument("folder", type=Path)
    nothing.add_argument("--partitions", type=int, default=10_000)
    nothing.add_argument("--set", dest="overrides", action="append", default=[])
    listed = commands.add_parser("listing")
    listed.add_argument("--files", type=int, default=1_000_000)
    listed.add_argument("--shuffled", action="store_true", help="as a store that lists in no order")
    listed.add_argument("--fetched", action="store_true", help="a snapshot of a crawl, with pages among the files")
    listed.add_argument("--keep", action="store_true", help="what on_missing: keep adds")
    large = commands.add_parser("manifest")
    large.add_argument("folder", type=Path, help="of `nothing`")
    large.add_argument("--shards", type=int, default=100_000)
    indexed = commands.add_parser("index")
    indexed.add_argument("workspace", type=Path, help="a real one, with a version")
    indexed.add_argument("--work", type=Path, required=True)
    indexed.add_argument("--shards", type=int, default=100_000)
    scheduled = commands.add_parser("schedule")
    scheduled.add_argument("--tasks", type=int, default=2_000)
    scheduled.add_argument("--nodes", type=int, default=0)
    args = parser.parse_args()
    if args.command == "nothing":
        args.folder.mkdir(parents=True, exist_ok=True)
        if not (args.folder / "workspace" / "versions").is_dir():
            apart(make, args.folder, args.partitions, args.overrides)
        apart(again, args.folder, args.partitions, args.overrides)
    elif args.command == "listing" and args.fetched:
        with tempfile.TemporaryDirectory(prefix="svgmill-scale-") as folder:
            apart(crawl, Path(folder), args.files)
            apart(fetched, Path(folder))
    elif args.command == "listing":
        apart(kept, args.files) if args.keep else apart(listing, args.files, args.shuffled)
    elif args.command == "manifest":
        apart(manifest, args.folder, args.shards)
        apart(garbage, args.folder)
    elif args.command == "index":
        args.work.mkdir(parents=True, exist_ok=True)
        apart(index, args.workspace, args.work, args.shards)
    else:
        schedule(args.tasks, args.nodes)


if __name__ == "__main__":
    main()
