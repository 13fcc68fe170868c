"""A drawing that stands in a page, as a document of its own.

What the drawing takes from its page is brought in: symbols, gradients, clip paths and the like that it refers to, at
the page's end or in another file, in its ``defs``; what style sheets say of its elements, on the elements; what its
surroundings hand down, on the root. What the page alone decides (where it stands, whether it is hidden or turned, what
is around it) stays behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lxml import etree

from stages.canonical import SVG_NS
from stages.crawl.html.animations import Animations
from stages.crawl.html.document import Document
from stages.crawl.html.frame import Frame, surround
from stages.crawl.html.links import absolute
from stages.crawl.html.tree import Element
from stages.crawl.html.writing import (
    KEPT_PREFIXED,
    NAME,
    NOT_DRAWN,
    NOT_XML,
    SHOWN_BY_REFERENCE,
    SVG,
    XLINK,
    append_text,
    declare,
    fragment_of,
    shows,
)
from stages.normalize.css.variables import substitute
from stages.normalize.values.properties import PRESENTATION

MOST_ELEMENTS = 20_000
"""Of a drawing with all that it takes; what is over is left out, and said."""
DEEPEST = 200
"""Elements within each other: XML parsers bound it at 256."""
MOST_BROUGHT = 500

_LEFT_OUT = frozenset(("style", "script", "metadata", "handler", "listener"))
_TEXTS = frozenset(("text", "tspan", "textPath", "tref", "a", "altGlyph"))
_REFERRING = frozenset((
    "linearGradient", "radialGradient", "pattern", "filter", "textPath", "mpath", "animate", "animateMotion",
    "animateTransform", "animateColor", "set", "feImage", "tref",
))  # fmt: skip
"""Elements whose ``href`` names a part of the drawing, ``use`` apart."""
_URL = re.compile(r"url\(\s*(?:\"([^\"]*)\"|'([^']*)'|([^\"'()\s]*))\s*\)", re.IGNORECASE)
_NO_ID = re.compile(r"[\s\"'()#\\]")
_XHTML = "http://www.w3.org/1999/xhtml"


@dataclass
class Composed:
    """A drawing as a document. ``facts``: what could not be brought in, sorted."""

    content: bytes
    facts: list[tuple[str, str]]
    shows: bool
    """Whether there is anything in it that draws."""
    symbols: list[str] = field(default_factory=list)
    """Ids of what it shows by ``use`` from elsewhere."""


@dataclass(frozen=True)
class _Place:
    """Where an element stands: its document, the root of the copy that it is in, and custom properties there."""

    document: Document
    top: Element | None
    scope: dict[str, str]


class Composer:
    """Makes documents of the drawings of one page. ``file``: the file of a URL, None for what is not there."""

    def __init__(self, page: Document, file: Callable[[str], Document | None]) -> None:
        self._page, self._file = page, file
        self.elements = 0
        """How many were written so far."""

    def drawing(self, svg: Element) -> Composed:
        """An ``svg`` element of the page."""
        return self._composed(svg, alone=False)

    def symbol(self, element: Element) -> Composed:
        """What a ``use`` element of a symbol would show, or of another part of a sprite."""
        return self._composed(element, alone=True)

    def _composed(self, element: Element, alone: bool) -> Composed:
        drawing = _Drawing(self._page, self._file, element, alone)
        composed = drawing.compose()
        self.elements += drawing.count
        return composed


class _Drawing:
    def __init__(
        self,
        page: Document,
        file: Callable[[str], Document | None],
        svg: Element,
        alone: bool,
    ) -> None:
        self._page, self._file, self._svg, self._alone = page, file, svg, alone
        self._inner = svg.below()
        self._local: dict[str, Element] = {}
        for element in self._inner:
            if name := element.attributes.get("id"):
                self._local.setdefault(name, element)
        self._names = set(self._local)
        self._within = {id(element) for element in self._inner}
        self._copies: dict[int, _Place] = {}
        self._brought: dict[tuple[int, tuple[tuple[str, str], ...]], str] = {}
        self._referred: set[str] = set()
        self._facts: dict[str, set[str]] = {}
        self.count = 0
        self._definitions: list[tuple[etree._Element, dict[str, str]]] = []
        self._moving = Animations()
        self._symbols: dict[str, None] = {}
        self._root = etree.Element(f"{SVG}svg", nsmap={None: SVG_NS, "xlink": XLINK})
        self._defs: etree._Element | None = None

    def compose(self) -> Composed:
        styles, svg = self._page.styles, self._svg
        place = _Place(self._page, svg if self._alone else None, styles.scope(svg))
        unknown: set[str] = set()
        winners = styles.winners(svg, place.scope, place.top, unknown)
        self._note("without value", unknown)
        self._find_copies(place)
        self._attributes(svg, self._root, place)
        frame = Frame(svg, self._root, styles, self._alone, self._note)
        frame.declare(winners, lambda text: self._urls(text, place) if "url(" in text.lower() else text)
        for child in svg.content:
            self._emit(child, self._root, place, 1, False)
        frame.inherit()
        surround(self._root, self._definitions)
        self._moving.write(self._root)
        if styles.missing:
            self._note("style sheets not there", styles.missing)
        self._note("style not decided", styles.left_open)
        if svg.attributes.get("id") not in self._referred:
            self._root.attrib.pop("id", None)
        etree.cleanup_namespaces(self._root)
        content = etree.tostring(self._root, encoding="utf-8")
        facts = [(name, "; ".join(sorted(values)[:20])) for name, values in sorted(self._facts.items()) if values]
        return Composed(content, facts, shows(self._root), list(self._symbols))

    def _note(self, name: str, values: Iterable[str]) -> None:
        if values := list(values):
            self._facts.setdefault(name, set()).update(values)

    # -- elements ------------------------------------------------------------------------------------------------

    def _find_copies(self, place: _Place) -> None:
        """What the drawing's own ``use`` elements show and nothing else does is styled as the copy is."""
        for element in self._inner:
            if element.tag != "use":
                continue
            target = self._local.get(fragment_of(_href(element)))
            if target is not None and id(target) not in self._copies and _only_by_reference(target, self._svg):
                self._copies[id(target)] = _Place(place.document, target, self._page.styles.scope(element))

    def _emit(self, node: Element | str, parent: etree._Element, place: _Place, depth: int, texts: bool) -> None:
        if isinstance(node, str):
            if texts:
                append_text(parent, NOT_XML.sub("", node))
            return
        if node.space != "svg":
            self._emit_foreign(node, parent, depth)
            return
        if node.tag in _LEFT_OUT or not NAME.fullmatch(node.tag):
            return
        self.count += 1
        if self.count > MOST_ELEMENTS or depth > DEEPEST:
            self._note("left out", ["elements past the limit"])
            return
        element = etree.SubElement(parent, SVG + node.tag)
        if node.tag in ("title", "desc"):
            element.text = NOT_XML.sub("", node.words(2_000))
            return
        place = self._copies.get(id(node), place) if place.document is self._page else place
        scope = place.document.styles.scope_within(node, place.scope, place.top)
        place = _Place(place.document, place.top, scope)
        self._attributes(node, element, place)
        self._style(node, element, place)
        texts = node.tag in _TEXTS if node.tag != "a" else texts
        for child in node.content:
            self._emit(child, element, place, depth + 1, texts or node.tag == "foreignObject")

    def _emit_foreign(self, node: Element, parent: etree._Element, depth: int) -> None:
        """HTML within a foreignObject, without what styles it."""
        if node.space != "html" or not NAME.fullmatch(node.tag) or node.tag in ("script", "style", "template"):
            return
        self.count += 1
        if self.count > MOST_ELEMENTS or depth > DEEPEST:
            return
        element = etree.SubElement(parent, f"{{{_XHTML}}}{node.tag}", nsmap={None: _XHTML})
        for name, value in node.attributes.items():
            if NAME.fullmatch(name) and not NOT_DRAWN.fullmatch(name):
                element.set(name, NOT_XML.sub("", value))
        for child in node.content:
            self._emit(child, element, _Place(self._page, None, {}), depth + 1, True)

    # -- attributes and references -------------------------------------------------------------------------------

    def _attributes(self, node: Element, element: etree._Element, place: _Place) -> None:
        for name, value in node.attributes.items():
            key = KEPT_PREFIXED.get(name, "") if ":" in name else name
            if name == "class" and place.document.styles.missing:
                element.set(name, NOT_XML.sub("", value))  # it says that something is missing
            if not key or NOT_DRAWN.fullmatch(name) or not (":" in name or NAME.fullmatch(name)):
                continue
            value = NOT_XML.sub("", value)
            if name in ("href", "xlink:href"):
                value = self._reference(node, value, place)
            elif "var(" in value and name in PRESENTATION:
                resolved = substitute(value, place.scope, ())
                if resolved is None:
                    self._note("without value", [f"{name}: {value[:100]}"])
                    continue
                value = resolved
            if "url(" in value.lower():
                value = self._urls(value, place)
            element.set(key, value)

    def _reference(self, node: Element, value: str, place: _Place) -> str:
        """The ``href`` of an element, of which what it names is brought in."""
        if node.tag == "use":
            return self._used(node, value, place)
        if node.tag in _REFERRING and (fragment := place.document.fragment(value)):
            name = self._definition(fragment, place)
            return value if name is None else f"#{name}"
        return value

    def _used(self, node: Element, value: str, place: _Place) -> str:
        document: Document | None = place.document
        fragment = place.document.fragment(value)
        if fragment is None:
            url = absolute(place.document.base, value)
            document = self._file(url) if url else None
            fragment = fragment_of(value, outside=True)
        target = None
        if document is not None:
            local = self._local.get(fragment) if document is self._page else None
            target = local or (document.ids.get(fragment) if fragment else document.root)
        if document is None or target is None or target.space != "svg" or _holds(target, self._svg):
            self._note("use not resolved", [value[:200]])
            return value
        if id(target) in self._within and document is self._page:
            self._referred.add(fragment)
            known = self._copies.get(id(target))
            if known is None or known.scope == place.scope or not document.varies(target):
                return f"#{fragment}"
        else:
            self._symbols.setdefault(fragment)
        name = self._bring(target, document, place.scope if document.varies(target) else {}, used=True)
        return value if name is None else f"#{name}"

    def _urls(self, text: str, place: _Place) -> str:
        def replaced(match: re.Match[str]) -> str:
            value = next((each for each in match.groups() if each), "")
            fragment = place.document.fragment(value)
            name = self._definition(fragment, place) if fragment else None
            return match[0] if name is None else f"url(#{name})"

        return _URL.sub(replaced, text)

    def _definition(self, fragment: str, place: _Place) -> str | None:
        """The id by which the drawing has a gradient or the like, brought in if it has to be."""
        document = place.document
        if document is self._page and fragment in self._local:
            if self._page.ids.get(fragment) is not self._local[fragment]:
                self._note("id twice in the page", [fragment[:100]])
            self._referred.add(fragment)
            return fragment
        target = document.ids.get(fragment)
        if target is None or target.space != "svg" or _holds(target, self._svg):
            self._note("reference not resolved", [f"#{fragment[:200]}"])
            return None
        return self._bring(target, document, {}, used=False)

    def _bring(self, target: Element, document: Document, scope: dict[str, str], used: bool) -> str | None:
        """Put an element from elsewhere into the drawing's ``defs``. Returns its id there."""
        key = (id(target), (("", str(used)), *sorted(scope.items())))
        known = self._brought.get(key)
        if known is not None:
            return known
        if len(self._brought) >= MOST_BROUGHT:
            self._note("left out", ["references past the limit"])
            return None
        name = self._free_name(target)
        self._brought[key] = name
        if self._defs is None:
            self._defs = etree.Element(f"{SVG}defs")
            self._root.insert(0, self._defs)
        holder = etree.Element(f"{SVG}g")
        styles = document.styles
        if used:
            place = _Place(document, target, scope)
        else:
            place = _Place(document, None, styles.scope(target.above) if target.above is not None else {})
        self._emit(target, holder, place, 2, False)
        if not len(holder):
            return None
        element = holder[0]
        element.set("id", name)
        self._defs.append(element)
        if not used:
            handed = styles.inherited(target.above).values if target.above is not None else {}
            self._definitions.append((element, handed))
        return name

    def _free_name(self, target: Element) -> str:
        wanted = NOT_XML.sub("", target.attributes.get("id", ""))
        if not wanted or _NO_ID.search(wanted):
            wanted = "part"
        name, number = wanted, 1
        while name in self._names:
            number += 1
            name = f"{wanted}-{number}"
        self._names.add(name)
        return name

    # -- style ---------------------------------------------------------------------------------------------------

    def _style(self, node: Element, element: etree._Element, place: _Place) -> None:
        styles = place.document.styles
        unknown: set[str] = set()
        winners = styles.winners(node, place.scope, place.top, unknown)
        self._note("without value", unknown)
        animated = self._moving.stays(winners, styles)
        for name, winner in winners.items():
            if name.startswith(("animation", "-webkit-animation")) and not animated:
                continue
            text = self._urls(winner.text, place) if "url(" in winner.text.lower() else winner.text
            declare(element, name, text)


def _href(element: Element) -> str:
    return element.attributes.get("href") or element.attributes.get("xlink:href") or ""


def _only_by_reference(element: Element, svg: Element) -> bool:
    """Whether a part of a drawing shows only where something refers to it."""
    above: Element | None = element
    while above is not None and above is not svg:
        if above.tag in SHOWN_BY_REFERENCE:
            return True
        above = above.above
    return False


def _holds(target: Element, svg: Element) -> bool:
    """Whether a drawing is itself in what it refers to."""
    above = svg.above
    while above is not None:
        if above is target:
            return True
        above = above.above
    return False
