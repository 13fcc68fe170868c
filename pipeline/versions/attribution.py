"""Who is to be credited for a version's samples: ``ATTRIBUTION.parquet``, and how their licences were found.

One row for each record of each sample's provenance. It is made from the version's provenance alone, so it can be made
again at any time, holds nothing that a purge has taken out of that, and has equal bytes wherever it is made.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.storage.base import NotFound, Storage
from pipeline.storage.tables import PARQUET, open_table
from pipeline.versions import published
from pipeline.versions.manifest import PROVENANCE, Manifest
from stages.licenses import UNKNOWN
from stages.licenses.terms import terms
from stages.schema import PROVENANCE as RECORDS

ATTRIBUTION = pa.schema(
    [
        ("sample_id", pa.string()),
        ("source", pa.string()),
        ("path", pa.string()),
        ("raw_id", pa.string()),  # hex sha256 of the raw file
        ("work_title", pa.string()),
        ("author", pa.string()),
        ("work_link", pa.string()),
        ("url", pa.string()),
        ("license", pa.string()),
        ("license_from", pa.string()),
        ("terms", pa.list_(pa.string())),  # of the licence; see stages.licenses.terms
        ("permission", pa.string()),
    ]
)
"""Nulls are what is not known, ``license_from`` also of what earlier versions did not note."""

NAME = "ATTRIBUTION.parquet"

_FIELDS = pa.schema(list(RECORDS.value_type))
_SAMPLES = 20_000  # whose provenance is in memory at a time


def attribution_path(version: int) -> str:
    """Where a version's attributions lie in the workspace, beside its pages."""
    return f"versions/{version}/{NAME}"


def write_attribution(storage: Storage, manifest: Manifest, to: Storage, path: str) -> int:
    """Write the attributions of a version of ``storage`` to ``path`` in ``to``, and return their rows."""
    rows = 0
    with tempfile.TemporaryFile() as spool:
        with pq.ParquetWriter(spool, ATTRIBUTION, **PARQUET | {"write_statistics": True}) as writer:
            for table in attributions(storage, manifest):
                writer.write_table(table, row_group_size=max(len(table), 1))
                rows += len(table)
        spool.seek(0)
        with to.writer(path) as stream:
            shutil.copyfileobj(spool, stream, 1 << 20)
    return rows


def attributions(storage: Storage, manifest: Manifest) -> Iterator[pa.Table]:
    """`ATTRIBUTION` of a version, a part of the samples at a time."""
    for ids, records in _provenance(storage, manifest):
        flat = _flat(records)
        samples = ids.take(pc.list_parent_indices(records))
        licenses = pc.coalesce(flat["license"], pa.scalar(UNKNOWN)).dictionary_encode()
        asked = pa.array([list(terms(each)) for each in licenses.dictionary.to_pylist()], pa.list_(pa.string()))
        columns = flat | {
            "sample_id": samples,
            "license": licenses.cast(pa.string()),
            "terms": asked.take(licenses.indices),
        }
        yield pa.table([columns[field.name] for field in ATTRIBUTION], schema=ATTRIBUTION)


def found(storage: Storage, manifest: Manifest) -> Counter[tuple[str, str]]:
    """(licence, how it was found) -> samples, by the records that the samples were made from.

    How is "" where an earlier version did not note it.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for _, records in _provenance(storage, manifest):
        flat = _flat(pc.list_slice(records, 0, 1))
        pairs = pa.table({name: pc.coalesce(flat[name], pa.scalar("")) for name in ("license", "license_from")})
        for row in pairs.group_by(["license", "license_from"]).aggregate([([], "count_all")]).to_pylist():
            counts[row["license"] or UNKNOWN, row["license_from"]] += row["count_all"]
    return counts


def _provenance(storage: Storage, manifest: Manifest) -> Iterator[tuple[pa.Array, pa.Array]]:
    """Sample ids, and the records of each; of a redacted version what is left of them."""
    gone, left = published.redacted(storage, manifest.version), published.left_of(storage, manifest.version)
    for file in manifest.of_role(PROVENANCE):
        path = left.get(file.path, file.path)
        if path in gone:
            continue
        try:
            with open_table(storage, path) as table:
                for batch in table.iter_batches(_SAMPLES, columns=["sample_id", "provenance"], use_threads=False):
                    yield batch["sample_id"], batch["provenance"]
        except NotFound:
            if not gone and not left:
                raise


def _flat(records: pa.Array) -> dict[str, pa.Array]:
    """The columns of all records, null where a version is older than they are."""
    flat = records.flatten()
    there = {field.name for field in flat.type}
    return {
        field.name: pc.struct_field(flat, field.name) if field.name in there else pa.nulls(len(flat), field.type)
        for field in _FIELDS
    }
