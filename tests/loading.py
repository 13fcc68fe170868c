"""What a training library's loader gives: `docs/loading.md` has the code that makes the loaders, and this runs it.

As a script it needs numpy, Pillow and the library alone, so it runs in the library's own environment:

    python tests/loading.py SECTION RESULT

In a folder with the checkout ``release/`` it runs the Python of that section of the page, reads its ``loader`` twice,
and writes what it read to RESULT, as JSON: `Reading`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import time
import types
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PAGE = Path(__file__).resolve().parents[1] / "docs" / "loading.md"


@dataclass(frozen=True)
class Reading:
    """What a loader gave."""

    samples: list[list[str]]
    """Of its first pass, in its order, of each sample what `identity` says."""
    count: int
    """How many samples its second pass gave."""
    rate: float
    """Samples a second of the second pass, from its first batch to its last."""


def blocks(section: str, language: str) -> list[str]:
    """The fenced blocks of a section of the page that are of ``language``; "" for commands."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def sections() -> list[str]:
    """The sections of the page."""
    return re.findall(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), re.M)


def identity(sample: Any) -> list[str]:
    """The id of a sample, and the sha256 of its input ids (int32) and of its picture's pixels (RGBA).

    ``sample``: a row of a Parquet shard, the members of a sample of a tar, or an object with the attributes
    ``__key__``, ``input_ids`` and ``picture``.
    """
    if not isinstance(sample, dict):
        sample = {name: getattr(sample, name) for name in ("__key__", "input_ids", "picture")}
    ids = next(sample[name] for name in ("input_ids", "ids.npy") if name in sample)
    picture = next(sample[name] for name in ("picture", "png", "webp") if sample.get(name) is not None)
    if isinstance(picture, bytes):
        picture = Image.open(io.BytesIO(picture))
    contents = np.asarray(ids, np.int32).tobytes(), picture.convert("RGBA").tobytes()
    key = sample["sample_id"] if "sample_id" in sample else sample["__key__"]
    return [key, *(hashlib.sha256(content).hexdigest() for content in contents)]


def batches(loader: Any) -> Iterator[list[Any]]:
    """What a loader gives, be that lists of samples or samples."""
    for batch in loader:
        yield batch if isinstance(batch, list) else [batch]


def read(section: str) -> Reading:
    """Run the code of a section, in the folder that this process is in, and read its loader."""
    (code,) = blocks(section, "python")
    module = types.ModuleType("snippet")
    sys.modules["snippet"] = module  # where workers look for its classes
    exec(compile(code, section, "exec"), vars(module))
    loader = module.loader
    samples = [identity(sample) for batch in batches(loader) for sample in batch]
    count = first = 0
    begin = end = 0.0
    for batch in batches(loader):
        end = time.perf_counter()
        if not count:
            begin, first = end, len(batch)
        count += len(batch)
    return Reading(samples, count, (count - first) / (end - begin) if end > begin else 0.0)


def faults(samples: list[list[str]], expected: list[list[str]]) -> list[str]:
    """What is wrong with ``samples``, which should be ``expected`` in another order; both as `Reading.samples`."""
    found = {sample[0]: sample for sample in samples}
    wanted = {sample[0]: sample for sample in expected}
    texts = {
        "samples come more than once": len(samples) - len(found),
        "samples are missing": len(wanted.keys() - found.keys()),
        "samples are of no such split": len(found.keys() - wanted.keys()),
        "samples have other ids": sum(wanted[key][1] != found[key][1] for key in wanted.keys() & found.keys()),
        "samples have another picture": sum(wanted[key][2] != found[key][2] for key in wanted.keys() & found.keys()),
    }
    wrong = [f"{number} {text}" for text, number in texts.items() if number]
    if samples == expected:
        wrong.append("the order is that of the shards")
    return wrong


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(asdict(read(sys.argv[1]))), encoding="utf-8")
