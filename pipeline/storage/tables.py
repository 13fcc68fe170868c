"""Parquet in and out of a storage, with settings that make equal tables equal bytes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import Damaged
from pipeline.storage.base import NotFound, Storage


class Output(NamedTuple):
    """One object a partition has written: its digest is the identity later stages build on.

    A tuple, as a run over a large corpus makes millions of them.
    """

    path: str
    sha256: str
    bytes: int
    rows: int
    row_groups: tuple[int, ...] = ()
    """Rows of each row group of a Parquet file."""
    md5: str = ""
    """What some stores' listings say of it; "" for what was written before this was noted."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return self._asdict() | {"row_groups": list(self.row_groups)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Output:
        """Inverse of `to_json`."""
        return cls(**(data | {"row_groups": tuple(data["row_groups"])}))


def named(path: str, digest: str) -> str:
    """``path`` with some of the content's digest after the key, which is what is before the first point of its name."""
    folder, slash, name = path.rpartition("/")
    key, point, suffix = name.partition(".")
    return f"{folder}{slash}{key}.{digest[:12]}{point}{suffix}"


def write_table(
    storage: Storage, path: str, batches: Iterable[pa.Table], schema: pa.Schema, there: Container[str] = ()
) -> Output:
    """Write ``batches`` as the row groups of one Parquet file; an empty batch gives no row group.

    The object is named by its content (`named`), so it never changes: whoever read a record finds what it names, also
    while somebody else runs the same partition with other settings. If it is ``there`` already, nothing is sent.
    """
    groups: list[int] = []
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
        with pq.ParquetWriter(spool, schema, **PARQUET) as writer:
            for batch in batches:
                if batch.num_rows:
                    writer.write_table(batch.cast(schema), row_group_size=batch.num_rows)
                    groups.append(batch.num_rows)
        size = spool.tell()
        spool.seek(0)
        digest, other = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        while block := spool.read(1 << 20):
            digest.update(block)
            other.update(block)
        spool.seek(0)
        path = named(path, digest.hexdigest())
        if path not in there:
            with storage.writer(path) as stream:
                shutil.copyfileobj(spool, stream, 1 << 20)
        if storage.remote and size <= Recent.LARGEST:
            spool.seek(0)
            _recent.keep(storage, path, spool.read())
    return Output(path, digest.hexdigest(), size, sum(groups), tuple(groups), other.hexdigest())


class Recent:
    """Small tables that this process wrote or read last. Their names say their content, so they cannot be outdated."""

    LARGEST, IN_ALL = 1 << 20, 64 << 20
    """Bytes of one, and of all."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def keep(self, storage: Storage, path: str, data: bytes) -> None:
        """Hold ``data``, and let go of what was not asked for longest if that is too much."""
        with self._lock:
            self._size += len(data) - len(self._held.pop((storage.uri, path), b""))
            self._held[storage.uri, path] = data
            while self._size > self.IN_ALL:
                self._size -= len(self._held.popitem(last=False)[1])

    def open(self, storage: Storage, path: str) -> BinaryIO:
        """From here, or as `Storage.open_end` does. Raises NotFound."""
        with self._lock:
            data = self._held.get((storage.uri, path))
            if data is not None:
                self._held.move_to_end((storage.uri, path))
                return io.BytesIO(data)
        stream = storage.open_end(path)
        if storage.remote and isinstance(stream, io.BytesIO) and path.startswith("tables/"):
            data = stream.getvalue()
            if len(data) <= self.LARGEST:
                self.keep(storage, path, data)
        return stream


_recent = Recent()

_SPOOL = 64 * 2**20
"""Bytes of a table from which on it goes through a temporary file on its way."""


def table_bytes(table: pa.Table, schema: pa.Schema) -> bytes:
    """``table`` as the bytes of a Parquet file of one row group."""
    stream = io.BytesIO()
    with pq.ParquetWriter(stream, schema, **PARQUET) as writer:
        writer.write_table(table.cast(schema).combine_chunks(), row_group_size=max(len(table), 1))
    return stream.getvalue()


PUBLISHED_ROWS = 50_000
"""Rows of a row group of a table that a version names: who looks for a few reads some."""


def published_bytes(table: pa.Table, schema: pa.Schema) -> bytes:
    """As `table_bytes`, for tables that others query: in row groups, with statistics of all columns."""
    stream = io.BytesIO()
    with pq.ParquetWriter(stream, schema, **PARQUET | {"write_statistics": True}) as writer:
        writer.write_table(table.cast(schema).combine_chunks(), row_group_size=PUBLISHED_ROWS)
    return stream.getvalue()


PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "version": "2.6",
    "write_statistics": False,
    # a store's own checksum is of the whole object, and most reads are of some columns
    "write_page_checksum": True,
}
"""Writer settings of intermediate tables."""


def read_table(
    storage: Storage, path: str, columns: list[str] | None = None, row_group: int | Sequence[int] | None = None
) -> pa.Table:
    """Read a Parquet table, or only ``columns`` and one ``row_group`` of it, or several.

    Raises NotFound, and DamagedTable if what is read is not what was written.
    """
    with open_table(storage, path) as file:
        if row_group is None:
            return file.read(columns=columns, use_threads=False)
        groups = [row_group] if isinstance(row_group, int) else list(row_group)
        return file.read_row_groups(groups, columns=columns, use_threads=False)


@contextlib.contextmanager
def open_table(storage: Storage, path: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file for reading in the block, each page held against its checksum. Raises as `read_table`."""
    try:
        stream = _recent.open(storage, path)
    except NotFound:
        raise LostTable(f"{storage.locate(path)} does not exist; {remedy(path)}", path) from None
    try:
        with stream, pq.ParquetFile(stream, page_checksum_verification=True, pre_buffer=True) as file:
            yield file
    except (pa.ArrowInvalid, UnicodeDecodeError, OSError) as error:  # the second: of a column's name
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system's, not Arrow's
        reason = " ".join(str(error).split()).rstrip(".")
        raise DamagedTable(f"{storage.locate(path)} is damaged ({reason}); {remedy(path)}", path) from None


def remedy(path: str) -> str:
    """What to do where the file at ``path`` is damaged or gone."""
    if not path.startswith("tables/"):
        return "restore it from a copy"
    folder, _, name = path.rpartition("/")
    return f"remove {folder}/{name.partition('.')[0]}.json, and run again to make it anew"


class DamagedTable(Damaged):
    """A table is not as it was written."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


class LostTable(NotFound):
    """A table is gone."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


def write_bytes(storage: Storage, path: str | Callable[[str], str], data: bytes, rows: int = 0) -> Output:
    """Write ``data`` whole and return its identity. ``path``: where to, or what says so by the hex sha256."""
    digest = hashlib.sha256(data).hexdigest()
    where = path if isinstance(path, str) else path(digest)
    storage.write(where, data)
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return Output(where, digest, len(data), rows, md5=md5)
