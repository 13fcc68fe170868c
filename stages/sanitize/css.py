"""CSS without anything that loads, runs or hides: for style elements, style attributes and presentation attributes.

Text in which nothing looks suspicious, or in which parsing finds nothing to take out, comes back byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import tinycss2
from tinycss2 import ast

from stages.base import Dropped
from stages.reasons import Reason
from stages.untrusted import limit_css_nesting

_SUSPICIOUS = re.compile(
    r"@|\\|<|://|url|expression|script\s*:|data\s*:|behavior|-moz-binding|progid|image-set|cross-fade"
    r"|(?:src|image|element|paint)\s*\(",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"url\(\s*([\"']?)#[^\"'(){}<>;@/\\]+\1\s*\)", re.IGNORECASE)
_DATA = re.compile(r"url\(\s*([\"']?)data:[^\"'()\\\s]*\1\s*\)", re.IGNORECASE)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BAD_TEXT = re.compile(r"://|script\s*:|^\s*data\s*:|progid\s*:", re.IGNORECASE)
_LOADING_FUNCTIONS = frozenset(
    ("image-set", "-webkit-image-set", "image", "cross-fade", "element", "paint", "expression")
)
_BAD_PROPERTIES = frozenset(("behavior", "-moz-binding"))
_NESTED_RULES = frozenset(("media", "supports", "layer", "container", "scope"))
_DECLARING_RULES = frozenset(("property", "function"))
_KEYFRAMES = frozenset(("keyframes", "-webkit-keyframes", "-moz-keyframes", "-o-keyframes"))
_NAMESPACES = frozenset(("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink", "http://www.w3.org/1999/xhtml"))


class _Cleaner:
    """One pass over one piece of CSS; ``notes`` says what was taken out."""

    def __init__(self) -> None:
        self.notes: set[str] = set()

    def rules(self, nodes: Sequence[ast.Node], nested: bool = False) -> list[ast.Node]:
        """Rules of a sheet or an at-rule; ``nested``: within a style rule, where at-rules hold declarations, too."""
        kept: list[ast.Node] = []
        for node in nodes:
            if isinstance(node, ast.AtRule):
                if self.at_rule(node, nested):
                    kept.append(node)
            elif isinstance(node, ast.QualifiedRule):
                if self.prelude(node.prelude):
                    node.content = self.block(node.content)
                    kept.append(node)
            elif isinstance(node, ast.ParseError):
                self.notes.add("css_invalid")
            else:
                kept.append(node)
        return kept

    def at_rule(self, rule: ast.AtRule, nested: bool) -> bool:
        """Whether to keep an at-rule; its content is cleaned in place. Raises Dropped (UNSUPPORTED_CSS)."""
        name = rule.lower_at_keyword
        if name == "namespace":
            values = [n.value for n in rule.prelude if isinstance(n, ast.StringToken | ast.URLToken)]
            if values and values[0] in _NAMESPACES:
                return True
        elif name == "layer" and rule.content is None:
            return self.prelude(rule.prelude)
        elif name in _NESTED_RULES | _KEYFRAMES | _DECLARING_RULES and rule.content is not None:
            if not self.prelude(rule.prelude):
                return False
            if nested or name in _DECLARING_RULES:
                rule.content = self.block(rule.content)
            else:
                rule.content = self.rules(tinycss2.parse_rule_list(rule.content))
            return True
        elif name == "import":
            targets = [_target(n) or (n.value if isinstance(n, ast.StringToken) else "") for n in rule.prelude]
            if any(target.strip().lower().startswith("data:") for target in targets):
                raise Dropped(Reason.UNSUPPORTED_CSS, "@import of a data URL")
        self.notes.add("css_import" if name == "import" else "css_font_face" if name == "font-face" else "css_at_rule")
        return False

    def prelude(self, nodes: Sequence[ast.Node]) -> bool:
        """Whether a selector or condition holds nothing but what CSS has a use for."""
        probe = _Cleaner()
        markup = any(n.type == "literal" and n.value in ("<", "<!--", "-->") for n in nodes)
        if markup or probe.values(nodes, "") is None or probe.notes:
            self.notes.add("css_invalid")
            return False
        return True

    def block(self, content: Sequence[ast.Node]) -> list[ast.Node]:
        """A rule's content, or a style attribute's."""
        kept: list[ast.Node] = []
        for node in tinycss2.parse_blocks_contents(content):
            if isinstance(node, ast.Declaration):
                if self.declaration(node):
                    kept.append(node)
            elif isinstance(node, ast.QualifiedRule | ast.AtRule):
                kept += self.rules([node], nested=True)
            elif isinstance(node, ast.ParseError):
                self.notes.add("css_invalid")
            else:
                kept.append(node)
        return kept

    def declaration(self, node: ast.Declaration) -> bool:
        """Whether to keep a declaration; the references in its value are cleaned in place."""
        if node.lower_name in _BAD_PROPERTIES:
            self.notes.add("css_active")
            return False
        cleaned = self.values(node.value, node.lower_name)
        if cleaned is None:
            return False
        node.value = cleaned
        if _BAD_TEXT.search(node.serialize()):
            self.notes.add("css_invalid")
            return False
        return True

    def values(self, nodes: Sequence[ast.Node], name: str) -> list[ast.Node] | None:
        """Component values with external references replaced by ``none``; None if the value cannot stay at all."""
        kept: list[ast.Node] = []
        removed = -1
        for node in nodes:
            if isinstance(node, ast.FunctionBlock) and node.lower_name in _LOADING_FUNCTIONS:
                self.notes.add("css_active" if node.lower_name == "expression" else "external_ref")
                return None
            if (target := _target(node)) is not None:
                if not re.match(r"\s*#.", target):
                    self.notes.add("external_ref")
                    removed = len(kept)
                    node = ast.IdentToken(node.source_line, node.source_column, "none")
            elif isinstance(node, ast.FunctionBlock):
                inner = self.values(node.arguments, name)
                if inner is None:
                    return None
                node.arguments = inner
            elif isinstance(node, ast.ParenthesesBlock | ast.SquareBracketsBlock | ast.CurlyBracketsBlock):
                inner = self.values(node.content, name)
                if inner is None:
                    return None
                node.content = inner
            elif isinstance(node, ast.ParseError) or (
                isinstance(node, ast.StringToken | ast.HashToken | ast.IdentToken) and _BAD_TEXT.search(node.value)
            ):
                self.notes.add("css_invalid")
                return None
            kept.append(node)
        # a paint may name a fallback behind its reference, which is what an unreachable reference shows
        if removed >= 0 and name in ("fill", "stroke") and any(n.type != "whitespace" for n in kept[removed + 1 :]):
            kept = [*kept[:removed], *kept[removed + 1 :]]
        if _BAD_TEXT.search(tinycss2.serialize(kept)):
            self.notes.add("css_invalid")
            return None
        return kept


def _target(node: ast.Node) -> str | None:
    """What a ``url()`` or ``src()`` refers to, None for another node."""
    if isinstance(node, ast.URLToken):
        return str(node.value)
    if isinstance(node, ast.FunctionBlock) and node.lower_name in ("url", "src"):
        strings = [n.value for n in node.arguments if isinstance(n, ast.StringToken)]
        return strings[0] if len(strings) == 1 else ""
    return None


def _suspicious(text: str) -> bool:
    """Whether ``text`` needs parsing: plain references into the document are common, and harmless."""
    match = _SUSPICIOUS.search(text)
    return match is not None and _SUSPICIOUS.search(_LOCAL.sub(" ", text), match.start()) is not None


def shrink(text: str) -> str:
    """``text`` with every data URL emptied: embedded fonts are long, and go anyway."""
    return _DATA.sub("url(data:,)", text) if "data:" in text else text


def clean_sheet(text: str, nesting: int) -> tuple[str, set[str]]:
    """A style element's text, and notes. Raises Dropped (TOO_COMPLEX) for brackets nested over ``nesting``."""
    if not _suspicious(text):
        return text, set()
    limit_css_nesting(text, nesting)
    cleaner = _Cleaner()
    rules = cleaner.rules(tinycss2.parse_stylesheet(text, skip_comments=True))
    return _result(text, rules, cleaner)


def clean_style(text: str, nesting: int) -> tuple[str, set[str]]:
    """A style attribute's value, and notes. Raises Dropped (TOO_COMPLEX)."""
    if not _suspicious(text):
        return text, set()
    limit_css_nesting(text, nesting)
    cleaner = _Cleaner()
    nodes = cleaner.block(tinycss2.parse_component_value_list(text, skip_comments=True))
    return _result(text, nodes, cleaner)


def clean_value(name: str, text: str, nesting: int) -> tuple[str | None, set[str]]:
    """The value of the attribute ``name``, None if the attribute has to go; and notes. Raises Dropped (TOO_COMPLEX)."""
    if not _suspicious(text):
        return text, set()
    limit_css_nesting(text, nesting)
    cleaner = _Cleaner()
    nodes: Any = cleaner.values(tinycss2.parse_component_value_list(text, skip_comments=True), name)
    return (None, cleaner.notes) if nodes is None else _result(text, nodes, cleaner)


def _result(text: str, nodes: Sequence[ast.Node], cleaner: _Cleaner) -> tuple[str, set[str]]:
    if not cleaner.notes:
        return text, set()
    # an escape such as \1 stands for a character that XML cannot hold
    return _NOT_XML.sub("\ufffd", tinycss2.serialize(nodes).strip()), cleaner.notes
