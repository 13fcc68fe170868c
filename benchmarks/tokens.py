"""Tokenizing, encoding with segments and learning them: files a second on one core, beside a plain Python loop.

    python benchmarks/tokens.py FOLDER [FOLDER ...] [--files 20000] [--learn 100000 1000000]

Normalizes the drawings first (on all cores), then times, in turns and in one process, ours and `obvious_tokens`, which
give equal strings. Learning gets as many drawings as asked: the distinct ones, and copies with three of ten offsets
moved by one unit; each size in a process of its own, whose CPU time and memory are printed.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import obvious_tokens
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
    decode,
    decode_segments,
    encode,
    encode_all,
    encode_segments,
    learn,
)

SETTINGS = settings()
VOCABULARY = Vocabulary.build(SETTINGS.tokenize)
OFFSET = re.compile("<d_(-?[0-9]+)>")
ROUNDS = 5


def canonical(path: Path) -> str:
    """The canonical text of a file, "" for one that has none or no tokens."""
    try:
        svg = normalize_one(sanitize_one(path.read_bytes(), SETTINGS.sanitize).svg, SETTINGS.normalize).svg
        encode(svg, VOCABULARY)
    except (Dropped, TokenError):
        return ""
    return svg


class Copies:
    """``count`` token strings of a file, and where it has fewer, jittered copies; each time anew."""

    def __init__(self, path: Path, count: int) -> None:
        self._path, self._count = path, count

    def __iter__(self) -> Iterator[str]:
        left, turn = self._count, 0
        limit = VOCABULARY.limit
        while left:
            random_ = random.Random(turn)

            def moved(match: re.Match[str], draw: Callable[[], float] = random_.random) -> str:
                if draw() < 0.7:
                    return match[0]
                return f"<d_{max(-limit, min(limit, int(match[1]) + (1 if draw() < 0.5 else -1)))}>"

            with self._path.open(encoding="utf-8") as file:
                for line in file:
                    if not left:
                        return
                    yield OFFSET.sub(moved, line[:-1]) if turn else line[:-1]
                    left -= 1
            turn += 1


def learn_some(path: Path, count: int, told: multiprocessing.Queue[tuple[float, int, int]]) -> None:
    strings = path.with_suffix(f".{count}")
    with strings.open("w", encoding="utf-8") as file:
        file.writelines(f"{text}\n" for text in Copies(path, count))
    begin = time.process_time()
    found = learn(Copies(strings, count), SegmentSettings())
    seconds = time.process_time() - begin
    # of this program alone: what getrusage says begins with the memory of the process that started it
    status = Path("/proc/self/status").read_text()
    told.put((seconds, int(status.partition("VmHWM:")[2].split()[0]) * 1024, len(found.items)))
    strings.unlink()


def rates(parts: list[list[str]], work: dict[str, Callable[[list[str]], object]]) -> dict[str, float]:
    """Items a second of each, the best of several turns; each turn has other items, so that nothing is remembered."""
    best = dict.fromkeys(work, 0.0)
    for part in parts:
        for name, function in work.items():
            begin = time.process_time()
            function(part)
            best[name] = max(best[name], len(part) / (time.process_time() - begin))
    return best


def chunks(items: list[str]) -> list[list[str]]:
    return [items[i::ROUNDS] for i in range(ROUNDS)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--files", type=int, default=20_000, help="drawings that are timed")
    parser.add_argument("--learn", type=int, nargs="*", default=[100_000, 1_000_000])
    arguments = parser.parse_args()
    paths = sorted(p for folder in arguments.folders for p in folder.rglob("*.svg") if p.is_file())
    with multiprocessing.Pool() as pool:
        distinct = {svg for svg in pool.imap(canonical, paths, 50) if svg}
    # in the order of their hashes, so that sets are mixed
    drawings = sorted(distinct, key=lambda svg: hashlib.sha256(svg.encode()).digest())
    timed = drawings[: arguments.files]
    strings = [encode(svg, VOCABULARY) for svg in timed]
    bad = sum(decode(text, VOCABULARY) != svg for text, svg in zip(strings, timed, strict=True))
    tokens = sum(map(atomic_length, strings)) / len(strings)
    print(f"{len(paths)} files, {len(drawings)} distinct drawings; {len(timed)} timed, {tokens:.0f} atomic tokens each")
    print(f"encode and decode: {bad} of {len(timed)} do not give the drawing again")
    found = learn(strings, SegmentSettings())
    plain = {tuple(re.split("(?=<cmd_)", item.tokens)[1:]): item.token for item in found.items}
    longest = max(map(len, plain))
    check(timed, strings, found, plain, longest)
    for name, rate in (
        rates(
            chunks(timed),
            {
                "tokenize": lambda part: encode_all(part, VOCABULARY),
                "tokenize, peer": lambda part: [obvious_tokens.tokenize(svg) for svg in part],
            },
        )
        | rates(
            chunks(strings),
            {
                "decode": lambda part: [decode(text, VOCABULARY) for text in part],
                "segments": lambda part: [encode_segments(text, found) for text in part],
                "segments, peer": lambda part: [obvious_tokens.encode(text, plain, longest) for text in part],
            },
        )
    ).items():
        print(f"{name:16} {rate:9,.0f} files/s")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "strings"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{encode(svg, VOCABULARY)}\n" for svg in drawings)
        for count in arguments.learn:
            told: multiprocessing.Queue[tuple[float, int, int]] = multiprocessing.get_context("spawn").Queue()
            process = multiprocessing.get_context("spawn").Process(target=learn_some, args=(path, count, told))
            process.start()
            seconds, peak, learned = told.get()
            process.join()
            print(f"learn {learned} of {count:9,}: {seconds:6.1f} s CPU, {peak / 2**20:,.0f} MiB at most")


def check(
    svgs: list[str], strings: list[str], found: Segments, plain: dict[tuple[str, ...], str], longest: int
) -> None:
    """Ours and the peer's strings are equal, and decode."""
    for svg, text in zip(svgs[:2_000], strings, strict=False):
        encoded = encode_segments(text, found)
        if obvious_tokens.tokenize(svg) != text or obvious_tokens.encode(text, plain, longest) != encoded:
            raise SystemExit(f"the peer gives another string for {svg}")
        if decode_segments(encoded, found) != text:
            raise SystemExit(f"segments of {svg} do not decode")


if __name__ == "__main__":
    main()
