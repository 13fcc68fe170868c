"""What show, report, duplicates and diff read: parts of tables and shards, which come to what the whole comes to."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.report import collect
from pipeline.storage import lookup, tables
from pipeline.storage.folder import FolderStorage
from pipeline.storage.open import open_storage
from pipeline.versions import browse, clusters, diff, published, shards
from stages.sides import INDEXED
from tests.helpers import Run, parquet_rows


def test_rows_of_a_sorted_table_are_found_where_they_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, ranges and beginnings give the rows that a filter of all gives, and little else is read."""
    monkeypatch.setattr(tables, "PUBLISHED_ROWS", 10)
    storage = FolderStorage(tmp_path)
    keys = sorted(f"{number * 7919 % 65536:04x}" for number in range(500))
    table = pa.table({"key": keys, "list": [[key] * 3 for key in keys], "number": range(500)})
    # without statistics, as of earlier versions, everything has to be read
    for path, data in {
        "new": tables.published_bytes(table, table.schema),
        "old": tables.table_bytes(table, table.schema),
    }.items():
        storage.write(path, data)
        for wanted in (["0000"], keys[3:4], keys[::97], ["zzzz"], []):
            found = list(lookup.rows_of(storage, path, ["number"], "key", pa.array(wanted, pa.string())))
            numbers = [number for part in found for number in part["number"].to_pylist()]
            assert numbers == [number for number, key in enumerate(keys) if key in wanted]
        begin = pa.concat_tables(lookup.rows_that_begin(storage, path, ["key", "list"], "key", keys[250][:2]))
        assert begin["key"].to_pylist() == [key for key in keys if key.startswith(keys[250][:2])]
    groups = list(lookup.row_groups(storage, "new", ["key"], "key", keys[95], keys[104]))
    assert [len(group) for group in groups] == [10, 10]


def test_samples_are_found_by_the_beginning_of_their_id(finished: Run) -> None:
    """Through the index, and without one, by looking through the shards; the records are what was decided of them."""
    storage = open_storage(str(finished.workspace))
    manifest = published.read(storage)
    rows = parquet_rows(finished)
    path = finished.workspace / published.manifest_path(1)
    data = json.loads(path.read_text())
    data["files"] = [file for file in data["files"] if file["role"] != "index"]
    path.write_text(json.dumps(data))
    bare = published.read(storage)
    decided = pa.concat_tables(browse.decisions(storage)).select(list(browse.DECIDED))
    for row in (*rows[:5], *rows[-5:]):
        for version in (manifest, bare):
            assert browse.find(storage, version, row["sample_id"][:20], ["sample_id", "svg", "tokens"]) == [
                {name: row[name] for name in ("sample_id", "svg", "tokens")}
            ]
        own = decided.filter(pc.equal(decided["cluster_id"], row["sample_id"]))
        told = browse.origins(storage, manifest, row["sample_id"])
        assert {(each["source"], each["path"], each["kept"]) for each in told} == {
            (each["source"], each["path"], each["kept"]) for each in own.to_pylist()
        }
        assert told[0]["kept"] and told[0]["sample_id"] == row["sample_id"]
    assert browse.find(storage, manifest, "f" * 64, ["sample_id"]) == []
    assert browse.origins(storage, manifest, "f" * 64) == []


def test_narrow_columns_are_those_of_the_shards(finished: Run) -> None:
    """Of the index or of the shards, in whatever parts: the same rows, and the same report."""
    storage = open_storage(str(finished.workspace))
    manifest = published.read(storage)
    names = [name for name in INDEXED.names if name not in ("flags",)]
    by_index = pa.concat_tables(browse.narrow(storage, manifest, names)).sort_by("sample_id")
    path = finished.workspace / published.manifest_path(1)
    data = json.loads(path.read_text())
    data["files"] = [file for file in data["files"] if file["role"] != "index"]
    path.write_text(json.dumps(data))
    bare = published.read(storage)
    by_shards = pa.concat_tables(browse.narrow(storage, bare, names)).sort_by("sample_id")
    assert by_index.to_pylist() == by_shards.to_pylist() and len(by_index) == manifest.funnel.kept
    figures = [collect._figures(storage, version) for version in (manifest, bare)]
    assert figures[0] == figures[1] and figures[0].atomic.total == manifest.funnel.kept
    whole = collect._Figures()
    whole.add(by_index)
    parts = collect._Figures()
    for begin in range(0, len(by_index), 7):
        parts.add(by_index.slice(begin, 7))
    assert parts == whole


def test_versions_are_compared_by_ranges_of_ids(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the ranges, each sample is in one, and the differences are told by id."""
    storage = open_storage(str(finished.workspace))
    manifest = published.read(storage)
    other = finished.result.manifest
    empty = type(other)(**{**vars(other), "files": tuple(f for f in other.files if f.role != "shard")})

    def compared(most: int) -> tuple[diff.Difference, list[tuple[str, str]]]:
        monkeypatch.setattr(diff, "AT_ONCE", most)
        states: list[tuple[str, str]] = []
        return diff.diff(storage, empty, manifest, lambda *state: states.append(state)), states

    difference, states = compared(10**6)
    assert difference.states == {"added": manifest.funnel.kept}
    assert states == [
        (row["sample_id"], "added") for row in sorted(parquet_rows(finished), key=lambda row: row["sample_id"])
    ]
    assert compared(3) == (difference, states)


def test_samples_of_a_range_are_those_of_a_whole_shard(finished: Run) -> None:
    """Whether a format knows where they are or not."""
    storage = open_storage(str(finished.workspace))
    for shard in published.read(storage).shards:
        ids = [row["sample_id"] for row in shards.read(storage, shard, ["sample_id"])]
        for first, last in ((ids[0], ids[-1]), (ids[len(ids) // 2], "g"), ("0", ids[0]), ("g", "z")):
            some = [row["sample_id"] for row in shards.between(storage, shard, ["sample_id"], first, last)]
            assert some == [sample_id for sample_id in ids if first <= sample_id <= last]


def test_clusters_are_counted_across_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that goes over the end of a row group is one, what is alone is none, and the survivor comes first."""
    monkeypatch.setattr(tables, "PUBLISHED_ROWS", 4)
    storage = FolderStorage(tmp_path)
    sizes = {"a": 1, "b": 6, "c": 2, "d": 1, "e": 9}
    rows = [
        {"cluster_id": name, "sample_id": name if k == 0 else f"{name}{k}", "path": str(k), "reason": "near" * (k > 0)}
        for name, size in sizes.items()
        for k in range(size)
    ]
    table = pa.Table.from_pylist(rows, schema=clusters.CLUSTERS)
    storage.write("one", tables.published_bytes(table, clusters.CLUSTERS))
    assert dict(clusters.sizes(storage, ["one"])) == {"b": 6, "c": 2, "e": 9}
    members = clusters.members_of(storage, ["one"], ["e", "b"])
    assert [row["path"] for row in members["e"]] == [str(k) for k in range(9)]
    assert len(members["b"]) == 6 and members["b"][0]["sample_id"] == "b"
