"""Which paths are inputs: by extension, and by a glob on the path relative to the source.

A glob is matched against the whole path, case-sensitively, component by component: ``**`` as a component stands for any
number of folders, none included (and, last, for everything below); ``*``, ``?`` and ``[...]`` stay within one component
and match names that begin with a dot, too. This is ``pathlib.PurePath.full_match`` of Python 3.13.

A member of an archive has the path ``<archive path>/<member path>``. The caller counts it as selected if that matches,
or if the archive's own path does; where the source is the archive itself, the member path alone is matched. An archive
of which neither is possible need not be opened.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Literal

_KINDS: dict[str, Literal["svg", "archive"]] = {
    ".svg": "svg",
    ".svgz": "svg",
    ".svg.gz": "svg",
    ".zip": "archive",
    ".7z": "archive",
    ".deb": "archive",
    ".parquet": "archive",
    ".tar": "archive",
    ".tar.gz": "archive",
    ".tgz": "archive",
    ".tar.bz2": "archive",
    ".tbz2": "archive",
    ".tbz": "archive",
    ".tar.xz": "archive",
    ".txz": "archive",
    ".tar.zst": "archive",
    ".tzst": "archive",
}
ARCHIVES = "zip, 7z, deb, tar, tar.gz, tar.bz2, tar.xz, tar.zst, parquet"
"""For people: what `kind_of` calls an archive, but for short forms."""

NOT_IN_GLOB = " not in glob"
"""Behind the kind of a file that is no input because the config says so."""

_LONGEST_EXTENSION = 16
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def kind_of(path: str) -> Literal["svg", "archive"] | None:
    """What the file extension says ``path`` is, whatever its case; None if it is no input."""
    name = path.lower()
    return next((kind for suffix, kind in _KINDS.items() if name.endswith(suffix)), None)


def extension(path: str) -> str:
    """The kind of file that ``path`` says it is, for counts of what is no input: in small letters, on one line."""
    name = display(path).rpartition("/")[2].lower()
    known = [suffix for suffix in _KINDS if name.endswith(suffix)]
    if known:
        return max(known, key=len)
    stem, point, end = name.rpartition(".")
    if not point:
        return "no extension"
    shown = f".{end}" if stem or len(end) > 1 else name
    return shown if 1 < len(shown) <= _LONGEST_EXTENSION else "another extension"


def matches(path: str, glob: str) -> bool:
    """Whether the whole of ``path`` (relative, separated by ``/``) matches ``glob``."""
    if glob == "**/*":  # the default, which all do
        return True
    parts, patterns = path.split("/"), glob.removeprefix("./").split("/")
    at = pattern = 0
    retry_at, retry_pattern = 0, -1
    while at < len(parts):
        if pattern < len(patterns) and patterns[pattern] == "**":
            retry_at, retry_pattern = at, pattern
            pattern += 1
        elif pattern < len(patterns) and fnmatch.fnmatchcase(parts[at], patterns[pattern]):
            at, pattern = at + 1, pattern + 1
        elif retry_pattern >= 0:
            retry_at += 1
            at, pattern = retry_at, retry_pattern + 1
        else:
            return False
    return all(rest == "**" for rest in patterns[pattern:])


def reaches(path: str, glob: str) -> bool:
    """Whether a path below ``path`` can match ``glob``, as a member of an archive there would have it."""
    parts, patterns = path.split("/"), glob.removeprefix("./").split("/")
    for part, pattern in zip(parts, patterns, strict=False):
        if pattern == "**":
            return True
        if not fnmatch.fnmatchcase(part, pattern):
            return False
    return len(patterns) > len(parts)


def select(paths: Iterable[str], glob: str) -> list[str]:
    """The SVG files and archives among ``paths`` that match ``glob``, sorted by code point."""
    return sorted(path for path in paths if kind_of(path) is not None and matches(path, glob))


def display(path: str) -> str:
    """``path`` as valid Unicode on one line: undecodable bytes and control characters become backslash escapes."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
