"""What the snapshot before has of a bucket, so that only what has changed is asked for in full."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from yarl import URL

from pipeline.sources.web.packs import Row, narrow_rows
from pipeline.sources.web.urls import bucket_of, digest
from pipeline.storage.base import Storage
from pipeline.storage.tables import open_table

_HELD = 4
"""Packs whose rows are held: what is asked for now comes in about the order in which it came then."""


class Earlier:
    """Responses of the snapshot before, by URL."""

    def __init__(self, storage: Storage, tables: Sequence[str], bucket: int, buckets: int) -> None:
        self._storage = storage
        self._places: dict[bytes, tuple[str, str, int]] = {}
        self._packs: OrderedDict[str, dict[int, Row]] = OrderedDict()
        packs: dict[str, None] = {}
        for table in tables:
            with open_table(storage, table) as file:
                for group in range(file.num_row_groups):
                    for row in file.read_row_group(group, columns=["url", "stored", "facts"]).to_pylist():
                        host = URL(row["url"]).raw_host if row["url"] else None
                        if host and row["stored"] and bucket_of(host, buckets) == bucket:
                            facts = {fact["name"]: fact["text"] for fact in row["facts"]}
                            packs[facts["response"].partition("#")[0]] = None
        for pack in packs:
            for path, number, stored in narrow_rows(storage, pack):
                if (stored.sha256 or stored.etag or stored.modified) and not stored.reason:
                    self._places[digest(stored.url)] = (path, f"{stored.etag}\n{stored.modified}", number)

    def conditions(self, url: str) -> dict[str, str] | None:
        """Header fields that ask for a URL only if it has changed; None if nothing is known of it that would do."""
        place = self._places.get(digest(url))
        if place is None:
            return None
        etag, _, modified = place[1].partition("\n")
        fields = {"If-None-Match": etag, "If-Modified-Since": modified}
        return {name: value for name, value in fields.items() if value} or None

    def came(self, row: Row) -> str:
        """When the content of ``row`` came first, if it is what was there before; else when it came now."""
        if digest(row.url) in self._places:
            _, _, before = self.row(row.url)
            if before.sha256 == row.sha256:
                return before.fetched
        return row.fetched

    def row(self, url: str) -> tuple[str, int, Row]:
        """(pack, number, row) of a URL that there was."""
        path, _, number = self._places[digest(url)]
        rows = self._packs.get(path)
        if rows is None:
            rows = self._packs[path] = {n: row for _, n, row in narrow_rows(self._storage, path)}
            while len(self._packs) > _HELD:
                self._packs.popitem(last=False)
        self._packs.move_to_end(path)
        return path, number, rows[number]
