"""Whether a version's shards are few, full and mixed: by its manifest and its index.

    python benchmarks/mixture.py WORKSPACE [--target 10000]

For each format, generation, tier and split: shards, samples, and the least and the fullest shard as a share of the
target. Of each full shard the largest deviation of a source's share from its share in the whole kind, in standard
deviations of a draw by chance. Exits with 1 where shards are over 1.2 times those that the samples fill, one of several
is under half full, or a deviation is over 5.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.versions.manifest import Shard


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--target", type=int, default=10_000)
    arguments = parser.parse_args()
    manifest = published.read(open_storage(str(arguments.workspace)))
    kinds: dict[tuple[str, int | None, str, str], list[Shard]] = defaultdict(list)
    for shard in manifest.shards:
        kinds[shard.format, shard.generation, shard.tier, shard.split].append(shard)
    sources: dict[str, Counter[str]] = defaultdict(Counter)
    for part in manifest.of_role("index"):
        table = pq.read_table(arguments.workspace / part.path, columns=["shard", "source"])
        for shard, source in zip(table["shard"].to_pylist(), table["source"].to_pylist(), strict=True):
            for path in shard.values():
                sources[path][source] += 1
    wrong = 0
    for kind, shards in sorted(kinds.items(), key=str):
        rows = [shard.rows for shard in shards]
        whole: Counter[str] = sum((sources[shard.path] for shard in shards), Counter())
        worst = max((_deviation(sources[s.path], whole) for s in shards if s.rows >= arguments.target / 2), default=0.0)
        most = 1.2 * math.ceil(sum(rows) / arguments.target)
        bad = len(rows) > most or (len(rows) > 1 and min(rows) < arguments.target / 2) or worst > 5
        wrong += bad
        print(
            *(f"{part!s:<11}" for part in kind),
            f"{len(rows):>4} shards {sum(rows):>9,} samples, {min(rows) / arguments.target:.2f} to "
            f"{max(rows) / arguments.target:.2f} full, {len(whole):>3} sources, worst {worst:.1f} sd"
            f"{'  WRONG' if bad else ''}",
        )
    print(f"{len(manifest.shards)} shards, {manifest.funnel.kept:,} samples, {wrong} kinds are not as they should be")
    sys.exit(1 if wrong else 0)


def _deviation(own: Counter[str], whole: Counter[str]) -> float:
    """The largest difference of a source's share in a shard from that in the whole, in standard deviations."""
    rows, total = own.total(), whole.total()
    if rows == total:
        return 0.0
    # drawn without replacement
    shrink = (total - rows) / (total - 1)
    return max(
        abs(own[source] / rows - count / total) / math.sqrt(count / total * (1 - count / total) / rows * shrink)
        for source, count in whole.items()
        if 0 < count < total
    )


if __name__ == "__main__":
    main()
