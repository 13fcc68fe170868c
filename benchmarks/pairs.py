"""A labelled set as it is written: a folder of drawings, and ``pairs.jsonl`` with what each two of them are."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path


class Pairs:
    """The folder that is written, and the list of pairs. ``counts``: by whether they are duplicates, and operation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pairs: list[dict[str, object]] = []
        self.left_out: Counter[str] = Counter()
        self.counts: Counter[tuple[bool, str]] = Counter()

    def write(self, path: str, text: bytes) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(text)

    def label(self, a: str, b: str, operation: str, duplicate: bool) -> None:
        self._pairs.append({"a": a, "b": b, "operation": operation, "duplicate": duplicate})
        self.counts[duplicate, operation] += 1

    def save(self) -> None:
        """Write the list, and print what is in it and what was left out."""
        (self.folder / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in self._pairs))
        for (duplicate, name), count in sorted(self.counts.items(), reverse=True):
            print(f"{'same' if duplicate else 'other':6}{name:20}{count:6}")
        print("left out:", ", ".join(f"{what} {count}" for what, count in sorted(self.left_out.items())))


def by_svgo(command: str, drawings: Mapping[str, bytes], work: Path) -> dict[str, bytes]:
    """What svgo makes of drawings, by their names. ``work``: a folder to make and to remove."""
    work.mkdir(exist_ok=True)
    for name, text in drawings.items():
        (work / f"{name}.svg").write_bytes(text)
    subprocess.run([command, "-q", "-f", str(work)], check=True)
    made = {name: (work / f"{name}.svg").read_bytes() for name in drawings}
    shutil.rmtree(work)
    return made
