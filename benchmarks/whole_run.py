"""The whole mill over a folder of real SVGs, one source a subfolder: records/s in total and per stage, peak memory.

    python benchmarks/whole_run.py FOLDER [--workers 2] [--engine ray] [--workspace DIR] [--config FILE]

Prints a table; the figures are of this machine at this moment, so compare only within one session. Exits with 1 if a
record is lost.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from pathlib import Path

from pipeline.cli import printing
from pipeline.config import load
from pipeline.progress import Display
from pipeline.run.conductor import Conductor
from pipeline.run.engine import open_engine
from pipeline.storage.open import open_storage
from pipeline.versions.verify import verify_version


class Memory(threading.Thread):
    """Samples the resident memory of this process and of all its descendants (Linux)."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.driver = self.worker = self.all = 0
        self._stop_now = threading.Event()

    def run(self) -> None:
        me = Path("/proc/self").resolve().name
        while not self._stop_now.wait(0.25):
            sizes = {}
            for pid in _descendants(me):
                try:
                    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except (OSError, IndexError):
                    continue
                sizes[pid] = (pages * 4096, command)
            self.driver = max(self.driver, sizes.get(me, (0, ""))[0])
            workers = [
                size for size, command in sizes.values() if command.startswith("ray::") or "sandbox_child" in command
            ]
            self.worker = max([self.worker, *workers])
            self.all = max(self.all, sum(size for size, _ in sizes.values()))

    def stop(self) -> None:
        self._stop_now.set()
        self.join()


def _descendants(root: str) -> list[str]:
    parents: dict[str, list[str]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except (OSError, IndexError):
                continue
            parents.setdefault(parent, []).append(folder.name)
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += parents.get(pid, [])
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", default="ray")
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--config", type=Path, default=Path(__file__).parent.parent / "configs/hivg-784.yaml")
    args = parser.parse_args()
    workspace = args.workspace or Path(tempfile.mkdtemp(prefix="svgmill-bench-"))
    sets = sorted(path for path in args.folder.iterdir() if path.is_dir())
    sources = [{"name": s.name.lower(), "kind": "folder", "path": str(s.resolve()), "glob": "**/*.svg"} for s in sets]
    loaded = load(args.config, [f"sources={json.dumps(sources)}", "error_budget=0.05"])
    storage = open_storage(str(workspace))
    memory = Memory()
    memory.start()
    begin = time.perf_counter()
    conductor = Conductor(loaded, storage, lambda: open_engine(args.engine, None, args.workers), Display())
    result = conductor.run()
    wall = time.perf_counter() - begin
    memory.stop()
    costs, funnel = result.costs, result.manifest.funnel
    printing.print_funnel(result.manifest)
    print(
        f"\n{funnel.input:,} records in {wall:.1f} s: {funnel.input / wall:,.0f} records/s with {args.workers} workers"
    )
    print(f"{'stage':<14}{'records':>10}{'seconds':>10}{'records/s':>12}   (seconds: of all partitions together)")
    for stage, seconds in costs.seconds.items():
        print(
            f"{stage:<14}{costs.records[stage]:>10,}{seconds:>10.1f}{costs.records[stage] / max(seconds, 1e-9):>12,.0f}"
        )
    total = sum(costs.cpu_seconds.values())
    for part, seconds in costs.cpu_seconds.items():
        rate = costs.records["samples"] / max(seconds, 1e-9)
        print(f"  {part:<12}{'':>10}{seconds:>10.1f}{rate:>12,.0f}   {seconds / total:.0%} of the row-wise pass's CPU")
    sizes = {"driver": memory.driver, "largest worker or child": memory.worker, "with Ray's own processes": memory.all}
    print("peak memory: " + ", ".join(f"{name} {size / 2**20:,.0f} MiB" for name, size in sizes.items()))
    faults, checked = verify_version(storage, None, Display())
    print(*(faults[:10] or [checked]), sep="\n")
    if args.workspace is None:
        shutil.rmtree(workspace)
    raise SystemExit(1 if faults or not funnel.balanced else 0)


if __name__ == "__main__":
    main()
