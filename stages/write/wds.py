"""A WebDataset shard: a tar whose members of one sample stand together, with nothing of the clock or the host."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from stages.schema import PICTURES

_IN_OWN_MEMBER = ("svg", *PICTURES, "caption", "input_ids")


def webdataset_shard(rows: pa.Table) -> bytes:
    """``rows`` (`stages.sides.SHARD`) as a tar.

    Each sample has ``<sample_id>.svg`` (canonical SVG), ``.png`` or ``.webp`` if it has a picture, ``.txt`` (the
    caption), ``.json`` (all other columns) and ``.ids.npy`` (input_ids, int32, shape (segment tokens,)).
    """
    from webdataset import TarWriter  # imports PyTorch where that is installed: only who writes tars waits for it

    stream = io.BytesIO()
    with TarWriter(stream, user="", group="", mode=0o644, mtime=0, encoder=False) as tar:
        for row in rows.to_pylist():
            members = {
                "svg": row["svg"].encode(),
                **{kind: row[kind] for kind in PICTURES if kind in row},
                "txt": row["caption"].encode(),
                "json": _json({k: v for k, v in row.items() if k not in _IN_OWN_MEMBER}),
                "ids.npy": _npy(row["input_ids"]),
            }
            for kind, content in members.items():  # one by one: of several, the writer sorts the names
                tar.write({"__key__": row["sample_id"], kind: content})
    return stream.getvalue()


def webdataset_rows(stream: BinaryIO, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The samples of a tar that `webdataset_shard` wrote, with all their columns, whichever are asked for."""
    row: dict[str, Any] = {}
    with tarfile.open(fileobj=stream) as tar:
        for member in tar:
            key, _, kind = member.name.partition(".")
            file = tar.extractfile(member)
            content = file.read() if file else b""
            if row and row["sample_id"] != key:
                yield row
                row = {}
            row["sample_id"] = key
            if kind == "json":
                row |= json.loads(content)
            elif kind == "ids.npy":
                row["input_ids"] = _ids(content)
            elif kind in PICTURES:
                row[kind] = content
            else:
                row[{"svg": "svg", "txt": "caption"}[kind]] = content.decode()
    if row:
        yield row


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


_HEAD = b"\x93NUMPY\x01\x00"
_ROW = b"{'descr': '<i4', 'fortran_order': False, "


def _ids(content: bytes) -> list[int]:
    """Inverse of `_npy`. The header is always the same, and the reader of numpy takes ten times as long for it."""
    begin = 10 + int.from_bytes(content[8:10], "little")
    if content.startswith(_HEAD) and content.startswith(_ROW, 10):
        ids: list[int] = np.frombuffer(content, np.dtype("<i4"), offset=begin).tolist()
        return ids
    other: list[int] = np.load(io.BytesIO(content), allow_pickle=False).tolist()
    return other


def _npy(ids: list[int]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(ids, np.int32), allow_pickle=False)
    return stream.getvalue()
