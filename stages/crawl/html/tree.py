"""A page as a tree, as a browser without scripts has it (HTML, section 13.2.6), in bounded time and space.

The rules for SVG within HTML are the standard's: what ends a drawing, names' case, ``/>``, CDATA. Those for misnested
HTML are simplified: only what an element stands in matters here, for style and for words near a drawing. An element
whose end tag comes while blocks in it are open is left by what follows, but stays the parent of those blocks.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, cast

from stages.crawl.html.elements import (
    BREAKS_OUT,
    ENDS_PARAGRAPH,
    FORMATTING,
    HEAD,
    HEADINGS,
    IN_TABLE,
    INTEGRATION,
    MATH_TEXT,
    RAW,
    SCOPES,
    SPECIAL,
    SVG_ATTRIBUTES,
    SVG_ELEMENTS,
    TABLE_BODIES,
    TABLE_PARTS,
    VOID,
)
from stages.crawl.html.tokens import ATTRIBUTES, BOGUS, COMMENT, NAME, attributes
from stages.normalize.source.tree import Node
from stages.patterns import compiled

if TYPE_CHECKING:
    from lxml import etree

DEEPEST = 512
"""Elements within each other, as in Chromium: what is deeper stands beside."""
MOST_ELEMENTS = 200_000
"""Of a page; what comes after them is not read."""
_MOST_FORMATTING = 12
_SPACES = frozenset(("svg", "math"))

_TOKEN = compiled(
    rf"([^<]*+)(?:\Z|({COMMENT})|<({NAME})({ATTRIBUTES})(?:>|(\Z))|</({NAME}){ATTRIBUTES}(?:>|\Z)|({BOGUS})|(<))"
)
_ENDS = {name: re.compile(rf"</{name}(?=[\t\n\f\r />]|\Z)", re.IGNORECASE) for name in RAW}
_UNQUOTED = re.compile(r"=[\t\n\f\r ]*[^\t\n\f\r \"'>]+\Z")


class Element(Node):
    """An element of a page. ``space``: html, svg or math; ``content``: what it holds, elements and texts in order.

    ``children`` are the elements among ``content``. ``source`` is the element itself, which selectors ask for its
    attributes and whether it has text.
    """

    __slots__ = ("content", "order", "space")

    def __init__(self, tag: str, values: dict[str, str], parent: Element | None, space: str, order: int) -> None:
        super().__init__(tag, values, parent, cast("etree._Element", self))
        self.space, self.order = space, order
        self.content: list[Element | str] = []

    @property
    def attrib(self) -> dict[str, str]:
        """The attributes, as `stages.normalize.css.selectors` asks for them."""
        return self.attributes

    @property
    def above(self) -> Element | None:
        """The element that it stands in."""
        return cast("Element | None", self.parent)

    def below(self) -> list[Element]:
        """The element and all in it, in document order."""
        listed: list[Element] = []
        waiting: list[Element] = [self]
        while waiting:
            element = waiting.pop()
            listed.append(element)
            waiting += [each for each in reversed(element.content) if not isinstance(each, str)]
        return listed

    def words(self, limit: int = 10_000) -> str:
        """The text in it, without that of scripts and styles, at most ``limit`` characters or little more."""
        parts: list[str] = []
        length = steps = 0
        waiting: list[Element | str] = [self]
        while waiting and length < limit and steps < limit:
            each = waiting.pop()
            steps += 1
            if isinstance(each, str):
                parts.append(each)
                length += len(each)
            elif each.tag not in ("script", "style", "noscript", "template"):
                waiting += reversed(each.content)
                if each.space == "html" and each.tag not in FORMATTING and each.tag != "span":
                    parts.append(" ")
        return " ".join("".join(parts).split())


def parse(text: str) -> Element:
    """The page's ``html`` element. Never raises."""
    builder = _Builder(text)
    builder.run()
    return builder.html


class _OpenElements:
    """The elements that are open, and those to begin again (HTML, sections 13.2.4.2 and 13.2.4.3)."""

    def __init__(self) -> None:
        self._count = 3
        self.html = Element("html", {}, None, "html", 0)
        self.head, self.body = (Element(tag, {}, self.html, "html", i) for i, tag in ((1, "head"), (2, "body")))
        self.html.content += [self.head, self.body]
        self.html.children += [self.head, self.body]
        self._stack = [self.html, self.body]
        self._open = {"html": 1, "body": 1}
        self._formatting: list[Element | None] = []
        """Elements to begin again, None where a cell or an object bounds them."""

    def _insert(self, tag: str, values: dict[str, str], space: str, push: bool = True) -> Element:
        parent = self._stack[-1]
        if parent.space == "html" and parent.tag in IN_TABLE and (space != "html" or tag not in TABLE_PARTS | HEAD):
            parent = self._before_table(parent)
        element = Element(tag, values, parent, space, self._count)
        self._count += 1
        parent.content.append(element)
        parent.children.append(element)
        if push:
            if len(self._stack) >= DEEPEST:
                self._pop()
            self._stack.append(element)
            self._open[tag] = self._open.get(tag, 0) + 1
        return element

    def _before_table(self, parent: Element) -> Element:
        """Where what cannot stand in a table stands instead."""
        while parent.tag in IN_TABLE and parent.above is not None:
            parent = parent.above
            if parent.tag != "table" and parent.tag not in IN_TABLE:
                break
        return parent

    def _pop(self) -> Element:
        element = self._stack.pop()
        self._open[element.tag] -= 1
        return element

    def _pop_to(self, index: int) -> None:
        """End the element at an index of the stack, and all within it; the body stays."""
        index = max(index, 2)
        while len(self._stack) > index:
            element = self._pop()
            if element.tag in ("td", "th", "caption", "object", "marquee", "applet", "template"):
                self._bound_ends()

    def _bound_ends(self) -> None:
        while self._formatting and self._formatting.pop() is not None:
            pass

    def _in_scope(self, tag: str, bounds: frozenset[str] = SCOPES) -> int:
        """The index of the nearest open element of a name, -1 if there is none that can be ended from here."""
        if not self._open.get(tag):
            return -1
        for index in range(len(self._stack) - 1, 0, -1):
            element = self._stack[index]
            if element.space == "html":
                if element.tag == tag:
                    return index
                if element.tag in bounds:
                    return -1
            elif element.tag in INTEGRATION or element.tag in MATH_TEXT:
                return -1
        return -1

    def _begin_again(self) -> None:
        """Formatting elements that a block has ended begin again in the next (section 13.2.4.3)."""
        formatting = self._formatting
        if not formatting or formatting[-1] is None or formatting[-1] in self._stack[-3:]:
            return
        start = len(formatting)
        while start > 0 and (each := formatting[start - 1]) is not None and each not in self._stack:
            start -= 1
        for index in range(start, len(formatting)):
            each = formatting[index]
            if each is not None:
                formatting[index] = self._insert(each.tag, each.attributes, "html")

    def _end_other(self, name: str) -> None:
        if not self._open.get(name):
            return
        for index in range(len(self._stack) - 1, 1, -1):
            element = self._stack[index]
            if element.tag == name and element.space == "html":
                self._pop_to(index)
                return
            if element.tag in SPECIAL or element.tag in INTEGRATION:
                return

    def _end_formatting(self, name: str) -> None:
        element = next((each for each in reversed(self._formatting) if each is None or each.tag == name), None)
        if element is None:
            self._end_other(name)
            return
        self._formatting.remove(element)
        if element not in self._stack:
            return
        index = self._stack.index(element)
        within = self._stack[index + 1 :]
        if not any(each.tag in SPECIAL or each.space != "html" for each in within):
            self._pop_to(index)
            return
        self._stack.remove(element)
        self._open[name] -= 1


class _Builder(_OpenElements):
    def __init__(self, text: str) -> None:
        super().__init__()
        self._text, self._at = text, 0
        self._in_head = True

    def run(self) -> None:
        text, end = self._text, len(self._text)
        while self._at < end and self._count < MOST_ELEMENTS:
            match = _TOKEN.match(text, self._at)
            if match is None:
                return
            self._at = match.end()
            before, _, name, rest, cut, closed, bogus, sign = match.groups()
            if before:
                self._characters(before)
            if name is not None:
                if cut is None:
                    self._start(name.lower(), rest)
            elif closed is not None:
                self._end(closed.lower())
            elif bogus is not None:
                if self._stack[-1].space != "html" and bogus.startswith("<![CDATA["):
                    self._cdata(match.end() - len(bogus))
            elif sign:
                self._characters("<")

    # -- tokens --------------------------------------------------------------------------------------------------

    def _characters(self, text: str) -> None:
        top = self._stack[-1]
        if "&" in text:
            text = html.unescape(text)
        if not text.isspace():
            if len(self._stack) == 2 and top is self.body:
                self._in_head = False
            if top.space == "html":
                self._begin_again()
                top = self._stack[-1]
            top.text = True
        top.content.append(text)

    def _cdata(self, start: int) -> None:
        start += len("<![CDATA[")
        end = self._text.find("]]>", start)
        content = self._text[start : end if end >= 0 else len(self._text)]
        self._at = end + 3 if end >= 0 else len(self._text)
        if content:
            self._stack[-1].text = True
            self._stack[-1].content.append(content)

    def _start(self, name: str, rest: str) -> None:
        top = self._stack[-1]
        if top.space == "html" or top.tag in (INTEGRATION if top.space == "svg" else MATH_TEXT):
            self._html_start(name, rest)
        elif name in BREAKS_OUT or (name == "font" and attributes(rest).keys() & {"color", "face", "size"}):
            self._break_out()
            self._html_start(name, rest)
        else:
            self._foreign_start(name, rest, top.space)

    def _break_out(self) -> None:
        while self._stack[-1].space != "html" and self._stack[-1].tag not in INTEGRATION | MATH_TEXT:
            self._pop()

    def _foreign_start(self, name: str, rest: str, space: str) -> None:
        values = attributes(rest)
        if space == "svg":
            name = SVG_ELEMENTS.get(name, name)
            values = {SVG_ATTRIBUTES.get(key, key): value for key, value in values.items()}
        self._insert(name, values, space, push=not _closes_itself(rest))

    def _html_start(self, name: str, rest: str) -> None:
        if name == "image":
            name = "img"
        if name in ("html", "body", "head", "frameset"):
            self._merge(name, rest)
            return
        if self._in_head and name in HEAD and len(self._stack) == 2:
            self._head_start(name, rest)
            return
        if len(self._stack) == 2 and name != "noscript":
            self._in_head = False
        if name in TABLE_PARTS and not self._table_part(name):
            return
        self._implied_ends(name)
        if name in _SPACES:
            self._begin_again()
            self._foreign_start(name, rest, name)
            return
        if name not in SPECIAL or name in ("button", "img", "input", "object", "select", "iframe"):
            self._begin_again()
        if name in RAW:
            self._raw(self._insert(name, attributes(rest), "html", push=False))
            return
        element = self._insert(name, attributes(rest), "html", push=name not in VOID)
        if name in FORMATTING:
            self._formatting.append(element)
            del self._formatting[:-_MOST_FORMATTING]
        elif name in ("td", "th", "caption", "object", "marquee", "applet", "template"):
            self._formatting.append(None)

    def _head_start(self, name: str, rest: str) -> None:
        self._stack.append(self.head)
        element = self._insert(name, attributes(rest), "html", push=False)
        self._stack.pop()
        if name in RAW:
            self._raw(element)

    def _merge(self, name: str, rest: str) -> None:
        """A second html or body gives the first what it has not."""
        if name in ("html", "body"):
            element = self.html if name == "html" else self.body
            element.attributes.update({**attributes(rest), **element.attributes})
        if name == "body":
            self._in_head = False

    def _raw(self, element: Element) -> None:
        end = _ENDS[element.tag].search(self._text, self._at)
        content = self._text[self._at : end.start() if end else len(self._text)]
        close = self._text.find(">", end.end()) if end else -1
        self._at = close + 1 if close >= 0 else len(self._text)
        if element.tag in ("title", "textarea") and "&" in content:
            content = html.unescape(content)
        if content:
            element.content.append(content)
            element.text = True

    def _implied_ends(self, name: str) -> None:
        """What a start tag ends."""
        if name in ("li", "dd", "dt"):
            self._end_item(("li",) if name == "li" else ("dd", "dt"))
        if name in ENDS_PARAGRAPH and self._open.get("p"):
            index = self._in_scope("p", SCOPES | {"button"})
            if index >= 0:
                self._pop_to(index)
        top = self._stack[-1].tag
        if (name in HEADINGS and top in HEADINGS) or (name in ("option", "optgroup") and top == "option"):
            self._pop_to(len(self._stack) - 1)
        elif name in ("a", "nobr"):
            active = next((each for each in reversed(self._formatting) if each is None or each.tag == name), None)
            if active is not None:
                self._end_formatting(name)
        elif name == "button":
            index = self._in_scope("button")
            if index >= 0:
                self._pop_to(index)

    def _end_item(self, names: tuple[str, ...]) -> None:
        if not any(self._open.get(name) for name in names):
            return
        for index in range(len(self._stack) - 1, 1, -1):
            element = self._stack[index]
            if element.space == "html" and element.tag in names:
                self._pop_to(index)
                return
            if element.space != "html" or (element.tag in SPECIAL and element.tag not in ("address", "div", "p")):
                return

    def _table_part(self, name: str) -> bool:
        """Bring the stack to where a part of a table can stand. False if there is no table."""
        index = self._in_scope("table", frozenset(("html", "template")))
        if index < 0:
            return False
        if name in ("td", "th"):
            bounds: tuple[str, ...] = ("tr",)
        elif name == "tr":
            bounds = tuple(TABLE_BODIES)
        elif name == "col":
            bounds = ("colgroup",)
        else:
            bounds = ()
        inner = next((i for i in range(len(self._stack) - 1, index, -1) if self._stack[i].tag in bounds), index)
        self._pop_to(inner + 1)
        if inner == index and name in ("td", "th", "tr"):
            if self._stack[-1].tag == "table":
                self._insert("tbody", {}, "html")
            if name != "tr":
                self._insert("tr", {}, "html")
        return True

    def _end(self, name: str) -> None:
        stack = self._stack
        if stack[-1].space != "html":
            if name in ("br", "p"):
                self._break_out()
            else:
                for index in range(len(stack) - 1, 1, -1):
                    if stack[index].space == "html":
                        break
                    if stack[index].tag.lower() == name:
                        self._pop_to(index)
                        return
        self._html_end(name)

    def _html_end(self, name: str) -> None:
        if name == "head":
            self._in_head = self._in_head and len(self._stack) > 2
        elif name == "br":
            self._insert("br", {}, "html", push=False)
        elif name in FORMATTING:
            self._end_formatting(name)
        elif name in TABLE_PARTS or name == "table":
            index = self._in_scope(name, frozenset(("html", "table", "template")))
            if index >= 0:
                self._pop_to(index)
        elif name in HEADINGS:
            index = max(self._in_scope(each) for each in HEADINGS)
            if index >= 0:
                self._pop_to(index)
        elif name in SPECIAL:
            index = self._in_scope(name, SCOPES | {"button"} if name == "p" else SCOPES)
            if index >= 0:
                self._pop_to(index)
        else:
            self._end_other(name)


def _closes_itself(rest: str) -> bool:
    """Whether a tag ends in ``/>``; after an attribute's value without quotes the slash is part of the value."""
    return rest.endswith("/") and _UNQUOTED.search(rest) is None
