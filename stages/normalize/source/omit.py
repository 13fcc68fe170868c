"""Leaving features out by setting: of the source itself, so that what is compared with it has lost nothing more."""

from __future__ import annotations

import re
from typing import Any

from stages.canonical import SVG_NS
from stages.normalize.settings import NormalizeSettings
from stages.normalize.source.tree import parse
from stages.untrusted import limit_css_nesting

_ELEMENTS = {
    "text": ("text",),
    "pattern": ("pattern",),  # a paint that refers to none shows its fallback
}
_PROPERTIES = {"filter": "filter", "mask": "mask", "clip_path": "clip-path"}


def omit(svg: bytes, settings: NormalizeSettings) -> tuple[bytes, set[str]]:
    """``svg`` without the features whose setting is ``drop``, and a note for each that it had.

    Raises Dropped (XML_MALFORMED, TOO_DEEP, NOT_SVG, TOO_COMPLEX).
    """
    chosen = [name for name in (*_ELEMENTS, *_PROPERTIES) if getattr(settings, name) == "drop"]
    present = [name for name in chosen if any(_word_pattern(word).search(svg) for word in _words(name))]
    if not present:
        return svg, set()
    from lxml import etree

    root = parse(svg)
    notes: set[str] = set()
    for name in set(present) & _ELEMENTS.keys():
        for element in list(root.iter(*(f"{{{SVG_NS}}}{tag}" for tag in _ELEMENTS[name]))):
            notes.add(f"{name}_dropped")
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)
    properties = frozenset(_PROPERTIES[name] for name in present if name in _PROPERTIES)
    if properties:
        notes |= {f"{prop.replace('-', '_')}_dropped" for prop in _strip(root, properties, settings)}
    return etree.tostring(root, encoding="utf-8"), notes


def _words(name: str) -> tuple[str, ...]:
    return _ELEMENTS.get(name) or (_PROPERTIES[name],)


def _word_pattern(word: str) -> re.Pattern[bytes]:
    return re.compile(rb"\b" + word.encode() + rb"\b")


def _strip(root: Any, properties: frozenset[str], settings: NormalizeSettings) -> set[str]:
    """Take properties out of attributes, style attributes and style sheets. Returns those that were there."""
    import tinycss2

    there: set[str] = set()

    def kept(nodes: list[Any]) -> list[Any]:
        out = []
        for node in nodes:
            if node.type in ("qualified-rule", "at-rule") and node.content is not None:
                node.content = kept(tinycss2.parse_blocks_contents(node.content))
            if node.type == "declaration" and node.lower_name in properties:
                there.add(node.lower_name)
            else:
                out.append(node)
        return out

    def rules(nodes: list[Any]) -> list[Any]:
        for rule in nodes:
            if rule.type == "qualified-rule":
                rule.content = kept(tinycss2.parse_blocks_contents(rule.content))
            elif rule.type == "at-rule" and rule.content is not None:
                rule.content = rules(tinycss2.parse_rule_list(rule.content))
        return nodes

    for element in root.iter(f"{{{SVG_NS}}}*"):
        for name in properties.intersection(element.attrib):
            there.add(name)
            del element.attrib[name]
        style = element.get("style")
        if style and any(name in style for name in properties):
            limit_css_nesting(style, settings.max_css_nesting)
            nodes = kept(tinycss2.parse_blocks_contents(style, skip_comments=True))
            element.set("style", tinycss2.serialize(nodes))
        if element.tag == f"{{{SVG_NS}}}style" and element.text:
            limit_css_nesting(element.text, settings.max_css_nesting)
            element.text = tinycss2.serialize(rules(tinycss2.parse_stylesheet(element.text, skip_comments=True)))
    return there
