"""What equal bytes cost: a whole run where a third of the records are copies in another source, and where none is.

    python benchmarks/equal_bytes.py FOLDER [--records 1800] [--rounds 1] [--before CHECKOUT ...]

Takes files of the folder that differ in their bytes, at an equal stride, and runs the command line on one core with
``--engine inline``, whose CPU time, with that of its sandbox, the system counts. ``--before`` are checkouts of other
commits that are run on the same files, in turn, so that the ratio says what a change is worth. Prints CPU seconds, the
share of the first checkout's, and what was kept, which has to be the same but for records that a busy machine gives too
little time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path


def distinct(folder: Path, count: int) -> list[Path]:
    """``count`` files of other bytes each, spread over the folder. Raises SystemExit if there are not as many."""
    by_digest: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.svg")):
        by_digest.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)
    paths = list(by_digest.values())
    if len(paths) < count:
        raise SystemExit(f"{folder} has {len(paths)} files that differ, {count} are asked for")
    return [paths[len(paths) * n // count] for n in range(count)]


def corpus(home: Path, sources: dict[str, list[Path]]) -> Path:
    """A config with these sources, each a folder of copies of the files; its path."""
    for name, paths in sources.items():
        (home / name).mkdir(parents=True)
        for number, path in enumerate(paths):
            shutil.copyfile(path, home / name / f"{name}-{number:06}.svg")
    config = home / "config.yaml"
    listed = [{"name": name, "kind": "folder", "path": str(home / name), "license": "CC0-1.0"} for name in sources]
    config.write_text(json.dumps({"config_version": 1, "name": "equal-bytes", "sources": listed, "error_budget": 0.05}))
    return config


def run(checkout: Path, config: Path, workspace: Path) -> tuple[float, str]:
    """CPU seconds of a run of a checkout's code, and what its funnel says."""
    command = [sys.executable, "-m", "pipeline.cli", "run", str(config), "--workspace", str(workspace)]
    command += ["--engine", "inline"]
    process = subprocess.Popen(command, cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{checkout}: the run ended with {status}: {said}")
    funnel = json.loads((workspace / "versions/1/manifest.json").read_text())["funnel"]
    ends = f"kept {funnel['kept']}, duplicate {funnel['duplicate']}, quarantined {funnel['quarantined']}"
    return usage.ru_utime + usage.ru_stime, ends


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=1800)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--before", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    files = distinct(arguments.folder, arguments.records)
    third = arguments.records // 3
    corpora = {
        "a third copies": {"one": files[: 2 * third], "two": files[: 2 * third : 2]},
        "no copies": {"one": files[: 2 * third], "two": files[2 * third :]},
    }
    checkouts = [*(path.resolve() for path in arguments.before), Path(__file__).resolve().parent.parent]
    with tempfile.TemporaryDirectory(prefix="svgmill-equal-") as name:
        for number, (what, sources) in enumerate(corpora.items()):
            config = corpus(Path(name) / str(number), sources)
            spent: dict[Path, list[float]] = defaultdict(list)
            said: dict[Path, str] = {}
            for turn in range(arguments.rounds):
                for place, checkout in enumerate(checkouts):
                    workspace = Path(name) / f"ws-{number}-{turn}-{place}"
                    cpu, said[checkout] = run(checkout, config, workspace)
                    spent[checkout].append(cpu)
                    shutil.rmtree(workspace)
            for checkout in checkouts:
                cpu, first = min(spent[checkout]), min(spent[checkouts[0]])
                print(f"{what:16} {cpu:8.1f} s CPU {cpu / first:7.3f}  {said[checkout]}  {checkout}", flush=True)


if __name__ == "__main__":
    main()
