"""What a page's style sheets say of its elements (CSS Cascade 5; CSS Variables 1).

The page is looked at as it is loaded: on a screen (`screen`), nobody points at anything, no script has run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from stages.crawl.html.agent import agent_style
from stages.crawl.html.encoding import decode_sheet
from stages.crawl.html.lengths import absolute, font_size
from stages.crawl.html.links import absolute as absolute_url
from stages.crawl.html.screen import shows
from stages.crawl.html.selecting import Selecting
from stages.crawl.html.sheets import Sheet, declarations, read_sheet, within
from stages.crawl.html.tree import Element
from stages.normalize.css.declarations import FONT, INITIAL_TEXTS
from stages.normalize.css.variables import scope_of, substitute
from stages.normalize.values.properties import INHERITED, PRESENTATION

MOST_SHEETS = 200
_DEEPEST_IMPORT = 5

Priority = tuple[int, int, int, int, int, int, int]
"""Origin and importance; rank of the layer; three of specificity; order of the sheet, and of the rule in it."""


class Winner(NamedTuple):
    """The declaration that the cascade ends with. ``text``: with its custom properties replaced."""

    priority: Priority
    text: str


@dataclass
class Inherited:
    """What an element hands down: computed values as they are written, of those that something declares."""

    values: dict[str, str] = field(default_factory=dict)
    size: float = 16.0
    """Its font size, pixels."""


_USER_AGENT, _AUTHOR, _ATTRIBUTE, _IMPORTANT, _IMPORTANT_ATTRIBUTE = range(5)
_NO_SCOPE: dict[str, str] = {}


class Styles:
    """The styles of one document: a page, or a file that a page takes parts of.

    ``missing``: URLs of sheets that are not there; ``left_open``: what could not be decided.
    """

    def __init__(self, root: Element, url: str, sheets: Mapping[str, bytes], encoding: str) -> None:
        self.missing: list[str] = []
        self.left_open: set[str] = set()
        self.root_size = 16.0
        self._url, self._bytes, self._encoding = url, sheets, encoding
        self._root = root
        self._sheets: list[tuple[Sheet, str]] = []
        self._scopes: dict[int, dict[str, str]] = {}
        self._inherited: dict[int, Inherited] = {}
        self._winners: dict[tuple[int, int], dict[str, tuple[Priority, str]]] = {}
        self._collect(root)
        self._selecting = Selecting(root, self._sheets)
        self._registered = {name: each for sheet, _ in self._sheets for name, each in sheet.registered.items()}
        self.keyframes = {name: text for sheet, _ in self._sheets for name, text in sheet.keyframes.items()}
        self.root_size = self.inherited(root).size

    # -- sheets --------------------------------------------------------------------------------------------------

    def _collect(self, root: Element) -> None:
        for element in root.below():
            if element.tag == "style":
                kind, query = element.attributes.get("type", ""), element.attributes.get("media", "")
                if kind.lower() in ("", "text/css") and (not query.strip() or shows(query[:2000])):
                    text = "".join(each for each in element.content if isinstance(each, str))
                    self._add(text, self._url, "", 0)
            elif element.tag == "link" and element.space == "html":
                self._link(element.attributes)

    def _link(self, attributes: Mapping[str, str]) -> None:
        rel = attributes.get("rel", "").lower().split()
        if "stylesheet" not in rel or "alternate" in rel or "disabled" in attributes:
            return
        query = attributes.get("media", "")
        if attributes.get("type", "").strip().lower() not in ("", "text/css") or (query.strip() and not shows(query)):
            return
        self._fetched(absolute_url(self._url, attributes.get("href", "")), "", 0)

    def _fetched(self, url: str, layer: str, depth: int) -> None:
        if not url:
            return
        content = self._bytes.get(url)
        if content is None:
            self.missing.append(url)
        else:
            self._add(decode_sheet(content, "", self._encoding), url, layer, depth)

    def _add(self, text: str, url: str, layer: str, depth: int) -> None:
        if len(self._sheets) >= MOST_SHEETS:
            self.left_open.add("sheets past the limit")
            return
        sheet = read_sheet(text)
        if depth < _DEEPEST_IMPORT:
            for imported in sheet.imports:
                self._fetched(absolute_url(url, imported.url), within(layer, imported.layer), depth + 1)
        self.left_open |= sheet.left_open
        self._sheets.append((sheet, layer))

    # -- the cascade ---------------------------------------------------------------------------------------------

    def declared(self, element: Element, top: Element | None = None) -> dict[str, tuple[Priority, str]]:
        """The winning declaration of each property of an element, custom ones too, as it is written.

        ``top``: the root of a copy that a ``use`` element shows, beyond which selectors do not see.
        """
        key = (id(element), id(top))
        known = self._winners.get(key)
        if known is not None:
            return known
        winners: dict[str, tuple[Priority, str]] = {}

        def add(name: str, text: str, priority: Priority) -> None:
            before = winners.get(name)
            if before is None or before[0] <= priority:
                winners[name] = (priority, text)

        if element.space == "html":
            for name, text in agent_style(element.tag, element.attributes):
                add(name, text, (_USER_AGENT, 0, 0, 0, 0, 0, 0))
        for rank, specificity, position, rule in self._selecting.matching(element, top):
            for name, text, important in rule.declared:
                # the first layer is the strongest of what is important
                level, layer = (_IMPORTANT, -rank) if important else (_AUTHOR, rank)
                add(name, text, (level, layer, *specificity, position, rule.order))
        if self._selecting.spent:
            self.left_open.add("selectors past the limit")
        style = element.attributes.get("style", "")
        if style:
            for name, text, important in declarations(style):
                add(name, text, (_IMPORTANT_ATTRIBUTE if important else _ATTRIBUTE, 0, 0, 0, 0, 0, len(winners)))
        self._winners[key] = winners
        return winners

    # -- custom properties ---------------------------------------------------------------------------------------

    def scope(self, element: Element) -> dict[str, str]:
        """The custom properties of an element where it stands."""
        known = self._scopes.get(id(element))
        if known is None:
            chain = [element]
            while (above := chain[-1].above) is not None and id(above) not in self._scopes:
                chain.append(above)
            outer = self._scopes.get(id(above), _NO_SCOPE) if above is not None else self._initial()
            for each in reversed(chain):
                known = self.scope_within(each, outer)
                self._scopes[id(each)] = outer = known
        return known or _NO_SCOPE

    def scope_within(self, element: Element, outer: dict[str, str], top: Element | None = None) -> dict[str, str]:
        """The custom properties of an element that stands where ``outer`` are those of its parent."""
        own = {name: text for name, (_, text) in self.declared(element, top).items() if name.startswith("--")}
        fresh = {
            name: each.initial or ""
            for name, each in self._registered.items()
            if not each.inherits and outer.get(name) != each.initial
        }
        if fresh:
            outer = {name: text for name, text in {**outer, **fresh}.items() if name not in fresh or text}
        return scope_of(outer, own) if own else outer

    def _initial(self) -> dict[str, str]:
        return {name: each.initial for name, each in self._registered.items() if each.initial is not None}

    def winners(
        self, element: Element, scope: dict[str, str], top: Element | None = None, unknown: set[str] | None = None
    ) -> dict[str, Winner]:
        """The properties of an element, custom ones replaced, the weakest first. ``unknown``: those without value."""
        found = self.declared(element, top)
        if not found:
            return {}
        ranked = sorted((priority, name, text) for name, (priority, text) in found.items() if name[:2] != "--")
        winners: dict[str, Winner] = {}
        for priority, name, text in ranked:
            value = text
            if "var(" in text.lower():
                value = (substitute(text, scope, ()) or "").strip()
                if not value:
                    if unknown is not None:
                        unknown.add(f"{name}: {text[:100]}")
                    value = "unset"
            winners[name] = Winner(priority, absolute(value, None, self.root_size))
        return winners

    # -- what is handed down -------------------------------------------------------------------------------------

    def inherited(self, element: Element | None) -> Inherited:
        """What an element hands down to those in it."""
        if element is None:
            return Inherited()
        known = self._inherited.get(id(element))
        if known is None:
            chain = [element]
            while (above := chain[-1].above) is not None and id(above) not in self._inherited:
                chain.append(above)
            outer = self._inherited[id(above)] if above is not None else Inherited()
            for each in reversed(chain):
                outer = self._inherited[id(each)] = self._handed(each, outer)
            known = outer
        return known

    def _handed(self, element: Element, outer: Inherited) -> Inherited:
        declared: dict[str, str] = {}
        if element.space == "svg":
            declared = {name: text for name, text in element.attributes.items() if name in PRESENTATION & INHERITED}
        winners = self.winners(element, self.scope(element))
        for name, winner in winners.items():
            if name == "font":
                declared.update(font_longhands(winner.text))
            elif name in INHERITED:
                declared[name] = winner.text
        if not declared:
            return outer
        values, size = dict(outer.values), outer.size
        root = self.root_size
        if "font-size" in declared:
            computed = font_size(declared.pop("font-size"), outer.size, root)
            if computed is not None:
                size = computed
                values["font-size"] = f"{size:.6g}px"
        for name, text in declared.items():
            word = text.strip().lower()
            if word in ("inherit", "unset", "revert", "revert-layer") or (name == "color" and word == "currentcolor"):
                continue
            if word == "initial":
                values.pop(name, None)
            else:
                values[name] = absolute(text, size, root)
        return Inherited(values, size)


def font_longhands(text: str) -> dict[str, str]:
    """What ``font`` stands for, of what is handed down; {} for what is invalid."""
    match = FONT.fullmatch(text.strip())
    if match is None:
        return {}
    values = {"font-size": match["size"], "font-family": match["family"], "font-style": "normal", "font-weight": "400"}
    for word in match["before"].lower().split():
        if word in ("italic", "oblique"):
            values["font-style"] = word
        elif word in ("bold", "bolder", "lighter") or word.isdecimal():
            values["font-weight"] = word
    return values


def unset(name: str) -> str:
    """What a declaration without a value comes to, as renderers know it."""
    return "inherit" if name in INHERITED else INITIAL_TEXTS.get(name, "initial")
