"""The table source: Parquet, Arrow, JSON records and CSV below a folder or an s3:// prefix, or one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.errors import ConfigError
from pipeline.sources.base import Chunk, ChunkLost, Listing, RawItem, Shape, SourceSettings
from pipeline.sources.download import at_url
from pipeline.sources.no_input import others
from pipeline.sources.paths import Found, PathSource
from pipeline.sources.stored import unnamed_columns
from pipeline.storage.base import Entry
from stages import crawl
from stages.crawl import NOT_IN_GLOB, TABLES, CrawlSettings, Preset, TableColumns, extension, matches
from stages.reasons import Reason


class TableSource(PathSource):
    """Tables of drawings: Parquet, Arrow (files, streams, Feather), JSON records (in lines, or in an array), CSV and
    TSV, the texts among them also compressed; below a folder or an s3:// prefix, or one."""

    version: ClassVar[int] = 1

    kind: Literal["table"]
    path: str = Field(
        min_length=1, description="folder, table, s3:// URI or URL; relative to the config file (with --set: to here)"
    )
    glob: str = Field("**/*", min_length=1, description="which tables, relative to path; ** is any number of folders")
    preset: Preset | None = Field(
        None, description="a dataset whose layout is known: which of its columns is what; what columns says wins"
    )
    columns: TableColumns = TableColumns()
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="what is between the cells of CSV; null: a comma, of TSV a tab"
    )
    on_bad_table: Literal["fail", "drop"] = Field(
        "fail",
        description="a damaged table ends the run, or is dropped as one record (bad_archive), also what could be read"
        " of it, since nobody knows what is missing; a row that cannot be read is always just dropped (bad_row)",
    )

    @model_validator(mode="after")
    def _at_url(self) -> Self:
        self.of_network()
        return self

    def of_network(self) -> SourceSettings | None:
        """A table at a URL is fetched first."""
        own = {"preset": self.preset, "columns": self.columns, "delimiter": self.delimiter}
        return at_url(self, self.path, on_bad_file=self.on_bad_table, **own)

    def sort_out(self, found: Found) -> Listing:
        """The tables. Looks into the first, so that a wrong name is told before anything runs."""
        no_input = found.no_input
        tables: list[Entry] = []
        for entry in found.entries:
            if crawl.table_format(entry.path) is None or not found.regular:
                no_input[extension(entry.path)] += 1
            elif not found.alone and not matches(entry.path, self.glob):
                no_input[f"{extension(entry.path)}{NOT_IN_GLOB}"] += 1
            else:
                tables.append(entry)
        if not tables:
            what = "is no table" if found.alone else f"has no table that matches {self.glob!r} ({others(no_input)})"
            raise ConfigError(f"source {self.name}: {found.where} {what}; tables are {TABLES}; correct path or glob")
        reader = found.reader
        assert isinstance(reader, TableSource)
        # it is counted when it is read
        no_input.update(dict.fromkeys(reader.ignored(tables[0].path), 0))
        return Listing(self, tables=tuple(tables), no_input=no_input, reader=reader)

    def ignored(self, path: str) -> list[str]:
        """Which columns of a table are no input. Raises ConfigError if one is missing; damage is for later."""
        try:
            with self.open(path) as stream:
                return unnamed_columns(self.name, stream, path, self.layout, self.delimiter)
        except crawl.ArchiveError:  # it cannot be opened
            return []

    @property
    def layout(self) -> crawl.Layout:
        """Which columns are what."""
        return crawl.table_layout(self.columns, self.preset)

    def reads(self, shape: Shape) -> Mapping[str, Any]:
        """Where the source lies says nothing."""
        names = {"preset", "columns", "delimiter", "on_bad_table"} | (
            {"allow_links_to"} if self.allow_links_to else set()
        )
        return self.model_dump(mode="json", include=names)

    def nothing_read(self, no_input: Mapping[str, int]) -> str:
        """There are tables, but no rows in them."""
        return f"source {self.name}: the tables of {self.path} have no rows ({others(no_input)}); correct path or glob"

    # -- on a worker

    def read(self, chunk: Chunk, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """The rows of a table."""
        (path,) = chunk.paths
        prefix = f"{crawl.display(path)}/" if self.is_folder else ""
        budget = crawl.Budget(path, limits.max_archive_bytes)
        try:
            with self.open(path) as stream:
                yield from crawl.table_rows(
                    stream,
                    path,
                    self.layout,
                    limits.max_bytes,
                    budget,
                    no_input,
                    self.delimiter,
                    prefix,
                    crawl.Names(),
                )
        except crawl.NoColumn as error:
            raise ConfigError(f"source {self.name}: {error}") from None
        except crawl.ArchiveError as error:
            if self.on_bad_table != "drop":
                raise ConfigError(f"source {self.name}: {error}, or set the source's on_bad_table: drop") from None
            raise ChunkLost(path, Reason.BAD_ARCHIVE, error.what) from None
