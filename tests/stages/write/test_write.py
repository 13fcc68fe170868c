import hashlib
import io
import json
import math
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.sides import SHARD
from stages.write import FORMATS, Amount, Dealt, Format, WriteSettings, deal, fits, places
from stages.write.dealing import TOKEN_BYTES


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


def hashed(table: pa.Table) -> pa.Table:
    """``table`` with ids that are spread as hashes are."""
    ids = [hashlib.sha256(sample_id.encode()).hexdigest() for sample_id in table["sample_id"].to_pylist()]
    return table.set_column(0, "sample_id", pa.array(ids))


def dealt(table: pa.Table, count: int) -> list[Dealt]:
    """``table`` dealt into ``count`` shards of each kind."""
    kinds = {(tier, split): count for tier in "ab" for split in ("train", "test")}
    return list(deal(table, kinds))


@given(st.integers(0, 60), st.integers(1, 9))
def test_every_row_is_dealt_once(count: int, shards: int) -> None:
    """What is dealt has one tier and split, is sorted, and lies in the range of ids that its place says."""
    table = hashed(rows(count))
    parts = dealt(table, shards)
    ids = [i for part in parts for i in part.rows["sample_id"].to_pylist()]
    assert sorted(ids) == sorted(table["sample_id"].to_pylist())
    for part in parts:
        own = part.rows["sample_id"].to_pylist()
        assert set(part.rows["tier"].to_pylist()) == {part.tier} and set(part.rows["split"].to_pylist()) == {part.split}
        assert own == sorted(own)
        assert {int(each, 16) * shards >> 256 for each in own} == {part.place}
    places = [(part.tier, part.split, part.place) for part in parts]
    assert places == sorted(set(places))


@given(st.permutations(range(12)), st.integers(1, 3))
def test_order_of_rows_decides_nothing(order: list[int], shards: int) -> None:
    """Rows in any order give the same bytes in every format."""
    table = rows(12)
    for one, two in zip(dealt(table, shards), dealt(table.take(pa.array(order)), shards), strict=True):
        for form in FORMATS.values():
            assert form.write(one.rows) == form.write(two.rows)


@given(st.floats(0, 1e6))
def test_shards_are_full_and_few(load: float) -> None:
    """No more than 1.2 times as many as the target asks for; filled to two thirds if there are several; still right."""
    count = places(load)
    assert count <= 1.2 * math.ceil(load) or load <= 1 == count
    assert count == 1 or load / count >= 2 / 3
    assert load / count <= 1.5 and fits(load, count)


def test_bytes_make_shards_as_rows_do() -> None:
    """What is larger of the two decides; pictures count by their size."""
    settings = WriteSettings(shard_rows=100, shard_bytes=1 << 20)
    assert Amount(1000, 0).load(settings, 0) == 10
    assert Amount(1, 10**6).load(settings, 0) == pytest.approx(10**6 * TOKEN_BYTES / 2**20)
    assert Amount(100, 0).load(settings, 1024) > Amount(100, 0).load(settings, 512) > 1


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
def test_a_sample_that_goes_changes_its_own_shard_alone(count: int, shards: int, gone: int) -> None:
    """All other shards keep their rows, and so their names."""
    table = hashed(rows(count))
    place = gone % count

    def contents(table: pa.Table) -> set[tuple[str, ...]]:
        return {tuple(part.rows["sample_id"].to_pylist()) for part in dealt(table, shards)}

    without = pa.concat_tables([table.slice(0, place), table.slice(place + 1)])
    before, after = contents(table), contents(without)
    assert len(before - after) == 1 and len(after - before) <= 1


def test_sources_are_mixed() -> None:
    """The share of a source in each shard is its share in all, within five standard deviations."""
    table = hashed(rows(8000, tiers="a"))
    table = table.append_column("first", pa.array([n < 2000 for n in range(8000)]))
    for part in deal(table, {("a", "train"): 4, ("a", "test"): 4}):
        deviation = (0.25 * 0.75 / len(part.rows)) ** 0.5
        assert abs(pc.mean(part.rows["first"].cast(pa.float64())).as_py() - 0.25) < 5 * deviation


def test_an_unknown_format_is_refused() -> None:
    """A format that nothing writes is no setting, and the message names those that are."""
    with pytest.raises(ValueError, match="must be one of parquet, webdataset"):
        WriteSettings(formats=("parquet", "csv"))
