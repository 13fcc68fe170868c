"""Attributes: which of them stay, and what is left of their values."""

from __future__ import annotations

import re

from lxml import etree

from stages.base import Dropped
from stages.reasons import Reason
from stages.sanitize import css
from stages.sanitize.parse import XLINK_NS
from stages.sanitize.settings import SanitizeSettings
from stages.sanitize.vocabulary import attribute_removed_as

XML_NS = "http://www.w3.org/XML/1998/namespace"
HREF = f"{{{XLINK_NS}}}href"

_SPACE, _ID, _LANG = f"{{{XML_NS}}}space", f"{{{XML_NS}}}id", f"{{{XML_NS}}}lang"
_VERBATIM = frozenset(("d", "points"))
_FEATURES = frozenset(("requiredFeatures", "requiredExtensions"))
_LOADING = frozenset(("src", "srcset", "action", "formaction", "ping", "poster", "background"))
_MARKS = re.compile(r"[:(\\@<]")


def clean_attributes(
    element: etree._Element, local: str, settings: SanitizeSettings, notes: set[str]
) -> dict[str, str]:
    """The attributes of an element called ``local`` that stay, in order, with cleaned values; adds to ``notes``.

    Raises Dropped (TOO_COMPLEX).
    """
    attributes = element.attrib
    if len(attributes) > settings.max_attributes:
        raise Dropped(Reason.TOO_COMPLEX, f"{len(attributes)} attributes on {local}")
    kept: dict[str, str] = {}
    for name, value in attributes.items():
        if len(value) > settings.max_attribute_chars:
            raise Dropped(Reason.TOO_COMPLEX, f"{len(value)} characters in {name}")
        if name[0] == "{" or name == "href":
            _special(name, value, local, attributes, kept, notes)
        elif name[:2].lower() == "on":
            notes.add("event_handler")
        elif name in _LOADING:
            notes.add("external_ref")
        elif name in _VERBATIM and "://" not in value:
            kept[name] = value
        elif _MARKS.search(value) and name not in _FEATURES:
            _cleaned(name, value, kept, settings, notes)
        else:
            kept[name] = value
    return kept


def _special(
    name: str, value: str, local: str, attributes: etree._Attrib, kept: dict[str, str], notes: set[str]
) -> None:
    """References, and attributes of a namespace."""
    if name in ("href", HREF):
        target = value.strip()
        if local == "a":
            notes.add("link")
        elif target[:1] != "#" or len(target) < 2:
            notes.add("external_ref")
        elif name == "href" or "href" not in attributes:
            kept["href"] = target
    elif name in (_SPACE, _LANG):
        kept[name] = value
    elif name == _ID:
        if "id" not in attributes:
            kept["id"] = value
    else:
        namespace, _, bare_name = name[1:].partition("}")
        if bare_name[:2].lower() == "on":
            notes.add("event_handler")
        elif namespace == XML_NS and bare_name == "base":
            notes.add("external_ref")
        else:
            notes.add(attribute_removed_as(namespace))


def _cleaned(name: str, value: str, kept: dict[str, str], settings: SanitizeSettings, notes: set[str]) -> None:
    """An attribute whose value may refer to something."""
    nesting = settings.max_css_nesting
    result: str | None
    if name == "style":
        result, removed = css.clean_style(value, nesting)
    else:
        result, removed = css.clean_value(name, value, nesting)
    notes |= removed
    if result is not None and (result or name != "style"):
        kept[name] = result
