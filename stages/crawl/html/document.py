"""A document that drawings are taken from: a page, or a file of which a page shows parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from stages.canonical import SVG_NS
from stages.crawl.html.cascade import Styles
from stages.crawl.html.encoding import decode
from stages.crawl.html.links import absolute
from stages.crawl.html.tree import MOST_ELEMENTS, Element, parse
from stages.untrusted import xml_parser

MOST_CHARS = 16_000_000
"""Of a document; what comes after them is not read."""

_PREFIXES = {
    "http://www.w3.org/1999/xlink": "xlink:",
    "http://www.w3.org/XML/1998/namespace": "xml:",
}


class Document:
    """A tree with its styles. ``ids``: the first element of each id; ``base``: what relative URLs are relative to."""

    def __init__(self, root: Element, url: str, base: str, sheets: Mapping[str, bytes], encoding: str) -> None:
        self.root, self.url, self.base = root, url, base
        self.elements = root.below()
        self.ids: dict[str, Element] = {}
        for element in self.elements:
            name = element.attributes.get("id")
            if name:
                self.ids.setdefault(name, element)
        self._varying: dict[int, bool] = {}
        self.styles = Styles(root, base, sheets, encoding)

    def fragment(self, reference: str) -> str | None:
        """The id that a reference into the document itself names, None for what is none."""
        reference = reference.strip()
        if reference.startswith("#"):
            return reference[1:]
        url, sign, fragment = reference.partition("#")
        if sign and absolute(self.base, url) == self.url.partition("#")[0]:
            return fragment
        return None

    def varies(self, target: Element) -> bool:
        """Whether custom properties decide what a ``use`` of an element looks like."""
        known = self._varying.get(id(target))
        if known is None:
            known = self._varying[id(target)] = any(
                "var(" in text
                for element in target.below()
                for text in (
                    *(text for _, text in self.styles.declared(element, target).values()),
                    *element.attributes.values(),
                )
            )
        return known

    def outermost(self) -> Iterator[Element]:
        """The ``svg`` elements that are in no other, in document order."""
        for element in self.elements:
            if element.tag == "svg" and element.space == "svg":
                above = element.above
                while above is not None and above.space != "svg":
                    above = above.above
                if above is None:
                    yield element


def page_document(page: bytes, url: str, base: str, sheets: Mapping[str, bytes], content_type: str) -> Document | None:
    """A page as a document, None if there is no drawing in it."""
    text, encoding = decode(page[: 4 * MOST_CHARS], content_type)
    text = text[:MOST_CHARS]
    if "<svg" not in text and "<svg" not in text.lower():
        return None
    return Document(parse(text), url, base, sheets, encoding)


def file_document(content: bytes, url: str) -> Document | None:
    """An SVG file as a document; read like a page's part where it is no XML. None if there is no drawing in it."""
    try:
        root = etree.fromstring(content[: 4 * MOST_CHARS], xml_parser())
    except (etree.XMLSyntaxError, ValueError):
        document = page_document(content, url, url, {}, "")
        svg = next(document.outermost(), None) if document else None
        if svg is None:
            return None
        svg.parent = None
        return Document(svg, url, url, {}, "utf-8")
    converted = _converted(root)
    return Document(converted, url, url, {}, "utf-8") if converted is not None else None


def _converted(source: etree._Element) -> Element | None:
    """An XML tree as `Element`s; None if its root is no ``svg``. libxml2 has bounded its depth."""
    if source.tag != f"{{{SVG_NS}}}svg":
        return None
    root = _element(source, None, 0)
    count = 1
    waiting = [(source, root)]
    while waiting and count < MOST_ELEMENTS:
        each, element = waiting.pop()
        for child in each:
            if isinstance(child.tag, str):
                inner = _element(child, element, count)
                count += 1
                element.content.append(inner)
                element.children.append(inner)
                waiting.append((child, inner))
            if child.tail:
                element.content.append(child.tail)
    return root


def _element(source: etree._Element, parent: Element | None, order: int) -> Element:
    space, _, name = str(source.tag).rpartition("}")
    values: dict[str, str] = {}
    for key, value in source.attrib.items():
        outer, _, local = str(key).rpartition("}")
        if not outer or outer[1:] in _PREFIXES:
            values[_PREFIXES.get(outer[1:], "") + local] = str(value)
    element = Element(name, values, parent, "svg" if space == f"{{{SVG_NS}" else "xml", order)
    if source.text:
        element.content.append(source.text)
        element.text = not source.text.isspace()
    return element
