"""The archive source, and what other sources that may hold archives share with it.

An archive is read where it lies, each as a chunk of its own. Files beside archives are no input: a source of kind
``folder`` reads both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.errors import ConfigError
from pipeline.sources.base import Chunk, ChunkLost, Listing, RawItem, Shape, SourceSettings
from pipeline.sources.download import at_url
from pipeline.sources.no_input import others
from pipeline.sources.paths import Found, PathSource
from stages import crawl
from stages.crawl import ARCHIVES, NOT_IN_GLOB, Columns, CrawlSettings, extension, kind_of, matches, reaches
from stages.reasons import Reason


class ArchiveReader(PathSource):
    """The settings of a source that may hold archives."""

    on_bad_archive: Literal["fail", "drop"] = Field(
        "fail",
        description="a damaged archive ends the run, or is dropped as one record (bad_archive), also what could be read"
        " of it, since nobody knows what is missing",
    )
    license_texts: bool = Field(
        True,
        description="whether what lies in an archive says the licence of its members: licence texts, REUSE's and"
        " Debian's copyright files, package.json",
    )

    def reading(
        self, no_input: Counter[str], column: str | None = None, columns: Columns | None = None
    ) -> crawl.Reading:
        """How its archives are read."""
        return crawl.Reading(
            column=column,
            columns=columns or Columns(),
            drop_bad=self.on_bad_archive == "drop",
            licenses=self.license_texts,
            no_input=no_input,
        )

    def members(self, path: str, limits: CrawlSettings, reading: crawl.Reading) -> Iterator[RawItem]:
        """The drawings in an archive. Raises NoColumn, and for damage ChunkLost or ConfigError, by the settings."""
        prefix = f"{crawl.display(path)}/" if self.is_folder else ""
        whole = self.is_folder and matches(path, self.glob)

        def select(name: str) -> bool:
            return whole or matches(prefix + name, self.glob)

        try:
            with self.open(path) as stream:
                for item in crawl.members(stream, path, limits, select, reading):
                    yield replace(item, path=prefix + item.path)
        except crawl.NoColumn:
            raise
        except crawl.ArchiveError as error:
            if self.on_bad_archive != "drop":
                raise ConfigError(f"source {self.name}: {error}, or set the source's on_bad_archive: drop") from None
            raise ChunkLost(path, Reason.BAD_ARCHIVE, error.what) from None


class ArchiveSource(ArchiveReader):
    """Archives (zip, 7z, deb, tar, compressed or not) below a folder or an s3:// prefix, or one of them."""

    version: ClassVar[int] = 1

    kind: Literal["archive"]
    path: str = Field(
        min_length=1,
        description="archive, folder of archives, s3:// URI or URL; relative to the config file (with --set: to here)",
    )
    glob: str = Field(
        "**/*",
        min_length=1,
        description="which archives and members of archives, relative to path; ** is any number of folders",
    )

    @model_validator(mode="after")
    def _at_url(self) -> Self:
        self.of_network()
        return self

    def of_network(self) -> SourceSettings | None:
        """An archive at a URL is fetched first."""
        own = {"glob": self.glob, "license_texts": self.license_texts}
        return at_url(self, self.path, on_bad_file=self.on_bad_archive, **own)

    def sort_out(self, found: Found) -> Listing:
        """The archives of what there is; another file is an error if it is alone, else counted."""
        archives, no_input = [], found.no_input
        for entry in found.entries:
            if kind_of(entry.path) != "archive" or entry.path.lower().endswith(".parquet"):
                no_input[extension(entry.path)] += 1
            elif found.alone or reaches(entry.path, self.glob) or matches(entry.path, self.glob):
                archives.append(entry)
            else:
                no_input[f"{extension(entry.path)}{NOT_IN_GLOB}"] += 1
        if not archives or not found.regular:
            what = "is no archive" if found.alone else f"has no archive that matches {self.glob!r} ({others(no_input)})"
            raise ConfigError(
                f"source {self.name}: {found.where} {what}; archives are {_ARCHIVES}: correct path or glob"
            )
        return Listing(self, archives=tuple(archives), no_input=no_input, reader=found.reader)

    def reads(self, shape: Shape) -> Mapping[str, Any]:
        """Where the source lies says nothing."""
        names = {"glob", "on_bad_archive", "license_texts"} | ({"allow_links_to"} if self.allow_links_to else set())
        return self.model_dump(mode="json", include=names)

    def nothing_read(self, no_input: Mapping[str, int]) -> str:
        """What there is instead of drawings."""
        return (
            f"source {self.name}: no .svg or .svgz in the archives of {self.path} matches {self.glob!r} "
            f"({others(no_input)}); correct path or glob"
        )

    def read(self, chunk: Chunk, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """The members of an archive; Parquet files in it are read by the usual names of columns."""
        (path,) = chunk.paths
        yield from self.members(path, limits, self.reading(no_input))


_ARCHIVES = ARCHIVES.removesuffix(", parquet")
