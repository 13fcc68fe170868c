"""A format of one's own: written, read back, verified, and taken for no other."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pytest

from pipeline.errors import ConfigError
from pipeline.progress import Display
from pipeline.report.publish import write_pages
from pipeline.storage.open import open_storage
from pipeline.versions import published, shards
from pipeline.versions.verify import verify_version
from stages.write import FORMATS, Format
from tests.helpers import mill, write_config


def lines_shard(rows: pa.Table) -> bytes:
    data = [row | {"png": row["png"].hex()} for row in rows.to_pylist()]
    return "".join(json.dumps(row) + "\n" for row in data).encode()


def lines_rows(stream: BinaryIO, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    for line in stream:
        row = json.loads(line)
        yield row | {"png": bytes.fromhex(row["png"])}


def test_a_format_is_one_line_of_the_registry(icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of a format that is added are written by its writer and verified by its reader; without it, nobody guesses."""
    monkeypatch.setitem(FORMATS, "lines", Format("lines", "jsonl", lines_shard, lines_rows))
    config = write_config(tmp_path / "c.yaml", icons, write={"formats": ["lines", "webdataset"]})
    manifest = mill(config, tmp_path / "ws").result.manifest
    storage = open_storage(str(tmp_path / "ws"))
    own = [shard for shard in manifest.shards if shard.format == "lines"]
    assert own and all(shard.path.endswith(".jsonl") for shard in own)
    assert sum(shard.rows for shard in own) == manifest.funnel.kept
    assert verify_version(storage, None, Display(quiet=True))[0] == []

    def forgetful(stream: BinaryIO, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        return (row | {"tokens": "<svg></svg>"} for row in lines_rows(stream, columns))

    monkeypatch.setitem(FORMATS, "lines", Format("lines", "jsonl", lines_shard, forgetful))
    faults = verify_version(storage, None, Display(quiet=True))[0]
    assert any(own[0].path in fault and "the tokens do" in fault for fault in faults)

    monkeypatch.delitem(FORMATS, "lines")
    with pytest.raises(ConfigError, match="shards of format lines: this svgmill reads parquet, webdataset"):
        verify_version(storage, None, Display(quiet=True))
    # every sample is in a format that is known, too
    assert {shard.format for shard in shards.one_format(published.read(storage).shards)} == {"webdataset"}
    assert write_pages(storage, manifest)
