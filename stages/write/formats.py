"""The formats of shards: writing beside reading, so that whoever verifies a shard reads what was written.

A format is a module with two functions and one line of `FORMATS`:

    Format("lines", "jsonl", lines_shard, lines_rows)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa

from stages.write.parquet import parquet_between, parquet_rows, parquet_shard
from stages.write.wds import webdataset_rows, webdataset_shard


@dataclass(frozen=True)
class Format:
    """A kind of shard file, called ``name`` in settings and manifests; its files end in ``.<suffix>``."""

    name: str
    suffix: str
    write: Callable[[pa.Table], bytes]
    """From rows (`stages.sides.SHARD`) to the file: equal rows, equal bytes."""
    read: Callable[[BinaryIO, Sequence[str]], Iterator[dict[str, Any]]]
    """From the file, seekable, to its samples, each as ``column -> value`` with at least these columns."""
    between: Callable[[BinaryIO, Sequence[str], str, str], Iterator[dict[str, Any]]] | None = None
    """As ``read``, of samples from one id to another, both inclusive, without reading all; None: all have to be read.
    Samples beyond may be among them."""


FORMATS = {
    form.name: form
    for form in (
        Format("parquet", "parquet", parquet_shard, parquet_rows, parquet_between),
        Format("webdataset", "tar", webdataset_shard, webdataset_rows),
    )
}
"""Name -> format. Of a version's formats, what reads all samples once reads the one that comes first here."""
