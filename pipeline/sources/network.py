"""Sources that ask a network: what it gave is stored once, with when and from where, and read from there ever after.

A *snapshot* of a source is what one fetch of it came to. It is whole or it is not used; the newest whole one is read by
every run until the user asks for another (``--refresh``). Fetching is cut into *units*, each a task of the step
``fetch`` that stores what came and ends in a table of `FETCHED`::

    units(snapshot, done, network)  on the driver: what is to be fetched next; [] once the snapshot is whole
    fetch(unit, shelf, network)     on a worker: asks, and puts what came on the shelf
    items(chunk, store, ...)        on a worker, in the step ``crawl``: reads what was stored; asks nobody

What a unit asks for is pinned (a version of a package, a commit), so that its result is used by every snapshot that
pins the same, and a killed fetch asks only for what it has not.
"""

from __future__ import annotations

import hashlib
import json
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO, ClassVar, get_args

import pyarrow as pa
from pydantic import Field

from pipeline.errors import ConfigError, Damaged
from pipeline.sources.base import Chunk, Entry, Listing, RawItem, Shape, SourceSettings
from pipeline.sources.entries import Spool
from pipeline.sources.places import FetchedTables, PlacesSpool
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.open import open_storage
from stages.crawl import CrawlSettings

FETCHED_PLACE = "fetched/"
"""Where a workspace has what the network gave: ``fetched/<source>/<sha256>``, and packs of responses beside."""

FETCH_STAGE = "fetch"
"""The name of the step that fetches."""

FETCHED = pa.schema(
    [
        ("path", pa.string()),  # what the source's listing calls it; "" for what only others need (a style sheet)
        ("shape", pa.string()),  # `pipeline.sources.base.Shape`; "" for what is no input of its own
        ("url", pa.string()),  # what was asked for
        ("stored", pa.string()),  # path of the object in the workspace; "" if nothing came
        ("row", pa.int32()),  # of it, if it is a table of responses, else -1
        ("sha256", pa.string()),  # of the content
        ("size", pa.int64()),  # bytes of the content
        ("fetched", pa.string()),  # when, UTC, as 2026-01-31T00:00:00Z
        # a fact "count" says of how many things that are no input the row is
        ("facts", pa.list_(pa.struct([("name", pa.string()), ("text", pa.string())]))),
        ("beside", pa.list_(pa.string())),  # URLs of others that reading it takes
    ]
)
"""What a unit ends in: one row for each thing that came, and for each that did not, sorted by url and path."""


@dataclass(frozen=True)
class Unit:
    """One task of a fetch. ``key`` is unique among all units of a source that pin something else."""

    key: str
    pin: tuple[tuple[str, str], ...]
    """What is asked for, exactly, as it is recorded: a package's version with its digest, a commit, some hosts."""
    inputs: tuple[tuple[str, str], ...] = ()
    """(path, digest) of what earlier units stored that this one reads."""
    size: int = 0
    """Bytes, as far as is known."""


@dataclass(frozen=True)
class Done:
    """A unit that was fetched."""

    unit: Unit
    rows: int
    table: str
    """Path of its `FETCHED` table."""
    sha256: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What its fetch returned, as JSON: small."""


@dataclass(frozen=True)
class Network:
    """How the network is reached."""

    workspace: str
    """URI of the workspace."""
    base: str
    """The folder that relative paths of the config start from."""


@dataclass
class Shelf:
    """Where a unit puts what came."""

    storage: Storage
    source: str
    rows: list[dict[str, Any]] = field(default_factory=list)

    def put(self, content: IO[bytes]) -> tuple[str, str, int]:
        """Store a file under its digest: its path in the workspace, hex sha256, bytes. ``content``: seekable."""
        sum_of = hashlib.sha256()
        while part := content.read(2**20):
            sum_of.update(part)
        digest, size = sum_of.hexdigest(), content.tell()
        content.seek(0)
        path = f"{FETCHED_PLACE}{self.source}/{digest}"
        if not self.storage.exists(path):
            with self.storage.writer(path) as stream:
                while part := content.read(2**20):
                    stream.write(part)
        return path, digest, size

    def add(
        self,
        path: str,
        shape: Shape | str,
        url: str,
        stored: tuple[str, str, int],
        fetched: str,
        facts: Sequence[tuple[str, str]] = (),
        row: int = -1,
        beside: Sequence[str] = (),
    ) -> None:
        """Note one thing that came. ``stored``: as `put` gives it; ("", "", 0) for nothing."""
        place, digest, size = stored
        named = [{"name": name, "text": text} for name, text in facts]
        self.rows.append(
            {"path": path, "shape": shape, "url": url, "stored": place, "row": row, "sha256": digest, "size": size}
            | {"fetched": fetched, "facts": named, "beside": list(beside)}
        )


@dataclass(frozen=True)
class Snapshot:
    """One fetch of a source. ``number``: from 1 up. ``pins``: what `NetworkSource.resolve` gave, as JSON."""

    source: str
    number: int
    settings: Mapping[str, Any]
    pins: tuple[Mapping[str, Any], ...]
    began: str
    """UTC, as 2026-01-31T00:00:00Z."""
    earlier: tuple[tuple[str, str], ...] = ()
    """(path, sha256) of the `FETCHED` tables of the snapshot before, to ask only for what has changed since."""


class NetworkSource(SourceSettings):
    """The settings of a source that has to be fetched."""

    reading: ClassVar[frozenset[str]] = frozenset()
    """Names of the settings that what is stored is read by; all others decide what is fetched."""

    snapshot: int | None = Field(
        None, ge=1, description="which snapshot is read, by its number; null: the newest that these settings gave"
    )

    @abstractmethod
    def resolve(self, network: Network, before: Snapshot | None) -> list[Mapping[str, Any]]:
        """Ask what there is, and pin it: what a new snapshot is of, as JSON, in a fixed order.

        ``before``: the newest snapshot, whose pins hold on as far as the settings still ask for them; None where there
        is none, or the user wants all to be asked anew. On the driver. Raises ConfigError if it cannot be had.
        """

    @abstractmethod
    def units(self, snapshot: Snapshot, done: Sequence[Done], network: Network) -> list[Unit]:
        """What is to be fetched next, given what has been; [] once that is all."""

    @abstractmethod
    def fetch(self, unit: Unit, shelf: Shelf, network: Network) -> Mapping[str, Any]:
        """Fetch a unit, and say what the driver has to know of it. On a worker. Raises ConfigError."""

    @abstractmethod
    def items(self, chunk: Chunk, store: Storage, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """As `Source.read`, out of what ``store``, the workspace, has at the chunk's places."""

    def of_network(self) -> NetworkSource:
        """Itself."""
        return self

    def asks(self) -> Mapping[str, Any]:
        """The settings that decide what is fetched, as JSON has them."""
        return self.model_dump(mode="json", exclude={*_OF_ALL, *self.reading})

    def reads(self, shape: Shape) -> Mapping[str, Any]:
        """Those that `items` reads by."""
        return self.model_dump(mode="json", include=set(self.reading))

    def of_snapshot(self, snapshot: Snapshot, fetched: FetchedTables, workspace: str) -> Listing:
        """The listing of what was fetched. Raises ConfigError if there is nothing in it."""
        entries = {shape: Spool() for shape in get_args(Shape)}
        spool = PlacesSpool()
        no_input: Counter[str] = Counter()
        for row, place in fetched.rows():
            if row["shape"]:
                spool.add(row["path"], place)
                # where it is stored says nothing
                depends = [place.sha256, place.facts, [[url, each.sha256] for url, each in place.beside]]
                etag = hashlib.sha256(json.dumps(depends).encode()).hexdigest()
                entries[row["shape"]].add(Entry(row["path"], row["size"], etag))
            elif row["path"]:
                no_input[row["path"]] += next((int(f["text"]) for f in row["facts"] if f["name"] == "count"), 1)
        places = spool.finish(fetched.beside)
        if not places:
            raise ConfigError(self.nothing_read(no_input))
        files, archives, tables, pages = (entries[s].finish() for s in ("files", "archive", "table", "pages"))
        reader = SnapshotReader(self, workspace)
        return Listing(self, files, archives, tables, pages, no_input, reader, places, snapshot.number)


@dataclass(frozen=True)
class SnapshotReader:
    """Reads chunks of a source out of the workspace."""

    source: NetworkSource
    workspace: str

    def read(self, chunk: Chunk, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """As `Source.read`."""
        return self.source.items(chunk, open_storage(self.workspace), limits, no_input)


def network_of(source: SourceSettings) -> NetworkSource | None:
    """What fetches a source's input, if the network has it."""
    network = source.of_network()
    assert network is None or isinstance(network, NetworkSource)
    return network


def open_stored(store: Storage, source: str, path: str) -> BinaryIO:
    """What the network gave, as it is stored. Raises Damaged if it is gone."""
    try:
        return store.open(path)
    except NotFound:
        raise Damaged(f"{store.locate(path)} is gone; fetch the source again with --refresh {source}") from None


def now() -> str:
    """The time, UTC, as 2026-01-31T00:00:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


CONTENT = "content"
"""The column of packs that a purge leaves nothing in, for rows that hold what was taken down."""

_OF_ALL = ("name", "kind", "license", "on_missing", "snapshot")
"""Settings that every source has, and that say nothing of what is asked for."""
