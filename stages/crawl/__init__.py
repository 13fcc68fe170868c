"""Crawl: from files and archives to raw tables, with a recorded reason for every input that cannot be read.

Nothing here knows a storage: the caller lists paths and opens streams. `listing` decides what counts as input,
`archives` reads the members of a zip or tar.gz without ever unpacking to disk, `records` inflates and builds tables.
"""

from stages.crawl.archives import ArchiveError, Member, members
from stages.crawl.listing import display, kind_of, matches, select
from stages.crawl.records import crawl_records
from stages.crawl.settings import CrawlSettings

VERSION: int = 1

__all__ = [
    "VERSION",
    "ArchiveError",
    "CrawlSettings",
    "Member",
    "crawl_records",
    "display",
    "kind_of",
    "matches",
    "members",
    "select",
]
