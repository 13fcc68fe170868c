"""False rejections: what the checks say of captions that are right, each taken for one of a dataset, a model and a
duplicate's name.

    python benchmarks/captions.py prepare OUT.parquet
    python benchmarks/caption_checks.py OUT.parquet
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from stages.caption import DESCRIBE, DescribeSettings, describe
from stages.caption.checks import Drawing, check
from stages.caption.settings import CheckSettings

EXAMPLES = 12


def main(samples: Path) -> None:
    """Print rejections by reason, with examples, and checks a second."""
    rows = describe(pq.read_table(samples).select(DESCRIBE.reads), DescribeSettings()).to_pylist()
    settings = CheckSettings()
    for origin in ("metadata", "duplicate", "dataset", "model"):
        counts: Counter[str] = Counter()
        examples: list[str] = []
        checked, begin = 0, time.process_time()
        for row in rows:
            titles = [each["text"] for each in row["captions"] if each["style"] == "short"]
            drawing = Drawing(frozenset(row["hues"]), titles)
            for each in row["captions"]:
                checked += 1
                verdict = check(each["text"], each["style"], each["language"], origin, drawing, settings)
                if verdict is not None:
                    counts[str(verdict.reason)] += 1
                    examples.append(f"{verdict.reason} ({verdict.detail}): {each['text']}")
        seconds = time.process_time() - begin
        print(f"as {origin}: {counts.total()} of {checked} rejected {dict(counts)}, {checked / seconds:,.0f} a second")
        print("\n".join(f"    {each}" for each in examples[:EXAMPLES]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", type=Path)
    main(parser.parse_args().samples)
