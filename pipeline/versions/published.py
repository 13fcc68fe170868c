"""What a version is: a manifest that names immutable shards, published in one exclusive write.

`versions/<n>/manifest.json` is the version; everything else under `versions/<n>/` (report, card) is made from it and
can be made again. Numbers count up from 1. Publishing fails, and changes nothing, if another publisher took the number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

from pipeline.errors import ConfigError, Damaged, Overtaken, UnknownOutcome
from pipeline.storage.base import AlreadyExists, NotFound, Storage

MANIFEST_VERSION = 2


@dataclass(frozen=True)
class Funnel:
    """Where every input record ended; ``input`` equals the sum of the rest."""

    input: int
    kept: int
    duplicate: int
    rejected: Mapping[str, int]
    quarantined: Mapping[str, int]

    @property
    def balanced(self) -> bool:
        """Whether each record is counted exactly once."""
        return self.input == self.kept + self.duplicate + sum(self.rejected.values()) + sum(self.quarantined.values())


@dataclass(frozen=True)
class Manifest:
    """One version of the dataset. ``created_by`` holds names and numbers only: no clock, no host, no path."""

    version: int
    parent: int | None
    created_by: Mapping[str, Any]
    config: Mapping[str, Any]
    fingerprints: Mapping[str, str]
    """Stage -> digest over its partitions' fingerprints (of crawl: over its outputs)."""
    funnel: Funnel
    stages: Sequence[Mapping[str, Any]]
    """In order: {stage, in, kept, dropped: {reason: n}}."""
    sources: Sequence[Mapping[str, Any]]
    """In order: {source, license, input, kept, duplicate, rejected, quarantined}."""
    duplicates: Mapping[str, int]
    """Reason -> records, for the funnel's duplicates."""
    shards: Sequence[Mapping[str, Any]]
    """{path, format, sha256, bytes, rows, tier, split, atomic_tokens, segment_tokens, ids}, sorted by path."""
    vocabulary: Mapping[str, Any]
    """{basis, fingerprint, files: {segments, vocabulary, tokenizer …: {path, sha256, bytes}}}."""
    licenses: Mapping[str, int]
    """SPDX expression -> samples."""
    notes: Mapping[str, int]
    """What the stages took out or repaired -> records that passed the row-wise pass."""
    raw_bytes: int
    """Bytes of the kept samples' source files."""
    index: Sequence[Mapping[str, Any]] = ()
    """{path, sha256, bytes} of the tables `stages.schema.INDEX`: every sample with all its provenance."""
    clusters: Sequence[Mapping[str, Any]] = ()
    """{path, sha256, bytes} of the tables `stages.schema.CLUSTERS`: who is in a cluster with whom, and why."""
    layout: Mapping[str, Any] = field(default_factory=dict)
    """{path, sha256, bytes} of the table `pipeline.sources.partitions.LAYOUT`: which input is in which partition."""
    lineage: Mapping[str, Any] = field(default_factory=dict)
    """{files: [{path, sha256, bytes}], merged: n}: the tables `stages.schema.LINEAGE`, which grow with every version,
    and how many clusters hold what was published apart."""
    kept: Mapping[str, Any] = field(default_factory=dict)
    """{tables: [`pipeline.steps.keep.Kept`], raw: [{source, key, path, sha256, bytes}]}: what sources with
    ``on_missing: keep`` have no more, and the raw tables in which it will be found what vanishes next."""
    takedowns: Mapping[str, Any] = field(default_factory=dict)
    """{requests: [paths], records: n}: what was asked for, and the records of this version's input that it took."""
    no_input: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Source -> kind (extension, link, pipe …) -> files in it, and in its archives, that were no input."""
    manifest_version: int = MANIFEST_VERSION

    def to_bytes(self) -> bytes:
        """As the JSON text that is published."""
        return (json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()

    def content(self) -> dict[str, Any]:
        """All that makes this version differ from another, beside its number and what was before it.

        Files that are no input do not.
        """
        data = asdict(self)
        del data["version"], data["parent"], data["lineage"], data["no_input"]
        return data

    @property
    def files(self) -> list[Mapping[str, Any]]:
        """All that the version consists of: {path, sha256, bytes}, each once."""
        every = [*self.shards, *self.vocabulary["files"].values(), *self.index, *self.clusters]
        every += [self.layout] if self.layout else []
        every += [*self.lineage.get("files", ()), *self.kept.get("tables", ()), *self.kept.get("raw", ())]
        return list({file["path"]: file for file in every}.values())


def manifest_path(version: int) -> str:
    """Where a version's manifest lies in the workspace."""
    return f"versions/{version}/manifest.json"


def page_paths(version: int) -> list[str]:
    """Report and dataset card of a version."""
    return [f"versions/{version}/report.html", f"versions/{version}/README.md"]


def created_by(stage_versions: Mapping[str, Any]) -> dict[str, Any]:
    """Tool and stage versions."""
    libraries = {name: metadata.version(name) for name in ("lxml", "numpy", "pyarrow", "pyvips-binary", "tokenizers")}
    return {"tool": f"svgmill {metadata.version('svgmill')}", "stages": dict(stage_versions), "libraries": libraries}


def numbers(storage: Storage) -> list[int]:
    """The published versions, in order."""
    found = (re.fullmatch(r"versions/([1-9]\d*)/manifest\.json", entry.path) for entry in storage.list("versions/"))
    return sorted(int(match[1]) for match in found if match)


def read(storage: Storage, version: int | None = None) -> Manifest:
    """The manifest of ``version``, or of the newest. Raises ConfigError if there is none."""
    if version is None:
        known = numbers(storage)
        if not known:
            raise ConfigError(
                f"{storage.uri} has no versions; publish one with: svgmill run CONFIG --workspace {storage.uri}"
            )
        version = known[-1]
    try:
        data = json.loads(storage.read(manifest_path(version)))
    except NotFound:
        known = numbers(storage)
        there = f"it has {', '.join(map(str, known))}" if known else "it has none"
        raise ConfigError(f"{storage.uri} has no version {version}; {there}") from None
    except ValueError as error:
        raise Damaged(f"{storage.uri}/{manifest_path(version)} is damaged: {error}") from None
    form = data.get("manifest_version")
    if form == 1:  # the index was one table
        form, index = MANIFEST_VERSION, data.get("index")
        data |= {"manifest_version": form, "index": [index] if index else []}
    if form != MANIFEST_VERSION:
        raise ConfigError(
            f"version {version} has manifest_version {form}; this svgmill reads {MANIFEST_VERSION}; update svgmill"
        )
    return Manifest(**(data | {"funnel": Funnel(**data["funnel"])}))


def redaction_path(version: int) -> str:
    """Where it is said which files of a version were removed after it was published."""
    return f"versions/{version}/redacted.json"


def redacted(storage: Storage, version: int) -> frozenset[str]:
    """The files that were removed from a version because of takedowns."""
    try:
        return frozenset(json.loads(storage.read(redaction_path(version)))["shards"])
    except NotFound:
        return frozenset()


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")


def find(storage: Storage, text: str | None) -> Manifest:
    """The manifest of a version by its number or a tag; of the newest for None. Raises ConfigError."""
    if text is None or text.isdecimal():
        return read(storage, None if text is None else int(text))
    known = tags(storage)
    if text not in known:
        there = f"its tags are {', '.join(sorted(known))}" if known else "it has no tags"
        raise ConfigError(f"{storage.uri} has no version called {text}; {there}")
    return read(storage, known[text])


def tags(storage: Storage) -> dict[str, int]:
    """Name -> version."""
    entries = [entry for entry in storage.list("tags/") if entry.path.endswith(".json")]
    return {
        entry.path.removeprefix("tags/").removesuffix(".json"): json.loads(storage.read(entry.path))["version"]
        for entry in entries
    }


def tag(storage: Storage, version: int, name: str, move: bool = False) -> None:
    """Call a version ``name``. Raises ConfigError if the name is another's and it may not ``move``."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name: a letter, then up to 63 letters, digits and . _ -")
    path, data = f"tags/{name}.json", f'{{"version": {version}}}\n'.encode()
    if move:
        storage.write(path, data)
        return
    try:
        storage.create(path, data)
    except AlreadyExists:
        if tags(storage).get(name) != version:
            raise ConfigError(f"{name} is version {tags(storage).get(name)}; give --move to move it") from None


def untag(storage: Storage, name: str) -> None:
    """Forget a name. Raises ConfigError if there is none."""
    if name not in tags(storage):
        raise ConfigError(f"{storage.uri} has no version called {name}")
    storage.delete(f"tags/{name}.json")


class LostRace(Overtaken):
    """Another publisher took the version's number; its work and ours are both whole, run again to build on it."""


def publish(storage: Storage, manifest: Manifest) -> None:
    """Make the version exist, in one step. Raises LostRace if its number is taken, UnknownOutcome if it may exist."""
    try:
        storage.create(manifest_path(manifest.version), manifest.to_bytes())
    except AlreadyExists:
        raise LostRace(
            f"version {manifest.version} was published by someone else meanwhile; run again: finished work is reused"
        ) from None
    except UnknownOutcome as error:
        raise UnknownOutcome(
            f"it is not known whether version {manifest.version} was published ({error}); run again: it finds out"
        ) from None
