"""How accurate deduplication is on a labelled set, an operation at a time.

    python -m benchmarks.accuracy LABELLED [--set deduplicate.threshold=0.85 ...] [--show PAGE.html]

LABELLED is what `labelled.py` wrote. All of it is milled as one source; a pair counts as found if both are in one
cluster. Pairs of which a file was rejected before are counted apart. ``--show`` writes the pictures of up to 15 missed
and 15 wrongly merged pairs of each operation.
"""

from __future__ import annotations

import argparse
import base64
import json
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyvips

from pipeline.run.engine import RayEngine
from pipeline.storage.open import open_storage
from pipeline.versions import browse
from tests import helpers

SHOWN = 15


def clusters(folder: Path, workspace: Path, sets: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Path -> what was decided."""
    config = helpers.write_config(
        workspace / "config.yaml",
        folder,
        partition={"records": 500},
        render={"size": 64},
        write={"formats": ["parquet"]},
    )
    helpers.mill(config, workspace, lambda: RayEngine(workers=2), sets)
    storage = open_storage(str(workspace))
    columns = ["path", "cluster_id", "kept", "reason", "score"]
    return {row["path"]: row for table in browse.decisions(storage, columns) for row in table.to_pylist()}


def picture(path: Path) -> str:
    image = pyvips.Image.thumbnail(str(path), 96, height=96, size="force").flatten(background=[255, 255, 255])
    return f'<img src="data:image/png;base64,{base64.b64encode(image.pngsave_buffer()).decode()}">'


def main() -> None:
    """Mill, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", action="append", default=[], dest="sets")
    parser.add_argument("--show", type=Path)
    args = parser.parse_args()
    pairs = [json.loads(line) for line in (args.folder / "pairs.jsonl").read_text().splitlines()]
    with tempfile.TemporaryDirectory(prefix="svgmill-accuracy-") as name:
        decided = clusters(args.folder, Path(name), tuple(args.sets))
    counts: dict[tuple[bool, str], Counter[str]] = defaultdict(Counter)
    wrong: dict[tuple[bool, str], list[dict[str, Any]]] = defaultdict(list)
    for pair in pairs:
        kind = pair["duplicate"], pair["operation"]
        one, other = decided.get(pair["a"]), decided.get(pair["b"])
        if one is None or other is None:
            counts[kind]["rejected"] += 1
            continue
        together = one["cluster_id"] == other["cluster_id"]
        counts[kind]["pairs"] += 1
        counts[kind]["together"] += together
        if together != pair["duplicate"]:
            wrong[kind].append(pair)
    found = sum(count["together"] for (same, _), count in counts.items() if same)
    merged = sum(count["together"] for (same, _), count in counts.items() if not same)
    print(f"{'':22}{'pairs':>7}{'together':>10}{'share':>9}   rejected before")
    for (same, operation), count in sorted(counts.items(), key=lambda item: (not item[0][0], item[0][1])):
        share = count["together"] / max(count["pairs"], 1)
        mark = "same " if same else "other"
        print(f"{mark} {operation:16}{count['pairs']:>7}{count['together']:>10}{share:>9.4f}   {count['rejected']}")
    positives = sum(count["pairs"] for (same, _), count in counts.items() if same)
    print(f"recall {found / positives:.4f} of {positives} pairs, precision {found / (found + merged):.4f}")
    if args.show:
        rows = []
        for (same, operation), some in sorted(wrong.items()):
            rows.append(f"<h3>{'missed' if same else 'wrongly merged'}: {operation}, {len(some)}</h3>")
            rows += [
                f"<span title='{pair['a']} {pair['b']}'>{picture(args.folder / pair['a'])}"
                f"{picture(args.folder / pair['b'])}</span> &nbsp; "
                for pair in some[:SHOWN]
            ]
        args.show.write_text("<style>img{border:1px solid #ccc}</style>" + "\n".join(rows))


if __name__ == "__main__":
    main()
