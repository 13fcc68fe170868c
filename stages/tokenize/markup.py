"""Reading SVG text for the tokenizer: text in canonical form passes through, other well-formed SVG is rewritten."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stages.canonical import SVG_NS, Element, serialize
from stages.tokenize.errors import TokenError
from stages.untrusted import xml_parser

if TYPE_CHECKING:
    from lxml import etree

TEXT_ELEMENTS = frozenset({"text", "style"})
"""Elements whose character data is part of the drawing."""

# A tag, then the character data after it. Attribute values are as `stages.canonical` prints them.
TAG = re.compile(
    r"""<(/?)([A-Za-z][A-Za-z0-9]*)((?:[ ][^\s<>"'&=/]+="[^<>"\t\n\r]*")*)(/?)>([^<>]*)""",
    re.VERBOSE,
)
_REFERENCE = re.compile(r"&(?!(?:amp|lt|gt|quot|\#10|\#9|\#13);)", re.VERBOSE)
_CONTENT_REFERENCE = re.compile(r"&(?!(?:amp|lt|gt);)")
NAME = re.compile(r"(?:xml:)?[A-Za-z_][A-Za-z0-9_.-]*")
"""Attribute names: ASCII XML names without a namespace, or xml:space and xml:lang."""
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that no XML document can hold."""


def holds_forbidden(text: str) -> bool:
    """Whether ``text`` holds a character that no XML document can hold."""
    # what is printable holds none, and asking for that is many times as fast
    return not text.isprintable() and FORBIDDEN.search(text) is not None


Tag = tuple[str, str, str, str, str]
"""Slash of a closing tag, name, attributes as text (each after a space), slash of an empty element, text after it."""


def tags(svg: str) -> list[Tag]:
    """The tags of ``svg`` in order. Raises TokenError for what is not well-formed or has no canonical form."""
    scanned = _scan(svg)
    if scanned is None:
        scanned = _scan(_rewrite(svg))
    if scanned is None:
        raise TokenError("holds a name or a character that the canonical form cannot")
    return scanned


def _scan(svg: str) -> list[Tag] | None:
    """The tags if all of ``svg`` is spelled canonically, else None."""
    pieces: list[Tag] = TAG.findall(svg)
    # The pieces tile the text if no character is left over: "<", ">" and what the groups hold.
    length = sum([len(a) + len(b) + len(c) + len(d) + len(e) for a, b, c, d, e in pieces]) + 2 * len(pieces)
    if length != len(svg) or holds_forbidden(svg) or ("&" in svg and _REFERENCE.search(svg)):
        return None
    open_: list[str] = []
    for index, (close, name, attributes, empty, text) in enumerate(pieces):
        if close:
            # <g></g> is spelled <g/>: the tag before a closing tag is no opening one without text.
            if attributes or empty or not open_ or open_.pop() != name:
                return None
            before = pieces[index - 1]
            if not (before[0] or before[3] or before[4]):
                return None
        elif not empty:
            open_.append(name)
        if "xmlns" in attributes and not _plain(attributes, root=index == 0):
            return None
        if text and (close or empty or name not in TEXT_ELEMENTS or ("&" in text and _CONTENT_REFERENCE.search(text))):
            return None
        if not open_ and index != len(pieces) - 1:
            return None
    return pieces if pieces and not open_ else None


def _plain(attributes: str, root: bool) -> bool:
    """Whether no attribute declares a namespace, but the root's own ``xmlns``."""
    names = attributes.split('"')[::2]
    return not any(name.startswith(" xmlns:") or (name == " xmlns=" and not root) for name in names)


def _rewrite(svg: str) -> str:
    """Print any well-formed SVG document with canonical spelling; geometry stays as it is."""
    from lxml import etree

    try:
        root = etree.fromstring(svg.encode(), xml_parser())
    except UnicodeEncodeError as error:
        raise TokenError("the text holds a lone surrogate", error.start) from None
    except etree.XMLSyntaxError as error:
        raise TokenError(f"not well-formed: {str(error).splitlines()[0] if str(error) else 'empty'}") from None
    if root.tag != f"{{{SVG_NS}}}svg":
        raise TokenError("the root is not an svg element of the SVG namespace")
    return serialize(_element(root))


def _element(node: etree._Element) -> Element:
    # libxml2 refuses documents deeper than 256, so recursion is bounded.
    if not isinstance(node.tag, str) or not node.tag.startswith(f"{{{SVG_NS}}}"):
        raise TokenError(f"{node.tag if isinstance(node.tag, str) else 'an entity'} is no SVG element")
    tag = node.tag[len(SVG_NS) + 2 :]
    element = Element(tag, {_attribute(str(name)): str(value) for name, value in node.attrib.items()})
    if tag in TEXT_ELEMENTS:
        element.text = node.text or ""
    elif node.text and node.text.strip(" \t\n\r"):
        raise TokenError(f"character data in a {tag} element")
    for child in node:
        if child.tail and child.tail.strip(" \t\n\r"):
            raise TokenError(f"character data after an element inside {tag}")
        element.children.append(_element(child))
    return element


def _attribute(name: str) -> str:
    plain = name.replace("{http://www.w3.org/XML/1998/namespace}", "xml:")
    if "{" in plain:
        raise TokenError(f"attribute {name} has a namespace; tokens have none")
    return plain
