"""How a run is cut where versions were published before: what is there stays in its chunk, what is new has its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.run.history import History
from pipeline.run.publish import layout_of
from pipeline.sources.base import Chunk, Entry, Listing
from pipeline.sources.partitions import chunks
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import Output, write_bytes
from pipeline.versions import published
from tests.pipeline.steps.planning import config_with


@dataclass(frozen=True)
class Version:
    """Of a manifest what `History.cut` reads."""

    version: int
    layout: Output | None
    config: dict[str, Any]
    kept: tuple[()] = ()


def listing(count: int) -> Listing:
    entries = tuple(Entry(f"{number:03}.svg", 1, f"etag {number}") for number in range(count))
    return Listing(config_with().sources[0], entries)


class Bench:
    """Versions that are cut one after the other. ``cut`` gives the chunks of a run, and publishes them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.storage = FolderStorage(folder)
        self.versions: dict[int, Version] = {}
        monkeypatch.setattr(published, "numbers", lambda storage: sorted(self.versions))
        monkeypatch.setattr(published, "read", lambda storage, number: self.versions[number])

    def cut(self, count: int, records: int = 4, repack: bool = False) -> list[Chunk]:
        config = config_with("partition.records", records)
        config = config.model_copy(update={"write": config.write.model_copy(update={"repack": repack})})
        parent: Any = self.versions.get(len(self.versions))
        cut = History(config, self.storage, parent).cut([listing(count)])
        number = len(self.versions) + 1
        with layout_of(cut) as stream:
            layout = write_bytes(self.storage, f"layouts/{number}", stream.read())
        self.versions[number] = Version(number, layout, config.resolved())
        return cut["one"]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_a_first_version_is_cut_by_its_listing_alone(bench: Bench) -> None:
    """Into more than one chunk."""
    first = bench.cut(40)
    assert first == chunks(listing(40), 4)
    assert len(first) > 3 and {chunk.generation for chunk in first} == {1}


def test_what_is_new_is_in_chunks_of_its_own_generation(bench: Bench) -> None:
    """The chunks of the version before stay as they are, with the entries as they are listed now."""
    first = bench.cut(40)
    second = bench.cut(50)
    assert second[: len(first)] == first
    added = second[len(first) :]
    assert {chunk.generation for chunk in added} == {2}
    assert [path for chunk in added for path in chunk.paths] == [f"{number:03}.svg" for number in range(40, 50)]
    assert bench.cut(50) == second


def test_what_vanished_leaves_its_chunk(bench: Bench) -> None:
    """And no other changes."""
    first = bench.cut(40)
    second = bench.cut(39)
    assert [chunk.key for chunk in second] in ([chunk.key for chunk in first], [chunk.key for chunk in first[:-1]])
    assert sum(len(chunk.entries) for chunk in second) == 39
    assert second[:-1] == first[: len(second) - 1]


def test_a_setting_changed_and_changed_back_gives_the_first_cut(bench: Bench) -> None:
    """By the newest version that was cut by the same settings."""
    first = bench.cut(40)
    other = bench.cut(40, records=8)
    assert other != first and {chunk.generation for chunk in other} == {2}
    assert bench.cut(40) == first


def test_repacked_it_is_cut_as_if_nothing_had_been(bench: Bench) -> None:
    """All in one generation."""
    bench.cut(40)
    bench.cut(50)
    assert bench.cut(50, repack=True) == chunks(listing(50), 4)


def test_nothing_older_than_what_was_repacked_counts(bench: Bench) -> None:
    """A cut from before would mix generations that are no more."""
    bench.cut(40)
    bench.cut(50)
    bench.cut(50, records=8, repack=True)
    assert bench.cut(50) == chunks(listing(50), 4, generation=4)
