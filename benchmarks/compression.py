"""How many tokens segments save, by algorithm and number, on drawings that they were not learned from.

    python benchmarks/compression.py FOLDER [FOLDER ...] [--counts 250 500 1000 4000] [--general qwen.tiktoken]

Learns on nine tenths of the distinct drawings, by hash, and encodes the rest. Prints the ratio of atomic tokens to
tokens with segments, what was saved against the reference's way (``hivg``), CPU seconds of learning, and files/s.

``--general``: the ranks of Qwen's tokenizer, which Qwen2.5 shares (the file is in the PyPI package ``dashscope``,
under ``resources``; reading it needs the ``bench`` extra). Then the raw text of the held-out files is tokenized with
it, too, and compared with atomic tokens, and with the ids that the same tokenizer gives once our tokens extend it.
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
    Segments,
    SegmentSettings,
    TokenError,
    Vocabulary,
    atomic_length,
    decode_segments,
    encode,
    encode_segments,
    extend_tokenizer,
    learn,
    load_tokenizer,
)

SETTINGS = settings()
ALGORITHMS = ("hivg", "pairs", "savings")
QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def tokens(path: Path) -> str:
    """The token string of a file, "" for one that has none."""
    try:
        svg = normalize_one(sanitize_one(path.read_bytes(), SETTINGS.sanitize).svg, SETTINGS.normalize).svg
        return encode(svg, Vocabulary.build(SETTINGS.tokenize))
    except (Dropped, TokenError):
        return ""


def held_out(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] % 10 == 0


def against_general(ranks: Path, test: dict[str, Path], segments: Segments) -> None:
    """Compare with a general tokenizer on the raw text of the held-out files."""
    from transformers.convert_slow_tokenizer import TikTokenConverter

    converter = TikTokenConverter(str(ranks), pattern=QWEN_WORDS, extra_special_tokens=[])  # type: ignore[no-untyped-call]
    general = converter.converted()  # type: ignore[no-untyped-call]
    extended = load_tokenizer(extend_tokenizer(general.to_str(), Vocabulary.build(SETTINGS.tokenize), segments))
    raw = [len(each.ids) for each in general.encode_batch([p.read_text("utf-8", "replace") for p in test.values()])]
    ids = [len(each.ids) for each in extended.encode_batch(list(test))]
    fewer = [len(each.ids) for each in extended.encode_batch([encode_segments(text, segments) for text in test])]
    atoms = sum(map(atomic_length, test))
    print(
        f"raw text in Qwen's tokens {sum(raw):,}; atomic tokens {atoms:,} ({sum(raw) / atoms:.2f} x fewer); ids of the "
        f"extended tokenizer {sum(ids):,} ({sum(raw) / sum(ids):.2f} x), with {len(segments.items)} segments "
        f"{sum(fewer):,} ({sum(raw) / sum(fewer):.2f} x)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--counts", type=int, nargs="+", default=[250, 500, 1000, 4000])
    parser.add_argument("--min-frequency", type=int, default=10)
    parser.add_argument("--general", type=Path, metavar="TIKTOKEN")
    arguments = parser.parse_args()
    paths = sorted(p for folder in arguments.folders for p in folder.rglob("*.svg") if p.is_file())
    with multiprocessing.Pool() as pool:
        first = {text: path for path, text in zip(paths, pool.imap(tokens, paths, 50), strict=True) if text}
    texts = sorted(first)
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
                f"tokens that hivg saves   learned in {learning:.1f} s   {rate:,.0f} files/s",
                flush=True,
            )
    if arguments.general:
        segments = learn(train, SegmentSettings(min_frequency=arguments.min_frequency))
        against_general(arguments.general, {text: first[text] for text in test}, segments)


if __name__ == "__main__":
    main()
