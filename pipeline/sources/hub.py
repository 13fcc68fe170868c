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

from pydantic import Field

from pipeline.errors import ConfigError, RunAgain
from pipeline.sources.base import Chunk, Listing, RawItem
from pipeline.sources.hub_client import Hub, RepoFile
from pipeline.sources.network import FETCHED_PLACE, Done, Network, Shelf, Snapshot, Unit, now, open_stored
from pipeline.sources.no_input import others
from pipeline.sources.places import FetchedTables
from pipeline.sources.stored import READ_BY, StoredFiles, shape_of
from pipeline.storage.base import Storage
from stages.crawl import NOT_IN_GLOB, CrawlSettings, extension, matches


class HubSource(StoredFiles):
    """The tables, archives and SVG files of a Hugging Face dataset, by the environment's hub and token."""

    version: ClassVar[int] = 1
    reading: ClassVar[frozenset[str]] = READ_BY

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
            elif shape_of(file.path) is None:
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

    def of_snapshot(self, snapshot: Snapshot, fetched: FetchedTables, workspace: str) -> Listing:
        """With what else the dataset has."""
        listing = super().of_snapshot(snapshot, fetched, workspace)
        listing.no_input.update(snapshot.pins[0]["no_input"])
        return listing

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
        shelf.add(path, shape_of(path) or "", _location(pin), stored, now(), facts)
        return {}

    def items(self, chunk: Chunk, store: Storage, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """The rows of a table, the drawings in an archive, or files, called ``<file>`` or ``<file>/<name in it>``."""
        for path, place in zip(chunk.paths, chunk.places, strict=True):
            facts = dict(place.facts)
            card = {"license": facts["license"] or None, "license_from": "manifest"}
            named = ("dataset", facts["dataset"]), ("commit", facts["commit"])
            with open_stored(store, self.name, place.stored) as stream:
                for item in self.read_stored(stream, path, chunk.shape, limits, no_input):
                    yield replace(
                        item,
                        url=item.url or facts["url"],
                        facts=(*named, *item.facts),
                        fetched=facts["fetched"],
                        **cast(Any, {} if item.license or item.license_digest else card),
                    )


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
