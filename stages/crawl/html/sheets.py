"""A page's style sheets as rules that can be looked up (CSS Syntax 3, Nesting 1, Cascade 5, Conditional 3).

A sheet of a page has thousands of rules, few of which reach a drawing. So a sheet is cut into rules by one expression,
each is filed under what its selectors end in, and only those that may match are parsed. Sheets are kept: pages of a
site share them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from stages.base import Dropped
from stages.crawl.html.screen import shows, supported
from stages.normalize.css.declarations import KNOWN, Written, valid, written
from stages.normalize.css.matching import Complex
from stages.normalize.css.registered import Registered, registration
from stages.normalize.css.selectors import InvalidSelectorError, parse_selectors
from stages.normalize.values.known_properties import ALIASES, REFUSED
from stages.patterns import compiled
from stages.untrusted import limit_css_nesting

MOST_CHARS = 4_000_000
"""Of a sheet; what comes after them is not read."""
MOST_RULES = 50_000
DEEPEST = 16
"""Blocks within each other, and brackets within a value."""
_LONGEST = 20_000
"""Characters of a selector list or of a style rule's block; longer ones are for no drawing."""

RELEVANT = (KNOWN | frozenset(REFUSED) | frozenset(ALIASES)) - {"all"} | {"animation", "-webkit-animation"}
"""Properties that can change what a drawing looks like."""

_TEXT = r"\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'"
_COMMENTS = compiled(rf"({_TEXT})|/\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/|\Z)", re.DOTALL)
_CUTS = compiled(rf"{_TEXT}|(?i:url)\((?![\t\n\f\r ]*[\"'])(?:[^)\\]|\\.)*+(?:\)|\Z)|\\.|[{{}};]", re.DOTALL)
_DECLARATION = compiled(
    rf"\s*+(-?-?[A-Za-z_][\w-]*+)\s*+:((?:[^;\"'()\\{{}}]|{_TEXT}|\((?:[^\"'()]|{_TEXT}|\((?:[^\"'()]|{_TEXT}"
    rf"|\((?:[^\"'()]|{_TEXT}|\([^\"'()]*+\))*+\))*+\))*+\))*+)(?:;|\Z)"
)
_IMPORTANT = re.compile(r"!\s*important\s*\Z", re.IGNORECASE)
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_LAST = re.compile(r"(?:[^\s>+~\\]|\\.)+\s*\Z", re.DOTALL)
_KEY = re.compile(r"([.#])((?:[\w-]|[^\x00-\x7f]|\\(?:[0-9a-fA-F]{1,6}\s?|.))+)|:|\A([A-Za-z][\w-]*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))", re.DOTALL)
_PROMISING = re.compile(
    r"--|color|fill|stroke|opacity|font|marker|clip|mask|filter|display|visib|transform|text|spacing|anima|rotate"
    r"|scale|translate|background|width|height|(?<![\w-])(?:c?[xy]|r[xy]?|d)\s*:|blend|isolat|offset|paint|white-space"
    r"|writing|direction|baseline|overflow|size|border|outline|all\s*:|vector-effect|rule|[{\\]"
)
"""What the block of a rule that matters has."""


class Rule:
    """A style rule, parsed when something asks for it. ``layer``: its layer's dotted name, "" for none."""

    __slots__ = ("_block", "_declared", "_parents", "_prelude", "_selectors", "layer", "order")

    def __init__(
        self, prelude: str, block: str, layer: str, order: int, parents: Rule | None = None, own: bool = True
    ) -> None:
        self._prelude, self._block, self.layer, self.order = prelude, block, layer, order
        self._parents = parents
        self._selectors: tuple[Complex, ...] | None = None if own or parents is None else parents.selectors
        self._declared: tuple[Written, ...] | None = None

    @property
    def selectors(self) -> tuple[Complex, ...]:
        """Its selectors that can match, () if no browser can parse them, or if they are too complex."""
        if self._selectors is None:
            import tinycss2

            try:
                limit_css_nesting(self._prelude, DEEPEST)
                tokens = tinycss2.parse_component_value_list(self._prelude, skip_comments=True)
                listed = parse_selectors(tokens, {}, self._parents.selectors if self._parents else None)
                self._selectors = tuple(selector for selector in listed if not selector.never)
            except (InvalidSelectorError, Dropped):
                self._selectors = ()
        return self._selectors

    @property
    def declared(self) -> tuple[Written, ...]:
        """Its valid declarations that matter, in order."""
        if self._declared is None:
            self._declared = tuple(declarations(self._block))
        return self._declared

    def ends(self) -> set[str]:
        """What an element must have one of to match: ``#id``, ``.class``, ``type``; ``*`` for anything."""
        bare = self._prelude
        if self._parents is not None or "&" in bare:
            return {"*"}
        while True:
            shorter = _BRACKETS.sub("", bare)
            if shorter == bare:
                break
            bare = shorter
        return {_key(part) for part in bare.split(",")}


@dataclass
class Sheet:
    """One style sheet. ``layers``: dotted names in the order in which they are named first."""

    index: dict[str, list[Rule]] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    keyframes: dict[str, str] = field(default_factory=dict)
    registered: dict[str, Registered] = field(default_factory=dict)
    count: int = 0
    left_open: set[str] = field(default_factory=set)
    """What of it could not be decided: at-rules, as facts name them."""


class Import(NamedTuple):
    """A sheet that another one asks for. ``layer``: the name of the layer that it goes into, "" for none."""

    url: str
    layer: str


@lru_cache(maxsize=64)
def read_sheet(text: str) -> Sheet:
    """A style sheet as rules. Never raises; what no browser can read is left out."""
    sheet = Sheet()
    text = text[:MOST_CHARS]
    if "/*" in text:
        text = _COMMENTS.sub(lambda match: match[1] or " ", text)
    _Reader(sheet).rules(text.replace("<!--", "").replace("-->", ""), "", None, 0)
    return sheet


def declarations(block: str) -> Iterator[Written]:
    """The declarations of a block that are valid and matter to a drawing, custom properties among them."""
    if len(block) > _LONGEST:
        return
    if "{" in block or "\\" in block or "/*" in block:
        import tinycss2

        try:
            limit_css_nesting(block, DEEPEST)
        except Dropped:
            return
        nodes = tinycss2.parse_blocks_contents(block, skip_comments=True, skip_whitespace=True)
        found = [written(node) for node in nodes if node.type == "declaration"]
    else:
        found = [_written(match) for match in _DECLARATION.finditer(block)]
    for each in found:
        if each.name.startswith("--") or (each.name in RELEVANT and each.text.strip() and is_valid(each)):
            yield each


def _written(match: re.Match[str]) -> Written:
    name, value = match.groups()
    important = _IMPORTANT.search(value) if "!" in value else None
    value = value[: important.start()] if important else value
    return Written(name if name.startswith("--") else name.lower(), value.strip(), important is not None)


def is_valid(declaration: Written) -> bool:
    """Whether a browser can read a declaration; what the normalizer refuses is one that it can."""
    try:
        limit_css_nesting(declaration.text, DEEPEST)
        return valid(declaration)
    except Dropped:
        return True


def _key(part: str) -> str:
    last = _LAST.search(part.strip())
    if last is None:
        return "*"
    ident = klass = tag = ""
    for sign, name, element in _KEY.findall(last[0]):
        if sign == "#":
            ident = ident or name
        elif sign == ".":
            klass = klass or name
        tag = tag or element
    if ident or klass:
        name = ident or klass
        return ("#" if ident else ".") + (_ESCAPE.sub(_unescaped, name) if "\\" in name else name)
    return tag.lower() or "*"


def _unescaped(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[2]
    code = int(match[1], 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


def cut(text: str) -> Iterator[tuple[str, str | None]]:
    """The rules of a text: (what comes before the block, the block); the block is None for a statement."""
    start = opened = depth = 0
    for match in _CUTS.finditer(text):
        sign = match[0]
        if sign == "{":
            depth += 1
            if depth == 1:
                opened = match.end()
        elif sign == "}":
            if depth == 1:
                yield text[start : opened - 1].strip(), text[opened : match.start()]
                start = match.end()
            depth = max(depth - 1, 0)
        elif sign == ";" and depth == 0 and text[start : match.start()].lstrip().startswith("@"):
            yield text[start : match.start()].strip(), None
            start = match.end()
    if depth:
        yield text[start : opened - 1].strip(), text[opened:]


class _Reader:
    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._anonymous = 0

    def rules(self, text: str, layer: str, parents: Rule | None, depth: int) -> None:
        """File the rules of a text. ``parents``: the rule that they are nested in."""
        if depth > DEEPEST:
            return
        for prelude, block in cut(text):
            if self._sheet.count > MOST_RULES:
                return
            if prelude.startswith("@"):
                self._at_rule(prelude, block, layer, parents, depth)
            elif block is not None and prelude and len(prelude) <= _LONGEST and _PROMISING.search(block):
                self._style_rule(prelude, block, layer, parents, depth)

    def _style_rule(self, prelude: str, block: str, layer: str, parents: Rule | None, depth: int) -> None:
        rule = Rule(prelude, block, layer, self._sheet.count, parents)
        self._add(rule)
        if "{" in block:
            self._nested(block, layer, rule, depth)

    def _nested(self, block: str, layer: str, rule: Rule, depth: int) -> None:
        """Rules in a style rule; declarations before them are cut off."""
        for prelude, inner in cut(block):
            # what stands before a nested rule's selector are declarations
            own = prelude.rpartition(";")[2].strip()
            if inner is None or not own or depth > DEEPEST:
                continue
            if own.startswith("@"):
                self._at_rule(own, inner, layer, rule, depth)
            else:
                self._style_rule(own, inner, layer, rule, depth + 1)

    def _add(self, rule: Rule) -> None:
        self._sheet.count += 1
        for key in rule.ends():
            self._sheet.index.setdefault(key, []).append(rule)

    def _at_rule(self, prelude: str, block: str | None, layer: str, parents: Rule | None, depth: int) -> None:
        name, _, rest = prelude.partition(" ") if " " in prelude else (prelude, "", "")
        match = re.match(r"@([a-zA-Z-]+)", prelude)
        if match is None:
            return
        name, rest = match[1].lower(), prelude[match.end() :].strip()
        if name == "layer":
            self._layer(rest, block, layer, parents, depth)
        elif block is None:
            if name == "import":
                self._import(rest, layer)
        elif name in ("keyframes", "-webkit-keyframes"):
            self._sheet.keyframes[rest.strip("\"' ")] = block
        elif name == "property":
            self._property(rest, block)
        elif name == "media":
            if shows(rest[:2000]):
                self._block(block, layer, parents, depth)
        elif name == "supports":
            if supported(rest[:2000]):
                self._block(block, layer, parents, depth)
        elif name in ("container", "scope", "starting-style") and name != "starting-style":
            self._sheet.left_open.add(f"@{name}")

    def _block(self, block: str, layer: str, parents: Rule | None, depth: int) -> None:
        """The content of an at-rule; in a style rule it holds declarations for what the rule selects, too."""
        if parents is None:
            self.rules(block, layer, None, depth + 1)
            return
        rule = Rule("", block, layer, self._sheet.count, parents, own=False)
        self._sheet.count += 1
        self._sheet.index.setdefault("*", []).append(rule)
        self._nested(block, layer, rule, depth + 1)

    def _layer(self, names: str, block: str | None, layer: str, parents: Rule | None, depth: int) -> None:
        listed = [name.strip() for name in names.split(",") if name.strip()]
        if block is None:
            self._sheet.layers += [within(layer, name) for name in listed]
            return
        if len(listed) > 1:
            return
        if not listed:
            self._anonymous += 1
        inner = within(layer, listed[0] if listed else f"\0{id(self._sheet)}-{self._anonymous}")
        self._sheet.layers.append(inner)
        self._block(block, inner, parents, depth)

    def _import(self, rest: str, layer: str) -> None:
        match = _IMPORT.match(rest)
        if match is None or self._sheet.count:
            return
        url = next((value for value in match.groups() if value is not None), "")
        rest = rest[match.end() :].strip()
        named = _IMPORT_LAYER.match(rest)
        if named is not None:
            rest = rest[named.end() :].strip()
            layer = within(layer, named[1] or f"\0{id(self._sheet)}-import{len(self._sheet.imports)}")
            self._sheet.layers.append(layer)
        condition = _IMPORT_SUPPORTS.match(rest)
        if condition is not None:
            rest = rest[condition.end() :].strip()
        if not rest or shows(rest[:2000]):
            self._sheet.imports.append(Import(_ESCAPE.sub(_unescaped, url).strip(), layer))

    def _property(self, name: str, block: str) -> None:
        texts = {match[1].lower(): match[2].strip() for match in _DECLARATION.finditer(block[:_LONGEST])}
        registered = registration(texts)
        if registered is not None and name.startswith("--"):
            self._sheet.registered[name] = registered


_IMPORT = re.compile(r"\"([^\"\n]*)\"|'([^'\n]*)'|(?i:url)\(\s*(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^\"'()\s]*))\s*\)")
_IMPORT_LAYER = re.compile(r"layer(?:\(\s*([^()]*?)\s*\))?(?![\w(-])")
_IMPORT_SUPPORTS = re.compile(r"supports\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)")


def within(layer: str, name: str) -> str:
    """The dotted name of a layer in another; "" is none."""
    return f"{layer}.{name}" if layer and name else layer or name
