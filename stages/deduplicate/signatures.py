"""MinHash signatures of drawings.

A shingle is one drawn command: its element's paint, its letter, and the cells of a coarse grid that it begins in, bends
towards and ends in. Positions are absolute, so that an arrow to the left and one to the right share little; paint is
part of it, a gradient's colours included, so that flags which differ by colour only stay apart.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
from rensa import RMinHash

from stages.base import Rows, StageResult
from stages.deduplicate.settings import DeduplicateSettings
from stages.schema import SIGNED

PERMUTATIONS = 128
NONE = bytes(4 * PERMUTATIONS)
"""The signature of a drawing with too few shingles: it has no near-duplicates."""

_TOKEN = re.compile(r"<([^<>]*)>([^<]*)")
_PAINT = re.compile(r"(?:fill|stroke|fill-opacity|stroke-width|stroke-linecap|stroke-linejoin|opacity)=\S+")
_GRADIENT = re.compile(r"<(?:linear|radial)Gradient>id=(\w+)[^<]*((?:<stop>[^<]*</stop>)*)")
_STOP = re.compile(r"stop-(?:color|opacity)=(\S+?)(?=[ <])")
_VALUE = re.compile(r"([\w-]+)=(-?[0-9.]+)(?= |$)")


def signatures(table: pa.Table, settings: DeduplicateSettings) -> StageResult:
    """Add ``signature`` (`stages.schema.SIGNED`: 128 little-endian uint32) from the column ``tokens``."""
    rows = Rows(table, "signatures", SIGNED)
    for i, tokens in enumerate(table["tokens"].to_pylist()):
        rows.keep(i, signature=signature(shingles(tokens, settings.grid), settings))
    return rows.result()


def signature(found: set[str], settings: DeduplicateSettings) -> bytes:
    """The MinHash of a set of shingles, or `NONE` if it is too small."""
    if len(found) < settings.min_shingles:
        return NONE
    minhash = RMinHash(num_perm=PERMUTATIONS, seed=settings.seed)
    minhash.update(sorted(found))
    return np.asarray(minhash.digest(), dtype="<u4").tobytes()


def shingles(tokens: str, grid: int) -> set[str]:
    """The shingles of an atomic token string. A gradient counts by its stops, whatever its id."""
    for name, stops in _GRADIENT.findall(tokens):
        tokens = tokens.replace(f"=url(#{name})", f"={','.join(_STOP.findall(stops))}")
    found: set[str] = set()
    stack: list[str] = []
    paint = letter = ""
    x = y = 0
    numbers: list[int] = []

    def flush() -> None:
        nonlocal x, y
        if not letter:
            return
        begin = [x, y] if letter != "M" else []
        points: list[int] = []
        if letter == "M" and len(numbers) == 2:
            x, y = numbers
            points = [x, y]
        elif letter == "h" and numbers:
            x += numbers[-1]
            points = [x, y]
        elif letter == "v" and numbers:
            y += numbers[-1]
            points = [x, y]
        elif len(numbers) >= 2:
            points = [v + (y if i % 2 else x) for i, v in enumerate(numbers)]
            x, y = points[-2:]
        cells = " ".join(str((v + grid // 2) // grid) for v in begin + points)
        found.add(f"{paint} {letter} {cells}")

    for name, text in _TOKEN.findall(tokens):
        if name.startswith("cmd_"):
            flush()
            letter, numbers = name[4:], []
            continue
        if name[:2] in ("P_", "d_"):
            numbers.append(int(name[2:]))
            continue
        if name.startswith(("large_", "sweep_")):
            continue
        flush()
        letter = ""
        if name.startswith("/"):
            if stack:
                stack.pop()
            continue
        own = " ".join(_PAINT.findall(text))
        paint = f"{'/'.join(stack)} {name} {own}"
        if name in ("g", "defs", "clipPath"):
            stack.append(name)
        elif name != "svg":
            stack.append("")
            values = _VALUE.findall(text)
            if values and name not in ("path", "polygon", "polyline"):
                cells = " ".join(f"{k}{round(float(v) / grid) if abs(float(v)) > 2 else v}" for k, v in values)
                found.add(f"{paint} {cells}")
        else:
            stack.append("")
    flush()
    return found
