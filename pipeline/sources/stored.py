"""Files that a source has in the workspace, read by what they are: drawings, archives, tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, Literal

from pydantic import Field

from pipeline.errors import ConfigError
from pipeline.sources.base import ChunkLost, Listing, RawItem, Shape
from pipeline.sources.network import NetworkSource, Snapshot, open_stored
from pipeline.sources.places import FetchedTables
from pipeline.storage.open import open_storage
from stages import crawl
from stages.crawl import CrawlSettings, Preset, TableColumns, kind_of, matches
from stages.reasons import Reason

READ_BY = frozenset({"glob", "preset", "columns", "delimiter", "on_bad_file", "license_texts"})
"""Settings of `StoredFiles` that say how what is stored is read."""


class StoredFiles(NetworkSource):
    """The settings of a source of the network that fetches files as they are."""

    preset: Preset | None = Field(
        None, description="a dataset whose layout is known: which of its columns is what; what columns says wins"
    )
    columns: TableColumns = TableColumns()
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="what is between the cells of CSV; null: a comma, of TSV a tab"
    )
    on_bad_file: Literal["fail", "drop"] = Field(
        "fail",
        description="a damaged table or archive ends the run, or is dropped as one record (bad_archive), also what"
        " could be read of it, since nobody knows what is missing",
    )
    license_texts: bool = Field(
        True,
        description="whether what lies in an archive says the licence of its members: licence texts, REUSE's and"
        " Debian's copyright files, package.json",
    )

    def of_snapshot(self, snapshot: Snapshot, fetched: FetchedTables, workspace: str) -> Listing:
        """As `NetworkSource.of_snapshot`. Looks into the first table, so that a wrong column is told at once."""
        listing = super().of_snapshot(snapshot, fetched, workspace)
        if listing.tables:
            path = listing.tables[0].path
            with open_stored(open_storage(workspace), self.name, listing.places[path].stored) as stream:
                # what it has that nobody named is counted when it is read
                listing.no_input.update(
                    dict.fromkeys(unnamed_columns(self.name, stream, path, self.layout, self.delimiter), 0)
                )
        return listing

    @property
    def layout(self) -> crawl.Layout:
        """Which columns of tables are what."""
        return crawl.table_layout(self.columns, self.preset)

    def read_stored(
        self,
        stream: BinaryIO,
        path: str,
        shape: Shape,
        limits: CrawlSettings,
        no_input: Counter[str],
        glob: str = "**/*",
    ) -> Iterator[RawItem]:
        """The rows of a table, the members of an archive, called ``<path>/<name in it>``, or a file, called ``path``.

        ``glob``: which members, relative to the archive. Raises ConfigError or ChunkLost for damage, by the settings.
        """
        if shape == "files":
            content = stream.read(limits.max_bytes + 1)
            lost = Reason.TOO_LARGE, f"over {limits.max_bytes} bytes"
            yield RawItem(path, content if len(content) <= limits.max_bytes else lost)
            return
        prefix = f"{crawl.display(path)}/"
        try:
            if shape == "table":
                budget, names = crawl.Budget(path, limits.max_archive_bytes), crawl.Names()
                yield from crawl.table_rows(
                    stream, path, self.layout, limits.max_bytes, budget, no_input, self.delimiter, prefix, names
                )
                return
            reading = crawl.Reading(drop_bad=self.on_bad_file == "drop", licenses=self.license_texts, no_input=no_input)
            for item in crawl.members(stream, path, limits, lambda name: matches(name, glob), reading):
                yield replace(item, path=prefix + item.path)
        except crawl.NoColumn as error:
            raise ConfigError(f"source {self.name}: {error}") from None
        except crawl.ArchiveError as error:
            if self.on_bad_file != "drop":
                raise ConfigError(f"source {self.name}: {error}, or set the source's on_bad_file: drop") from None
            raise ChunkLost(path, Reason.BAD_ARCHIVE, error.what) from None


def unnamed_columns(source: str, stream: BinaryIO, path: str, layout: crawl.Layout, delimiter: str | None) -> list[str]:
    """Which columns of a table are no input. Raises ConfigError if one is missing; damage is for who reads it."""
    try:
        return crawl.table_columns(stream, path, layout, CrawlSettings().max_bytes, delimiter)
    except crawl.NoColumn as error:
        raise ConfigError(f"source {source}: {error}") from None
    except crawl.ArchiveError:
        return []


def shape_of(path: str) -> Shape | None:
    """What a file of that name is read as; None if it is no input."""
    if crawl.table_format(path) is not None:
        return "table"
    kind = kind_of(path)
    return "files" if kind == "svg" else kind
