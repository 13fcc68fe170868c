"""Reading published shards back, whatever their format."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def rows(data: bytes, form: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The samples of a shard whose file is ``data``, as ``column -> value`` with at least ``columns``."""
    if form == "parquet":
        yield from pq.read_table(pa.BufferReader(data), columns=list(columns)).to_pylist()
        return
    row: dict[str, Any] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            key, _, kind = member.name.partition(".")
            stream = tar.extractfile(member)
            content = stream.read() if stream else b""
            if row and row["sample_id"] != key:
                yield row
                row = {}
            row["sample_id"] = key
            if kind == "json":
                row |= json.loads(content)
            elif kind == "ids.npy":
                row["input_ids"] = np.load(io.BytesIO(content), allow_pickle=False).tolist()
            elif kind == "png":
                row["png"] = content
            else:
                row[{"svg": "svg", "txt": "caption"}[kind]] = content.decode()
    if row:
        yield row


def one_format(shards: Sequence[Any]) -> list[Any]:
    """The shards of one format, Parquet if there is any: together they hold every sample once."""
    form = "parquet" if any(shard["format"] == "parquet" for shard in shards) else "webdataset"
    return [shard for shard in shards if shard["format"] == form]
