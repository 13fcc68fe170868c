"""The parsed document as light nodes: SVG elements only, each with its attributes and its cascaded declarations."""

from __future__ import annotations

from lxml import etree

from stages.base import Dropped
from stages.canonical import SVG_NS
from stages.normalize.values.properties import Style
from stages.reasons import Reason
from stages.untrusted import xml_parser

_SVG = f"{{{SVG_NS}}}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_ID = "{http://www.w3.org/XML/1998/namespace}id"


class Node:
    """An element of the SVG namespace. ``tag`` and attribute names have no namespace; xlink:href is ``href``.

    ``declared`` holds the element's own cascaded declarations, typed (see `properties.parse_property`).
    """

    __slots__ = ("attributes", "children", "declared", "important", "parent", "ruled", "source", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str], parent: Node | None, source: etree._Element) -> None:
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.source = source
        self.children: list[Node] = []
        self.declared: Style = {}
        self.important: frozenset[str] = frozenset()
        """The properties that declarations marked as important decide, which animations do not override."""
        self.ruled = False
        """Whether a rule of a style sheet applies to the element."""
        self.text = False
        """Whether the element itself holds character data that is no white space."""


def parse(svg: bytes) -> etree._Element:
    """The document's root element. Raises Dropped (XML_MALFORMED, TOO_DEEP, NOT_SVG)."""
    try:
        root = etree.fromstring(svg, xml_parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        message = " ".join(str(error).split())[:200]
        deep = "depth" in message
        raise Dropped(Reason.TOO_DEEP if deep else Reason.XML_MALFORMED, message) from None
    if root.tag != f"{_SVG}svg":
        raise Dropped(Reason.NOT_SVG, f"the root element is {root.tag}")
    return root


def build(root: etree._Element, max_elements: int) -> tuple[list[Node], dict[str, Node]]:
    """All SVG elements in document order, the root first, and the first element of each id.

    Raises Dropped (TOO_COMPLEX).
    """
    nodes: list[Node] = []
    ids: dict[str, Node] = {}
    stack: list[tuple[etree._Element, Node | None]] = [(root, None)]
    cut = len(_SVG)
    while stack:
        element, parent = stack.pop()
        attributes = dict(element.attrib)
        if _HREF in attributes:
            attributes.setdefault("href", attributes[_HREF])
        node = Node(element.tag[cut:], attributes, parent, element)
        nodes.append(node)
        if len(nodes) > max_elements:
            raise Dropped(Reason.TOO_COMPLEX, f"over {max_elements} elements")
        if parent is not None:
            parent.children.append(node)
        name = attributes.get("id") or attributes.get(_ID)
        if name:
            ids.setdefault(name, node)
        text = element.text
        if text and not text.isspace():
            node.text = True
        if len(element):
            below = []
            for child in element:
                if isinstance(child.tag, str) and child.tag.startswith(_SVG):
                    below.append((child, node))
                tail = child.tail
                if tail and not tail.isspace():
                    node.text = True
            below.reverse()
            stack.extend(below)
    return nodes, ids
