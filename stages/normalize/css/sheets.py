"""Style sheets as flat lists of rules: at-rules evaluated, nested rules resolved, layers ordered.

CSS Syntax 3, CSS Nesting 1, CSS Cascade 5 (layers), CSS Conditional 3 to 5, CSS Properties and Values 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stages.base import Dropped
from stages.canonical import SVG_NS
from stages.normalize.css.conditions import decided, media, solid, split, supports
from stages.normalize.css.declarations import REVERT_LAYER, Declaration, Written, typed, valid, written
from stages.normalize.css.known_css import HANDLED_AT_RULES, REFUSED_AT_RULES, STILL_AT_RULES
from stages.normalize.css.matching import Complex
from stages.normalize.css.registered import Registered, registration
from stages.normalize.css.selectors import InvalidSelectorError, parse_selectors
from stages.normalize.settings import NormalizeSettings
from stages.normalize.values.properties import INHERIT
from stages.reasons import Reason
from stages.untrusted import limit_css_nesting

_CONTAINERS = re.compile(r"\bcontainer(?:-type|-name)?\s*:")


class Layer:
    """A cascade layer. ``rank`` (known when all sheets are read) grows with what overrides what."""

    def __init__(self) -> None:
        self.layers: dict[str, Layer] = {}
        self.rank = 0

    def within(self, name: str) -> Layer:
        """The layer of a dotted name within this one; "" is a new one without a name."""
        if not name:
            return self.layers.setdefault(f"\0{len(self.layers)}", Layer())
        layer = self
        for part in name.split("."):
            layer = layer.layers.setdefault(part, Layer())
        return layer

    def order(self, rank: int = 0) -> int:
        """Give ranks from ``rank`` on: a layer's own rules override those of the layers within. Returns the next."""
        for layer in self.layers.values():
            rank = layer.order(rank)
        self.rank = rank
        return rank + 1


class Rule(NamedTuple):
    """A style rule. ``undecided``: what decides whether it applies, "" if it does."""

    selectors: tuple[Complex, ...]
    block: tuple[Declaration, ...]
    written: tuple[Written, ...]
    layer: Layer
    undecided: str


class Keyframe(NamedTuple):
    """What ``@keyframes`` declares for a point in time, 0..1, in the order of the rule."""

    offset: float
    block: tuple[Declaration, ...]
    written: tuple[Written, ...]


@dataclass
class Sheets:
    """All style sheets of a document. ``notes`` says what of them was ignored."""

    settings: NormalizeSettings
    contained: bool = False
    """Whether something declares a container, whose size ``@container`` could ask for."""
    rules: list[Rule] = field(default_factory=list)
    keyframes: dict[str, tuple[Keyframe, ...]] = field(default_factory=dict)
    registered: dict[str, Registered] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    plain: bool = True
    """Whether the renderers that judge a drawing understand the sheets as browsers do."""
    reverts: bool = False
    """Whether a value leaves the decision to the layers below."""
    root: Layer = field(default_factory=Layer)

    def add(self, text: str, undecided: str = "") -> None:
        """Read one sheet. Raises Dropped (TOO_COMPLEX, UNSUPPORTED_CSS)."""
        import tinycss2

        limit_css_nesting(text, self.settings.max_css_nesting)
        if "container" in text and _CONTAINERS.search(text):
            self.contained = True
        nodes = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
        _Reader(self).rules(nodes, _Place(self.root, None, undecided))


class _Place(NamedTuple):
    """Where a rule stands: its layer, the selectors of the rule around it, and what decides whether it applies."""

    layer: Layer
    parents: tuple[Complex, ...] | None
    undecided: str
    conditional: bool = False


class _Reader:
    """Reads one sheet into `Sheets`."""

    def __init__(self, sheets: Sheets) -> None:
        self._sheets = sheets
        self._namespaces: dict[str | None, str] = {}
        self._begun = False

    def rules(self, nodes: Sequence[Any], place: _Place) -> None:
        """Rules of a sheet or of an at-rule."""
        for node in nodes:
            if node.type == "qualified-rule":
                self._begun = True
                self._style_rule(node, place)
            elif node.type == "at-rule":
                self._at_rule(node, place)

    def _style_rule(self, rule: Any, place: _Place) -> None:
        import tinycss2

        try:
            selectors = parse_selectors(rule.prelude, self._namespaces, place.parents)
        except InvalidSelectorError:
            self._sheets.notes.add("css_selector_ignored")
            return
        content = tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True)
        self._contents(content, place._replace(parents=selectors), nested=False)

    def _contents(self, nodes: Sequence[Any], place: _Place, nested: bool = True) -> None:
        """The content of a style rule, or of an at-rule within one: declarations apply in their place among rules."""
        run: list[Written] = []
        for node in nodes:
            if node.type == "declaration":
                run.append(written(node))
                if node.name != node.lower_name and not node.name.startswith("--"):
                    self._sheets.plain = False
                continue
            self._rule(run, place)
            run = []
            if node.type == "qualified-rule":
                self._sheets.plain = False
                self._style_rule(node, place)
            elif node.type == "at-rule":
                self._at_rule(node, place)
        self._rule(run, place)

    def _rule(self, declarations: list[Written], place: _Place) -> None:
        """Add a rule for the selectors of the place."""
        selectors = place.parents
        if not selectors or not declarations:
            return
        sheets = self._sheets
        if len(selectors) == 1 and selectors[0].never:
            return
        block = typed(declarations)
        if not all(s.plain and not s.never for s in selectors) or place.conditional:
            sheets.plain = False
        if not all(each.name != "all" and valid(each) for each in declarations):
            sheets.plain = False
        if any(type(each.value) is object and each.value is not INHERIT for each in block):
            sheets.plain = False
            sheets.reverts = sheets.reverts or any(each.value is REVERT_LAYER for each in block)
        sheets.rules.append(Rule(selectors, block, tuple(declarations), place.layer, place.undecided))

    def _at_rule(self, rule: Any, place: _Place) -> None:
        name = rule.lower_at_keyword
        if name in ("charset", "import", "namespace", "layer") and rule.content is None:
            self._statement(rule, name, place)
            return
        self._begun = True
        if name in STILL_AT_RULES:
            return
        if rule.content is None or name not in HANDLED_AT_RULES | REFUSED_AT_RULES:
            self._sheets.notes.add(f"css_{_note(name)}_ignored")
        elif name in ("keyframes", "-webkit-keyframes"):
            self._keyframes(rule)
        elif name == "property":
            self._property(rule)
        elif name == "layer":
            names = _layer_names(rule.prelude)
            if names is not None and len(names) <= 1:
                self._block(rule, place._replace(layer=place.layer.within(names[0] if names else ""), conditional=True))
        elif name == "function":
            raise Dropped(Reason.UNSUPPORTED_CSS, "@function")
        else:
            self._conditional(rule, name, place)

    def _statement(self, rule: Any, name: str, place: _Place) -> None:
        if name == "namespace" and not self._begun:
            self._namespace(rule)
        elif name == "layer":
            for each in _layer_names(rule.prelude) or ():
                place.layer.within(each)
        elif name == "import":
            self._sheets.notes.add("css_import_ignored")

    def _conditional(self, rule: Any, name: str, place: _Place) -> None:
        import tinycss2

        if name == "media":
            answer = decided(media(rule.prelude))
        elif name == "supports":
            answer = decided(supports(rule.prelude, self._namespaces))
        elif name == "container":
            asks_style = any(t.type == "function" and t.lower_name != "not" for t in rule.prelude)
            answer = None if asks_style or self._sheets.contained else False
        else:
            answer = None
        if answer is False:
            return
        if answer is None:
            condition = f"@{name} {' '.join(tinycss2.serialize(rule.prelude).split())[:80]}".strip()
            place = place._replace(undecided=place.undecided or condition)
        self._block(rule, place._replace(conditional=True))

    def _block(self, rule: Any, place: _Place) -> None:
        """The rules in an at-rule; within a style rule they are what a style rule holds."""
        import tinycss2

        if place.parents is None:
            self.rules(tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True), place)
        else:
            nodes = tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True)
            self._contents(nodes, place)

    def _namespace(self, rule: Any) -> None:
        """CSS Namespaces 3, section 2."""
        tokens = solid(rule.prelude)
        prefix = tokens.pop(0).value if tokens and tokens[0].type == "ident" else None
        if len(tokens) != 1:
            return
        token = tokens[0]
        if token.type in ("string", "url"):
            self._namespaces[prefix] = token.value
        elif token.type == "function" and token.lower_name == "url":
            strings = [each.value for each in token.arguments if each.type == "string"]
            if len(strings) == 1:
                self._namespaces[prefix] = strings[0]
        if self._namespaces.get(None, SVG_NS) != SVG_NS:
            self._sheets.plain = False

    def _keyframes(self, rule: Any) -> None:
        """CSS Animations 1, section 3; a later rule of the same name replaces an earlier one."""
        import tinycss2

        tokens = solid(rule.prelude)
        if len(tokens) != 1 or tokens[0].type not in ("ident", "string"):
            return
        frames: list[Keyframe] = []
        for node in tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True):
            if node.type != "qualified-rule":
                continue
            offsets = [_offset(part) for part in split(node.prelude)]
            if any(offset is None for offset in offsets):
                continue
            nodes = tinycss2.parse_declaration_list(node.content, skip_comments=True, skip_whitespace=True)
            texts = tuple(written(each) for each in nodes if each.type == "declaration" and not each.important)
            block = typed(texts)
            frames += [Keyframe(offset, block, texts) for offset in offsets if offset is not None]
        self._sheets.keyframes[tokens[0].value] = tuple(frames)

    def _property(self, rule: Any) -> None:
        import tinycss2

        tokens = solid(rule.prelude)
        if len(tokens) != 1 or tokens[0].type != "ident" or not tokens[0].value.startswith("--"):
            return
        nodes = tinycss2.parse_declaration_list(rule.content, skip_comments=True, skip_whitespace=True)
        texts = {each.lower_name: tinycss2.serialize(each.value) for each in nodes if each.type == "declaration"}
        registered = registration(texts)
        if registered is not None:
            self._sheets.registered[tokens[0].value] = registered


def _offset(tokens: list[Any]) -> float | None:
    """A keyframe's place in time, None if it is invalid."""
    if len(tokens) != 1:
        return None
    token = tokens[0]
    if token.type == "ident":
        return {"from": 0.0, "to": 1.0}.get(token.lower_value)
    return token.value / 100 if token.type == "percentage" and 0 <= token.value <= 100 else None


def _layer_names(prelude: Sequence[Any]) -> list[str] | None:
    """The names that ``@layer`` lists, none for a layer without one; None for what is no list of names."""
    parts = split(prelude)
    if parts == [[]]:
        return []
    names = []
    for part in parts:
        words = part[::2]
        dots = part[1::2]
        if len(part) % 2 == 0 or any(word.type != "ident" for word in words) or any(dot != "." for dot in dots):
            return None
        names.append(".".join(word.value for word in words))
    return names


def _note(keyword: str) -> str:
    return keyword if re.fullmatch(r"-?[a-z][a-z-]{0,30}", keyword) else "at_rule"
