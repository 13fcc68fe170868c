"""From text to a tree: limits before the parser runs, one strict parser, and the two repairs that are worth it."""

from __future__ import annotations

import re
from functools import cache

from lxml import etree

from stages.base import Dropped
from stages.canonical import SVG_NS
from stages.reasons import Reason
from stages.sanitize.doctype import read_prolog
from stages.sanitize.settings import SanitizeSettings

XLINK_NS = "http://www.w3.org/1999/xlink"

_UNDECLARED = {
    "xlink": XLINK_NS,
    "inkscape": "http://www.inkscape.org/namespaces/inkscape",
    "sodipodi": "http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd",
    "sketch": "http://www.bohemiancoding.com/sketch/ns",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "cc": "http://creativecommons.org/ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "serif": "http://www.serif.com/",
    "i": "http://ns.adobe.com/AdobeIllustrator/10.0/",
    "x": "http://ns.adobe.com/Extensibility/1.0/",
    "graph": "http://ns.adobe.com/Graphs/1.0/",
}
"""Prefixes that authors copy without their declaration. All but xlink are editor data, which goes anyway."""

_TAG = re.compile(r"""<(?:[^"'<>]|"[^"]*"|'[^']*')*>""")
_TAG_NAME = re.compile(r"<([^\s<>/!?=\"']+)")
_NAMESPACE_ERROR, _LIMIT_ERROR = 201, 114


@cache
def _parser() -> etree.XMLParser:
    """One parser for the process. Entities are resolved from the internal subset only; nothing is ever loaded."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities="internal",
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        collect_ids=False,
    )


def parse(text: str, settings: SanitizeSettings) -> tuple[etree._Element, set[str]]:
    """Parse a document without XML declaration; the root is ``svg`` in the SVG namespace or in none. And notes.

    Raises Dropped: NOT_SVG, XML_MALFORMED, TOO_DEEP, TOO_COMPLEX, ENTITY_EXPANSION, EXTERNAL_ENTITY.
    """
    try:
        prolog = read_prolog(text, settings)
        text = text[: prolog.begin] + prolog.doctype + text[prolog.end :]
        _limit(text, settings)
        root, notes = _parse(text, prolog.root + len(prolog.doctype) - (prolog.end - prolog.begin))
    except Dropped as error:
        if error.reason is Reason.XML_MALFORMED and (name := _first_tag(text)) != "svg":
            raise Dropped(Reason.NOT_SVG, f"the first element is {name!r}, and {error.detail}") from None
        raise
    info = root.getroottree().docinfo
    if info.public_id or info.system_url or (info.internalDTD is not None) != bool(prolog.doctype):
        raise Dropped(Reason.XML_MALFORMED, "a DOCTYPE where none is expected")
    if root.tag not in ("svg", f"{{{SVG_NS}}}svg"):
        raise Dropped(Reason.NOT_SVG, f"the root element is {root.tag}")
    if root.tag == "svg":
        notes.add("namespace_added")
    return root, notes | prolog.notes


def _limit(text: str, settings: SanitizeSettings) -> None:
    """Refuse by counting what would cost too much memory as a tree; entities are small by now."""
    tags = text.count("<") - text.count("</") - text.count("<!") - text.count("<?")
    if tags > settings.max_elements:
        raise Dropped(Reason.TOO_COMPLEX, f"{tags} elements, over {settings.max_elements}")
    signs = text.count("=")
    if signs > settings.max_attributes_total:
        raise Dropped(Reason.TOO_COMPLEX, f"{signs} equals signs, over {settings.max_attributes_total}")


def _parse(text: str, root: int) -> tuple[etree._Element, set[str]]:
    try:
        return etree.fromstring(text.encode(), _parser()), set()
    except etree.XMLSyntaxError as error:
        if error.code != _NAMESPACE_ERROR:
            raise _fault(error) from None
        repaired = _declare_prefixes(text, root)
        if repaired == text:
            raise _fault(error) from None
    try:
        return etree.fromstring(repaired.encode(), _parser()), {"prefix_declared"}
    except etree.XMLSyntaxError as error:
        raise _fault(error) from None


def _fault(error: etree.XMLSyntaxError) -> Dropped:
    message = " ".join((error.msg or "").split())
    if error.code == _LIMIT_ERROR:
        if "depth" in message:
            return Dropped(Reason.TOO_DEEP, message)
        return Dropped(Reason.ENTITY_EXPANSION if "entity" in message.lower() else Reason.TOO_COMPLEX, message)
    return Dropped(Reason.XML_MALFORMED, message)


def _declare_prefixes(text: str, root: int) -> str:
    """``text`` with declarations, on the root, of the known prefixes that are used and that the root lacks."""
    tag, name = _TAG.match(text, root), _TAG_NAME.match(text, root)
    if tag is None or name is None:
        return text
    used = set(re.findall(r"[\s</]([A-Za-z]+):[A-Za-z]", text))
    missing = [p for p in _UNDECLARED if p in used and not re.search(rf"\sxmlns:{p}\s*=", tag[0])]
    declarations = "".join(f' xmlns:{prefix}="{_UNDECLARED[prefix]}"' for prefix in missing)
    return text[: name.end()] + declarations + text[name.end() :]


def _first_tag(text: str) -> str:
    """Local name of the first element of a text that may be no XML at all, "" if there is none."""
    plain = re.sub(r"<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^\[>]*\[.*?\]\s*>", "", text[:10_000], flags=re.DOTALL)
    match = _TAG_NAME.search(plain)
    return match[1].rpartition(":")[2] if match else ""
