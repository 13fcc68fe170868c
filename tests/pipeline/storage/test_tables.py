import random
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.storage.base import NotFound
from pipeline.storage.folder import FolderStorage
from pipeline.storage.open import open_storage
from pipeline.storage.s3 import S3Storage
from pipeline.storage.tables import DamagedTable, Recent, read_table, table_bytes, write_table
from tests.helpers import Run, mill


def test_no_flipped_byte_is_read_as_data(tmp_path: Path) -> None:
    """Whichever byte before the footer is changed, a read says so or it did not matter; a cut table is never read."""
    storage = FolderStorage(tmp_path)
    table = pa.table({"a": list(range(40)), "b": [f"text {n}" for n in range(40)]})
    path = write_table(storage, "tables/crawl/icons/00.parquet", [table], table.schema).path
    data = storage.read(path)
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    assert footer > 200
    refused = 0
    for position in range(4, footer):
        storage.write(path, data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :])
        try:
            assert read_table(storage, path) == table
        except DamagedTable as error:
            refused += 1
            assert "remove tables/crawl/icons/00.json" in str(error)
    assert refused > footer // 2
    for length in range(0, len(data), 7):
        storage.write(path, data[:length])
        with pytest.raises(DamagedTable):
            read_table(storage, path)


@pytest.mark.parametrize("harm", ["flip", "delete"])
def test_a_table_that_is_damaged_or_gone_is_made_anew(finished: Run, harm: str) -> None:
    """A run that needs a table which is damaged or gone makes it anew by itself, and comes to the same version."""
    sound = shutil.copytree(finished.workspace, finished.workspace.with_name("sound"))
    tables = sorted(finished.workspace.glob("tables/samples/icons/*.parquet"))
    victim = next(path for path in tables if ".dropped." not in path.name)
    if harm == "delete":
        victim.unlink()
    else:
        data = bytearray(victim.read_bytes())
        data[300] ^= 0xFF  # of a picture
        victim.write_bytes(data)
    sets = ("caption.max_characters=60",)
    after = mill(finished.config, finished.workspace, sets=sets)
    assert after.result.manifest == mill(finished.config, sound, sets=sets).result.manifest


def test_a_table_that_is_gone_is_not_found(tmp_path: Path) -> None:
    """Outside of the ledger there is nothing to remove and make anew."""
    with pytest.raises(NotFound, match="restore it from a copy"):
        read_table(FolderStorage(tmp_path), "index/0.parquet")


def test_small_tables_are_remembered_on_a_remote_store(s3_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was just written or read is not asked for again, up to a limit for one and for all; what is large is."""
    storage = open_storage(s3_uri)
    assert isinstance(storage, S3Storage)
    monkeypatch.setattr(Recent, "LARGEST", 2_000)
    monkeypatch.setattr(Recent, "IN_ALL", 3_000)

    def write(number: int, rows: int) -> tuple[str, pa.Table]:
        table = pa.table({"a": [random.Random(f"{number} {row}").random() for row in range(rows)]})
        return write_table(storage, f"tables/tier/s/{number}.parquet", [table], table.schema).path, table

    def gets() -> int:
        before = storage.counts.requests["GetObject"]
        assert read_table(storage, path) == table
        return storage.counts.requests["GetObject"] - before

    path, table = first = write(0, 50)
    assert gets() == 0
    path, table = write(1, 500)
    assert (gets(), gets()) == (1, 1)
    for number in range(2, 6):
        write(number, 50)
    path, table = first
    assert (gets(), gets()) == (1, 0)


def test_whatever_byte_is_damaged_nothing_but_that_is_said(tmp_path: Path) -> None:
    """Names of columns are decoded by Python, which says in its own way that it cannot."""
    schema = pa.schema([("sample_id", pa.string()), ("caption", pa.string()), ("n", pa.list_(pa.int64()))])
    table = pa.table({"sample_id": ["a", "b"], "caption": ["x", "yy"], "n": [[1], [2, 3]]}, schema=schema)
    data, storage, said = table_bytes(table, schema), FolderStorage(tmp_path), 0
    for place in range(len(data)):
        path = f"tables/x/{place}.parquet"
        storage.write(path, data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        try:
            read_table(storage, path)
        except DamagedTable:
            said += 1
    assert said > 0.8 * len(data)
