"""What ``use`` shows has rules of its own (SVG 2, section 5.6.4): selectors match within the copy, not beyond.

The copy's root has no parent there and no siblings, so that ``svg .a`` or ``defs > path`` do not reach into it. Where
that makes a difference, the copy becomes an element of its own, in the document and in what the renderers see, since
they let such rules reach. So does each copy that has var() where custom properties differ with the place.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TypeVar

from lxml import etree

from stages.base import Dropped
from stages.canonical import SVG_NS
from stages.normalize.settings import NormalizeSettings
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import Node
from stages.reasons import Reason

T = TypeVar("T")

_SVG = f"{{{SVG_NS}}}"
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
_IDS = ("id", "{http://www.w3.org/XML/1998/namespace}id")


def separate(
    nodes: list[Node],
    ids: dict[str, Node],
    matches: list[T],
    within: Callable[[Node, Node], T],
    variable: Callable[[Node, T], bool],
    settings: NormalizeSettings,
    plain: Plain,
) -> None:
    """Give the copies that ``use`` elements show elements of their own where other rules apply to them.

    ``matches``: what applies to each node; ``within``: what applies to a node in a copy whose root is another.
    ``variable``: whether custom properties decide what a node looks like. ``nodes``, ``ids`` and ``matches`` grow.
    Raises Dropped (TOO_COMPLEX).
    """
    at = {id(node): i for i, node in enumerate(nodes)}
    names: dict[int, str] = {}
    shown: list[tuple[Node, str]] = []
    queue = [(node, frozenset[int]()) for node in nodes if node.tag == "use"]
    for user, around in queue:
        target = _target(user, ids)
        if target is None or id(target) in around:
            continue
        if id(target) in names:
            shown.append((user, names[id(target)]))
            continue
        subtree = _subtree(target)
        applying = [within(node, target) for node in subtree]
        differs = any(variable(node, rules) for node, rules in zip(subtree, applying, strict=True))
        if not differs:
            names[id(target)] = ""
            if all(rules == matches[at[id(node)]] for node, rules in zip(subtree, applying, strict=True)):
                continue
        if len(nodes) + len(subtree) > settings.max_elements:
            raise Dropped(Reason.TOO_COMPLEX, f"over {settings.max_elements} elements")
        name = _free(f"{target.attributes.get('id', '')}-used", ids)
        copied = _copy(target, user, nodes[0])
        copied[0].source.set("id", name)
        ids[name] = copied[0]
        nodes += copied
        matches += applying
        if not differs:
            names[id(target)] = name
        shown.append((user, name))
        queue += [(node, around | {id(target)}) for node in copied if node.tag == "use"]
    for user, name in shown:
        _show(user, name)
    if len(nodes) > len(at):
        plain.note("use_rules")


def _target(node: Node, ids: dict[str, Node]) -> Node | None:
    return ids.get(node.attributes.get("href", "").strip()[1:])


def _show(user: Node, name: str) -> None:
    if name:
        user.attributes["href"] = f"#{name}"
        for attribute in _HREFS:
            user.source.attrib.pop(attribute, None)
        user.source.set("href", f"#{name}")


def _subtree(node: Node) -> list[Node]:
    """An element and all below it, in document order."""
    nodes = [node]
    for child in node.children:
        nodes += _subtree(child)
    return nodes


def _free(name: str, ids: dict[str, Node]) -> str:
    while name in ids:
        name += "-"
    return name


def _copy(target: Node, user: Node, root: Node) -> list[Node]:
    """A copy of an element and all below it, in document order, which inherits from what uses it."""
    element = deepcopy(target.source)
    element.tail = None
    etree.SubElement(root.source, f"{_SVG}defs").append(element)
    for each in element.iter(etree.Element):
        for name in _IDS:
            each.attrib.pop(name, None)
    return _nodes(target, element, user)


def _nodes(original: Node, element: etree._Element, parent: Node) -> list[Node]:
    node = Node(original.tag, dict(original.attributes), parent, element)
    node.text = original.text
    copied = [node]
    below = [child for child in element if isinstance(child.tag, str) and child.tag.startswith(_SVG)]
    for child, source in zip(original.children, below, strict=True):
        inner = _nodes(child, source, node)
        node.children.append(inner[0])
        copied += inner
    return copied
