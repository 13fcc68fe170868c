"""Reading published shards back, whatever their format."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa

from pipeline.errors import ConfigError, Damaged
from pipeline.storage.base import Storage
from pipeline.versions import published
from pipeline.versions.manifest import Manifest, Shard
from stages.schema import PICTURES
from stages.write import FORMATS, Format

Row = dict[str, Any]
"""A sample as its shard has it: column -> value."""


def read(storage: Storage, shard: Shard, columns: Sequence[str]) -> Iterator[Row]:
    """The samples of a shard with at least ``columns``; where its format is columnar, others are not fetched.

    Raises NotFound, Damaged for what cannot be read, and ConfigError for a format that nothing here reads.
    """
    form = _format(shard.format)
    yield from _rows(storage, shard, lambda stream: form.read(stream, columns))


def between(storage: Storage, shard: Shard, columns: Sequence[str], first: str, last: str) -> Iterator[Row]:
    """As `read`, of the samples with ids from ``first`` to ``last``, both inclusive; ``columns`` has ``sample_id``.

    Where its format knows where they are, no others are read.
    """
    form = _format(shard.format)
    some = form.between or (lambda stream, columns, first, last: form.read(stream, columns))
    for row in _rows(storage, shard, lambda stream: some(stream, columns, first, last)):
        if first <= row["sample_id"] <= last:
            yield row


def _rows(storage: Storage, shard: Shard, read: Callable[[BinaryIO], Iterator[Row]]) -> Iterator[Row]:
    with storage.open_end(shard.path) as stream:
        try:
            yield from read(stream)
        except (pa.ArrowInvalid, tarfile.TarError, ValueError, KeyError) as error:
            raise Damaged(f"{storage.locate(shard.path)} is damaged ({error}); restore it from a copy") from None


def picture_of(row: Row) -> bytes | None:
    """The file of a sample's picture, of a row read with the columns `PICTURES`; None if its shard has none."""
    return next((row[name] for name in PICTURES if row.get(name) is not None), None)


def rows(data: bytes, shard: Shard, columns: Sequence[str]) -> Iterator[Row]:
    """The samples of a shard whose file is ``data``. Raises as `read`."""
    return rows_in(io.BytesIO(data), shard, columns)


def rows_in(file: BinaryIO, shard: Shard, columns: Sequence[str]) -> Iterator[Row]:
    """The samples of a shard whose ``file``, seekable, is at hand. Raises as `read`."""
    return _format(shard.format).read(file, columns)


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise ConfigError(f"shards of format {name}: this svgmill reads {', '.join(FORMATS)}; update svgmill")
    return FORMATS[name]


def one_format(shards: Sequence[Shard]) -> list[Shard]:
    """The shards of one format, the first of `stages.write.FORMATS` that there is: they hold every sample once."""
    names = {shard.format for shard in shards}
    first = next((name for name in FORMATS if name in names), "")
    return [shard for shard in shards if shard.format == first]


def present(storage: Storage, manifest: Manifest) -> list[Shard]:
    """`one_format` of a version, but for shards that are gone by takedowns."""
    gone = published.redacted(storage, manifest.version)
    return [shard for shard in one_format(manifest.shards) if shard.path not in gone]
