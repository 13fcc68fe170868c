"""SVG text with captions, in three layouts, of shards or of sources; read back as the corpora whose layout it is."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.errors import ConfigError
from pipeline.exports import registry
from pipeline.exports.base import Version
from pipeline.exports.text import LAYOUTS, TEXT
from pipeline.exports.write import write_export
from pipeline.progress import Display
from pipeline.storage.open import open_storage
from pipeline.versions import published
from tests.helpers import Run, mill, parquet_rows, write_config


def exported(run: Run, out: Path, *overrides: str) -> list[dict[str, object]]:
    storage = open_storage(str(run.workspace))
    version = Version(storage, published.read(storage))
    settings = registry.settings_of(TEXT, overrides)
    write_export(version, TEXT, settings, open_storage(str(out)), Display(quiet=True))
    return [row for path in sorted(out.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_every_sample_is_there_as_its_shard_has_it(finished: Run, tmp_path: Path) -> None:
    """Of the chosen tiers and splits, in files of about the wanted size, shuffled."""
    rows = exported(finished, tmp_path / "a", "file_rows=10")
    shards = {row["sample_id"]: row for row in parquet_rows(finished)}
    assert {row["sample_id"]: (row["svg"], row["caption"]) for row in rows} == {
        sample_id: (row["svg"], row["caption"]) for sample_id, row in shards.items()
    }
    assert len(rows) == len(shards) and [row["sample_id"] for row in rows] != sorted(shards)
    tier = min(row["tier"] for row in shards.values())
    some = exported(finished, tmp_path / "b", f'tiers=["{tier}"]')
    assert {row["sample_id"] for row in some} == {s for s, row in shards.items() if row["tier"] == tier}
    with pytest.raises(ConfigError, match="tiers: no sample has L9"):
        exported(finished, tmp_path / "c", 'tiers=["L9"]')


@pytest.mark.parametrize("layout", ["svg-stack", "mmsvg"])
def test_a_layout_is_read_by_its_preset(finished: Run, tmp_path: Path, layout: str) -> None:
    """A source of kind table with the preset gives the same samples with the same captions."""
    rows = exported(finished, tmp_path / "table", f"layout={layout}")
    assert list(rows[0]) == LAYOUTS[layout].names
    source = {"name": "back", "kind": "table", "path": str(tmp_path / "table"), "preset": layout, "glob": "*.parquet"}
    again = mill(write_config(tmp_path / "again.yaml", tmp_path, sources=[source]), tmp_path / "again")
    before = {row["sample_id"]: row for row in parquet_rows(finished)}
    after = {row["sample_id"]: row for row in parquet_rows(again)}
    assert after.keys() <= before.keys() and len(after) > 0.9 * len(before)
    for sample_id, row in after.items():
        known = {caption["text"] for caption in before[sample_id]["captions"]}
        assert {caption["text"] for caption in row["captions"] if caption["origin"] in ("dataset", "model")} & known


def test_scour_takes_every_sample(finished: Run, tmp_path: Path) -> None:
    """The receipt counts those that could not be read, and those that scour spoils, by why: none of either here."""
    storage = open_storage(str(finished.workspace))
    version = Version(storage, published.read(storage))
    settings = registry.settings_of(TEXT, ("svg=scour",))
    receipt = write_export(version, TEXT, settings, open_storage(str(tmp_path / "a")), Display(quiet=True))
    (file,) = receipt.files
    assert file.rows == finished.result.manifest.funnel.kept and file.counts == {"unreadable": 0}


def test_sources_have_their_own_text(finished: Run, tmp_path: Path) -> None:
    """As long as the workspace has what they were."""
    rows = exported(finished, tmp_path / "a", "svg=sanitized")
    canonical = {row["sample_id"]: row["svg"] for row in parquet_rows(finished)}
    assert {row["sample_id"] for row in rows} == canonical.keys()
    assert any(row["svg"] != canonical[row["sample_id"]] for row in rows)
    shutil.rmtree(finished.workspace / "tables" / "crawl")
    with pytest.raises(ConfigError, match=r"has \d+ source files of version 1 no more"):
        exported(finished, tmp_path / "b", "svg=sanitized")
