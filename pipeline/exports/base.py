"""What an export is: a pure function from a published version to files.

    class TitlesSettings(Settings):
        tier: str = Field("L1", description="samples of this tier")

    def titles(version: Version, settings: TitlesSettings) -> Iterator[File]:
        yield File(f"{settings.tier}.txt", partial(lines, settings.tier))

    def lines(tier: str, version: Version) -> Iterator[Chunk]:
        shards = [shard for shard in version.shards if shard.tier == tier]
        for row in version.samples(shards, ["caption"]):
            yield Chunk(f"{row['caption']}\\n".encode(), rows=1)

    TITLES = Export("titles", 1, TitlesSettings, titles, says="the captions of one tier")

The list of files is made at once, so it is cheap; a file's content is made while it is written, by any worker, so that
it never is in memory as a whole, and is not made at all if the file is there. `pipeline.exports.write` writes the
files; the registry is `pipeline.exports.registry`. Exports for trainers are made of records
(`pipeline.exports.records`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Generic, Protocol, TypeVar

from pipeline.storage.base import Storage
from pipeline.storage.integrity import read_checked
from pipeline.storage.open import open_storage
from pipeline.versions import published, shards
from pipeline.versions.manifest import Manifest, Shard
from stages.base import Settings
from stages.tokenize import Segments

__all__ = ["Chunk", "Export", "File", "Last", "Made", "S", "Shard", "Version"]

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Chunk:
    """A piece of a file's content, and how many rows it holds: samples, or what else the export counts."""

    data: bytes
    rows: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    """What else is to be known of the file as a whole, in numbers by name; those of its chunks are added up."""


@dataclass(frozen=True)
class File:
    """A file of an export. ``path`` is relative to the export's folder, with ``/``."""

    path: str
    make: Callable[[Version], Iterable[Chunk]]
    """The content in order, made while it is asked for. It travels to a worker, so it is a function of a module, or a
    `functools.partial` of one with what can be pickled."""


class Made(Protocol):
    """A file that was made."""

    @property
    def path(self) -> str:
        """As of `File`."""
        ...

    @property
    def rows(self) -> int:
        """Of all its chunks."""
        ...

    @property
    def counts(self) -> Mapping[str, int]:
        """Of all its chunks."""
        ...


@dataclass(frozen=True)
class Last:
    """A file that is made of what is known of the others, in their order, once all of them are there."""

    path: str
    make: Callable[[Sequence[Made], Version], Iterable[Chunk]]
    """As of `File`."""


class Version:
    """A published version, as exports read it."""

    def __init__(self, storage: Storage, manifest: Manifest) -> None:
        self.storage, self.manifest = storage, manifest

    @classmethod
    def at(cls, storage: Storage, number: int, digest: str = "") -> Version:
        """The published version of that number, read once by each worker process. ``digest``: its manifest's, if what
        is read must be no other. Raises as `published.read`."""
        return _version_at(storage.uri, number, digest or _digest(storage, number))

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
        return _digest(self.storage, self.manifest.version)

    @cached_property
    def tokenizer(self) -> str:
        """The text of its tokenizer.json. Raises Damaged."""
        return self._vocabulary("tokenizer")

    @cached_property
    def tokenizer_config(self) -> str:
        """The text of its tokenizer_config.json. Raises Damaged."""
        return self._vocabulary("tokenizer_config")

    def special_token(self, role: str) -> str | None:
        """Its tokenizer's token for ``role``: bos, eos, pad, unk; None if it has none. Raises Damaged."""
        token = json.loads(self.tokenizer_config).get(f"{role}_token")
        name = token["content"] if isinstance(token, dict) else token
        return None if name is None else str(name)

    @cached_property
    def segments(self) -> Segments:
        """Its segment tokens. Raises Damaged."""
        return Segments.from_json(self._vocabulary("segments"))

    @cached_property
    def token_strings(self) -> frozenset[str]:
        """Its atomic tokens. Raises Damaged."""
        return frozenset(token["token"] for token in json.loads(self._vocabulary("vocabulary"))["tokens"])

    def _vocabulary(self, name: str) -> str:
        file = self.manifest.vocabulary_files[name]
        return read_checked(self.storage, file.path, file.sha256).decode()

    def samples(self, parts: Iterable[Shard], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The samples of these shards, in their order: at least ``columns`` of `stages.sides.SHARD`, each -> value.

        One shard is in memory at a time. Raises DamagedFile if one is not as it was published.
        """
        for shard in parts:
            data = read_checked(self.storage, shard.path, shard.sha256)
            yield from shards.rows(data, shard, columns)

    def between(
        self, parts: Iterable[Shard], columns: Sequence[str], first: str, last: str
    ) -> Iterator[dict[str, Any]]:
        """Of these shards the samples with ids from ``first`` to ``last``, both inclusive; ``columns`` has sample_id.

        Where the shards' format knows where they are, no others are read.
        """
        for shard in parts:
            if shard.generation is None or _may_hold(shard, first, last):
                yield from shards.between(self.storage, shard, columns, first, last)


def _digest(storage: Storage, number: int) -> str:
    return hashlib.sha256(storage.read(published.manifest_path(number))).hexdigest()


@lru_cache(maxsize=2)
def _version_at(workspace: str, number: int, digest: str) -> Version:
    storage = open_storage(workspace)
    return Version(storage, published.read(storage, number))


def _may_hold(shard: Shard, first: str, last: str) -> bool:
    """Whether the range of ids that the shard was dealt (`stages.write.dealing`) meets this one."""
    low, high = (int(sample_id[:8].ljust(8, end), 16) for sample_id, end in ((first, "0"), (last, "f")))
    return low * shard.places >> 32 <= shard.place <= high * shard.places >> 32


@dataclass(frozen=True)
class Export(Generic[S]):
    """A format that a published version can be given in."""

    name: str
    version: int | str
    """Another one says that equal versions and settings give other files."""
    settings: type[S]
    files: Callable[[Version, S], Iterable[File | Last]]
    """Equal versions and settings give equal files, in an order of their own: no clock, no host, no path."""
    says: str
    """What it makes, in a few words without a full stop."""
