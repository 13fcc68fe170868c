"""Crawl: from files and archives to raw tables, with a recorded reason for every input that cannot be read.

Nothing here knows a storage: the caller lists paths and opens streams. `listing` decides what counts as input,
`archives` reads the members of a zip, a 7z, a .deb, a tar or a Parquet file without ever unpacking to disk (`zips`,
`sevenzips`, `debs`, `tars`, `parquets`; what they share is in `container`), `tables` the rows of tables. `items` says
what a record may bring with it, `records` inflates and builds tables.
"""

from stages.crawl.archives import NO_COLUMN, Reading, members
from stages.crawl.container import ArchiveError, Budget, NoColumn, TableError
from stages.crawl.items import DATASET, Caption, CaptionOrigin, CaptionStyle, Lost, Permission, RawItem, Signal
from stages.crawl.listing import ARCHIVES, NOT_IN_GLOB, display, extension, kind_of, matches, reaches, select
from stages.crawl.names import Names
from stages.crawl.records import as_raw, crawl_records
from stages.crawl.settings import CaptionColumn, Columns, CrawlSettings, TableColumns
from stages.crawl.tables import (
    NO_ROWS,
    NOT_IN_COLUMNS,
    TABLES,
    Layout,
    Preset,
    table_columns,
    table_format,
    table_layout,
    table_rows,
)
from stages.licenses import LicenseFrom

VERSION: int = 7

SAYS = "reads the sources' files and archives"
"""One sentence, without subject and full stop, for people."""

__all__ = [
    "ARCHIVES",
    "DATASET",
    "NOT_IN_COLUMNS",
    "NOT_IN_GLOB",
    "NO_COLUMN",
    "NO_ROWS",
    "SAYS",
    "TABLES",
    "VERSION",
    "ArchiveError",
    "Budget",
    "Caption",
    "CaptionColumn",
    "CaptionOrigin",
    "CaptionStyle",
    "Columns",
    "CrawlSettings",
    "Layout",
    "LicenseFrom",
    "Lost",
    "Names",
    "NoColumn",
    "Permission",
    "Preset",
    "RawItem",
    "Reading",
    "Signal",
    "TableColumns",
    "TableError",
    "as_raw",
    "crawl_records",
    "display",
    "extension",
    "kind_of",
    "matches",
    "members",
    "reaches",
    "select",
    "table_columns",
    "table_format",
    "table_layout",
    "table_rows",
]
