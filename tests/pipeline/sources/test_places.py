"""What was fetched, in columns, is what it was in memory: versions that were published before stay as they are."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.sources import places
from pipeline.sources.base import Chunk, Entry, RawItem
from pipeline.sources.network import FETCHED, Done, Network, NetworkSource, Shelf, Snapshot, Unit
from pipeline.sources.places import FetchedTables, Place, Placed, Places
from pipeline.storage.base import Storage
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import write_table
from stages.crawl import CrawlSettings
from tests.pipeline.sources.test_entries import few_rows


class Well(NetworkSource):
    """Nothing of it is asked here but the listing."""

    kind: Literal["well"] = "well"

    def resolve(self, network: Network, before: Snapshot | None) -> list[Mapping[str, Any]]:
        raise NotImplementedError

    def units(self, snapshot: Snapshot, done: Sequence[Done], network: Network) -> list[Unit]:
        raise NotImplementedError

    def fetch(self, unit: Unit, shelf: Shelf, network: Network) -> Mapping[str, Any]:
        raise NotImplementedError

    def items(self, chunk: Chunk, store: Storage, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        raise NotImplementedError


SOURCE = Well(name="web")
SNAPSHOT = Snapshot("web", 7, {}, (), "2026-01-31T00:00:00Z")


def places_in_memory(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Place]]:
    """`FetchedTables.rows`, as it was before places were in columns."""
    by_url = {row["url"]: row for row in rows}

    def place_of(row: Mapping[str, Any], beside: tuple[tuple[str, Place], ...] = ()) -> Place:
        facts = ("url", row["url"]), ("fetched", row["fetched"]), *((f["name"], f["text"]) for f in row["facts"])
        return Place(row["stored"], row["sha256"], row["row"], facts, beside)

    for row in rows:
        yield row, place_of(row, tuple((url, place_of(by_url[url])) for url in row["beside"] if url in by_url))


def listed_in_memory(
    rows: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, tuple[Entry, ...]], dict[str, Place], Counter[str]]:
    """Shape -> entries, path -> place, and what is no input, as `NetworkSource.of_snapshot` listed them."""
    entries: dict[str, list[Entry]] = {"files": [], "archive": [], "table": [], "pages": []}
    found: dict[str, Place] = {}
    no_input: Counter[str] = Counter()
    for row, place in places_in_memory(rows):
        if row["shape"]:
            found[row["path"]] = place
            depends = [place.sha256, place.facts, [[url, each.sha256] for url, each in place.beside]]
            etag = hashlib.sha256(json.dumps(depends).encode()).hexdigest()
            entries[row["shape"]].append(Entry(row["path"], row["size"], etag))
        elif row["path"]:
            no_input[row["path"]] += next((int(f["text"]) for f in row["facts"] if f["name"] == "count"), 1)
    return {shape: tuple(sorted(each)) for shape, each in entries.items()}, found, no_input


NAMES = st.text(st.sampled_from('ab/.é\ud7ff\ue000\U00010000"\\\n'), min_size=0, max_size=4)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "path": NAMES.filter(bool),
            "shape": st.sampled_from(("files", "files", "pages", "archive", "table", "")),
            "url": NAMES,
            "stored": NAMES,
            "row": st.integers(-1, 9),
            "sha256": st.sampled_from(("", "0" * 64, "ab" * 32)),
            "size": st.integers(0, 2**40),
            "fetched": NAMES,
            "facts": st.lists(st.fixed_dictionaries({"name": NAMES, "text": NAMES}), max_size=2),
            "beside": st.lists(NAMES, max_size=4),
        }
    ),
    max_size=40,
    unique_by=lambda row: row["path"],
)


@given(st.lists(ROWS, max_size=3), st.sampled_from((1, 3, 1_000)), st.booleans(), st.data())
def test_listed_as_in_memory(
    tmp_path_factory: pytest.TempPathFactory,
    tables: list[list[dict[str, Any]]],
    block: int,
    few_bits: bool,
    data: st.DataObject,
) -> None:
    """Entries with their digests, places with what lies beside, and counts are those that they always were."""
    seen: set[str] = set()
    for table in tables:
        table[:] = [row for row in table if row["path"] not in seen]
        seen |= {row["path"] for row in table}
    rows = [row for table in tables for row in table]
    entries, found, no_input = listed_in_memory(rows)
    storage = FolderStorage(tmp_path_factory.mktemp("ws"))
    paths = [
        write_table(storage, f"tables/{number}.parquet", [pa.Table.from_pylist(table, schema=FETCHED)], FETCHED).path
        for number, table in enumerate(tables)
    ]
    with few_rows(block), pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "_ROWS", 2 * block)
        if few_bits:
            patch.setattr(places, "_BITS", 8)
        fetched = FetchedTables(storage, paths)
        expected = list(places_in_memory(rows))
        assert list(fetched.rows()) == sorted(expected, key=lambda pair: bool(pair[0]["beside"]))
        if not found:
            with pytest.raises(ConfigError, match="nothing in it can be read"):
                SOURCE.of_snapshot(SNAPSHOT, fetched, storage.uri)
            return
        listing = SOURCE.of_snapshot(SNAPSHOT, fetched, storage.uri)
        assert listing.files == entries["files"] and listing.pages == entries["pages"]
        assert listing.archives == entries["archive"] and listing.tables == entries["table"]
        assert (listing.no_input, listing.snapshot) == (no_input, 7)
        assert dict(listing.places) == found and list(listing.places) == sorted(found)
        wanted = data.draw(st.lists(st.one_of(st.sampled_from(sorted(found)), NAMES), max_size=9))
        assert listing.places.some(wanted) == {path: found[path] for path in wanted if path in found}
        placed = Placed(listing.places, listing.files)
        again = pickle.loads(pickle.dumps(placed))
        assert type(again) is tuple and again == placed == tuple(found[entry.path] for entry in entries["files"])


FEW_NAMES = st.sampled_from([f"{first}{second}" for first in "abé" for second in "01234567"])


@given(st.lists(FEW_NAMES, max_size=60), st.lists(FEW_NAMES, max_size=9), st.sampled_from((1, 2, 3, 1_000)))
def test_looked_up_as_in_a_mapping(names: list[str], wanted: list[str], block: int) -> None:
    """Any names together, in whichever blocks they are; of equal ones the last that was added counts."""
    with few_rows(block):
        spool = places.PlacesSpool()
        for number, name in enumerate(names):
            spool.add(name, Place(str(number)))
        found = spool.finish()
        every = {name: Place(str(number)) for number, name in enumerate(names)}
        assert found == every and len(found) == len(every) and bool(found) == bool(every)
        assert found.some(wanted) == {name: every[name] for name in wanted if name in every}
        for name in wanted:
            assert found.get(name) == every.get(name)


def test_a_chunk_without_a_place_is_told() -> None:
    """An entry that has no place is a defect, and not left out."""
    with pytest.raises(KeyError):
        tuple(Placed(Places(), (Entry("a", 1, ""),)))
