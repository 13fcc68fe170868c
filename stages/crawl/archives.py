"""The SVGs in a zip, a 7z, a .deb, a tar or a Parquet file, one after the other, without unpacking to disk.

An archive is untrusted: its names are data, its sizes are claims. What is wrong with one member costs that member; what
is wrong with the archive as a whole (truncated, no archive at all) raises `ArchiveError`, because nobody can say which
records are missing. Links, devices and folders are no members. An archive in an archive is a member that is read in its
turn, as it is, from memory or a temporary file; its members have its path before theirs.

Names are in Unicode's composed form (NFC), whatever the form that a system stores; macOS stores the other. It also puts
a file of its own beside each, ``._<name>`` (AppleDouble), which is no member.

What lies in an archive can say the licence of its members (`stages.licenses.tree`). It is read before they are, so an
archive is gone through twice then; what says nothing of a member of an inner archive leaves it to the outer one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from stages.crawl.container import ArchiveError, Budget, Entry, NoColumn, OverBudget
from stages.crawl.debs import deb_entries
from stages.crawl.items import Lost, RawItem
from stages.crawl.listing import NOT_IN_GLOB, extension, kind_of
from stages.crawl.names import Names, normalised
from stages.crawl.parquets import parquet_entries
from stages.crawl.settings import Columns, CrawlSettings
from stages.crawl.tars import tar_entries
from stages.crawl.zips import zip_entries
from stages.licenses.tree import LARGEST, UNKNOWN, TreeLicenses, is_evidence
from stages.reasons import Reason

_MOST_EVIDENCE = 64 * 2**20
"""Bytes of texts and manifests of one archive that are read."""

_SPOOL = 32 * 2**20
"""Bytes of an archive in an archive from which on it goes through a temporary file."""


@dataclass(frozen=True)
class Reading:
    """How archives are read beside the settings of the crawl."""

    column: str | None = None
    """The column of drawings of Parquet files; None: the one that is called svg, or has it in its name."""
    columns: Columns = Columns()  # noqa: RUF009 - it is frozen
    """Their other columns."""
    drop_bad: bool = False
    """A damaged archive in an archive is one member without content, instead of an `ArchiveError` for the whole."""
    licenses: bool = False
    """Whether members have the licence that texts and manifests in the archive give them; the stream is seekable."""
    no_input: Counter[str] = field(default_factory=Counter)
    """How many files of which kind were no members, and columns of no use: `members` counts them here."""


def members(
    stream: BinaryIO, path: str, settings: CrawlSettings, select: Callable[[str], bool], reading: Reading | None = None
) -> Iterator[RawItem]:
    """Yield the .svg and .svgz members whose normalised path satisfies ``select``, in the archive's own order.

    ``stream`` is open at its start, and seekable but for tars and .deb. The second member of one
    path is called ``<path>#2``, and so on; a Parquet file's rows are called as its column of file names says, and where
    it has none by their number, from ``00000000.svg``. Raises ArchiveError, possibly after members were yielded: drop
    those, too.
    """
    budget = Budget(path, settings.max_archive_bytes)
    yield from _Walk(path, settings, select, reading or Reading(), budget).archive(stream, path, "", 1, False)


class _Walk:
    def __init__(
        self, path: str, settings: CrawlSettings, select: Callable[[str], bool], reading: Reading, budget: Budget
    ) -> None:
        self._path, self._settings, self._select, self._reading, self._budget = path, settings, select, reading, budget
        self._names = Names()
        self._licenses: list[tuple[str, TreeLicenses]] = []
        """Of the archives within each other that are being read, from the outermost in: (path before members, ...)."""

    def archive(self, stream: BinaryIO, name: str, inner: str, depth: int, whole: bool) -> Iterator[RawItem]:
        """Members of an archive, in another at ``inner`` or in none (); ``whole``: it is itself selected."""
        if not self._reading.licenses or name.lower().endswith(".parquet"):
            yield from self._members(stream, name, inner, depth, whole)
            return
        self._licenses.append((f"{inner}/" if inner else "", self._evidence(stream, name, inner)))
        stream.seek(0)
        try:
            yield from self._members(stream, name, inner, depth, whole)
        finally:
            self._licenses.pop()

    def _members(self, stream: BinaryIO, name: str, inner: str, depth: int, whole: bool) -> Iterator[RawItem]:
        for entry in self._entries(stream, name, inner, self._budget, self._reading.no_input):
            member = normalised(entry.name)
            shown = f"{inner}/{member}" if inner else member
            kind = kind_of(shown)
            if not entry.is_file:
                self._reading.no_input["link or device in an archive"] += 1
            elif kind == "archive":
                yield from self._inner(entry, member, shown, depth, whole or self._select(shown))
            elif not (whole or self._select(shown)):
                self._reading.no_input[f"{extension(shown)}{NOT_IN_GLOB}"] += 1
            elif kind is None:
                self._reading.no_input[extension(shown)] += 1
            else:
                content = self._content(entry)
                if isinstance(content, bytes) and _is_apple_double(member, content):
                    self._reading.no_input[APPLE_DOUBLE] += 1
                else:
                    item = replace(entry.brings, path=self._names.unique(shown), content=content)
                    yield self._licensed(item, shown)

    def _entries(
        self, stream: BinaryIO, name: str, inner: str, budget: Budget, no_input: Counter[str]
    ) -> Iterator[Entry]:
        path = f"{self._path}/{inner}" if inner else self._path
        suffix = name.lower().rpartition(".")[2]
        if suffix == "parquet":
            reading, limit = self._reading, self._settings.max_bytes
            return parquet_entries(stream, path, budget, reading.column, reading.columns, limit, no_input)
        return _ENTRIES.get(suffix, tar_entries)(stream, path, budget)

    def _evidence(self, stream: BinaryIO, name: str, inner: str) -> TreeLicenses:
        files: dict[str, bytes] = {}
        left = _MOST_EVIDENCE
        for entry in self._entries(stream, name, inner, self._budget.copy(), Counter()):
            path, sink = normalised(entry.name), _Bytes()
            if entry.is_file and is_evidence(path) and entry.copy(sink, min(LARGEST, left)) is None:
                files.setdefault(path, bytes(sink.data))
                left -= len(sink.data)
        return TreeLicenses(files)

    def _licensed(self, item: RawItem, shown: str) -> RawItem:
        """A record with what its archive says of its licence, unless it says it itself."""
        if item.license is not None:
            return item
        for before, licenses in reversed(self._licenses):
            found = licenses.of(shown.removeprefix(before))
            if found != UNKNOWN:
                facts = (*item.facts, *found.facts)
                known = replace(item, license_digest=found.digest, author=item.author or found.holder, facts=facts)
                if found.expression is None:
                    return known
                return replace(known, license=found.expression, license_from=found.origin)
        return item

    def _content(self, entry: Entry) -> bytes | Lost:
        sink = _Bytes()
        return entry.copy(sink, self._settings.max_bytes) or bytes(sink.data)

    def _inner(self, entry: Entry, name: str, shown: str, depth: int, whole: bool) -> Iterator[RawItem]:
        if depth >= self._settings.max_archive_depth:
            limit = f"{self._settings.max_archive_depth} (crawl.max_archive_depth)"
            yield RawItem(
                self._names.unique(shown), (Reason.BAD_ARCHIVE_MEMBER, f"archives within each other, more than {limit}")
            )
            return
        with SpooledTemporaryFile(max_size=_SPOOL) as spool:
            stream = cast(BinaryIO, spool)
            lost = entry.copy(stream, self._settings.max_inner_archive_bytes)
            stream.seek(0)
            if lost is None and _is_apple_double(name, stream.read(len(_APPLE_DOUBLE))):
                self._reading.no_input[APPLE_DOUBLE] += 1
                return
            shown = self._names.unique(shown)
            if lost is None and self._reading.drop_bad:
                lost = self._damage(stream, name, shown)
            if lost is not None:
                yield RawItem(shown, lost)
                return
            stream.seek(0)
            try:
                yield from self.archive(stream, name, shown, depth + 1, whole)
            except NoColumn:
                self._reading.no_input[NO_COLUMN] += 1

    def _damage(self, stream: BinaryIO, name: str, inner: str) -> Lost | None:
        """What is wrong with the archive as a whole, before any of its members are yielded."""
        stream.seek(0)
        try:
            for _ in self._entries(stream, name, inner, self._budget.copy(), Counter()):
                pass
        except (OverBudget, NoColumn):
            return None
        except ArchiveError as error:
            return Reason.BAD_ARCHIVE, error.what
        return None


def _sevenzip_entries(stream: BinaryIO, path: str, budget: Budget) -> Iterator[Entry]:
    # every command and every worker would pay a seventh of a second for py7zr, and few have a 7z to read
    from stages.crawl.sevenzips import sevenzip_entries

    return sevenzip_entries(stream, path, budget)


_ENTRIES = {"zip": zip_entries, "7z": _sevenzip_entries, "deb": deb_entries}

NO_COLUMN = ".parquet without a column of drawings"

APPLE_DOUBLE = "AppleDouble file of macOS"
_APPLE_DOUBLE = b"\x00\x05\x16\x07"


class _Bytes:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> None:
        self.data += data


def _is_apple_double(name: str, content: bytes) -> bool:
    return name.rpartition("/")[2].startswith("._") and content.startswith(_APPLE_DOUBLE)
