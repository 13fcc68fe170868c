"""The download source: files at URLs, each a drawing, an archive or a table, fetched once and checked.

A source of kind ``table`` or ``archive`` whose path is a URL is one of these, with one file.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, field_validator, model_validator

from pipeline.errors import ConfigError
from pipeline.sources.base import Chunk, RawItem, SourceSettings
from pipeline.sources.network import Done, Network, Shelf, Snapshot, Unit, now, open_stored
from pipeline.sources.stored import READ_BY, StoredFiles, shape_of
from pipeline.storage.base import Storage
from stages.base import Settings
from stages.crawl import CrawlSettings, Permission, Signal, optouts

SCHEMES = ("http://", "https://")

_AGENT = "svgmill"


class File(Settings):
    """Where a file is, and what it has to be."""

    url: str = Field(min_length=1, max_length=2_000, description="http or https")
    sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="hex digest that it must have; null: what comes is taken"
    )
    name: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="what it is called here, with the ending that says what it is; null: as its URL ends",
    )

    @model_validator(mode="before")
    @classmethod
    def _written_short(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value

    @field_validator("url")
    @classmethod
    def _askable(cls, url: str) -> str:
        if not url.startswith(SCHEMES):
            raise ValueError("must begin with http:// or https://")
        if "@" in urlsplit(url).netloc:
            raise ValueError("must be without user and password, which would be recorded")
        return url

    @property
    def called(self) -> str:
        """Its name here."""
        return self.name or unquote(urlsplit(self.url).path.rstrip("/").rpartition("/")[2])


class DownloadSource(StoredFiles):
    """Files at URLs: drawings, archives, tables (Parquet, Arrow, JSON records, CSV)."""

    version: ClassVar[int] = 1
    reading: ClassVar[frozenset[str]] = READ_BY

    kind: Literal["download"]
    files: tuple[File, ...] = Field(min_length=1, description="each as its URL, or {url, sha256, name}")
    glob: str = Field("**/*", min_length=1, description="which members of archives; ** is any number of folders")
    max_bytes: int = Field(64 * 2**30, ge=1, description="bytes of a file at most")

    @field_validator("files")
    @classmethod
    def _called_apart(cls, files: tuple[File, ...]) -> tuple[File, ...]:
        names = [file.called for file in files]
        for file in files:
            if names.count(file.called) > 1:
                raise ValueError(f"two files are called {file.called!r}; give each a name of its own")
            if shape_of(file.called) is None:
                raise ValueError(
                    f"{file.called!r} says by its ending neither drawing, archive nor table; give it a name"
                )
        return files

    # -- on the driver

    def resolve(self, network: Network, before: Snapshot | None) -> list[Mapping[str, Any]]:
        """Each file, with what its server states of it. Raises ConfigError, RunAgain."""
        known = {_own(pin): pin for pin in before.pins} if before else {}
        pins = []
        for file in sorted(self.files, key=lambda file: file.called):
            own: dict[str, Any] = {"url": file.url, "name": file.called, "sha256": file.sha256 or ""}
            pins.append(known.get(_own(own)) or {**own, **self._stated(file)})
        return pins

    def _stated(self, file: File) -> Mapping[str, Any]:
        from pipeline.sources import http  # and with it urllib3, which most runs do without

        fields = http.stated(f"source {self.name}", file.url)
        size = fields.get("content-length", "")
        # what says nothing that changes with the content is asked for anew with every snapshot
        state = fields.get("etag") or fields.get("last-modified") or f"asked {now()}"
        return {"state": state, "size": int(size) if size.isdigit() else 0}

    def units(self, snapshot: Snapshot, done: Sequence[Done], network: Network) -> list[Unit]:
        """One for each file."""
        return [] if done else [_unit(pin) for pin in snapshot.pins]

    # -- on a worker

    def fetch(self, unit: Unit, shelf: Shelf, network: Network) -> Mapping[str, Any]:
        """Store a file. Raises ConfigError, RunAgain."""
        from pipeline.sources import http

        pin = dict(unit.pin)
        with tempfile.TemporaryFile(prefix="svgmill-") as file:
            fields = http.download(f"source {self.name}", pin["url"], file, self.max_bytes)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if pin["sha256"] not in ("", digest):
                raise ConfigError(
                    f"source {self.name}: {pin['url']} has the sha256 {digest}, not {pin['sha256']}; see which is right"
                )
            file.seek(0)
            stored = shelf.put(file)
        said = optouts.permission(optouts.in_headers(fields.items(), pin["url"], _AGENT))
        signals = json.dumps([[signal.name, signal.place, signal.value] for signal in said.signals])
        facts = ("permission", said.verdict), ("signals", signals)
        shelf.add(pin["name"], shape_of(pin["name"]) or "", pin["url"], stored, now(), facts)
        return {}

    def items(self, chunk: Chunk, store: Storage, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """The rows of a table, the drawings in an archive, or files."""
        for path, place in zip(chunk.paths, chunk.places, strict=True):
            facts = dict(place.facts)
            signals = tuple(Signal(*each) for each in json.loads(facts["signals"]))
            permission = Permission("reserved" if facts["permission"] == "reserved" else "allowed", signals)
            with open_stored(store, self.name, place.stored) as stream:
                for item in self.read_stored(stream, path, chunk.shape, limits, no_input, self.glob):
                    yield replace(item, url=item.url or facts["url"], fetched=facts["fetched"], permission=permission)


def at_url(source: SourceSettings, path: str, **settings: Any) -> DownloadSource | None:
    """What fetches a source whose path is a URL; None for another path. Raises ValueError for a URL that is none."""
    if not path.startswith(SCHEMES):
        return None
    own = {"name": source.name, "kind": "download", "license": source.license, "on_missing": source.on_missing}
    file = File(url=path)
    if shape_of(file.called) is None:
        raise ValueError(f"{path} says by its ending neither table nor archive; use kind download, which can name it")
    return DownloadSource.model_validate({**own, "files": (file,), **settings})


def _own(pin: Mapping[str, Any]) -> tuple[str, str, str]:
    return pin["url"], pin["name"], pin["sha256"]


def _unit(pin: Mapping[str, Any]) -> Unit:
    own = {name: str(pin[name]) for name in ("url", "name", "sha256", "state")}
    key = hashlib.sha256("\0".join(own.values()).encode()).hexdigest()
    return Unit(key[:20], tuple(own.items()), size=pin["size"])
