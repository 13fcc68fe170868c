"""The document as light nodes with cascaded properties.

Cascade (CSS Cascading 4): presentation attributes count as author rules of specificity zero before all others, then
the rules of style elements by specificity and order, then the style attribute; important declarations above all
normal ones.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import cssselect2
import tinycss2
from lxml import etree

from stages.base import Dropped
from stages.canonical import SVG_NS
from stages.reasons import Reason

XLINK_HREF = "{http://www.w3.org/1999/xlink}href"

PROPERTIES = frozenset(
    [
        "fill",
        "fill-opacity",
        "fill-rule",
        "stroke",
        "stroke-width",
        "stroke-opacity",
        "stroke-linecap",
        "stroke-linejoin",
        "stroke-miterlimit",
        "stroke-dasharray",
        "stroke-dashoffset",
        "opacity",
        "color",
        "display",
        "visibility",
        "clip-path",
        "clip-rule",
        "mask",
        "filter",
        "font-size",
        "stop-color",
        "stop-opacity",
        "marker",
        "marker-start",
        "marker-mid",
        "marker-end",
        "mix-blend-mode",
        "paint-order",
        "overflow",
        "vector-effect",
        "transform",
        "transform-origin",
        "transform-box",
        "isolation",
        "mask-type",
    ]
)
INHERITED = frozenset(
    [
        "fill",
        "fill-opacity",
        "fill-rule",
        "stroke",
        "stroke-width",
        "stroke-opacity",
        "stroke-linecap",
        "stroke-linejoin",
        "stroke-miterlimit",
        "stroke-dasharray",
        "stroke-dashoffset",
        "color",
        "visibility",
        "clip-rule",
        "font-size",
        "marker-start",
        "marker-mid",
        "marker-end",
        "paint-order",
    ]
)
_CSS_GEOMETRY = frozenset(["x", "y", "width", "height", "cx", "cy", "r", "rx", "ry", "d"])
_NOT_INHERITED = frozenset(PROPERTIES - INHERITED)

Declaration = tuple[str, str, bool]
"""(property, value, important)"""


@dataclass(eq=False)
class Node:
    """An SVG element: local name, attributes without style, and cascaded (not yet inherited) properties."""

    tag: str
    attributes: dict[str, str]
    style: dict[str, str]
    children: list[Node] = field(default_factory=list)
    text: str = ""
    parent: Node | None = None

    @property
    def href(self) -> str | None:
        """The id that href or xlink:href refers to; "" for a reference of another kind; None if there is none."""
        value = self.attributes.get("href", self.attributes.get(XLINK_HREF))
        if value is None:
            return None
        value = value.strip()
        return value[1:] if value.startswith("#") else ""


@dataclass
class Document:
    """The root, what ids refer to (the first of equal ids), and notes on what was left aside."""

    root: Node
    ids: dict[str, Node]
    notes: set[str]


_PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
)


def parse(data: bytes) -> Document:
    """Read a sanitized document. Raises Dropped (XML_MALFORMED, NOT_SVG, UNSUPPORTED_CSS)."""
    try:
        root = etree.fromstring(data, _PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Dropped(Reason.XML_MALFORMED, str(error)[:200]) from None
    if root is None or root.tag != f"{{{SVG_NS}}}svg":
        raise Dropped(Reason.NOT_SVG, "the root is no svg element")
    notes: set[str] = set()
    rules = _rules(root, notes)
    ids: dict[str, Node] = {}
    prefix = len(SVG_NS) + 2
    nodes: dict[int, Node] = {}
    elements = list(root.iter())
    top: Node | None = None
    for i, element in enumerate(elements):
        if not isinstance(element.tag, str) or not element.tag.startswith(f"{{{SVG_NS}}}"):
            continue
        parent_element = element.getparent()
        parent = None
        if parent_element is not None:
            parent = nodes.get(id(parent_element))
            if parent is None:
                continue  # inside a foreign element: does not draw
        attributes = {str(name): str(value) for name, value in element.items()}
        node = Node(element.tag[prefix:], attributes, {}, [], element.text or "", parent)
        node.style = _cascade(attributes, rules[i] if rules else ())
        nodes[id(element)] = node
        if parent is None:
            top = node
        else:
            parent.children.append(node)
        name = attributes.get("id")
        if name and name not in ids:
            ids[name] = node
    assert top is not None
    return Document(top, ids, notes)


def _cascade(attributes: dict[str, str], rules: tuple[Declaration, ...] | list[Declaration]) -> dict[str, str]:
    style = {name: value.strip() for name, value in attributes.items() if name in PROPERTIES}
    inline = declarations(attributes.pop("style", "")) if "style" in attributes else ()
    if not rules and not inline:
        return style
    important: dict[str, str] = {}
    for name, value, heavy in (*rules, *inline):
        if name in _CSS_GEOMETRY:
            # SVG 2 geometry properties; the renderers at hand disagree on them
            raise Dropped(Reason.UNSUPPORTED_CSS, f"{name} as a CSS property")
        if heavy:
            # inline important declarations come last in the loop, rules before them in cascade order
            important[name] = value
        else:
            style[name] = value
    return style | important


@functools.lru_cache(4096)
def declarations(text: str) -> tuple[Declaration, ...]:
    """The declarations of a style attribute that matter here. Raises Dropped for var() and the like."""
    return tuple(_declarations(tinycss2.parse_blocks_contents(text, skip_comments=True, skip_whitespace=True)))


def _declarations(content: list[Any]) -> list[Declaration]:
    found: list[Declaration] = []
    for item in content:
        if item.type != "declaration":
            continue
        name = item.lower_name
        if name == "marker":
            value = tinycss2.serialize(item.value).strip()
            found += [(f"marker-{part}", value, item.important) for part in ("start", "mid", "end")]
        elif name in PROPERTIES or name in _CSS_GEOMETRY:
            value = tinycss2.serialize(item.value).strip()
            if "var(" in value or "calc(" in value or "env(" in value:
                raise Dropped(Reason.UNSUPPORTED_CSS, f"{name}: {value[:60]}")
            found.append((name, value, item.important))
        elif name in ("animation", "animation-name", "offset-path", "rotate", "scale", "translate"):
            raise Dropped(Reason.UNSUPPORTED_ANIMATION if name[:4] == "anim" else Reason.UNSUPPORTED_CSS, name)
    return found


def _rules(root: etree._Element, notes: set[str]) -> list[list[Declaration]]:
    """For each element in document order, the declarations of matching rules in cascade order; [] without rules."""
    sheets = [element.text or "" for element in root.iter(f"{{{SVG_NS}}}style")]
    matcher = cssselect2.Matcher()
    count = 0
    for sheet in sheets:
        for rule in tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True):
            if rule.type == "at-rule":
                notes.add("css_at_rule_ignored")
            if rule.type != "qualified-rule":
                continue
            found = _declarations(
                tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True)
            )
            if not found:
                continue
            try:
                selectors = cssselect2.compile_selector_list(rule.prelude, namespaces={"": SVG_NS})
            except cssselect2.SelectorError:
                notes.add("css_selector_ignored")
                continue
            for selector in selectors:
                matcher.add_selector(selector, found)
                count += 1
    if not count:
        return []
    result: list[list[Declaration]] = []
    for wrapper in cssselect2.ElementWrapper.from_xml_root(root).iter_subtree():
        matched: list[Declaration] = []
        for _, _, pseudo, found in matcher.match(wrapper):
            if pseudo is None:
                matched += found
        result.append(matched)
    return result


Style = dict[str, str]


def inherit(parent: Style, node: Node) -> Style:
    """Computed properties of ``node`` below an element with the properties ``parent``."""
    own = node.style
    computed = {name: value for name, value in parent.items() if name in INHERITED}
    for name, value in own.items():
        keyword = value.lower()
        if keyword == "inherit" or (keyword == "unset" and name in INHERITED):
            if name in parent:
                computed[name] = parent[name]
        elif keyword in ("initial", "unset", "revert"):
            computed.pop(name, None)
        elif value or name not in INHERITED:
            computed[name] = value
    if computed.get("color", "").lower() == "currentcolor":
        computed["color"] = parent.get("color", "black")
    return computed
