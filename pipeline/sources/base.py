"""A source is a settings model that lists what there is, on the driver, and reads a part of it, on a worker.

    listing(surroundings) -> Listing     cheap: stable names, and what tells that something behind one has changed
    read(chunk, limits, no_input) -> items   of one chunk of the listing: each record once, with all that came with it

What the network gives is another thing each time, so a source that asks it (`pipeline.sources.network`) is fetched
first, and its listing is of the snapshot that was stored.

Between the two, `pipeline.sources.partitions` cuts the listing into chunks. What a record is called (`RawItem.path`) is
what it is known by in later versions. A kind of source is a class, and one line in `pipeline.sources.kinds`::

    class Gallery(Source):
        kind: Literal["gallery"]
        home: str

        def listing(self, surroundings: Surroundings) -> Listing:
            return Listing(self, files=tuple(Entry(p.name, p.size, p.etag) for p in pictures(self.home)))

        def read(self, chunk: Chunk, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
            for name in chunk.paths:
                picture = get(self.home, name)
                yield RawItem(name, picture.svg, url=picture.url, license=picture.license, author=picture.artist)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from pydantic import Field, field_validator

from pipeline.sources.entries import Entries
from pipeline.sources.no_input import others
from pipeline.sources.places import Place, Places
from pipeline.storage.base import Entry
from pipeline.storage.uri import Access
from stages.base import Settings
from stages.crawl import Caption, CrawlSettings, RawItem
from stages.licenses import NO_LICENSE, UNKNOWN
from stages.licenses.expressions import spdx
from stages.reasons import Reason

__all__ = [
    "Caption",
    "Chunk",
    "ChunkLost",
    "Entry",
    "Listing",
    "Place",
    "RawItem",
    "Reader",
    "Shape",
    "Source",
    "SourceSettings",
    "Surroundings",
]

Shape = Literal["files", "archive", "table", "pages"]
"""What a chunk is: some files, each a record; or one archive, or one table, whose records only reading it tells; or
some pages, each of which may hold any number of records."""


@dataclass(frozen=True)
class Surroundings:
    """Where a run lists its sources from."""

    base: Path
    """The folder that relative paths start from."""
    access: Access = Access()  # noqa: RUF009 - it is frozen
    """How an object store is reached by a path that does not say it itself."""
    workspace: str | None = None
    """The URI of the run's own, which is no input where it lies in a source."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The input of one crawl partition."""

    key: str
    """Unique in its source: the name of the partition."""
    entries: Sequence[Entry]
    """One, but for files and pages. On the driver a stretch of a listing (`Entries`), on a worker a tuple."""
    shape: Shape
    generation: int = 1
    """The version that it was new in; shards never mix generations."""
    places: Sequence[Place] = ()
    """Of each entry where the workspace has it; () for what is read from where it was listed. On the driver they are
    looked up (`pipeline.sources.places.Placed`), on a worker a tuple."""

    @property
    def paths(self) -> tuple[str, ...]:
        """What the entries are called."""
        return tuple(entry.path for entry in self.entries)

    @property
    def size(self) -> int:
        """Bytes of what was listed."""
        return self.entries.size if isinstance(self.entries, Entries) else sum(entry.size for entry in self.entries)


@dataclass(frozen=True)
class Listing:
    """What a source holds, each part sorted by path. A path says the same thing in every run.

    Of files that are too many to be held, a part is `pipeline.sources.entries.Entries`.
    """

    source: SourceSettings
    """As configured."""
    files: Sequence[Entry] = ()
    """Each is a record, and has its path."""
    archives: Sequence[Entry] = ()
    tables: Sequence[Entry] = ()
    """Each of these two is a chunk, and holds any number of records."""
    pages: Sequence[Entry] = ()
    """Each holds any number of records, and some of them are a chunk."""
    no_input: Counter[str] = field(default_factory=Counter)
    """What there is beside that no record is made of: kind -> how many."""
    reader: Reader | None = None
    """What workers read with: the source with its paths made absolute. None: the source itself."""
    places: Places = field(default_factory=Places)
    """Path of an entry -> where the workspace has it, of what the network gave."""
    snapshot: int | None = None
    """The number of the snapshot that this is a listing of; None for what is read where it lies."""

    @property
    def read_with(self) -> Reader:
        """What workers read chunks with."""
        if self.reader is not None:
            return self.reader
        assert isinstance(self.source, Source), "a listing of a snapshot has a reader"
        return self.source

    @property
    def entries(self) -> Iterator[Entry]:
        """All of them."""
        return chain(self.archives, self.tables, self.pages, self.files)


class ChunkLost(Exception):
    """A chunk cannot be read as a whole: none of its records count, and it is itself one that was dropped."""

    def __init__(self, path: str, reason: Reason, detail: str) -> None:
        super().__init__(f"{path}: {reason}: {detail}")
        self.path, self.reason, self.detail = path, reason, detail


class Reader(Protocol):
    """What reads chunks on a worker."""

    def read(self, chunk: Chunk, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """As `Source.read`."""
        ...


class SourceSettings(Settings, ABC):
    """What every source of a config has. A kind adds ``kind: Literal["..."]``, its name in configs, and what it needs.

    A kind is a `Source`, or a `pipeline.sources.network.NetworkSource`.
    """

    version: ClassVar[int] = 1
    """To be raised when reading gives something else for the same input."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="unique; goes into table paths and provenance"
    )
    kind: str
    license: str = Field(
        "NOASSERTION", min_length=1, description="SPDX expression of what does not state its own licence"
    )
    on_missing: Literal["remove", "keep"] = Field(
        "remove", description="what becomes of the samples of files that the source has no more"
    )

    @field_validator("license")
    @classmethod
    def _expression(cls, stated: str) -> str:
        expression = UNKNOWN if stated in NO_LICENSE else spdx(stated)
        if expression is None:
            raise ValueError(
                "is no SPDX expression; write one such as MIT, CC-BY-SA-4.0, MIT OR Apache-2.0, "
                "LicenseRef-Name for one of your own, or NOASSERTION if it is not known"
            )
        return expression

    def of_network(self) -> SourceSettings | None:
        """The source that fetches this one's input first, of class `pipeline.sources.network.NetworkSource`; else None.

        It has the name, the licence and ``on_missing`` of this one.
        """
        return None

    def reads(self, shape: Shape) -> Mapping[str, Any]:
        """The settings that the records of a chunk depend on, as JSON has them; the licence is known without."""
        return self.model_dump(mode="json", exclude={"name", "kind", "license", "on_missing"})

    def nothing_read(self, no_input: Mapping[str, int]) -> str:
        """What to tell the user if no chunk gave a record."""
        return f"source {self.name}: nothing in it can be read ({others(no_input)}); correct its settings"


class Source(SourceSettings):
    """The settings of a source that is read where it lies."""

    @abstractmethod
    def listing(self, surroundings: Surroundings) -> Listing:
        """All that there is to read. Raises ConfigError if it cannot be listed, or there is nothing."""

    @abstractmethod
    def read(self, chunk: Chunk, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """The records of a chunk, always in the same order; of one that cannot be read the reason as its content.

        ``no_input``: counts what no record is made of. Raises ConfigError for what the user has to mend, and ChunkLost,
        also after items were given.
        """
