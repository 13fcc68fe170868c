"""From stored tokens to clusters: time and memory, and beside datasketch's MinHash and MinHashLSH.

    python benchmarks/near_duplicates.py FOLDER [FOLDER ...] [--counts 100000 1000000] [--crowd] [--strings FILE]
                                         [--together 250000]

Normalizes the SVGs of the folders (or takes token strings from FILE, a line each), makes as many drawings as asked of
them: the distinct ones, and copies with three of ten offsets moved by one unit. They are stored as samples partitions,
without pictures. Then the steps of deduplication run over them as in a run, on all cores, and what each phase takes is
printed, with the largest memory of all processes together. ``--crowd`` adds 100,000 copies of one drawing.

Then, in one process each, datasketch and ours go from the shingles of the first 100,000 of these drawings to clusters:
datasketch from sets in memory, which are not counted, ours from stored tables through the same steps as in a run.
"""

from __future__ import annotations

import pipeline  # noqa: F401  first, since it chooses the allocator of Arrow

# isort: split

import argparse
import hashlib
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from compression import tokens as tokens_of
from tokens import Copies

from pipeline.config import Config
from pipeline.run.execute import execute
from pipeline.steps import decisions, duplicates
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import read_table, write_table
from pipeline.work.ledger import Record
from pipeline.work.task import Done, Step, Task
from stages import deduplicate
from stages.deduplicate import DeduplicateSettings
from stages.deduplicate.banding import PERMUTATIONS, lsh_parameters
from stages.deduplicate.signing import features
from stages.rowwise import SAMPLES
from stages.schema import CREDITS

PARTITION = 10_000
PEER = 100_000
CROWD = 100_000
NAMES = ("raw_id", "source", "path", *CREDITS, "sample_id", "ssim", "tokens", "atomic_length")
STORED = pa.schema([SAMPLES.field(name) for name in NAMES])
SIGNED = ("geometry_key", "text_hash", "shingles", "picture_hash", "picture", "flags", "template")
CONFIG = Config.model_validate_json(
    '{"config_version": 1, "name": "bench", "sources": [{"name": "s", "kind": "folder", "path": "."}]}'
)


class Memory(threading.Thread):
    """The largest memory that this process and its children hold together; what they share counts once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.5):
            self.peak = max(self.peak, sum(map(_pss, self._family())))

    def taken(self) -> int:
        """The largest since this was asked last."""
        found, self.peak = self.peak, 0
        return found

    def stop(self) -> None:
        self._over.set()
        self.join()

    @staticmethod
    def _family() -> list[int]:
        me = multiprocessing.current_process().pid
        assert me is not None
        return [me, *(child.pid for child in multiprocessing.active_children() if child.pid)]


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(text.partition("\nPss:")[2].split()[0]) * 1024


def store(strings: Iterable[str], root: Path) -> list[Record]:
    """``strings`` as samples partitions of a workspace, with all but what is made of them."""
    storage = FolderStorage(root)
    records = []
    left = iter(strings)
    while some := list(islice(left, PARTITION)):
        key = f"{len(records):05}"
        ids = [hashlib.sha256(text.encode()).hexdigest() for text in some]
        rows = {
            "raw_id": ids,
            "source": ["s"] * len(some),
            "path": [f"{key}/{n:05}.svg" for n in range(len(some))],
            "url": [None] * len(some),
            "license": ["MIT"] * len(some),
            **{name: [None] * len(some) for name in CREDITS if name not in ("url", "license")},
            "sample_id": ids,
            "ssim": [1.0] * len(some),
            "tokens": some,
            "atomic_length": [text.count("<") for text in some],
        }
        output = write_table(storage, f"tables/tokens/s/{key}.parquet", [pa.table(rows, schema=STORED)], STORED)
        records.append(Record("samples", "s", key, "", {}, {}, "", {"kept": output}, len(some), len(some)))
    return records


def sign(job: tuple[str, Record]) -> Record:
    """A partition with the features that come from tokens."""
    root, record = job
    storage = FolderStorage(Path(root))
    table = read_table(storage, record.outputs["kept"].path)
    own = DeduplicateSettings()
    columns = features(table["tokens"].to_pylist(), own)
    for name in SIGNED:
        column = SAMPLES.field(name)
        table = table.append_column(column, columns.get(name, pa.nulls(len(table), column.type)))
    table = table.drop_columns(["tokens"])
    output = write_table(storage, f"tables/samples/s/{record.key}.parquet", [table], table.schema)
    return Record("samples", "s", record.key, "", {}, {}, "", {"kept": output}, len(table), len(table))


def run_task(job: tuple[Task, str]) -> Done:
    return execute(*job)


class Mill:
    """The phases over one workspace, in some processes."""

    def __init__(self, root: Path, processes: int, memory: Memory | None = None) -> None:
        self._root, self._memory = str(root), memory
        self._pool = multiprocessing.Pool(processes) if processes > 1 else None
        self.told: list[tuple[str, float, int, int]] = []

    def over(self, name: str, function: Callable[[Any], Any], jobs: Sequence[Any], rows: int) -> list[Any]:
        begin = time.monotonic()
        found = list(self._pool.imap(function, jobs) if self._pool else map(function, jobs))
        self.told.append((name, time.monotonic() - begin, rows, self._memory.taken() if self._memory else 0))
        return found

    def tasks(self, step: Step[Any], tasks: Sequence[Task[Any]]) -> list[Record]:
        jobs = [(task, self._root) for task in tasks]
        return [done.record for done in self.over(step.name, run_task, jobs, sum(task.records for task in tasks))]

    def mill(self, stored: list[Record]) -> Record:
        """From tokens to clusters."""
        rows = sum(record.rows_kept for record in stored)
        samples = self.over("sign", sign, [(self._root, record) for record in stored], rows)
        blocks = duplicates.blocks(samples, {})
        stretches = duplicates.stretches(blocks)
        banded = self.tasks(duplicates.BANDS_STEP, duplicates.bands_tasks(CONFIG, blocks))
        paired = self.tasks(duplicates.PAIRS_STEP, duplicates.pairs_tasks(CONFIG, stretches, banded))
        matched = self.tasks(duplicates.MATCH_STEP, duplicates.match_tasks(CONFIG, stretches, paired))
        deciding = decisions.Deciding(CONFIG, samples, matched)
        if deciding.slices > 1:
            deciding.in_slices(self.tasks)
        (decided,) = self.tasks(decisions.DEDUPLICATE, [deciding.whole()])
        return decided

    def close(self) -> None:
        if self._pool:
            self._pool.close()
            self._pool.join()


def measure(strings: Iterable[str], processes: int, told: multiprocessing.Queue[object]) -> None:
    """All phases in a process of its own, whose memory is its own."""
    with tempfile.TemporaryDirectory(prefix="svgmill-duplicates-") as name:
        records = store(strings, Path(name))
        memory = Memory()
        memory.start()
        mill = Mill(Path(name), processes, memory)
        begin = time.monotonic()
        decided = mill.mill(records)
        seconds = time.monotonic() - begin
        mill.close()
        lost = dict(decided.dropped.get("deduplicate", {}))
        memory.stop()
        told.put((seconds, decided.rows_in, decided.rows_kept, lost, mill.told))


class Growth:
    """Time, and by how much the memory of this process has grown at most, since this was made."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self._before, self._begin = self._largest(), time.monotonic()

    @staticmethod
    def _largest() -> int:
        return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024

    def told(self) -> tuple[float, int]:
        """Seconds and bytes."""
        return time.monotonic() - self._begin, self._largest() - self._before


def signed(strings: Iterable[str], root: Path, told: multiprocessing.Queue[object]) -> None:
    """Store samples with their features."""
    told.put([sign((str(root), record)) for record in store(strings, root)])


def ours(root: Path, samples: list[Record], told: multiprocessing.Queue[object]) -> None:
    """From stored shingles to clusters, as a run does it, in this process."""
    features([], DeduplicateSettings())
    lsh_parameters(DeduplicateSettings().threshold)
    deduplicate.components([])
    growth = Growth()
    mill = Mill(root, 1)
    blocks = duplicates.blocks(samples, {})
    stretches = duplicates.stretches(blocks)
    banded = mill.tasks("bands", duplicates.bands_tasks(CONFIG, blocks))
    paired = mill.tasks("pairs", duplicates.pairs_tasks(CONFIG, stretches, banded))
    matched = mill.tasks("match", duplicates.match_tasks(CONFIG, stretches, paired))
    edges = [read_table(FolderStorage(root), record.outputs["kept"].path) for record in matched]
    stars = deduplicate.components(edges)
    seconds, memory = growth.told()
    ids: set[str] = set()
    for record in samples:
        ids.update(read_table(FolderStorage(root), record.outputs["kept"].path, ["sample_id"])[0].to_pylist())
    clusters = len(ids) - len(stars) + len(set(stars["component"].to_pylist()))
    told.put((seconds, memory, mill.told, clusters))


def peer(root: Path, samples: list[Record], told: multiprocessing.Queue[object]) -> None:
    """datasketch as its documentation says: signatures, an index, a query each, and clusters by union-find."""
    from datasketch import MinHash, MinHashLSH

    own = DeduplicateSettings()
    lists = [read_table(FolderStorage(root), r.outputs["kept"].path, ["shingles"])[0].to_pylist() for r in samples]
    sets = [[str(value).encode() for value in values] for part in lists for values in part]
    params = lsh_parameters(own.threshold)
    del lists
    growth = Growth()
    sketches = []
    for values in sets:
        sketch = MinHash(PERMUTATIONS)
        if values:
            sketch.update_batch(values)
        sketches.append(sketch)
    signed, _ = growth.told()
    lsh = MinHashLSH(params=params, num_perm=PERMUTATIONS)
    for n, sketch in enumerate(sketches):
        if sets[n]:
            lsh.insert(n, sketch)
    parent = list(range(len(sets)))

    def root_of(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    for n, sketch in enumerate(sketches):
        for other in lsh.query(sketch) if sets[n] else ():
            if other < n and sketch.jaccard(sketches[other]) >= own.threshold:
                parent[root_of(n)] = root_of(other)
    clusters = len({root_of(n) for n in range(len(sets))})
    told.put((*growth.told(), [("signatures", signed, len(sets), 0)], clusters))


def alone(function: Callable[..., None], *arguments: object) -> tuple:  # type: ignore[type-arg]
    """What ``function`` tells, in a process of its own."""
    told: multiprocessing.Queue[object] = multiprocessing.Queue()
    process = multiprocessing.Process(target=function, args=(*arguments, told))
    process.start()
    found = told.get()
    process.join()
    return found  # type: ignore[return-value]


class First:
    """The first ``count`` of some strings, and copies of the first of all after them."""

    def __init__(self, strings: Iterable[str], count: int, crowd: int = 0) -> None:
        self._strings, self._count, self._crowd = strings, count, crowd

    def __iter__(self) -> Iterator[str]:
        yield from islice(iter(self._strings), self._count)
        if self._crowd:
            one = next(iter(self._strings))
            for n in range(self._crowd):
                yield one.replace("</svg>", f"<path>fill=#{n:06x}<cmd_M><P_1><P_1><cmd_h><d_1></path></svg>")


def show(title: str, found: tuple) -> None:  # type: ignore[type-arg]
    seconds, rows, kept, lost, phases = found
    most = max(memory for *_, memory in phases) / 2**20
    print(f"{title}: {rows} samples, {seconds:.1f} s, {most:.0f} MiB in all; {kept} kept, {lost}")
    for name, took, count, memory in phases:
        print(
            f"  {name:8}{took:8.1f} s{rows / took:12,.0f} samples/s {memory / 2**20:8.0f} MiB  ({count} rows)",
            flush=True,
        )


def main() -> None:
    """Make the drawings, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--counts", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--strings", type=Path)
    parser.add_argument("--crowd", action="store_true")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--together", type=int, help="records that one task decides on; a run has 1,000,000")
    args = parser.parse_args()
    if args.together:
        decisions.TOGETHER, decisions.ROUTED_AT_ONCE = args.together, args.together // 2
    with tempfile.TemporaryDirectory(prefix="svgmill-strings-") as name:
        strings = args.strings or Path(name) / "strings"
        if not args.strings:
            paths = sorted(p for folder in args.folders for p in folder.rglob("*.svg") if p.is_file())
            with multiprocessing.Pool() as pool:
                distinct = {text for text in pool.imap(tokens_of, paths, 50) if text}
            ordered = sorted(distinct, key=lambda text: hashlib.sha256(text.encode()).digest())
            strings.write_text("".join(f"{text}\n" for text in ordered), encoding="utf-8")
        cores = multiprocessing.cpu_count()
        for count in args.counts:
            show(f"{cores} processes", alone(measure, Copies(strings, count), cores))
            if args.crowd:
                show(
                    f"{cores} processes, {CROWD} of them nearly equal",
                    alone(measure, First(Copies(strings, count), count - CROWD, CROWD), cores),
                )
        if not args.no_peer:
            with tempfile.TemporaryDirectory(prefix="svgmill-peer-") as folder:
                samples = alone(signed, Copies(strings, PEER), Path(folder))
                for name, function in (("ours", ours), ("datasketch", peer)):
                    seconds, memory, phases, clusters = alone(function, Path(folder), list(samples))
                    parts = ", ".join(f"{part} {took:.1f} s" for part, took, *_ in phases)
                    print(
                        f"{name}, from {PEER} sets of shingles to clusters, one process: {seconds:.1f} s ({parts}), "
                        f"{memory / 2**20:.0f} MiB, {clusters} clusters"
                    )


if __name__ == "__main__":
    main()
