"""The hub source: the tables and archives of a Hugging Face dataset, as they were at one commit.

The revision is resolved to a commit when a snapshot begins, and the files of that commit are listed with their digests.
Each file is fetched, checked against its digest, and stored under it; a file that did not change since an earlier
snapshot is not fetched again. Which hub is asked, and with which token, is the user's environment: ``HF_ENDPOINT``,
``HF_TOKEN``, or what ``hf auth login`` has left.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal, cast

import pyarrow as pa
from pydantic import Field

from pipeline.errors import ConfigError, RunAgain
from pipeline.sources import programs
from pipeline.sources.base import Chunk, ChunkLost, Listing, RawItem, Shape
from pipeline.sources.hub_client import Hub, RepoFile
from pipeline.sources.network import FETCHED_PLACE, Done, Network, NetworkSource, Shelf, Snapshot, Unit, open_stored
from pipeline.sources.no_input import others
from pipeline.storage.base import Storage
from pipeline.storage.open import open_storage
from stages import crawl
from stages.crawl import NOT_IN_GLOB, CrawlSettings, Preset, TableColumns, extension, kind_of, matches
from stages.reasons import Reason


class HubSource(NetworkSource):
    """The tables, archives and SVG files of a Hugging Face dataset, by the environment's hub and token."""

    version: ClassVar[int] = 1
    reading: ClassVar[frozenset[str]] = frozenset({"preset", "columns", "delimiter", "on_bad_file"})

    kind: Literal["hub"]
    dataset: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$",
        max_length=200,
        description="as the hub has it, owner/name",
    )
    revision: str = Field(
        "main",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$",
        max_length=200,
        description="a branch, a tag or a commit; it is resolved once, until --refresh",
    )
    files: tuple[str, ...] = Field(
        ("**/*",), min_length=1, description="globs of the files that are wanted; ** is any number of folders"
    )
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

    # -- on the driver

    def resolve(self, network: Network, before: Snapshot | None) -> list[Mapping[str, Any]]:
        """The commit, with the licence that its card states, and its wanted files. Raises ConfigError, RunAgain."""
        old = before.pins[0] if before else {}
        kept = (old.get("dataset"), old.get("revision")) == (self.dataset, self.revision)
        hub = Hub(self.name, self.dataset)
        commit, license = hub.card(old["commit"] if kept else self.revision)
        wanted, no_input = self._wanted(hub.files(commit))
        if not wanted:
            raise ConfigError(
                f"source {self.name}: no table, archive or .svg of {self.dataset} matches {', '.join(self.files)} "
                f"({others(no_input)}); correct files"
            )
        head = {"dataset": self.dataset, "revision": self.revision, "commit": commit, "license": license}
        return [head | {"no_input": dict(sorted(no_input.items()))}, *(vars(file) for file in sorted(wanted))]

    def _wanted(self, files: Iterable[RepoFile]) -> tuple[list[RepoFile], Counter[str]]:
        wanted: list[RepoFile] = []
        no_input: Counter[str] = Counter()
        for file in files:
            if not any(matches(file.path, glob) for glob in self.files):
                no_input[f"{extension(file.path)}{NOT_IN_GLOB}"] += 1
            elif _shape(file.path) is None:
                no_input[extension(file.path)] += 1
            else:
                wanted.append(file)
        return wanted, no_input

    def units(self, snapshot: Snapshot, done: Sequence[Done], network: Network) -> list[Unit]:
        """One for each file."""
        if done:
            return []
        head, *files = snapshot.pins
        return [_unit(head, file) for file in files]

    def of_snapshot(self, snapshot: Snapshot, tables: Sequence[pa.Table], workspace: str) -> Listing:
        """With what else the dataset has. Looks into the first table, so that a wrong column is told at once."""
        listing = super().of_snapshot(snapshot, tables, workspace)
        no_input = listing.no_input + Counter(snapshot.pins[0]["no_input"])
        if listing.tables:
            path = listing.tables[0].path
            with open_stored(open_storage(workspace), self.name, listing.places[path].stored) as stream:
                # what it has that nobody named is counted when it is read
                no_input.update(dict.fromkeys(self._ignored(stream, path), 0))
        return replace(listing, no_input=no_input)

    def _ignored(self, stream: BinaryIO, path: str) -> list[str]:
        """Which columns of a table are no input; damage is for later."""
        try:
            return crawl.table_columns(stream, path, self._layout, CrawlSettings().max_bytes, self.delimiter)
        except crawl.NoColumn as error:
            raise ConfigError(f"source {self.name}: {error}") from None
        except crawl.ArchiveError:
            return []

    @property
    def _layout(self) -> crawl.Layout:
        return crawl.table_layout(self.columns, self.preset)

    # -- on a worker

    def fetch(self, unit: Unit, shelf: Shelf, network: Network) -> Mapping[str, Any]:
        """Store a file, unless it is there from before. Raises ConfigError, RunAgain."""
        pin = dict(unit.pin)
        path, digest = pin["path"], pin["digest"]
        here = f"{FETCHED_PLACE}{self.name}/{digest}"
        if len(digest) == 64 and shelf.storage.exists(here):
            stored = here, digest, unit.size
        else:
            hub = Hub(self.name, self.dataset)
            with (
                tempfile.TemporaryDirectory(prefix="svgmill-hub-") as folder,
                hub.download(path, pin["commit"], Path(folder)).open("rb") as file,
            ):
                if not _is_intact(file, digest):
                    raise RunAgain(
                        f"source {self.name}: what came for {path} of {self.dataset} is not what the hub states "
                        f"({digest[:12]}…); run again"
                    )
                stored = shelf.put(file)
        facts = [("dataset", pin["dataset"]), ("commit", pin["commit"]), ("license", pin["license"])]
        shelf.add(path, _shape(path) or "", _location(pin), stored, programs.now(), facts)
        return {}

    def items(self, chunk: Chunk, store: Storage, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """The rows of a table, the drawings in an archive, or files, called ``<file>`` or ``<file>/<name in it>``."""
        for path, place in zip(chunk.paths, chunk.places, strict=True):
            facts = dict(place.facts)
            card = {"license": facts["license"] or None, "license_from": "manifest"}
            named = ("dataset", facts["dataset"]), ("commit", facts["commit"])
            with open_stored(store, self.name, place.stored) as stream:
                for item in self._read(stream, path, chunk.shape, limits, no_input):
                    yield replace(
                        item,
                        url=item.url or facts["url"],
                        facts=(*named, *item.facts),
                        fetched=facts["fetched"],
                        **cast(Any, {} if item.license or item.license_digest else card),
                    )

    def _read(
        self, stream: BinaryIO, path: str, shape: Shape, limits: CrawlSettings, no_input: Counter[str]
    ) -> Iterator[RawItem]:
        if shape == "files":
            content = stream.read(limits.max_bytes + 1)
            lost = Reason.TOO_LARGE, f"over {limits.max_bytes} bytes"
            yield RawItem(path, content if len(content) <= limits.max_bytes else lost)
            return
        try:
            if shape == "table":
                budget, names = crawl.Budget(path, limits.max_archive_bytes), crawl.Names()
                prefix = f"{crawl.display(path)}/"
                yield from crawl.table_rows(
                    stream, path, self._layout, limits.max_bytes, budget, no_input, self.delimiter, prefix, names
                )
            else:
                reading = crawl.Reading(drop_bad=self.on_bad_file == "drop", licenses=True, no_input=no_input)
                for item in crawl.members(stream, path, limits, lambda name: True, reading):
                    yield replace(item, path=f"{crawl.display(path)}/{item.path}")
        except crawl.NoColumn as error:
            raise ConfigError(f"source {self.name}: {error}") from None
        except crawl.ArchiveError as error:
            if self.on_bad_file != "drop":
                raise ConfigError(f"source {self.name}: {error}, or set the source's on_bad_file: drop") from None
            raise ChunkLost(path, Reason.BAD_ARCHIVE, error.what) from None


def _shape(path: str) -> Shape | None:
    """What a file of a dataset is read as; None if it is no input."""
    if crawl.table_format(path) is not None:
        return "table"
    kind = kind_of(path)
    return "files" if kind == "svg" else kind


def _unit(head: Mapping[str, Any], file: Mapping[str, Any]) -> Unit:
    pin = {name: head[name] for name in ("dataset", "commit", "license")} | {
        name: file[name] for name in ("path", "digest")
    }
    path = hashlib.sha256(file["path"].encode()).hexdigest()
    return Unit(f"{head['commit'][:12]}-{path[:16]}", tuple(pin.items()), size=file["size"])


def _location(pin: Mapping[str, str]) -> str:
    """As the hub's own file system writes it; no server is named."""
    return f"hf://datasets/{pin['dataset']}@{pin['commit']}/{pin['path']}"


def _is_intact(file: BinaryIO, digest: str) -> bool:
    """Whether a file has a sha256, or a git blob's id; it is at its start then."""
    size = file.seek(0, 2)
    file.seek(0)
    sum_of = hashlib.sha256() if len(digest) == 64 else hashlib.sha1(f"blob {size}\0".encode())
    while part := file.read(2**20):
        sum_of.update(part)
    file.seek(0)
    return sum_of.hexdigest() == digest
