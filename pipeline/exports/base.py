"""What an export is: a pure function from a published version to files.

    class TitlesSettings(Settings):
        tier: str = Field("L1", description="samples of this tier")

    def titles(version: Version, settings: TitlesSettings) -> Iterator[File]:
        shards = [shard for shard in version.shards if shard.tier == settings.tier]
        yield File(f"{settings.tier}.txt", (Chunk(f"{row['caption']}\\n".encode(), 1)
                                            for row in version.samples(shards, ["caption"])))

    TITLES = Export("titles", 1, TitlesSettings, titles, says="the captions of one tier")

The list of files is made at once, so it is cheap; a file's content is made while it is written, so that it never is
in memory as a whole, and is not made at all if the file is there. `pipeline.exports.write` writes the files; the
registry is `pipeline.exports.registry`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from pipeline.storage.base import Storage
from pipeline.storage.integrity import read_checked
from pipeline.versions import published, shards
from pipeline.versions.manifest import Manifest, Shard
from stages.base import Settings

__all__ = ["Chunk", "Export", "File", "S", "Shard", "Version"]

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Chunk:
    """A piece of a file's content, and how many rows it holds: samples, or what else the export counts."""

    data: bytes
    rows: int = 0


@dataclass(frozen=True)
class File:
    """A file of an export. ``path`` is relative to the export's folder, with ``/``."""

    path: str
    chunks: Iterable[Chunk]
    """The content in order, made while it is asked for."""


class Version:
    """A published version, as exports read it."""

    def __init__(self, storage: Storage, manifest: Manifest) -> None:
        self.storage, self.manifest = storage, manifest

    @cached_property
    def redacted(self) -> frozenset[str]:
        """The paths of files that takedowns have removed since the version was published."""
        return published.redacted(self.storage, self.manifest.version)

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        """The shards of one format, sorted by path: together they hold every sample once, but for those redacted."""
        return tuple(shards.present(self.storage, self.manifest))

    @cached_property
    def digest(self) -> str:
        """The hex sha256 of the manifest."""
        return hashlib.sha256(self.storage.read(published.manifest_path(self.manifest.version))).hexdigest()

    def samples(self, parts: Iterable[Shard], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The samples of these shards, in their order: at least ``columns`` of `stages.sides.SHARD`, each -> value.

        One shard is in memory at a time. Raises DamagedFile if one is not as it was published.
        """
        for shard in parts:
            data = read_checked(self.storage, shard.path, shard.sha256)
            yield from shards.rows(data, shard, columns)


@dataclass(frozen=True)
class Export(Generic[S]):
    """A format that a published version can be given in."""

    name: str
    version: int | str
    """Another one says that equal versions and settings give other files."""
    settings: type[S]
    files: Callable[[Version, S], Iterable[File]]
    """Equal versions and settings give equal files, in an order of their own: no clock, no host, no path."""
    says: str
    """What it makes, in a few words without a full stop."""
