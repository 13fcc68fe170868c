"""What a drawing's own file says of its licence and its author: RDF, Dublin Core, and comments at its beginning.

Editors write a ``metadata`` element: Inkscape and the Open Clip Art Library RDF with ``cc:Work`` (Creative Commons'
vocabulary, in its old and its new namespace) and Dublin Core, Adobe XMP. Icon sets write a comment before the first
drawing element. It is taken out when a drawing is cleaned, so it is read before.

What is said of *this* document counts: metadata that is a child of the root, in it a ``cc:Work`` or a description
directly under ``rdf:RDF``, with ``rdf:about`` empty where there are several. The file is hostile until proven
otherwise: whatever is odd about it, there is no metadata.

Sources: Creative Commons' ccREL (2008), section 5; Dublin Core terms; RDF 1.1 XML syntax; XMP specification, part 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from stages.base import Dropped
from stages.licenses.expressions import spdx
from stages.licenses.sentences import licence_in
from stages.sanitize.decode import decode
from stages.text import plain

_LARGEST = 8 * 2**20  # bytes of a file that is looked into
_DEEPEST, _ELEMENTS = 2_000, 300_000
_ENTITIES, _ENTITY = 100, 2_000  # internal entities of a file, characters of one
_VALUES, _VALUE = 200, 2_000  # statements of a file, characters of one
_COMMENTS, _HEAD = 20, 2**16  # comments of a file, characters before the root has begun
_BEGINNING = 2**12  # bytes in which a comment names a licence

_SIGNS = (b"icen", b"ICEN", b"ublic domain", b"UBLIC DOMAIN")
"""One of these stands in every comment that names a licence."""

_SPACES = {
    "http://creativecommons.org/ns#": "cc",
    "https://creativecommons.org/ns#": "cc",
    "http://web.resource.org/cc/": "cc",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dc",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
}
_USUAL = {name: name for name in ("cc", "dc", "rdf", "xmpRights")} | {"dcterms": "dc"}
"""What a prefix means that nobody has bound."""

_WORKS = frozenset({"cc:Work", "rdf:Description"})
_PARTS = frozenset({"cc:Agent", "dc:title", "rdf:Alt", "rdf:Bag", "rdf:Seq", "rdf:li", "rdf:Description", "cc:Work"})
"""Elements between a statement and its text."""

_LICENCES = ("cc:license", "dc:license", "xmpRights:WebStatement")
_HEAD_PART = re.compile(
    r"\s+|<!--(?P<comment>.*?)-->|<\?.*?\?>|(?P<declared><!DOCTYPE(?:[^\[>]|\[.*?\]\s*(?=>))*>)"
    r"|(?P<root><(?:[\w-]+:)?svg\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*(?<!/)>)",
    re.S,
)
_NO_MARKUP = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>"}
"""How what only looks like elements begins, and ends."""

_NO_ELEMENT = re.compile(r"<!--|<!\[CDATA\[|<\?")
_METADATA = re.compile(r"<((?:[\w.-]+:)?(?:metadata|RDF))(?:\s[^<>]*)?(?<!/)>")


@dataclass(frozen=True)
class Metadata:
    """What a file says of itself. Texts are on one line; None for what it does not say."""

    license: str | None = None
    """SPDX expression."""
    stated: str | None = None
    """What it says of a licence, if that was not understood, or contradicts itself."""
    author: str | None = None
    """As the licensor wants to be named (``cc:attributionName``), else the creators."""
    holder: str | None = None
    """Who has the rights (``dc:rights``)."""
    title: str | None = None
    link: str | None = None
    """``cc:attributionURL``: where a credit has to lead."""
    origin: str | None = None
    """An address of the work: ``dc:source``, ``dc:identifier``, or what it is about."""


NOTHING = Metadata()


def metadata(data: bytes) -> Metadata | None:
    """What the file says of itself; None for nothing, and for a file with anything odd about it. Never raises."""
    if len(data) > _LARGEST:
        return None
    seen = data.replace(b"\0", b"") if b"\0" in data[:4] else data
    if b"RDF" not in seen and not _has_comment(seen):
        return None
    try:
        text, _ = decode(data)
        head = _head(text)
        said = _of_rdf(text, head) if "RDF" in text else {}
    except (Dropped, _Odd, expat.ExpatError, UnicodeError, ValueError):
        return None
    works = list(said.values())
    own = works[0] if len(works) == 1 else said.get("", {})
    commented = [found for comment in head.comments if (found := licence_in(comment)) is not None]
    license, stated = _license(own, commented)
    rights = _first(own, "dc:rights")
    whole = Metadata(
        license=license,
        stated=stated,
        author=_first(own, "cc:attributionName") or _all(own, "dc:creator"),
        holder=None if rights is None or licence_in(rights) or len(rights) > 200 else rights,
        title=_first(own, "dc:title"),
        link=_address(own, "cc:attributionURL"),
        origin=_address(own, "dc:source", "dc:identifier", "about"),
    )
    return None if whole == NOTHING else whole


def _has_comment(data: bytes) -> bool:
    """Whether one of the comments at the beginning may name a licence."""
    begin = data.find(b"<!--", 0, _BEGINNING)
    return begin >= 0 and any(data.find(sign, begin, _BEGINNING) >= 0 for sign in _SIGNS)


class _Odd(Exception):
    """The file has something that nobody needs for saying who made it."""


_Statements = dict[str, list[str]]
"""Name of a statement -> its values, in the file's order."""


def _license(own: _Statements, commented: list[str]) -> tuple[str | None, str | None]:
    """The licence that all statements agree on, and None; or None and what was stated."""
    stated = [value for name in _LICENCES for value in own.get(name, [])]
    if stated:
        # what a licence permits is described beside: of another than the work's, somebody changed one and not the other
        stated += [value for value in own.get("cc:License", []) if value not in stated]
    known = {spdx(value) for value in stated}
    # who has the rights stands there as often as which those are: only what names a licence counts
    known |= {found for value in own.get("dc:rights", []) if (found := licence_in(value)) is not None}
    known |= set(commented)
    if not known:
        return None, None
    if len(known) == 1 and None not in known:
        return known.pop(), None
    return None, plain("; ".join(dict.fromkeys([*stated, *own.get("dc:rights", []), *commented])), _VALUE)


def _first(own: _Statements, name: str) -> str | None:
    return next(iter(own.get(name, ())), None)


def _all(own: _Statements, name: str) -> str | None:
    every = ", ".join(dict.fromkeys(own.get(name, ())))
    return every if 0 < len(every) <= _VALUE else None


def _address(own: _Statements, *names: str) -> str | None:
    """The first value that is the address of something on the web."""
    values = (value for name in names for value in own.get(name, ()))
    return next((value for value in values if re.match(r"https?://[^\s<>\"]+$", value)), None)


@dataclass(frozen=True)
class _Head:
    """A document up to the first element in its root."""

    comments: list[str]
    root: str
    """The root's start tag."""
    declared: str
    """The document type declaration, "" for none."""
    begin: int
    """Where the root's content begins."""


def _head(text: str) -> _Head:
    """The beginning of a document. Raises _Odd if there is no root with content in it."""
    at, comments, root, declared, begin = 0, list[str](), "", "", 0
    while (part := _HEAD_PART.match(text, at, _HEAD)) is not None:
        if part["root"]:
            if root:
                break
            root, begin = part["root"], part.end()
        elif part["declared"]:
            declared = part["declared"]
        elif part["comment"] is not None and len(comments) < _COMMENTS:
            comments.append(part["comment"].strip(" \t\r\n!-"))
        at = part.end()
    if not root:
        raise _Odd
    return _Head(comments, root, declared, begin)


def _of_rdf(text: str, head: _Head) -> dict[str, _Statements]:
    """What a document's RDF says, by what it says it about. Raises _Odd, ExpatError."""
    own = _own_metadata(_elements_only(text[head.begin :]))
    if not own:
        return {}
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.EntityDeclHandler = reader.entity
    parser.ExternalEntityRefHandler = reader.external
    name = re.match(r"<([^\s>]+)", head.root)
    assert name is not None
    # drawings are large, and what they say of themselves is small: the rest need not be parsed for it
    parser.Parse(f"{head.declared}{head.root}{''.join(own)}</{name[1]}>".encode(), True)
    for statements in reader.said.values():
        statements["cc:License"] = reader.described
    return reader.said


def _elements_only(text: str) -> str:
    """``text`` without comments, CDATA sections and processing instructions. Raises _Odd if one has no end."""
    parts, at = [], 0
    while (begin := _NO_ELEMENT.search(text, at)) is not None:
        parts.append(text[at : begin.start()])
        closing = _NO_MARKUP[begin[0]]
        end = text.find(closing, begin.end())
        if end < 0:
            raise _Odd
        at = end + len(closing)
    return "".join([*parts, text[at:]])


def _own_metadata(content: str) -> list[str]:
    """The elements with RDF in them that are children of the root, whose ``content`` this is. Raises _Odd."""
    own, depth, at = list[str](), 0, 0
    while (begin := _METADATA.search(content, at)) is not None:
        before, closing = content[at : begin.start()], f"</{begin[1]}"
        depth += before.count("<") - 2 * before.count("</") - before.count("/>")
        last = content.find(closing, begin.end())
        end = content.find(">", last)
        if last < 0 or end < 0 or len(own) == _VALUES:
            raise _Odd
        at = end + 1
        if depth == 0 and "RDF" in content[begin.start() : at]:
            own.append(content[begin.start() : at])
    return own


@dataclass
class _Reader:
    """Handlers of one parse: where in the document it is, and what was said."""

    said: dict[str, _Statements] = field(default_factory=dict)
    described: list[str] = field(default_factory=list)
    """Addresses of the licences that are described."""
    scopes: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Depth of an element, and what prefixes mean in it."""
    depth: int = 0
    elements: int = 0
    entities: int = 0
    rdf: int = 0
    """Depth of the open ``rdf:RDF``, 0 for none."""
    work: tuple[int, _Statements] | None = None
    """Depth of the open work, and what was said of it."""
    statement: tuple[int, str] | None = None
    """Depth of the open statement, and its name."""
    aside: int = 0
    """Depth of an element in a statement that is about something else, 0 for none."""
    text: list[str] = field(default_factory=list)

    def entity(self, name: str, parameter: bool, value: str | None, *_: object) -> None:
        self.entities += 1
        if value is None or "&" in value or "%" in value or len(value) > _ENTITY or self.entities > _ENTITIES:
            raise _Odd

    def external(self, *_: object) -> int:
        raise _Odd

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.elements += 1
        if self.depth > _DEEPEST or self.elements > _ELEMENTS:
            raise _Odd
        bound = {name[6:]: value for name, value in attributes.items() if name == "xmlns" or name[:6] == "xmlns:"}
        if bound:
            self.scopes.append((self.depth, (self.scopes[-1][1] if self.scopes else {}) | bound))
        if not self.rdf:
            if self._name(tag) == "rdf:RDF":
                self.rdf = self.depth
            return
        name = self._name(tag)
        named = {self._name(key, attribute=True): value for key, value in attributes.items()} if attributes else {}
        about = named.get("rdf:about", "").strip()
        if self.work is None:
            if self.depth == self.rdf + 1 and name == "cc:License" and about and len(self.described) < _VALUES:
                self.described.append(plain(about, _VALUE))
            if self.depth == self.rdf + 1 and name in _WORKS:
                self.work = self.depth, self.said.setdefault(about, {})
                for key, value in {"about": about, **named}.items():
                    self._say(key, value)  # RDF has a short form with attributes
        elif self.statement is None:
            self.statement, self.text = (self.depth, name), []
            self._say(name, named.get("rdf:resource", ""))
        elif not self.aside and name not in _PARTS:
            self.aside = self.depth
        elif name == "rdf:li" or name == "cc:Agent":
            self._flush()

    def characters(self, text: str) -> None:
        if self.statement is not None and not self.aside and len(self.text) < _VALUES:
            self.text.append(text)

    def end(self, tag: str) -> None:
        if self.statement is not None:
            if self.aside == self.depth:
                self.aside = 0
            elif self.statement[0] == self.depth or tag.endswith("li"):
                self._flush()
            if self.statement[0] == self.depth:
                self.statement = None
        elif self.work is not None and self.work[0] == self.depth:
            self.work = None
        elif self.rdf == self.depth:
            self.rdf = 0
        if self.scopes and self.scopes[-1][0] == self.depth:
            self.scopes.pop()
        self.depth -= 1

    def _flush(self) -> None:
        assert self.statement is not None
        self._say(self.statement[1], "".join(self.text))
        self.text = []

    def _say(self, name: str, value: str) -> None:
        assert self.work is not None
        if not value or value.isspace():
            return
        value = plain(value, _VALUE + 1)
        values = self.work[1].setdefault(name, [])
        if value and len(value) <= _VALUE and len(values) < _VALUES and value not in values:
            values.append(value)

    def _name(self, tag: str, attribute: bool = False) -> str:
        """A tag, or an attribute's name, with the prefix that its namespace usually has."""
        prefix, colon, local = tag.rpartition(":")
        if attribute and not colon:
            return f"rdf:{local}" if local in ("about", "resource") else local  # the old form of RDF
        space = self.scopes[-1][1].get(prefix) if self.scopes else None
        known = _USUAL.get(prefix) if space is None else _SPACES.get(space)
        return f"{known}:{local}" if known else local
