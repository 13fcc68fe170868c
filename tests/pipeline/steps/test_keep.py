"""What ``on_missing: keep`` finds by columns is what it found in memory: tasks have the fingerprints that they had."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.sources import partitions
from pipeline.sources.base import Chunk, Listing
from pipeline.sources.partitions import chunks, compared, layout_batches, read_layout
from pipeline.steps.keep import KEEP, Before, Gone, KeepPayload, KeepSettings, keep_task
from pipeline.storage.base import Entry
from pipeline.storage.tables import Output
from pipeline.versions.manifest import Kept
from pipeline.work.ledger import Record
from pipeline.work.task import Task, planned
from stages import crawl
from stages.crawl.records import LETS_ALL_IN
from tests.pipeline.sources.test_cut import PATHS, SOURCE, listing_of, stored
from tests.pipeline.sources.test_entries import few_rows

KEPT = Kept(
    source="s",
    key="kept-1",
    path="kept/s/kept-1.parquet",
    sha256="",
    bytes=1,
    rows=3,
    row_groups=(3,),
    generation=1,
    license=SOURCE.license,
)


def kept_in_memory(
    before: Before, listing: Listing, cut: Sequence[Chunk], crawled: Sequence[Record]
) -> Task[KeepPayload] | None:
    """`keep_task`, as it was before paths were in columns."""
    source = listing.source
    there = {entry.path for entry in listing.entries}
    known = {entry.path: chunk.key for chunk in before.chunks for entry in chunk.entries}
    now = {
        path: record
        for chunk, record in zip(cut, crawled, strict=True)
        if chunk.shape != "files"
        for path in chunk.paths
    }
    gone: list[Gone] = []
    fresh = [
        record
        for chunk, record in zip(cut, crawled, strict=True)
        if chunk.shape != "files"
        and any(before.raw.get(known.get(path, "")) != record.outputs["kept"].path for path in chunk.paths)
    ]
    for chunk in before.chunks:
        missing = [path for path in chunk.paths if path not in there]
        changed = chunk.shape != "files" and not missing and any(now[path] in fresh for path in chunk.paths)
        if not missing and not changed:
            continue
        if chunk.key not in before.raw:
            raise ConfigError(
                f"source {source.name}: {(missing or chunk.paths)[0]} has changed or is gone, and so is "
                "the table that held what it was; bring it back, or set on_missing: remove"
            )
        names = None if chunk.shape != "files" else tuple(crawl.display(path) for path in missing)
        gone.append(Gone(raw=before.raw[chunk.key], paths=names))
    new = [crawl.display(entry.path) for entry in listing.files if entry.path not in known] if before.kept else []
    if not gone and not (before.kept and (new or fresh)):
        return None
    settings = KeepSettings(
        kept=tuple(before.kept),
        gone=tuple(gone),
        fresh=tuple(record.outputs["kept"].path for record in fresh),
        lost=tuple(record.outputs["dropped"].path for record in fresh if "dropped" in record.outputs),
        files=tuple(new),
        license=source.license,
        policy=LETS_ALL_IN,
        version=2,
        takedowns=(),
        marks=(),
        rows=100,
    )
    versions, count = {"crawl": crawl.VERSION}, sum(kept.rows for kept in before.kept)
    return planned(KEEP, source.name, "kept", KeepPayload(settings), versions, (), count)


def kept_now(before: Before, cut: Sequence[Chunk], crawled: Sequence[Record]) -> Task[KeepPayload] | None:
    """The same of `keep_task`."""
    return keep_task(before, SOURCE, cut, crawled, 2, (), (), 100, LETS_ALL_IN)


def crawled_of(chunk: Chunk, table: str, drops: bool = False) -> Record:
    """The record of a chunk that came to ``table``."""
    outputs = {"kept": Output(table, "", 1, 1)} | ({"dropped": Output(f"{table}.dropped", "", 1, 1)} if drops else {})
    return Record("crawl", "s", chunk.key, chunk.shape, {}, {}, "", outputs, 1, 1)


@given(
    st.lists(PATHS, min_size=2, max_size=4),
    st.sampled_from((1, 2, 5, 1_000)),
    st.sampled_from((1, 2, 5, 1_000)),
    st.sampled_from((1, 4, 1_000)),
    st.data(),
)
def test_kept_as_in_memory(
    history: list[dict[str, tuple[str, int]]], records: int, now: int, block: int, data: st.DataObject
) -> None:
    """Whatever came, went or changed, also in another cut: what is gone, back and new is what it always was."""
    with few_rows(block), pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitions, "_ROWS", 2 * block)
        previous: list[Chunk] = []
        for number, paths in enumerate(history[:-1]):
            previous = chunks(listing_of(paths), records, previous, number + 1)
        previous = read_layout(layout_batches(io.BytesIO(stored({"s": previous})))).get("s", [])
        shapes = {entry.path: chunk.shape for chunk in previous for entry in chunk.entries}
        # what was no loose file and is one is a test of its own
        last = {p: what for p, what in history[-1].items() if what[0] != "files" or shapes.get(p, "files") == "files"}
        listing = listing_of(last)
        cut = chunks(listing, now, previous if now == records else (), len(history))
        choices = st.sampled_from(("same", "same", "same", "changed", "dropped"))
        crawled = [
            crawled_of(
                chunk, chunk.key if (how := data.draw(choices)) == "same" else f"{chunk.key} anew", how == "dropped"
            )
            for chunk in cut
        ]
        raw = {chunk.key: chunk.key for chunk in previous if data.draw(st.integers(0, 19))}
        before = Before(previous, raw, data.draw(st.sampled_from(((), (KEPT,)))))
        try:
            task = kept_in_memory(before, listing, cut, crawled)
        except ConfigError as error:
            with pytest.raises(ConfigError) as raised:
                kept_now(before, cut, crawled)
            assert str(raised.value) == str(error)
            return
        assert kept_now(before, cut, crawled) == task


@given(PATHS, PATHS, st.sampled_from((1, 3, 1_000)), st.sampled_from((1, 4, 1_000)))
def test_chunks_compared(
    ours: dict[str, tuple[str, int]], theirs: dict[str, tuple[str, int]], records: int, block: int
) -> None:
    """Of each chunk its paths that others lack, in its order, and which of those have the rest."""
    with few_rows(block), pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitions, "_ROWS", 2 * block)
        own, others = chunks(listing_of(ours), records), chunks(listing_of(theirs), 2 * records)
        holds = {path: number for number, chunk in enumerate(others) for path in chunk.paths}
        assert list(compared(own, others)) == [
            (
                [path for path in chunk.paths if path not in holds],
                sorted({holds[path] for path in chunk.paths if path in holds}),
            )
            for chunk in own
        ]


def test_a_page_that_became_a_file() -> None:
    """What a page held is gone where a loose file is called as it was, and its records are kept."""
    page = Chunk("p", (Entry("a", 0, ""),), "pages")
    file = Chunk("f", (Entry("a", 1, ""),), "files", 2)
    task = kept_now(Before([page], {"p": "raw"}, ()), [file], [crawled_of(file, "new")])
    assert task is not None
    assert task.payload.settings.gone == (Gone(raw="raw", paths=None),)
