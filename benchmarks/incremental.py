"""What coming back costs: a full run, one with nothing to do, and one with 1 % new files.

    python benchmarks/incremental.py [--files 100000] [--sources 50] [--workspace DIR]

Makes small drawings, so that 100,000 take minutes, and runs the command line with ``--engine inline``, whose CPU time,
with that of its sandbox, the system counts. With real drawings a full run costs more and the rest about the same.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path

from commands import svgmill


def drawing(number: int) -> str:
    """A drawing of its own: a few paths of a few lines each."""
    draw = random.Random(number)
    paths = "".join(
        f'<path fill="#{draw.randrange(4096):03x}" d="M{draw.randrange(20)} {draw.randrange(20)}'
        + "".join(f"l{draw.randrange(-9, 9)} {draw.randrange(-9, 9)}" for _ in range(6))
        + 'z"/>'
        for _ in range(3)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{paths}</svg>'


def command(config: Path, workspace: Path) -> tuple[float, float, str]:
    """Wall and CPU seconds of a run, and the last line that says what it did."""
    taken = svgmill("run", str(config), "--workspace", str(workspace), "--engine", "inline")
    lines = taken.printed.splitlines()
    return taken.seconds, taken.cpu, next(line for line in lines if line.startswith(("published", "nothing changed")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--sources", type=int, default=50)
    parser.add_argument("--workspace", type=Path)
    arguments = parser.parse_args()
    home = arguments.workspace or Path(tempfile.mkdtemp(prefix="svgmill-incremental-"))
    sources = [home / f"files/s{n:02}" for n in range(arguments.sources)]
    for source in sources:
        source.mkdir(parents=True, exist_ok=True)
    for number in range(arguments.files):
        (sources[number % len(sources)] / f"{number * 7919 % 1_000_003:07}.svg").write_text(drawing(number))
    config = home / "config.yaml"
    settings = {
        "config_version": 1,
        "name": "incremental",
        "sources": [{"name": s.name, "kind": "folder", "path": str(s), "license": "CC0-1.0"} for s in sources],
        "render": {"size": 32, "compare_size": 64, "second": "off"},
    }
    config.write_text(json.dumps(settings))
    workspace = home / "ws"
    full = 0.0
    for what in ("full run", "nothing to do", "1 % new files, scattered"):
        if what.startswith("1 %"):
            for number in range(arguments.files, arguments.files + arguments.files // 100):
                (sources[number % len(sources)] / f"{number * 7919 % 1_000_003:07}n.svg").write_text(drawing(number))
        wall, cpu, said = command(config, workspace)
        full = full or cpu
        print(f"{what:26} {wall:7.1f} s, {cpu:7.1f} s CPU ({cpu / full:.1%} of the full run): {said}", flush=True)


if __name__ == "__main__":
    main()
