"""Conditional processing (SVG 2, section 5.9), as browsers do it: ``requiredFeatures`` always holds.

SVG 2 has no features any more, but librsvg and resvg test those of SVG 1.1, and choose other branches of a ``switch``.
"""

from __future__ import annotations

from stages.normalize.settings import NormalizeSettings
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import Node

_TESTS = ("requiredFeatures", "requiredExtensions")
_EXTENSIONS = frozenset(("http://www.w3.org/1999/xhtml", "http://www.w3.org/1998/math/mathml"))
"""What browsers say they support."""
_WHY = "conditions"


def holds(node: Node, settings: NormalizeSettings) -> bool:
    """Whether an element's tests all pass. An empty list passes none."""
    attributes = node.attributes
    extensions = attributes.get("requiredExtensions")
    if extensions is not None:
        names = extensions.lower().split()
        if not names or not _EXTENSIONS.issuperset(names):
            return False
    languages = attributes.get("systemLanguage")
    if languages is None:
        return True
    tags = [part.strip().lower() for part in languages.split(",")]
    wanted = [language.lower() for language in settings.languages]
    return any(tag == w or tag.startswith(w + "-") for tag in tags for w in wanted)


def shown(node: Node, settings: NormalizeSettings, plain: Plain) -> bool:
    """Whether an element outside of a ``switch`` passes its tests; what renderers see other ways is made plain."""
    passed = holds(node, settings)
    if "requiredFeatures" in node.attributes or "requiredExtensions" in node.attributes:
        _untested(node, plain)
        if not passed:
            plain.declare(node, "display", "none", _WHY)
    return passed


def hide_failing(node: Node, settings: NormalizeSettings, plain: Plain) -> None:
    """Leave out, of the content of a ``text``, what does not pass its tests."""
    for child in node.children:
        if not shown(child, settings, plain):
            child.declared["display"] = "none"
            plain.declare(child, "display", "none", _WHY)
        hide_failing(child, settings, plain)


def chosen(switch: Node, settings: NormalizeSettings, plain: Plain) -> Node | None:
    """The child of a ``switch`` that is drawn: the first that passes its tests, whatever it is."""
    passing = [child for child in switch.children if holds(child, settings)]
    choice = passing[0] if passing else None
    if choice is not None and choice.tag == "foreignObject" and settings.foreign_object == "fallback" and passing[1:]:
        choice = passing[1]
    if any(
        name in child.attributes for child in switch.children for name in ("requiredFeatures", "requiredExtensions")
    ):
        for child in switch.children:
            _untested(child, plain, None if child is choice else "x-none")
    return choice


def _untested(node: Node, plain: Plain, language: str | None = None) -> None:
    """Take an element's tests out of what renderers see, or leave them one that passes nowhere."""
    for name in _TESTS:
        if name in node.attributes:
            plain.attribute(node, name, None, _WHY)
    if node.attributes.get("systemLanguage") != language:
        plain.attribute(node, "systemLanguage", language, _WHY)
