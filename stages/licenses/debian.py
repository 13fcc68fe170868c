"""Debian's machine-readable copyright files (DEP-5): which licence each path has.

``debian/copyright``, and ``.reuse/dep5`` of REUSE, are about paths as they are there; the last paragraph that matches
counts. ``usr/share/doc/<package>/copyright`` of an installed package is about paths of its source, while files lie
elsewhere now: so all paragraphs that may be of a file so called have to agree, but for those on ``debian/``, which are
about the packager's work; where one names installed paths, as some do, it counts. Patterns are matched here:
python-debian's expressions for them take exponential time on some.
"""

from __future__ import annotations

import fnmatch
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from stages.licenses.expressions import spdx

if TYPE_CHECKING:
    from debian.copyright import FilesParagraph

_MOST = 500
"""Patterns of a file; one with more says nothing."""

_INSTALLED = re.compile(r"(?:(.*)/)?usr/share/doc/[^/]+/copyright")
_SOURCE = re.compile(r"(?:(.*)/)?debian/copyright")

FAULTS = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)
"""What the library raises on damaged files now and then, as Python does of a wrong value; mostly it raises its own."""

# it tells of each old form of a file, on standard error
logging.getLogger("debian.copyright").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Paragraph:
    """What a copyright file says of some paths."""

    globs: tuple[str, ...]
    stated: str
    """The licence, as it stands there."""
    holder: str | None
    """Who holds the copyright."""

    def covers(self, path: str) -> bool:
        """Whether a path matches one of the patterns."""
        return any(pattern.match(path) for pattern in self._patterns)

    def may_cover(self, name: str) -> bool:
        """Whether a file so called, wherever, can match one of the patterns."""
        return any(pattern.match(name) for pattern in self._names)

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        return [_pattern(glob) for glob in self.globs]

    @cached_property
    def _names(self) -> list[re.Pattern[str]]:
        return [_pattern(_end(glob)) for glob in self.globs]


def place_of(path: str) -> tuple[str, bool] | None:
    """Of a path that is a copyright file's: the folder that it is about, and whether that is an installed package's."""
    match = _INSTALLED.fullmatch(path) or _SOURCE.fullmatch(path)
    return None if match is None else (match[1] or "", match.re is _INSTALLED)


def paragraphs(content: bytes) -> tuple[Paragraph, ...] | None:
    """The paragraphs on files, in order; None for what is no machine-readable copyright file."""
    # few runs meet one, and importing this takes as long as a tenth of all that a command imports
    from debian.copyright import Copyright
    from debian.copyright import Error as CopyrightError

    try:
        read = Copyright(content.decode("utf-8", "replace").splitlines(), strict=False)
        found = tuple(
            Paragraph(
                tuple(glob.removeprefix("./") for glob in files.files),
                _field(files, "License").partition("\n")[0].strip(),
                " ".join(_field(files, "Copyright").split()) or None,
            )
            for files in read.all_files_paragraphs()
        )
    except (CopyrightError, *FAULTS):  # the caller says so: as an unread file, or by the digest of a text
        return None
    return found if found and sum(len(paragraph.globs) for paragraph in found) <= _MOST else None


def _field(files: FilesParagraph, name: str) -> str:
    try:
        return str(files[name])
    except KeyError:
        return ""


def of_source(every: Sequence[Paragraph], path: str) -> Paragraph | None:
    """What is said of a path in the tree."""
    return next((paragraph for paragraph in reversed(every) if paragraph.covers(path)), None)


def of_installed(every: Sequence[Paragraph], path: str) -> Paragraph | None:
    """What is said of a path of the installed package; None where paragraphs that may be of it do not agree."""
    named = of_source([p for p in every if any(glob.startswith("usr/") for glob in p.globs)], path)
    if named is not None:
        return named
    name = path.rpartition("/")[2]
    upstream = [p for p in every if not all(glob.startswith(("debian/", "usr/")) for glob in p.globs)]
    candidates = [paragraph for paragraph in upstream if paragraph.may_cover(name)]
    if not candidates or len({spdx(paragraph.stated) for paragraph in candidates}) > 1:
        return None
    holders = {paragraph.holder for paragraph in candidates}
    first = candidates[0]
    return Paragraph(first.globs, first.stated, first.holder if len(holders) == 1 else None)


def _pattern(glob: str) -> re.Pattern[str]:
    r"""A glob of DEP-5 (``*``, ``?``, and a backslash before these and itself), in which ``*`` stands for / too."""
    parts = re.split(r"(\\[*?\\])", glob)
    quoted = (f"[{part[1]}]" if i % 2 else part.replace("[", "[[]") for i, part in enumerate(parts))
    return re.compile(fnmatch.translate("".join(quoted)))


def _end(glob: str) -> str:
    """The pattern of what a file can be called that matches ``glob``."""
    name = glob.rpartition("/")[2]
    before, star, end = name.rpartition("*")
    return f"*{end}" if star and not before.endswith("\\") else name
