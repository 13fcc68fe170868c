"""Packed contexts hold every record whole, and numpy's arrays the same as Parquet's rows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import transformers
import yaml

from pipeline.errors import ConfigError
from pipeline.exports import registry
from pipeline.exports.base import Version
from pipeline.exports.packed import PACKED_EXPORT
from pipeline.exports.write import write_export
from pipeline.models.embeddings import read_vocabulary
from pipeline.progress import Display
from pipeline.storage.open import open_storage
from pipeline.versions import published
from stages import tokenize
from tests.helpers import Run, parquet_rows

CONTEXT = 700


def exported(run: Run, out: Path, *overrides: str) -> Path:
    tiers = sorted({shard.tier for shard in run.result.manifest.shards})
    stages = [
        {"name": name, "tiers": tiers, "tokens": tokens, "context": CONTEXT}
        for name, tokens in (("first", "atomic"), ("second", "segments"))
    ]
    file = out.with_suffix(".yaml")
    file.write_text(yaml.safe_dump({"stages": stages}))
    storage = open_storage(str(run.workspace))
    settings = registry.settings_of(PACKED_EXPORT, overrides, file)
    version = Version(storage, published.read(storage))
    write_export(version, PACKED_EXPORT, settings, open_storage(str(out)), Display(quiet=True))
    return out


def documents(row: dict[str, Any]) -> list[tuple[list[int], list[int]]]:
    pairs = zip(row["documents"], row["documents"][1:], strict=False)
    return [(row["input_ids"][a:b], row["labels"][a:b]) for a, b in pairs]


@pytest.mark.parametrize("name", ["first", "second"])
def test_every_record_is_whole_and_decodes(finished: Run, tmp_path: Path, name: str) -> None:
    """By the version's tokenizer, to its sample's canonical SVG; positions begin anew; nothing is beyond the context."""
    out = exported(finished, tmp_path / "out", "file_rows=20")
    manifest = finished.result.manifest
    folder = finished.workspace / manifest.tokenizer_folder
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    vocabulary, segments = read_vocabulary(folder)
    rows = [row for path in sorted((out / name).glob("train-*.parquet")) for row in pq.read_table(path).to_pylist()]
    decoded, captions = [], []
    for row in rows:
        assert len(row["input_ids"]) == len(row["labels"]) == row["documents"][-1] <= CONTEXT
        assert row["position_ids"] == [i for ids, _ in documents(row) for i in range(len(ids))]
        for ids, labels in documents(row):
            prompt = sum(label == -100 for label in labels)
            assert labels[prompt:] == ids[prompt:]
            answer = tokenizer.decode(ids[prompt:])
            assert answer.endswith("<eos>")
            decoded.append(
                tokenize.decode(tokenize.decode_segments(answer.removesuffix("<eos>"), segments), vocabulary)
            )
            captions.append(tokenizer.decode(ids[:prompt]))
    table = json.loads((out / "curriculum.json").read_text())["table"]
    (count,) = (row for row in table if (row["stage"], row["split"]) == (name, "train"))
    samples = [row for row in parquet_rows(finished) if row["split"] == "train"]
    assert count["samples"] == len(samples) and count["records"] == len(decoded) > 20
    assert count["too_long"] == len(samples) - len(decoded)
    assert sum(len(row["input_ids"]) for row in rows) == count["tokens"]
    by_svg = {row["svg"]: row for row in samples}
    for svg, prompt in zip(decoded, captions, strict=True):
        assert prompt == f"<bos>[T2ST] Generate SVG tokens from text. {by_svg[svg]['caption']}\n"


def test_arrays_hold_what_rows_hold(finished: Run, tmp_path: Path) -> None:
    """Padded with the pad token, which no document and no label has."""
    rows_of, arrays = exported(finished, tmp_path / "a"), exported(finished, tmp_path / "b", "form=npy")
    for path in sorted(rows_of.glob("*/*.parquet")):
        array = np.load(arrays / path.parent.name / f"{path.stem}.npy", mmap_mode="r")
        rows = pq.read_table(path).to_pylist()
        assert len(array) == len(rows)
        for one, row in zip(array, rows, strict=True):
            used = len(row["input_ids"])
            for name in ("input_ids", "labels", "position_ids"):
                assert one[name][:used].tolist() == row[name] and one[name].shape == (CONTEXT,)
            numbers = [n for n, (ids, _) in enumerate(documents(row), 1) for _ in ids]
            assert one["document"].tolist() == numbers + [0] * (CONTEXT - used)
            assert set(one["input_ids"][used:].tolist()) <= {0} and set(one["labels"][used:].tolist()) <= {-100}


def test_what_cannot_be_packed_is_refused(finished: Run, tmp_path: Path) -> None:
    """Tasks with pictures alone, and records that stay too long."""
    with pytest.raises(ConfigError, match="does not have it; add it to tasks"):
        exported(finished, tmp_path / "a", 'curriculum.tasks={"image_to_svg": {"prompt": "<image>"}}')
    with pytest.raises(ConfigError, match="cuts nothing"):
        exported(finished, tmp_path / "b", "curriculum.too_long=keep")
