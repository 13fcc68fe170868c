import re
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import Run, mill

from pipeline.errors import UserError
from pipeline.storage import FolderStorage, NotFound
from pipeline.tables import DamagedTable, read_table, write_table


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
def test_what_happened_to_a_table_is_told_with_its_remedy(finished: Run, harm: str) -> None:
    """A run that needs a table which is damaged or gone ends with one line; doing what it says gives the dataset."""
    sound = shutil.copytree(finished.workspace, finished.workspace.with_name("sound"))
    tables = sorted(finished.workspace.glob("tables/samples/icons/*.parquet"))
    victim = next(path for path in tables if ".dropped." not in path.name)
    if harm == "delete":
        victim.unlink()
    else:
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 0xFF
        victim.write_bytes(data)
    sets = ("caption.max_characters=60",)
    with pytest.raises(UserError, match="run again to make it anew") as error:
        mill(finished.config, finished.workspace, sets=sets)
    line = str(error.value)
    assert "\n" not in line
    remedy = re.search(r"remove (tables/\S+\.json)", line)
    assert remedy
    (finished.workspace / remedy[1]).unlink()
    after = mill(finished.config, finished.workspace, sets=sets)
    assert after.result.manifest == mill(finished.config, sound, sets=sets).result.manifest


def test_a_table_that_is_gone_is_not_found(tmp_path: Path) -> None:
    """Outside of the ledger there is nothing to remove and make anew."""
    with pytest.raises(NotFound, match="restore it from a copy"):
        read_table(FolderStorage(tmp_path), "index/0.parquet")
