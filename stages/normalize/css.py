"""The cascade (CSS Cascade 4; SVG 2, section 6): style sheets, style attributes and presentation attributes.

Selectors of one class, id or type, which is what drawings hold, are looked up; the others are matched by cssselect2.
A document without style elements needs neither.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from stages.base import Dropped
from stages.normalize.plain import Plain
from stages.normalize.properties import (
    CSS_ONLY,
    INHERIT,
    INHERITED,
    INITIAL,
    PRESENTATION,
    PROPERTIES,
    SHORTHANDS,
    UNSET,
    expand,
    parse_property,
)
from stages.normalize.settings import NormalizeSettings
from stages.normalize.tree import Node
from stages.reasons import Reason
from stages.untrusted import limit_css_nesting

_PLAIN_STYLE = re.compile(r"[^\"'()\\{}@!/]*")
_URL_STYLE = re.compile(r"(?:[^\"'()\\{}@!/]*(?:url\(#[\w.:-]+\)|rgba?\([\d\s.,%]*\)))*[^\"'()\\{}@!/]*")
_MARKERS = ("marker-start", "marker-mid", "marker-end")
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_SPACED = frozenset(("text", "tspan", "textPath"))
_KNOWN = frozenset(PROPERTIES) | CSS_ONLY | SHORTHANDS | {"marker", "font", "all"}


class Declaration(NamedTuple):
    """One declaration with its typed value."""

    name: str
    value: Any
    important: bool


def cascade(nodes: list[Node], settings: NormalizeSettings, plain: Plain) -> set[str]:
    """Fill ``declared`` of every node (document order, the root first). Returns notes.

    What the renderers lack of CSS is resolved in ``plain``.

    Raises Dropped (TOO_COMPLEX, UNSUPPORTED_CSS).
    """
    sheets = ["".join(node.source.itertext()) for node in nodes if node.tag == "style" and _is_css(node)]
    rules, notes = _Rules(), set[str]()
    for sheet in sheets:
        notes |= rules.add(sheet, settings)
    if not rules.count:
        for node in nodes:
            if node.attributes:
                _declare(node, (), settings)
                _inherit(node)
        return notes
    if rules.count * len(nodes) > settings.max_css_matches:
        raise Dropped(Reason.TOO_COMPLEX, f"{rules.count} CSS rules on {len(nodes)} elements")
    matches = rules.matches(nodes)
    for node, found in zip(nodes, matches, strict=True):
        if found or node.attributes:
            _declare(node, found, settings)
            _inherit(node)
    return notes


def _inherit(node: Node) -> None:
    """Take from the parent, whose declarations are final by now, what ``inherit`` says of properties that do not."""
    declared = node.declared
    for name in [name for name, value in declared.items() if value is INHERIT and name not in INHERITED]:
        default = "visible" if name == "overflow" else INITIAL  # hidden is the default of viewports alone
        value = node.parent.declared.get(name, default) if node.parent is not None else INITIAL
        if value is INITIAL or value is UNSET:
            del declared[name]
        else:
            declared[name] = value


def _is_css(node: Node) -> bool:
    kind = node.attributes.get("type", "").partition(";")[0].strip().lower()
    media = node.attributes.get("media", "").strip().lower()
    return kind in ("", "text/css") and media in ("", "all", "screen")


def _declare(node: Node, rules: tuple[tuple[Declaration, ...], ...], settings: NormalizeSettings) -> None:
    declared = node.declared
    attributes = node.attributes
    for name, text in attributes.items():
        if name in PRESENTATION:
            if name == "clip-path" or name != "transform-origin" or text:
                value = parse_property(name, text)
                if value is not None:
                    declared[name] = value
        elif name in ("font-variant", "text-decoration"):
            declared.update(expand(name, text))
        elif name == _SPACE and node.tag in _SPACED:  # to browsers it is a presentation attribute of these alone
            declared["white-space"] = "pre" if text.strip() == "preserve" else "normal"
    style = attributes.get("style")
    own = parse_style(style, settings.max_css_nesting) if style else ()
    if not rules:
        for name, value, important in own:
            if not important:
                declared[name] = value
        for name, value, important in own:
            if important:
                declared[name] = value
                node.important |= {name}
        return
    for important in (False, True):
        for block in (*rules, own):
            for name, value, flag in block:
                if flag is important:
                    declared[name] = value
                    if flag:
                        node.important |= {name}


@lru_cache(maxsize=4096)
def parse_style(text: str, nesting: int) -> tuple[Declaration, ...]:
    """The valid declarations of a style attribute, in order. Raises Dropped (TOO_COMPLEX, UNSUPPORTED_CSS)."""
    if _PLAIN_STYLE.fullmatch(text) or _URL_STYLE.fullmatch(text):
        pairs = [piece.partition(":") for piece in text.split(";")]
        found = [(_name(name), value, False) for name, colon, value in pairs if colon]
    else:
        import tinycss2

        limit_css_nesting(text, nesting)
        found = _pairs(tinycss2.parse_declaration_list(text, skip_comments=True, skip_whitespace=True))
    return _typed(found)


def _name(text: str) -> str:
    text = text.strip()
    return text if text.startswith("--") else text.lower()  # custom properties alone have a case


def _pairs(nodes: list[Any]) -> list[tuple[str, str, bool]]:
    import tinycss2

    return [
        (_name(node.name), tinycss2.serialize(node.value), node.important)
        for node in nodes
        if node.type == "declaration"
    ]


def _typed(pairs: list[tuple[str, str, bool]]) -> tuple[Declaration, ...]:
    found: list[Declaration] = []
    for name, text, important in pairs:
        if name not in _KNOWN:
            if name.startswith("--"):
                found.append(Declaration(name, text, important))
            continue
        if name == "all":
            raise Dropped(Reason.UNSUPPORTED_CSS, f"all: {text[:80]}")
        if name == "font":
            found.extend(Declaration(each, value, important) for each, value in _font(text))
            continue
        if name in SHORTHANDS:
            found.extend(Declaration(each, value, important) for each, value in expand(name, text))
            continue
        value = parse_property("marker-start" if name == "marker" else name, text)
        if value is not None:
            names = _MARKERS if name == "marker" else (name,)
            found.extend(Declaration(each, value, important) for each in names)
    return tuple(found)


_FONT = re.compile(
    r"(?P<before>.*?)(?<![^\s])(?P<size>[0-9.]+(?:px|pt|em|%|rem|ex|mm|cm|in|pc|q|ch)|larger|smaller"
    r"|(?:xx?-)?(?:small|large)|xxx-large|medium)(?![\w-])"
    r"(?:\s*/\s*[^\s,]+)?\s+(?P<family>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_LONGHANDS = ("font-style", "font-weight", "font-size", "font-family", "font-variant-caps")
_RESET = {
    "font-style": "normal",
    "font-weight": "normal",
    "font-variant-caps": "normal",
    "font-variant-ligatures": "normal",
    "font-kerning": "auto",
    "font-feature-settings": "normal",
    "font-size-adjust": "none",
}
_SYSTEM_FONTS = ("caption", "icon", "menu", "message-box", "small-caption", "status-bar")
_STRETCHES = frozenset(
    f"{how}{what}" for how in ("", "semi-", "extra-", "ultra-") for what in ("condensed", "expanded")
)


def _font(text: str) -> list[tuple[str, Any]]:
    """The longhands of ``font`` (CSS Fonts 4, section 2.7) that matter; none for a value that is invalid."""
    wide = parse_property("font-size", text) if text.strip().lower() in ("inherit", "initial", "unset") else None
    if wide is not None:
        return [(name, wide) for name in _LONGHANDS]
    if text.strip().lower() in _SYSTEM_FONTS:
        raise Dropped(Reason.UNSUPPORTED_TEXT, f"font: {text.strip()}")
    match = _FONT.fullmatch(text.strip())
    if match is None:
        return []
    values = {**_RESET, "font-size": match["size"], "font-family": match["family"]}
    for word in re.sub(r"oblique\s+[+-]?[0-9.]+deg", "oblique", match["before"].lower()).split():
        if word in ("italic", "oblique"):
            values["font-style"] = word
        elif word == "small-caps":
            values["font-variant-caps"] = word
        elif word in _STRETCHES:
            continue  # the fonts have one width
        elif word in ("bold", "bolder", "lighter") or word.isdecimal():
            values["font-weight"] = word
        elif word != "normal":
            return []
    parsed = [(name, parse_property(name, value)) for name, value in values.items()]
    return [(name, value) for name, value in parsed if value is not None]


_SIMPLE = re.compile(r"([.#]?)(-?[A-Za-z_][A-Za-z0-9_-]*)")
_SPECIFICITY = {"#": (1, 0, 0), ".": (0, 1, 0), "": (0, 0, 1)}

_Block = tuple[Declaration, ...]
_Entry = tuple[tuple[int, int, int], int, _Block]


class _Rules:
    """The style rules of a document: by class, id or type, and the rest for cssselect2."""

    def __init__(self) -> None:
        self.count = 0
        self._simple: dict[str, list[_Entry]] = {}
        self._complex: list[tuple[Any, int, _Block]] = []

    def add(self, sheet: str, settings: NormalizeSettings) -> set[str]:
        """Read one sheet. Returns notes about what of it was ignored."""
        import tinycss2

        limit_css_nesting(sheet, settings.max_css_nesting)
        notes: set[str] = set()
        for rule in tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True):
            if rule.type == "at-rule":
                if rule.lower_at_keyword not in ("charset", "font-face", "namespace"):
                    notes.add(f"css_{_note(rule.lower_at_keyword)}_ignored")
            elif rule.type == "qualified-rule":
                block = _typed(
                    _pairs(tinycss2.parse_declaration_list(rule.content, skip_comments=True, skip_whitespace=True))
                )
                if block and not self._rule(rule.prelude, block):
                    notes.add("css_selector_ignored")
        return notes

    def _rule(self, prelude: list[Any], block: _Block) -> bool:
        import tinycss2

        parts = tinycss2.serialize(prelude).split(",")
        simple = [_SIMPLE.fullmatch(part.strip()) for part in parts]
        if all(simple):
            for match in simple:
                if match:
                    self.count += 1
                    self._simple.setdefault(match[0], []).append((_SPECIFICITY[match[1]], self.count, block))
            return True
        import cssselect2

        try:
            selectors = cssselect2.compile_selector_list(prelude)
        except (cssselect2.SelectorError, RecursionError):
            return False
        for selector in selectors:
            self.count += 1
            if selector.pseudo_element is None:
                self._complex.append((selector, self.count, block))
        return True

    def matches(self, nodes: list[Node]) -> list[tuple[_Block, ...]]:
        """For each node the blocks that apply, the strongest last."""
        found: list[list[_Entry]] = [[] for _ in nodes]
        simple = self._simple
        for node, entries in zip(nodes, found, strict=True):
            if node.tag in simple:
                entries += simple[node.tag]
            names = node.attributes.get("class")
            if names:
                for name in dict.fromkeys(names.split()):
                    entries += simple.get("." + name, ())
            ident = node.attributes.get("id")
            if ident:
                entries += simple.get("#" + ident, ())
        if self._complex:
            self._match(nodes, found)
        return [tuple(block for _, _, block in sorted(e, key=_strength)) if e else () for e in found]

    def _match(self, nodes: list[Node], found: list[list[_Entry]]) -> None:
        import cssselect2

        matcher = cssselect2.Matcher()
        for selector, order, block in self._complex:
            matcher.add_selector(selector, (order, block))
        at = {id(node.source): i for i, node in enumerate(nodes)}
        root = cssselect2.ElementWrapper.from_xml_root(nodes[0].source)
        for wrapper in root.iter_subtree():
            i = at.get(id(wrapper.etree_element))
            if i is not None:
                found[i] += [(spec, order, block) for spec, _, _, (order, block) in matcher.match(wrapper)]


def _strength(entry: _Entry) -> tuple[tuple[int, int, int], int]:
    return entry[0], entry[1]


def _note(keyword: str) -> str:
    return keyword if re.fullmatch(r"-?[a-z][a-z-]{0,30}", keyword) else "at_rule"
