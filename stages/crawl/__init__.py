"""Crawl: from files and archives to raw tables, with a recorded reason for every input that cannot be read.

Nothing here knows a storage: the caller lists paths and opens streams. `listing` decides what counts as input,
`archives` reads the members of a zip, a tar or a Parquet file without ever unpacking to disk (`zips`, `tars`,
`parquets`; what they share is in `container`), `items` says what a record may bring with it, `records` inflates and
builds tables.
"""

from stages.crawl.archives import NO_COLUMN, Reading, members
from stages.crawl.container import ArchiveError, NoColumn
from stages.crawl.items import DATASET, Caption, CaptionOrigin, CaptionStyle, Lost, Permission, RawItem, Signal
from stages.crawl.listing import ARCHIVES, NOT_IN_GLOB, display, extension, kind_of, matches, reaches, select
from stages.crawl.records import as_raw, crawl_records
from stages.crawl.settings import Columns, CrawlSettings
from stages.licenses import LicenseFrom

VERSION: int = 7

SAYS = "reads the sources' files and archives"
"""One sentence, without subject and full stop, for people."""

__all__ = [
    "ARCHIVES",
    "DATASET",
    "NOT_IN_GLOB",
    "NO_COLUMN",
    "SAYS",
    "VERSION",
    "ArchiveError",
    "Caption",
    "CaptionOrigin",
    "CaptionStyle",
    "Columns",
    "CrawlSettings",
    "LicenseFrom",
    "Lost",
    "NoColumn",
    "Permission",
    "RawItem",
    "Reading",
    "Signal",
    "as_raw",
    "crawl_records",
    "display",
    "extension",
    "kind_of",
    "matches",
    "members",
    "reaches",
    "select",
]
