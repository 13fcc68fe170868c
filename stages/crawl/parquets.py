"""The rows of a Parquet file among drawings, as members of an archive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from stages.crawl.container import Budget, Entry, Sink
from stages.crawl.items import Lost
from stages.crawl.settings import Columns
from stages.crawl.tables import layout_of, table_rows


def parquet_entries(
    stream: BinaryIO,
    path: str,
    budget: Budget,
    column: str | None,
    columns: Columns,
    limit: int,
    no_input: Counter[str],
) -> Iterator[Entry]:
    """Each row of ``column``, else of the column called svg, else of the first of texts that has svg in its name.

    As `table_rows`; what is no UTF-8 in a drawing goes on as it is.
    """
    for item in table_rows(stream, path, layout_of(columns, column), limit, budget, no_input):
        yield Entry(item.path, partial(_copy, item.content), brings=item)


def _copy(content: bytes | Lost, sink: Sink, limit: int) -> Lost | None:
    if isinstance(content, tuple):
        return content
    sink.write(content)
    return None
