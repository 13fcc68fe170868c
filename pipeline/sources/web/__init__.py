"""A crawler that a company can put its name under: polite, safe, resumable.

`source` is the kind of source and `settings` its settings, which need no library of the extra ``crawl``; `task` makes
units and does one; `crawl` goes through one bucket of hosts. What it is made of: `frontier` (what is to be
asked for), `origins` and `rules` (robots.txt and opt-outs), `asking` and `pace` (turns, retries), `fetcher` (one
request), `addresses` (where requests may go), `reading` (what came), `packs` (where it is stored), `earlier` (what the
snapshot before has), `outcome` (what a unit ends in), `records` (what is read of it).
"""

from pipeline.sources.web.source import WebSource

__all__ = ["WebSource"]
