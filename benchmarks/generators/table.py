"""The table of generators for docs/measured.md, from the rows of a run: table.py ROWS.json

python benchmarks/fidelity.py browser OUTDIR --fonts --json ROWS.json
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter, defaultdict
from itertools import chain
from pathlib import Path
from typing import Any

RIGHT = 0.001
"""Share of visibly different pixels up to which a kept drawing is right."""


def main() -> None:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        groups[row["set"]].append(row)
    with (Path(__file__).parent / "versions.tsv").open(encoding="utf-8") as lines:
        versions = {name: f"{version} ({source})" for name, source, version in csv.reader(lines, delimiter="\t")}
    print("| generator | version | files | kept | right | most unlike | dropped |\n|---|---|---|---|---|---|---|")
    for name, rows in [*sorted(groups.items()), ("all", list(chain(*groups.values())))]:
        kept = [row for row in rows if not row["reason"]]
        right = sum(not row["undrawn"] and row["visible"] <= RIGHT for row in kept)
        most = f"{max(row['visible'] for row in kept):.2%}" if kept else ""
        lost: Counter[str] = Counter()
        for row in rows:
            if row["reason"]:
                named = row["reason"].startswith("unsupported") and name != "all"
                lost[f"{row['reason']} ({row['detail']})" if named else row["reason"]] += 1
        reasons = "; ".join(f"{number} {reason}" for reason, number in lost.most_common())
        print(f"| {name} | {versions.get(name, '')} | {len(rows)} | {len(kept)} | {right} | {most} | {reasons} |")


if __name__ == "__main__":
    main()
