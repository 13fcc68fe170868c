"""Style sheets that renderers do not understand, written into the style attributes of what they apply to.

Values stay as they are written, and what a style attribute says itself stays behind them.
"""

from __future__ import annotations

from stages.normalize.css.declarations import Written, expanded, valid, written
from stages.normalize.css.sheets import Layer, Rule
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import Node


def inline(nodes: list[Node], rules: list[list[Rule]], styles: list[Node], plain: Plain) -> None:
    """Replace the document's sheets by what they come to. ``rules``: those that apply to each node, strongest last."""
    if plain.dry:
        return
    for node, applying in zip(nodes, rules, strict=True):
        if applying:
            _write(node, applying)
    for node in styles:
        node.source.text = None
        for child in list(node.source):
            node.source.remove(child)
        for name in ("type", "media"):
            node.source.attrib.pop(name, None)
    plain.note("css_rules")


def plain_style(node: Node, plain: Plain) -> None:
    """Write the declarations of a style attribute as renderers expect them."""
    import tinycss2

    if plain.dry:
        return
    nodes = tinycss2.parse_declaration_list(node.source.get("style", ""), skip_comments=True, skip_whitespace=True)
    texts = [written(each) for each in nodes if each.type == "declaration"]
    pieces = [f"{name}:{text.strip()}{' !important' if flag else ''}" for name, text, flag in filter(_writable, texts)]
    node.source.set("style", ";".join(pieces))
    plain.note("style_attribute")


def _write(node: Node, applying: list[Rule]) -> None:
    """Normal declarations go before the style attribute's own, important ones behind."""
    normal, important = _winners(applying, False), _winners(_reversed(applying), True)
    own = node.source.get("style", "").strip().rstrip(";")
    ended = own + _closing(own)
    parts = [f"{name}:{text}" for name, text in normal.items()]
    if own:
        parts.append(ended)
    own_important = _important_names(own) if "!" in own else frozenset()
    parts += [f"{name}:{text} !important" for name, text in important.items() if name not in own_important]
    if parts:
        node.source.set("style", ";".join(parts))


def _closing(text: str) -> str:
    """What closes a comment that a style attribute leaves open."""
    return "*/" if text.rfind("/*") > text.rfind("*/") else ""


def _important_names(style: str) -> frozenset[str]:
    import tinycss2

    nodes = tinycss2.parse_declaration_list(style, skip_comments=True, skip_whitespace=True)
    return frozenset(node.lower_name for node in nodes if node.type == "declaration" and node.important)


def _reversed(applying: list[Rule]) -> list[Rule]:
    """The order in which important declarations override each other: layers the other way round."""
    return sorted(applying, key=lambda rule: -rule.layer.rank)


def _winners(applying: list[Rule], important: bool) -> dict[str, str]:
    """The text of the strongest valid declaration of each property, the strongest last."""
    stacks: dict[str, list[tuple[Rule, str]]] = {}
    for rule in applying:
        for declaration in rule.written:
            if declaration.important is not important or not _writable(declaration):
                continue
            for name, text, _ in expanded(declaration):
                if not name.startswith("--"):
                    stacks[name] = [*stacks.pop(name, ()), (rule, " ".join(text.split()))]
    winners: dict[str, str] = {}
    for name, stack in stacks.items():
        reverted: list[Layer] = []
        for rule, text in reversed(stack):
            if any(rule.layer is layer for layer in reverted):
                continue
            if text.lower() != "revert-layer":
                winners[name] = text
                break
            reverted.append(rule.layer)
    return winners


def _writable(declaration: Written) -> bool:
    """Whether a declaration can stand in a style attribute, and has an effect."""
    return not any(mark in declaration.text for mark in ";{}") and valid(declaration)
