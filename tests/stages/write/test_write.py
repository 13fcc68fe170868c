import hashlib
import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.sides import SHARD
from stages.write import FORMATS, Format, WriteSettings, pack
from stages.write.packing import row_bytes


def rows(count: int, tiers: str = "ab", size: int = 10) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "sample_id": f"{n * 7919 % 1000:064x}",
                "svg": "<svg/>" * size,
                "tokens": "<svg></svg>",
                "segments": "<svg></svg>",
                "input_ids": [n, n + 1],
                "caption": "Größe",
                "captions": [{"text": "Größe", "origin": "title"}],
                "png": b"\x89PNG" + bytes(n % 5),
                "tier": tiers[n % len(tiers)],
                "split": "train" if n % 3 else "test",
                "atomic_length": n,
                "segment_length": n,
                "ids_length": 3,
                "ssim": 0.5,
                "mae": 0.1,
                "visible_share": 0.0,
                "width": 24.0,
                "height": 24.0,
                "license": "MIT",
                "provenance": [{"source": "s", "path": f"{n}.svg", "url": None, "raw_id": "r", "license": "MIT"}],
            }
            for n in range(count)
        ],
        schema=SHARD,
    )


@given(st.integers(0, 60), st.integers(1, 20), st.integers(2**16, 2**17), st.integers(1, 5000))
def test_packs_hold_every_row_once_within_the_limits(count: int, max_rows: int, max_bytes: int, size: int) -> None:
    """Packs partition the rows; each has one tier and split, is sorted, and is over the limits only as a single row."""
    table = rows(count, size=size)
    packs = pack(table, WriteSettings(max_rows=max_rows, max_bytes=max_bytes))
    ids = [i for p in packs for i in p.rows["sample_id"].to_pylist()]
    assert sorted(ids) == sorted(table["sample_id"].to_pylist())
    for p in packs:
        assert set(p.rows["tier"].to_pylist()) == {p.tier} and set(p.rows["split"].to_pylist()) == {p.split}
        assert p.rows["sample_id"].to_pylist() == sorted(p.rows["sample_id"].to_pylist())
        assert p.rows.num_rows <= max_rows
        assert sum(row_bytes(p.rows)) <= max_bytes or p.rows.num_rows == 1


@given(st.permutations(range(12)))
def test_order_of_rows_decides_nothing(order: list[int]) -> None:
    """Rows in any order give the same bytes in every format."""
    table = rows(12)
    shuffled = table.take(pa.array(order))
    for one, two in zip(pack(table, WriteSettings()), pack(shuffled, WriteSettings()), strict=True):
        for form in FORMATS.values():
            assert form.write(one.rows) == form.write(two.rows)


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_a_format_reads_what_it_wrote(form: Format) -> None:
    """Every column of every row comes back as it was, in the rows' order; of no rows come none."""
    table = rows(5)
    read = form.read(io.BytesIO(form.write(table)), SHARD.names)
    assert pa.Table.from_pylist([{name: row[name] for name in SHARD.names} for row in read], SHARD) == table
    assert list(form.read(io.BytesIO(form.write(table.slice(0, 0))), SHARD.names)) == []


def test_parquet_keeps_the_schema() -> None:
    """A Parquet shard says the types of its columns as they are."""
    assert pq.read_schema(io.BytesIO(FORMATS["parquet"].write(rows(5)))) == SHARD


def test_tar_has_no_clock_and_no_host() -> None:
    """Members have mtime, uid and gid 0 and no names; a sample's members stand together in one order."""
    with tarfile.open(fileobj=io.BytesIO(FORMATS["webdataset"].write(rows(3)))) as tar:
        members = tar.getmembers()
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}
        assert [m.name.split(".", 1)[1] for m in members] == ["svg", "png", "txt", "json", "ids.npy"] * 3
        first = {m.name.split(".", 1)[1]: tar.extractfile(m).read() for m in members[:5]}  # type: ignore[union-attr]
    assert first["txt"].decode() == "Größe"
    assert np.load(io.BytesIO(first["ids.npy"])).tolist() == [0, 1]
    assert json.loads(first["json"])["provenance"][0]["path"] == "0.svg"


@given(st.integers(2, 200), st.integers(1, 9), st.integers(0, 199))
def test_a_sample_that_goes_changes_its_own_shard_and_its_sibling_at_most(count: int, most: int, gone: int) -> None:
    """All other shards keep their rows, and so their names."""
    table = rows(count, tiers="a")
    ids = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(count)]
    table = table.set_column(0, "sample_id", pa.array(ids))
    table = table.set_column(table.schema.get_field_index("split"), "split", pa.array(["train"] * count))
    settings = WriteSettings(max_rows=most)

    def shards(table: pa.Table) -> set[tuple[str, ...]]:
        return {tuple(p.rows["sample_id"].to_pylist()) for p in pack(table, settings)}

    before, after = shards(table), shards(table.filter(pc.not_equal(table["sample_id"], ids[gone % count])))
    assert len(before - after) <= 2 and len(after - before) <= 1


def test_an_unknown_format_is_refused() -> None:
    """A format that nothing writes is no setting, and the message names those that are."""
    with pytest.raises(ValueError, match="must be one of parquet, webdataset"):
        WriteSettings(formats=("parquet", "csv"))
