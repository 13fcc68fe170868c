"""The shards are read by the libraries that trainers use, with no import of svgmill."""

import gc
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from tests import loading
from tests.helpers import ROOT, Run, parquet_rows

pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
"""webdataset leaves the tars open that it reads."""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """What a library has left open is closed here, where no test is blamed for it."""
    yield
    gc.collect()


def paths(run: Run, form: str) -> list[str]:
    return [str(run.workspace / s.path) for s in run.result.manifest.shards if s.format == form]


def test_webdataset_reads_the_tars(finished: Run) -> None:
    """webdataset yields each sample once with all its parts, and keys that stand together."""
    import webdataset

    rows = list(webdataset.WebDataset(paths(finished, "webdataset"), shardshuffle=False, empty_check=False))
    assert len(rows) == len({row["__key__"] for row in rows}) == finished.result.manifest.funnel.kept
    for row in rows:
        assert {"svg", "png", "txt", "json", "ids.npy"} <= set(row)
        assert row["png"].startswith(b"\x89PNG")
        assert json.loads(row["json"])["sample_id"] == row["__key__"]


def test_webdataset_decodes_the_ids(finished: Run) -> None:
    """The .ids.npy member is an int32 array as long as the segment tokens or longer, decoded by webdataset itself."""
    import webdataset

    for row in webdataset.WebDataset(paths(finished, "webdataset"), shardshuffle=False, empty_check=False).decode():
        assert row["ids.npy"].dtype == np.int32
        assert row["ids.npy"].ndim == 1 and len(row["ids.npy"]) > 0
        assert row["json"]["tier"] in {"short", "L1", "L2", "L3", "long"}


def test_datasets_reads_the_parquet(finished: Run, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """datasets.load_dataset("parquet") sees all samples with their columns."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    data = datasets.load_dataset(
        "parquet", data_files={"train": paths(finished, "parquet")}, cache_dir=str(tmp_path / "cache"), split="train"
    )
    assert len(data) == finished.result.manifest.funnel.kept
    assert data[0]["svg"].startswith("<svg")
    assert data[0]["provenance"][0]["source"] == "icons"


@pytest.mark.parametrize("form", ["parquet", "webdataset"])
def test_datasets_streams_the_shards(finished: Run, tmp_path, monkeypatch, form: str) -> None:  # type: ignore[no-untyped-def]
    """Of either format, with the ids and the pictures that pyarrow reads."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    stream = datasets.load_dataset(
        form,
        data_files={"train": paths(finished, form)},
        cache_dir=str(tmp_path / "cache"),
        split="train",
        streaming=True,
    )
    expected = sorted(loading.identity(row) for row in parquet_rows(finished))
    assert sorted(loading.identity(row) for row in stream) == expected


def test_pyarrow_dataset_filters_by_tier(finished: Run) -> None:
    """pyarrow.dataset opens all shards as one and its counts by tier are the manifest's."""
    data = pyarrow.dataset.dataset(paths(finished, "parquet"), format="parquet")
    shards = [s for s in finished.result.manifest.shards if s.format == "parquet"]
    for tier in {s.tier for s in shards}:
        rows = data.count_rows(filter=pyarrow.dataset.field("tier") == tier)
        assert rows == sum(s.rows for s in shards if s.tier == tier)


def test_transformers_loads_the_tokenizer(finished: Run) -> None:
    """PreTrainedTokenizerFast gives the ids that are in the shards, and their text back."""
    import transformers

    file = finished.workspace / finished.result.manifest.vocabulary_files["tokenizer"].path
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(str(file.parent))
    assert (tokenizer.pad_token, tokenizer.eos_token_id) == ("<pad>", 1)
    for row in pyarrow.dataset.dataset(paths(finished, "parquet")).to_table().to_pylist():
        assert tokenizer(row["segments"], add_special_tokens=False)["input_ids"] == row["input_ids"]
        assert tokenizer.decode(row["input_ids"]) == row["segments"]
        assert row["ids_length"] == len(row["input_ids"])


def test_the_token_table_says_what_each_id_means(finished: Run) -> None:
    """tokens.json has every atomic and segment token with its id; a segment's atoms decode to its geometry."""
    import transformers

    files = finished.result.manifest.vocabulary_files
    folder = finished.workspace / files["tokens"].path
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(str(folder.parent))
    rows = json.loads(folder.read_text())["tokens"]
    assert len({row["id"] for row in rows}) == len(rows) > 2450
    segments = json.loads((finished.workspace / files["segments"].path).read_text())["segments"]
    learned = [row for row in rows if row["kind"] == "segment"]
    assert len(learned) == len(segments)
    for row in rows:
        assert tokenizer.convert_tokens_to_ids(row["token"]) == row["id"]
    for row, segment in zip(learned, segments, strict=True):
        assert tokenizer.decode(row["atoms"]) == segment["left"] + segment["right"]


def test_the_index_picks_rows_that_are_read_alone(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The query and the snippet of docs/index.md give just the samples that a look at all shards gives."""
    import duckdb

    page = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    code = dict(re.findall(r"^```(sql|python)\n(.*?)^```$", page, re.M | re.S))
    assert finished.workspace.name == "ws"
    monkeypatch.chdir(finished.workspace.parent)
    duckdb.execute(code["sql"])
    read: dict[str, Any] = {}
    exec(code["python"], read)  # the page's own code
    got = [row for table in read["tables"] for row in table.to_pylist()]
    unwanted = {"light_only", "tiny_ink", "cut_off", "outside_style"}
    every = parquet_rows(finished)
    expected = {
        row["sample_id"]: row["input_ids"]
        for row in every
        if row["split"] == "train" and row["complexity"] < 0.5 and not unwanted.intersection(row["flags"])
    }
    assert 0 < len(expected) < sum(row["split"] == "train" for row in every)
    assert len(got) == len(expected) and {row["sample_id"]: row["input_ids"] for row in got} == expected


def test_the_page_of_the_index_names_its_columns(finished: Run) -> None:
    """Each column of an index is in the page's table, and each name in the table is a column."""
    index = [file for file in finished.result.manifest.files if file.role == "index"]
    columns = {name for file in index for name in pq.read_schema(finished.workspace / file.path).names}
    page = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == columns
