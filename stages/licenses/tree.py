"""Which licence a file of a tree has (a package, a repository, an archive), by the texts that lie beside it.

What is nearest to the file counts, in this order:

1. a text of its own, ``icon.svg.license`` (REUSE);
2. what ``REUSE.toml`` or ``.reuse/dep5`` says of its path, or Debian's copyright file (`stages.licenses.debian`) that
   of the installed package, or, but for its ``Files: *`` where a text is, that of the source;
3. the licence texts of its folder, else of the next folder upwards that has one (`is_text`), else those in
   ``LICENSES/`` there;
4. the ``license`` of the nearest ``package.json``, which is asked only where there is no text.

Several texts in one folder count as those of drawings if their names say so (``LICENSE-GRAPHICS``), without those whose
names say that they are of something else (``LICENSE-FONTS``). Those that are left have to be of one licence, or to be
just the licences that the manifest joins (``MIT OR Apache-2.0``). Otherwise nobody knows: nothing is guessed.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from stages.licenses import debian
from stages.licenses.expressions import licences_of, spdx
from stages.licenses.texts import license_of_text

LARGEST = 2**20
"""Bytes of a licence's text, or of a manifest, that is read."""

_TEXT = re.compile(r"(un)?licen[cs]es?([-_. ].*)?|copying([-_. ].*)?|.+[-_ ]licen[cs]e(\.[a-z]+)?")
_FOLDER = re.compile(r"licen[cs]es")
_PROSE = ("", "txt", "md", "markdown", "rst", "text", "html", "htm")
_CODE = re.compile(
    r"\.(js|mjs|cjs|jsx|ts|tsx|json|map|py|rb|go|rs|java|c|h|css|scss|less|svgz?|png|jpe?g|gif|webp|license)$"
)
_DRAWINGS = re.compile(r"(^|[^a-z])(graphics?|icons?|images?|artworks?|assets?|svgs?|emojis?|art|media)([^a-z]|$)")
_OTHERS = re.compile(r"(^|[^a-z])(code|fonts?|docs?|third|3rd|3rdparty|thirdparty|deps|dependencies|vendor)([^a-z]|$)")
_MANIFEST, _DEP5, _TOML, _OWN = "package.json", ".reuse/dep5", "REUSE.toml", ".license"
_SEE = re.compile(r"see licen[cs]e in (.+)", re.IGNORECASE)


@dataclass(frozen=True)
class TreeLicense:
    """What is known of the licence of a file."""

    expression: str | None
    """SPDX; None where nobody knows."""
    origin: Literal["text", "manifest", "unknown"]
    """As `stages.crawl.items.LicenseFrom`."""
    digest: str | None = None
    """Hex sha256 of the text, also of one that nobody knows; of several, of all of them in the order of their paths."""
    facts: tuple[tuple[str, str], ...] = ()
    """``license_manifest``: what the manifest states, where the text is of something else, or nobody knows it;
    ``license_path``: where the text is."""
    holder: str | None = None
    """Who holds the copyright, as a copyright file says it."""


UNKNOWN = TreeLicense(None, "unknown")


def is_text(path: str) -> bool:
    """Whether a path is that of a licence's text, by its name: LICENSE, COPYING.md, MIT-LICENSE, LICENSES/MIT.txt."""
    folder, _, name = path.lower().rpartition("/")
    if _CODE.search(name):
        return False
    if _FOLDER.fullmatch(folder.rpartition("/")[2]):
        stem, point, suffix = name.rpartition(".")
        return not (point and stem) or suffix in _PROSE or not suffix.isalpha()
    return _TEXT.fullmatch(name) is not None


def is_evidence(path: str) -> bool:
    """Whether `TreeLicenses` makes use of the file at ``path``."""
    name = path.rpartition("/")[2]
    return (
        name in (_MANIFEST, _TOML)
        or path == _DEP5
        or name.lower().endswith(f".svg{_OWN}")
        or _is_debian(path)
        or is_text(path)
    )


def speaks_for(path: str) -> str:
    """The folder that evidence at ``path`` is looked at for: its own, but for LICENSES/ and .reuse/."""
    folder = _above(path)
    return _above(folder) if path == _DEP5 or _FOLDER.fullmatch(_name(folder)) else folder


class TreeLicenses:
    """The licences in a tree. ``files``: path -> content of all that `is_evidence`, at most `LARGEST` bytes each."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._texts: dict[str, list[str]] = {}
        self._in_licenses: dict[str, list[str]] = {}
        for path in sorted(files):
            if not is_text(path):
                continue
            folder = speaks_for(path)
            texts = self._texts if folder == _above(path) else self._in_licenses
            texts.setdefault(folder, []).append(path)
        self._of_folder: dict[str, TreeLicense] = {}
        self._of_debian: dict[str, list[_DebianFile]] = {}
        for path in sorted(files):
            if (place := debian.place_of(path)) is not None:
                folder, installed = place
                paragraphs = debian.paragraphs(files[path])
                # if it is none of the machine-readable, it is a text
                text = self._of_texts([path], None) if installed and paragraphs is None else None
                digest = hashlib.sha256(files[path]).hexdigest()
                read = _DebianFile(path, digest, installed, paragraphs or (), text)
                self._of_debian.setdefault(folder, []).append(read)

    def of(self, path: str) -> TreeLicense:
        """What is known of the licence of the file at ``path``."""
        own = f"{path}{_OWN}"
        if own in self._files:
            return self._of_texts([own], None)
        stated = self._by_reuse(path) or self._by_debian(path)
        return self._beside(_above(path)) if stated is None else stated

    def _beside(self, folder: str) -> TreeLicense:
        if folder not in self._of_folder:
            self._of_folder[folder] = self._nearest(folder)
        return self._of_folder[folder]

    def _nearest(self, folder: str) -> TreeLicense:
        manifest = next((stated for at in _upwards(folder) if (stated := self._manifest(at)) is not None), None)
        for at in _upwards(folder):
            texts = self._texts.get(at) or self._in_licenses.get(at)
            if texts:
                return self._of_texts(texts, manifest)
        if manifest is None:
            return UNKNOWN
        named = _SEE.fullmatch(manifest.strip())
        text = named and self._named(folder, named[1].strip().removeprefix("./"))
        if text:
            return self._of_texts([text], None)
        expression = spdx(manifest)
        facts = () if expression else (("license_manifest", manifest),)
        return TreeLicense(expression, "manifest" if expression else "unknown", facts=facts)

    def _of_texts(self, texts: list[str], manifest: str | None) -> TreeLicense:
        of_drawings = [path for path in texts if _DRAWINGS.search(_name(path))]
        of_others = [path for path in texts if _OTHERS.search(_name(path))]
        texts = of_drawings or [path for path in texts if path not in of_others] or texts
        contents = [self._files[path] for path in texts]
        found = {license_of_text(content).expression for content in contents}
        digest = hashlib.sha256(b"".join(contents)).hexdigest()
        stated = spdx(manifest) if manifest else None
        expression = next(iter(found)) if len(found) == 1 else None
        if None not in found and stated and set(licences_of(stated)) == found:
            expression = stated
        facts = [("license_path", " ".join(texts))]
        if manifest and (expression is None or stated != expression):
            facts.append(("license_manifest", manifest))
        return TreeLicense(expression, "text" if expression else "unknown", digest, tuple(facts))

    def _manifest(self, folder: str) -> str | None:
        """What the ``package.json`` in a folder states as licence, as it stands there."""
        manifest = manifest_of(self._files.get(_join(folder, _MANIFEST), b""))
        value = manifest.get("license") or manifest.get("licenses")
        names = [each.get("type") if isinstance(each, dict) else each for each in _listed(value)]
        # several in a list were never defined to mean all of them, or any
        return ", ".join(name for name in names if isinstance(name, str) and name.strip()) or None

    def _named(self, folder: str, name: str) -> str | None:
        return next((path for at in _upwards(folder) if (path := _join(at, name)) in self._files), None)

    def _by_reuse(self, path: str) -> TreeLicense | None:
        """What REUSE's files state of a path."""
        for folder in _upwards(_above(path)):
            annotations = self._annotations.get(folder, ())
            if annotations is None:
                return self._unread(_join(folder, _TOML))
            stated = _by_toml(annotations, path.removeprefix(f"{folder}/" if folder else ""))
            if stated is not None:
                return self._stated(stated, _join(folder, _TOML))
        if self._dep5 is None:
            return self._unread(_DEP5)
        paragraph = debian.of_source(self._dep5, path)
        return self._stated(paragraph.stated, _DEP5) if paragraph is not None and paragraph.stated else None

    def _by_debian(self, path: str) -> TreeLicense | None:
        """What Debian's copyright file states of a path."""
        for folder in _upwards(_above(path)):
            for file in self._of_debian.get(folder, ()):
                if (license := self._in_debian(file, folder, path)) is not None:
                    return license
        return None

    def _in_debian(self, file: _DebianFile, folder: str, path: str) -> TreeLicense | None:
        facts: tuple[tuple[str, str], ...] = (("license_path", file.path),)
        below = path.removeprefix(f"{folder}/" if folder else "")
        if not file.installed:
            paragraph = debian.of_source(file.paragraphs, below)
            if paragraph is None or (paragraph.globs == ("*",) and self._beside(_above(path)).digest is not None):
                return None
        elif sum(other.installed for other in self._of_debian[folder]) > 1:
            # of which of the packages the file is, nobody knows
            return TreeLicense(None, "unknown", file.digest, facts)
        elif file.text is not None:
            return file.text
        else:
            paragraph = debian.of_installed(file.paragraphs, below)
            if paragraph is None:
                return TreeLicense(None, "unknown", file.digest, facts)
        expression = spdx(paragraph.stated)
        facts += () if expression else (("license_manifest", paragraph.stated),)
        return TreeLicense(expression, "manifest" if expression else "unknown", file.digest, facts, paragraph.holder)

    def _stated(self, stated: str, where: str) -> TreeLicense:
        expression = spdx(stated)
        texts = self._in_licenses.get("", [])
        text = next((path for path in texts if _name(path).rpartition(".")[0] == (expression or "").lower()), None)
        digest = hashlib.sha256(self._files[text]).hexdigest() if text else None
        facts = [("license_path", where)] + ([] if expression else [("license_manifest", stated)])
        return TreeLicense(expression, "manifest" if expression else "unknown", digest, tuple(facts))

    def _unread(self, where: str) -> TreeLicense:
        """What a file that nobody can read may say of a path is not known, and no text beside it is taken instead."""
        digest = hashlib.sha256(self._files[where]).hexdigest()
        return TreeLicense(None, "unknown", digest, (("license_path", where), ("license_unread", where)))

    @cached_property
    def _annotations(self) -> dict[str, list[dict[str, Any]] | None]:
        """Folder -> the tables of its REUSE.toml; None for one that cannot be read."""
        tables: dict[str, list[dict[str, Any]] | None] = {}
        for path, content in self._files.items():
            if path.rpartition("/")[2] == _TOML:
                try:
                    annotations = tomllib.loads(content.decode()).get("annotations")
                except (ValueError, RecursionError):
                    tables[_above(path)] = None
                    continue
                tables[_above(path)] = [each for each in _listed(annotations) if isinstance(each, dict)]
        return tables

    @cached_property
    def _dep5(self) -> Sequence[debian.Paragraph] | None:
        """Of ``.reuse/dep5``; None for one that cannot be read."""
        return debian.paragraphs(self._files[_DEP5]) if _DEP5 in self._files else ()


@dataclass(frozen=True)
class _DebianFile:
    path: str
    digest: str
    installed: bool
    paragraphs: Sequence[debian.Paragraph]
    text: TreeLicense | None
    """What it is if it is no machine-readable file of an installed package."""


def _is_debian(path: str) -> bool:
    return debian.place_of(path) is not None


def manifest_of(content: bytes) -> dict[str, Any]:
    """A ``package.json``; {} for what is none."""
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _by_toml(annotations: Sequence[Mapping[str, Any]], path: str) -> str | None:
    """The last table that names the path counts, as REUSE has it."""
    for table in reversed(annotations):
        globs = _listed(table.get("path"))
        stated = table.get("SPDX-License-Identifier")
        stated = " AND ".join(f"({each})" for each in stated) if isinstance(stated, list) else stated
        if isinstance(stated, str) and any(isinstance(glob, str) and _covers(glob, path) for glob in globs):
            return stated
    return None


def _covers(glob: str, path: str) -> bool:
    """In REUSE.toml ``*`` stays within a folder and ``**`` does not.

    All places that a part can end at go on together, so that no glob takes more time than its length by the path's.
    """
    ends = {0}
    for part in filter(None, re.split(r"(\*\*/?|\*)", glob)):
        first = min(ends)
        if part == "**":
            ends = set(range(first, len(path) + 1))
        elif part == "**/":
            ends |= {place for place in range(first + 1, len(path) + 1) if path[place - 1] == "/"}
        elif part == "*":
            within = False
            for place in range(first, len(path) + 1):
                within = place in ends or (within and path[place - 1] != "/")
                if within:
                    ends.add(place)
        else:
            ends = {place + len(part) for place in ends if path.startswith(part, place)}
        if not ends:
            return False
    return len(path) in ends


def _name(path: str) -> str:
    return path.rpartition("/")[2].lower()


def _above(path: str) -> str:
    return path.rpartition("/")[0]


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _upwards(folder: str) -> Iterator[str]:
    """A folder, and those it is in, the root last."""
    while folder:
        yield folder
        folder = _above(folder)
    yield ""
