"""Records as deduplication meets them, of drawings that are strings of tokens."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pyarrow as pa

from stages.deduplicate import FEATURES, DeduplicateSettings
from stages.deduplicate.signing import features
from stages.rowwise import SAMPLES
from stages.schema import CREDITS

SETTINGS = DeduplicateSettings(pictures=False)

COLUMNS = pa.schema([SAMPLES.field(name) for name in ("raw_id", "path", *CREDITS, "ssim", "flags", "template")])
SCHEMA = pa.schema([*COLUMNS, SAMPLES.field("source"), *(SAMPLES.field(name) for name in FEATURES)])


def tokens(points: list[tuple[int, int]], paint: str = "#abc") -> str:
    body = "".join(f"<cmd_M><P_{x}><P_{y}><cmd_h><d_9>" for x, y in points)
    return f"<svg>viewBox=0 0 784 784<path>fill={paint}{body}</path></svg>"


def points(seed: int, count: int = 40) -> list[tuple[int, int]]:
    chance = random.Random(seed)
    return [(chance.randrange(10) * 74 + 9, chance.randrange(10) * 74 + 9) for _ in range(count)]


def record(source: str, path: str, text: str, raw: str = "", **more: Any) -> dict[str, Any]:
    return {
        "raw_id": raw or f"{source}/{path}",
        "source": source,
        "path": path,
        "url": None,
        "license": "MIT",
        "author": None,
        "license_from": "config",
        "work_title": None,
        "work_link": None,
        "permission": None,
        "ssim": 1.0,
        "sample_id": hashlib.sha256(text.encode()).hexdigest(),
        "picture_hash": None,
        "picture": None,
        "flags": [],
        **{name: column[0].as_py() for name, column in features([text], SETTINGS).items()},
        **more,
    }
