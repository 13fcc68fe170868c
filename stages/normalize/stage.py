"""The normalize stage on a table."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from stages.base import Dropped, Rows, StageResult
from stages.normalize.document import normalize_one
from stages.normalize.settings import NormalizeSettings
from stages.reasons import Reason
from stages.schema import NORMALIZED


def normalize(table: pa.Table, settings: NormalizeSettings) -> StageResult:
    """Normalize every row of a table with the columns `stages.schema.SANITIZED`: adds those of `NORMALIZED`."""
    rows = Rows(table, "normalize", NORMALIZED)
    column, noted = table["sanitized"], table["notes"]
    for index in range(table.num_rows):
        try:
            done = normalize_one(column[index].as_py(), settings)
        except Dropped as error:
            rows.drop(index, error.reason, error.detail)
        except MemoryError:
            raise  # not this record's fault alone: the sandbox decides
        except Exception as error:  # a defect in this stage costs the record that shows it, no other
            rows.drop(index, Reason.STAGE_ERROR, f"{type(error).__name__}: {error}")
        else:
            rows.keep(
                index,
                sample_id=hashlib.sha256(done.svg.encode()).hexdigest(),
                sanitized=done.source,
                svg=done.svg,
                background=done.background,
                view_box=list(done.view_box),
                notes=sorted({*(noted[index].as_py() or ()), *done.notes}),
            )
    return rows.result()
