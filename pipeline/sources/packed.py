"""The drawings of a packed tree (a package, a repository), each with the licence that the texts beside it give it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from stages import crawl
from stages.crawl import CrawlSettings, RawItem
from stages.crawl.container import Budget
from stages.crawl.tars import tar_entries
from stages.licenses.tree import LARGEST, TreeLicenses, is_evidence


@dataclass(frozen=True)
class Packed:
    """A tar of a tree."""

    name: str
    """As messages call it."""
    open: Callable[[], BinaryIO]
    inside: int = 0
    """Folders at the front of each path in the tar that are no part of the tree."""

    def path(self, name: str) -> str:
        """Of a file, in the tree; "" for what is outside."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        return "/".join(parts[self.inside :])

    def evidence(self, limits: CrawlSettings) -> dict[str, bytes]:
        """Path -> content of each file that says something of licences (`is_evidence`). Raises ArchiveError."""
        files: dict[str, bytes] = {}
        with self.open() as stream:
            for entry in tar_entries(stream, self.name, Budget(self.name, limits.max_archive_bytes)):
                path, content = self.path(entry.name), _Bytes()
                if path and entry.is_file and is_evidence(path) and entry.copy(content, LARGEST) is None:
                    files[path] = bytes(content.data)
        return files

    def drawings(
        self, licenses: TreeLicenses, select: Callable[[str], bool], limits: CrawlSettings, no_input: Counter[str]
    ) -> Iterator[RawItem]:
        """Those whose path in the tree satisfies ``select``; it is what they are called. Raises ArchiveError."""
        with self.open() as stream:
            chosen = crawl.members(
                stream, self.name, limits, lambda name: select(self.path(name)), crawl.Reading(no_input=no_input)
            )
            for item in chosen:
                path = self.path(item.path)
                license = licenses.of(path)
                yield replace(
                    item,
                    path=path,
                    license=license.expression,
                    license_from=license.origin,
                    license_digest=license.digest,
                    facts=(*item.facts, *license.facts),
                )


class _Bytes:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> None:
        self.data += data
