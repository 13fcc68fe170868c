"""Tables of drawings: Parquet, Arrow, JSON records and CSV, some rows at a time.

`columns` says which column is what, by the settings and the `presets` of datasets that many know. Each format has a
reader that gives batches of columns (`batches`): `arrow`, `jsons`, `csvs`. `rows` makes records of them.
"""

from stages.crawl.tables.columns import NOT_IN_COLUMNS, Layout, layout_of, table_layout
from stages.crawl.tables.presets import PRESETS, Preset
from stages.crawl.tables.rows import NO_ROWS, TABLES, table_columns, table_format, table_rows

__all__ = [
    "NOT_IN_COLUMNS",
    "NO_ROWS",
    "PRESETS",
    "TABLES",
    "Layout",
    "Preset",
    "layout_of",
    "table_columns",
    "table_format",
    "table_layout",
    "table_rows",
]
