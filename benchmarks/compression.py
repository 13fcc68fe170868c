"""How many tokens segments save, by algorithm and number, on drawings that they were not learned from.

    python benchmarks/compression.py FOLDER [FOLDER ...] [--counts 250 500 1000 4000] [--min-frequency 10]

Learns on nine tenths of the distinct drawings, by hash, and encodes the rest. Prints the ratio of atomic tokens to
tokens with segments, what was saved against the reference's way (``hivg``), CPU seconds of learning, and files/s.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import time
from pathlib import Path

from fidelity import settings

from stages.base import Dropped
from stages.normalize import normalize_one
from stages.sanitize import sanitize_one
from stages.tokenize import (
    SegmentSettings,
    TokenError,
    Vocabulary,
    atomic_length,
    decode_segments,
    encode,
    encode_segments,
    learn,
)

SETTINGS = settings()
ALGORITHMS = ("hivg", "pairs", "savings")


def tokens(path: Path) -> str:
    """The token string of a file, "" for one that has none."""
    try:
        svg = normalize_one(sanitize_one(path.read_bytes(), SETTINGS.sanitize).svg, SETTINGS.normalize).svg
        return encode(svg, Vocabulary.build(SETTINGS.tokenize))
    except (Dropped, TokenError):
        return ""


def held_out(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] % 10 == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--counts", type=int, nargs="+", default=[250, 500, 1000, 4000])
    parser.add_argument("--min-frequency", type=int, default=10)
    arguments = parser.parse_args()
    paths = sorted(p for folder in arguments.folders for p in folder.rglob("*.svg") if p.is_file())
    with multiprocessing.Pool() as pool:
        texts = sorted({text for text in pool.imap(tokens, paths, 50) if text})
    train = [text for text in texts if not held_out(text)]
    test = [text for text in texts if held_out(text)]
    atoms = sum(map(atomic_length, test))
    print(f"{len(train)} drawings to learn from, {len(test)} held out with {atoms} atomic tokens")
    for count in arguments.counts:
        saved = {}
        for algorithm in ALGORITHMS:
            begin = time.process_time()
            rule = SegmentSettings(algorithm=algorithm, count=count, min_frequency=arguments.min_frequency)
            segments = learn(train, rule)
            learning = time.process_time() - begin
            begin = time.process_time()
            encoded = [encode_segments(text, segments) for text in test]
            rate = len(test) / (time.process_time() - begin)
            if any(decode_segments(a, segments) != b for a, b in zip(encoded, test, strict=True)):
                raise SystemExit(f"{algorithm}: encoding and decoding do not give the same")
            left = sum(map(atomic_length, encoded))
            saved[algorithm] = atoms - left
            print(
                f"M={count:5} {algorithm:8} {atoms / left:.4f} x   {saved[algorithm] / saved['hivg']:5.2f} times the "
                f"tokens that hivg saves   learned in {learning:.1f} s   {rate:,.0f} files/s"
            )


if __name__ == "__main__":
    main()
