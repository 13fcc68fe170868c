"""A WebDataset shard: a tar whose members of one sample stand together, with nothing of the clock or the host."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import numpy as np
import pyarrow as pa

_IN_OWN_MEMBER = ("svg", "png", "caption", "input_ids")


def webdataset_shard(rows: pa.Table) -> bytes:
    """``rows`` (`stages.schema.SHARD`) as a tar.

    Each sample has ``<sample_id>.svg`` (canonical SVG), ``.png``, ``.txt`` (the caption), ``.json`` (all other columns)
    and ``.ids.npy`` (input_ids, int32, shape (segment tokens,)).
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for row in rows.to_pylist():
            key = row["sample_id"]
            _add(tar, f"{key}.svg", row["svg"].encode())
            _add(tar, f"{key}.png", row["png"])
            _add(tar, f"{key}.txt", row["caption"].encode())
            _add(tar, f"{key}.json", _json({k: v for k, v in row.items() if k not in _IN_OWN_MEMBER}))
            _add(tar, f"{key}.ids.npy", _npy(row["input_ids"]))
    return stream.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # mtime, uid and gid are 0 unless set
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _npy(ids: list[int]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(ids, np.int32), allow_pickle=False)
    return stream.getvalue()
