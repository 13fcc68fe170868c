"""The cascade (CSS Cascade 5; SVG 2, section 6): presentation attributes, style sheets, style attributes.

Rules are looked up by the id, class or type that their last compound asks for; what asks for more is then matched.
A document without style elements needs neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stages.base import Dropped
from stages.normalize.css.conditions import FALSE, TRUE, decided, media
from stages.normalize.css.declarations import INITIAL_TEXTS, REVERT_LAYER, Declaration, parse_style
from stages.normalize.css.inline import inline, plain_style
from stages.normalize.css.instances import separate
from stages.normalize.css.matching import Complex, Matching, Specificity
from stages.normalize.css.registered import apply_registered
from stages.normalize.css.sheets import Keyframe, Rule, Sheets
from stages.normalize.settings import NormalizeSettings
from stages.normalize.source.plain import Plain, append_declaration
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import (
    CSS_ONLY,
    INHERIT,
    INHERITED,
    INITIAL,
    PRESENTATION,
    UNSET,
    Style,
    parse_attribute,
)
from stages.normalize.values.shorthands import expand
from stages.reasons import Reason

_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_SPACED = frozenset(("text", "tspan", "textPath"))
_ODD_STYLE = re.compile(r"[{}@]|(?:^|;|\*/)\s*(?!--)[a-z-]*[A-Z][\w-]*\s*:")
"""Style attributes that renderers do not read as browsers do: capitals in names, blocks and at-rules."""


@dataclass(frozen=True)
class Cascaded:
    """What style sheets say beside the declarations of elements."""

    notes: set[str]
    keyframes: dict[str, tuple[Keyframe, ...]] = field(default_factory=dict)


class Match(NamedTuple):
    """A rule that applies to an element. ``rank`` of its layer, specificity and order decide between rules."""

    rank: int
    specificity: Specificity
    order: int
    rule: Rule


def cascade(nodes: list[Node], ids: dict[str, Node], settings: NormalizeSettings, plain: Plain) -> Cascaded:
    """Fill ``declared`` of every node (document order, the root first).

    Copies that ``use`` elements show are added to ``nodes`` and ``ids`` where other rules apply to them. What the
    renderers lack of CSS is resolved in ``plain``. Raises Dropped (TOO_COMPLEX, UNSUPPORTED_CSS).
    """
    styles = [node for node in nodes if node.tag == "style"]
    if not styles:
        if any(node.tag == "use" for node in nodes) and _varied(nodes, [[]] * len(nodes)):
            _separate(nodes, ids, [[] for _ in nodes], {}, settings, plain, True)
        for node in nodes:
            if node.attributes:
                _declare(node, settings)
                _settle(node, plain)
        return Cascaded(set())
    sheets = _read(styles, nodes, settings)
    matches = _matches(nodes, ids, sheets, settings, plain)
    for node, applying in zip(nodes, matches, strict=True):
        node.ruled = bool(applying)
        if applying or node.attributes:
            _declare_by_rules(node, applying, settings, sheets.reverts)
            _settle(node, plain)
    if not sheets.plain:
        inline(nodes, [[match.rule for match in applying] for applying in matches], styles, plain)
    if sheets.registered:
        apply_registered(nodes, sheets.registered)
    return Cascaded(sheets.notes, sheets.keyframes)


def _read(styles: list[Node], nodes: list[Node], settings: NormalizeSettings) -> Sheets:
    """The style sheets of the document."""
    sheets = Sheets(settings)
    sheets.contained = any("container" in node.attributes.get("style", "") for node in nodes)
    for node in styles:
        applies, condition = _applies(node)
        if node.attributes.get("media", "").strip().lower() not in ("", "all") or not (applies or _is_css(node)):
            sheets.plain = False
        if applies is not False:
            sheets.add("".join(node.source.itertext()), condition)
    if not sheets.rules:
        sheets.plain = sheets.plain and all(_is_css(node) for node in styles)
    return sheets


def _is_css(node: Node) -> bool:
    """Whether browsers take a style element for CSS: a type is compared without regard to case, and as a whole."""
    return node.attributes.get("type", "").lower() in ("", "text/css")


def _applies(node: Node) -> tuple[bool | None, str]:
    """Whether a style element's sheet applies, and what that depends on where it is not known."""
    query = node.attributes.get("media", "")
    answer = FALSE
    if _is_css(node):
        answer = TRUE
        if query.strip():
            import tinycss2

            answer = media(tinycss2.parse_component_value_list(query, skip_comments=True))
    return decided(answer), "" if decided(answer) is not None else f"media {query[:80]}"


def _matches(
    nodes: list[Node], ids: dict[str, Node], sheets: Sheets, settings: NormalizeSettings, plain: Plain
) -> list[list[Match]]:
    """For each node the rules that apply, the strongest last."""
    sheets.root.order()
    index: dict[str, list[tuple[Complex, Match]]] = {}
    count = 0
    for order, rule in enumerate(sheets.rules):
        for selector in rule.selectors:
            if not selector.never:
                count += 1
                entry = Match(rule.layer.rank, selector.specificity, order, rule)
                index.setdefault(selector.key, []).append((selector, entry))
    if count * len(nodes) > settings.max_css_matches:
        raise Dropped(Reason.TOO_COMPLEX, f"{count} CSS rules on {len(nodes)} elements")
    document = Matching(settings.max_css_matches)
    matches = [_matching(node, index, document) for node in nodes]
    if any(node.tag == "use" for node in nodes):
        placed = any(selector.placed for rule in sheets.rules for selector in rule.selectors)
        varied = _varied(nodes, matches)
        if placed or varied:
            sheets.plain = not _separate(nodes, ids, matches, index, settings, plain, varied) and sheets.plain
    return matches


def _varied(nodes: list[Node], matches: list[list[Match]]) -> bool:
    """Whether custom properties differ with the place: whether something but the root declares one."""
    return any(
        "--" in node.attributes.get("style", "")
        or any(each.name.startswith("--") for match in applying for each in match.rule.block)
        for node, applying in zip(nodes[1:], matches[1:], strict=True)
    )


def _separate(
    nodes: list[Node],
    ids: dict[str, Node],
    matches: list[list[Match]],
    index: dict[str, list[tuple[Complex, Match]]],
    settings: NormalizeSettings,
    plain: Plain,
    varied: bool,
) -> bool:
    """Give what ``use`` shows elements of its own where it is styled otherwise. Whether there are any."""
    document = Matching(settings.max_css_matches)

    def within(node: Node, top: Node) -> list[Match]:
        if document.top is not top:
            document.look_within(top)
        return _matching(node, index, document)

    def variable(node: Node, applying: list[Match]) -> bool:
        if not varied:
            return False
        texts = [each.text for match in applying for each in match.rule.written]
        return node.tag == "use" or any("var(" in text for text in (*node.attributes.values(), *texts))

    before = len(nodes)
    separate(nodes, ids, matches, within, variable, settings, plain)
    return len(nodes) > before


def _matching(node: Node, index: dict[str, list[tuple[Complex, Match]]], document: Matching) -> list[Match]:
    keys = [node.tag, "*"]
    names = node.attributes.get("class")
    if names:
        keys += ["." + name for name in dict.fromkeys(names.split())]
    if "id" in node.attributes:
        keys.append("#" + node.attributes["id"])
    strongest: dict[int, Match] = {}
    for key in keys:
        for selector, entry in index.get(key, ()):
            known = strongest.get(entry.order)
            if known is not None and known.specificity >= entry.specificity:
                continue
            if selector.simple or document.matches(selector, node):
                strongest[entry.order] = entry
    applying = sorted(strongest.values(), key=lambda match: match[:3])
    for match in applying:
        if match.rule.undecided and match.rule.block:
            raise Dropped(Reason.UNSUPPORTED_CSS, match.rule.undecided)
    return applying


def _declare(node: Node, settings: NormalizeSettings) -> None:
    """Presentation attributes and the style attribute."""
    declared = node.declared
    attributes = node.attributes
    for name, text in attributes.items():
        _attribute(node, name, text)
    style = attributes.get("style")
    if style:
        own = parse_style(style, settings.max_css_nesting)
        for important in (False, True):
            for name, value, flag in own:
                if flag is important and value is not REVERT_LAYER:
                    declared[name] = value
                    if flag:
                        node.important |= {name}


def _attribute(node: Node, name: str, text: str) -> None:
    """Declare what an attribute says, if it is a presentation attribute (SVG 2, section 6.6)."""
    if name in PRESENTATION:
        if name != "transform-origin" or text:
            value = parse_attribute(name, text)
            if value is not None:
                node.declared[name] = value
    elif name in ("font-variant", "text-decoration"):
        node.declared.update(expand(name, text))
    elif name == _SPACE and node.tag in _SPACED:  # to browsers it is a presentation attribute of these alone
        node.declared["white-space"] = "pre" if text.strip() == "preserve" else "normal"


def _declare_by_rules(node: Node, matches: list[Match], settings: NormalizeSettings, reverts: bool) -> None:
    """What applies to an element by all of them: origin, importance, layer, specificity and order decide."""
    if not matches:
        _declare(node, settings)
        return
    style = node.attributes.get("style", "")
    own = parse_style(style, settings.max_css_nesting) if style else ()
    declared = node.declared
    for name, text in node.attributes.items():
        _attribute(node, name, text)
    normal = [(match.rule.layer, match.rule.block) for match in matches]
    important = normal
    if any(match.rank != matches[0].rank for match in matches):  # layers override each other the other way round
        reverse = sorted(matches, key=lambda match: (-match.rank, match.specificity, match.order))
        important = [(match.rule.layer, match.rule.block) for match in reverse]
    ordered = [(False, [*normal, (None, own)]), (True, [*important, (None, own)])]
    strong = {name for _, block in ordered[1][1] for name, _, flagged in block if flagged}
    if strong:
        node.important = frozenset(strong)
    if reverts or any(each.value is REVERT_LAYER for each in own):
        _revert(declared, ordered)
        return
    for flag, blocks in ordered:
        for _, block in blocks:
            for name, value, flagged in block:
                if flagged is flag:
                    declared[name] = value


def _revert(declared: Style, ordered: list[tuple[bool, list[tuple[Any, tuple[Declaration, ...]]]]]) -> None:
    """The same where ``revert-layer`` rolls back to what the layers below declare (CSS Cascade 5, section 7.3.5)."""
    stacks: dict[str, list[tuple[Any, Any]]] = {}
    for flag, blocks in ordered:
        for layer, block in blocks:
            for name, value, flagged in block:
                if flagged is flag:
                    stacks.setdefault(name, []).append((layer, value))
    for name, stack in stacks.items():
        reverted: list[Any] = []
        for layer, value in reversed(stack):
            if any(layer is each for each in reverted):
                continue
            if value is not REVERT_LAYER:
                declared[name] = value
                break
            reverted.append(layer)


def _settle(node: Node, plain: Plain) -> None:
    """Resolve what the CSS-wide keywords stand for, but for what properties that are inherited leave to `compute`.

    The parent's declarations are final by now. Renderers know ``inherit`` alone, so the source is told the rest.
    """
    declared = node.declared
    style = node.attributes.get("style")
    if style and _ODD_STYLE.search(style):
        plain_style(node, plain)
    wide = [(name, value) for name, value in declared.items() if type(value) is object]
    for name, value in wide:
        if value is not INHERIT:
            text = INITIAL_TEXTS.get(name)
            if name in INHERITED and value is UNSET:
                text = "inherit"
            elif name in CSS_ONLY or name == "overflow":  # an attribute, or a default, would be taken instead
                declared[name] = text
            if text is not None:
                append_declaration(node.source, name, text)
                plain.note("css_wide_keywords")
        elif name not in INHERITED:
            outer = node.parent
            default = "visible" if name == "overflow" else INITIAL
            inherited = outer.declared.get(name, default) if outer is not None else INITIAL
            if outer is not None and name in CSS_ONLY and inherited is INITIAL:
                inherited = outer.attributes.get(name, INITIAL)
            if inherited is INITIAL or inherited is UNSET:
                if name in CSS_ONLY:
                    declared[name] = INITIAL_TEXTS[name]
                else:
                    del declared[name]
            else:
                declared[name] = inherited
